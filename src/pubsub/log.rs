//! Published messages, each framed once, in order, until every subscriber has its share.

use alloc::vec::Vec;
use core::ops::Range;

use bytes::{Bytes, BytesMut};

use super::TopicId;
use crate::buffer::Traffic;
#[cfg(feature = "deflate")]
use crate::deflate::{Compressors, Packed};
use crate::frame::FrameHeader;
#[cfg(feature = "deflate")]
use crate::frame::RSV1;
use crate::message::{Kind, MessageRef};

/// What was published since the last flush.
///
/// Small messages are copied one behind the other into a chunk, so that any number of them is one slice to send; large
/// ones are kept where they are.
#[derive(Debug, Default)]
pub(crate) struct PublishLog {
    entries: Vec<Entry>,
    /// The sequence number of `entries[0]`.
    first: u64,
    frames: Frames,
    /// The same messages, compressed, for each class of subscribers that there is.
    #[cfg(feature = "deflate")]
    classes: Vec<Compressed>,
}

#[derive(Debug)]
struct Entry {
    topic: TopicId,
    /// Offset of the frame's end; it begins where the one before ended.
    end: usize,
    kind: Kind,
    payload_len: usize,
    /// Whether it must not be compressed.
    #[cfg(feature = "deflate")]
    plain: bool,
}

/// Which frames a subscriber takes: those as they are, or compressed with windows of 2ⁿ bytes. All with the same
/// number share what is compressed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Plain,
    #[cfg(feature = "deflate")]
    Deflate(u8),
}

/// What subscribers of a class get.
#[cfg(feature = "deflate")]
#[derive(Debug)]
struct Compressed {
    bits: u8,
    frames: Frames,
    /// By entry: where its frame lies and how long its payload is, if anybody wanted it.
    ranges: Vec<Option<(Range<usize>, usize)>>,
}

/// Frames in a row.
#[derive(Debug, Default)]
struct Frames {
    segments: Vec<Segment>,
    /// Where the next small message goes; not yet a segment.
    chunk: BytesMut,
    /// Bytes in `segments` and `chunk`.
    len: usize,
}

#[derive(Debug)]
struct Segment {
    bytes: Bytes,
    /// Offset of its first byte.
    start: usize,
    /// Memory that a reference into it keeps alive.
    pins: usize,
}

/// Where a contiguous part of the log lies, until the log changes.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    class: Class,
    segment: usize,
    range: Range<usize>,
}

/// A contiguous part of the log.
#[derive(Debug)]
pub(crate) struct Piece<'l> {
    segment: &'l Segment,
    range: Range<usize>,
}

/// Beyond, it is time for a flush, lest one iteration gathers too much.
const LONG: usize = 4 << 20;
/// The size of a chunk of small messages.
const CHUNK: usize = 64 << 10;
/// From here on a payload is not copied if it can be shared.
pub(crate) const LARGE: usize = 16 << 10;

impl PublishLog {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The sequence number that the next message will have.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The sequence number of the first message in the log.
    pub(crate) fn start(&self) -> u64 {
        self.first
    }

    /// Whether somebody who has had all before `position` has seen the whole log.
    pub(crate) fn is_at_end(&self, position: u64) -> bool {
        self.index(position) == self.entries.len()
    }

    /// The topic, if the log holds messages of one only.
    pub(crate) fn only_topic(&self) -> Option<TopicId> {
        let topic = self.entries.first()?.topic;
        self.entries.iter().all(|entry| entry.topic == topic).then_some(topic)
    }

    /// The topics in the log, each once.
    pub(crate) fn topics(&self) -> Vec<TopicId> {
        let mut topics: Vec<_> = self.entries.iter().map(|entry| entry.topic).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// Whether it should be flushed without waiting for the end of the iteration.
    pub(crate) fn is_long(&self) -> bool {
        self.frames.len >= LONG
    }

    /// Frames a message and appends it.
    pub(crate) fn push(&mut self, topic: TopicId, message: MessageRef<'_>) {
        let (kind, payload_len) = (message.kind(), message.as_bytes().len());
        let payload = message.as_bytes();
        let header = FrameHeader::new(message.kind().opcode(), payload.len() as u64).encode();
        #[cfg(feature = "deflate")]
        let plain = message.is_plain();
        if payload.len() < LARGE {
            self.frames.append(&[&header, payload]);
        } else {
            self.frames.append(&[&header]);
            self.frames.share(message.into_bytes());
        }
        self.entries.push(Entry {
            topic,
            end: self.frames.len,
            kind,
            payload_len,
            #[cfg(feature = "deflate")]
            plain,
        });
    }

    /// Compresses the messages from `position` on that are `wanted` for a class, unless that is done.
    #[cfg(feature = "deflate")]
    pub(crate) fn compress(
        &mut self,
        position: u64,
        class: Class,
        mut wanted: impl FnMut(TopicId) -> bool,
        compressors: &mut Compressors,
    ) {
        let Class::Deflate(bits) = class else { return };
        self.frames.seal();
        let at = self.classes.iter().position(|class| class.bits == bits).unwrap_or_else(|| {
            self.classes.push(Compressed { bits, frames: Frames::default(), ranges: Vec::new() });
            self.classes.len() - 1
        });
        let mut class = self.classes.swap_remove(at);
        class.ranges.resize(self.entries.len(), None);
        for index in self.index(position)..self.entries.len() {
            if class.ranges[index].is_none() && wanted(self.entries[index].topic) {
                let start = class.frames.len;
                let payload_len = self.compress_entry(index, bits, compressors, &mut class.frames);
                class.ranges[index] = Some((start..class.frames.len, payload_len));
            }
        }
        class.frames.seal();
        self.classes.push(class);
    }

    /// Appends a message compressed, or as it is if that is no longer. Returns the length of the frame's payload.
    #[cfg(feature = "deflate")]
    fn compress_entry(&self, index: usize, bits: u8, compressors: &mut Compressors, into: &mut Frames) -> usize {
        let entry = &self.entries[index];
        let begin = entry.end - entry.payload_len;
        let payload = self.frames.bytes(&(begin..entry.end));
        let packed = if entry.plain { None } else { compressors.message(&payload, bits, None) };
        match packed {
            Some(Packed(packed)) => {
                let header = FrameHeader::new(entry.kind.opcode(), packed.len() as u64);
                into.append(&[&FrameHeader { rsv: RSV1, ..header }.encode(), packed]);
                return packed.len();
            }
            None if payload.len() < LARGE => {
                into.append(&[&self.frames.bytes(&(self.start_of(index)..entry.end))]);
            }
            None => {
                into.append(&[&self.frames.bytes(&(self.start_of(index)..begin))]);
                into.share(payload);
            }
        }
        entry.payload_len
    }

    /// The parts of the log from `position` on that belong to the topics that are `wanted`, neighbours joined. What is
    /// compressed must have been [compressed](Self::compress). Returns what frames they are.
    pub(crate) fn collect(
        &mut self,
        position: u64,
        class: Class,
        mut wanted: impl FnMut(TopicId) -> bool,
        into: &mut Vec<Place>,
    ) -> Traffic {
        self.frames.seal();
        into.clear();
        let mut traffic = Traffic::default();
        let mut open: Option<Range<usize>> = None;
        for index in self.index(position)..self.entries.len() {
            if wanted(self.entries[index].topic) {
                let (next, payload_len) = self.range_of(index, class);
                traffic.count(self.entries[index].kind.opcode(), payload_len as u64);
                match &mut open {
                    Some(range) if range.end == next.start => range.end = next.end,
                    _ => {
                        if let Some(range) = open.replace(next) {
                            self.frames_of(class).cut(range, class, into);
                        }
                    }
                }
            }
        }
        if let Some(range) = open {
            self.frames_of(class).cut(range, class, into);
        }
        traffic
    }

    /// What [`collect`](Self::collect) found, as bytes.
    pub(crate) fn piece(&self, place: &Place) -> Piece<'_> {
        Piece { segment: &self.frames_of(place.class).segments[place.segment], range: place.range.clone() }
    }

    /// Everybody has had everything.
    pub(crate) fn clear(&mut self) {
        self.first = self.next();
        self.entries.clear();
        self.frames.clear();
        #[cfg(feature = "deflate")]
        for class in &mut self.classes {
            class.frames.clear();
            class.ranges.clear();
        }
    }

    fn index(&self, position: u64) -> usize {
        (position.saturating_sub(self.first) as usize).min(self.entries.len())
    }

    /// Where an entry's plain frame begins.
    fn start_of(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.entries[before].end)
    }

    /// Where a frame lies, and how long its payload is.
    fn range_of(&self, index: usize, class: Class) -> (Range<usize>, usize) {
        match class {
            Class::Plain => (self.start_of(index)..self.entries[index].end, self.entries[index].payload_len),
            #[cfg(feature = "deflate")]
            Class::Deflate(bits) => {
                let ranges = self.classes.iter().find(|class| class.bits == bits).map(|class| &class.ranges);
                ranges.and_then(|ranges| ranges.get(index)).and_then(Clone::clone).unwrap_or_default()
            }
        }
    }

    fn frames_of(&self, class: Class) -> &Frames {
        #[cfg(feature = "deflate")]
        if let Class::Deflate(bits) = class
            && let Some(class) = self.classes.iter().find(|class| class.bits == bits)
        {
            return &class.frames;
        }
        let _ = class;
        &self.frames
    }
}

impl Frames {
    /// Cuts a range at the borders of segments.
    fn cut(&self, range: Range<usize>, class: Class, into: &mut Vec<Place>) {
        let mut at = range.start;
        let mut index = self.segments.partition_point(|segment| segment.start + segment.bytes.len() <= at);
        while at < range.end {
            let segment = &self.segments[index];
            let end = range.end.min(segment.start + segment.bytes.len());
            into.push(Place { class, segment: index, range: at - segment.start..end - segment.start });
            at = end;
            index += 1;
        }
    }

    fn append(&mut self, parts: &[&[u8]]) {
        let len = parts.iter().map(|part| part.len()).sum();
        if self.chunk.capacity() - self.chunk.len() < len {
            self.seal();
            self.chunk.reserve(CHUNK.max(len));
        }
        for part in parts {
            self.chunk.extend_from_slice(part);
        }
        self.len += len;
    }

    /// Appends bytes that stay where they are.
    fn share(&mut self, bytes: Bytes) {
        self.seal();
        let (start, pins) = (self.len, bytes.len());
        self.len += bytes.len();
        self.segments.push(Segment { bytes, start, pins });
    }

    /// Makes what the chunk holds a segment; the rest of its room is used on.
    fn seal(&mut self) {
        if !self.chunk.is_empty() {
            let bytes = self.chunk.split().freeze();
            let start = self.len - bytes.len();
            self.segments.push(Segment { bytes, start, pins: CHUNK });
        }
    }

    /// A range that lies in one segment.
    #[cfg(feature = "deflate")]
    fn bytes(&self, range: &Range<usize>) -> Bytes {
        let index = self.segments.partition_point(|segment| segment.start + segment.bytes.len() <= range.start);
        match self.segments.get(index) {
            Some(segment) => segment.bytes.slice(range.start - segment.start..range.end - segment.start),
            None => Bytes::new(),
        }
    }

    fn clear(&mut self) {
        self.segments.clear();
        self.chunk.clear();
        self.len = 0;
    }
}

impl Piece<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.segment.bytes[self.range.clone()]
    }

    /// A reference to all but the first `skip` bytes, if keeping it wastes little memory: it covers a quarter of what
    /// it keeps alive.
    pub(crate) fn share(&self, skip: usize) -> Option<Bytes> {
        let range = self.range.start + skip..self.range.end;
        (range.len() * 4 >= self.segment.pins).then(|| self.segment.bytes.slice(range))
    }

    /// Memory that the reference keeps alive, in bytes.
    pub(crate) fn pins(&self) -> usize {
        self.segment.pins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::SharedMessage;
    use crate::pubsub::Topics;

    fn all(log: &mut PublishLog, position: u64, wanted: &[TopicId]) -> Vec<u8> {
        let mut found = Vec::new();
        log.collect(position, Class::Plain, |topic| wanted.contains(&topic), &mut found);
        found.iter().flat_map(|piece| log.piece(piece).bytes().to_vec()).collect()
    }

    #[test]
    fn neighbours_are_one_slice_and_strangers_are_left_out() {
        let mut topics = Topics::new();
        topics.subscribe(0, "a");
        topics.subscribe(0, "b");
        let (a, b) = (topics.find("a").unwrap(), topics.find("b").unwrap());
        let mut log = PublishLog::default();
        log.push(a, "1".into());
        log.push(a, "2".into());
        log.push(b, "3".into());
        log.push(a, "4".into());

        let mut found = Vec::new();
        log.collect(0, Class::Plain, |topic| topic == a, &mut found);
        assert_eq!(found.len(), 2);
        assert_eq!(all(&mut log, 0, &[a]), b"\x81\x011\x81\x012\x81\x014");
        assert_eq!(all(&mut log, 0, &[b]), b"\x81\x013");
        assert_eq!(all(&mut log, 2, &[a, b]), b"\x81\x013\x81\x014");
        assert_eq!(all(&mut log, 4, &[a, b]), b"");
    }

    #[test]
    fn positions_hold_across_flushes() {
        let mut topics = Topics::new();
        topics.subscribe(0, "a");
        let a = topics.find("a").unwrap();
        let mut log = PublishLog::default();
        log.push(a, "old".into());
        let position = log.next();
        log.clear();
        assert!(log.is_at_end(position));
        log.push(a, "new".into());
        assert_eq!(all(&mut log, position, &[a]), b"\x81\x03new");
        assert!(log.is_at_end(log.next()) && !log.is_at_end(position));
    }

    #[test]
    fn large_payloads_stay_where_they_are() {
        let mut topics = Topics::new();
        topics.subscribe(0, "a");
        let a = topics.find("a").unwrap();
        let payload = SharedMessage::binary(alloc::vec![7; 1 << 20]);
        let mut log = PublishLog::default();
        log.push(a, "before".into());
        log.push(a, (&payload).into());
        log.push(a, "behind".into());
        let mut found = Vec::new();
        log.collect(0, Class::Plain, |_| true, &mut found);
        assert_eq!(found.len(), 3);
        assert_eq!(log.piece(&found[1]).bytes().as_ptr(), payload.as_bytes().as_ptr());
        assert!(log.piece(&found[1]).share(0).is_some(), "a reference to a large payload wastes nothing");
        assert!(log.piece(&found[0]).share(0).is_none(), "a reference to a few bytes would pin a chunk");
    }

    #[cfg(feature = "deflate")]
    #[test]
    fn a_class_is_compressed_once_and_only_what_it_wants() {
        let mut topics = Topics::new();
        topics.subscribe(0, "a");
        topics.subscribe(0, "b");
        let (a, b) = (topics.find("a").unwrap(), topics.find("b").unwrap());
        let mut log = PublishLog::default();
        let text = "again and ".repeat(40);
        log.push(a, (&text).into());
        log.push(b, (&text).into());
        log.push(a, "short".into());
        log.push(a, MessageRef::from(&text).plain());
        let mut compressors = Compressors::new(&crate::deflate::DeflateConfig::default());
        let class = Class::Deflate(15);
        for _ in 0..2 {
            log.compress(0, class, |topic| topic == a, &mut compressors);
        }
        let mut found = Vec::new();
        log.collect(0, class, |topic| topic == a, &mut found);
        assert_eq!(found.len(), 1, "neighbours, for b's was not wanted");
        let frames = log.piece(&found[0]).bytes().to_vec();
        let packed = usize::from(frames[1]);
        assert!(frames[0] == 0xc1 && packed < 60, "{frames:02x?}");
        assert_eq!(&frames[2 + packed..][..11], b"\x81\x05short\x81\x7e\x01\x90");
        assert_eq!(frames.len(), 2 + packed + 11 + text.len());
        assert_eq!(log.classes[0].frames.len, frames.len(), "each was compressed once");
    }
}
