//! Host names, looked up by the system on threads of their own: it waits for as long as it likes.

use std::boxed::Box;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::string::String;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::vec::Vec;

/// Called once, on any thread, with the addresses of a host, best first.
pub type Resolved = Box<dyn FnOnce(io::Result<Vec<SocketAddr>>) + Send>;

/// A few threads that live as long as this does.
#[derive(Debug)]
pub(super) struct Resolver {
    questions: Sender<Question>,
    queue: Arc<Mutex<Receiver<Question>>>,
    threads: usize,
}

struct Question {
    host: String,
    port: u16,
    answer: Resolved,
}

/// A name that takes long holds up few others.
const MAX_THREADS: usize = 4;

impl Resolver {
    pub(super) fn new() -> Self {
        let (questions, queue) = mpsc::channel();
        Self { questions, queue: Arc::new(Mutex::new(queue)), threads: 0 }
    }

    pub(super) fn ask(&mut self, host: &str, port: u16, answer: Resolved) {
        if self.threads < MAX_THREADS {
            let queue = self.queue.clone();
            match thread::Builder::new().name("bowsprit-resolver".into()).spawn(move || work(&queue)) {
                Ok(_) => self.threads += 1,
                Err(error) if self.threads == 0 => return answer(Err(error)),
                // Those that there are will do.
                Err(_) => {}
            }
        }
        // The receiver lives as long as this.
        let _ = self.questions.send(Question { host: host.into(), port, answer });
    }
}

fn work(queue: &Mutex<Receiver<Question>>) {
    loop {
        let question = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Question { host, port, answer }) = question else { return };
        answer((&*host, port).to_socket_addrs().map(Iterator::collect));
    }
}
