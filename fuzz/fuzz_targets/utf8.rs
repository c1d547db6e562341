//! Any bytes in any pieces: the validator agrees with the standard library after each piece, and names the octet.
#![no_main]

use bowsprit::Utf8Validator;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&size, text)) = input.split_first() else { return };
    let mut utf8 = Utf8Validator::new();
    let mut end = 0;
    for piece in text.chunks(usize::from(size).max(1)) {
        end += piece.len();
        let verdict = utf8.push(piece);
        match std::str::from_utf8(&text[..end]) {
            Ok(_) => assert!(verdict.is_ok() && utf8.is_complete()),
            Err(error) if error.error_len().is_none() => assert!(verdict.is_ok() && !utf8.is_complete()),
            Err(_) => {
                let at = end - piece.len() + verdict.unwrap_err().at;
                let hopeful =
                    |end| std::str::from_utf8(&text[..end]).map_or_else(|e| e.error_len().is_none(), |_| true);
                assert!(hopeful(at) && !hopeful(at + 1));
                return;
            }
        }
    }
});
