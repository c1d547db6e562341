//! RFC 6455 §7.1.7: failing the connection. Each rule of the protocol, broken, with its section, its close code and the
//! very byte, in both roles.

use std::collections::BTreeSet;

use bowsprit::{Connection, ReceiveBuffer, Role};

use crate::rules::{self, Broken};
use crate::support::*;

/// Runs the table's bytes for one role behind some good frames, and hands on the failure that is due.
fn each(role: Role, check: impl Fn(&Broken, &[u8], Seen)) {
    for rule in rules::table() {
        let bytes = if role == Role::Server { &rule.to_server } else { &rule.to_client };
        let Some((bytes, at)) = bytes else { continue };
        println!("{:?} in {}", rule.error, bytes.escape_ascii()); // shown on failure
        check(&rule, bytes, failed(rule.error.at(*at)));
        let before = [frame_to(role, 0x82, b"good"), frame_to(role, 0x8a, b"")].concat();
        check(&rule, &[&before, &**bytes].concat(), failed(rule.error.at(before.len() as u64 + at)));
    }
}

fn fails_at_the_byte(role: Role) {
    each(role, |rule, bytes, failure| {
        let outcome = every_way(role, &rules::limits(), bytes);
        assert_eq!(outcome.events.last(), Some(&failure));
        assert_eq!(rule.error.section(), rule.section);
        let (opcode, body) = frames(&outcome.output).pop().unwrap();
        assert_eq!(opcode, bowsprit::Opcode::Close);
        assert_eq!(body, [&rule.code.to_be_bytes(), rule.error.rule().as_bytes()].concat());
        assert_eq!(rule.error.close_code().as_u16(), rule.code);
    });
}

#[test]
fn r119_a_server_says_which_rule_and_at_which_byte() {
    fails_at_the_byte(Role::Server);
}

#[test]
fn r119_a_client_says_which_rule_and_at_which_byte() {
    fails_at_the_byte(Role::Client);
}

#[test]
fn r119_nothing_is_wrong_before_that_byte() {
    for role in [Role::Server, Role::Client] {
        each(role, |_, bytes, failure| {
            let Seen::Failed(failure) = failure else { unreachable!("by the table") };
            let outcome = run(role, &rules::limits(), &[&bytes[..failure.at as usize]], Feed::Extend);
            assert!(!outcome.events.iter().any(|seen| matches!(seen, Seen::Failed(_))));
            assert!(!outcome.finished);
        });
    }
}

#[test]
fn r119_messages_in_parts_fail_at_the_same_byte() {
    for role in [Role::Server, Role::Client] {
        each(role, |_, bytes, failure| {
            for reads in cuts(bytes) {
                let (mut conn, mut output): (Connection, _) = (connection(role), output(role));
                let mut input = ReceiveBuffer::new(rules::limits());
                conn.receive_parts(true);
                let mut last = None;
                for read in reads {
                    last = feed(&mut conn, &mut input, &mut output, read, Feed::Extend).pop().or(last);
                }
                assert_eq!(last.as_ref(), Some(&failure));
            }
        });
    }
}

#[test]
fn r119_the_table_has_every_rule() {
    let source = include_str!("../../src/error.rs");
    let variants =
        source.split_once("pub enum ProtocolError {").and_then(|(_, rest)| rest.split_once("\n}")).unwrap().0;
    let lines = variants.lines().map(str::trim).filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let name = |line: &str| line.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned();
    let rules: BTreeSet<String> = lines.map(name).collect();
    assert!(rules.contains("ReservedBitSet") && rules.contains("UnknownOpcode"), "{rules:?}");
    // Broken in tests/rfc7692, as they need the extension.
    let of_deflate = ["InvalidDeflate", "TooManyFinalBlocks"].map(str::to_owned);
    assert!(of_deflate.iter().all(|rule| rules.contains(rule)));
    let rules: BTreeSet<String> = rules.into_iter().filter(|rule| !of_deflate.contains(rule)).collect();
    let tested = rules::table().iter().map(|rule| name(&format!("{:?}", rule.error))).collect();
    assert_eq!(rules, tested);
}
