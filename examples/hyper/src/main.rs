//! An HTTP server of hyper's; a request for a WebSocket becomes an echo on bowsprit's core.
//!
//! ```text
//! cargo run --release --manifest-path examples/hyper/Cargo.toml -- 127.0.0.1:9001
//! ```

use std::{convert::Infallible, error::Error, time::Duration};

use bowsprit::handshake::{self, OriginPolicy, accept_key};
use bowsprit::{Connection, Event, Limits, Negotiated, ReceiveBuffer, SendBuffer};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::upgrade::{OnUpgrade, Parts};
use hyper::{Request, Response, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            let http = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service_fn(answer));
            http.with_upgrades().await.unwrap_or_else(|error| eprintln!("{peer}: {error}"));
        });
    }
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let upgraded = hyper::upgrade::on(&mut request);
    let target = request.uri().to_string();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let ours = handshake::Request::from_parts(request.method().as_str(), &target, headers);
    if !ours.is_upgrade() {
        return Ok(Response::new(Full::from("a WebSocket lives here\n")));
    }
    let response = match OriginPolicy::default().check(&ours).and(ours.check_upgrade()) {
        Ok(upgrade) => {
            tokio::spawn(async { echo(upgraded).await.unwrap_or_else(|error| eprintln!("{error}")) });
            let response = Response::builder().status(101).header("Upgrade", "websocket");
            response.header("Connection", "Upgrade").header("Sec-WebSocket-Accept", &*accept_key(upgrade.key()))
        }
        // The version that is spoken is due with a 426 (RFC 6455 §4.4).
        Err(error) => Response::builder().status(error.status()).header("Sec-WebSocket-Version", "13"),
    };
    Ok(response.body(Full::default()).expect("header fields are valid"))
}

async fn echo(upgraded: OnUpgrade) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Parts { io, read_buf, .. } = upgraded.await?.downcast::<TokioIo<TcpStream>>().expect("what was served");
    let (mut stream, mut conn) = (io.into_inner(), Connection::server(Negotiated::none()));
    let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
    // Frames that came in the segment of the request: hyper has read them, and they come first.
    input.extend_from_slice(&read_buf);
    while !conn.is_finished() {
        while let Some(event) = conn.receive(&mut input, &mut output) {
            if let Event::Message(message) = event {
                conn.send(message, &mut output)?;
            }
        }
        stream.write_all(output.pending()).await?;
        output.consume(output.pending().len());
        if !conn.is_finished() {
            match stream.read(conn.spare(&mut input)).await? {
                0 => drop(conn.receive_eof()),
                n => conn.filled(n, &mut input),
            }
        }
    }
    // What nobody reads would make a reset of our end, and our last words with it.
    stream.shutdown().await?;
    let _ = tokio::time::timeout(Duration::from_secs(5), io::copy(&mut stream, &mut io::sink())).await;
    Ok(())
}
