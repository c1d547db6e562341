//! What the core allocates: nothing for a message that lies whole in the input, and for an unfinished one in proportion
//! to what has arrived, never to what was announced.
#![allow(unsafe_code)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bowsprit::{Connection, Event, Limits, Message, ReceiveBuffer, Role, SendBuffer};

use support::{connection, frame_to, masked, output};

/// The system's allocator, counting what this thread does.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: every call goes to `System` unchanged; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        HELD.set(HELD.get() + layout.size() as i64);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as i64);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        HELD.set(HELD.get() + size as i64 - layout.size() as i64);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Calls to the allocator, and bytes held more at the end than at the beginning.
fn count(work: impl FnOnce()) -> (u64, i64) {
    let (calls, held) = (CALLS.get(), HELD.get());
    work();
    (CALLS.get() - calls, HELD.get() - held)
}

/// One turn of an echo server or client: a read, the events, a write.
fn echo(conn: &mut Connection, input: &mut ReceiveBuffer, output: &mut SendBuffer, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let room = conn.spare(input);
        let n = room.len().min(rest.len());
        room[..n].copy_from_slice(&rest[..n]);
        conn.filled(n, input);
        rest = &rest[n..];
        while let Some(event) = conn.receive(input, output) {
            if let Event::Message(message) = event {
                conn.send(&message, output).unwrap();
            }
        }
    }
    output.consume(output.pending().len());
}

#[test]
fn whole_messages_are_echoed_without_an_allocation() {
    for role in [Role::Server, Role::Client] {
        for len in [0, 1, 125, 126, 1000, 16_000] {
            for first in [0x81, 0x82] {
                let frame = frame_to(role, first, &vec![b'x'; len]);
                let mut input = ReceiveBuffer::new(Limits::default());
                let (mut conn, mut output) = (connection(role), output(role));
                echo(&mut conn, &mut input, &mut output, &frame);
                let cost = count(|| (0..100).for_each(|_| echo(&mut conn, &mut input, &mut output, &frame)));
                assert_eq!(cost, (0, 0), "{role:?}, {len} bytes");
            }
        }
    }
}

#[test]
fn many_messages_in_one_read_are_echoed_without_an_allocation() {
    let frames = masked(0x82, &[7; 1000]).repeat(64);
    let mut input = ReceiveBuffer::with_capacity(Limits::default(), 256 << 10);
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    echo(&mut conn, &mut input, &mut output, &frames);
    assert_eq!(count(|| echo(&mut conn, &mut input, &mut output, &frames)), (0, 0));
}

#[test]
fn pings_are_answered_without_an_allocation() {
    let frames = [masked(0x89, &[7; 125]), masked(0x8a, b"")].concat();
    let mut input = ReceiveBuffer::new(Limits::default());
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    echo(&mut conn, &mut input, &mut output, &frames);
    assert_eq!(count(|| echo(&mut conn, &mut input, &mut output, &frames)), (0, 0));
}

#[test]
fn an_output_that_is_never_empty_holds_a_few_times_what_is_pending() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let (_, held) = count(|| {
        conn.send(&[0; 1000][..], &mut output).unwrap();
        for _ in 0..1000 {
            conn.send(&[0; 1000][..], &mut output).unwrap();
            output.consume(1004);
        }
    });
    assert_eq!(output.pending().len(), 1004);
    assert!(held < 16 << 10, "{held} bytes");
}

#[test]
fn an_idle_connection_owns_nothing() {
    let mut input = ReceiveBuffer::new(Limits::default());
    let mut output = output(Role::Server);
    let frame = [masked(0x81, b"cut"), masked(0x01, b"frag"), masked(0x80, b"ment")].concat();
    echo(&mut connection(Role::Server), &mut input, &mut output, &frame);
    let (_, held) = count(|| {
        let mut conn = connection(Role::Server);
        for byte in &frame {
            echo(&mut conn, &mut input, &mut output, &[*byte]);
        }
        assert!(!conn.is_inside_message());
        std::mem::forget(conn);
    });
    assert_eq!(held, 0);
}

#[test]
fn a_message_in_two_reads_or_fragments_costs_one_small_allocation() {
    let mut input = ReceiveBuffer::new(Limits::default());
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let cut = masked(0x82, &[7; 1000]);
    let fragments = [masked(0x01, &[b'a'; 500]), masked(0x80, &[b'b'; 500])].concat();
    let mut turn = || {
        echo(&mut conn, &mut input, &mut output, &cut[..500]);
        echo(&mut conn, &mut input, &mut output, &cut[500..]);
        echo(&mut conn, &mut input, &mut output, &fragments);
    };
    turn();
    assert_eq!(count(turn), (2, 0));
}

#[test]
fn a_whole_messages_payload_lies_in_the_receive_buffer() {
    for first in [0x81, 0x82] {
        let mut input = ReceiveBuffer::new(Limits::default());
        let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
        input.extend_from_slice(&masked(first, b"Hello"));
        let unread = input.unread().as_ptr_range();
        let Some(Event::Message(message)) = conn.receive(&mut input, &mut output) else { panic!("no message") };
        let payload = message.as_bytes().as_ptr_range();
        assert_eq!(message.as_bytes(), b"Hello");
        assert!(unread.start < payload.start && payload.end == unread.end);
    }
}

#[test]
fn an_assembled_message_is_moved_out_not_copied() {
    let fragments = [masked(0x02, &[1; 50_000]), masked(0x80, &[2; 50_000])].concat();
    let mut input = ReceiveBuffer::with_capacity(Limits::default(), 200_000);
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    input.extend_from_slice(&fragments);
    let Some(Event::Message(message)) = conn.receive(&mut input, &mut output) else { panic!("no message") };
    let before = message.as_bytes().as_ptr();
    let kept = message.into_bytes();
    assert_eq!(kept.as_ptr(), before);
    assert_eq!(kept.len(), 100_000);
}

#[test]
fn an_assembled_text_is_moved_out_not_copied() {
    let fragments = [masked(0x01, &[b'a'; 50_000]), masked(0x80, &[b'b'; 50_000])].concat();
    let mut input = ReceiveBuffer::with_capacity(Limits::default(), 200_000);
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    input.extend_from_slice(&fragments);
    let Some(Event::Message(Message::Text(text))) = conn.receive(&mut input, &mut output) else { panic!("no text") };
    let before = text.as_ptr();
    let kept = text.into_string();
    assert_eq!(kept.as_ptr(), before);
    assert_eq!(kept.len(), 100_000);
}

#[test]
fn a_large_message_stays_in_the_memory_that_it_was_read_to() {
    let frame = masked(0x82, &vec![7; 1 << 20]);
    let mut input = ReceiveBuffer::with_capacity(Limits::default(), 520 << 10);
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let payload = vec![7; 1 << 20];
    let mut turn = || {
        let (mut at, mut places) = (0, Vec::with_capacity(2));
        while at < frame.len() {
            let spare = conn.spare(&mut input);
            if at == 0 {
                places.push(spare[14..].as_ptr());
            }
            let n = spare.len().min(frame.len() - at);
            spare[..n].copy_from_slice(&frame[at..at + n]);
            conn.filled(n, &mut input);
            at += n;
            while let Some(Event::Message(message)) = conn.receive(&mut input, &mut output) {
                assert!(message.as_bytes() == payload);
                places.push(message.as_bytes().as_ptr());
            }
        }
        assert_eq!(places.len(), 2);
        places[0] == places[1]
    };
    // Room for all of it is found once; from then on it is there.
    turn();
    // What is known of an unfinished message, and the list above.
    assert_eq!(count(|| assert!(turn())), (2, 0));
}

/// Bytes held for an unfinished message, of which so much has arrived in parts of `size`, beside the memory for a read.
fn held_for(bytes: &[u8], size: usize) -> i64 {
    let mut input = ReceiveBuffer::with_capacity(Limits::default(), 64 << 10);
    let mut output = SendBuffer::new();
    let mut conn = connection(Role::Server);
    input.spare();
    let (_, held) = count(|| {
        bytes.chunks(size).for_each(|part| echo(&mut conn, &mut input, &mut output, part));
        input.spare();
    });
    assert!(conn.is_inside_message());
    held
}

#[test]
fn r138_the_memory_of_a_large_message_is_not_given_to_a_small_one() {
    let large = masked(0x82, &vec![7; 1 << 20]);
    let mut input = ReceiveBuffer::with_capacity(Limits::default(), 512 << 10);
    let mut output = output(Role::Server);
    let mut read = |conn: &mut Connection, bytes: &[u8]| {
        bytes.chunks(512 << 10).for_each(|read| echo(conn, &mut input, &mut output, read));
    };
    read(&mut connection(Role::Server), &large);

    // These have announced as much, and wait with a byte of it.
    let mut waiting = [(); 4].map(|()| connection(Role::Server));
    waiting.iter_mut().for_each(|conn| read(conn, &large[..15]));
    // It was left for one who sends it: nothing is new but the memory for the next read.
    let mut conn = connection(Role::Server);
    let (_, held) = count(|| read(&mut conn, &large[..1 << 20]));
    assert!(conn.is_inside_message() && held < (516 << 10) + 512, "{held} bytes");
}

#[test]
fn r138_memory_grows_with_what_arrived_not_with_what_was_announced() {
    let frame = masked(0x82, &vec![7; 1 << 20]);
    for arrived in [0, 1, 100, 1000, 10_000, 65_535, 65_536, 65_537, 100_000, 300_000, 700_000] {
        for size in [1460, 16_384, 1 << 20] {
            let held = held_for(&frame[..14 + arrived], size);
            let times = if arrived < 64 << 10 { 2 } else { 4 };
            assert!(held <= 512 + times * arrived as i64, "{held} bytes for {arrived} that came {size} at a time");
        }
    }
}

#[test]
fn r138_a_cut_header_costs_a_few_hundred_bytes() {
    let frame = masked(0x82, &vec![7; 1 << 20]);
    for end in 1..=14 {
        assert!(held_for(&frame[..end], 1) <= 512);
    }
    assert!(held_for(&masked(0x89, &[7; 125])[..130], 1) <= 512);
}

#[test]
fn r138_fragments_cost_nothing_beyond_their_payload() {
    let most = [masked(0x02, b"a"), masked(0x00, b"a").repeat(60_000)].concat();
    let held = held_for(&most, 1460);
    assert!(held <= 512 + 2 * 60_001, "{held} bytes for 60,001 fragments of one byte");
}

#[test]
fn r138_nothing_is_held_behind_a_failure_or_a_close() {
    for last in [masked(0x83, b""), masked(0x88, b"")] {
        let bytes = [masked(0x02, &[7; 10_000]), last, masked(0x02, &[7; 50_000])].concat();
        let mut input = ReceiveBuffer::new(Limits::default());
        let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
        echo(&mut connection(Role::Server), &mut input, &mut output, &bytes);
        let (_, held) = count(|| echo(&mut conn, &mut input, &mut output, &bytes));
        assert!(conn.is_finished());
        assert_eq!(held, 0);
    }
}
