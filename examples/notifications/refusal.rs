//! Why something is not done, in the words of HTTP, of the pages, and of people.

use std::fmt;

use crate::store::{MAX_BODY, MAX_DEVICES, MAX_NAME, MAX_TITLE, MAX_TOPICS, MAX_TTL};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotJson,
    NotPlain,
    NoTarget,
    BadName(&'static str),
    BadTitle,
    LongBody,
    BadTtl,
    OtherContent,
    TooManyUsers,
    TooManyDevices,
    TooManyTopics,
    Full,
    NotWritten,
}

impl Refusal {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::NotJson => 415,
            Self::OtherContent => 409,
            Self::TooManyUsers | Self::Full | Self::NotWritten => 503,
            _ => 400,
        }
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::NotJson => "not-json",
            Self::NotPlain => "not-understood",
            Self::NoTarget => "no-target",
            Self::BadName(_) => "bad-name",
            Self::BadTitle => "bad-title",
            Self::LongBody => "long-body",
            Self::BadTtl => "bad-ttl",
            Self::OtherContent => "other-content",
            Self::TooManyUsers => "too-many-users",
            Self::TooManyDevices => "too-many-devices",
            Self::TooManyTopics => "too-many-topics",
            Self::Full => "full",
            Self::NotWritten => "not-written",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("Send JSON, as application/json."),
            Self::NotPlain => f.write_str("That is not one JSON object with the fields that there are."),
            Self::NoTarget => f.write_str("Name one of user, topic and \"all\": true."),
            Self::BadName(what) => {
                write!(f, "The {what} must be 1 to {MAX_NAME} of a-z, 0-9, and the signs - _ . @ and the colon.")
            }
            Self::BadTitle => write!(f, "The title must have 1 to {MAX_TITLE} characters."),
            Self::LongBody => write!(f, "The body must have at most {MAX_BODY} characters."),
            Self::BadTtl => write!(f, "The ttl must be 1 to {MAX_TTL} seconds."),
            Self::OtherContent => f.write_str("Something else was sent under this id."),
            Self::TooManyUsers => f.write_str("There is no room for another user."),
            Self::TooManyDevices => write!(f, "{MAX_DEVICES} devices of this user are connected already."),
            Self::TooManyTopics => write!(f, "Nobody can have more than {MAX_TOPICS} topics."),
            Self::Full => f.write_str("Too many notifications are kept; try again when some have expired."),
            Self::NotWritten => f.write_str("It could not be written to the log; nothing was done."),
        }
    }
}
