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
    for len in [16, 125, 1 << 10, 64 << 10, 1 << 20] {
        let mut payload = vec![0; len];
        mask::apply(&mut payload, KEY);
        assert!(payload.iter().zip(KEY.octets().iter().cycle()).all(|(octet, key)| octet == key));

        group.throughput(Throughput::Bytes(len as u64));
        group
            .bench_function(BenchmarkId::from_parameter(len), |b| b.iter(|| mask::apply(black_box(&mut payload), KEY)));
    }
    group.finish();
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

criterion_group!(core, masking, header, utf8, echo);
criterion_main!(core);
