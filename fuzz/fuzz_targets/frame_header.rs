//! Any bytes as a frame header: what is complete is what the same header encodes to; what is wrong stays wrong and what
//! is partial was never wrong, however much comes behind it.
#![no_main]

use bowsprit::{Expected, FrameHeader, Status};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for expected in [(true, 0), (false, 0), (true, 4), (false, 4), (true, 7)] {
        let expected = Expected { masked: expected.0, rsv: expected.1 };
        let decoded = FrameHeader::decode(bytes, expected);
        match decoded {
            Ok(Status::Complete((header, len))) => {
                assert_eq!(&*header.encode(), &bytes[..len]);
                assert_eq!(header.masking_key.is_some(), expected.masked);
                assert!(header.payload_len >> 63 == 0);
                assert!(!header.opcode.is_control() || header.fin && header.payload_len <= 125);
                assert_eq!(FrameHeader::decode(&bytes[..len], expected), decoded);
                assert_eq!(FrameHeader::decode(&bytes[..len - 1], expected), Ok(Status::Partial));
            }
            Ok(Status::Partial) => assert!(bytes.len() < FrameHeader::MAX_LEN),
            Err(error) => {
                let longer = [bytes, &[0; 16]].concat();
                assert_eq!(FrameHeader::decode(&longer, expected), Err(error));
            }
        }
    }
});
