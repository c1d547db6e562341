//! RFC 6455 §4.1, as far as a server sees it: what a client may write in more than one way.

use proptest::prelude::*;

use crate::support::handshake::{GOOD, Verdict, rewritten, verdict};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn r034_case_and_order_of_fields_do_not_matter(
        rank in prop::collection::vec(any::<u32>(), 5),
        upper in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        prop_assert_eq!(verdict(&rewritten(GOOD, &rank, &upper)), Verdict::Upgrade);
    }
}
