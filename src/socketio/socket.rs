//! A socket, as its handlers see it.

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::time::Duration;
use std::boxed::Box;
use std::rc::Rc;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::args::{Args, EmitError};
use super::cast::Cast;
use super::clients::Handshake;
use super::context::{Context, TimerId};
use super::engine::Transport;
use super::event::{ArgError, NoReply, Reply};
use super::recovery::Audience;
use super::state::{SocketId, SocketKey, SocketState, Timer};
use crate::net::Sent;

/// A client in a namespace, during a call; and through it, as it derefs to [`Context`], everybody else.
pub struct Socket<'a> {
    pub(super) context: Context<'a>,
    /// It is there as long as this is.
    pub(super) key: SocketKey,
}

impl<'a> Deref for Socket<'a> {
    type Target = Context<'a>;

    fn deref(&self) -> &Context<'a> {
        &self.context
    }
}

impl<'a> DerefMut for Socket<'a> {
    fn deref_mut(&mut self) -> &mut Context<'a> {
        &mut self.context
    }
}

/// *Getters.*
impl Socket<'_> {
    /// Its id, which is also a room with only this socket in it.
    pub fn id(&self) -> SocketId {
        self.state().id
    }

    /// Whether it is connected: not yet in a guard, no more in [`on_disconnect`](super::Namespace::on_disconnect).
    pub fn is_connected(&self) -> bool {
        self.state().connected
    }

    /// Whether it was away and has come back, by [`Recovery`](super::Recovery), with its id, rooms and data.
    pub fn recovered(&self) -> bool {
        self.state().membership.resumed.is_some()
    }

    /// Its namespace.
    pub fn namespace(&self) -> String {
        self.context.name_of(self.key)
    }

    /// The request that opened its session.
    pub fn handshake(&self) -> Arc<Handshake> {
        self.state().handshake.clone()
    }

    /// What the client gave as `auth`, an object.
    ///
    /// # Errors
    ///
    /// It gave nothing; it is something else.
    pub fn auth<'s, T: Deserialize<'s>>(&'s self) -> Result<T, ArgError> {
        let auth = self.state().auth.as_ref().ok_or(ArgError::Missing)?;
        serde_json::from_str(auth.get()).map_err(ArgError::Json)
    }

    /// What the client gave as `auth`, as it was written.
    pub fn raw_auth(&self) -> Option<&RawValue> {
        self.state().auth.as_deref()
    }

    /// How its messages travel at the moment.
    pub fn transport(&self) -> Option<Transport> {
        self.context.sessions.transport(self.state().session)
    }

    /// The rooms that it joined.
    pub fn rooms(&self) -> Vec<Rc<str>> {
        self.state().rooms.keys().cloned().collect()
    }

    /// Whether it joined a room.
    pub fn is_in(&self, room: &str) -> bool {
        self.state().rooms.contains_key(room)
    }

    /// What [`set`](Self::set) put there, if it is of this type.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.state().data.as_ref()?.downcast_ref()
    }

    /// What [`set`](Self::set) put there, to change it.
    pub fn get_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.state_mut()?.data.as_mut()?.downcast_mut()
    }

    /// Keeps something with the socket, also if it moves to another worker; what was there before goes.
    pub fn set<T: Send + 'static>(&mut self, data: T) {
        if let Some(socket) = self.state_mut() {
            socket.data = Some(Box::new(data));
        }
    }
}

/// *What it can do.*
impl Socket<'_> {
    /// Sends it an event.
    ///
    /// # Errors
    ///
    /// A reserved name, a mistake in the arguments.
    pub fn emit(&mut self, name: &str, args: impl Into<Args>) -> Result<Sent, EmitError> {
        let (namespace, id) = (self.namespace(), self.id());
        let Context { state, sessions } = &mut self.context;
        let event = args.into().event(name, state.max_attachments)?;
        let Some(socket) = state.sockets.get(&self.key).filter(|socket| socket.connected) else {
            return Ok(Sent::Dropped);
        };
        let Some(memory) = &state.memory else {
            return Ok(sessions.send(socket.session, &event.encode(&namespace, None, None)));
        };
        let sent = sessions.send(socket.session, &event.encode(&namespace, None, Some(&memory.offset(true))));
        state.keep_event(sessions, &namespace, Audience::Socket(id), false, &Arc::new(event), None);
        Ok(sent)
    }

    /// Sends it an event that asks for an answer. The last argument is called exactly once: with the answer, after this
    /// time, or when the client is gone.
    ///
    /// # Errors
    ///
    /// A reserved name, a mistake in the arguments. Nothing will be called.
    pub fn emit_with_ack(
        &mut self,
        name: &str,
        args: impl Into<Args>,
        timeout: Duration,
        then: impl FnOnce(&mut Context<'_>, Result<Reply<'_>, NoReply>) + 'static,
    ) -> Result<Sent, EmitError> {
        let (namespace, max, key) = (self.namespace(), self.context.state.max_attachments, self.key);
        let space = self.state().space;
        let id = self.context.state.spaces.get_mut(&space).map_or(0, |space| space.next_ack());
        let message = args.into().event(name, max)?.encode(&namespace, Some(id), None);
        let (connected, session) = (self.state().connected, self.state().session);
        let sent = if connected { self.context.sessions.send(session, &message) } else { Sent::Dropped };
        if sent == Sent::Dropped {
            self.context.state.call(|context| then(context, Err(NoReply::Disconnected)));
            return Ok(sent);
        }
        let then = Box::new(then);
        // Duration::MAX is never.
        let timer = (timeout < Duration::MAX).then(|| self.context.set_timer(timeout, Timer::Reply(key, id)));
        if let Some(socket) = self.state_mut() {
            socket.replies.insert(id, (then, timer));
        }
        Ok(sent)
    }

    /// Joins a room; `false` if it is in there already.
    pub fn join(&mut self, room: &str) -> bool {
        self.context.state.join(self.key, room)
    }

    /// Leaves a room; `false` if it was not in there.
    pub fn leave(&mut self, room: &str) -> bool {
        self.context.state.leave_room(self.key, room)
    }

    /// All of its namespace, itself included.
    pub fn everybody(&mut self) -> Cast<'_> {
        self.cast(Vec::new())
    }

    /// All of its namespace but itself.
    pub fn broadcast(&mut self) -> Cast<'_> {
        let itself = self.id().as_str().into();
        self.cast(Vec::from([itself]))
    }

    /// Those in a room, but not itself.
    pub fn to(&mut self, room: impl Into<String>) -> Cast<'_> {
        self.broadcast().to(room)
    }

    /// Itself, as a selection: for [`Cast::volatile`] and [`Cast::compress`].
    pub fn itself(&mut self) -> Cast<'_> {
        let itself: String = self.id().as_str().into();
        self.cast(Vec::new()).to(itself).local()
    }

    /// Itself, if it can be written to now.
    pub fn volatile(&mut self) -> Cast<'_> {
        self.itself().volatile()
    }

    /// Puts it out of its namespace; with `close`, ends its session and all that this has entered.
    pub fn disconnect(&mut self, close: bool) {
        let (session, Context { state, sessions }) = (self.state().session, &mut self.context);
        if close { state.disconnect_all(sessions, session) } else { state.disconnect(sessions, self.key) }
    }

    /// Everybody else, and what goes on without this socket, such as a timer that outlives it.
    pub fn context(&mut self) -> Context<'_> {
        self.context.reborrow()
    }

    /// Calls this after a time, if it is still connected then.
    pub fn after(&mut self, after: Duration, job: impl FnOnce(&mut Socket<'_>) + 'static) -> TimerId {
        let key = self.key;
        self.context.after(after, move |context| {
            if context.state.is_connected(key) {
                job(&mut Socket { context: context.reborrow(), key });
            }
        })
    }

    fn cast(&mut self, except: Vec<String>) -> Cast<'_> {
        let namespace = self.namespace();
        Cast::new(self.context.reborrow(), &namespace, except)
    }

    fn state(&self) -> &SocketState {
        // Sockets go when none of their handlers is at work.
        &self.context.state.sockets[&self.key]
    }

    fn state_mut(&mut self) -> Option<&mut SocketState> {
        self.context.state.sockets.get_mut(&self.key)
    }
}

impl fmt::Debug for Socket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("id", &self.id()).finish_non_exhaustive()
    }
}
