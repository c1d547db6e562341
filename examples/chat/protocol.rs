//! What page and server say to each other: one JSON object a text message.
//!
//! | page to server | | answer |
//! |---|---|---|
//! | `join`   | `room`, `name`, `key`, `since`? `{epoch, seq}` | `joined` or `error`; the others get `entered` |
//! | `leave`  | `room`               | none; the others get `left` |
//! | `earlier` | `room`, `before`    | `earlier`: the messages before this number |
//! | `say`    | `room`, `id`, `text` | `sent` or `error`; the others get `message` |
//! | `typing` | `room`, `on`         | none; the others get `typing` |
//! | `idle`   | `on`                 | none; the others get `idle`, if all tabs of this person are |
//! | `ping`   |                      | `pong`, for a page that wonders whether the network is still there |
//!
//! | server to page | | when |
//! |---|---|---|
//! | `rooms`   | `rooms` `[{room, online}]` | once, after the connection is open |
//! | `room`    | `room`, `online`           | the number of people in some room changed |
//! | `joined`  | `room`, `name`, `epoch`, `seq`, `members`, `idle`, `messages`, `more`, `missed`? `{why, count?}` | `join` worked |
//! | `earlier` | `room`, `messages`, `more` | was asked for; `more`: there are still older ones |
//! | `entered` | `room`, `name`, `at`       | somebody else came |
//! | `left`    | `room`, `name`, `at`       | somebody else went |
//! | `message` | `room`, `seq`, `id`, `name`, `text`, `at` | somebody else said something |
//! | `sent`    | `room`, `seq`, `id`, `at`  | the own message is in the log, now or already before |
//! | `idle`    | `room`, `name`, `on`       | nobody touches that person's pages any more, or somebody does again |
//! | `typing`  | `room`, `name`, `on`       | somebody else types; void after 3 s, or with `message` or `left` |
//! | `error`   | `code`, `text`, `room`?, `id`?, `suggestion`?, `retry`? (ms) | a request was refused |
//! | `pong`    |                            | |
//!
//! `key` is the page's secret: who has it may use the same name from several tabs. `id` is unique for its author, so
//! what is sent again after a reconnect is not said twice. `seq` grows by one with each message in a room; a page that
//! sees a gap joins again with `since`. Whoever loses the connection is there for 5 s more: who is back by then was never
//! away. It gets the newest messages after that, and `more` if older ones are left out. A message that is none of these closes the connection with 1008.

use serde::{Deserialize, Serialize};

use crate::rooms::{Message, Missed, Since};

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum FromPage {
    Join { room: String, name: String, key: String, since: Option<Since> },
    Earlier { room: String, before: u64 },
    Leave { room: String },
    Say { room: String, id: String, text: String },
    Typing { room: String, on: bool },
    Idle { on: bool },
    Ping {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum ToPage<'a> {
    Rooms {
        rooms: Vec<RoomEntry<'a>>,
    },
    Room {
        room: &'a str,
        online: usize,
    },
    Joined {
        room: &'a str,
        name: &'a str,
        epoch: &'a str,
        seq: u64,
        members: &'a [&'a str],
        idle: &'a [&'a str],
        messages: Vec<HistoryEntry<'a>>,
        more: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        missed: Option<Missed>,
    },
    Earlier {
        room: &'a str,
        messages: Vec<HistoryEntry<'a>>,
        more: bool,
    },
    Entered {
        room: &'a str,
        name: &'a str,
        at: u64,
    },
    Left {
        room: &'a str,
        name: &'a str,
        at: u64,
    },
    Message {
        room: &'a str,
        #[serde(flatten)]
        message: &'a Message,
    },
    Sent {
        room: &'a str,
        seq: u64,
        id: &'a str,
        at: u64,
    },
    Typing {
        room: &'a str,
        name: &'a str,
        on: bool,
    },
    Idle {
        room: &'a str,
        name: &'a str,
        on: bool,
    },
    Error(Trouble<'a>),
    Pong,
}

#[derive(Serialize)]
pub(crate) struct RoomEntry<'a> {
    pub(crate) room: &'a str,
    pub(crate) online: usize,
}

#[derive(Serialize)]
pub(crate) struct HistoryEntry<'a> {
    #[serde(flatten)]
    pub(crate) message: &'a Message,
    pub(crate) own: bool,
}

#[derive(Default, Serialize)]
pub(crate) struct Trouble<'a> {
    pub(crate) code: &'a str,
    pub(crate) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suggestion: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<u64>,
}

impl FromPage {
    /// `None` for whatever is not in the table.
    pub(crate) fn parse(text: &str) -> Option<FromPage> {
        let request: FromPage = serde_json::from_str(text).ok()?;
        let sound = match &request {
            FromPage::Join { key, since, .. } => {
                (8..=64).contains(&key.len()) && since.as_ref().is_none_or(|since| since.epoch.len() <= 64)
            }
            FromPage::Say { id, .. } => (1..=64).contains(&id.len()),
            FromPage::Earlier { .. }
            | FromPage::Leave { .. }
            | FromPage::Typing { .. }
            | FromPage::Idle { .. }
            | FromPage::Ping {} => true,
        };
        sound.then_some(request)
    }

    /// What the request takes from the connection's allowance.
    pub(crate) fn cost(&self) -> u32 {
        match self {
            FromPage::Say { .. } => 4,
            FromPage::Join { .. } | FromPage::Earlier { .. } => 2,
            FromPage::Typing { .. } | FromPage::Idle { .. } | FromPage::Ping {} => 1,
            // Only who joined has something to leave.
            FromPage::Leave { .. } => 0,
        }
    }
}

impl ToPage<'_> {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers only")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_table_is_understood() {
        for sound in [
            r#"{"type":"join","room":"lobby","name":"Ada","key":"12345678"}"#,
            r#"{"type":"join","room":"lobby","name":"Ada","key":"12345678","since":{"epoch":"e","seq":3}}"#,
            r#"{"type":"leave","room":"lobby"}"#,
            r#"{"type":"say","room":"lobby","id":"1","text":"\ud83c\udf0a"}"#,
            r#"{"type":"typing","room":"lobby","on":true}"#,
            r#"{"type":"idle","on":true}"#,
            r#"{"type":"ping"}"#,
        ] {
            assert!(FromPage::parse(sound).is_some(), "{sound}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_refused() {
        let deep = "[".repeat(10_000);
        for nonsense in [
            "",
            "null",
            "[]",
            "hello",
            deep.as_str(),
            r#"{"type":"shout","room":"lobby"}"#,
            r#"{"room":"lobby"}"#,
            r#"{"type":"leave"}"#,
            r#"{"type":"leave","room":7}"#,
            r#"{"type":"leave","room":"lobby","force":true}"#,
            r#"{"type":"leave","room":"lobby"} trailing"#,
            r#"{"type":"join","room":"lobby","name":"Ada","key":"short"}"#,
            r#"{"type":"join","room":"lobby","name":"Ada","key":"12345678","since":{"epoch":"e","seq":-1}}"#,
            r#"{"type":"say","room":"lobby","id":"","text":"x"}"#,
            r#"{"type":"say","room":"lobby","id":"1","text":"\ud83c"}"#,
        ] {
            assert!(FromPage::parse(nonsense).is_none(), "{nonsense:.80}");
        }
    }

    #[test]
    fn a_secret_does_not_leave_the_server() {
        let mut rooms = crate::rooms::Rooms::new("epoch");
        rooms.join("lobby", "Ada", "secret-key", 1, None).unwrap();
        let said = rooms.say("lobby", 1, "id", "text", 9, |_| Ok(())).unwrap();
        let json = ToPage::Message { room: "lobby", message: said.message }.to_json();
        assert_eq!(json, r#"{"type":"message","room":"lobby","seq":1,"id":"id","name":"Ada","text":"text","at":9}"#);
    }
}
