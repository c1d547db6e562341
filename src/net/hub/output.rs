//! The turn of a connection, and what it has brought: replies where they were received, and the cork behind them.

use core::ops::Range;

use super::{Hub, Phase, Record, Sent};
use crate::buffer::{SendBuffer, Tally, Traffic};
use crate::connection::Role;
use crate::mask::MaskingKey;
use crate::message::MessageRef;
use crate::net::config::Policy;
use crate::pubsub::LARGE;

/// All that leaves in one write when the turn is over. What every message looks at stands side by side.
#[derive(Debug)]
pub(in crate::net) struct Output {
    /// The connection whose turn it is.
    pub(super) index: u32,
    /// Nothing was done so far but to send whole messages to it, and there was nothing to mind before: no queue, no mask, no
    /// compression, nothing published.
    pub(in crate::net) calm: bool,
    /// Something of the input waits to be written behind a queue.
    pub(in crate::net) leaves_received: bool,
    /// A queue this long is a backlog: [`Config::soft_queue`](crate::net::Config::soft_queue).
    soft: usize,
    /// While it is calm and the cork empty, a reply that ends before here makes no backlog. Else 0.
    reply_until: usize,
    /// The message that the handler has, as it stands in the loop's input to be one of the replies.
    pub(in crate::net) offer: Offer,
    /// Messages sent back as they came, each behind its header in the loop's input. They leave before the cork.
    pub(in crate::net) replies: Range<usize>,
    /// The addresses of the loop's input, in which the messages of the turn lie.
    pub(in crate::net) input: Range<usize>,
    /// What they were, as far as `cork` does not know of them.
    tally: Tally,
    /// All other output.
    pub(in crate::net) cork: SendBuffer,
}

/// A message that can be sent back without a copy: its payload stands behind its header in the loop's input.
#[derive(Debug, Default)]
pub(in crate::net) struct Offer {
    /// The address of the payload.
    pub(in crate::net) payload: usize,
    /// Where it ends in the input. Its header begins where the replies end; once it is one of them, they end here.
    pub(in crate::net) end: usize,
}

/// Nobody's turn.
const NONE: u32 = u32::MAX;

impl Output {
    pub(super) fn new(cork: SendBuffer, soft: usize) -> Self {
        Self {
            index: NONE,
            calm: false,
            leaves_received: false,
            soft,
            reply_until: 0,
            offer: Offer::default(),
            replies: 0..0,
            tally: Tally::default(),
            input: 0..0,
            cork,
        }
    }

    /// Bytes that are not written or queued yet.
    #[inline]
    pub(in crate::net) fn len(&self) -> usize {
        self.replies.len() + self.cork.pending().len()
    }

    /// The replies, of all that the loop's input has. Without any it may have given its memory away meanwhile.
    #[inline]
    pub(in crate::net) fn replies_in<'i>(&self, input: &'i [u8]) -> &'i [u8] {
        if self.replies.is_empty() { &[] } else { &input[self.replies.clone()] }
    }

    /// Whether some of it lies where the next read may go.
    pub(in crate::net) fn lies_in_input(&self) -> bool {
        self.leaves_received || !self.replies.is_empty()
    }

    /// The first `n` bytes are written.
    #[inline]
    pub(in crate::net) fn written(&mut self, n: usize) {
        let replies = n.min(self.replies.len());
        self.replies.start += replies;
        if n != replies {
            self.cork.consume(n - replies);
        }
    }

    /// Where the next reply begins, if it is that to a long message, whose frame is at `next`: its payload stays in its place
    /// if nothing waits before it.
    pub(in crate::net) fn long_reply_at(&mut self, next: usize) -> usize {
        if self.replies.is_empty() {
            let begin = next + MaskingKey::LEN;
            self.replies = begin..begin;
        }
        self.replies.end
    }

    /// What has left, and what waits to.
    pub(in crate::net) fn traffic(&self) -> Traffic {
        let mut traffic = *self.cork.traffic();
        traffic.add_tally(self.tally);
        traffic
    }

    /// What is done now may be anything.
    #[inline]
    pub(in crate::net) fn disturb(&mut self) {
        self.calm = false;
        self.reply_until = 0;
    }

    fn set_calm(&mut self, calm: bool) {
        self.calm = calm;
        // Replies leave before the cork.
        let replies = calm && self.cork.is_empty();
        self.reply_until = if replies { self.replies.start.saturating_add(self.soft) } else { 0 };
    }

    /// Sends the message that the handler got back from where it lies, without a look at anything else. `false`, and nothing
    /// was sent, if there is more to think of.
    #[inline(always)]
    pub(in crate::net) fn send_back(&mut self, message: &MessageRef<'_>) -> bool {
        let possible = self.offer.end < self.reply_until && message.is_received_at(self.offer.payload);
        if possible {
            self.reply(message);
        }
        possible
    }

    #[inline(always)]
    fn reply(&mut self, message: &MessageRef<'_>) {
        self.replies.end = self.offer.end;
        self.tally.count(message.kind(), message.as_bytes().len());
    }
}

impl<D> Hub<D> {
    pub(in crate::net) fn begin_turn(&mut self, index: u32) {
        debug_assert!(self.output.len() == 0);
        self.output.index = index;
        let backed_up = self.records.get(index).is_some_and(Record::is_backed_up);
        self.output.cork.set_backed_up(backed_up);
    }

    /// As [`begin_turn`](Self::begin_turn), of a connection that is [at rest](Record::is_at_rest).
    #[inline]
    pub(in crate::net) fn begin_turn_at_rest(&mut self, index: u32) {
        debug_assert!(self.output.len() == 0);
        self.output.index = index;
        self.output.cork.set_backed_up(false);
    }

    pub(in crate::net) fn end_turn(&mut self) {
        self.output.written(self.output.len());
        self.output.cork.count_tally(core::mem::take(&mut self.output.tally));
        self.output.index = NONE;
        // No message lies there any more.
        self.output.input = 0..0;
    }

    /// Whether messages, the first of which begins at `next`, can be handed on one after the other. Finds out whether it is
    /// [`calm`](Output::calm).
    pub(in crate::net) fn begin_run(&mut self, index: u32, enough: usize, next: usize) -> bool {
        self.output.disturb();
        let Some(Record { phase: Phase::Open(conn), outbox: None, paused: false, .. }) = self.records.get(index) else {
            return false;
        };
        if self.output.len() >= enough || conn.role() != Role::Server || !conn.reads_whole() {
            return false;
        }
        if self.output.replies.is_empty() {
            self.output.replies = next..next;
        }
        self.output.set_calm(conn.sends_plainly() && self.log.is_empty() && !self.is_out_of_memory());
        true
    }

    /// As [`send_back`](Output::send_back) as long as anything may be queued, or a copy; if it is calm.
    pub(super) fn send_calmly(&mut self, index: u32, message: &MessageRef<'_>) -> Option<Sent> {
        if !self.output.calm {
            return None;
        }
        self.output.disturb();
        // What is here can be dropped no more.
        let keeps_latest = self.records.get(index).is_some_and(|record| record.policy == Policy::KeepLatest);
        let most = if keeps_latest { self.config.soft_queue } else { self.config.hard_queue };
        let output = &mut self.output;
        if output.len() >= most {
            return None;
        }
        if message.is_received_at(output.offer.payload) && output.cork.is_empty() {
            output.reply(message);
        } else if message.as_bytes().len() < LARGE {
            output.cork.push_plain(message.kind().opcode(), message.as_bytes());
        } else {
            return None;
        }
        // Nothing else was done, so that it stays so; but how much there is by now must be looked at.
        self.output.set_calm(self.output.len() < self.output.soft);
        Some(self.judge(index))
    }
}
