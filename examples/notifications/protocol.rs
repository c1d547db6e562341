//! What senders, pages and server say to each other.
//!
//! `POST /notify` takes one JSON object as `application/json`:
//!
//! | field | |
//! |---|---|
//! | `user`, `topic` or `all` | for whom: one of them; `"all": true` is everybody who was ever here |
//! | `title`, `body`? | 120 and 1000 characters |
//! | `ttl`? | seconds that it is kept: a day, unless told otherwise, at most 30 days |
//! | `id`?  | what is sent again under the same id is not sent twice, as long as it is kept |
//!
//! and answers 201, or 200 if it had that id already, with `seq`, `users` (whose it is) and `connections` (that get it
//! now). By then it is in the log. Any other status comes with `code` and `text`, and nothing was done.
//!
//! Pages speak over WebSocket, one JSON object a text message:
//!
//! | page to server | | answer |
//! |---|---|---|
//! | `hello`  | `user`, `device`, `since`? `{log, seq}` | `welcome` or `error`; the user's others get `devices` |
//! | `ack`    | `seq`    | this device has all up to here; all get `devices` |
//! | `read`   | `seqs`   | all get `read` |
//! | `topics` | `topics` | all get `topics`, or `error` |
//! | `ping`   |          | `pong` |
//!
//! | server to page | | when |
//! |---|---|---|
//! | `welcome` | `user`, `device`, `log`, `seq`, `since`, `now`, `unread`, `kept` `[[seq, read]]`, `notifications`, `topics`, `devices` | behind `hello`; of those up to `since` the page keeps what is in `kept` |
//! | `notification` | `seq`, `to`, `title`, `body`, `at`, `expires`, `read`, `fresh`, `unread` | at once; `fresh` is worth a sound |
//! | `read`    | `seqs`, `unread` | some device of the user has read them |
//! | `gone`    | `seqs`, `unread` | their time is over, or newer ones took their place |
//! | `topics`  | `topics` | |
//! | `devices` | `devices` `[{name, online, waiting}]` | a device came, went or acknowledged |
//! | `error`   | `code`, `text`, `retry`? (ms) | a request was refused |
//! | `pong`    | | |
//!
//! Whatever changes the number of unread ones carries it, so that devices cannot disagree. A message that is none of
//! these closes the connection with 1008.

use serde::{Deserialize, Serialize};

use crate::record::{Notification, Target};
use crate::refusal::Refusal;
use crate::store::{DeviceState, Entry, MAX_INBOX, MAX_TOPICS, Order};

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum FromPage {
    Hello { user: String, device: String, since: Option<Since> },
    Ack { seq: u64 },
    Read { seqs: Vec<u64> },
    Topics { topics: Vec<String> },
    Ping {},
}

/// Where a page was when it lost its connection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    pub(crate) log: String,
    pub(crate) seq: u64,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum ToPage<'a> {
    Welcome {
        user: &'a str,
        device: &'a str,
        log: &'a str,
        seq: u64,
        since: u64,
        now: u64,
        unread: usize,
        kept: &'a [(u64, bool)],
        notifications: Vec<Shown<'a>>,
        topics: Vec<&'a str>,
        devices: Vec<Shape<'a>>,
    },
    Notification {
        #[serde(flatten)]
        notification: Shown<'a>,
        unread: usize,
    },
    Read {
        seqs: &'a [u64],
        unread: usize,
    },
    Gone {
        seqs: &'a [u64],
        unread: usize,
    },
    Topics {
        topics: Vec<&'a str>,
    },
    Devices {
        devices: Vec<Shape<'a>>,
    },
    Error {
        code: &'a str,
        text: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry: Option<u64>,
    },
    Pong,
}

/// A notification as a page sees it: without the sender's id.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    seq: u64,
    to: &'a Target,
    title: &'a str,
    body: &'a str,
    at: u64,
    expires: u64,
    read: bool,
    fresh: bool,
}

#[derive(Serialize)]
pub(crate) struct Shape<'a> {
    name: &'a str,
    online: bool,
    waiting: usize,
}

/// The answer to a sender.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum ToSender {
    Done { seq: u64, users: usize, connections: usize },
    Refused { code: &'static str, text: String },
}

impl FromPage {
    /// `None` for whatever is not in the table.
    pub(crate) fn parse(text: &str) -> Option<FromPage> {
        let request: FromPage = serde_json::from_str(text).ok()?;
        let sound = match &request {
            FromPage::Hello { since, .. } => since.as_ref().is_none_or(|since| since.log.len() <= 64),
            FromPage::Read { seqs } => seqs.len() <= MAX_INBOX,
            FromPage::Topics { topics } => topics.len() <= 2 * MAX_TOPICS,
            FromPage::Ack { .. } | FromPage::Ping {} => true,
        };
        sound.then_some(request)
    }

    /// What the request takes from the connection's allowance.
    pub(crate) fn cost(&self) -> u32 {
        match self {
            FromPage::Hello { .. } | FromPage::Topics { .. } => 4,
            FromPage::Ack { .. } | FromPage::Read { .. } | FromPage::Ping {} => 1,
        }
    }
}

impl ToPage<'_> {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers only")
    }
}

impl ToSender {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers only") + "\n"
    }
}

impl<'a> Shown<'a> {
    /// One that was sent just now.
    pub(crate) fn new(notification: &'a Notification) -> Self {
        Self::of(&Entry { notification, read: false, fresh: true })
    }

    pub(crate) fn of(entry: &Entry<'a>) -> Self {
        let Notification { seq, id: _, to, title, body, at, expires } = entry.notification;
        let (seq, at, expires) = (*seq, *at, *expires);
        Self { seq, to, title, body, at, expires, read: entry.read, fresh: entry.fresh }
    }
}

impl<'a> From<DeviceState<'a>> for Shape<'a> {
    fn from(DeviceState { name, online, waiting }: DeviceState<'a>) -> Self {
        Self { name, online, waiting }
    }
}

/// What is in the body of a `POST /notify`.
pub(crate) fn order(content_type: Option<&str>, body: &[u8]) -> Result<Order, Refusal> {
    // Pages of other origins cannot send this type without being asked, and the answer to that question is no.
    let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::NotJson);
    }
    let Wire { user, topic, all, id, title, body, ttl } =
        serde_json::from_slice(body).map_err(|_| Refusal::NotPlain)?;
    let to = match (user, topic, all) {
        (Some(user), None, false) => Target::User(user),
        (None, Some(topic), false) => Target::Topic(topic),
        (None, None, true) => Target::All,
        _ => return Err(Refusal::NoTarget),
    };
    Ok(Order { id, to, title, body, ttl })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    user: Option<String>,
    topic: Option<String>,
    #[serde(default)]
    all: bool,
    id: Option<String>,
    title: String,
    #[serde(default)]
    body: String,
    ttl: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Option<&str> = Some("application/json; charset=utf-8");

    #[test]
    fn what_pages_say_is_understood() {
        for sound in [
            r#"{"type":"hello","user":"ada","device":"phone"}"#,
            r#"{"type":"hello","user":"ada","device":"phone","since":{"log":"x","seq":3}}"#,
            r#"{"type":"ack","seq":18446744073709551615}"#,
            r#"{"type":"read","seqs":[1,2]}"#,
            r#"{"type":"topics","topics":[]}"#,
            r#"{"type":"ping"}"#,
        ] {
            assert!(FromPage::parse(sound).is_some(), "{sound}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_refused() {
        let many = format!(r#"{{"type":"read","seqs":[{}]}}"#, vec!["1"; MAX_INBOX + 1].join(","));
        let deep = "[".repeat(10_000);
        for nonsense in [
            "",
            "null",
            "[]",
            deep.as_str(),
            many.as_str(),
            r#"{"type":"shout"}"#,
            r#"{"type":"ack"}"#,
            r#"{"type":"ack","seq":-1}"#,
            r#"{"type":"ack","seq":1.5}"#,
            r#"{"type":"ack","seq":1,"more":2}"#,
            r#"{"type":"hello","user":"ada"}"#,
            r#"{"type":"ping"} trailing"#,
        ] {
            assert!(FromPage::parse(nonsense).is_none(), "{nonsense:.80}");
        }
    }

    #[test]
    fn a_sender_names_one_target() {
        let to = |json: &str| order(JSON, json.as_bytes()).map(|order| order.to);
        assert_eq!(to(r#"{"user":"ada","title":"x"}"#), Ok(Target::User("ada".into())));
        assert_eq!(to(r#"{"topic":"deploys","title":"x"}"#), Ok(Target::Topic("deploys".into())));
        assert_eq!(to(r#"{"all":true,"title":"x"}"#), Ok(Target::All));
        for none_or_two in [
            r#"{"title":"x"}"#,
            r#"{"all":false,"title":"x"}"#,
            r#"{"user":"ada","topic":"deploys","title":"x"}"#,
            r#"{"user":"ada","all":true,"title":"x"}"#,
        ] {
            assert_eq!(to(none_or_two), Err(Refusal::NoTarget), "{none_or_two}");
        }
        for unclear in
            ["", "[]", r#"{"user":"ada"}"#, r#"{"user":7,"title":"x"}"#, r#"{"user":"ada","title":"x","a":1}"#]
        {
            assert_eq!(to(unclear), Err(Refusal::NotPlain), "{unclear}");
        }
    }

    #[test]
    fn what_any_page_could_send_is_no_order() {
        let body = br#"{"user":"ada","title":"x"}"#;
        for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonp")] {
            assert_eq!(order(kind, body).map(|_| ()), Err(Refusal::NotJson));
        }
        assert!(order(Some("Application/JSON"), body).is_ok());
    }

    #[test]
    fn the_senders_id_stays_on_the_server() {
        let notification = Notification {
            seq: 1,
            id: Some("secret".into()),
            to: Target::All,
            title: "t".into(),
            body: "b".into(),
            at: 1,
            expires: 2,
        };
        let json = ToPage::Notification { notification: Shown::new(&notification), unread: 3 }.to_json();
        assert_eq!(
            json,
            r#"{"type":"notification","seq":1,"to":"all","title":"t","body":"b","at":1,"expires":2,"read":false,"fresh":true,"unread":3}"#
        );
    }
}
