//! tungstenite as an echo server, or as a client that echoes and connects again until nobody listens.

use std::net::{TcpListener, TcpStream};
use std::thread;

use tungstenite::WebSocket;

fn echo(mut ws: WebSocket<TcpStream>) {
    while let Ok(message) = ws.read() {
        let sent = if message.is_text() || message.is_binary() { ws.send(message) } else { ws.flush() };
        if sent.is_err() {
            break;
        }
    }
    // What it has to say about a broken rule is still queued.
    let _ = ws.flush();
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args[1] == "client" {
        while let Ok(stream) = TcpStream::connect(&args[2]) {
            if let Ok((ws, _)) = tungstenite::client(format!("ws://{}/", args[2]), stream) {
                echo(ws);
            }
        }
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("listening on ws://{}", listener.local_addr().expect("bound"));
    for stream in listener.incoming().flatten() {
        thread::spawn(|| tungstenite::accept(stream).map(echo));
    }
}
