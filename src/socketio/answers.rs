//! The answers of many sockets to one event.

use core::cell::RefCell;
use std::borrow::ToOwned;
use std::boxed::Box;
use std::rc::Rc;
use std::vec::Vec;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::args::Args;
use super::context::{Context, TimerId};
use super::event::{ArgError, NoReply, Reply, attachment};
use super::state::{OnReply, SocketId};

/// What a selection has answered to [`Cast::emit_with_ack`](super::Cast::emit_with_ack).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Answers {
    /// In the order in which they came.
    pub answers: Vec<Answer>,
    /// Who has not answered, and why.
    pub missing: Vec<(SocketId, NoReply)>,
}

/// What one of them has answered.
#[derive(Clone, Debug)]
pub struct Answer {
    socket: SocketId,
    values: Vec<Box<RawValue>>,
    attachments: Vec<Bytes>,
}

impl Answer {
    /// Who answered.
    pub fn socket(&self) -> SocketId {
        self.socket
    }

    /// How many arguments it has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// An argument, counted from 0.
    ///
    /// # Errors
    ///
    /// There are not so many; it is something else.
    pub fn arg<'s, T: Deserialize<'s>>(&'s self, n: usize) -> Result<T, ArgError> {
        let raw = self.raw(n).ok_or(ArgError::Missing)?;
        serde_json::from_str(raw.get()).map_err(ArgError::Json)
    }

    /// An argument as it was written.
    pub fn raw(&self, n: usize) -> Option<&RawValue> {
        self.values.get(n).map(|value| &**value)
    }

    /// An argument that is bytes.
    pub fn binary(&self, n: usize) -> Option<&Bytes> {
        attachment(self.raw(n)?, &self.attachments)
    }

    /// The arguments as they came, to send them on.
    pub fn args(&self) -> Args {
        Args::received(self.values.iter().map(|value| value.get()), &self.attachments)
    }
}

pub(super) type OnAnswers = Box<dyn FnOnce(&mut Context<'_>, Answers)>;

/// Answers, as long as some are awaited.
#[derive(Clone)]
pub(super) struct Gathering(Rc<RefCell<Parts>>);

struct Parts {
    answers: Answers,
    awaited: usize,
    timer: Option<TimerId>,
    then: Option<OnAnswers>,
}

impl Gathering {
    /// Of so many, at least one.
    pub(super) fn new(awaited: usize, then: OnAnswers) -> Self {
        Self(Rc::new(RefCell::new(Parts { answers: Answers::default(), awaited, timer: None, then: Some(then) })))
    }

    /// Runs out with this timer.
    pub(super) fn ends_with(&self, timer: TimerId) {
        self.0.borrow_mut().timer = Some(timer);
    }

    /// What to do with the answer of one.
    pub(super) fn on_reply(&self, socket: SocketId) -> OnReply {
        let gathering = self.clone();
        Box::new(move |context, reply| gathering.take(context, socket, reply))
    }

    fn take(&self, context: &mut Context<'_>, socket: SocketId, reply: Result<Reply<'_>, NoReply>) {
        let mut answers = Answers::default();
        match reply {
            Ok(Reply(values)) => {
                let attachments = values.attachments.to_vec();
                let values = values.values.iter().map(|&value| value.to_owned()).collect();
                answers.answers.push(Answer { socket, values, attachments });
            }
            Err(why) => answers.missing.push((socket, why)),
        }
        self.take_all(context, answers);
    }

    /// Takes the answer of one, or of one server for all of its sockets.
    pub(super) fn take_all(&self, context: &mut Context<'_>, of: Answers) {
        let mut parts = self.0.borrow_mut();
        parts.answers.answers.extend(of.answers);
        parts.answers.missing.extend(of.missing);
        parts.awaited -= 1;
        if parts.awaited > 0 {
            return;
        }
        let (answers, timer, then) = (core::mem::take(&mut parts.answers), parts.timer.take(), parts.then.take());
        drop(parts);
        timer.map(|timer| context.cancel(timer));
        if let Some(then) = then {
            then(context, answers);
        }
    }
}
