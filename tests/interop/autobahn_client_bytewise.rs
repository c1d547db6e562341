//! The core's client with every byte fed to it alone, for Autobahn: `autobahn_client_bytewise ADDR`.

use std::collections::VecDeque;
use std::env;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bowsprit::handshake::{ClientRequest, Uri};
use bowsprit::{Connection, Event, Limits, MaskingKey, ReceiveBuffer, SendBuffer, Status};

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).ok_or("autobahn_client_bytewise ADDR")?;
    let mut count = String::new();
    // A reset may follow the number.
    let _ = Endpoint::connect(&address, "getCaseCount")?.run(|event, _, _| {
        if let Event::Message(message) = event {
            count = String::from_utf8_lossy(message.as_bytes()).into_owned();
        }
    });
    let count: u32 = count.trim().parse()?;
    println!("{count} cases");
    for case in 1..=count {
        let endpoint = Endpoint::connect(&address, &format!("runCase?case={case}&agent=bowsprit"))?;
        // A reset is how some cases end.
        let _ = endpoint.run(|event, conn, output| {
            if let Event::Message(message) = event {
                let _ = conn.send(message, output);
            }
        });
    }
    let _ = Endpoint::connect(&address, "updateReports?agent=bowsprit")?.run(|_, _, _| {});
    Ok(())
}

struct Endpoint {
    stream: TcpStream,
    conn: Connection,
    input: ReceiveBuffer,
    output: SendBuffer,
    /// Read from the socket and not yet fed to the core.
    read: VecDeque<u8>,
}

impl Endpoint {
    fn connect(address: &str, path: &str) -> Result<Self, Box<dyn Error>> {
        let mut limits = Limits::default();
        limits.message = 16 << 20;
        limits.frame = 16 << 20;
        let mut input = ReceiveBuffer::new(limits);
        let mut key = 0x9e37_79b9_u32;
        let mut output = SendBuffer::with_masking_keys(move || {
            // Different each time is enough for a test.
            key = key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            MaskingKey::new(key.to_be_bytes())
        });
        let request = ClientRequest::new(Uri::parse(&format!("ws://{address}/{path}"))?);
        let mut handshake = request.start(*b"the sample nonce", &mut output)?;
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        write(&mut stream, &mut output)?;
        let mut read = VecDeque::new();
        let negotiated = loop {
            let Some(byte) = next(&mut stream, &mut read)? else { return Err("no answer".into()) };
            input.extend_from_slice(&[byte]);
            if let Status::Complete(answer) = handshake.receive(&mut input)? {
                break answer.check_upgrade()?;
            }
        };
        Ok(Self { stream, conn: Connection::client(negotiated), input, output, read })
    }

    fn run(mut self, mut on: impl FnMut(Event<'_>, &mut Connection, &mut SendBuffer)) -> io::Result<()> {
        while let Some(byte) = next(&mut self.stream, &mut self.read)? {
            if self.conn.is_finished() {
                continue; // until the server closes TCP
            }
            self.input.extend_from_slice(&[byte]);
            while let Some(event) = self.conn.receive(&mut self.input, &mut self.output) {
                on(event, &mut self.conn, &mut self.output);
            }
            write(&mut self.stream, &mut self.output)?;
        }
        Ok(())
    }
}

fn write(stream: &mut TcpStream, output: &mut SendBuffer) -> io::Result<()> {
    if !output.is_empty() {
        stream.write_all(output.pending())?;
        output.consume(output.pending().len());
    }
    Ok(())
}

fn next(stream: &mut TcpStream, read: &mut VecDeque<u8>) -> io::Result<Option<u8>> {
    if read.is_empty() {
        let mut bytes = [0; 16 << 10];
        let len = stream.read(&mut bytes)?;
        read.extend(&bytes[..len]);
    }
    Ok(read.pop_front())
}
