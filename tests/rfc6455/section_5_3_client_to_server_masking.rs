//! RFC 6455 §5.3: octet i is XORed with octet i mod 4 of a key that is fresh and unpredictable for each frame.

use bowsprit::{CloseCode, Connection, Kind, MaskingKey, Negotiated, Role, SendBuffer, UsageError, mask};

use crate::support::*;

/// Keys 00000001, 00000002 and so on.
fn counted_keys() -> SendBuffer {
    let mut count = 0u32;
    SendBuffer::with_masking_keys(move || {
        count += 1;
        MaskingKey::new(count.to_be_bytes())
    })
}

#[test]
fn r072_masked_frames_have_the_mask_bit_and_the_key() {
    let (mut conn, mut output) = (connection(Role::Client), counted_keys());
    conn.send("\0\0\0\0\0", &mut output).unwrap();
    assert_eq!(output.pending(), b"\x81\x85\0\0\0\x01\0\0\0\x01\0");
}

#[test]
fn r073_each_frame_takes_a_fresh_key() {
    let (mut conn, mut output) = (Connection::client(Negotiated::none()), counted_keys());
    conn.send("a", &mut output).unwrap();
    conn.send(b"", &mut output).unwrap();
    conn.ping(b"", &mut output).unwrap();
    conn.pong(b"", &mut output).unwrap();
    assert_eq!(conn.send_header(Kind::Binary, 3, &mut output), Ok(Some(MaskingKey::new([0, 0, 0, 5]))));
    conn.close(CloseCode::NORMAL, "", &mut output).unwrap();
    assert_eq!(
        output.pending(),
        b"\x81\x81\0\0\0\x01a\x82\x80\0\0\0\x02\x89\x80\0\0\0\x03\x8a\x80\0\0\0\x04\x82\x83\0\0\0\x05\x88\x82\0\0\0\x06\x03\xe8"
    );
}

#[test]
fn r073_replies_take_a_fresh_key() {
    let (mut conn, mut output) = (connection(Role::Client), counted_keys());
    let mut input = bowsprit::ReceiveBuffer::new(bowsprit::Limits::default());
    feed(&mut conn, &mut input, &mut output, b"\x89\x00\x89\x00\x88\x00", Feed::Extend);
    assert_eq!(output.pending(), b"\x8a\x80\0\0\0\x01\x8a\x80\0\0\0\x02\x88\x80\0\0\0\x03");
}

#[test]
fn r073_client_without_keys_says_so_and_sends_nothing() {
    let (mut conn, mut output) = (connection(Role::Client), SendBuffer::new());
    assert_eq!(conn.send("a", &mut output), Err(UsageError::NoMaskingKeys));
    assert_eq!(conn.send_header(Kind::Text, 1, &mut output), Err(UsageError::NoMaskingKeys));
    assert_eq!(conn.ping(b"", &mut output), Err(UsageError::NoMaskingKeys));
    assert_eq!(conn.pong(b"", &mut output), Err(UsageError::NoMaskingKeys));
    assert_eq!(conn.close(CloseCode::NORMAL, "", &mut output), Err(UsageError::NoMaskingKeys));
    assert!(output.is_empty());
}

#[test]
fn r073_client_without_keys_stays_silent_where_a_reply_is_due() {
    let (mut conn, mut output) = (connection(Role::Client), SendBuffer::new());
    let mut input = bowsprit::ReceiveBuffer::new(bowsprit::Limits::default());
    let events = feed(&mut conn, &mut input, &mut output, b"\x89\x00\x88\x00", Feed::Extend);
    assert_eq!(events, [ping(b""), close(1005, "")]);
    assert!(output.is_empty());
}

#[test]
fn r075_octet_i_is_masked_with_key_octet_i_mod_4() {
    let mut payload = *b"\0\0\0\0\0\0\0\0\0";
    mask::apply(&mut payload, MaskingKey::new([1, 2, 3, 4]));
    assert_eq!(payload, [1, 2, 3, 4, 1, 2, 3, 4, 1]);
    mask::apply(&mut payload, MaskingKey::new([1, 2, 3, 4]));
    assert_eq!(payload, [0; 9]);
}

#[test]
fn r075_mask_goes_on_across_every_cut_of_a_payload() {
    let payload: Vec<u8> = (0..=255).collect();
    server(&masked(0x82, &payload)).sees(&[binary(&payload)]);
}

#[test]
fn r075_mask_begins_anew_with_each_fragment() {
    server(b"\x02\x83\x01\x02\x03\x04\x01\x02\x03\x80\x82\x01\x02\x03\x04\x01\x02").sees(&[binary(&[0; 5])]);
}
