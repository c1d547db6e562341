//! What other threads ask for.

use super::{EventLoop, call_among};
use crate::close::CloseCode;
use crate::net::handler::Handler;
use crate::net::remote::Command;
use crate::net::transport::Transport;

impl<H: Handler, T: Transport> EventLoop<H, T> {
    pub(super) fn obey(&mut self) {
        let mut commands = core::mem::take(&mut self.commands);
        self.hub.remote.inbox().take(&mut commands);
        let mut wake = false;
        for command in commands.drain(..) {
            match command {
                Command::Publish(topic, message) => self.hub.publish_here(&topic, (&message).into()),
                Command::Published(messages) => {
                    for (topic, message) in &*messages {
                        self.hub.publish_here(topic, message.into());
                    }
                }
                Command::Send(peer, message) => {
                    if self.hub.is_there(peer) {
                        let _ = self.hub.send(peer.index(), (&message).into());
                    }
                }
                Command::Close(peer, code, reason) => {
                    if self.hub.is_there(peer) && self.hub.close(peer.index(), code, &reason).is_err() {
                        // This cannot fail.
                        let _ = self.hub.close(peer.index(), CloseCode::NORMAL, "");
                    }
                }
                Command::Resolved(peer, addresses) => self.resolved(peer, addresses),
                Command::Connect(peer, attempt, address, turn) => self.turn_came(peer, attempt, address, turn),
                Command::Answer(peer, request) => self.answer_came(peer, request),
                Command::TakeOver(handed) => self.take_over(handed),
                Command::Wake => wake = true,
                Command::Stop => self.begin_stop(),
            }
        }
        self.commands = commands;
        if wake {
            call_among(&mut self.handler, &mut self.hub, |handler, peers| handler.wake(peers));
        }
    }
}
