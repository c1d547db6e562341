//! What changes the store, and what the log holds of it: one JSON object a record.
//!
//! The log replayed makes the store again. Nothing that is not in here outlives the server.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Record {
    /// The first of a log: its name, and from where it numbers notifications on.
    Log {
        id: String,
        seq: u64,
    },
    Notification(Notification),
    /// A device has all up to this number; 0 when it is new.
    Acknowledged {
        user: String,
        device: String,
        seq: u64,
    },
    /// A device made place for another.
    Forgotten {
        user: String,
        device: String,
    },
    Read {
        user: String,
        seqs: Vec<u64>,
    },
    /// The topics of a user from now on.
    Topics {
        user: String,
        topics: Vec<String>,
    },
    /// All there is of a user, when the log is written anew.
    Kept {
        user: String,
        topics: Vec<String>,
        devices: Vec<(String, u64)>,
        inbox: Vec<(u64, bool)>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notification {
    /// Grows with each notification, for whomever it is.
    pub(crate) seq: u64,
    /// Chosen by the sender, who can send again what was not answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) to: Target,
    pub(crate) title: String,
    pub(crate) body: String,
    /// When it was sent and when it is forgotten: milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) expires: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    User(String),
    /// Those who have subscribed when it is sent.
    Topic(String),
    /// Everybody who was ever here, or notified.
    All,
}

impl Record {
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers only")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_the_same_after_the_log() {
        let notification = |to, id: Option<&str>| {
            let (title, body) = ("Tëst \"1\"".to_owned(), "line\nline".to_owned());
            Record::Notification(Notification { seq: 7, id: id.map(Into::into), to, title, body, at: 1, expires: 2 })
        };
        for record in [
            Record::Log { id: "abc".into(), seq: 9 },
            notification(Target::User("ada".into()), Some("build-1")),
            notification(Target::Topic("deploys".into()), None),
            notification(Target::All, None),
            Record::Acknowledged { user: "ada".into(), device: "phone".into(), seq: u64::MAX },
            Record::Forgotten { user: "ada".into(), device: "phone".into() },
            Record::Read { user: "ada".into(), seqs: vec![1, 2] },
            Record::Topics { user: "ada".into(), topics: vec!["deploys".into()] },
            Record::Kept {
                user: "ada".into(),
                topics: vec![],
                devices: vec![("phone".into(), 3)],
                inbox: vec![(1, true), (2, false)],
            },
        ] {
            assert_eq!(serde_json::from_slice::<Record>(&record.to_json()).unwrap(), record);
        }
    }
}
