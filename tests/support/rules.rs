//! Every rule of the protocol, broken: what is sent to each role, and which byte of it breaks the rule.
#![allow(dead_code, unreachable_pub)]

use bowsprit::ProtocolError::{self, *};
use bowsprit::{CloseCode, Limits};

/// A rule, what the Close says of it, and bytes that break it, with the place. A client masks, a server does not.
pub struct Broken {
    pub error: ProtocolError,
    pub section: &'static str,
    pub code: u16,
    pub to_server: Option<(Vec<u8>, u64)>,
    pub to_client: Option<(Vec<u8>, u64)>,
}

/// The limits that the table is about.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.frame = 200;
    limits.message = 300;
    limits.fragments = 4;
    limits.empty_fragments = 2;
    limits
}

pub fn table() -> Vec<Broken> {
    let (full_to_server, full_to_client) = (
        [b"\x02\xfe\x00\xc8\0\0\0\0".as_slice(), &[0; 200]].concat(), // 208 bytes
        [b"\x02\x7e\x00\xc8".as_slice(), &[0; 200]].concat(),         // 204
    );
    vec![
        both(ReservedBitSet, "5.2", 1002, (b"\xc1\x80\0\0\0\0", 0), (b"\xc2\x00", 0)),
        both(ReservedBitSet, "5.2", 1002, (b"\xa9\x80\0\0\0\0", 0), (b"\x98\x00", 0)),
        both(UnknownOpcode(3), "5.2", 1002, (b"\x83\x80\0\0\0\0", 0), (b"\x83\x00", 0)),
        both(UnknownOpcode(11), "5.2", 1002, (b"\x8b\x80\0\0\0\0", 0), (b"\x8b\x00", 0)),
        Broken { to_client: None, ..both(Unmasked, "5.1", 1002, (b"\x81\x05Hello", 1), (b"", 0)) },
        Broken { to_server: None, ..both(Masked, "5.1", 1002, (b"", 0), (b"\x81\x85\0\0\0\0Hello", 1)) },
        both(LengthNotMinimal, "5.2", 1002, (b"\x82\xfe\x00\x7d\0\0\0\0", 3), (b"\x82\x7e\x00\x7d", 3)),
        both(
            LengthNotMinimal,
            "5.2",
            1002,
            (b"\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 7),
            (b"\x82\x7f\0\0\0\0\0\0\xff\xff", 7),
        ),
        both(
            LengthTopBitSet,
            "5.2",
            1002,
            (b"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 2),
            (b"\x82\x7f\x80\0\0\0\0\0\0\0", 2),
        ),
        both(ControlTooLong, "5.5", 1002, (b"\x89\xfe\x00\x7e\0\0\0\0", 1), (b"\x8a\x7e\x00\x7e", 1)),
        both(ControlFragmented, "5.5", 1002, (b"\x09\x80\0\0\0\0", 0), (b"\x08\x00", 0)),
        both(NothingToContinue, "5.4", 1002, (b"\x80\x80\0\0\0\0", 0), (b"\x00\x01a", 0)),
        both(
            MessageInterleaved,
            "5.4",
            1002,
            (b"\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b", 7),
            (b"\x01\x01a\x89\x00\x82\x01b", 5),
        ),
        // An octet that begins nothing; one that does not go on with what was begun, also in the next fragment.
        both(InvalidUtf8, "8.1", 1007, (b"\x81\x84\0\0\0\0ab\xffc", 8), (b"\x81\x04ab\xffc", 4)),
        both(InvalidUtf8, "8.1", 1007, (b"\x81\x83\0\0\0\0\xed\xa0\x80", 7), (b"\x81\x03\xed\xa0\x80", 3)),
        both(InvalidUtf8, "8.1", 1007, (b"\x81\x83\0\0\0\0\xe2\x82(", 8), (b"\x81\x03\xe2\x82(", 4)),
        both(
            InvalidUtf8,
            "8.1",
            1007,
            (b"\x01\x82\0\0\0\0a\xc3\x89\x80\0\0\0\0\x80\x82\0\0\0\0((", 20),
            (b"\x01\x02a\xc3\x89\x00\x80\x02((", 8),
        ),
        both(
            InvalidUtf8,
            "8.1",
            1007,
            (b"\x01\x81\0\0\0\0\xf0\x00\x81\0\0\0\0\x9d\x80\x82\0\0\0\0\x84\xff", 21),
            (b"\x01\x01\xf0\x00\x01\x9d\x80\x02\x84\xff", 9),
        ),
        // In a frame whose rest never comes.
        both(InvalidUtf8, "8.1", 1007, (b"\x81\xfe\x00\x7e\0\0\0\0a\xf4\x90", 10), (b"\x81\x7e\x00\x7ea\xf4\x90", 6)),
        // Cut off by the end of the message, which may be an empty frame.
        both(InvalidUtf8, "8.1", 1007, (b"\x81\x83\0\0\0\0a\xe2\x82", 8), (b"\x81\x03a\xe2\x82", 4)),
        both(InvalidUtf8, "8.1", 1007, (b"\x01\x82\0\0\0\0a\xc3\x80\x80\0\0\0\0", 13), (b"\x01\x02a\xc3\x80\x00", 5)),
        both(CloseBodyTruncated, "5.5.1", 1002, (b"\x88\x81\0\0\0\0\x03", 6), (b"\x88\x01\x03", 2)),
        both(
            InvalidCloseCode(CloseCode::NO_STATUS),
            "7.4",
            1002,
            (b"\x88\x82\0\0\0\0\x03\xed", 6),
            (b"\x88\x05\x03\xedbye", 2),
        ),
        both(CloseReasonNotUtf8, "8.1", 1007, (b"\x88\x84\0\0\0\0\x03\xe8a\xff", 9), (b"\x88\x04\x03\xe8a\xff", 5)),
        both(CloseReasonNotUtf8, "8.1", 1007, (b"\x88\x84\0\0\0\0\x03\xe8\xc3(", 9), (b"\x88\x04\x03\xe8\xc3(", 5)),
        both(CloseReasonNotUtf8, "8.1", 1007, (b"\x88\x84\0\0\0\0\x03\xe8a\xc3", 9), (b"\x88\x04\x03\xe8a\xc3", 5)),
        both(FrameTooBig, "10.4", 1009, (b"\x82\xfe\x00\xc9\0\0\0\0", 3), (b"\x82\x7e\x00\xc9", 3)),
        both(FrameTooBig, "10.4", 1009, (b"\x02\xff\0\0\0\0\0\x01\0\0\0\0\0\0", 9), (b"\x02\x7f\0\0\0\0\0\x01\0\0", 9)),
        both(
            MessageTooBig,
            "10.4",
            1009,
            (&[&full_to_server, b"\x80\xe5\0\0\0\0".as_slice()].concat(), 209),
            (&[&full_to_client, b"\x80\x65".as_slice()].concat(), 205),
        ),
        both(
            MessageTooBig,
            "10.4",
            1009,
            (&[&full_to_server, b"\x80\xfe\x00\x7e\0\0\0\0".as_slice()].concat(), 211),
            (&[&full_to_client, b"\x80\x7e\x00\x7e".as_slice()].concat(), 207),
        ),
        both(
            TooManyFragments,
            "10.4",
            1008,
            (b"\x01\x81\0\0\0\0a\0\x81\0\0\0\0b\0\x81\0\0\0\0c\0\x81\0\0\0\0d\x80\x81\0\0\0\0e", 28),
            (b"\x02\x01a\0\x01b\0\x01c\0\x01d\x80\x01e", 12),
        ),
        both(
            TooManyEmptyFragments,
            "10.4",
            1008,
            (b"\x01\x80\0\0\0\0\0\x80\0\0\0\0\0\x80\0\0\0\0", 13),
            (b"\x02\x01a\0\x00\0\x00\x80\x00", 8),
        ),
    ]
}

fn both(
    error: ProtocolError,
    section: &'static str,
    code: u16,
    to_server: (&[u8], u64),
    to_client: (&[u8], u64),
) -> Broken {
    let owned = |(bytes, at): (&[u8], u64)| Some((bytes.to_vec(), at));
    Broken { error, section, code, to_server: owned(to_server), to_client: owned(to_client) }
}
