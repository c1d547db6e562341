//! An echo server: the protocol core on tokio's sockets.
//!
//! ```text
//! cargo run --release --manifest-path examples/tokio/Cargo.toml -- 127.0.0.1:9001
//! ```

use std::{error::Error, time::Duration};

use bowsprit::handshake::{OriginPolicy, Response, ServerHandshake};
use bowsprit::{Connection, Event, Limits, Negotiated, ReceiveBuffer, SendBuffer, Status};
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::{net::TcpListener, net::TcpStream, time::timeout};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;
const SECOND: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move { serve(stream).await.unwrap_or_else(|error| eprintln!("{peer}: {error}")) });
    }
}

async fn serve(mut stream: TcpStream) -> Fallible<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
    if let Some(negotiated) = timeout(10 * SECOND, shake_hands(&mut stream, &mut input, &mut output)).await?? {
        let mut conn = Connection::server(negotiated);
        loop {
            while let Some(event) = conn.receive(&mut input, &mut output) {
                if let Event::Message(message) = event {
                    conn.send(message, &mut output)?;
                }
            }
            stream.write_all(output.pending()).await?;
            output.consume(output.pending().len());
            if conn.is_finished() {
                break;
            }
            match stream.read(conn.spare(&mut input)).await? {
                0 => drop(conn.receive_eof()),
                n => conn.filled(n, &mut input),
            }
        }
    }
    stream.write_all(output.pending()).await?; // if the request was refused
    // What nobody reads would make a reset of our end, and our last words with it.
    stream.shutdown().await?;
    let _ = timeout(5 * SECOND, io::copy(&mut stream, &mut io::sink())).await;
    Ok(())
}

/// `None` if the request was refused; then the answer that says so is in the output.
async fn shake_hands(
    stream: &mut TcpStream,
    input: &mut ReceiveBuffer,
    output: &mut SendBuffer,
) -> Fallible<Option<Negotiated>> {
    let (mut handshake, origins) = (ServerHandshake::new(), OriginPolicy::default());
    let error = loop {
        match stream.read(input.spare()).await? {
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            n => input.filled(n),
        }
        match handshake.receive(input) {
            Ok(Status::Partial) => {}
            Ok(Status::Complete(request)) => match origins.check(&request).and(request.check_upgrade()) {
                Ok(upgrade) => return Ok(Some(upgrade.accept(&Response::accept(), output)?)),
                Err(error) => break error,
            },
            Err(error) => break error,
        }
    };
    error.response().encode(output)?;
    Ok(None)
}
