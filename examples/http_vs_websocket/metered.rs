//! TCP that counts: what each way of delivering costs on the wire.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bowsprit::net::{Ready, Received, Resolved, Tcp, Token, Transport};

/// A way to deliver events, or what else the page asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Other,
    Short,
    Long,
    Sse,
    Plain,
    Deflate,
}

impl Way {
    /// Those that are compared, with the path of each.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Short, "/events/short"),
        (Self::Long, "/events/long"),
        (Self::Sse, "/events/sse"),
        (Self::Plain, "/events/ws"),
        (Self::Deflate, "/events/ws-deflate"),
    ];

    /// By the path of a request, without its query.
    pub fn of(path: &str) -> Self {
        Self::ALL.into_iter().find(|(_, its)| *its == path).map_or(Self::Other, |(way, _)| way)
    }
}

/// What a way has carried, in requests and in bytes of TCP payload: heads, framing and bodies, as `TCP_INFO` counts them
/// in `bytes_received` and `bytes_acked`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried {
    pub requests: u64,
    pub received: u64,
    pub sent: u64,
}

/// What all ways have carried, for the transport to write and the handler to read.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Rc<[Cell<Carried>; 6]>);

impl Ledger {
    pub fn of(&self, way: Way) -> Carried {
        self.0[way as usize].get()
    }

    fn add(&self, way: Way, what: Carried) {
        let cell = &self.0[way as usize];
        let sum = cell.get();
        cell.set(Carried {
            requests: sum.requests + what.requests,
            received: sum.received + what.received,
            sent: sum.sent + what.sent,
        });
    }
}

/// TCP, and a ledger of it.
pub struct Metered {
    pub tcp: Tcp,
    pub ledger: Ledger,
}

/// A connection, and the way of its latest request: a browser uses it for several.
pub struct Stream {
    tcp: <Tcp as Transport>::Stream,
    way: Way,
}

impl Transport for Metered {
    type Stream = Stream;

    fn read(&mut self, stream: &mut Stream, spare: &mut [u8]) -> io::Result<Received> {
        let received = self.tcp.read(&mut stream.tcp, spare)?;
        let requested = path(&spare[..received.len]);
        if let Some(path) = requested {
            stream.way = Way::of(path);
        }
        let what =
            Carried { requests: u64::from(requested.is_some()), received: received.len as u64, ..Carried::default() };
        self.ledger.add(stream.way, what);
        Ok(received)
    }

    fn write(&mut self, stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
        let written = self.tcp.write(&mut stream.tcp, bytes)?;
        Ok(self.sent(stream, written))
    }

    fn write_last(&mut self, stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
        let written = self.tcp.write_last(&mut stream.tcp, bytes)?;
        Ok(self.sent(stream, written))
    }

    fn write_vectored(&mut self, stream: &mut Stream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = self.tcp.write_vectored(&mut stream.tcp, slices)?;
        Ok(self.sent(stream, written))
    }

    fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        let (tcp, address) = self.tcp.accept()?;
        Ok((Stream { tcp, way: Way::Other }, address))
    }

    fn connect(&mut self, address: SocketAddr) -> io::Result<Stream> {
        Ok(Stream { tcp: self.tcp.connect(address)?, way: Way::Other })
    }

    fn is_connected(&mut self, stream: &mut Stream) -> io::Result<bool> {
        self.tcp.is_connected(&mut stream.tcp)
    }

    fn register(&mut self, stream: &mut Stream, token: Token) -> io::Result<()> {
        self.tcp.register(&mut stream.tcp, token)
    }

    fn deregister(&mut self, stream: &mut Stream) -> io::Result<()> {
        self.tcp.deregister(&mut stream.tcp)
    }

    fn shut_down(&mut self, stream: &mut Stream) -> io::Result<()> {
        self.tcp.shut_down(&mut stream.tcp)
    }

    fn now(&self) -> Duration {
        self.tcp.now()
    }

    fn poll(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        self.tcp.poll(ready, timeout)
    }

    fn resolve(&mut self, host: &str, port: u16, answer: Resolved) {
        self.tcp.resolve(host, port, answer);
    }

    fn stop_accepting(&mut self) {
        self.tcp.stop_accepting();
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        self.tcp.waker()
    }
}

impl Metered {
    fn sent(&self, stream: &Stream, written: usize) -> usize {
        self.ledger.add(stream.way, Carried { sent: written as u64, ..Carried::default() });
        written
    }
}

/// The path of a request that begins here. A browser's request begins a read, as it waits for the answer before the
/// next; and no frame of a WebSocket begins with a G (0x47 is a text frame with a reserved bit and no FIN).
fn path(bytes: &[u8]) -> Option<&str> {
    let target = bytes.strip_prefix(b"GET ")?;
    let end = target.iter().position(|byte| matches!(byte, b' ' | b'?'))?;
    std::str::from_utf8(&target[..end]).ok()
}
