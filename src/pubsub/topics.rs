//! A set of (subscriber, topic) pairs, quick from both sides.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Who is subscribed to what. Subscribers are small numbers of yours, such as indices into a table of connections.
///
/// ```
/// use bowsprit::Topics;
///
/// let mut topics = Topics::new();
/// topics.subscribe(7, "news");
/// topics.subscribe(9, "news");
/// assert_eq!(topics.subscribers("news"), [7, 9]);
/// topics.remove(7); // its connection is gone
/// assert_eq!(topics.subscribers("news"), [9]);
/// ```
#[derive(Debug, Default)]
pub struct Topics {
    by_name: BTreeMap<Arc<str>, TopicId>,
    topics: Vec<Topic>,
    unused_topics: Vec<TopicId>,
    /// One per pair; those of a subscriber are linked.
    memberships: Vec<Membership>,
    unused_memberships: Vec<u32>,
    /// By subscriber: its first membership.
    first: Vec<u32>,
}

/// A topic that has subscribers. Numbers of topics without any are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(u32);

#[derive(Debug)]
struct Topic {
    name: Arc<str>,
    subscribers: Vec<u32>,
    /// In the order of `subscribers`: the membership of each.
    memberships: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Membership {
    topic: TopicId,
    /// Where the topic lists this subscriber.
    position: u32,
    next: u32,
}

const NONE: u32 = u32::MAX;

impl Topics {
    /// Nobody is subscribed to anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes; `false` if that was so already. Takes as long as the subscriber has topics.
    pub fn subscribe(&mut self, subscriber: u32, name: &str) -> bool {
        let id = match self.by_name.get(name) {
            Some(&id) if self.contains(subscriber, id) => return false,
            Some(&id) => id,
            None => self.create(name),
        };
        let membership = self.unused_memberships.pop().unwrap_or(self.memberships.len() as u32);
        let row = subscriber as usize;
        if self.first.len() <= row {
            self.first.resize(row + 1, NONE);
        }
        let topic = &mut self.topics[id.0 as usize];
        let entry = Membership { topic: id, position: topic.subscribers.len() as u32, next: self.first[row] };
        match self.memberships.get_mut(membership as usize) {
            Some(unused) => *unused = entry,
            None => self.memberships.push(entry),
        }
        topic.subscribers.push(subscriber);
        topic.memberships.push(membership);
        self.first[row] = membership;
        true
    }

    /// Unsubscribes; `false` if it was not subscribed. Takes as long as the subscriber has topics.
    pub fn unsubscribe(&mut self, subscriber: u32, name: &str) -> bool {
        let Some(&id) = self.by_name.get(name) else { return false };
        let mut previous = NONE;
        let mut at = self.first_of(subscriber);
        while at != NONE {
            let Membership { topic, next, .. } = self.memberships[at as usize];
            if topic == id {
                match previous {
                    NONE => self.first[subscriber as usize] = next,
                    previous => self.memberships[previous as usize].next = next,
                }
                self.drop_membership(at);
                return true;
            }
            previous = at;
            at = next;
        }
        false
    }

    /// Unsubscribes from everything.
    pub fn remove(&mut self, subscriber: u32) {
        let mut at = self.first_of(subscriber);
        while at != NONE {
            let next = self.memberships[at as usize].next;
            self.drop_membership(at);
            at = next;
        }
        if let Some(first) = self.first.get_mut(subscriber as usize) {
            *first = NONE;
        }
    }

    /// How many topics have subscribers.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether nobody is subscribed to anything.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// How many pairs of a subscriber and a topic there are.
    pub fn subscriptions(&self) -> usize {
        self.memberships.len() - self.unused_memberships.len()
    }

    /// The subscribers of a topic, in no particular order.
    pub fn subscribers(&self, name: &str) -> &[u32] {
        self.find(name).map_or(&[], |id| self.subscribers_of(id))
    }

    /// The topic of that name, if it has subscribers.
    pub fn find(&self, name: &str) -> Option<TopicId> {
        self.by_name.get(name).copied()
    }

    /// The subscribers of a topic, in no particular order.
    pub fn subscribers_of(&self, topic: TopicId) -> &[u32] {
        self.topics.get(topic.0 as usize).map_or(&[], |topic| &topic.subscribers)
    }

    /// The topics of a subscriber, in no particular order.
    pub fn topics_of(&self, subscriber: u32) -> impl Iterator<Item = TopicId> + '_ {
        let mut at = self.first_of(subscriber);
        core::iter::from_fn(move || {
            let membership = self.memberships.get(at as usize)?;
            at = membership.next;
            Some(membership.topic)
        })
    }

    /// Whether a subscriber is subscribed to a topic.
    pub fn contains(&self, subscriber: u32, topic: TopicId) -> bool {
        self.topics_of(subscriber).any(|id| id == topic)
    }

    /// Whether a subscriber is subscribed to anything.
    pub fn is_subscriber(&self, subscriber: u32) -> bool {
        self.first_of(subscriber) != NONE
    }

    fn first_of(&self, subscriber: u32) -> u32 {
        self.first.get(subscriber as usize).copied().unwrap_or(NONE)
    }

    fn create(&mut self, name: &str) -> TopicId {
        let name: Arc<str> = name.into();
        let topic = Topic { name: name.clone(), subscribers: Vec::new(), memberships: Vec::new() };
        let id = match self.unused_topics.pop() {
            Some(id) => {
                self.topics[id.0 as usize] = topic;
                id
            }
            None => {
                self.topics.push(topic);
                TopicId(self.topics.len() as u32 - 1)
            }
        };
        self.by_name.insert(name, id);
        id
    }

    /// Takes a membership, already out of its subscriber's list, out of its topic; the last one takes the topic along.
    fn drop_membership(&mut self, membership: u32) {
        let Membership { topic: id, position, .. } = self.memberships[membership as usize];
        let topic = &mut self.topics[id.0 as usize];
        topic.subscribers.swap_remove(position as usize);
        topic.memberships.swap_remove(position as usize);
        if let Some(&moved) = topic.memberships.get(position as usize) {
            self.memberships[moved as usize].position = position;
        }
        if topic.subscribers.is_empty() {
            self.by_name.remove(&topic.name);
            topic.subscribers = Vec::new();
            topic.memberships = Vec::new();
            self.unused_topics.push(id);
        }
        self.unused_memberships.push(membership);
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use std::format;
    use std::string::String;

    use super::*;

    #[test]
    fn equals_a_set_of_pairs() {
        // A fixed walk through the operations, long enough to reuse every kind of slot.
        let mut topics = Topics::new();
        let mut pairs = BTreeSet::<(u32, String)>::new();
        let mut dice = 12_345u32;
        for _ in 0..20_000 {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (subscriber, name) = (dice >> 8 & 15, format!("topic {}", dice >> 16 & 7));
            match dice >> 28 {
                0 => {
                    topics.remove(subscriber);
                    pairs.retain(|pair| pair.0 != subscriber);
                }
                1..=7 => {
                    assert_eq!(topics.unsubscribe(subscriber, &name), pairs.remove(&(subscriber, name)));
                }
                _ => {
                    assert_eq!(topics.subscribe(subscriber, &name), pairs.insert((subscriber, name)));
                }
            }
            for n in 0..8 {
                let name = format!("topic {n}");
                let listed: BTreeSet<u32> = topics.subscribers(&name).iter().copied().collect();
                let expected: BTreeSet<u32> = pairs.iter().filter(|pair| pair.1 == name).map(|pair| pair.0).collect();
                assert_eq!(listed, expected);
                assert_eq!(topics.subscribers(&name).len(), expected.len());
                assert_eq!(topics.find(&name).is_some(), !expected.is_empty());
            }
            assert_eq!(topics.subscriptions(), pairs.len());
            assert_eq!(topics.len(), pairs.iter().map(|pair| &pair.1).collect::<BTreeSet<_>>().len());
            assert_eq!(topics.topics_of(subscriber).count(), pairs.iter().filter(|pair| pair.0 == subscriber).count());
        }
        assert!(topics.memberships.len() <= 16 * 8 && topics.topics.len() <= 8);
    }
}
