//! Any bytes to a client, in any parts: what the model says, whatever the parts.
#![no_main]

use bowsprit::Role;
use libfuzzer_sys::fuzz_target;

#[path = "../session.rs"]
mod session;

fuzz_target!(|input: &[u8]| session::check(Role::Client, input));
