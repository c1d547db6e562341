//! What only the transport seam can show: system calls, faults, and where bytes lie.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::JoinHandle;

use bowsprit::Message;
use bowsprit::handshake::Request;
use bowsprit::net::{Config, EventLoop, Handler, Peer, Remote, Tcp};

use crate::server::{Client, PATIENCE, masked};
use crate::transport::{Hands, Watched};

struct Seam {
    address: std::net::SocketAddr,
    hands: Arc<Hands>,
    remote: Remote,
    thread: Option<JoinHandle<io::Result<()>>>,
}

fn serve<H: Handler>(hands: Hands, handler: impl FnOnce() -> H + Send + 'static) -> Seam {
    let tcp = Tcp::bind("127.0.0.1:0").unwrap();
    let (hands, remote) = (Arc::new(hands), Remote::new(&tcp));
    let address = tcp.local_addr().unwrap();
    let (watched, told) = (hands.clone(), remote.clone());
    let thread = std::thread::spawn(move || {
        EventLoop::new(Watched::new(tcp, watched), Config::default(), handler(), told).run()
    });
    Seam { address, hands, remote, thread: Some(thread) }
}

impl Seam {
    fn connect(&self) -> Client {
        let stream = std::net::TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Client::new(stream);
        client.upgrade();
        client
    }
}

impl Drop for Seam {
    fn drop(&mut self) {
        self.remote.stop();
        let result = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            result.unwrap().unwrap();
        }
    }
}

fn echo() -> impl FnMut(&mut Peer<'_, ()>, Message<'_>) {
    |peer: &mut Peer<'_, ()>, message: Message<'_>| {
        let _ = peer.send(message);
    }
}

#[test]
fn one_read_and_one_write_an_echo() {
    let seam = serve(Hands::default(), echo);
    let mut client = seam.connect();
    client.expect_echo("warm");
    let count = |seam: &Seam| (seam.hands.reads.load(Ordering::SeqCst), seam.hands.writes.load(Ordering::SeqCst));
    let before = count(&seam);
    for _ in 0..100 {
        client.expect_echo("one message at a time");
    }
    let after = count(&seam);
    assert_eq!((after.0 - before.0, after.1 - before.1), (100, 100));
    assert_eq!(seam.hands.registrations.load(Ordering::SeqCst), 1, "one connection is registered once");
}

#[test]
fn a_batch_leaves_in_one_write() {
    let seam = serve(Hands::default(), echo);
    let mut client = seam.connect();
    client.expect_echo("warm");
    let before = seam.hands.writes.load(Ordering::SeqCst);
    // One segment on loopback, so one read.
    let batch: Vec<u8> = (0..64).flat_map(|n: u32| masked(0x81, format!("message {n}").as_bytes())).collect();
    client.write(&batch);
    for n in 0..64 {
        client.expect_text(&format!("message {n}"));
    }
    assert_eq!(seam.hands.writes.load(Ordering::SeqCst) - before, 1);
}

#[test]
fn reads_of_any_size_make_no_difference() {
    for limit in [(1, 1), (2, 2), (3, 3), (1, 20), (1, 4096)] {
        let seam = serve(Hands { read_at_most: Some(limit), ..Hands::default() }, echo);
        let mut client = seam.connect();
        for len in [0usize, 1, 125, 126, 1000, 65_535, 70_000] {
            let payload: Vec<u8> = (0..len).map(|i| (i * 31) as u8).collect();
            client.frame(0x02, &payload[..len / 2]);
            client.frame(0x89, b"between");
            client.frame(0x80, &payload[len / 2..]);
            assert_eq!(client.read_frame().unwrap().first, 0x8a);
            assert_eq!(client.read_frame().unwrap().payload, payload, "{limit:?} {len}");
        }
    }
}

#[test]
fn running_out_of_descriptors_pauses_accepting_and_nothing_else() {
    let hands = Hands::default();
    let seam = serve(hands, echo);
    let mut established = seam.connect();
    let before = seam.hands.accepts.load(Ordering::SeqCst);
    seam.hands.accepts_to_fail.store(2, Ordering::SeqCst);
    let waiting = std::thread::spawn({
        let address = seam.address;
        move || {
            let mut client = Client::new(std::net::TcpStream::connect(address).unwrap());
            client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
            client.upgrade();
            client.expect_echo("let in at last");
        }
    });
    let mut echoes = 0;
    while !waiting.is_finished() {
        established.expect_echo("not starved");
        echoes += 1;
    }
    waiting.join().unwrap();
    assert!(echoes > 0);
    // Two that fail, one that succeeds, and the one after each success that finds nothing: it does not spin.
    let accepts = seam.hands.accepts.load(Ordering::SeqCst) - before;
    assert!(accepts <= 5, "{accepts} calls to accept");
}

#[test]
fn a_large_message_reaches_a_hundred_subscribers_from_where_it_was_received() {
    struct Fan(mpsc::Sender<(usize, usize)>);
    impl Handler for Fan {
        type Data = ();
        fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
            peer.subscribe("t");
        }
        fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
            let bytes = message.as_bytes();
            self.0.send((bytes.as_ptr() as usize, bytes.len())).unwrap();
            peer.publish("t", message);
        }
    }
    const LEN: usize = 1 << 20;
    let (sender, received) = mpsc::channel();
    let seam = serve(Hands::default(), || Fan(sender));
    let mut subscribers: Vec<_> = (0..100).map(|_| seam.connect()).collect();
    let payload: Vec<u8> = (0..LEN).map(|i| ((i * 131) >> 7) as u8).collect();
    subscribers[0].frame(0x82, &payload);
    for subscriber in &mut subscribers {
        assert!(subscriber.read_frame().unwrap().payload == payload);
    }
    let (start, len) = received.recv().unwrap();
    assert_eq!(len, LEN);
    // Whatever was written of it, also by those that were backed up, lies where the handler saw it.
    let slices = seam.hands.large_slices.lock().unwrap();
    assert!(slices.len() >= 100, "{} large slices", slices.len());
    for (at, len) in slices.iter() {
        assert!(start <= *at && at + len <= start + LEN, "a copy was written");
    }
}
