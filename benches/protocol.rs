//! The protocol without a loop: handshakes, messages in pieces, messages whole. Each asserts its result before it times.

#[path = "support/wire.rs"]
mod wire;

use std::hint::black_box;

use bowsprit::handshake::{ClientRequest, OriginPolicy, Response, ServerHandshake, Uri};
use bowsprit::{Connection, Event, Limits, Negotiated, Opcode, ReceiveBuffer, SendBuffer, Status};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wire::{ANSWER, REQUEST, heard, said, said_in_fragments};

fn server_handshake(criterion: &mut Criterion) {
    let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
    upgrade(&mut input, &mut output);
    assert_eq!(output.pending(), ANSWER);
    output.consume(ANSWER.len());

    criterion.bench_function("handshake/server", |b| {
        b.iter(|| {
            upgrade(&mut input, &mut output);
            output.consume(black_box(output.pending()).len());
        });
    });
}

fn upgrade(input: &mut ReceiveBuffer, output: &mut SendBuffer) {
    input.extend_from_slice(black_box(REQUEST));
    let mut handshake = ServerHandshake::new();
    let Status::Complete(request) = handshake.receive(input).unwrap() else { panic!("the request is whole") };
    let upgrade = request.check_upgrade().unwrap();
    OriginPolicy::SameHost.check(&request).unwrap();
    upgrade.accept(&Response::accept(), output).unwrap();
}

fn client_handshake(criterion: &mut Criterion) {
    let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
    let request = ClientRequest::new(Uri::parse("ws://server.example.com/chat").unwrap());
    // It answers the RFC's nonce, or this would panic.
    connect(&request, &mut input, &mut output);
    assert!(output.pending().starts_with(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"));
    output.consume(output.pending().len());

    criterion.bench_function("handshake/client", |b| {
        b.iter(|| {
            connect(&request, &mut input, &mut output);
            output.consume(black_box(output.pending()).len());
        });
    });
}

fn connect(request: &ClientRequest, input: &mut ReceiveBuffer, output: &mut SendBuffer) {
    let mut handshake = request.start(*b"the sample nonce", output).unwrap();
    input.extend_from_slice(black_box(ANSWER));
    let Status::Complete(answer) = handshake.receive(input).unwrap() else { panic!("the answer is whole") };
    answer.check_upgrade().unwrap();
}

/// Messages that must be put together: of fragments, and of a frame that takes many reads.
fn assembler(criterion: &mut Criterion) {
    const LEN: usize = 256 << 10;
    let text = vec![b'x'; LEN];
    let mut group = criterion.benchmark_group("assembler");
    group.throughput(Throughput::Bytes(LEN as u64));
    for (opcode, name) in [(Opcode::Text, "text"), (Opcode::Binary, "binary")] {
        for (how, wire, read) in [
            ("fragments_of_4k", said_in_fragments(opcode, &text, 4 << 10), LEN),
            ("reads_of_16k", said(opcode, &text), 16 << 10),
        ] {
            let mut input = ReceiveBuffer::with_capacity(Limits::default(), 256 << 10);
            let mut output = SendBuffer::new();
            let mut conn = Connection::server(Negotiated::none());
            let mut assemble = |wire: &[u8]| {
                let mut message = None;
                for piece in wire.chunks(read) {
                    // As a loop reads: into the room that the connection names.
                    let mut piece = piece;
                    while !piece.is_empty() {
                        let spare = conn.spare(&mut input);
                        let n = piece.len().min(spare.len());
                        spare[..n].copy_from_slice(&piece[..n]);
                        conn.filled(n, &mut input);
                        piece = &piece[n..];
                        while let Some(event) = conn.receive(&mut input, &mut output) {
                            match event {
                                Event::Message(whole) => message = Some(whole.into_bytes()),
                                other => panic!("{other:?}"),
                            }
                        }
                    }
                }
                message
            };
            assert!(assemble(&wire).unwrap() == text);

            group.bench_function(BenchmarkId::new(how, name), |b| b.iter(|| assemble(black_box(&wire))));
        }
    }
    group.finish();
}

/// What one turn does for one connection: a read's worth of messages in, their echoes out. The copy into the input
/// stands for the kernel's.
fn connection(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("connection");
    for (kind, opcode, sample) in [
        ("binary", Opcode::Binary, "Fair winds. "),
        ("ascii", Opcode::Text, "Fair winds. "),
        ("utf8", Opcode::Text, "Füße, 日本語. "),
    ] {
        for (len, count) in [(20, 1), (20, 2000), (125, 16), (1 << 10, 64), (16 << 10, 8), (64 << 10, 2)] {
            let payload = cut(sample, len);
            let batch = said(opcode, &payload).repeat(count);
            let reply = heard(opcode, &payload).repeat(count);
            let mut input = ReceiveBuffer::with_capacity(Limits::default(), 256 << 10);
            let mut output = SendBuffer::new();
            let mut conn = Connection::server(Negotiated::none());
            let mut turn = |batch: &[u8], output: &mut SendBuffer| {
                input.extend_from_slice(batch);
                while let Some(event) = conn.receive(&mut input, output) {
                    match event {
                        Event::Message(message) => conn.send(message, output).unwrap(),
                        other => panic!("{other:?}"),
                    }
                }
            };
            turn(&batch, &mut output);
            assert!(output.pending() == reply);
            output.consume(reply.len());

            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(BenchmarkId::new(format!("{kind}_{count}_in_a_read"), len), |b| {
                b.iter(|| {
                    turn(black_box(&batch), &mut output);
                    output.consume(black_box(output.pending()).len());
                });
            });
        }
    }
    group.finish();
}

/// A message compressed and inflated again, each alone, without context takeover.
#[cfg(feature = "deflate")]
fn deflate(criterion: &mut Criterion) {
    let mut params = bowsprit::DeflateParams::default();
    params.server_no_context_takeover = true;
    params.client_no_context_takeover = true;
    let negotiated = || Negotiated::none().with_deflate(params);
    let mut group = criterion.benchmark_group("deflate");
    for len in [1 << 10, 64 << 10] {
        let text: String = (0..len / 16)
            .map(|i: usize| format!("{{\"id\":{},\"price\":{}.50}},", i * i % 9973, i * 7 % 500))
            .collect();
        let text = &text[..len];
        let (mut client, mut server) = (Connection::client(negotiated()), Connection::server(negotiated()));
        let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), SendBuffer::new());
        server.send(text, &mut output).unwrap();
        let frame = output.pending().to_vec();
        output.consume(frame.len());
        assert!(frame.len() < len / 2, "{} of {len}", frame.len());
        let mut heard = |client: &mut Connection, output: &mut SendBuffer| {
            input.extend_from_slice(black_box(&frame));
            match client.receive(&mut input, output) {
                Some(Event::Message(message)) => assert_eq!(message.as_bytes(), text.as_bytes()),
                other => panic!("{other:?}"),
            }
        };
        heard(&mut client, &mut output);

        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("compress", len), |b| {
            b.iter(|| {
                server.send(black_box(text), &mut output).unwrap();
                output.consume(black_box(output.pending()).len());
            });
        });
        group.bench_function(BenchmarkId::new("inflate", len), |b| b.iter(|| heard(&mut client, &mut output)));
    }
    group.finish();
}

#[cfg(not(feature = "deflate"))]
fn deflate(_: &mut Criterion) {}

/// `len` bytes of the sample over and over; a character that does not fit is spaces.
fn cut(sample: &str, len: usize) -> Vec<u8> {
    let mut text = sample.repeat(len / sample.len() + 1);
    while !text.is_char_boundary(len) {
        text.insert(0, ' ');
    }
    text.truncate(len);
    text.into_bytes()
}

criterion_group!(protocol, server_handshake, client_handshake, assembler, connection, deflate);
criterion_main!(protocol);
