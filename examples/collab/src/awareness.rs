//! Who is there, with cursor, name and colour: JSON that the server passes on and does not read.

use std::collections::BTreeMap;

use bowsprit::net::PeerId;

use crate::wire::{self, Entry};

/// Of a document.
#[derive(Default)]
pub struct Present(BTreeMap<u64, Known>);

struct Known {
    clock: u64,
    /// `null` for who said that he goes.
    json: Box<str>,
    /// By which connection he was heard of last.
    by: PeerId,
}

const MAX_PEOPLE: usize = 500;
const MAX_JSON: usize = 4096;

impl Present {
    /// Takes what a connection says. Returns the message for everybody, if there is news in it; `None` if it is too much.
    pub fn update(&mut self, entries: &[Entry<'_>], by: PeerId) -> Option<Option<Vec<u8>>> {
        let mut news = Vec::new();
        for entry in entries {
            let is_new = match self.0.get(&entry.id) {
                None => true,
                Some(known) if entry.clock == known.clock => entry.json == "null" && &*known.json != "null",
                Some(known) => entry.clock > known.clock,
            };
            if !is_new {
                // Whoever comes back says what he said before, and is there by another connection.
                if let Some(known) = self.0.get_mut(&entry.id).filter(|known| *known.json == *entry.json) {
                    known.by = by;
                }
                continue;
            }
            if entry.json.len() > MAX_JSON || (!self.0.contains_key(&entry.id) && self.0.len() >= MAX_PEOPLE) {
                return None;
            }
            self.0.insert(entry.id, Known { clock: entry.clock, json: entry.json.into(), by });
            news.push(entry.clone());
        }
        Some((!news.is_empty()).then(|| wire::presence(&news)))
    }

    /// The message for a newcomer, if anybody is there.
    pub fn everybody(&self) -> Option<Vec<u8>> {
        let there = self.0.iter().filter(|(_, known)| &*known.json != "null");
        let there: Vec<_> = there.map(|(id, known)| Entry { id: *id, clock: known.clock, json: &known.json }).collect();
        (!there.is_empty()).then(|| wire::presence(&there))
    }

    /// A connection is gone for good. Returns the message for everybody, if somebody is gone with it. With the same
    /// clock, so that he is believed when he comes back.
    pub fn leave(&mut self, by: PeerId) -> Option<Vec<u8>> {
        let theirs = self.0.iter().filter(|(_, known)| known.by == by && &*known.json != "null");
        let gone: Vec<_> = theirs.map(|(id, known)| Entry { id: *id, clock: known.clock, json: "null" }).collect();
        self.0.retain(|_, known| known.by != by);
        (!gone.is_empty()).then(|| wire::presence(&gone))
    }
}
