//! What our two ends share: sizes, payloads, codes and reasons. peer.py, peer.mjs and browser.mjs have the same.
#![allow(dead_code)]

/// Around every boundary of the length's encoding, and one that no single read brings.
pub const SIZES: [usize; 7] = [0, 125, 126, 127, 65_535, 65_536, (1 << 20) + 3];
/// All that may be sent: each registered one, and the ends of the free ranges.
pub const CODES: [u16; 14] = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999];
pub const FRAGMENTS: usize = 5;

pub fn text(len: usize) -> String {
    "aé…𝄞".repeat(len / 10) + &".".repeat(len % 10)
}

pub fn binary(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// The longest there can be for the last code.
pub fn reason(code: u16) -> String {
    if code == 4999 { "é".repeat(61) + "." } else { format!("because of {code} ✓") }
}

/// The `i`th of the fragments, some of them empty for short messages.
pub fn fragment(bytes: &[u8], i: usize) -> &[u8] {
    &bytes[bytes.len() * i / FRAGMENTS..bytes.len() * (i + 1) / FRAGMENTS]
}

pub fn fragment_of_text(text: &str, i: usize) -> &str {
    &text[boundary(text, text.len() * i / FRAGMENTS)..boundary(text, text.len() * (i + 1) / FRAGMENTS)]
}

fn boundary(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}
