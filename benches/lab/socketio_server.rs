//! Our Socket.IO server as `benches/lab/socketio` wants one: `lab_socketio PORT`, on 127.0.0.1. The event `echo` goes back
//! to its sender, and `all` to everybody.

use bowsprit::socketio::Io;

fn main() -> std::io::Result<()> {
    let Some(port) = std::env::args().nth(1) else { panic!("usage: lab_socketio PORT") };
    let mut io = Io::default();
    io.of("/")
        .on("echo", |socket, event| {
            let _ = socket.emit("echo", event.args());
        })
        .on("all", |socket, event| {
            let _ = socket.everybody().emit("all", event.args());
        });
    io.serve(format!("127.0.0.1:{port}"))
}
