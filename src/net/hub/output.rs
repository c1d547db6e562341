//! The turn of a connection, and what it has brought: replies where they were received, and the cork behind them.

use core::ops::Range;

use super::{Hub, Phase, Record, Sent};
use crate::buffer::SendBuffer;
use crate::connection::Role;
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
    /// The message that the handler has, as it stands in the loop's input to be one of the replies.
    pub(in crate::net) offer: Offer,
    /// Messages sent back as they came, each behind its header in the loop's input. They leave before the cork.
    pub(in crate::net) replies: Range<usize>,
    /// The addresses of the loop's input, in which the messages of the turn lie.
    pub(in crate::net) input: Range<usize>,
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
            offer: Offer::default(),
            replies: 0..0,
            input: 0..0,
            cork,
        }
    }

    /// Bytes that are not written or queued yet.
    #[inline]
    pub(in crate::net) fn len(&self) -> usize {
        self.replies.len() + self.cork.pending().len()
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

    /// Where a message would stand as the next reply, if it begins here.
    #[inline]
    pub(in crate::net) fn reply_at(&mut self, begins: usize) -> usize {
        if self.replies.is_empty() {
            self.replies = begins..begins;
        }
        self.replies.end
    }

    /// Sends the message that the handler got back from where it lies, without a look at anything else. `false`, and nothing
    /// was sent, if there is more to think of.
    #[inline(always)]
    pub(in crate::net) fn send_back(&mut self, message: &MessageRef<'_>) -> bool {
        let possible = self.calm && self.offers(message) && self.offer.end - self.replies.start < self.soft;
        if possible {
            self.reply(message);
        }
        possible
    }

    #[inline(always)]
    fn offers(&self, message: &MessageRef<'_>) -> bool {
        message.is_received_at(self.offer.payload) && self.cork.is_empty()
    }

    #[inline(always)]
    fn reply(&mut self, message: &MessageRef<'_>) {
        self.replies.end = self.offer.end;
        self.cork.count_plain(message.kind().opcode(), message.as_bytes().len());
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
        self.output.index = NONE;
        // No message lies there any more.
        self.output.input = 0..0;
    }

    /// Whether messages can be handed on one after the other; and if so whether they are masked. Finds out whether it is
    /// [`calm`](Output::calm).
    pub(in crate::net) fn begin_run(&mut self, index: u32, enough: usize) -> Option<bool> {
        self.output.calm = false;
        if self.output.len() >= enough {
            return None;
        }
        let Record { phase: Phase::Open(conn), outbox: None, paused: false, .. } = self.records.get(index)? else {
            return None;
        };
        self.output.calm = conn.sends_plainly() && self.log.is_empty() && !self.is_out_of_memory();
        conn.reads_whole().then(|| conn.role() == Role::Server)
    }

    /// As [`send_back`](Output::send_back) as long as anything may be queued, or a copy; if it is calm.
    pub(super) fn send_calmly(&mut self, index: u32, message: &MessageRef<'_>) -> Option<Sent> {
        if !core::mem::take(&mut self.output.calm) {
            return None;
        }
        // What is here can be dropped no more.
        let keeps_latest = self.records.get(index).is_some_and(|record| record.policy == Policy::KeepLatest);
        let most = if keeps_latest { self.config.soft_queue } else { self.config.hard_queue };
        let output = &mut self.output;
        if output.len() >= most {
            return None;
        }
        if output.offers(message) {
            output.reply(message);
        } else if message.as_bytes().len() < LARGE {
            output.cork.push_plain(message.kind().opcode(), message.as_bytes());
        } else {
            return None;
        }
        // Nothing else was done, so that it stays so; but how much there is by now must be looked at.
        self.output.calm = self.output.len() < self.output.soft;
        Some(self.judge(index))
    }
}
