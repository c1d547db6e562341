//! Users, their devices, and what each of them is still to hear of: no sockets, no clock, no disk.
//!
//! What is asked for is decided first, which changes nothing and makes a [`Record`]; the caller writes that to the log,
//! and only then is it applied. Times are milliseconds since 1970 and come from the caller.
//!
//! A user has one inbox, so that all devices count the same; each device has a number up to which it has acknowledged.
//! A notification is in the inbox until its time is over, read or not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::record::{Notification, Record, Target};
use crate::refusal::Refusal;

pub(crate) const MAX_USERS: usize = 10_000;
pub(crate) const MAX_NOTIFICATIONS: usize = 10_000;
/// The oldest makes place.
pub(crate) const MAX_INBOX: usize = 200;
pub(crate) const MAX_DEVICES: usize = 16;
pub(crate) const MAX_TOPICS: usize = 32;
pub(crate) const MAX_NAME: usize = 64;
pub(crate) const MAX_TITLE: usize = 120;
pub(crate) const MAX_BODY: usize = 1000;
/// Seconds.
pub(crate) const DEFAULT_TTL: u64 = 24 * 60 * 60;
pub(crate) const MAX_TTL: u64 = 30 * 24 * 60 * 60;

#[derive(Debug, Default)]
pub(crate) struct Store {
    id: String,
    seq: u64,
    notifications: BTreeMap<u64, Notification>,
    /// The numbers of those that came with an id.
    known: HashMap<String, u64>,
    /// When which number is forgotten.
    expiry: BTreeSet<(u64, u64)>,
    users: BTreeMap<String, User>,
}

#[derive(Debug, Default)]
struct User {
    topics: BTreeSet<String>,
    /// The one that was new last is the last.
    devices: Vec<Device>,
    /// Whether it is read, by number.
    inbox: BTreeMap<u64, bool>,
}

#[derive(Debug)]
struct Device {
    name: String,
    acknowledged: u64,
    /// Tabs, as a rule. Not in the log.
    connections: usize,
}

/// What a sender asks for.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: Option<String>,
    pub(crate) to: Target,
    pub(crate) title: String,
    pub(crate) body: String,
    /// Seconds.
    pub(crate) ttl: Option<u64>,
}

#[derive(Debug)]
pub(crate) enum Accepted {
    New(Notification),
    /// It was sent before, under this number.
    Known(u64),
}

/// To whom a notification goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) user: String,
    /// What had to go for it.
    pub(crate) dropped: Option<u64>,
}

/// What a page sees that came back, or is new.
#[derive(Debug)]
pub(crate) struct Inbox<'s> {
    /// The page has those up to here.
    pub(crate) since: u64,
    /// Those that it has and that still live, and whether they are read.
    pub(crate) kept: Vec<(u64, bool)>,
    /// The rest, oldest first.
    pub(crate) missed: Vec<Entry<'s>>,
}

#[derive(Debug)]
pub(crate) struct Entry<'s> {
    pub(crate) notification: &'s Notification,
    pub(crate) read: bool,
    /// This device has not acknowledged it, and no other device has read it.
    pub(crate) fresh: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DeviceState<'s> {
    pub(crate) name: &'s str,
    pub(crate) online: bool,
    /// What it has not acknowledged.
    pub(crate) waiting: usize,
}

/// Decisions.
impl Store {
    pub(crate) fn order(&self, order: Order, now: u64) -> Result<Accepted, Refusal> {
        let Order { id, to, title, body, ttl } = order;
        let ttl = ttl.unwrap_or(DEFAULT_TTL);
        let title = title.trim().to_owned();
        let body = body.trim().to_owned();
        match &to {
            Target::User(name) if !is_name(name) => return Err(Refusal::BadName("user")),
            Target::Topic(name) if !is_name(name) => return Err(Refusal::BadName("topic")),
            _ => {}
        }
        if id.as_ref().is_some_and(|id| !is_name(id)) {
            return Err(Refusal::BadName("id"));
        }
        if title.is_empty() || title.chars().count() > MAX_TITLE {
            return Err(Refusal::BadTitle);
        }
        if body.chars().count() > MAX_BODY {
            return Err(Refusal::LongBody);
        }
        if !(1..=MAX_TTL).contains(&ttl) {
            return Err(Refusal::BadTtl);
        }
        if let Some(known) = id.as_ref().and_then(|id| self.known.get(id)).and_then(|seq| self.notifications.get(seq)) {
            let same = (&known.to, &known.title, &known.body) == (&to, &title, &body);
            return if same { Ok(Accepted::Known(known.seq)) } else { Err(Refusal::OtherContent) };
        }
        if self.notifications.len() >= MAX_NOTIFICATIONS {
            return Err(Refusal::Full);
        }
        if let Target::User(name) = &to {
            self.room_for(name)?;
        }
        let expires = now.saturating_add(ttl * 1000);
        Ok(Accepted::New(Notification { seq: self.seq + 1, id, to, title, body, at: now, expires }))
    }

    /// What must be written before a device can be connected: nothing if it is known.
    pub(crate) fn arrival(&self, user: &str, device: &str) -> Result<Vec<Record>, Refusal> {
        if !is_name(user) {
            return Err(Refusal::BadName("user"));
        }
        if !is_name(device) {
            return Err(Refusal::BadName("device"));
        }
        self.room_for(user)?;
        let devices = self.users.get(user).map_or(&[][..], |user| &user.devices);
        if devices.iter().any(|known| known.name == device) {
            return Ok(Vec::new());
        }
        let mut records = Vec::new();
        if devices.len() >= MAX_DEVICES {
            let absent = devices.iter().find(|device| device.connections == 0).ok_or(Refusal::TooManyDevices)?;
            records.push(Record::Forgotten { user: user.into(), device: absent.name.clone() });
        }
        records.push(Record::Acknowledged { user: user.into(), device: device.into(), seq: 0 });
        Ok(records)
    }

    /// `None` if that is known.
    pub(crate) fn acknowledgement(&self, user: &str, device: &str, seq: u64) -> Option<Record> {
        let known = self.users.get(user)?.devices.iter().find(|known| known.name == device)?.acknowledged;
        let seq = seq.min(self.seq);
        (seq > known).then(|| Record::Acknowledged { user: user.into(), device: device.into(), seq })
    }

    /// Those of the numbers that are unread; `None` if there are none.
    pub(crate) fn reading(&self, user: &str, seqs: &[u64]) -> Option<Record> {
        let inbox = &self.users.get(user)?.inbox;
        let unread: BTreeSet<u64> = seqs.iter().copied().filter(|seq| inbox.get(seq) == Some(&false)).collect();
        (!unread.is_empty()).then(|| Record::Read { user: user.into(), seqs: unread.into_iter().collect() })
    }

    /// `None` if nothing changes.
    pub(crate) fn subscription(&self, user: &str, topics: &[String]) -> Result<Option<Record>, Refusal> {
        if !topics.iter().all(|topic| is_name(topic)) {
            return Err(Refusal::BadName("topic"));
        }
        let topics: BTreeSet<&String> = topics.iter().collect();
        if topics.len() > MAX_TOPICS {
            return Err(Refusal::TooManyTopics);
        }
        let same = self.users.get(user).is_none_or(|user| user.topics.iter().eq(topics.iter().copied()));
        Ok((!same).then(|| Record::Topics { user: user.into(), topics: topics.into_iter().cloned().collect() }))
    }

    fn room_for(&self, user: &str) -> Result<(), Refusal> {
        let room = self.users.len() < MAX_USERS || self.users.contains_key(user);
        room.then_some(()).ok_or(Refusal::TooManyUsers)
    }
}

/// Changes.
impl Store {
    /// Does what was decided, now or by a server before this one. Returns whom a notification goes to.
    pub(crate) fn apply(&mut self, record: Record) -> Vec<Delivery> {
        match record {
            Record::Log { id, seq } => (self.id, self.seq) = (id, seq),
            Record::Notification(notification) => return self.keep(notification),
            Record::Acknowledged { user, device, seq } => {
                let devices = &mut self.users.entry(user).or_default().devices;
                match devices.iter_mut().find(|known| known.name == device) {
                    Some(known) => known.acknowledged = known.acknowledged.max(seq),
                    None => devices.push(Device { name: device, acknowledged: seq, connections: 0 }),
                }
            }
            Record::Forgotten { user, device } => {
                if let Some(user) = self.users.get_mut(&user) {
                    user.devices.retain(|known| known.name != device);
                }
            }
            Record::Read { user, seqs } => {
                if let Some(user) = self.users.get_mut(&user) {
                    for seq in seqs {
                        user.inbox.entry(seq).and_modify(|read| *read = true);
                    }
                }
            }
            Record::Topics { user, topics } => {
                self.users.entry(user).or_default().topics = topics.into_iter().collect();
            }
            Record::Kept { user, topics, devices, inbox } => {
                let devices = devices.into_iter();
                let kept = User {
                    topics: topics.into_iter().collect(),
                    devices: devices
                        .map(|(name, acknowledged)| Device { name, acknowledged, connections: 0 })
                        .collect(),
                    inbox: inbox.into_iter().collect(),
                };
                self.users.insert(user, kept);
            }
        }
        Vec::new()
    }

    fn keep(&mut self, notification: Notification) -> Vec<Delivery> {
        // What had expired when it was sent makes no place; replayed, the log must do the same again.
        self.expire(notification.at);
        let users: Vec<String> = match &notification.to {
            Target::User(name) => vec![name.clone()],
            Target::Topic(topic) => {
                let subscribed = self.users.iter().filter(|(_, user)| user.topics.contains(topic));
                subscribed.map(|(name, _)| name.clone()).collect()
            }
            Target::All => self.users.keys().cloned().collect(),
        };
        let seq = notification.seq;
        let deliver = |name: String| {
            let inbox = &mut self.users.entry(name.clone()).or_default().inbox;
            inbox.insert(seq, false);
            let dropped = if inbox.len() > MAX_INBOX { inbox.pop_first().map(|(seq, _)| seq) } else { None };
            Delivery { user: name, dropped }
        };
        let deliveries = users.into_iter().map(deliver).collect();
        self.seq = self.seq.max(seq);
        self.expiry.insert((notification.expires, seq));
        if let Some(id) = &notification.id {
            self.known.insert(id.clone(), seq);
        }
        self.notifications.insert(seq, notification);
        deliveries
    }

    /// Forgets what has lived long enough. Returns whose inbox lost what.
    pub(crate) fn expire(&mut self, now: u64) -> Vec<(String, Vec<u64>)> {
        let mut any = false;
        while self.expiry.first().is_some_and(|(expires, _)| *expires <= now) {
            let Some((_, seq)) = self.expiry.pop_first() else { break };
            if let Some(id) = self.notifications.remove(&seq).and_then(|gone| gone.id) {
                self.known.remove(&id);
            }
            any = true;
        }
        if !any {
            return Vec::new();
        }
        let mut gone = Vec::new();
        for (name, user) in &mut self.users {
            let seqs: Vec<u64> =
                user.inbox.keys().copied().filter(|seq| !self.notifications.contains_key(seq)).collect();
            if !seqs.is_empty() {
                user.inbox.retain(|seq, _| self.notifications.contains_key(seq));
                gone.push((name.clone(), seqs));
            }
        }
        gone
    }

    /// A connection of a device that [`arrival`](Self::arrival) let in.
    pub(crate) fn connect(&mut self, user: &str, device: &str) {
        if let Some(device) = self.device_mut(user, device) {
            device.connections += 1;
        }
    }

    /// One connection less.
    pub(crate) fn disconnect(&mut self, user: &str, device: &str) {
        if let Some(device) = self.device_mut(user, device) {
            device.connections = device.connections.saturating_sub(1);
        }
    }

    fn device_mut(&mut self, user: &str, device: &str) -> Option<&mut Device> {
        self.users.get_mut(user)?.devices.iter_mut().find(|known| known.name == device)
    }
}

/// Answers.
impl Store {
    /// The name of the log. Numbers of another log mean nothing here.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The number of the last notification.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn notification(&self, seq: u64) -> Option<&Notification> {
        self.notifications.get(&seq)
    }

    /// The same for all devices of the user.
    pub(crate) fn unread(&self, user: &str) -> usize {
        self.users.get(user).map_or(0, |user| user.inbox.values().filter(|read| !**read).count())
    }

    pub(crate) fn topics(&self, user: &str) -> Vec<&str> {
        self.users.get(user).map_or_else(Vec::new, |user| user.topics.iter().map(String::as_str).collect())
    }

    pub(crate) fn devices(&self, user: &str) -> Vec<DeviceState<'_>> {
        let Some(user) = self.users.get(user) else { return Vec::new() };
        let states = user.devices.iter().map(|device| DeviceState {
            name: &device.name,
            online: device.connections > 0,
            waiting: user.inbox.keys().filter(|seq| **seq > device.acknowledged).count(),
        });
        states.collect()
    }

    /// For a page that has everything up to `since` of the log of that name, or nothing.
    pub(crate) fn inbox(&self, user: &str, device: &str, since: Option<(&str, u64)>) -> Inbox<'_> {
        let since = since.filter(|(id, seq)| *id == self.id && *seq <= self.seq).map_or(0, |(_, seq)| seq);
        let Some(user) = self.users.get(user) else { return Inbox { since, kept: Vec::new(), missed: Vec::new() } };
        let acknowledged = user.devices.iter().find(|known| known.name == device).map_or(0, |known| known.acknowledged);
        let (mut kept, mut missed) = (Vec::new(), Vec::new());
        for (&seq, &read) in &user.inbox {
            if seq <= since {
                kept.push((seq, read));
            } else if let Some(notification) = self.notifications.get(&seq) {
                missed.push(Entry { notification, read, fresh: !read && seq > acknowledged });
            }
        }
        Inbox { since, kept, missed }
    }

    /// The records that make this store again, and no more of them than needed.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut records = vec![Record::Log { id: self.id.clone(), seq: self.seq }];
        // Before the users, who are named behind with what is theirs.
        records.extend(self.notifications.values().cloned().map(Record::Notification));
        records.extend(self.users.iter().map(|(name, user)| Record::Kept {
            user: name.clone(),
            topics: user.topics.iter().cloned().collect(),
            devices: user.devices.iter().map(|device| (device.name.clone(), device.acknowledged)).collect(),
            inbox: user.inbox.iter().map(|(seq, read)| (*seq, *read)).collect(),
        }));
        records
    }
}

/// Of a user, a device, a topic, or what a sender calls a notification.
fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.@:".contains(&byte))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
