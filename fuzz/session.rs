//! What `connection_server` and `connection_client` have in common.
//!
//! The first byte chooses the size of the parts and how they are fed; the rest is what the peer sends.

#[path = "../tests/support/mod.rs"]
mod support;

use bowsprit::{Limits, Role, State};
use support::{Feed, Seen, limits, model, run};

pub fn check(role: Role, input: &[u8]) {
    let Some((&how, bytes)) = input.split_first() else { return };
    let feed = if how & 0x80 == 0 { Feed::Extend } else { Feed::Spare };
    let size = match how & 0x7f {
        0x7f => 5000,
        size => usize::from(size).max(1),
    };
    let limits = tight();
    let outcome = run(role, &limits, &bytes.chunks(size).collect::<Vec<_>>(), feed);
    assert_eq!(outcome.events, model::events(role, &limits, bytes));
    assert_eq!(outcome, run(role, &limits, &[bytes], Feed::Extend));

    let terminal = outcome.events.iter().position(|seen| matches!(seen, Seen::Close(..) | Seen::Failed(_)));
    assert!(terminal.is_none_or(|at| at + 1 == outcome.events.len()));
    assert_eq!(terminal.is_some(), outcome.state == State::Closing && outcome.finished);
    assert!(outcome.output.len() <= limits.control_replies + 6 + 125);
}

/// Limits that an input of a few hundred bytes reaches.
fn tight() -> Limits {
    limits(|limits| {
        limits.frame = 150;
        limits.message = 200;
        limits.fragments = 5;
        limits.empty_fragments = 2;
        limits.control_replies = 300;
    })
}
