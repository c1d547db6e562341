//! The chat for a terminal: lines in, lines out, at `/lines`.
//!
//! ```text
//! cargo run --release --example client -- 'ws://127.0.0.1:8080/lines?name=Ada'
//! ```
//!
//! What begins with a slash is a command, everything else is said. Nothing happens here that a page could not do: a line
//! becomes a request of the table in `protocol.rs`, and what comes back becomes lines.

use crate::protocol::{FromPage, HistoryEntry, ToPage};
use crate::rooms::{LOBBY, Missed};

pub(crate) const HELP: &str = "\
/nick NAME     your name, or another one
/join ROOM     go to another room
/me DOES       * Ada waves
/who           who is here
/rooms         where somebody is
/history       what was said before
/quit          good-bye
//TEXT         says /TEXT";

/// What a terminal is told of a room, on a topic of its own.
pub(crate) fn topic(room: &str) -> String {
    format!("lines:{room}")
}

/// A terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    pub(crate) name: Option<String>,
    pub(crate) room: String,
    key: String,
    said: u64,
    /// The number of the oldest message that it was shown.
    oldest: u64,
}

/// What a line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Requests(Vec<FromPage>),
    Answer(String),
    Who,
    Rooms,
    Quit,
}

impl Terminal {
    pub(crate) fn new(key: String) -> Self {
        Self { name: None, room: LOBBY.into(), key, said: 0, oldest: u64::MAX }
    }

    pub(crate) fn read(&mut self, line: &str) -> Command {
        let line = line.trim_end();
        let Some(command) = line.strip_prefix('/').filter(|rest| !rest.starts_with('/')) else {
            return self.say(line.strip_prefix('/').unwrap_or(line));
        };
        let (command, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match (command, rest.trim()) {
            ("help", _) => Command::Answer(HELP.into()),
            ("who", _) => Command::Who,
            ("rooms", _) => Command::Rooms,
            ("quit", _) => Command::Quit,
            ("history", _) => {
                Command::Requests(vec![FromPage::Earlier { room: self.room.clone(), before: self.oldest }])
            }
            ("nick" | "join", "") => Command::Answer(format!("/{command} needs a name.")),
            ("nick", name) => self.join(name.to_owned(), self.room.clone()),
            ("join", room) => {
                let room = room.trim_start_matches('#').to_lowercase();
                match self.name.clone() {
                    Some(name) => self.join(name, room),
                    None => {
                        self.room = room;
                        Command::Answer("And who are you? /nick NAME".into())
                    }
                }
            }
            ("me", does) => self.say(&format!("/me {does}")),
            (other, _) => Command::Answer(format!("There is no /{other}. /help lists what there is.")),
        }
    }

    /// The name is taken back if the server does not agree.
    pub(crate) fn join(&mut self, name: String, room: String) -> Command {
        Command::Requests(vec![FromPage::Join { room, name, key: self.key.clone(), since: None }])
    }

    fn say(&mut self, text: &str) -> Command {
        if self.name.is_none() {
            return Command::Answer("Who are you? /nick NAME".into());
        }
        self.said += 1;
        Command::Requests(vec![FromPage::Say {
            room: self.room.clone(),
            id: self.said.to_string(),
            text: text.to_owned(),
        }])
    }

    /// What the terminal shows of an answer.
    pub(crate) fn answer(&mut self, answer: &ToPage<'_>) -> Option<String> {
        match answer {
            ToPage::Joined { room, name, members, idle, messages, more, missed, .. } => {
                let mut text = format!("You are {name} in #{room}; here: {}.", people(members, idle));
                (self.name, self.room) = (Some((*name).to_owned()), (*room).to_owned());
                self.oldest = u64::MAX;
                if let Some(Missed::Trimmed { count }) = missed {
                    text.push_str(&format!(" {count} messages are gone."));
                }
                text.push_str(&self.history(messages, *more));
                Some(text)
            }
            ToPage::Earlier { messages, more, .. } => Some(match messages.is_empty() {
                true => "Nothing was said before.".into(),
                false => self.history(messages, *more).trim_start().to_owned(),
            }),
            ToPage::Error(trouble) => Some(match trouble.suggestion {
                Some(free) => format!("{} {free} is free.", trouble.text),
                None => trouble.text.clone(),
            }),
            _ => None,
        }
    }

    fn history(&mut self, messages: &[HistoryEntry<'_>], more: bool) -> String {
        if let Some(first) = messages.first() {
            self.oldest = first.message.seq;
        }
        let above = if more { "\n… /history tells what was said before that" } else { "" };
        let lines = messages.iter().map(|entry| format!("\n{}", said(&entry.message.name, &entry.message.text)));
        std::iter::once(above.to_owned()).chain(lines).collect()
    }
}

/// What all terminals of a room are told.
pub(crate) fn news(event: &ToPage<'_>) -> Option<String> {
    match event {
        ToPage::Message { message, .. } => Some(said(&message.name, &message.text)),
        ToPage::Entered { name, .. } => Some(format!("* {name} is here")),
        ToPage::Left { name, .. } => Some(format!("* {name} has left")),
        _ => None,
    }
}

pub(crate) fn people<'p>(members: &[&'p str], idle: &[&'p str]) -> String {
    let person = |name: &&str| if idle.contains(name) { format!("{name} (idle)") } else { (*name).to_owned() };
    members.iter().map(person).collect::<Vec<_>>().join(", ")
}

fn said(name: &str, text: &str) -> String {
    match text.strip_prefix("/me ") {
        Some(does) => format!("* {name} {does}"),
        None => format!("{name}: {}", text.replace('\n', "\n    ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal() -> Terminal {
        let mut terminal = Terminal::new("the-key-of-ada".into());
        terminal.name = Some("Ada".into());
        terminal
    }

    #[track_caller]
    fn says(line: &str) -> String {
        match terminal().read(line) {
            Command::Requests(requests) => match &requests[..] {
                [FromPage::Say { room, text, .. }] if room == LOBBY => text.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_command_is_said() {
        assert_eq!(says("hello  "), "hello");
        assert_eq!(says("//etc/passwd"), "/etc/passwd");
        assert_eq!(says("/me waves"), "/me waves");
        assert_eq!(said("Ada", "/me waves"), "* Ada waves");
        assert_eq!(said("Ada", "one\ntwo"), "Ada: one\n    two");
    }

    #[test]
    fn a_command_is_known_or_said_to_be_unknown() {
        let answer = |line: &str| match terminal().read(line) {
            Command::Answer(text) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(answer("/help"), HELP);
        assert_eq!(answer("/shout"), "There is no /shout. /help lists what there is.");
        assert_eq!(answer("/nick "), "/nick needs a name.");
        assert!(matches!(terminal().read("/who"), Command::Who));
        assert!(matches!(terminal().read("/quit"), Command::Quit));
        let Command::Requests(requests) = terminal().read("/join #Attic") else { panic!() };
        assert!(matches!(&requests[..], [FromPage::Join { room, name, .. }] if room == "attic" && name == "Ada"));
    }

    #[test]
    fn who_has_no_name_says_nothing() {
        let mut nobody = Terminal::new("the-key-of-nobody".into());
        assert!(matches!(nobody.read("hello"), Command::Answer(_)));
        assert!(matches!(nobody.read("/join attic"), Command::Answer(_)));
        let Command::Requests(requests) = nobody.read("/nick Bob") else { panic!() };
        assert!(matches!(&requests[..], [FromPage::Join { room, name, .. }] if room == "attic" && name == "Bob"));
    }
}
