//! What compression costs in memory: per loop, and per connection with context takeover.
#![cfg(feature = "deflate")]
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bowsprit::{Connection, DeflateConfig, DeflateParams, Limits, MaskingKey, Negotiated, ReceiveBuffer, SendBuffer};

/// The system's allocator, counting what is held.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to `System` unchanged; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}

/// Text that compresses, with another number each time.
fn json(number: usize) -> String {
    (0..40).map(|i| format!("{{\"id\":{},\"value\":\"row {i}\"}},", number * 31 + i * i)).collect()
}

/// What a server's connection holds that has exchanged so many messages, without what belongs to the loop.
fn per_connection(params: DeflateParams, messages: usize) -> usize {
    let (mut client_input, mut server_input) =
        (ReceiveBuffer::new(Limits::default()), ReceiveBuffer::new(Limits::default()));
    let (mut client_output, mut server_output) =
        (SendBuffer::with_masking_keys(MaskingKey::default), SendBuffer::new());
    let mut run = || {
        let negotiated = || Negotiated::none().with_deflate(params);
        let (mut client, mut server) = (Connection::client(negotiated()), Connection::server(negotiated()));
        for number in 0..messages {
            client.send(json(number), &mut client_output).unwrap();
            server_input.extend_from_slice(client_output.pending());
            client_output.consume(client_output.pending().len());
            while let Some(event) = server.receive(&mut server_input, &mut server_output) {
                let bowsprit::Event::Message(message) = event else { panic!("{event:?}") };
                server.send(message, &mut server_output).unwrap();
            }
            client_input.extend_from_slice(server_output.pending());
            server_output.consume(server_output.pending().len());
            while client.receive(&mut client_input, &mut client_output).is_some() {}
        }
        server
    };
    // What belongs to the loops is made by the first.
    drop(run());
    const COUNT: usize = 5;
    let before = held();
    let connections: Vec<_> = (0..COUNT).map(|_| run()).collect();
    (held() - before - connections.capacity() * size_of::<Connection>()) / COUNT
}

/// What a server's connection holds that is amid sending a message.
fn in_parts(params: DeflateParams) -> usize {
    let mut output = SendBuffer::new();
    let before = held();
    let mut conn = Connection::server(Negotiated::none().with_deflate(params));
    conn.send_part("part", false, &mut output).unwrap();
    held() - before
}

/// What belongs to a loop that has received a compressed message.
fn inflater() -> usize {
    let mut params = DeflateParams::default();
    params.client_no_context_takeover = true;
    let mut output = SendBuffer::with_masking_keys(MaskingKey::default);
    Connection::client(Negotiated::none().with_deflate(params)).send(json(0), &mut output).unwrap();
    let mut conn = Connection::server(Negotiated::none().with_deflate(params));
    let mut input = ReceiveBuffer::new(Limits::default());
    input.extend_from_slice(output.pending());
    let before = held();
    assert!(conn.receive(&mut input, &mut SendBuffer::new()).is_some());
    assert!(conn.receive(&mut input, &mut SendBuffer::new()).is_none());
    held() - before
}

// One test: others would allocate meanwhile.
#[test]
fn memory_is_what_the_documentation_says() {
    let before = held();
    let mut output = SendBuffer::new();
    output.set_deflate(&DeflateConfig::default());
    let mut conn = Connection::server(Negotiated::none().with_deflate(DeflateParams::default()));
    conn.send(json(0), &mut output).unwrap();
    let compressor = held() - before;
    assert!((365 << 10..375 << 10).contains(&compressor), "a compressor: {compressor}");
    drop((conn, output));

    let mut params = DeflateParams::default();
    params.server_no_context_takeover = true;
    params.client_no_context_takeover = true;
    let before = held();
    let mut output = SendBuffer::new();
    output.set_deflate(&DeflateConfig::default());
    let mut conn = Connection::server(Negotiated::none().with_deflate(params));
    conn.send(json(0), &mut output).unwrap();
    let encoder = held() - before;
    assert!((112 << 10..200 << 10).contains(&encoder), "an encoder: {encoder}");
    drop((conn, output));
    assert_eq!(per_connection(params, 100), 0, "without takeover");

    // The windows of both directions, a quarter more, and the rest of the record.
    const REST: usize = 512;
    for bits in 8..=15 {
        let mut params = DeflateParams::default();
        params.server_max_window_bits = bits;
        params.client_max_window_bits = bits;
        let both = per_connection(params, 100);
        let window = (1 << bits) + (1 << bits) / 4;
        assert!(both >= 2 << bits && both <= 2 * window + REST, "takeover both ways, {bits} bits: {both}");
        for server_alone in [true, false] {
            params.client_no_context_takeover = server_alone;
            params.server_no_context_takeover = !server_alone;
            let one = per_connection(params, 100);
            assert!(one >= 1 << bits && one <= window + REST, "{server_alone}, {bits} bits: {one}");
        }
        let unfinished = in_parts(params);
        let (compressor, slack) = ((243 << 10) + (4 << bits.max(9)), 1 << 10);
        assert!(unfinished >= compressor && unfinished <= compressor + REST + slack, "{bits} bits: {unfinished}");
    }
    let inflater = inflater();
    assert!((48 << 10..52 << 10).contains(&inflater), "a decompressor: {inflater}");
    // Who has said little remembers little.
    let little = per_connection(DeflateParams::default(), 1);
    assert!(little < 2 * json(0).len() * 2 + REST, "{little}");
}
