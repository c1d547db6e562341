//! RFC 6455 §4.1, as far as a server sees it: what a client may write in more than one way.

use proptest::prelude::*;

use crate::support::handshake::{GOOD, Verdict, verdict};

/// The head's lines in the order of `rank`, each letter of a name or of a case-insensitive value in the case of `upper`.
fn rewritten(rank: &[u32], upper: &[bool]) -> Vec<u8> {
    let head = std::str::from_utf8(GOOD).unwrap().trim_end();
    let (request_line, fields) = head.split_once("\r\n").unwrap();
    let mut fields: Vec<(u32, &str)> = rank.iter().copied().zip(fields.split("\r\n")).collect();
    fields.sort();
    let mut text = format!("{request_line}\r\n");
    let mut upper = upper.iter().cycle();
    for (_, field) in fields {
        let (name, value) = field.split_once(": ").unwrap();
        let mut any_case = |text: &str| -> String {
            text.chars()
                .map(|c| if *upper.next().unwrap() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
                .collect()
        };
        let name_in_any_case = any_case(name);
        let value = if matches!(name, "Upgrade" | "Connection") { any_case(value) } else { value.to_owned() };
        text += &format!("{name_in_any_case}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn r034_case_and_order_of_fields_do_not_matter(
        rank in prop::collection::vec(any::<u32>(), 5),
        upper in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        prop_assert_eq!(verdict(&rewritten(&rank, &upper)), Verdict::Upgrade);
    }
}
