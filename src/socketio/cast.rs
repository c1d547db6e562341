//! A selection of sockets, and what can be done to all of them.

use core::time::Duration;
use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use super::answers::{Answers, Gathering};
use super::args::{Args, EmitError};
use super::context::Context;
use super::engine::Sessions;
use super::event::NoReply;
use super::recovery::Audience;
use super::socket::Socket;
use super::state::{SocketId, SocketKey, SpaceId, State};
use crate::net::Sent;

/// Some sockets of a namespace: all of them, or those of rooms, but for others.
///
/// Choosing sends nothing; what is done at the end is done to each socket once.
#[must_use = "it does nothing by itself"]
#[derive(Debug)]
pub struct Cast<'a> {
    state: &'a mut State,
    sessions: &'a mut Sessions,
    space: Option<SpaceId>,
    rooms: Vec<String>,
    except: Vec<String>,
    volatile: bool,
}

impl<'a> Cast<'a> {
    pub(super) fn new(
        state: &'a mut State,
        sessions: &'a mut Sessions,
        space: Option<SpaceId>,
        except: Vec<String>,
    ) -> Self {
        Self { state, sessions, space, rooms: Vec::new(), except, volatile: false }
    }

    /// Those in this room, and in others that are named so. The id of a socket is a room.
    pub fn to(mut self, room: impl Into<String>) -> Self {
        self.rooms.push(room.into());
        self
    }

    /// But not those in this room.
    pub fn except(mut self, room: impl Into<String>) -> Self {
        self.except.push(room.into());
        self
    }

    /// Only to those that can be written to now: for what the next of its kind replaces.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Sends them an event, encoded once. Returns to how many.
    ///
    /// # Errors
    ///
    /// A reserved name, a mistake in the arguments. Nothing was sent.
    pub fn emit(self, name: &str, args: impl Into<Args>) -> Result<usize, EmitError> {
        let namespace = self.space.and_then(|space| self.state.spaces.get(&space)).map(|space| space.name.clone());
        // A mistake is one also where nobody is.
        let namespace = namespace.as_deref().unwrap_or("/");
        let offset = self.state.memory.as_ref().map(|memory| memory.offset(!self.volatile));
        let message = args.into().event(namespace, name, None, offset.as_deref(), self.state.max_attachments)?;
        let selected = self.select();
        let Self { state, sessions, space, rooms, except, volatile } = self;
        let mut count = 0;
        for key in &selected {
            let Some(socket) = state.sockets.get(key) else { continue };
            let sent = match volatile {
                true => sessions.send_volatile(socket.session, &message),
                false => sessions.send(socket.session, &message),
            };
            count += usize::from(sent != Sent::Dropped);
        }
        if let Some(space) = space.filter(|_| !volatile) {
            state.keep_event(sessions, space, Audience::Rooms { to: rooms, except }, selected.is_empty(), message);
        }
        Ok(count)
    }

    /// Sends them an event that asks for an answer, encoded once. The last argument is called exactly once: when
    /// everybody has answered or is gone, or after this time. Returns to how many it was sent.
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
        let space = self.space.and_then(|space| self.state.spaces.get_mut(&space));
        let (namespace, id) = space.map_or(("/".into(), 0), |space| (space.name.clone(), space.next_ack()));
        let message = args.into().event(&namespace, name, Some(id), None, self.state.max_attachments)?;
        let selected = self.select();
        let Self { state, sessions, volatile, .. } = self;
        if selected.is_empty() {
            state.call(|context| then(context, Answers::default()));
            return Ok(0);
        }
        let gathering = Gathering::new(selected.len(), Box::new(then));
        let mut count = 0;
        for key in &selected {
            let Some(socket) = state.sockets.get_mut(key) else { continue };
            let sent = match volatile {
                true => sessions.send_volatile(socket.session, &message),
                false => sessions.send(socket.session, &message),
            };
            let on_reply = gathering.on_reply(socket.id);
            if sent == Sent::Dropped {
                state.call(|context| on_reply(context, Err(NoReply::Disconnected)));
            } else {
                socket.replies.insert(id, (on_reply, None));
                count += 1;
            }
        }
        // Duration::MAX is never.
        if timeout < Duration::MAX {
            let timer = Context { state, sessions }.after(timeout, move |context| {
                for key in selected {
                    let socket = context.state.sockets.get_mut(&key);
                    if let Some((on_reply, _)) = socket.and_then(|socket| socket.replies.remove(&id)) {
                        on_reply(context, Err(NoReply::TimedOut));
                    }
                }
            });
            gathering.ends_with(timer);
        }
        Ok(count)
    }

    /// Calls this with each of them: for its rooms, its data, its request.
    pub fn each(self, mut job: impl FnMut(&mut Socket<'_>)) {
        for key in self.select() {
            // What is done with one may put another out.
            if self.state.is_connected(key) {
                job(&mut Socket { context: Context { state: self.state, sessions: self.sessions }, key });
            }
        }
    }

    /// Their ids.
    pub fn ids(self) -> Vec<SocketId> {
        let selected = self.select();
        selected.iter().filter_map(|key| self.state.sockets.get(key)).map(|socket| socket.id).collect()
    }

    /// How many they are.
    pub fn count(self) -> usize {
        self.select().len()
    }

    /// Takes them into a room.
    pub fn join(self, room: &str) {
        for key in self.select() {
            self.state.join(key, room);
        }
    }

    /// Takes them out of a room.
    pub fn leave(self, room: &str) {
        for key in self.select() {
            self.state.leave_room(key, room);
        }
    }

    /// Puts them out of the namespace; with `close`, ends their sessions and all that these have entered.
    pub fn disconnect(self, close: bool) {
        for key in self.select() {
            match self.state.sockets.get(&key).map(|socket| socket.session) {
                Some(session) if close => self.state.disconnect_all(self.sessions, session),
                _ => self.state.disconnect(self.sessions, key),
            }
        }
    }

    fn select(&self) -> Vec<SocketKey> {
        let space = self.space.and_then(|space| self.state.spaces.get(&space));
        space.map_or(Vec::new(), |space| space.select(&self.rooms, &self.except))
    }
}
