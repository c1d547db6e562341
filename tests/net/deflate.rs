//! permessage-deflate over sockets: agreed on, published once for all, bounded.

use std::io::{Read, Write};
use std::sync::mpsc;

use bowsprit::handshake::{ClientRequest, Request, Uri};
use bowsprit::net::{Client, ClientConfig, Config, Handler, Peer, PeerId, Policy};
use bowsprit::{
    CloseCode, Connection, DeflateConfig, DeflateParams, Event, Limits, Message, MessageRef, Negotiated, ReceiveBuffer,
    SendBuffer, SharedMessage,
};

use crate::client::listen;
use crate::clients::{Told, config as clients_config, request, run};
use crate::server::{Running, UPGRADE, masked, serve, serve_echo};

fn deflate(change: impl FnOnce(&mut DeflateConfig)) -> Option<DeflateConfig> {
    let mut config = DeflateConfig::default();
    change(&mut config);
    Some(config)
}

fn takeover() -> Option<DeflateConfig> {
    deflate(|config| {
        config.send_takeover = true;
        config.receive_takeover = true;
    })
}

fn server_config(deflate: Option<DeflateConfig>) -> Config {
    let mut config = Config::default();
    config.deflate = deflate;
    config
}

fn connect(server: &Running, deflate: Option<DeflateConfig>) -> Client {
    let mut config = ClientConfig::default();
    config.deflate = deflate;
    config.read_timeout = Some(crate::server::PATIENCE);
    let uri = format!("ws://{}/", server.address);
    Client::connect_with(&ClientRequest::new(Uri::parse(&uri).unwrap()), &config).unwrap()
}

fn receive(client: &mut Client) -> String {
    match client.receive().unwrap() {
        Some(Message::Text(text)) => text.to_owned(),
        other => panic!("{other:?}"),
    }
}

fn json(number: usize) -> String {
    let rows: Vec<String> = (0..20).map(|i| format!("{{\"id\":{},\"value\":\"row {}\"}}", number * i, i)).collect();
    rows.join(",")
}

#[test]
fn every_combination_of_settings_echoes() {
    for server_takeover in [false, true] {
        for client_takeover in [false, true] {
            for bits in [9, 12, 15] {
                let config = deflate(|config| {
                    config.send_takeover = server_takeover;
                    config.receive_takeover = server_takeover;
                    config.send_window_bits = bits;
                });
                let server = serve_echo(server_config(config));
                let mut client = connect(
                    &server,
                    deflate(|config| {
                        config.send_takeover = client_takeover;
                        config.receive_takeover = client_takeover;
                        config.receive_window_bits = bits;
                    }),
                );
                let params = client.deflate().expect("agreed on");
                assert_eq!(params.server_no_context_takeover, !(server_takeover && client_takeover));
                assert_eq!(params.server_max_window_bits, bits);
                for number in 0..30 {
                    let sent = json(number).repeat(1 + number % 3 * 20);
                    client.send(&sent).unwrap();
                    assert_eq!(receive(&mut client), sent);
                }
            }
        }
    }
}

#[test]
fn who_does_not_compress_gets_plain_messages() {
    let server = serve_echo(server_config(None));
    let mut client = connect(&server, deflate(|_| {}));
    assert_eq!(client.deflate(), None);
    client.send(json(1)).unwrap();
    assert_eq!(receive(&mut client), json(1));

    let server = serve_echo(server_config(deflate(|_| {})));
    let mut client = connect(&server, None);
    assert_eq!(client.deflate(), None);
    client.send(json(1)).unwrap();
    assert_eq!(receive(&mut client), json(1));
}

/// Sends what it is told to: `s` to the sender, `p` to all, `b` both, `m` in parts with a publication between, `x`
/// everything many times.
struct Orders;

impl Handler for Orders {
    type Data = ();

    fn open(&mut self, peer: &mut Peer<'_, ()>, _: &Request<'_>) {
        peer.subscribe("all");
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let Message::Text(text) = message else { return };
        for (i, order) in text.bytes().enumerate() {
            match order {
                b's' => {
                    let _ = peer.send(json(i));
                }
                b'p' => peer.publish("all", json(i)),
                b'u' => peer.publish("all", MessageRef::from(&json(i)).plain()),
                b'm' => {
                    let (text, middle) = (json(i), json(i).len() / 2);
                    let _ = peer.send_part(&text[..middle], false).unwrap();
                    peer.publish("all", json(100 + i));
                    let _ = peer.send(json(200 + i));
                    let _ = peer.send_part(&text[middle..], true).unwrap();
                }
                _ => panic!("no such order"),
            }
        }
    }
}

/// What the sender of an order gets.
fn ordered(orders: &str) -> Vec<String> {
    let mut expected = Vec::new();
    for (i, order) in orders.bytes().enumerate() {
        expected.push(json(i));
        if order == b'm' {
            expected.extend([json(100 + i), json(200 + i)]);
        }
    }
    expected
}

#[test]
fn published_and_sent_messages_stay_right_in_every_window() {
    let server = serve(server_config(takeover()), || Orders);
    let mut others: Vec<Client> = [
        None,
        deflate(|_| {}),
        takeover(),
        deflate(|config| config.receive_window_bits = 9),
        deflate(|config| config.receive_takeover = true),
        deflate(|config| (config.receive_takeover, config.receive_window_bits) = (true, 10)),
    ]
    .map(|config| connect(&server, config))
    .into_iter()
    .collect();
    for who in 0..others.len() {
        for orders in ["s", "p", "spspsp", "ssppssuu", "m", "smpms", "pm", "upmus"] {
            others[who].send(orders).unwrap();
            let expected = ordered(orders);
            let published: Vec<String> = orders
                .bytes()
                .enumerate()
                .filter_map(|(i, order)| match order {
                    b'p' | b'u' => Some(json(i)),
                    b'm' => Some(json(100 + i)),
                    _ => None,
                })
                .collect();
            for (i, other) in others.iter_mut().enumerate() {
                for expected in if i == who { &expected } else { &published } {
                    assert_eq!(&receive(other), expected, "{orders} of {who} to {i}");
                }
            }
        }
    }
}

#[test]
fn one_compression_serves_all_that_can_share_it() {
    let server = serve(server_config(deflate(|_| {})), || Orders);
    let offers = [
        "permessage-deflate",
        "permessage-deflate; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits",
    ];
    let mut clients = Vec::new();
    for offer in offers {
        let mut client = server.connect_tcp();
        let lines = format!("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: {offer}\r\n");
        client.write(UPGRADE.replace("Sec-WebSocket-Version: 13\r\n", &lines).as_bytes());
        let head = client.read_head();
        assert!(head.contains("Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"), "{head}");
        clients.push(client);
    }
    clients[0].text("p");
    let frames: Vec<_> = clients.iter_mut().map(|client| client.read_frame().expect("a frame")).collect();
    assert_eq!(frames[0].first, 0xc1);
    assert!(frames[0].payload.len() * 2 < json(0).len());
    assert_eq!(frames[1], frames[0]);
    assert_eq!(frames[2], frames[0]);
}

/// The text of the only message in bytes that a client sent, its mask taken off.
fn received(params: DeflateParams, first: u8, payload: &[u8]) -> String {
    let mut conn = Connection::server(Negotiated::none().with_deflate(params));
    let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
    input.extend_from_slice(&masked(first, payload));
    match conn.receive(&mut input, &mut output) {
        Some(Event::Message(Message::Text(text))) => text.to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn clients_of_a_loop_share_one_compression_and_mask_it_each_anew() {
    const AGREED: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
    let (mut requests, mut servers) = (Vec::new(), Vec::new());
    for agreed in [AGREED, AGREED, ""] {
        let (uri, server) = listen(|mut raw| {
            raw.upgrade_with(agreed, b"");
            raw.read_frame()
        });
        requests.push(request(&uri).deflate(&DeflateConfig::default()));
        servers.push(server);
    }
    let mut waiting = requests.len();
    let text = "again and ".repeat(12);
    let published = text.clone();
    let mut config = clients_config();
    config.deflate = deflate(|config| config.threshold = 1);
    let crowd = run(config, requests, move |peer| {
        assert!(peer.subscribe("all"));
        waiting -= 1;
        if waiting == 0 {
            peer.publish("all", MessageRef::from(&published));
        }
    });
    let frames: Vec<_> = servers.into_iter().map(|server| server.join().unwrap()).collect();
    drop(crowd);

    let (first, first_key, packed) = &frames[0];
    let mut params = DeflateParams::default();
    params.client_no_context_takeover = true;
    assert_eq!(*first, 0x81 | 0x40, "compressed");
    assert!(packed.len() * 3 < text.len(), "{}", packed.len());
    assert_eq!(received(params, *first, packed), text);
    let (second, second_key, as_packed) = &frames[1];
    assert_eq!((second, as_packed), (first, packed));
    assert_ne!(second_key, first_key);
    assert_eq!((frames[2].0, &*frames[2].2), (0x81, text.as_bytes()), "who agreed on nothing gets it plain");
}

#[test]
fn what_clients_of_a_loop_publish_stays_right_in_every_window() {
    let server = serve_echo(server_config(takeover()));
    for (takes_over, bits) in [(false, 15), (true, 15), (true, 9)] {
        let settings = deflate(|config| {
            config.send_takeover = takes_over;
            config.receive_takeover = takes_over;
            config.send_window_bits = bits;
        });
        let request = request(&format!("ws://{}/", server.address)).deflate(&settings.unwrap());
        let crowd = run(clients_config(), vec![request], |peer| {
            assert!(peer.subscribe("all"));
            for i in 0..3 {
                let _ = peer.send(json(i));
                peer.publish("all", json(i));
                let _ = peer.send(json(i));
            }
            let (text, middle) = (json(7), json(7).len() / 2);
            let _ = peer.send_part(&text[..middle], false).unwrap();
            peer.publish("all", json(8));
            let _ = peer.send_part(&text[middle..], true).unwrap();
            peer.publish("all", json(8));
            let _ = peer.send(json(8));
        });
        assert!(matches!(crowd.next(), Told::Connected(..)));
        for expected in [0, 0, 0, 1, 1, 1, 2, 2, 2, 7, 8, 8, 8] {
            let Told::Message(_, message) = crowd.next() else { panic!("not echoed: {expected}") };
            let message = String::from_utf8(message).unwrap();
            assert_eq!(message, json(expected), "takeover {takes_over}, {bits} bits");
        }
    }
}

#[test]
fn a_bomb_ends_its_sender_and_nobody_else() {
    let server = serve_echo(server_config(deflate(|_| {})));
    let mut other = connect(&server, deflate(|_| {}));
    let mut bomber = server.connect_tcp();
    let lines = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    bomber.write(UPGRADE.replace("Sec-WebSocket-Version: 13\r\n", lines).as_bytes());
    bomber.read_head();
    let (first, second) = (masked(0xc2, &bomb()), json(5));
    let mut stream = bomber.stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        // The server may have closed before the last byte.
        let _ = stream.write_all(&first);
    });
    other.send(&second).unwrap();
    assert_eq!(receive(&mut other), second);
    let close = bomber.read_frame().expect("a Close");
    assert_eq!(close.first, 0x88);
    assert!(close.payload.starts_with(&1009u16.to_be_bytes()), "{close:?}");
    writer.join().unwrap();
    let mut rest = Vec::new();
    let _ = bomber.stream.read_to_end(&mut rest);
    other.send(&second).unwrap();
    assert_eq!(receive(&mut other), second);
}

/// A MiB that stands for almost 1 GiB of zeros.
fn bomb() -> Vec<u8> {
    let mut conn = Connection::server(Negotiated::none().with_deflate(DeflateParams::default()));
    let mut output = SendBuffer::new();
    conn.send_part(vec![0; 16 << 20], false, &mut output).unwrap();
    let zeros = &output.pending()[4..];
    assert_eq!(output.pending()[..2], [0x42, 126], "a frame with a length of two bytes");
    [zeros.repeat(((1 << 20) - 1) / zeros.len()), vec![0x00]].concat()
}

#[test]
fn what_messages_may_refer_to_counts_towards_memory() {
    // The windows of one connection take 80 KiB, once they are full.
    let mut config = server_config(takeover());
    config.memory = 150 << 10;
    let server = serve_echo(config);
    let mut bystander = connect(&server, None);
    let mut first = connect(&server, takeover());
    let talk = |client: &mut Client| {
        for number in 0..100 {
            client.send(json(number)).unwrap();
            if client.receive().unwrap().is_none() {
                return client.close_code();
            }
        }
        CloseCode::ABNORMAL
    };
    assert_eq!(talk(&mut first), CloseCode::ABNORMAL, "it is not closed");
    assert_eq!(talk(&mut connect(&server, takeover())), CloseCode::TRY_AGAIN_LATER);
    // Who asks for no more goes on, and what the first held can be had when it is gone.
    for client in [&mut first, &mut bystander] {
        assert_eq!(talk(client), CloseCode::ABNORMAL);
    }
    first.close(CloseCode::NORMAL, "").unwrap();
    assert!(first.receive().unwrap().is_none());
    assert_eq!(talk(&mut connect(&server, takeover())), CloseCode::ABNORMAL);
}

#[test]
fn what_is_only_sent_counts_towards_memory_too() {
    struct Pushes(mpsc::Sender<PeerId>);
    impl Handler for Pushes {
        type Data = ();
        fn open(&mut self, peer: &mut Peer<'_, ()>, _: &Request<'_>) {
            let _ = self.0.send(peer.id());
        }
        fn message(&mut self, peer: &mut Peer<'_, ()>, _: Message<'_>) {
            let held = peer.stats().held;
            let _ = peer.send(held.to_string());
        }
    }
    let (sender, peers) = mpsc::channel();
    let server = serve(server_config(takeover()), || Pushes(sender));
    let mut client = connect(&server, takeover());
    let peer = peers.recv_timeout(crate::server::PATIENCE).unwrap();
    for number in 0..100 {
        let _ = server.remote.send(peer, SharedMessage::text(json(number)));
        assert_eq!(receive(&mut client), json(number));
    }
    let mut other = connect(&server, None);
    other.send("what is held?").unwrap();
    assert_eq!(receive(&mut other), (40 << 10).to_string());
}

#[test]
fn messages_that_are_dropped_leave_the_rest_readable() {
    // Nothing is written before the turn is over, and the queue takes few of what is sent in it.
    let mut config = server_config(takeover());
    config.policy = Policy::KeepLatest;
    config.soft_queue = 1;
    config.hard_queue = 4096;
    let (told, done) = mpsc::channel();
    let server = serve(config, move || {
        move |peer: &mut Peer<'_, ()>, _: Message<'_>| {
            for i in 0..5_000 {
                let _ = peer.send(json(i % 977));
            }
            let _ = peer.send("the end");
            let _ = told.send(());
        }
    });
    let mut client = connect(&server, takeover());
    client.send("go").unwrap();
    done.recv_timeout(crate::server::PATIENCE).unwrap();
    let mut count = 0;
    loop {
        let text = receive(&mut client);
        if text == "the end" {
            break;
        }
        assert!(text.starts_with("{\"id\":0,"), "{text}");
        count += 1;
    }
    assert!(count < 5_000, "none was dropped");
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(client.receive().unwrap().is_none());
}
