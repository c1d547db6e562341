//! What holds for any messages, any bytes and any cuts; each against a slow twin (`support/model.rs`).

mod support;

use bowsprit::{Kind, Limits, MaskingKey, ReceiveBuffer, Role, SendBuffer, State, Utf8Validator, mask};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use support::*;

/// A message to send.
#[derive(Clone, Debug)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
}

impl Said {
    fn as_seen(&self) -> Seen {
        match self {
            Self::Text(text) => Seen::Text(text.clone()),
            Self::Binary(bytes) => Seen::Binary(bytes.clone()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    fn first_byte(&self) -> u8 {
        match self {
            Self::Text(_) => 0x01,
            Self::Binary(_) => 0x02,
        }
    }
}

fn said() -> impl Strategy<Value = Said> {
    let lens = select(vec![0usize, 1, 124, 125, 126, 127, 128, 1000, 65_535, 65_536, 65_537, 150_000]);
    prop_oneof![
        4 => "\\PC{0,40}".prop_map(Said::Text),
        4 => vec(any::<u8>(), 0..200).prop_map(Said::Binary),
        1 => lens.clone().prop_map(|len| Said::Binary((0..len).map(|i| (i * 13 % 251) as u8).collect())),
        1 => lens.prop_map(|len| Said::Text("é".repeat(len / 2))),
    ]
}

/// Cuts `bytes` into parts of the given sizes, in turn.
fn parts<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (part, more) = rest.split_at((*size).clamp(1, rest.len()));
        parts.push(part);
        rest = more;
    }
    parts
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![vec(1usize..20, 1..6), vec(1usize..100_000, 1..6), Just(vec![7]), Just(vec![usize::MAX])]
}

fn feeds() -> impl Strategy<Value = Feed> {
    select(vec![Feed::Extend, Feed::Spare])
}

fn roles() -> impl Strategy<Value = Role> {
    select(vec![Role::Server, Role::Client])
}

fn other(role: Role) -> Role {
    match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    }
}

/// Limits that a generated session reaches.
fn tight() -> Limits {
    limits(|limits| {
        limits.frame = 150;
        limits.message = 200;
        limits.fragments = 5;
        limits.empty_fragments = 2;
        limits.control_replies = 300;
    })
}

/// A frame to a connection in `role`, mostly a legal one.
fn some_frame(role: Role) -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        12 => select(vec![0x81u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x00, 0x80, 0x89, 0x8a]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        6 => "\\PC{0,12}".prop_map(String::into_bytes),
        2 => vec(any::<u8>(), 0..12),
        1 => Just(vec![]),
        1 => vec(0x20u8..0x7f, 100..210),
        1 => (900u16..5100, "[a-zé]{0,8}").prop_map(|(code, reason)| [&code.to_be_bytes(), reason.as_bytes()].concat()),
    ];
    (first, payload).prop_map(move |(first, payload)| frame_to(role, first, &payload))
}

/// Frames, of which one byte may have been changed and the end cut off.
fn some_session() -> impl Strategy<Value = (Role, Vec<u8>)> {
    roles().prop_flat_map(|role| {
        let damage = proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
        let end = proptest::option::weighted(0.3, any::<prop::sample::Index>());
        (vec(some_frame(role), 1..16), damage, end).prop_map(move |(frames, damage, end)| {
            let mut bytes = frames.concat();
            if let Some((at, value)) = damage {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if let Some(end) = end {
                bytes.truncate(end.index(bytes.len()));
            }
            (role, bytes)
        })
    })
}

fn check_against_the_model(role: Role, bytes: &[u8], sizes: &[usize], how: Feed) {
    let limits = tight();
    let outcome = run(role, &limits, &parts(bytes, sizes), how);
    assert_eq!(outcome.events, model::events(role, &limits, bytes));
    let is_terminal = |seen: &Seen| matches!(seen, Seen::Close(..) | Seen::Failed(_));
    let terminal = outcome.events.iter().position(is_terminal);
    assert!(terminal.is_none_or(|at| at + 1 == outcome.events.len()));
    assert_eq!(terminal.is_some(), outcome.state == State::Closing);
    assert_eq!(terminal.is_some(), outcome.finished);
    assert_eq!(outcome, run(role, &limits, &[bytes], Feed::Extend));
    // Pongs up to their limit, and one Close.
    assert!(outcome.output.len() <= limits.control_replies + 6 + 125);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn messages_arrive_as_they_were_sent(
        messages in vec(said(), 0..6), sender in roles(), sizes in sizes(), how in feeds(), key in any::<u32>(),
    ) {
        let mut key = key;
        let mut output = match sender {
            Role::Server => SendBuffer::new(),
            Role::Client => SendBuffer::with_masking_keys(move || {
                key = key.wrapping_mul(0x9e37_79b9).wrapping_add(1);
                bowsprit::MaskingKey::new(key.to_be_bytes())
            }),
        };
        let mut conn = connection(sender);
        for message in &messages {
            match message {
                Said::Text(text) => conn.send(text, &mut output).unwrap(),
                Said::Binary(bytes) => conn.send(bytes, &mut output).unwrap(),
            }
        }
        let parts = parts(output.pending(), &sizes);
        let outcome = run(other(sender), &Limits::default(), &parts, how);
        let expected: Vec<Seen> = messages.iter().map(Said::as_seen).collect();
        prop_assert_eq!(outcome.events, expected);
        prop_assert_eq!(outcome.bytes_received, output.pending().len() as u64);
        prop_assert!(!outcome.inside);
        prop_assert!(outcome.output.is_empty());
    }

    #[test]
    fn messages_sent_by_header_arrive_too(messages in vec(said(), 0..6), sender in roles(), sizes in sizes()) {
        let (mut conn, mut output) = (connection(sender), output(sender));
        let mut wire = Vec::new();
        for message in &messages {
            let kind = if matches!(message, Said::Text(_)) { Kind::Text } else { Kind::Binary };
            // The keys are all zero: the payload goes as it is.
            conn.send_header(kind, message.as_bytes().len() as u64, &mut output).unwrap();
            wire.extend_from_slice(output.pending());
            output.consume(output.pending().len());
            wire.extend_from_slice(message.as_bytes());
        }
        let outcome = run(other(sender), &Limits::default(), &parts(&wire, &sizes), Feed::Spare);
        let expected: Vec<Seen> = messages.iter().map(Said::as_seen).collect();
        prop_assert_eq!(outcome.events, expected);
    }

    #[test]
    fn fragmented_messages_arrive_whole(
        message in said(), cuts in vec(any::<prop::sample::Index>(), 0..8), role in roles(), sizes in sizes(),
        how in feeds(),
    ) {
        let payload = message.as_bytes();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
        places.sort_unstable();
        places.push(payload.len());
        let mut wire = Vec::new();
        let mut start = 0;
        for (i, &end) in places.iter().enumerate() {
            let fin = if i + 1 == places.len() { 0x80 } else { 0 };
            let opcode = if i == 0 { message.first_byte() } else { 0 };
            wire.extend(frame_to(role, fin | opcode, &payload[start..end]));
            if fin == 0 {
                wire.extend(frame_to(role, 0x8a, b"between"));
            }
            start = end;
        }
        let outcome = run(role, &Limits::default(), &parts(&wire, &sizes), how);
        let mut expected = vec![pong(b"between"); places.len() - 1];
        expected.push(message.as_seen());
        prop_assert_eq!(outcome.events, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn long_payloads_are_masked_octet_by_octet(
        payload in vec(any::<u8>(), 0..100_000), start in 0usize..64, cut in any::<prop::sample::Index>(), key: [u8; 4],
    ) {
        let start = start.min(payload.len());
        let cut = cut.index(payload.len() - start + 1);
        let mut fast = payload.clone();
        let (head, tail) = fast[start..].split_at_mut(cut);
        mask::apply(head, MaskingKey::new(key));
        mask::apply(tail, MaskingKey::new(key).advanced(cut));
        let octets = payload[start..].iter().zip(key.iter().cycle()).map(|(octet, k)| octet ^ k);
        let slow: Vec<u8> = payload[..start].iter().copied().chain(octets).collect();
        prop_assert_eq!(fast, slow);
    }

    #[test]
    fn long_texts_break_where_the_standard_library_says(
        text in "\\PC{0,4000}", damage in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        sizes in sizes(),
    ) {
        let mut text = text.into_bytes();
        if let Some((at, octet)) = damage.filter(|_| !text.is_empty()) {
            let at = at.index(text.len());
            text[at] = octet;
        }
        let (mut utf8, mut found, mut pushed) = (Utf8Validator::new(), None, 0);
        for part in parts(&text, &sizes) {
            if let Err(error) = utf8.push(part) {
                found = Some(pushed + error.at);
                break;
            }
            pushed += part.len();
        }
        match (std::str::from_utf8(&text), found) {
            (Ok(_), found) => prop_assert!(found.is_none() && utf8.is_complete()),
            (Err(error), None) => prop_assert!(error.error_len().is_none() && !utf8.is_complete()),
            (Err(error), Some(at)) => {
                // All in front of that octet could have become valid; with it nothing can.
                let hopeful = |end| std::str::from_utf8(&text[..end]).map_or_else(|e| e.error_len().is_none(), |_| true);
                prop_assert!(hopeful(at) && !hopeful(at + 1), "{} {}", at, error);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn sessions_are_what_the_model_says((role, bytes) in some_session(), sizes in sizes(), how in feeds()) {
        check_against_the_model(role, &bytes, &sizes, how);
    }

    #[test]
    fn arbitrary_bytes_are_what_the_model_says(
        bytes in vec(any::<u8>(), 0..300), role in roles(), sizes in sizes(), how in feeds(),
    ) {
        check_against_the_model(role, &bytes, &sizes, how);
    }

    #[test]
    fn memory_stays_within_the_limits((role, bytes) in some_session(), sizes in sizes(), how in feeds()) {
        let limits = tight();
        let (mut conn, mut output) = (connection(role), output(role));
        let mut input = ReceiveBuffer::new(limits.clone());
        for part in parts(&bytes, &sizes) {
            feed(&mut conn, &mut input, &mut output, part, how);
            prop_assert!(conn.assembled_len() <= limits.message);
            prop_assert!(output.pending().len() <= limits.control_replies + 6 + 125);
        }
        conn.receive_eof();
        prop_assert_eq!(conn.assembled_len(), 0);
    }

    #[test]
    fn output_is_the_same_however_it_is_drained((role, bytes) in some_session(), step in 1usize..50) {
        let limits = Limits::default();
        let mut input = ReceiveBuffer::new(limits.clone());
        let (mut conn, mut output) = (connection(role), output(role));
        let mut written = Vec::new();
        for part in parts(&bytes, &[step]) {
            feed(&mut conn, &mut input, &mut output, part, Feed::Extend);
            let n = step.min(output.pending().len());
            written.extend_from_slice(&output.pending()[..n]);
            output.consume(n);
        }
        written.extend_from_slice(output.pending());
        prop_assert_eq!(written, run(role, &limits, &[&bytes], Feed::Extend).output);
    }
}

#[test]
fn two_connections_take_turns_on_one_pair_of_buffers_at_every_cut() {
    let ours = [
        masked(0x81, "naïve".as_bytes()),
        masked(0x01, "𝄞".as_bytes()),
        masked(0x89, b"p1"),
        masked(0x80, b"end"),
        masked(0x88, b"\x03\xe8one"),
    ]
    .concat();
    let theirs = [
        masked(0x02, b"\xff\xfe"),
        masked(0x8a, b"q"),
        masked(0x00, b""),
        masked(0x80, b"\xfd"),
        masked(0x82, &[9; 130]),
        masked(0x81, b"bad\xff"),
    ]
    .concat();
    let limits = Limits::default();
    let (ours_alone, theirs_alone) =
        (run(Role::Server, &limits, &[&ours], Feed::Extend), run(Role::Server, &limits, &[&theirs], Feed::Extend));

    let mut input = ReceiveBuffer::new(limits);
    let mut output = SendBuffer::new();
    for our_cut in 0..=ours.len() {
        for their_cut in 0..=theirs.len() {
            let mut conns = [connection(Role::Server), connection(Role::Server)];
            let mut seen = [vec![], vec![]];
            let mut sent = [vec![], vec![]];
            for (who, part) in
                [(0, &ours[..our_cut]), (1, &theirs[..their_cut]), (0, &ours[our_cut..]), (1, &theirs[their_cut..])]
            {
                seen[who].extend(feed(&mut conns[who], &mut input, &mut output, part, Feed::Spare));
                sent[who].extend_from_slice(output.pending());
                output.consume(output.pending().len());
            }
            assert_eq!(seen, [&ours_alone.events[..], &theirs_alone.events[..]], "cuts at {our_cut}, {their_cut}");
            assert_eq!(sent, [&ours_alone.output[..], &theirs_alone.output[..]], "cuts at {our_cut}, {their_cut}");
        }
    }
}

#[test]
fn two_large_messages_take_turns_on_one_pair_of_buffers() {
    let (a, b) = (vec![b'a'; 140_000], vec![b'b'; 140_000]);
    let (ours, theirs) = (masked(0x82, &a), masked(0x81, &b));
    let mut input = ReceiveBuffer::new(Limits::default());
    let mut output = SendBuffer::new();
    for size in [13, 999, 65_536, 100_000] {
        let mut conns = [connection(Role::Server), connection(Role::Server)];
        let mut seen = [vec![], vec![]];
        for (our_part, their_part) in ours.chunks(size).zip(theirs.chunks(size)) {
            seen[0].extend(feed(&mut conns[0], &mut input, &mut output, our_part, Feed::Spare));
            seen[1].extend(feed(&mut conns[1], &mut input, &mut output, their_part, Feed::Spare));
        }
        assert_eq!(seen, [[Seen::Binary(a.clone())], [Seen::Text("b".repeat(140_000))]]);
    }
}

#[test]
fn large_messages_take_turns_with_the_memory_that_they_were_read_to() {
    // 3 octets a time, so that every cut but one in three is inside a code point.
    let (text, bytes) = ("日本語".repeat(70_000), (0..1_000_000usize).map(|i| (i % 251) as u8).collect::<Vec<_>>());
    for role in [Role::Server, Role::Client] {
        // Behind something, and with nothing else in its read.
        for front in [&b""[..], b"small"] {
            let mut session = if front.is_empty() { vec![] } else { frame_to(role, 0x82, front) };
            session.extend(frame_to(role, 0x81, text.as_bytes()));
            session.extend(frame_to(role, 0x02, &bytes[..300_000]));
            session.extend(frame_to(role, 0x80, &bytes[300_000..]));
            let mut expected = if front.is_empty() { vec![] } else { vec![binary(front)] };
            expected.extend([Seen::Text(text.clone()), binary(&bytes)]);

            for size in [70_000, 131_072, 270_336, 500_000, 600_000] {
                let mut input = ReceiveBuffer::with_capacity(Limits::default(), 520 << 10);
                let mut output = output(role);
                let mut conns = [(); 3].map(|()| connection(role));
                let mut seen = [vec![], vec![], vec![]];
                for part in session.chunks(size) {
                    for (conn, seen) in conns.iter_mut().zip(&mut seen) {
                        seen.extend(feed(conn, &mut input, &mut output, part, Feed::Spare));
                    }
                }
                for seen in seen {
                    assert!(seen == expected, "{role:?}, {} in front, {size} at a time", front.len());
                }
            }
        }
    }
}

#[test]
fn half_a_code_point_waits_while_a_large_message_takes_the_memory() {
    let mut input = ReceiveBuffer::with_capacity(Limits::default(), 256 << 10);
    let mut output = SendBuffer::new();
    let (mut conn, mut other) = (connection(Role::Server), connection(Role::Server));
    conn.receive_parts(true);
    let (parts, large) = (masked(0x81, "aé and on".as_bytes()), masked(0x82, &vec![7; 1 << 20]));
    let (front, rest) = parts.split_at(8);
    assert_eq!(feed(&mut conn, &mut input, &mut output, front, Feed::Spare), [text("a")]);
    assert_eq!(feed(&mut other, &mut input, &mut output, &large[..200_000], Feed::Spare), []);
    assert_eq!(drain(&mut conn, &mut input, &mut output), []);
    assert_eq!(feed(&mut conn, &mut input, &mut output, rest, Feed::Extend), [text("é and on")]);
    assert_eq!(feed(&mut other, &mut input, &mut output, &large[200_000..], Feed::Spare), [binary(&vec![7; 1 << 20])]);
}

#[test]
fn every_pair_of_cuts_of_a_session_with_everything_in_it() {
    let session = [
        masked(0x81, "é".as_bytes()),
        masked(0x01, b"\xf0\x9d"),
        masked(0x89, b"p"),
        masked(0x00, b""),
        masked(0x80, b"\x84\x9e"),
        masked(0x82, &[1; 130]),
        masked(0x88, b"\x03\xe8bye"),
        masked(0x81, b"late"),
    ]
    .concat();
    let limits = Limits::default();
    let whole = run(Role::Server, &limits, &[&session], Feed::Extend);
    for second in 0..=session.len() {
        for first in 0..=second {
            let parts = [&session[..first], &session[first..second], &session[second..]];
            assert_eq!(run(Role::Server, &limits, &parts, Feed::Extend), whole, "cuts at {first}, {second}");
        }
    }
}
