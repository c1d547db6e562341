//! RFC 6455 §5.5.2: a Ping is answered with a Pong, as soon as is practical, unless a Close has come.

use bowsprit::{CloseCode, Limits, ReceiveBuffer, Role};

use crate::support::*;

#[test]
fn r096_ping_is_answered() {
    server(b"\x89\x80\0\0\0\0").sees(&[ping(b"")]).sends(b"\x8a\x00");
    client(b"\x89\x00").sees(&[ping(b"")]).sends(b"\x8a\x80\0\0\0\0");
}

#[test]
fn r096_ping_behind_a_close_is_not_answered() {
    server(b"\x88\x80\0\0\0\0\x89\x80\0\0\0\0").sees(&[close(1005, "")]).sends(b"\x88\x00");
}

#[test]
fn r096_ping_behind_our_own_close_is_answered() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    assert_eq!(feed(&mut conn, &mut input, &mut output, b"\x89\x81\0\0\0\0p", Feed::Extend), [ping(b"p")]);
    assert_eq!(output.pending(), b"\x88\x02\x03\xe8\x8a\x01p");
}

#[test]
fn r097_pong_is_in_the_output_when_the_ping_is_seen() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    let mut input = ReceiveBuffer::new(Limits::default());
    input.extend_from_slice(b"\x89\x81\0\0\0\0p\x81\x81\0\0\0\0a");
    assert_eq!(conn.receive(&mut input, &mut output).map(Seen::from), Some(ping(b"p")));
    assert_eq!(output.pending(), b"\x8a\x01p");
    assert_eq!(conn.receive(&mut input, &mut output).map(Seen::from), Some(text("a")));
}

#[test]
fn r097_each_of_ten_pings_is_answered_in_order() {
    client(b"\x89\x010\x89\x011\x89\x012\x89\x013\x89\x014\x89\x015\x89\x016\x89\x017\x89\x018\x89\x019").sends(
        b"\x8a\x81\0\0\0\x000\x8a\x81\0\0\0\x001\x8a\x81\0\0\0\x002\x8a\x81\0\0\0\x003\x8a\x81\0\0\0\x004\
          \x8a\x81\0\0\0\x005\x8a\x81\0\0\0\x006\x8a\x81\0\0\0\x007\x8a\x81\0\0\0\x008\x8a\x81\0\0\0\x009",
    );
}
