//! Several workers are one server: over real sockets, since the system decides which of them a connection arrives at.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bowsprit::net::{Remote, Server};
use bowsprit::socketio::{Config, Io, Recovery};

const WORKERS: usize = 3;
/// A guard against hanging, not a measure.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    remote: Remote,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn new(config: Config, setup: impl Fn(&mut Io, &Remote) + Send + Sync + 'static) -> Self {
        let mut net = config.engine.net();
        net.workers = WORKERS;
        let server = Server::bind_with("127.0.0.1:0", net).unwrap();
        let (address, remote) = (server.local_addr().unwrap(), server.remote());
        let theirs = remote.clone();
        let thread = thread::spawn(move || Io::run_each(server, &config, |io| setup(io, &theirs)).unwrap());
        Self { address, remote, thread: Some(thread) }
    }

    /// A request on a connection of its own.
    fn ask(&self, method: &str, query: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
        body.into()
    }

    /// A session in `/`.
    fn enter(&self, auth: &str) -> Guest<'_> {
        let open: serde_json::Value = serde_json::from_str(&self.ask("GET", "", "")[1..]).unwrap();
        let guest = Guest { server: self, query: format!("&sid={}", open["sid"].as_str().unwrap()), heard: Vec::new() };
        guest.say(&format!("40{auth}"));
        guest
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.remote.stop();
        let result = self.thread.take().unwrap().join();
        if !thread::panicking() {
            result.unwrap();
        }
    }
}

/// A client that polls, with each request on a connection of its own.
struct Guest<'s> {
    server: &'s Running,
    query: String,
    heard: Vec<String>,
}

impl Guest<'_> {
    fn say(&self, text: &str) {
        assert_eq!(self.server.ask("POST", &self.query, text), "ok");
    }

    fn hear(&mut self) -> String {
        while self.heard.is_empty() {
            let payload = self.server.ask("GET", &self.query, "");
            self.heard = payload.split('\u{1e}').filter(|packet| *packet != "2").map(String::from).collect();
        }
        self.heard.remove(0)
    }

    /// What the welcome says.
    fn welcome(&mut self) -> serde_json::Value {
        let text = self.hear();
        serde_json::from_str(text.strip_prefix("40").expect(&text)).unwrap()
    }

    /// Goes without a word, and the server knows.
    fn vanish(self) {
        let mut poll = TcpStream::connect(self.server.address).unwrap();
        let request = format!("GET /socket.io/?EIO=4&transport=polling{} HTTP/1.1\r\nHost: a\r\n\r\n", self.query);
        poll.write_all(request.as_bytes()).unwrap();
    }
}

fn talking(told: Sender<String>) -> impl Fn(&mut Io, &Remote) + Send + Sync {
    let told = Mutex::new(told);
    move |io, _| {
        let told = told.lock().unwrap().clone();
        let gone = told.clone();
        io.of("/")
            .on_connect(move |socket| {
                let worker = thread::current().id();
                let _ = told.send(format!("{} {worker:?}", if socket.recovered() { "back" } else { "new" }));
            })
            .on_disconnect(move |_, _| _ = gone.send("gone".into()))
            .on("join", |socket, event| {
                socket.join(event.arg(0).unwrap());
            })
            .on("set", |socket, event| {
                let data: String = event.arg(0).unwrap();
                socket.set(data);
            })
            .on("get", |socket, _| {
                let data = socket.get::<String>().cloned();
                let _ = socket.emit("got", (data,));
            })
            .on("all", |socket, event| {
                let _ = socket.everybody().emit("said", event.args());
            })
            .on("here", |socket, event| {
                let _ = socket.everybody().local().emit("said", event.args());
            })
            .on("to", |socket, event| {
                let room: String = event.arg(0).unwrap();
                let _ = socket.to(room).except("deaf").emit("said", (event.raw(1),));
            })
            .on("take all into", |socket, event| socket.everybody().join(event.arg(0).unwrap()))
            .on("take all out of", |socket, event| socket.everybody().leave(event.arg(0).unwrap()))
            .on("put out", |socket, event| {
                let room: String = event.arg(0).unwrap();
                socket.to(room).disconnect(false);
            })
            .on("who", |socket, event| {
                let (room, id): (String, _) = (event.arg(0).unwrap(), socket.id());
                socket.everybody().to(room).fetch(PATIENCE, move |context, members| {
                    let rooms: BTreeSet<_> = members.iter().flat_map(|member| member.rooms()).collect();
                    let _ = context.of("/").to(id.as_str()).emit("they", (members.len(), rooms));
                });
            })
            .on("ask", |socket, event| {
                let (timeout, id) = (Duration::from_millis(event.arg(0).unwrap()), socket.id());
                let asked = socket.broadcast().emit_with_ack("question", (), timeout, move |context, answers| {
                    let mut given: Vec<u32> = answers.answers.iter().filter_map(|answer| answer.arg(0).ok()).collect();
                    given.sort();
                    let _ = context.of("/").to(id.as_str()).emit("answers", (given, answers.missing.len()));
                });
                assert!(asked.is_ok());
            });
    }
}

/// Guests until each worker has one, and so many in all.
fn crowd<'s>(server: &'s Running, told: &Receiver<String>, many: usize) -> Vec<Guest<'s>> {
    let (mut guests, mut workers) = (Vec::new(), BTreeSet::new());
    while guests.len() < many || workers.len() < WORKERS {
        let mut guest = server.enter("");
        guest.welcome();
        workers.insert(told.recv_timeout(PATIENCE).unwrap());
        guests.push(guest);
    }
    guests
}

fn stage() -> (Running, Receiver<String>) {
    stage_with(Config::default())
}

fn stage_with(config: Config) -> (Running, Receiver<String>) {
    let (sender, told) = mpsc::channel();
    (Running::new(config, talking(sender)), told)
}

#[test]
fn a_session_is_found_wherever_its_requests_arrive() {
    let (server, _told) = stage();
    let mut guest = server.enter("");
    guest.welcome();
    for n in 0..60 {
        guest.say(&format!(r#"42["all",{n}]"#));
        assert_eq!(guest.hear(), format!(r#"42["said",{n}]"#));
    }
}

#[test]
fn what_is_said_reaches_the_sockets_of_all_workers_once_and_in_order() {
    let (server, told) = stage();
    let mut guests = crowd(&server, &told, 9);
    for n in 0..20 {
        guests[0].say(&format!(r#"42["all",{n}]"#));
    }
    for guest in &mut guests {
        for n in 0..20 {
            assert_eq!(guest.hear(), format!(r#"42["said",{n}]"#));
        }
    }
}

#[test]
fn rooms_span_workers() {
    let (server, told) = stage();
    let mut guests = crowd(&server, &told, 9);
    guests.iter().for_each(|guest| guest.say(r#"42["join","red"]"#));
    guests[1].say(r#"42["join","deaf"]"#);
    guests[0].say(r#"42["to","red",1]"#);
    guests[2].say(r#"42["to","blue",2]"#);
    // Behind both, for everybody.
    guests[0].say(r#"42["all",3]"#);
    guests[2].say(r#"42["all",4]"#);
    for (n, guest) in guests.iter_mut().enumerate() {
        let expected: &[_] = if n < 2 { &["3", "4"] } else { &["1", "3", "4"] };
        let mut heard: Vec<_> = expected.iter().map(|_| guest.hear()).collect();
        // Each of the two speakers has an order of its own.
        heard.sort();
        assert_eq!(heard, expected.iter().map(|n| format!(r#"42["said",{n}]"#)).collect::<Vec<_>>());
    }
}

#[test]
fn local_is_for_one_worker() {
    let (server, told) = stage();
    let mut guests = crowd(&server, &told, 9);
    guests[0].say(r#"42["here",1]"#);
    guests[0].say(r#"42["all",2]"#);
    let firsts: Vec<_> = guests.iter_mut().map(Guest::hear).collect();
    assert_eq!(firsts[0], r#"42["said",1]"#);
    assert!(firsts.iter().any(|first| first == r#"42["said",2]"#));
}

#[test]
fn a_selection_is_moved_counted_and_put_out_on_all_workers() {
    let (server, told) = stage();
    let mut guests = crowd(&server, &told, 9);
    let many = guests.len();
    guests[3].say(r#"42["join","odd"]"#);
    guests[0].say(r#"42["take all into","red"]"#);
    guests[0].say(r#"42["who","red"]"#);
    assert_eq!(guests[0].hear(), format!(r#"42["they",{many},["odd","red"]]"#));
    guests[0].say(r#"42["take all out of","odd"]"#);
    guests[0].say(r#"42["who","red"]"#);
    assert_eq!(guests[0].hear(), format!(r#"42["they",{many},["red"]]"#));
    guests[0].say(r#"42["put out","red"]"#);
    for guest in &mut guests[1..] {
        assert_eq!(guest.hear(), "41");
    }
    guests[0].say(r#"42["who","red"]"#);
    assert_eq!(guests[0].hear(), r#"42["they",1,["red"]]"#);
}

#[test]
fn everybody_answers_once_on_all_workers() {
    let (server, told) = stage();
    let mut guests = crowd(&server, &told, 9);
    let many = guests.len();
    guests[0].say(r#"42["ask",20000]"#);
    for (n, guest) in guests.iter_mut().enumerate().skip(1) {
        let question = guest.hear();
        let id = question.strip_prefix("42").and_then(|rest| rest.strip_suffix(r#"["question"]"#)).expect(&question);
        guest.say(&format!("43{id}[{n}]"));
    }
    let answers: Vec<_> = (1..many).collect();
    assert_eq!(guests[0].hear(), format!(r#"42["answers",{},0]"#, serde_json::to_string(&answers).unwrap()));
    // Who does not answer is missing, wherever he is.
    guests[0].say(r#"42["ask",1]"#);
    assert_eq!(guests[0].hear(), format!(r#"42["answers",[],{}]"#, many - 1));
}

/// An event without its offset, and that.
#[track_caller]
fn parted(event: &str) -> (String, String) {
    let (event, offset) = event.strip_suffix("\"]").expect(event).rsplit_once(",\"").expect(event);
    (format!("{event}]"), offset.into())
}

#[test]
fn who_comes_back_to_another_worker_finds_everything() {
    let mut config = Config::default();
    config.recovery = Some(Recovery::default());
    let (server, told) = stage_with(config);
    let mut speakers = crowd(&server, &told, 6);
    let mut guest = server.enter("");
    let home = told.recv_timeout(PATIENCE).unwrap();
    let welcome = guest.welcome();
    guest.say(r#"42["join","red"]"#);
    guest.say(r#"42["set","dear"]"#);
    let (mut offset, mut homes, mut next) = (None, BTreeSet::from([home.replace("new", "back")]), 0);
    // Each time to any of them, until it was everywhere.
    for round in 0..40 {
        if round >= 6 && homes.len() == WORKERS {
            break;
        }
        if round % 2 == 0 {
            guest.vanish();
            assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "gone");
        }
        let first = next;
        for speaker in &mut speakers {
            speaker.say(&format!(r#"42["to","red",{next}]"#));
            speaker.say(r#"42["to","blue",-1]"#);
            // It has been heard by the speaker's worker, and is on its way to the others.
            speaker.say(r#"42["get"]"#);
            parted(&speaker.hear());
            next += 1;
        }
        let pid = welcome["pid"].as_str().unwrap();
        let heard = offset.as_ref().map_or(String::new(), |offset| format!(r#","offset":"{offset}""#));
        guest = server.enter(&format!(r#"{{"pid":"{pid}"{heard}}}"#));
        let mut missed: BTreeSet<_> = (first..next).collect();
        let mut last = String::new();
        while !missed.is_empty() || last.is_empty() {
            let text = guest.hear();
            if text.starts_with("40") {
                last = text;
                continue;
            }
            let (event, _) = parted(&text);
            let n = event.strip_prefix(r#"42["said","#).and_then(|rest| rest.strip_suffix("]")).expect(&event);
            assert!(missed.remove(&n.parse::<i32>().unwrap()), "{event} twice");
        }
        let again: serde_json::Value = serde_json::from_str(&last[2..]).unwrap();
        assert_eq!(again, welcome);
        // One that came back before it was noticed to be gone is gone now.
        let mut arrived = told.recv_timeout(PATIENCE).unwrap();
        while arrived == "gone" {
            arrived = told.recv_timeout(PATIENCE).unwrap();
        }
        assert!(arrived.starts_with("back "), "{arrived}");
        homes.insert(arrived);
        guest.say(r#"42["get"]"#);
        let (got, at) = parted(&guest.hear());
        assert_eq!(got, r#"42["got","dear"]"#);
        offset = Some(at);
    }
    assert_eq!(homes.len(), WORKERS);
}

#[test]
fn nothing_is_missed_or_doubled_while_all_workers_speak_and_one_moves_between_them() {
    const AT_ONCE: u32 = 20;
    let (sender, started) = mpsc::channel();
    let sender = Mutex::new(sender);
    let mut config = Config::default();
    config.recovery = Some(Recovery::default());
    let server = Running::new(config, move |io, remote| {
        io.of("/");
        sender.lock().unwrap().send(io.remote(remote.clone())).unwrap();
    });
    // Each says so much whenever the guest does something, and meanwhile the guest moves.
    let speakers: Vec<_> = (0..WORKERS)
        .map(|who| {
            let remote: bowsprit::socketio::Remote = started.recv_timeout(PATIENCE).unwrap();
            let (token, tokens) = mpsc::channel::<()>();
            let speak = move || {
                let numbers = tokens.iter().flat_map(|()| 0..AT_ONCE).zip(0u32..);
                for (_, n) in numbers {
                    remote.call(move |context| _ = context.of("/").emit("said", (who, n)));
                    thread::yield_now();
                }
            };
            (token, thread::spawn(speak))
        })
        .collect();
    let prompt = || speakers.iter().for_each(|(token, _)| token.send(()).unwrap());

    let mut guest = server.enter("");
    let welcome = guest.welcome();
    let (mut offset, mut expected) = (String::new(), [0u32; WORKERS]);
    for round in 0..400 {
        prompt();
        let auth = format!(r#"{{"pid":{}{offset}}}"#, welcome["pid"]);
        guest = server.enter(&auth);
        let mut is_welcome = false;
        while !is_welcome || !guest.heard.is_empty() {
            if guest.heard.is_empty() && round % 3 == 0 {
                prompt();
            }
            let text = guest.hear();
            if let Some(again) = text.strip_prefix("40") {
                assert_eq!(serde_json::from_str::<serde_json::Value>(again).unwrap(), welcome);
                is_welcome = true;
                continue;
            }
            let (event, at) = parted(&text);
            let args = event.strip_prefix(r#"42["said","#).and_then(|rest| rest.strip_suffix("]")).expect(&event);
            let (who, n) = args.split_once(',').unwrap();
            let next = &mut expected[who.parse::<usize>().unwrap()];
            assert_eq!(n.parse(), Ok(*next), "of {who}");
            *next += 1;
            offset = format!(r#","offset":"{at}""#);
        }
    }
    for (token, speaker) in speakers {
        drop(token);
        speaker.join().unwrap();
    }
}

#[test]
fn who_is_known_nowhere_is_somebody_new() {
    let mut config = Config::default();
    config.recovery = Some(Recovery::default());
    let (server, told) = stage_with(config);
    for _ in 0..6 {
        let mut guest = server.enter(r#"{"pid":"AAAAAAAAAAAAAAAAAAAA","offset":"1"}"#);
        assert_ne!(guest.welcome()["pid"], "AAAAAAAAAAAAAAAAAAAA");
        assert!(told.recv_timeout(PATIENCE).unwrap().starts_with("new "));
    }
}
