//! The core alone, without sockets: masking, headers, UTF-8, and an echo in memory. Each asserts its result before it
//! times.

use std::hint::black_box;

use bowsprit::{
    Connection, Event, Expected, FrameHeader, Limits, MaskingKey, Negotiated, Opcode, ReceiveBuffer, SendBuffer,
    Status, Utf8Validator, mask,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const KEY: MaskingKey = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);

fn masking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for len in [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20] {
        // A payload begins where its header ends: at no good alignment.
        let header = if len < 126 { 6 } else { 8 };
        let (mut room, other) = (vec![0; header + len], vec![0; header + len]);
        let payload = &mut room[header..];
        let (mut fast, mut slow) = (payload.to_vec(), payload.to_vec());
        mask::apply(&mut fast, KEY);
        apply_by_words(&mut slow, KEY);
        assert!(fast.iter().zip(KEY.octets().iter().cycle()).all(|(octet, key)| octet == key));
        assert_eq!(fast, slow);

        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::from_parameter(len), |b| b.iter(|| mask::apply(black_box(payload), KEY)));
        group.bench_function(BenchmarkId::new("words", len), |b| b.iter(|| apply_by_words(black_box(payload), KEY)));
        group.bench_function(BenchmarkId::new("memcpy", len), |b| {
            b.iter(|| black_box(&mut *payload).copy_from_slice(black_box(&other[header..])));
        });
    }

    // As they come: each is masked once. One that was masked a moment ago is still on its way to the cache, in pieces
    // that the next round does not read in the same pieces; that waits, and tells nothing of what arrives in reads.
    const FRAMES: usize = 256;
    for len in [20, 125] {
        let mut read = vec![0; FRAMES * (6 + len)];
        group.throughput(Throughput::Bytes((FRAMES * len) as u64));
        group.bench_function(BenchmarkId::new("a read of", len), |b| {
            b.iter(|| read.chunks_exact_mut(6 + len).for_each(|frame| mask::apply(black_box(&mut frame[6..]), KEY)));
        });
        group.bench_function(BenchmarkId::new("words, a read of", len), |b| {
            b.iter(|| read.chunks_exact_mut(6 + len).for_each(|frame| apply_by_words(black_box(&mut frame[6..]), KEY)));
        });
        assert!(read.chunks_exact(6 + len).all(|frame| frame == &read[..6 + len]));
    }
    group.finish();
}

/// The usual loop over words of eight octets.
#[inline(never)]
fn apply_by_words(payload: &mut [u8], key: MaskingKey) {
    let [a, b, c, d] = key.octets();
    let key = [a, b, c, d, a, b, c, d];
    let word = u64::from_ne_bytes(key);
    let mut words = payload.chunks_exact_mut(8);
    for octets in &mut words {
        let octets: &mut [u8; 8] = octets.try_into().unwrap();
        *octets = (u64::from_ne_bytes(*octets) ^ word).to_ne_bytes();
    }
    for (octet, k) in words.into_remainder().iter_mut().zip(key) {
        *octet ^= k;
    }
}

/// A batch of small frames, decoded strictly and unmasked, beside a loop that copies their payloads one by one. Both
/// touch every payload; the first also copies the batch into its input, as the kernel would.
fn batch(criterion: &mut Criterion) {
    const COUNT: usize = 2000;
    let mut group = criterion.benchmark_group("batch");
    group.throughput(Throughput::Elements(COUNT as u64));
    let len = 20;
    let frame = client_frame(Opcode::Binary, len);
    let read = frame.repeat(COUNT);
    let limits = Limits::default();
    let (mut input, mut output) = (ReceiveBuffer::with_capacity(limits, 256 << 10), SendBuffer::new());
    let mut conn = Connection::server(Negotiated::none());
    input.extend_from_slice(&read);
    assert_eq!(drain(&mut conn, &mut input, &mut output, |payload| assert_eq!(payload, vec![b'x'; len])), COUNT);

    let mut filled = vec![0; read.len()];
    group.bench_function("fill", |b| {
        b.iter(|| black_box(&mut filled).copy_from_slice(black_box(&read)));
    });
    group.bench_function("fill and receive", |b| {
        b.iter(|| {
            input.extend_from_slice(black_box(&read));
            drain(&mut conn, &mut input, &mut output, |payload| _ = black_box(payload.as_ptr()))
        });
    });
    let mut frames = read.clone();
    group.bench_function("decode and unmask", |b| {
        b.iter(|| {
            let expected = Expected { masked: true, rsv: 0 };
            let mut rest = black_box(&mut frames[..]);
            while let Ok(Status::Complete((header, header_len))) = FrameHeader::decode(rest, expected) {
                let (frame, behind) = rest.split_at_mut(header_len + header.payload_len as usize);
                mask::apply(&mut frame[header_len..], header.masking_key.unwrap_or_default());
                rest = behind;
            }
            assert!(rest.is_empty());
        });
    });
    let mut copies = vec![0u8; len * COUNT];
    group.bench_function("copy", |b| {
        b.iter(|| {
            for (copy, frame) in copies.chunks_exact_mut(len).zip(read.chunks_exact(frame.len())) {
                copy.copy_from_slice(&black_box(frame)[frame.len() - len..]);
            }
            black_box(&mut copies);
        });
    });
    group.finish();
}

fn drain(
    conn: &mut Connection,
    input: &mut ReceiveBuffer,
    output: &mut SendBuffer,
    mut each: impl FnMut(&[u8]),
) -> usize {
    let mut count = 0;
    while let Some(event) = conn.receive(input, output) {
        match event {
            Event::Message(message) => each(message.as_bytes()),
            other => panic!("{other:?}"),
        }
        count += 1;
    }
    count
}

fn header(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header");
    let expected = Expected { masked: true, rsv: 0 };
    for payload_len in [5, 1 << 10, 1 << 20] {
        let header = client_header(Opcode::Text, payload_len);
        let bytes = header.encode();
        assert_eq!(FrameHeader::decode(&bytes, expected), Ok(Status::Complete((header, bytes.len()))));

        group.bench_function(BenchmarkId::new("decode", payload_len), |b| {
            b.iter(|| FrameHeader::decode(black_box(&bytes), expected));
        });
        group.bench_function(BenchmarkId::new("encode", payload_len), |b| b.iter(|| black_box(&header).encode()));
    }
    group.finish();
}

fn utf8(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("utf8");
    for (name, sample) in [("ascii", "Fair winds. "), ("mixed", "Füße, 日本語, 𝄞. ")] {
        let text = sample.repeat(64 << 10).into_bytes();
        for len in [1 << 10, 64 << 10] {
            let mut utf8 = Utf8Validator::new();
            // The piece may end inside a code point; the whole text does not.
            assert!(utf8.push(&text[..len]).and_then(|()| utf8.push(&text[len..])).is_ok() && utf8.is_complete());

            group.throughput(Throughput::Bytes(len as u64));
            group.bench_function(BenchmarkId::new(name, len), |b| {
                b.iter(|| Utf8Validator::new().push(black_box(&text[..len])));
            });
            group.bench_function(BenchmarkId::new(format!("{name}, standard library"), len), |b| {
                b.iter(|| std::str::from_utf8(black_box(&text[..len])).is_ok());
            });
        }
    }
    group.finish();
}

/// What one turn of a loop does for one connection: a read's worth of messages in, their echoes out. The copy into the
/// input stands for the kernel's.
fn echo(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("echo");
    for (opcode, len) in
        [(Opcode::Text, 16), (Opcode::Text, 1 << 10), (Opcode::Binary, 1 << 10), (Opcode::Binary, 64 << 10)]
    {
        let count = (64 << 10) / len.max(1 << 10);
        let (read, reply) = (client_frame(opcode, len).repeat(count), server_frame(opcode, len).repeat(count));
        let mut input = ReceiveBuffer::with_capacity(Limits::default(), 256 << 10);
        let mut output = SendBuffer::new();
        let mut conn = Connection::server(Negotiated::none());

        turn(&mut conn, &read, &mut input, &mut output);
        assert_eq!(output.pending(), reply);
        output.consume(reply.len());

        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new(format!("{opcode:?}").to_lowercase(), len), |b| {
            b.iter(|| {
                turn(&mut conn, black_box(&read), &mut input, &mut output);
                output.consume(output.pending().len());
            });
        });
    }
    group.finish();
}

fn turn(conn: &mut Connection, read: &[u8], input: &mut ReceiveBuffer, output: &mut SendBuffer) {
    input.extend_from_slice(read);
    while let Some(event) = conn.receive(input, output) {
        match event {
            Event::Message(message) => conn.send(message, output).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

fn client_header(opcode: Opcode, payload_len: u64) -> FrameHeader {
    let mut header = FrameHeader::new(opcode, payload_len);
    header.masking_key = Some(KEY);
    header
}

fn client_frame(opcode: Opcode, len: usize) -> Vec<u8> {
    let mut payload = vec![b'x'; len];
    mask::apply(&mut payload, KEY);
    [&client_header(opcode, len as u64).encode(), payload.as_slice()].concat()
}

fn server_frame(opcode: Opcode, len: usize) -> Vec<u8> {
    [&FrameHeader::new(opcode, len as u64).encode(), vec![b'x'; len].as_slice()].concat()
}

criterion_group!(core, masking, header, batch, utf8, echo);
criterion_main!(core);
