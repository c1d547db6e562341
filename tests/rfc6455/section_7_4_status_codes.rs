//! RFC 6455 §7.4: which close codes may travel, and which code each kind of failure has.

use bowsprit::{CloseCode, CloseFrame, Limits, ProtocolError, ReceiveBuffer, Role, UsageError};

use crate::support::*;

/// §7.4.1, §7.4.2 and the IANA registry, spelled out.
fn may_travel(code: u16) -> bool {
    let registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
    registered.contains(&code) || (3000..5000).contains(&code)
}

#[test]
fn r125_codes_for_reports_only_cannot_be_sent() {
    let (mut conn, mut output) = (connection(Role::Server), output(Role::Server));
    for code in [CloseCode::NO_STATUS, CloseCode::ABNORMAL, CloseCode::TLS_HANDSHAKE, CloseCode::new(1004)] {
        assert_eq!(conn.close(code, "", &mut output), Err(UsageError::InvalidCloseCode(code)));
    }
    assert!(output.is_empty());
}

#[test]
fn r125_all_codes_sent() {
    for role in [Role::Server, Role::Client] {
        for code in 0..=u16::MAX {
            let (mut conn, mut output) = (connection(role), output(role));
            let [high, low] = code.to_be_bytes();
            let code = CloseCode::new(code);
            let sent = conn.close(code, "", &mut output);
            let (result, bytes) = match (may_travel(code.as_u16()), role) {
                (false, _) => (Err(UsageError::InvalidCloseCode(code)), vec![]),
                (true, Role::Server) => (Ok(()), vec![0x88, 2, high, low]),
                (true, Role::Client) => (Ok(()), vec![0x88, 0x82, 0, 0, 0, 0, high, low]),
            };
            assert_eq!((sent, output.pending()), (result, &bytes[..]), "{code}");
        }
    }
}

#[test]
fn r126_r127_all_codes_received() {
    let mut input = ReceiveBuffer::new(Limits::default());
    for role in [Role::Server, Role::Client] {
        for code in 0..=u16::MAX {
            let (mut conn, mut output) = (connection(role), output(role));
            let frame = frame_to(role, 0x88, &code.to_be_bytes());
            let seen = feed(&mut conn, &mut input, &mut output, &frame, Feed::Extend);
            let answer = frames(output.pending());
            if may_travel(code) {
                assert_eq!(seen, [close(code, "")]);
                assert_eq!(answer[0].1, code.to_be_bytes());
                assert_eq!(conn.close_code().as_u16(), code);
            } else {
                let at = frame.len() as u64 - 2;
                assert_eq!(seen, [failed(ProtocolError::InvalidCloseCode(CloseCode::new(code)).at(at))]);
                assert_eq!(answer[0].1[..2], 1002u16.to_be_bytes());
                assert_eq!(conn.close_code().as_u16(), 1006);
            }
            assert_eq!(answer.len(), 1);
        }
    }
}

#[test]
fn r126_codes_that_must_not_be_sent_fail() {
    server(b"\x88\x82\0\0\0\0\0\0").fails(ProtocolError::InvalidCloseCode(CloseCode::new(0)), 1002);
    server(b"\x88\x82\0\0\0\0\x03\xed").fails(ProtocolError::InvalidCloseCode(CloseCode::NO_STATUS), 1002);
    server(b"\x88\x82\0\0\0\0\x03\xee").fails(ProtocolError::InvalidCloseCode(CloseCode::ABNORMAL), 1002);
    server(b"\x88\x82\0\0\0\0\x03\xf7").fails(ProtocolError::InvalidCloseCode(CloseCode::TLS_HANDSHAKE), 1002);
    server(b"\x88\x82\0\0\0\0\x13\x88").fails(ProtocolError::InvalidCloseCode(CloseCode::new(5000)), 1002);
    client(b"\x88\x02\x03\xec").fails(ProtocolError::InvalidCloseCode(CloseCode::new(1004)), 1002);
}

#[test]
fn r126_bad_code_goes_before_a_bad_reason() {
    client(b"\x88\x03\x03\xed\xff").fails(ProtocolError::InvalidCloseCode(CloseCode::NO_STATUS), 1002);
}

#[test]
fn r127_later_registered_and_private_codes_pass() {
    client(b"\x88\x02\x03\xf4").sees(&[close(1012, "")]);
    client(b"\x88\x02\x03\xf5").sees(&[close(1013, "")]);
    client(b"\x88\x02\x03\xf6").sees(&[close(1014, "")]);
    client(b"\x88\x02\x0b\xb8").sees(&[close(3000, "")]);
    client(b"\x88\x02\x13\x87").sees(&[close(4999, "")]);
}

#[test]
fn r128_client_may_name_the_extensions_it_misses() {
    let (mut conn, mut output) = (connection(Role::Client), output(Role::Client));
    conn.close(CloseCode::MANDATORY_EXTENSION, "permessage-deflate", &mut output).unwrap();
    assert_eq!(output.pending(), b"\x88\x94\0\0\0\0\x03\xf2permessage-deflate");
}

#[test]
fn r129_each_failure_has_its_code() {
    use ProtocolError::*;
    for error in [
        ReservedBitSet,
        UnknownOpcode(3),
        Unmasked,
        Masked,
        LengthNotMinimal,
        LengthTopBitSet,
        ControlTooLong,
        ControlFragmented,
        NothingToContinue,
        MessageInterleaved,
        CloseBodyTruncated,
        InvalidCloseCode(CloseCode::NO_STATUS),
    ] {
        assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR, "{error}");
    }
    assert_eq!(InvalidUtf8.close_code(), CloseCode::INVALID_PAYLOAD);
    assert_eq!(CloseReasonNotUtf8.close_code(), CloseCode::INVALID_PAYLOAD);
    assert_eq!(FrameTooBig.close_code(), CloseCode::MESSAGE_TOO_BIG);
    assert_eq!(MessageTooBig.close_code(), CloseCode::MESSAGE_TOO_BIG);
    assert_eq!(TooManyFragments.close_code(), CloseCode::POLICY_VIOLATION);
    assert_eq!(TooManyEmptyFragments.close_code(), CloseCode::POLICY_VIOLATION);
    assert_eq!(InvalidDeflate.close_code(), CloseCode::INVALID_PAYLOAD);
    assert_eq!(TooManyFinalBlocks.close_code(), CloseCode::POLICY_VIOLATION);
}

#[test]
fn r129_every_rule_fits_a_close_frame_and_names_its_section() {
    use ProtocolError::*;
    for error in [
        ReservedBitSet,
        UnknownOpcode(3),
        Unmasked,
        Masked,
        LengthNotMinimal,
        LengthTopBitSet,
        ControlTooLong,
        ControlFragmented,
        NothingToContinue,
        MessageInterleaved,
        InvalidUtf8,
        CloseBodyTruncated,
        InvalidCloseCode(CloseCode::NO_STATUS),
        CloseReasonNotUtf8,
        FrameTooBig,
        MessageTooBig,
        TooManyFragments,
        TooManyEmptyFragments,
        InvalidDeflate,
        TooManyFinalBlocks,
    ] {
        let frame = CloseFrame { code: Some(error.close_code()), reason: error.rule() };
        assert_eq!(frame.check(), Ok(()), "{error}");
        assert_eq!(error.to_string(), format!("{} (RFC {} §{})", error.rule(), error.rfc(), error.section()));
    }
    assert!(size_of::<ProtocolError>() <= 4);
    assert!(size_of::<UsageError>() <= 4);
}
