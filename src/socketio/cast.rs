//! A selection of sockets, and what can be done to all of them.

use core::time::Duration;
use std::boxed::Box;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::adapter::{Message, Selection};
use super::answers::{Answers, Gathering, OnAnswers};
use super::args::{Args, EmitError, EventData};
use super::cluster::Member;
use super::context::Context;
use super::engine::Outgoing;
use super::event::NoReply;
use super::recovery::{Audience, Origin};
use super::socket::Socket;
use super::state::{SocketId, SocketKey, State};
use crate::net::Sent;

/// Some sockets of a namespace: all of them, or those of rooms, but for others.
///
/// Choosing sends nothing; what is done at the end is done to each socket once. With
/// [several workers](super::Io::serve_each) they are those of all of them, unless it is [`local`](Self::local) or says
/// otherwise.
#[must_use = "it does nothing by itself"]
#[derive(Debug)]
pub struct Cast<'a> {
    context: Context<'a>,
    selection: Selection,
    flags: Flags,
    local: bool,
}

/// How an event is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) volatile: bool,
    pub(super) uncompressed: bool,
}

impl<'a> Cast<'a> {
    pub(super) fn new(context: Context<'a>, namespace: &str, except: Vec<String>) -> Self {
        let selection = Selection { namespace: namespace.into(), rooms: Vec::new(), except };
        Self { context, selection, flags: Flags::default(), local: false }
    }

    /// Those in this room, and in others that are named so. The id of a socket is a room.
    pub fn to(mut self, room: impl Into<String>) -> Self {
        self.selection.rooms.push(room.into());
        self
    }

    /// But not those in this room.
    pub fn except(mut self, room: impl Into<String>) -> Self {
        self.selection.except.push(room.into());
        self
    }

    /// Only to those that can be written to now: for what the next of its kind replaces.
    pub fn volatile(mut self) -> Self {
        self.flags.volatile = true;
        self
    }

    /// Whether it may be compressed, where that was negotiated: not so what is compressed already, or a secret beside what
    /// an attacker chooses (RFC 7692 §8). It may by default.
    pub fn compress(mut self, compress: bool) -> Self {
        self.flags.uncompressed = !compress;
        self
    }

    /// Only those of this worker.
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// Sends them an event, encoded once. Returns to how many of this worker.
    ///
    /// # Errors
    ///
    /// A reserved name, a mistake in the arguments. Nothing was sent.
    pub fn emit(self, name: &str, args: impl Into<Args>) -> Result<usize, EmitError> {
        let event = args.into().event(name, self.context.state.max_attachments)?;
        let Self { mut context, selection, flags, local } = self;
        let (to, event) = (Arc::new(selection), Arc::new(event));
        let origin = if local { None } else { context.state.publish(&to, &event, flags, None) };
        Ok(context.broadcast(&to, &event, flags, origin))
    }

    /// Sends them an event that asks for an answer, encoded once. The last argument is called exactly once: when
    /// everybody has answered or is gone, or after this time. Returns to how many of this worker it was sent.
    ///
    /// # Errors
    ///
    /// A reserved name, a mistake in the arguments. Nothing was sent, and nothing will be called.
    pub fn emit_with_ack(
        self,
        name: &str,
        args: impl Into<Args>,
        timeout: Duration,
        then: impl FnOnce(&mut Context<'_>, Answers) + 'static,
    ) -> Result<usize, EmitError> {
        let event = args.into().event(name, self.context.state.max_attachments)?;
        let Self { mut context, selection, flags, local } = self;
        Ok(context.gather(&Arc::new(selection), &Arc::new(event), flags, timeout, Box::new(then), local))
    }

    /// Asks who they are, and calls this with what is known after this time at the latest.
    pub fn fetch(mut self, timeout: Duration, then: impl FnOnce(&mut Context<'_>, Vec<Member>) + 'static) {
        if self.local {
            let members = self.context.state.members(&self.selection);
            return self.context.state.call(|context| then(context, members));
        }
        self.context.fetch(Arc::new(self.selection), timeout, Box::new(then));
    }

    /// Calls this with each of them on this worker: for its rooms, its data, its request.
    pub fn each(mut self, mut job: impl FnMut(&mut Socket<'_>)) {
        for key in self.context.state.select(&self.selection) {
            // What is done with one may put another out.
            if self.context.state.is_connected(key) {
                job(&mut Socket { context: self.context.reborrow(), key });
            }
        }
    }

    /// The ids of those on this worker.
    pub fn ids(self) -> Vec<SocketId> {
        let state = self.context.state;
        let selected = state.select(&self.selection);
        selected.iter().filter_map(|key| state.sockets.get(key)).map(|socket| socket.id).collect()
    }

    /// How many they are on this worker.
    pub fn count(self) -> usize {
        self.context.state.select(&self.selection).len()
    }

    /// Takes them into a room.
    pub fn join(self, room: &str) {
        let Self { context: Context { state, .. }, selection, local, .. } = self;
        state.each(&selection, |state, key| _ = state.join(key, room));
        if !local {
            state.tell_others(|| Message::Join(Arc::new(selection), room.into()));
        }
    }

    /// Takes them out of a room.
    pub fn leave(self, room: &str) {
        let Self { context: Context { state, .. }, selection, local, .. } = self;
        state.each(&selection, |state, key| _ = state.leave_room(key, room));
        if !local {
            state.tell_others(|| Message::Leave(Arc::new(selection), room.into()));
        }
    }

    /// Puts them out of the namespace; with `close`, ends their sessions and all that these have entered.
    pub fn disconnect(mut self, close: bool) {
        self.context.put_out(&self.selection, close);
        if !self.local {
            self.context.state.tell_others(|| Message::Disconnect { to: Arc::new(self.selection), close });
        }
    }
}

impl Flags {
    fn apply(self, message: Outgoing) -> Outgoing {
        if self.uncompressed { message.uncompressed() } else { message }
    }
}

impl Context<'_> {
    /// Sends an event to those of this worker. Returns to how many.
    pub(super) fn broadcast(
        &mut self,
        to: &Arc<Selection>,
        event: &Arc<EventData>,
        flags: Flags,
        origin: Option<Origin>,
    ) -> usize {
        let Context { state, sessions } = self;
        let selected = state.select(to);
        let mut count = 0;
        if !selected.is_empty() {
            let offset = state.memory.as_ref().map(|memory| memory.offset(!flags.volatile));
            let message = flags.apply(event.encode(&to.namespace, None, offset.as_deref()));
            for key in &selected {
                let Some(socket) = state.sockets.get(key) else { continue };
                count += usize::from(sessions.send_as(flags.volatile, socket.session, &message) != Sent::Dropped);
            }
        }
        if !flags.volatile {
            let audience = Audience::Selected(to.clone());
            state.keep_event(sessions, &to.namespace, audience, selected.is_empty(), event, origin);
        }
        count
    }

    /// Sends an event that asks for an answer. Returns to how many of this worker.
    pub(super) fn gather(
        &mut self,
        to: &Arc<Selection>,
        event: &Arc<EventData>,
        flags: Flags,
        timeout: Duration,
        then: OnAnswers,
        local: bool,
    ) -> usize {
        let selected = self.state.select(to);
        let others = if local { 0 } else { self.others() };
        if selected.len() + others == 0 {
            self.state.call(|context| then(context, Answers::default()));
            return 0;
        }
        let gathering = Gathering::new(selected.len() + others, then);
        if others > 0 {
            self.gather_elsewhere(to, event, flags, timeout, &gathering);
        }
        let (count, id) = self.ask_each(&selected, to, event, flags, &gathering);
        // Duration::MAX is never.
        if timeout < Duration::MAX && !selected.is_empty() {
            let timer = self.after(timeout, move |context| {
                for key in selected {
                    let socket = context.state.sockets.get_mut(&key);
                    if let Some((on_reply, _)) = socket.and_then(|socket| socket.replies.remove(&id)) {
                        on_reply(context, Err(NoReply::TimedOut));
                    }
                }
            });
            gathering.ends_with(timer);
        }
        count
    }

    /// Returns how many were asked, and the id of the question.
    fn ask_each(
        &mut self,
        selected: &[SocketKey],
        to: &Selection,
        event: &EventData,
        flags: Flags,
        gathering: &Gathering,
    ) -> (usize, u64) {
        let Context { state, sessions } = self;
        let id = state.space_mut(&to.namespace).map_or(0, |space| space.next_ack());
        let message = flags.apply(event.encode(&to.namespace, Some(id), None));
        let mut count = 0;
        for key in selected {
            let Some(socket) = state.sockets.get_mut(key) else { continue };
            let on_reply = gathering.on_reply(socket.id);
            if sessions.send_as(flags.volatile, socket.session, &message) == Sent::Dropped {
                state.call(|context| on_reply(context, Err(NoReply::Disconnected)));
            } else {
                socket.replies.insert(id, (on_reply, None));
                count += 1;
            }
        }
        (count, id)
    }

    /// Puts those of this worker out.
    pub(super) fn put_out(&mut self, whom: &Selection, close: bool) {
        for key in self.state.select(whom) {
            match self.state.sockets.get(&key).map(|socket| socket.session) {
                Some(session) if close => self.state.disconnect_all(self.sessions, session),
                _ => self.state.disconnect(self.sessions, key),
            }
        }
    }
}

impl State {
    /// The sockets of this worker.
    pub(super) fn select(&self, of: &Selection) -> Vec<SocketKey> {
        let space = self.by_name.get(of.namespace.as_str()).and_then(|space| self.spaces.get(space));
        space.map_or(Vec::new(), |space| space.select(&of.rooms, &of.except))
    }

    pub(super) fn each(&mut self, of: &Selection, mut job: impl FnMut(&mut Self, SocketKey)) {
        self.select(of).into_iter().for_each(|key| job(self, key));
    }

    /// Who they are, of this worker.
    pub(super) fn members(&self, of: &Selection) -> Vec<Member> {
        self.select(of).iter().filter_map(|key| self.sockets.get(key)).map(Member::new).collect()
    }
}
