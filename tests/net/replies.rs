//! Messages that go back as they came leave from where they were received. Whatever else a handler does meanwhile, the peer
//! hears what was sent in the order of the calls, and nothing of what was only touched.

use std::ops::Range;
use std::sync::mpsc;

use bowsprit::handshake::Request;
use bowsprit::net::{Config, Handler, Peer, Policy};
use bowsprit::{CloseCode, Message};

use crate::seam::{serve, serve_with};
#[cfg(feature = "testing")]
use crate::server::UPGRADE;
use crate::server::{Frame, masked};
use crate::transport::Hands;

/// What a message asks for, by its first octet, and what that is answered with.
const DEEDS: [(u8, Deed); 15] = [
    (b'e', |peer, message| _ = peer.send(message)),
    (b'E', |peer, message| _ = peer.send(message)),
    (b'F', |peer, message| _ = peer.send(message)),
    (b'n', |_, _| {}),
    (b'o', |peer, _| _ = peer.send("own")),
    (b'b', |peer, message| {
        let _ = (peer.send(message), peer.send("own"));
    }),
    (b'a', |peer, message| {
        let _ = (peer.send("own"), peer.send(message));
    }),
    (b't', |peer, message| {
        let _ = (peer.send(&message), peer.send(message));
    }),
    (b'r', |peer, message| _ = peer.send(reversed(message))),
    (b's', |peer, message| _ = peer.send(&message.as_bytes()[1..])),
    (b'p', |peer, message| {
        peer.publish("t", "published");
        let _ = peer.send(message);
    }),
    (b'P', |peer, message| {
        let _ = peer.send(message);
        peer.publish("t", "published");
    }),
    (b'i', |peer, message| {
        let _ = peer.send(message);
        peer.ping(b"here?").unwrap();
    }),
    (b'm', |peer, message| {
        let _ = (peer.send_part("pa", false).unwrap(), peer.send(message));
        let _ = peer.send_part("rt", true).unwrap();
    }),
    (b'l', |peer, message| {
        let _ = (peer.send(vec![b'L'; 20_000]), peer.send(message));
    }),
];

type Deed = fn(&mut Peer<'_, ()>, Message<'_>);

/// The slow twin.
fn answers(message: &Frame) -> Vec<Frame> {
    let back = || message.clone();
    let frame = |first, payload: &[u8]| Frame { first, payload: payload.to_vec() };
    let (own, published) = (|| frame(0x81, b"own"), || frame(0x81, b"published"));
    match message.payload[0] {
        b'e' | b'E' | b'F' => vec![back()],
        b'n' => vec![],
        b'o' => vec![own()],
        b'b' => vec![back(), own()],
        b'a' => vec![own(), back()],
        b't' => vec![back(), back()],
        b'r' if message.first == 0x82 => vec![frame(0x82, &message.payload.iter().rev().copied().collect::<Vec<_>>())],
        b'r' => vec![back()],
        b's' => vec![frame(0x82, &message.payload[1..])],
        b'p' => vec![published(), back()],
        b'P' => vec![back(), published()],
        b'i' => vec![back(), frame(0x89, b"here?")],
        b'm' => vec![frame(0x01, b"pa"), frame(0x80, b"rt"), back()],
        b'l' => vec![frame(0x82, &[b'L'; 20_000]), back()],
        other => panic!("{other}"),
    }
}

fn reversed(mut message: Message<'_>) -> Message<'_> {
    if let Message::Binary(bytes) = &mut message {
        bytes.reverse();
    }
    message
}

/// Does what it is asked for.
struct Doer(Policy);

impl Handler for Doer {
    type Data = ();

    fn open(&mut self, peer: &mut Peer<'_, ()>, _request: &Request<'_>) {
        peer.subscribe("t");
        peer.set_policy(self.0);
    }

    fn message(&mut self, peer: &mut Peer<'_, ()>, message: Message<'_>) {
        let asked = message.as_bytes()[0];
        let (_, deed) = DEEDS.iter().find(|(name, _)| *name == asked).expect("a deed");
        deed(peer, message);
    }
}

/// A number below `most`, the same in every run.
fn draw(dice: &mut u64, most: usize) -> usize {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    (*dice >> 16) as usize % most
}

fn message(dice: &mut u64, deeds: &[(u8, Deed)], sizes: &[Range<usize>]) -> Frame {
    let size = sizes[draw(dice, sizes.len())].clone();
    let len = size.start + draw(dice, size.len());
    let mut payload = vec![deeds[draw(dice, deeds.len())].0];
    payload.extend((1..len).map(|i| b'a' + ((i * 7 + len) % 26) as u8));
    Frame { first: if draw(dice, 2) == 0 { 0x81 } else { 0x82 }, payload }
}

const SMALL: [Range<usize>; 5] = [1..4, 4..40, 100..140, 125..128, 900..1200];
const ALL: [Range<usize>; 9] =
    [1..4, 4..40, 125..128, 900..1200, 900..1200, 16_000..16_500, 60_000..66_000, 65_535..65_537, 200_000..700_000];

#[test]
fn whatever_is_done_in_between_the_peer_hears_it_in_the_order_of_the_calls() {
    let mut dice = 0x6455_7692;
    for round in 0..120 {
        let policy = [Policy::Close, Policy::DropNewest, Policy::KeepLatest][round % 3];
        let read_at_most = [None, None, Some((1, 3000)), Some((200, 70_000))][round / 3 % 4];
        // Mostly echoes in half of the rounds: the others seldom leave two of them side by side.
        let deeds = if round % 2 == 0 { &DEEDS[..] } else { &DEEDS[..6] };
        let (sizes, many) = if round % 5 == 0 { (&ALL[..], 12) } else { (&SMALL[..], 60) };
        let mut config = Config::default();
        config.hard_queue = 8 << 20;
        let seam = serve_with(Hands { read_at_most, ..Hands::default() }, config, move || Doer(policy));
        let mut client = seam.connect();
        let messages: Vec<_> = (0..many).map(|_| message(&mut dice, deeds, sizes)).collect();
        let batch: Vec<_> = messages.iter().flat_map(|message| masked(message.first, &message.payload)).collect();
        let mut writer = client.stream.try_clone().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| std::io::Write::write_all(&mut writer, &batch).unwrap());
            for (n, message) in messages.iter().enumerate() {
                for expected in answers(message) {
                    let heard = client.read_frame().expect("a frame");
                    let asked = message.payload[0] as char;
                    assert!(heard == expected, "round {round}, message {n}, {asked}: {:?}", message.payload.len());
                }
            }
        });
    }
}

#[test]
fn what_was_sent_before_a_panic_or_a_close_leaves_before_it() {
    for (word, code) in [("panic", 1011), ("close", 1001), ("bad", 1007)] {
        let seam = serve(Hands::default(), move || {
            move |peer: &mut Peer<'_, ()>, message: Message<'_>| {
                let ends = message.as_bytes() == word.as_bytes();
                let _ = peer.send(message);
                if ends && word == "panic" {
                    panic!("as it was asked for");
                }
                if ends {
                    peer.close(CloseCode::GOING_AWAY, "").unwrap();
                    let _ = peer.send("too late");
                }
            }
        });
        let mut client = seam.connect();
        let last = if word == "bad" { masked(0x81, b"\xff") } else { masked(0x81, word.as_bytes()) };
        let batch = [masked(0x81, b"one"), masked(0x82, &[7; 300]), last, masked(0x81, b"behind")].concat();
        client.write(&batch);
        client.expect_text("one");
        assert_eq!(client.read_frame(), Some(Frame { first: 0x82, payload: vec![7; 300] }));
        if word != "bad" {
            client.expect_text(word);
        }
        let close = client.read_frame().unwrap();
        assert_eq!((close.first, u16::from_be_bytes([close.payload[0], close.payload[1]])), (0x88, code));
    }
}

#[test]
fn a_batch_that_goes_back_is_written_from_where_it_was_received() {
    let (told, places) = mpsc::channel();
    let seam = serve(Hands::default(), || {
        move |peer: &mut Peer<'_, ()>, message: Message<'_>| {
            told.send(message.as_bytes().as_ptr() as usize).unwrap();
            let _ = peer.send(message);
        }
    });
    let mut client = seam.connect();
    const MANY: usize = 90;
    let batch = masked(0x82, &[7; 1000]).repeat(MANY);
    // A batch may come in two reads, and then no write of it is large.
    for _ in 0..1000 {
        client.write(&batch);
        for _ in 0..MANY {
            assert_eq!(client.read_frame().unwrap().payload, [7; 1000]);
        }
        let starts: Vec<_> = places.iter().take(MANY).collect();
        if let Some((at, len)) = seam.hands.large_slices.lock().unwrap().pop() {
            // Behind a header of four octets, one behind the other.
            let first = starts.iter().position(|start| *start == at + 4).expect("where a message was");
            let laid_out: Vec<_> = (0..len / 1004).map(|n| at + 4 + n * 1004).collect();
            assert_eq!(starts[first..first + laid_out.len()], laid_out);
            return;
        }
    }
    panic!("no batch came in one read");
}

/// A large message is read on within the turn, and that read must not come where replies wait.
#[cfg(feature = "testing")]
#[test]
fn replies_are_not_overwritten_by_what_is_read_in_the_same_turn() {
    let echoes = [masked(0x82, b"echo one"), masked(0x82, b"echo two")].concat();
    let (large, rest) = (vec![b'L'; 140_000], vec![b'R'; 3000]);
    let front = [&echoes[..], &masked(0x02, &large)].concat();
    let all = [&front[..], &masked(0x80, &rest)].concat();
    for into_the_header in 0..=9 {
        let world = bowsprit::testing::World::new();
        let _remote = world.serve(Config::default(), |peer: &mut Peer<'_, ()>, message: Message<'_>| {
            let _ = peer.send(message);
        });
        let mut link = world.connect();
        link.write_all(UPGRADE.as_bytes()).unwrap();
        link.read();
        link.outgoing(|wire| (wire.capacity, wire.read_at_most) = (1 << 20, front.len() + into_the_header));
        link.write_all(&all).unwrap();
        let heard = link.read();
        let expected = [b"\x82\x08echo one\x82\x08echo two\x82\x7f", &143_000u64.to_be_bytes()[..], &large, &rest];
        assert!(heard == expected.concat(), "{into_the_header}");
    }
}

#[cfg(feature = "testing")]
#[test]
fn a_message_in_the_memory_that_it_was_read_to_is_answered_like_any_other() {
    let large = vec![b'L'; 700_000];
    let said = masked(0x82, &large);
    let echo = [b"\x82\x7f", &700_000u64.to_be_bytes()[..], &large].concat();
    let answers: [(&str, Vec<u8>); 4] = [
        ("a word", b"\x81\x04word".to_vec()),
        ("an echo and a word", [&echo[..], b"\x81\x04word"].concat()),
        ("a word and an echo", [b"\x81\x04word", &echo[..]].concat()),
        ("nothing", vec![]),
    ];
    for (what, answer) in answers {
        for before in [&b""[..], b"small"] {
            for read_at_most in [150_000, 270_000, 500_000, usize::MAX] {
                let world = bowsprit::testing::World::new();
                let _remote = world.serve(Config::default(), move |peer: &mut Peer<'_, ()>, message: Message<'_>| {
                    let is_large = message.as_bytes().len() == 700_000;
                    let (first, last) = (what.starts_with("a word"), what.ends_with("and a word"));
                    if is_large && first {
                        let _ = peer.send("word");
                    }
                    if !is_large || what.contains("echo") {
                        let _ = peer.send(message);
                    }
                    if is_large && last {
                        let _ = peer.send("word");
                    }
                });
                let mut link = world.connect();
                link.write_all(UPGRADE.as_bytes()).unwrap();
                link.read();
                link.outgoing(|wire| (wire.capacity, wire.read_at_most) = (1 << 20, read_at_most));
                link.incoming(|wire| wire.capacity = 4 << 20);
                let mut expected = Vec::new();
                // The second time the memory is that of the first.
                for _ in 0..2 {
                    if !before.is_empty() {
                        link.write_all(&masked(0x82, before)).unwrap();
                        expected.extend([b"\x82\x05", before].concat());
                    }
                    link.write_all(&said).unwrap();
                    link.write_all(&masked(0x81, b"next")).unwrap();
                    expected.extend([&answer[..], b"\x81\x04next"].concat());
                }
                assert!(link.read() == expected, "{what}, {} in front, {read_at_most} a read", before.len());
            }
        }
    }
}
