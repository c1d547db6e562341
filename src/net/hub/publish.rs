//! Topics, and what is published to them: each subscriber gets its share of the log, in the order of the calls.

use std::vec::Vec;

use super::Hub;
use crate::buffer::Traffic;
use crate::frame::{Expected, FrameHeader, RSV1, Status};
use crate::message::{MessageRef, SharedMessage};
use crate::net::outbox::Unit;
use crate::pubsub::{LARGE, Piece, Place, TopicId};

impl<D> Hub<D> {
    /// Publishes on all loops.
    pub(in crate::net) fn publish(&mut self, topic: &str, message: MessageRef<'_>) {
        if self.remote.is_alone() {
            return self.publish_here(topic, message);
        }
        let message = SharedMessage::from(message);
        self.publish_here(topic, (&message).into());
        self.elsewhere.push((topic.into(), message));
    }

    /// Publishes on this loop.
    pub(in crate::net) fn publish_here(&mut self, topic: &str, message: MessageRef<'_>) {
        if let Some(topic) = self.topics.find(topic) {
            self.log.push(topic, message);
        }
    }

    pub(in crate::net) fn publish_to_others(&mut self, index: u32, topic: &str, message: MessageRef<'_>) {
        self.catch_up(index);
        self.publish(topic, message);
        if let Some(record) = self.records.get_mut(index) {
            record.position = self.log.next();
        }
    }

    pub(in crate::net) fn subscribe(&mut self, index: u32, topic: &str) -> bool {
        if self.open_connection(index).is_none() {
            return false;
        }
        self.catch_up(index);
        let id = self.topics.find(topic);
        if id.is_some_and(|id| self.topics.contains(index, id)) {
            return true;
        }
        let config = &self.config;
        let room = topic.len() <= config.topic_name
            && (id.is_some() || self.topics.len() < config.topics)
            && self.topics.topics_of(index).count() < config.topics_per_connection;
        room && self.topics.subscribe(index, topic)
    }

    pub(in crate::net) fn unsubscribe(&mut self, index: u32, topic: &str) -> bool {
        self.catch_up(index);
        self.topics.unsubscribe(index, topic)
    }

    /// Queues what was published for a connection so far, so that what comes now comes behind it.
    pub(in crate::net) fn catch_up(&mut self, index: u32) {
        let Some(record) = self.records.get_mut(index) else { return };
        let position = core::mem::replace(&mut record.position, self.log.next());
        if self.log.is_at_end(position) || !self.topics.is_subscriber(index) || !self.is_open(index) {
            return;
        }
        let mut places = core::mem::take(&mut self.places);
        let traffic = self.collect(index, position, &mut places);
        self.forget_sent(index);
        if !places.is_empty() && self.admit(index) {
            self.count_published(index, &traffic);
            self.queue_places(index, &places, 0);
        }
        self.places = places;
    }

    /// Where a subscriber's share of the log lies.
    pub(in crate::net) fn collect(&mut self, index: u32, position: u64, into: &mut Vec<Place>) -> Traffic {
        // Looked up once for all messages: a client may have chosen how many there are.
        let mut topics: Vec<TopicId> = self.topics.topics_of(index).collect();
        topics.sort_unstable();
        let wanted = |topic| topics.binary_search(&topic).is_ok();
        self.collect_for(self.class(index), position, wanted, into)
    }

    /// Counts frames of the log that a connection gets as they are; a client's are counted when they are masked.
    pub(in crate::net) fn count_published(&mut self, index: u32, traffic: &Traffic) {
        if !self.masks(index) {
            self.stats.published.add(traffic);
        }
    }

    /// Queues parts of the log, without the first `skip` bytes, which were written.
    pub(in crate::net) fn queue_places(&mut self, index: u32, places: &[Place], mut skip: usize) {
        if self.masks(index) {
            return self.queue_places_masked(index, places);
        }
        let mut unit = if skip == 0 { self.unit(index) } else { Unit::Fixed };
        let log = core::mem::take(&mut self.log);
        for place in places {
            let piece = log.piece(place);
            let skipped = skip.min(piece.bytes().len());
            skip -= skipped;
            if skipped < piece.bytes().len() {
                self.queue_piece(index, &piece, skipped, unit);
                if unit == Unit::Message {
                    unit = Unit::Rest;
                }
            }
        }
        self.log = log;
    }

    /// A client's frames are its own: the log's have no mask (RFC 6455 §5.1). What was compressed once stays so.
    fn queue_places_masked(&mut self, index: u32, places: &[Place]) {
        let unit = self.unit(index);
        let frames: Vec<u8> = places.iter().flat_map(|place| self.log.piece(place).bytes().to_vec()).collect();
        let (mut rest, expected) = (frames.as_slice(), Expected { masked: false, rsv: RSV1 });
        while let Ok(Status::Complete((header, len))) = FrameHeader::decode(rest, expected) {
            let (payload, behind) = rest[len..].split_at(header.payload_len as usize);
            self.queue_masked(index, header, payload, unit);
            rest = behind;
        }
        debug_assert!(rest.is_empty(), "the log holds whole frames");
    }

    /// Queues a whole message of a client, behind the one that is being sent in parts if there is one.
    pub(super) fn queue_masked(&mut self, index: u32, mut header: FrameHeader, payload: &[u8], unit: Unit) {
        header.masking_key = self.scratch.next_masking_key();
        self.scratch.push_frame(&header, payload);
        let frame = core::mem::take(&mut self.scratch);
        let aside = self.is_sending_parts(index);
        self.queue(index, |outbox| match aside {
            true => outbox.put_aside(|outbox| outbox.push_copy(frame.pending(), unit)),
            false => outbox.push_copy(frame.pending(), unit),
        });
        self.scratch = frame;
        self.scratch.consume(self.scratch.pending().len());
    }

    fn queue_piece(&mut self, index: u32, piece: &Piece<'_>, skip: usize, unit: Unit) {
        let bytes = &piece.bytes()[skip..];
        if self.is_sending_parts(index) {
            return self.queue(index, |outbox| {
                outbox.put_aside(|outbox| match piece.share(skip) {
                    Some(shared) => outbox.push_shared(shared, piece.pins(), unit),
                    None => outbox.push_copy(bytes, unit),
                });
            });
        }
        let corked =
            index == self.output.index && self.records.get(index).is_some_and(|record| record.outbox.is_none());
        match piece.share(skip) {
            Some(shared) if bytes.len() >= LARGE || !corked => {
                self.queue(index, |outbox| outbox.push_shared(shared, piece.pins(), unit));
            }
            _ if corked => self.output.cork.extend_from_slice(bytes),
            _ => self.queue(index, |outbox| outbox.push_copy(bytes, unit)),
        }
    }
}
