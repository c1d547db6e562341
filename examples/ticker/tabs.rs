//! The tabs that watch, and what became of what each was sent. Knows no sockets.

use std::collections::BTreeMap;
use std::time::Duration;

use bowsprit::net::{PeerId, Policy};
use serde_json::{Value, json};

/// So many at a time.
pub const MOST: usize = 256;
/// A tab without a connection is remembered for so long.
const REMEMBERED: Duration = Duration::from_secs(10);

/// All tabs, by a number that everybody may know. The key that a page made up is how it says which of them it is.
#[derive(Default)]
pub struct Tabs {
    tabs: BTreeMap<u32, Tab>,
    last: u32,
}

#[derive(Default)]
pub struct Tab {
    key: String,
    pub policy: Policy,
    /// The connection that its ticks go to.
    pub ticks: Option<PeerId>,
    /// Connections of its page that ask and are told numbers.
    controls: usize,
    /// Bytes that waited for it when it was last looked at.
    pub queued: usize,
    /// Ticks that were taken for the present connection, and not dropped later.
    pub kept: u64,
    /// Ticks that were dropped, on all its connections.
    pub dropped: u64,
    /// Why it has no connection for ticks.
    why: String,
    left: Duration,
}

impl Tabs {
    /// Whether a page that calls itself so may come.
    pub fn admits(&self, key: &str) -> bool {
        let is_key = (8..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_key && (self.tabs.len() < MOST || self.tabs.values().any(|tab| tab.key == key))
    }

    /// The number of the tab with this key, which is new or known.
    pub fn number(&mut self, key: &str) -> u32 {
        if let Some((number, _)) = self.tabs.iter().find(|(_, tab)| tab.key == key) {
            return *number;
        }
        self.last += 1;
        self.tabs.insert(self.last, Tab { key: key.to_owned(), ..Tab::default() });
        self.last
    }

    pub fn get(&mut self, number: u32) -> Option<&mut Tab> {
        self.tabs.get_mut(&number)
    }

    /// Those that ticks go to.
    pub fn watching(&mut self) -> impl Iterator<Item = (PeerId, &mut Tab)> {
        self.tabs.values_mut().filter_map(|tab| tab.ticks.map(|peer| (peer, tab)))
    }

    /// Forgets who has been away for long.
    pub fn sweep(&mut self, now: Duration) {
        self.tabs.retain(|_, tab| tab.is_there() || now.saturating_sub(tab.left) < REMEMBERED);
    }

    /// What everybody is told of everybody.
    pub fn status(&self) -> Value {
        let tab = |(number, tab): (&u32, &Tab)| {
            json!({
                "tab": number, "policy": name(tab.policy), "open": tab.ticks.is_some(), "why": tab.why,
                "queued": tab.queued, "kept": tab.kept, "dropped": tab.dropped,
            })
        };
        self.tabs.iter().map(tab).collect()
    }
}

impl Tab {
    /// A connection for its ticks; the one before, if that has not ended.
    pub fn watch(&mut self, peer: PeerId) -> Option<PeerId> {
        (self.kept, self.why) = (0, String::new());
        self.ticks.replace(peer)
    }

    /// That connection is over; it may be one that another has replaced.
    pub fn unwatch(&mut self, peer: PeerId, why: String, now: Duration) {
        if self.ticks == Some(peer) {
            (self.ticks, self.queued, self.why, self.left) = (None, 0, why, now);
        }
    }

    pub fn control(&mut self) {
        self.controls += 1;
    }

    pub fn uncontrol(&mut self, now: Duration) {
        (self.controls, self.left) = (self.controls - 1, now);
    }

    fn is_there(&self) -> bool {
        self.ticks.is_some() || self.controls > 0
    }
}

const POLICIES: [(Policy, &str); 3] =
    [(Policy::Close, "close"), (Policy::DropNewest, "drop_newest"), (Policy::KeepLatest, "keep_latest")];

/// The name of a policy in messages.
fn name(policy: Policy) -> &'static str {
    POLICIES.into_iter().find(|(its, _)| *its == policy).map_or("", |(_, name)| name)
}

/// The policy of that name.
pub fn policy(name: &str) -> Option<Policy> {
    POLICIES.into_iter().find(|(_, its)| *its == name).map(|(policy, _)| policy)
}
