//! Socket.IO: the server around the sockets.

use std::sync::mpsc::channel;
use std::thread;

use bowsprit::handshake::Response;
use bowsprit::net::Server;
use bowsprit::socketio::Io;

use crate::house::{get, hears};
use crate::stage::{POLLING, enter, say, stage};

#[test]
fn another_thread_has_its_work_done_on_the_loop() {
    let (send_remote, receive_remote) = channel();
    let server = thread::spawn(move || {
        let mut io = Io::default();
        io.of("/");
        let server = Server::bind_with("127.0.0.1:0", io.net()).unwrap();
        send_remote.send(io.remote(server.remote())).unwrap();
        server.run(io.into_handler()).unwrap();
        thread::current().id()
    });
    let remote = receive_remote.recv().unwrap();
    let (send, receive) = channel();
    for n in 0..3 {
        let send = send.clone();
        assert!(remote.call(move |context| {
            assert_eq!((context.sessions(), context.of("/").count()), (0, 0));
            send.send((n, thread::current().id())).unwrap();
        }));
    }
    let calls: Vec<_> = receive.iter().take(3).collect();
    remote.stop();
    let thread = server.join().unwrap();
    assert_eq!(calls, [(0, thread), (1, thread), (2, thread)]);
    assert!(!remote.call(|_| {}));
}

#[test]
fn other_pages_have_a_handler() {
    let (world, _) = stage(|io, _| io.on_http(|_, _, responder| responder.send(Response::new(200).body("a page"))));
    get(&world, "/").is(200, "a page");
}

#[test]
fn a_request_may_be_refused_before_there_is_a_session() {
    let (world, _) = stage(|io, _| {
        io.allow(|request| {
            request.query().is_some_and(|query| query.contains("key=1")).then_some(()).ok_or("no".into())
        });
    });
    get(&world, POLLING).is(403, r#"{"code":4,"message":"no"}"#);
    assert_eq!(get(&world, &format!("{POLLING}&key=1")).status, 200);
}

#[test]
fn a_socket_is_found_by_its_id() {
    let (world, _) = stage(|io, _| {
        io.of("/").on("to", |socket, event| {
            let id: String = event.arg(0).unwrap();
            let found = socket.socket("/", &id).is_some_and(|mut other| other.emit("hello", ()).is_ok());
            let elsewhere = socket.socket("/other", &id).is_some();
            let _ = socket.emit("found", (found, elsewhere));
        });
        io.of("/other");
    });
    let (mut ada, _) = enter(&world, "/");
    let (mut bob, id) = enter(&world, "/");
    say(&world, &mut ada, &format!(r#"42["to","{id}"]"#));
    hears(&mut bob, r#"42["hello"]"#);
    hears(&mut ada, r#"42["found",true,false]"#);
    say(&world, &mut bob, "41");
    say(&world, &mut ada, &format!(r#"42["to","{id}"]"#));
    hears(&mut ada, r#"42["found",false,false]"#);
}
