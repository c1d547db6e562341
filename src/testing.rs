//! A world without sockets and without waiting, for tests of your own handlers: feature `testing`.
//!
//! A [`World`] has a clock that moves when you say so, event loops that run on the thread of the test, and connections
//! that can be slow, narrow, stalled or cut. A minute in it takes no time, and what happens is the same each time.
//!
//! ```
//! use std::time::Duration;
//!
//! use bowsprit::Message;
//! use bowsprit::handshake::Request;
//! use bowsprit::net::{Config, Handler, Peer};
//! use bowsprit::testing::{Heard, World};
//!
//! struct Chat;
//!
//! impl Handler for Chat {
//!     type Data = ();
//!     fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
//!         peer.subscribe("chat");
//!         peer.set_timer(Duration::from_secs(3600), 1);
//!     }
//!     fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
//!         peer.publish("chat", message);
//!     }
//!     fn timer(&mut self, peer: &mut Peer<'_, ()>, _timer: u64) {
//!         let _ = peer.send("still there?");
//!     }
//! }
//!
//! let world = World::new();
//! world.serve(Config::default(), Chat);
//! let (mut ada, mut bob) = (world.client(), world.client());
//!
//! ada.link().stall(); // what bob says does not get through to her
//! bob.send("hello");
//! assert_eq!(bob.receive(), Some(Heard::Text("hello".into())));
//! assert_eq!(ada.receive(), None);
//! ada.link().resume();
//! assert_eq!(ada.receive(), Some(Heard::Text("hello".into())));
//!
//! world.advance(Duration::from_secs(20)); // nobody is silent for long enough to be pinged
//! assert_eq!(bob.receive(), None);
//! world.advance(Duration::from_secs(20));
//! assert_eq!(bob.receive(), Some(Heard::Ping(Vec::new()))); // and the Pong is on its way
//! ```
//!
//! A handler reports to the test as it would to anything else: by a channel, or an `Rc` shared with it. A panic in a
//! handler ends that connection only, so let it report rather than assert.
//!
//! What the loops see is what TCP under mio would show them: news is told once, a write takes what there is room for, a
//! peer that goes away with something unread resets the connection. In a [seeded](World::seeded) world the order in
//! which things happen is drawn, too, and so are the sizes of reads and writes; the same seed draws the same.

mod client;
mod link;
mod state;
mod transport;
mod wire;

use core::cell::{RefCell, RefMut};
use core::fmt;
use core::time::Duration;
use std::boxed::Box;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::vec::Vec;

use crate::handshake::{ClientRequest, Uri};
use crate::net::{ClientError, Config, EventLoop, Handler, Remote};
pub use client::{Heard, TestClient};
pub use link::Link;
use state::State;
use transport::Simulated;
pub use wire::Wire;

/// A clock, event loops and the connections between them. Clones are the same world.
#[derive(Clone)]
pub struct World {
    state: Rc<RefCell<State>>,
    loops: Rc<RefCell<Vec<Option<Turn>>>>,
}

/// One turn of a loop: whether there will be more.
type Turn = Box<dyn FnMut() -> io::Result<bool>>;

/// A kind of system call that a loop makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// To accept a connection.
    Accept,
    /// To begin to open one.
    Connect,
    /// To see whether one is open.
    IsConnected,
    /// To look up a host's name.
    Resolve,
    /// To be told of a stream.
    Register,
    /// To read.
    Read,
    /// To write, one slice or many.
    Write,
    /// To close our end.
    ShutDown,
    /// To wait for events. A failure ends the loop.
    Poll,
    /// Each of them but [`Poll`](Self::Poll).
    Any,
}

impl Call {
    const COUNT: usize = Self::Any as usize + 1;
}

impl World {
    /// A world in which everything takes its time in the same order.
    #[expect(clippy::new_without_default, reason = "a world is made on purpose, with or without a seed")]
    pub fn new() -> Self {
        Self::with(None)
    }

    /// A world in which chance has a hand in the order of events and in the sizes of reads and writes. The same seed
    /// makes the same world.
    pub fn seeded(seed: u64) -> Self {
        Self::with(Some(seed))
    }

    fn with(seed: Option<u64>) -> Self {
        // Worlds do not wait for one another's turn to connect (RFC 6455 §4.1), which goes by the address.
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let [_, a, b, c] = number.to_be_bytes();
        let ip = IpAddr::V4(Ipv4Addr::new(10, a, b, c));
        Self { state: Rc::new(RefCell::new(State::new(seed, ip))), loops: Rc::default() }
    }

    /// Time since the beginning.
    pub fn now(&self) -> Duration {
        self.state().now
    }

    /// Adds a server. The first loop listens on port 80, the next on 81, and so on; all host names lead here.
    pub fn serve<H: Handler + 'static>(&self, config: Config, handler: H) -> Remote
    where
        H::Data: 'static,
    {
        self.add(true, config, handler)
    }

    /// Adds a loop of clients, which does not listen.
    pub fn clients<H: Handler + 'static>(&self, config: Config, handler: H) -> Remote
    where
        H::Data: 'static,
    {
        self.add(false, config, handler)
    }

    fn add<H: Handler + 'static>(&self, listens: bool, config: Config, handler: H) -> Remote
    where
        H::Data: 'static,
    {
        let transport = Simulated::new(&self.state, listens);
        let remote = Remote::new(&transport);
        let mut event_loop = EventLoop::new(transport, config, handler, remote.clone());
        self.loops.borrow_mut().push(Some(Box::new(move || event_loop.turn())));
        self.run();
        remote
    }

    /// Whether a loop, counted from 0, still runs: after [`Remote::stop`] only as long as there are connections, and not
    /// after a [`Call::Poll`] that failed.
    pub fn is_running(&self, number: usize) -> bool {
        self.loops.borrow().get(number).is_some_and(Option::is_some)
    }

    /// Runs the loops until they have nothing to do. The clock stands still.
    ///
    /// # Panics
    ///
    /// If that does not end, and in a handler.
    pub fn run(&self) {
        let mut quiet = 0;
        for _ in 0..MAX_ROUNDS {
            let before = self.state().events;
            let mut idle = true;
            let count = self.loops.borrow().len();
            for number in 0..count {
                idle &= self.turn(number);
            }
            self.state().deliver();
            // Twice: a loop knows the time of its last turn only.
            quiet = if idle && self.state().events == before { quiet + 1 } else { 0 };
            if quiet == 2 {
                return;
            }
        }
        panic!("a loop finds something to do again and again");
    }

    /// One turn of a loop; whether it had nothing to do.
    fn turn(&self, number: usize) -> bool {
        let taken = self.loops.borrow_mut()[number].take();
        let Some(mut turn) = taken else {
            return true;
        };
        // An error is the one that was asked for.
        if turn().unwrap_or_default() {
            self.loops.borrow_mut()[number] = Some(turn);
        }
        self.state().nodes[number].idle
    }

    /// Moves the clock, and stops on the way whenever there is something to do.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub fn advance(&self, by: Duration) {
        let target = self.now().saturating_add(by);
        while self.now() < target {
            self.advance_to_next(target.saturating_sub(self.now()));
        }
        self.run();
    }

    /// Moves the clock to the next moment at which something is due, at most by this.
    fn advance_to_next(&self, at_most: Duration) {
        self.run();
        let mut state = self.state();
        let target = state.now.saturating_add(at_most);
        let deadlines = state.nodes.iter().filter_map(|node| node.deadline);
        let next = deadlines.chain(state.next_arrival()).min();
        state.now = next.map_or(target, |next| next.clamp(state.now, target));
        drop(state);
        self.run();
    }

    /// A connection to the first loop.
    pub fn connect(&self) -> Link {
        self.connect_from(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))
    }

    /// A connection from this address to the first loop.
    pub fn connect_from(&self, ip: IpAddr) -> Link {
        let mut state = self.state();
        let to = SocketAddr::new(state.ip, 80);
        let end = state.connect(SocketAddr::new(ip, 50_000), to);
        drop(state);
        self.run();
        Link::new(self.clone(), end)
    }

    /// A WebSocket client of the first loop, connected.
    ///
    /// # Panics
    ///
    /// If the server does not open the connection at once.
    pub fn client(&self) -> TestClient {
        let uri = Uri::parse("ws://test/").expect("this is one");
        self.client_with(&ClientRequest::new(uri)).expect("the server opens the connection")
    }

    /// A WebSocket client of the first loop that asks for something in particular.
    ///
    /// # Errors
    ///
    /// A mistake in the request; what the server refuses it with; [`ClientError::TimedOut`] if there is no answer before
    /// the clock moves.
    pub fn client_with(&self, request: &ClientRequest) -> Result<TestClient, ClientError> {
        TestClient::open(self.connect(), request)
    }

    /// What new connections are like, in both directions.
    pub fn set_wire(&self, wire: Wire) {
        self.state().wire = wire;
    }

    /// Fails the `nth` call of this kind from now on, whichever loop makes it; the next is the first.
    ///
    /// A call that failed did nothing, except that [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) takes the
    /// connection that would have been accepted with it.
    pub fn fail(&self, call: Call, nth: u64, kind: io::ErrorKind) {
        self.state().fail(call, nth, kind);
    }

    /// How many calls of this kind the loops have made.
    pub fn calls(&self, call: Call) -> u64 {
        self.state().calls(call)
    }

    fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// More than a test that ends would need.
const MAX_ROUNDS: u32 = 1_000_000;
