//! Rooms, members and recent messages: no sockets, no clock, no randomness.
//!
//! `C` stands for a connection; times are milliseconds since 1970 and come from the caller.
//!
//! A message has a sequence number within its room, and a room has an epoch, which is new whenever the room is: after
//! a restart of the server, or after an empty room was dropped. A page that comes back says the last (epoch, seq) it
//! has seen; it gets what it missed, or is told that some of it is gone.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};

/// The room that always exists.
pub(crate) const LOBBY: &str = "lobby";

pub(crate) const MAX_ROOMS: usize = 256;
pub(crate) const MAX_MEMBERS: usize = 500;
pub(crate) const MAX_NAME: usize = 32;
pub(crate) const MAX_TEXT: usize = 4000;

const HISTORY_MESSAGES: usize = 200;
/// So that rooms full of the longest messages stay within 64 MiB altogether.
const HISTORY_BYTES: usize = 256 * 1024;
const KEEP_EMPTY_MS: u64 = 10 * 60 * 1000;

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
    /// The server is another one; whatever the page had not seen by then is lost.
    Restarted,
    /// Everybody had left for so long that the room was dropped.
    Dropped,
    /// More was said than the history holds.
    Trimmed { count: u64 },
}

#[derive(Clone, Debug, Serialize)]
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
    /// The name this connection gave up, if nobody goes by it any more.
    pub(crate) left: Option<String>,
    pub(crate) epoch: &'r str,
    pub(crate) seq: u64,
    pub(crate) members: Vec<&'r str>,
    /// Messages after `since`, or the whole history, oldest first; true marks the member's own.
    pub(crate) messages: Vec<(&'r Message, bool)>,
    pub(crate) missed: Option<Missed>,
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
}

struct Room<C> {
    epoch: String,
    seq: u64,
    members: Vec<Member<C>>,
    history: VecDeque<Message>,
    history_bytes: usize,
    empty_since: u64,
}

/// A person: several tabs of one browser share a key and count once.
struct Member<C> {
    name: String,
    key: String,
    connections: Vec<C>,
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
        now: u64,
    ) -> Result<Joined<'_>, Refusal> {
        if !is_room_name(room) {
            return Err(Refusal::BadRoom);
        }
        let name = tidy_name(name).ok_or(Refusal::BadName)?;
        self.make_room(room, now)?;
        let restarted = since.is_some_and(|since| !since.epoch.starts_with(&self.epoch));

        let room = self.rooms.get_mut(room).expect("made above");
        if let Some(holder) = room.by_name(&name) {
            if holder.key != key {
                return Err(Refusal::NameTaken { suggestion: room.free_name(&name) });
            }
        } else if room.members.len() >= MAX_MEMBERS {
            return Err(Refusal::RoomFull);
        }

        let left = room.remove_unless(connection, &name);
        let arrived = room.add(&name, key, connection);
        let (after, missed) = room.resume(since, restarted);
        Ok(Joined {
            name: room.by_connection(connection).expect("added above").name.clone(),
            arrived,
            left,
            epoch: &room.epoch,
            seq: room.seq,
            members: room.members.iter().map(|member| member.name.as_str()).collect(),
            messages: room
                .history
                .iter()
                .filter(|message| message.seq > after)
                .map(|message| (message, message.key == key))
                .collect(),
            missed,
        })
    }

    /// Takes the connection out of the room. `Some(name)` if that was the last one of its member.
    pub(crate) fn leave(&mut self, room: &str, connection: C, now: u64) -> Option<String> {
        let room = self.rooms.get_mut(room)?;
        let gone = room.remove(connection);
        if room.members.is_empty() {
            room.empty_since = now;
        }
        gone
    }

    /// Stores a message, unless its author sent it before under the same id.
    pub(crate) fn say(
        &mut self,
        room: &str,
        connection: C,
        id: &str,
        text: &str,
        now: u64,
    ) -> Result<Said<'_>, Refusal> {
        let room = self.rooms.get_mut(room).ok_or(Refusal::NotJoined)?;
        let member = room.by_connection(connection).ok_or(Refusal::NotJoined)?;
        let text = text.trim_end();
        if text.trim_start().is_empty() {
            return Err(Refusal::EmptyText);
        }
        if text.chars().count() > MAX_TEXT {
            return Err(Refusal::LongText);
        }
        let (name, key) = (member.name.clone(), member.key.clone());
        if let Some(known) = room.history.iter().position(|message| message.id == id && message.key == key) {
            return Ok(Said { message: &room.history[known], new: false });
        }
        room.seq += 1;
        let message = Message { seq: room.seq, id: id.to_owned(), name, text: text.to_owned(), at: now, key };
        room.remember(message);
        Ok(Said { message: room.history.back().expect("just stored"), new: true })
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

    /// Drops rooms that have been empty for long, then finds or makes the room.
    fn make_room(&mut self, name: &str, now: u64) -> Result<(), Refusal> {
        self.rooms.retain(|other, room| {
            other == name
                || other == LOBBY
                || !room.members.is_empty()
                || now.saturating_sub(room.empty_since) < KEEP_EMPTY_MS
        });
        if self.rooms.contains_key(name) {
            return Ok(());
        }
        // One place is kept for the lobby.
        let limit = if name == LOBBY { MAX_ROOMS } else { MAX_ROOMS - 1 };
        let others = self.rooms.keys().filter(|other| *other != LOBBY).count();
        if others >= limit {
            let emptiest = self
                .rooms
                .iter()
                .filter(|(other, room)| *other != LOBBY && room.members.is_empty())
                .min_by_key(|(_, room)| room.empty_since)
                .map(|(other, _)| other.clone())
                .ok_or(Refusal::TooManyRooms)?;
            self.rooms.remove(&emptiest);
        }
        self.created += 1;
        let room = Room {
            epoch: format!("{}.{}", self.epoch, self.created),
            seq: 0,
            members: Vec::new(),
            history: VecDeque::new(),
            history_bytes: 0,
            empty_since: now,
        };
        self.rooms.insert(name.to_owned(), room);
        Ok(())
    }
}

impl<C: Copy + Eq> Room<C> {
    fn by_name(&self, name: &str) -> Option<&Member<C>> {
        self.members.iter().find(|member| same_name(&member.name, name))
    }

    fn by_connection(&self, connection: C) -> Option<&Member<C>> {
        self.members.iter().find(|member| member.connections.contains(&connection))
    }

    /// True if this is the member's first connection.
    fn add(&mut self, name: &str, key: &str, connection: C) -> bool {
        if let Some(member) = self.members.iter_mut().find(|member| same_name(&member.name, name)) {
            if !member.connections.contains(&connection) {
                member.connections.push(connection);
            }
            return false;
        }
        self.members.push(Member { name: name.to_owned(), key: key.to_owned(), connections: vec![connection] });
        true
    }

    fn remove_unless(&mut self, connection: C, name: &str) -> Option<String> {
        if self.by_connection(connection)?.name == name { None } else { self.remove(connection) }
    }

    fn remove(&mut self, connection: C) -> Option<String> {
        let index = self.members.iter().position(|member| member.connections.contains(&connection))?;
        let member = &mut self.members[index];
        member.connections.retain(|other| *other != connection);
        if member.connections.is_empty() { Some(self.members.remove(index).name) } else { None }
    }

    fn remember(&mut self, message: Message) {
        self.history_bytes += message.size();
        self.history.push_back(message);
        while self.history.len() > HISTORY_MESSAGES || self.history_bytes > HISTORY_BYTES {
            let Some(oldest) = self.history.pop_front() else { break };
            self.history_bytes -= oldest.size();
        }
    }

    /// The number after which to send messages, and what cannot be sent.
    fn resume(&self, since: Option<&Since>, restarted: bool) -> (u64, Option<Missed>) {
        let Some(since) = since else { return (0, None) };
        if restarted {
            return (0, Some(Missed::Restarted));
        }
        // A number from the future is made up; the page gets everything and skips what it has.
        if since.epoch != self.epoch || since.seq > self.seq {
            return (0, Some(Missed::Dropped));
        }
        let oldest = self.seq - self.history.len() as u64 + 1;
        let lost = oldest.saturating_sub(since.seq + 1);
        (since.seq, (lost > 0).then_some(Missed::Trimmed { count: lost }))
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
            Refusal::TooManyRooms => write!(f, "There are too many rooms just now. Join an existing one."),
            Refusal::RoomFull => write!(f, "This room is full."),
            Refusal::NotJoined => write!(f, "You are not in this room."),
            Refusal::EmptyText => write!(f, "There is nothing in this message."),
            Refusal::LongText => write!(f, "A message has at most {MAX_TEXT} characters."),
        }
    }
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
mod tests {
    use super::*;

    const ADA: &str = "key-of-ada";
    const BOB: &str = "key-of-bob";

    fn rooms() -> Rooms<u32> {
        Rooms::new("first")
    }

    fn texts(joined: &Joined<'_>) -> Vec<String> {
        joined.messages.iter().map(|(message, _)| message.text.clone()).collect()
    }

    /// Joins `lobby` and forgets the answer.
    fn enter(rooms: &mut Rooms<u32>, name: &str, key: &str, connection: u32) {
        rooms.join(LOBBY, name, key, connection, None, 0).unwrap();
    }

    #[test]
    fn a_newcomer_gets_the_history_in_order_and_knows_the_own_messages() {
        let mut rooms = rooms();
        enter(&mut rooms, "Ada", ADA, 1);
        enter(&mut rooms, "Bob", BOB, 2);
        rooms.say(LOBBY, 1, "a", "one", 10).unwrap();
        rooms.say(LOBBY, 2, "b", "two", 20).unwrap();
        let joined = rooms.join(LOBBY, "Bob", BOB, 3, None, 30).unwrap();
        let seen: Vec<_> = joined.messages.iter().map(|(m, own)| (m.seq, m.name.as_str(), m.at, *own)).collect();
        assert_eq!(seen, [(1, "Ada", 10, false), (2, "Bob", 20, true)]);
        assert_eq!((joined.seq, joined.missed), (2, None));
        assert_eq!(joined.members, ["Ada", "Bob"]);
    }

    #[test]
    fn two_tabs_of_one_person_count_once() {
        let mut rooms = rooms();
        assert!(rooms.join(LOBBY, "Ada", ADA, 1, None, 0).unwrap().arrived);
        assert!(!rooms.join(LOBBY, "Ada", ADA, 2, None, 0).unwrap().arrived);
        assert_eq!(rooms.online(LOBBY), 1);
        assert_eq!(rooms.leave(LOBBY, 1, 0), None);
        assert_eq!(rooms.leave(LOBBY, 2, 0).as_deref(), Some("Ada"));
        assert_eq!(rooms.leave(LOBBY, 2, 0), None);
        assert_eq!(rooms.online(LOBBY), 0);
    }

    #[test]
    fn a_name_is_unique_in_its_room_whatever_its_case_and_free_again_afterwards() {
        let mut rooms = rooms();
        enter(&mut rooms, "Ada", ADA, 1);
        enter(&mut rooms, "ada 2", "third", 3);
        let refusal = rooms.join(LOBBY, " ADA ", BOB, 2, None, 0).unwrap_err();
        assert_eq!(refusal, Refusal::NameTaken { suggestion: "ADA 3".into() });
        assert!(rooms.join("elsewhere", "Ada", BOB, 2, None, 0).is_ok());
        rooms.leave(LOBBY, 1, 0);
        assert!(rooms.join(LOBBY, "Ada", BOB, 2, None, 0).unwrap().arrived);
    }

    #[test]
    fn a_suggested_name_fits_the_limit() {
        let mut rooms = rooms();
        let long = "ä".repeat(MAX_NAME);
        enter(&mut rooms, &long, ADA, 1);
        let Err(Refusal::NameTaken { suggestion }) = rooms.join(LOBBY, &long, BOB, 2, None, 0) else { panic!() };
        assert_eq!(suggestion.chars().count(), MAX_NAME);
        assert!(rooms.join(LOBBY, &suggestion, BOB, 2, None, 0).is_ok());
    }

    #[test]
    fn joining_again_under_another_name_gives_up_the_old_one() {
        let mut rooms = rooms();
        enter(&mut rooms, "Ada", ADA, 1);
        let joined = rooms.join(LOBBY, "Countess", ADA, 1, None, 0).unwrap();
        assert_eq!((joined.left.as_deref(), joined.arrived), (Some("Ada"), true));
        assert_eq!(rooms.member(LOBBY, 1), Some("Countess"));
        assert_eq!(rooms.online(LOBBY), 1);

        // The case of a name changes for a member's last connection only.
        let joined = rooms.join(LOBBY, "countess", ADA, 3, None, 0).unwrap();
        assert_eq!((joined.name.as_str(), joined.arrived), ("Countess", false));
        rooms.leave(LOBBY, 3, 0);
        let joined = rooms.join(LOBBY, "COUNTESS", ADA, 1, None, 0).unwrap();
        assert_eq!((joined.left.as_deref(), joined.arrived), (Some("Countess"), true));
        rooms.join(LOBBY, "Countess", ADA, 1, None, 0).unwrap();

        // Refused: everything stays.
        enter(&mut rooms, "Bob", BOB, 2);
        assert!(rooms.join(LOBBY, "Bob", ADA, 1, None, 0).is_err());
        assert_eq!(rooms.member(LOBBY, 1), Some("Countess"));
    }

    #[test]
    fn joining_again_under_the_same_name_only_catches_up() {
        let mut rooms = rooms();
        enter(&mut rooms, "Ada", ADA, 1);
        let joined = rooms.join(LOBBY, "Ada", ADA, 1, None, 0).unwrap();
        assert_eq!((joined.left, joined.arrived), (None, false));
        rooms.leave(LOBBY, 1, 0);
        assert_eq!(rooms.online(LOBBY), 0);
    }

    #[test]
    fn a_page_that_comes_back_gets_what_it_missed() {
        let mut rooms = rooms();
        let epoch = rooms.join(LOBBY, "Ada", ADA, 1, None, 0).unwrap().epoch.to_owned();
        enter(&mut rooms, "Bob", BOB, 2);
        rooms.say(LOBBY, 2, "a", "seen", 0).unwrap();
        rooms.leave(LOBBY, 1, 0);
        rooms.say(LOBBY, 2, "b", "missed", 0).unwrap();
        let since = Since { epoch, seq: 1 };
        let joined = rooms.join(LOBBY, "Ada", ADA, 3, Some(&since), 0).unwrap();
        assert_eq!((texts(&joined), joined.missed), (vec!["missed".to_owned()], None));
    }

    #[test]
    fn a_page_that_was_away_too_long_is_told_how_many_are_gone() {
        let mut rooms = rooms();
        let epoch = rooms.join(LOBBY, "Ada", ADA, 1, None, 0).unwrap().epoch.to_owned();
        for number in 1..=HISTORY_MESSAGES + 5 {
            rooms.say(LOBBY, 1, &number.to_string(), "text", 0).unwrap();
        }
        let seen = |seq| Some(Since { epoch: epoch.clone(), seq });
        // 1 to 5 are trimmed; 5 is the last that need not be sent.
        let missed = rooms.join(LOBBY, "Ada", ADA, 1, seen(5).as_ref(), 0).unwrap().missed;
        assert_eq!(missed, None);
        let joined = rooms.join(LOBBY, "Ada", ADA, 1, seen(4).as_ref(), 0).unwrap();
        assert_eq!(joined.missed, Some(Missed::Trimmed { count: 1 }));
        assert_eq!(joined.messages.len(), HISTORY_MESSAGES);
        let missed = rooms.join(LOBBY, "Ada", ADA, 1, seen(0).as_ref(), 0).unwrap().missed;
        assert_eq!(missed, Some(Missed::Trimmed { count: 5 }));
    }

    #[test]
    fn a_page_from_before_a_restart_is_told_so() {
        let since = {
            let mut before = rooms();
            let joined = before.join(LOBBY, "Ada", ADA, 1, None, 0).unwrap();
            Since { epoch: joined.epoch.to_owned(), seq: joined.seq }
        };
        let mut after = Rooms::new("second");
        enter(&mut after, "Bob", BOB, 1);
        after.say(LOBBY, 1, "a", "new", 0).unwrap();
        let joined = after.join(LOBBY, "Ada", ADA, 2, Some(&since), 0).unwrap();
        assert_eq!((texts(&joined), joined.missed), (vec!["new".to_owned()], Some(Missed::Restarted)));
    }

    #[test]
    fn a_dropped_room_comes_back_with_another_epoch() {
        let mut rooms = rooms();
        let joined = rooms.join("attic", "Ada", ADA, 1, None, 0).unwrap();
        let since = Since { epoch: joined.epoch.to_owned(), seq: 0 };
        rooms.leave("attic", 1, 1000);
        enter(&mut rooms, "Bob", BOB, 2);
        let early = rooms.join("attic", "Ada", ADA, 1, Some(&since), KEEP_EMPTY_MS).unwrap();
        assert_eq!(early.missed, None);
        rooms.leave("attic", 1, KEEP_EMPTY_MS);
        rooms.join("cellar", "Bob", BOB, 2, None, 3 * KEEP_EMPTY_MS).unwrap();
        let late = rooms.join("attic", "Ada", ADA, 1, Some(&since), 3 * KEEP_EMPTY_MS).unwrap();
        assert_eq!(late.missed, Some(Missed::Dropped));
    }

    #[test]
    fn a_number_from_the_future_gets_everything() {
        let mut rooms = rooms();
        let epoch = rooms.join(LOBBY, "Ada", ADA, 1, None, 0).unwrap().epoch.to_owned();
        rooms.say(LOBBY, 1, "a", "one", 0).unwrap();
        let joined = rooms.join(LOBBY, "Ada", ADA, 1, Some(&Since { epoch, seq: u64::MAX }), 0).unwrap();
        assert_eq!(texts(&joined), ["one"]);
    }

    #[test]
    fn a_message_sent_again_is_stored_once_but_ids_of_others_do_not_matter() {
        let mut rooms = rooms();
        enter(&mut rooms, "Ada", ADA, 1);
        enter(&mut rooms, "Bob", BOB, 2);
        let first = rooms.say(LOBBY, 1, "same", "hello", 5).unwrap();
        assert_eq!((first.new, first.message.seq), (true, 1));
        let again = rooms.say(LOBBY, 1, "same", "hello", 9).unwrap();
        assert_eq!((again.new, again.message.seq, again.message.at), (false, 1, 5));
        let other = rooms.say(LOBBY, 2, "same", "hello", 9).unwrap();
        assert_eq!((other.new, other.message.seq), (true, 2));
    }

    #[test]
    fn history_is_bounded_in_bytes_too() {
        let mut rooms = rooms();
        enter(&mut rooms, "Ada", ADA, 1);
        let long = "\u{1f30a}".repeat(MAX_TEXT);
        for number in 0..HISTORY_MESSAGES {
            rooms.say(LOBBY, 1, &number.to_string(), &long, 0).unwrap();
        }
        let room = &rooms.rooms[LOBBY];
        assert!(room.history_bytes <= HISTORY_BYTES);
        assert_eq!(room.history_bytes, room.history.iter().map(Message::size).sum::<usize>());
        assert_eq!(room.history.back().unwrap().seq, HISTORY_MESSAGES as u64);
    }

    #[test]
    fn text_is_checked_at_its_limits() {
        let mut rooms = rooms();
        enter(&mut rooms, "Ada", ADA, 1);
        assert!(rooms.say(LOBBY, 1, "a", &"é".repeat(MAX_TEXT), 0).is_ok());
        assert_eq!(rooms.say(LOBBY, 1, "b", &"é".repeat(MAX_TEXT + 1), 0).unwrap_err(), Refusal::LongText);
        assert_eq!(rooms.say(LOBBY, 1, "c", " \n\t", 0).unwrap_err(), Refusal::EmptyText);
        assert_eq!(rooms.say(LOBBY, 9, "d", "stranger", 0).unwrap_err(), Refusal::NotJoined);
        assert_eq!(rooms.say("nowhere", 1, "e", "text", 0).unwrap_err(), Refusal::NotJoined);
        assert_eq!(rooms.say(LOBBY, 1, "f", "  indented \n", 0).unwrap().message.text, "  indented");
    }

    #[test]
    fn names_are_checked_at_their_limits() {
        let mut rooms = rooms();
        let mut join = |room: &str, name: &str| rooms.join(room, name, ADA, 1, None, 0).map(|joined| joined.name);
        assert_eq!(join(LOBBY, "  Ada \u{a0}  Lovelace ").as_deref(), Ok("Ada Lovelace"));
        assert!(join(LOBBY, &"n".repeat(MAX_NAME)).is_ok());
        assert!(join(LOBBY, "👩‍🚀").is_ok());
        let long = "n".repeat(MAX_NAME + 1);
        for bad in ["", "  ", long.as_str(), "a\nb", "a\0", "\u{202e}evil", "zero\u{200b}width"] {
            assert_eq!(join(LOBBY, bad), Err(Refusal::BadName), "{bad:?}");
        }
        assert!(join(&"r".repeat(MAX_NAME), "Ada").is_ok());
        let long = "r".repeat(MAX_NAME + 1);
        for bad in ["", "Lobby", "a b", "a/b", "ä", long.as_str()] {
            assert_eq!(join(bad, "Ada"), Err(Refusal::BadRoom), "{bad:?}");
        }
    }

    #[test]
    fn rooms_are_bounded_and_the_longest_empty_one_makes_place() {
        let mut rooms = rooms();
        for number in 0..MAX_ROOMS - 1 {
            rooms.join(&format!("room-{number}"), "Ada", ADA, 1, None, 0).unwrap();
        }
        assert_eq!(rooms.join("one-more", "Ada", ADA, 1, None, 0).unwrap_err(), Refusal::TooManyRooms);
        enter(&mut rooms, "Ada", ADA, 1);
        assert_eq!(rooms.rooms.len(), MAX_ROOMS);

        rooms.leave("room-7", 1, 2);
        rooms.leave("room-8", 1, 1);
        assert!(rooms.join("one-more", "Ada", ADA, 1, None, 3).is_ok());
        assert!(rooms.rooms.contains_key("room-7") && !rooms.rooms.contains_key("room-8"));
        assert_eq!(rooms.rooms.len(), MAX_ROOMS);
    }

    #[test]
    fn a_full_room_refuses_newcomers_but_not_further_tabs() {
        let mut rooms = rooms();
        for number in 0..MAX_MEMBERS as u32 {
            let name = format!("Member {number}");
            rooms.join(LOBBY, &name, &name, number, None, 0).unwrap();
        }
        assert_eq!(rooms.join(LOBBY, "Late", "late", 9999, None, 0).unwrap_err(), Refusal::RoomFull);
        assert!(rooms.join(LOBBY, "Member 3", "Member 3", 9999, None, 0).is_ok());
    }

    #[test]
    fn the_list_has_rooms_with_people_only() {
        let mut rooms = rooms();
        enter(&mut rooms, "Ada", ADA, 1);
        rooms.join("attic", "Ada", ADA, 1, None, 0).unwrap();
        rooms.leave(LOBBY, 1, 0);
        assert_eq!(rooms.list().collect::<Vec<_>>(), [("attic", 1)]);
    }
}
