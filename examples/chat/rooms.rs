//! Rooms, members and recent messages: no sockets, no clock, no randomness.
//!
//! `C` stands for a connection; times are milliseconds since 1970 and come from the caller.
//!
//! A message has a sequence number within its room, and a room has an epoch, which is new whenever the room is. A page
//! that comes back says the last (epoch, seq) it has seen; it gets what it missed, or is told that some of it is gone.
//!
//! What is said is given to the caller as a [`Record`] before it counts as said. All records, [replayed](Rooms::replay)
//! in order, make the rooms and their histories again.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// The room that always exists.
pub(crate) const LOBBY: &str = "lobby";

pub(crate) const MAX_ROOMS: usize = 256;
pub(crate) const MAX_MEMBERS: usize = 500;
pub(crate) const MAX_NAME: usize = 32;
pub(crate) const MAX_TEXT: usize = 4000;

const HISTORY_MESSAGES: usize = 10_000;
/// So that rooms full of the longest messages stay within 512 MiB altogether.
const HISTORY_BYTES: usize = 2 * 1024 * 1024;
/// What a page gets of it at a time.
pub(crate) const PORTION_MESSAGES: usize = 100;
pub(crate) const PORTION_BYTES: usize = 256 * 1024;

pub(crate) struct Rooms<C> {
    epoch: String,
    created: u64,
    rooms: HashMap<String, Room<C>>,
}

/// Where a page was when it lost its connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    pub(crate) epoch: String,
    pub(crate) seq: u64,
}

/// Why a page that came back cannot have everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "lowercase")]
pub(crate) enum Missed {
    /// Nothing was said in the room, or its log is gone: it has begun anew.
    Dropped,
    /// More was said than the history holds.
    Trimmed { count: u64 },
}

/// What outlives the server: a message, and where it was said.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record<'r> {
    pub(crate) room: &'r str,
    pub(crate) epoch: &'r str,
    pub(crate) key: &'r str,
    #[serde(flatten)]
    pub(crate) message: Cow<'r, Message>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) seq: u64,
    /// Chosen by the page, so that a message sent again after a reconnect is known for the same one.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) at: u64,
    #[serde(skip)]
    key: String,
}

#[derive(Debug)]
pub(crate) struct Joined<'r> {
    /// The name as the others see it.
    pub(crate) name: String,
    /// False if the member was here already, through another connection or this one.
    pub(crate) arrived: bool,
    /// It was here and idle, and is not any more.
    pub(crate) awake: bool,
    /// The name this connection gave up, if nobody goes by it any more.
    pub(crate) left: Option<String>,
    pub(crate) epoch: &'r str,
    pub(crate) seq: u64,
    pub(crate) members: Vec<&'r str>,
    /// Those of them who are idle.
    pub(crate) idle: Vec<&'r str>,
    pub(crate) portion: Portion<'r>,
    pub(crate) missed: Option<Missed>,
}

/// Some messages of a history.
#[derive(Debug)]
pub(crate) struct Portion<'r> {
    /// Oldest first; true marks the member's own.
    pub(crate) messages: Vec<(&'r Message, bool)>,
    /// There are older ones that the page has not seen.
    pub(crate) more: bool,
}

#[derive(Debug)]
pub(crate) struct Said<'r> {
    pub(crate) message: &'r Message,
    /// False if the message was here already.
    pub(crate) new: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    BadRoom,
    BadName,
    NameTaken { suggestion: String },
    TooManyRooms,
    RoomFull,
    NotJoined,
    EmptyText,
    LongText,
    NotStored,
}

struct Room<C> {
    epoch: String,
    seq: u64,
    members: Vec<Member<C>>,
    history: VecDeque<Message>,
    history_bytes: usize,
    /// The numbers of its messages by their [identity].
    known: HashMap<String, u64>,
}

/// A person: several tabs of one browser share a key and count once.
struct Member<C> {
    name: String,
    key: String,
    tabs: Vec<Tab<C>>,
}

struct Tab<C> {
    connection: C,
    /// Nobody has touched it for a while.
    idle: bool,
}

/// What others see of a member has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Its last tab is gone.
    Left(String),
    /// All of its tabs are idle, or one is not any more.
    Idle(String, bool),
}

impl<C: Copy + Eq> Member<C> {
    fn is_idle(&self) -> bool {
        self.tabs.iter().all(|tab| tab.idle)
    }

    fn has(&self, connection: C) -> bool {
        self.tabs.iter().any(|tab| tab.connection == connection)
    }
}

impl<C: Copy + Eq> Rooms<C> {
    /// `epoch` must differ from one start of the server to the next.
    pub(crate) fn new(epoch: impl Into<String>) -> Self {
        Rooms { epoch: epoch.into(), created: 0, rooms: HashMap::new() }
    }

    /// Makes a member of the connection, under `name`; again, to catch up or to change the name.
    pub(crate) fn join(
        &mut self,
        room: &str,
        name: &str,
        key: &str,
        connection: C,
        since: Option<&Since>,
    ) -> Result<Joined<'_>, Refusal> {
        if !is_room_name(room) {
            return Err(Refusal::BadRoom);
        }
        let name = tidy_name(name).ok_or(Refusal::BadName)?;
        self.make_room(room)?;
        let room = self.rooms.get_mut(room).expect("made above");
        if let Some(holder) = room.by_name(&name) {
            if holder.key != key {
                return Err(Refusal::NameTaken { suggestion: room.free_name(&name) });
            }
        } else if room.members.len() >= MAX_MEMBERS && !room.is_all_of_its_member(connection) {
            return Err(Refusal::RoomFull);
        }

        let left = room.remove_unless(connection, &name);
        let was_idle = room.by_name(&name).is_some_and(Member::is_idle);
        let arrived = room.add(&name, key, connection);
        let awake = was_idle && !room.by_name(&name).is_some_and(Member::is_idle);
        let (after, missed) = room.resume(since);
        let idle = room.members.iter().filter(|member| member.is_idle());
        Ok(Joined {
            name: room.by_connection(connection).expect("added above").name.clone(),
            arrived,
            awake,
            left,
            epoch: &room.epoch,
            seq: room.seq,
            members: room.members.iter().map(|member| member.name.as_str()).collect(),
            idle: idle.map(|member| member.name.as_str()).collect(),
            portion: room.portion(after, u64::MAX, key),
            missed,
        })
    }

    /// The messages before one of them, for a member that has scrolled up to it.
    pub(crate) fn earlier(&self, room: &str, connection: C, before: u64) -> Result<Portion<'_>, Refusal> {
        let room = self.rooms.get(room).ok_or(Refusal::NotJoined)?;
        let member = room.by_connection(connection).ok_or(Refusal::NotJoined)?;
        Ok(room.portion(0, before, &member.key))
    }

    /// Takes the connection out of the room.
    pub(crate) fn leave(&mut self, room: &str, connection: C) -> Option<Change> {
        self.rooms.get_mut(room)?.change(connection, |room| room.remove(connection))
    }

    /// Somebody has not touched this page for a while, or does again.
    pub(crate) fn set_idle(&mut self, room: &str, connection: C, idle: bool) -> Option<Change> {
        self.rooms.get_mut(room)?.change(connection, |room| {
            let mut tabs = room.members.iter_mut().flat_map(|member| &mut member.tabs);
            if let Some(tab) = tabs.find(|tab| tab.connection == connection) {
                tab.idle = idle;
            }
            None
        })
    }

    /// Who is in the room, and who of them is idle.
    pub(crate) fn people(&self, room: &str) -> impl Iterator<Item = (&str, bool)> {
        let members = self.rooms.get(room).into_iter().flat_map(|room| &room.members);
        members.map(|member| (member.name.as_str(), member.is_idle()))
    }

    /// Stores a message, by `store` first, unless its author sent it before under the same id.
    pub(crate) fn say(
        &mut self,
        name: &str,
        connection: C,
        id: &str,
        text: &str,
        now: u64,
        store: impl FnOnce(&Record<'_>) -> io::Result<()>,
    ) -> Result<Said<'_>, Refusal> {
        let room = self.rooms.get_mut(name).ok_or(Refusal::NotJoined)?;
        let member = room.by_connection(connection).ok_or(Refusal::NotJoined)?;
        let text = text.trim_end();
        if text.trim_start().is_empty() {
            return Err(Refusal::EmptyText);
        }
        if text.chars().count() > MAX_TEXT {
            return Err(Refusal::LongText);
        }
        let (author, key) = (member.name.clone(), member.key.clone());
        if let Some(&seq) = room.known.get(&identity(&key, id)) {
            return Ok(Said { message: &room.history[(seq - room.oldest()) as usize], new: false });
        }
        let (seq, id, text) = (room.seq + 1, id.to_owned(), text.to_owned());
        let message = Message { seq, id, name: author, text, at: now, key };
        let record = Record { room: name, epoch: &room.epoch, key: &message.key, message: Cow::Borrowed(&message) };
        store(&record).map_err(|_| Refusal::NotStored)?;
        room.remember(message);
        Ok(Said { message: room.history.back().expect("just stored"), new: true })
    }

    /// What was said before this server was started.
    ///
    /// # Errors
    ///
    /// A record that no rooms can have written behind the ones before.
    pub(crate) fn replay(&mut self, record: Record<'_>) -> io::Result<()> {
        let impossible = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let mut message = record.message.into_owned();
        if !is_room_name(record.room) {
            return Err(impossible(Refusal::BadRoom.to_string()));
        }
        self.make_room(record.room).map_err(|refusal| impossible(refusal.to_string()))?;
        let room = self.rooms.get_mut(record.room).expect("made above");
        if room.history.is_empty() {
            // Its beginning may be trimmed.
            (room.epoch, room.seq) = (record.epoch.to_owned(), message.seq.saturating_sub(1));
        }
        if room.epoch != record.epoch || message.seq != room.seq + 1 {
            let Record { room: name, epoch, .. } = record;
            let (last, next) = (room.seq, message.seq);
            return Err(impossible(format!(
                "message {next} of {name} ({epoch}) stands behind message {last} ({})",
                room.epoch
            )));
        }
        record.key.clone_into(&mut message.key);
        room.remember(message);
        Ok(())
    }

    /// Everything that is remembered, as it was said within each room.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.rooms.iter().flat_map(|(name, room)| {
            room.history.iter().map(|message| Record {
                room: name,
                epoch: &room.epoch,
                key: &message.key,
                message: Cow::Borrowed(message),
            })
        })
    }

    /// The name under which a connection is in a room.
    pub(crate) fn member(&self, room: &str, connection: C) -> Option<&str> {
        Some(&self.rooms.get(room)?.by_connection(connection)?.name)
    }

    /// People in the room, each counted once.
    pub(crate) fn online(&self, room: &str) -> usize {
        self.rooms.get(room).map_or(0, |room| room.members.len())
    }

    /// Rooms with somebody in them, in no order.
    pub(crate) fn list(&self) -> impl Iterator<Item = (&str, usize)> {
        self.rooms
            .iter()
            .filter(|(_, room)| !room.members.is_empty())
            .map(|(name, room)| (name.as_str(), room.members.len()))
    }

    /// Finds or makes the room. One in which nothing was said goes with the last who is in there; one with a history stays.
    fn make_room(&mut self, name: &str) -> Result<(), Refusal> {
        self.rooms.retain(|other, room| {
            other == name || other == LOBBY || !room.members.is_empty() || !room.history.is_empty()
        });
        if self.rooms.contains_key(name) {
            return Ok(());
        }
        // One place is kept for the lobby.
        let others = self.rooms.keys().filter(|other| *other != LOBBY).count();
        if name != LOBBY && others >= MAX_ROOMS - 1 {
            return Err(Refusal::TooManyRooms);
        }
        self.created += 1;
        self.rooms.insert(name.to_owned(), Room::new(format!("{}.{}", self.epoch, self.created)));
        Ok(())
    }
}

impl<C: Copy + Eq> Room<C> {
    fn new(epoch: String) -> Self {
        let (members, history, known) = (Vec::new(), VecDeque::new(), HashMap::new());
        Room { epoch, seq: 0, members, history, history_bytes: 0, known }
    }

    fn by_name(&self, name: &str) -> Option<&Member<C>> {
        self.members.iter().find(|member| same_name(&member.name, name))
    }

    fn by_connection(&self, connection: C) -> Option<&Member<C>> {
        self.members.iter().find(|member| member.has(connection))
    }

    /// Does this, and tells what others see of it.
    fn change(&mut self, connection: C, job: impl FnOnce(&mut Self) -> Option<String>) -> Option<Change> {
        let member = self.by_connection(connection)?;
        let (name, was_idle) = (member.name.clone(), member.is_idle());
        if let Some(name) = job(self) {
            return Some(Change::Left(name));
        }
        let is_idle = self.by_name(&name)?.is_idle();
        (is_idle != was_idle).then_some(Change::Idle(name, is_idle))
    }

    /// Whether a member would be gone without this connection.
    fn is_all_of_its_member(&self, connection: C) -> bool {
        self.by_connection(connection).is_some_and(|member| member.tabs.len() == 1)
    }

    /// True if this is the member's first connection.
    fn add(&mut self, name: &str, key: &str, connection: C) -> bool {
        if let Some(member) = self.members.iter_mut().find(|member| same_name(&member.name, name)) {
            if !member.has(connection) {
                member.tabs.push(Tab { connection, idle: false });
            }
            return false;
        }
        let tabs = vec![Tab { connection, idle: false }];
        self.members.push(Member { name: name.to_owned(), key: key.to_owned(), tabs });
        true
    }

    fn remove_unless(&mut self, connection: C, name: &str) -> Option<String> {
        if self.by_connection(connection)?.name == name { None } else { self.remove(connection) }
    }

    fn remove(&mut self, connection: C) -> Option<String> {
        let index = self.members.iter().position(|member| member.has(connection))?;
        let member = &mut self.members[index];
        member.tabs.retain(|tab| tab.connection != connection);
        if member.tabs.is_empty() { Some(self.members.remove(index).name) } else { None }
    }

    fn remember(&mut self, message: Message) {
        self.seq = message.seq;
        self.history_bytes += message.size();
        self.known.insert(identity(&message.key, &message.id), message.seq);
        self.history.push_back(message);
        while self.history.len() > HISTORY_MESSAGES || self.history_bytes > HISTORY_BYTES {
            let Some(oldest) = self.history.pop_front() else { break };
            self.history_bytes -= oldest.size();
            self.known.remove(&identity(&oldest.key, &oldest.id));
        }
    }

    /// The number of the oldest message that is remembered.
    fn oldest(&self) -> u64 {
        self.seq - self.history.len() as u64 + 1
    }

    /// The number after which to send messages, and what cannot be sent.
    fn resume(&self, since: Option<&Since>) -> (u64, Option<Missed>) {
        // Who has seen nothing misses nothing.
        let Some(since) = since.filter(|since| since.seq > 0) else { return (0, None) };
        // A number from the future is made up; the page gets everything and skips what it has.
        if since.epoch != self.epoch || since.seq > self.seq {
            return (0, Some(Missed::Dropped));
        }
        let lost = self.oldest().saturating_sub(since.seq + 1);
        (since.seq, (lost > 0).then_some(Missed::Trimmed { count: lost }))
    }

    /// The last messages between two, as many as a page gets at once.
    fn portion(&self, after: u64, before: u64, key: &str) -> Portion<'_> {
        let between = || self.history.iter().rev().filter(|message| after < message.seq && message.seq < before);
        let mut bytes = 0;
        let mut messages: Vec<_> = between()
            .take(PORTION_MESSAGES)
            .take_while(|message| {
                bytes += message.size();
                bytes <= PORTION_BYTES
            })
            .map(|message| (message, message.key == key))
            .collect();
        messages.reverse();
        Portion { more: between().nth(messages.len()).is_some(), messages }
    }

    fn free_name(&self, name: &str) -> String {
        (2..)
            .map(|number| {
                let suffix = format!(" {number}");
                let kept: String = name.chars().take(MAX_NAME - suffix.len()).collect();
                format!("{}{suffix}", kept.trim_end())
            })
            .find(|candidate| self.by_name(candidate).is_none())
            .expect("members are finite")
    }
}

impl Message {
    fn size(&self) -> usize {
        size_of::<Message>() + self.id.len() + self.name.len() + self.text.len() + self.key.len()
    }
}

impl Record<'_> {
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers only")
    }
}

impl Refusal {
    /// For programs; `Display` is for people.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Refusal::BadRoom => "bad-room",
            Refusal::BadName => "bad-name",
            Refusal::NameTaken { .. } => "name-taken",
            Refusal::TooManyRooms => "too-many-rooms",
            Refusal::RoomFull => "room-full",
            Refusal::NotJoined => "not-joined",
            Refusal::EmptyText => "empty-text",
            Refusal::LongText => "long-text",
            Refusal::NotStored => "not-stored",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::BadRoom => {
                write!(f, "A room name has 1 to {MAX_NAME} characters: small letters, digits and hyphens.")
            }
            Refusal::BadName => write!(f, "A name has 1 to {MAX_NAME} visible characters."),
            Refusal::NameTaken { .. } => write!(f, "Somebody in this room already goes by that name."),
            Refusal::TooManyRooms => write!(f, "There are as many rooms as there can be. Join one of them."),
            Refusal::RoomFull => write!(f, "This room is full."),
            Refusal::NotJoined => write!(f, "You are not in this room."),
            Refusal::EmptyText => write!(f, "There is nothing in this message."),
            Refusal::LongText => write!(f, "A message has at most {MAX_TEXT} characters."),
            Refusal::NotStored => write!(f, "The server cannot store messages just now."),
        }
    }
}

/// An id is unique for its author.
fn identity(key: &str, id: &str) -> String {
    format!("{key}\n{id}")
}

fn is_room_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Blanks collapsed; nothing that is invisible or turns the text around it.
fn tidy_name(name: &str) -> Option<String> {
    let deceptive = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    // Checked before collapsing, which would swallow tabs and line breaks, and bounds the work.
    if name.len() > 4 * 4 * MAX_NAME || name.chars().any(deceptive) {
        return None;
    }
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    (1..=MAX_NAME).contains(&name.chars().count()).then_some(name)
}

fn same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
#[path = "rooms_tests.rs"]
mod tests;
