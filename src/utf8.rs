//! UTF-8 checked as it arrives: over fragments, over reads, failing at the first bad octet (RFC 6455 §8.1).

use core::str;

mod vectors;

pub(crate) use vectors::unmask;

/// Text arriving in pieces that may end inside a code point.
///
/// ```
/// use bowsprit::Utf8Validator;
///
/// let mut utf8 = Utf8Validator::new();
/// utf8.push(b"caf\xc3").unwrap();          // ends inside a code point: fine so far
/// assert!(!utf8.is_complete());
/// utf8.push(b"\xa9").unwrap();
/// assert!(utf8.is_complete());
/// assert!(utf8.push(b"\xed\xa0").is_err()); // the second octet makes it a surrogate, whatever follows
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utf8Validator {
    /// The octets of an unfinished code point, never a whole one.
    carry: [u8; 3],
    carried: u8,
}

/// Text that no continuation could make UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUtf8 {
    /// Which octet of the piece it is, from 0, behind which nothing could mend it.
    pub at: usize,
}

impl Utf8Validator {
    /// At the start of a text.
    pub const fn new() -> Self {
        Self { carry: [0; 3], carried: 0 }
    }

    /// Whether the text so far ends between code points.
    pub const fn is_complete(&self) -> bool {
        self.carried == 0
    }

    /// Takes the next piece.
    ///
    /// # Errors
    ///
    /// As soon as the text cannot become valid any more, also inside a code point.
    #[inline]
    pub fn push(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        let rest = if self.is_complete() { piece } else { self.complete(piece)? };
        let rest = &rest[vectors::valid_front(rest)..];
        match str::from_utf8(rest) {
            Ok(_) => Ok(()),
            Err(error) => match error.error_len() {
                None => {
                    self.keep(&rest[error.valid_up_to()..]);
                    Ok(())
                }
                Some(len) => {
                    // Either this octet begins nothing, or it does and the one behind what goes with it is bad.
                    let begins = matches!(rest[error.valid_up_to()], 0xc2..=0xf4);
                    let at = error.valid_up_to() + if begins { len } else { 0 };
                    Err(InvalidUtf8 { at: piece.len() - rest.len() + at })
                }
            },
        }
    }

    /// Finishes the carried code point with the first octets of `piece` and returns the rest.
    fn complete<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], InvalidUtf8> {
        for (i, &octet) in piece.iter().enumerate() {
            let carried = usize::from(self.carried);
            let mut point = [self.carry[0], self.carry[1], self.carry[2], 0];
            point[carried] = octet;
            match str::from_utf8(&point[..=carried]) {
                Ok(_) => {
                    self.carried = 0;
                    return Ok(&piece[i + 1..]);
                }
                Err(error) if error.error_len().is_some() => return Err(InvalidUtf8 { at: i }),
                Err(_) => self.keep(&point[..=carried]),
            }
        }
        Ok(&[])
    }

    fn keep(&mut self, octets: &[u8]) {
        self.carry[..octets.len()].copy_from_slice(octets);
        self.carried = octets.len() as u8;
    }
}

/// Where a text that is not UTF-8 breaks: its first octet that nothing behind could mend; the last one if it merely ends
/// too early.
#[cold]
pub(crate) fn first_bad_octet(text: &[u8]) -> usize {
    match Utf8Validator::new().push(text) {
        Err(error) => error.at,
        Ok(()) => text.len() - 1,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;
    use crate::mask::MaskingKey;

    /// The slow twin: is there any continuation that makes `text` valid?
    fn could_become_valid(text: &[u8]) -> bool {
        str::from_utf8(text).map_or_else(|error| error.error_len().is_none(), |_| true)
    }

    #[test]
    fn every_string_of_up_to_three_octets_octet_by_octet() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                for c in (0..=255u8).step_by(if a < 0xc0 && b < 0xc0 { 51 } else { 1 }) {
                    let text = [a, b, c];
                    let mut utf8 = Utf8Validator::new();
                    for end in 1..=3 {
                        let verdict = utf8.push(&text[end - 1..end]);
                        assert_eq!(verdict.is_ok(), could_become_valid(&text[..end]), "{:x?}", &text[..end]);
                        if verdict.is_err() {
                            break;
                        }
                        assert_eq!(utf8.is_complete(), str::from_utf8(&text[..end]).is_ok());
                    }
                }
            }
        }
    }

    #[test]
    fn four_octets_at_the_borders_of_the_code_space() {
        for lead in 0xf0..=0xf5u8 {
            for second in 0x7f..=0xc0u8 {
                for third in [0x7f, 0x80, 0xbf, 0xc0] {
                    for fourth in [0x7f, 0x80, 0xbf, 0xc0] {
                        let text = [lead, second, third, fourth];
                        let mut utf8 = Utf8Validator::new();
                        let mut verdict = Ok(());
                        for octet in text {
                            verdict = verdict.and_then(|()| utf8.push(&[octet]));
                        }
                        let valid = verdict.is_ok() && utf8.is_complete();
                        assert_eq!(valid, str::from_utf8(&text).is_ok(), "{text:x?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_octet_that_breaks_a_text_is_the_end_of_the_shortest_hopeless_beginning() {
        for before in ["ab\u{e9}", "", "\u{20ac}"] {
            for tail in 0..=u16::MAX {
                let text = [before.as_bytes(), &tail.to_be_bytes(), b"("].concat();
                let slow = (0..text.len()).find(|&end| !could_become_valid(&text[..=end]));
                let mut whole = Utf8Validator::new();
                assert_eq!(whole.push(&text).err().map(|error| error.at), slow, "{text:x?}");
                let mut cut = Utf8Validator::new();
                let by_octet = text.iter().position(|octet| cut.push(&[*octet]).is_err());
                assert_eq!(by_octet, slow, "{text:x?}");
            }
        }
    }

    /// Text of `len` octets with code points of every length, and the same masked.
    fn mixed(len: usize) -> Vec<u8> {
        let mut text: Vec<u8> =
            "aé€𝄞 plain ascii, and then \u{7ff}\u{800}\u{ffff}\u{10ffff} ".bytes().cycle().take(len).collect();
        text.truncate(match str::from_utf8(&text) {
            Ok(_) => len,
            Err(error) => error.valid_up_to(),
        });
        text
    }

    #[test]
    fn vectors_agree_with_the_standard_library_on_every_length_and_place_of_damage() {
        let key = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);
        for len in (0..=132).chain([191, 192, 193, 255, 256, 257, 300]) {
            let text = mixed(len);
            for at in 0..=text.len() {
                for damage in [b'a', 0x80, 0xc0, 0xc3, 0xe2, 0xed, 0xf0, 0xff] {
                    let mut text = text.clone();
                    if let Some(octet) = text.get_mut(at) {
                        *octet = damage;
                    }
                    let slow = str::from_utf8(&text).map(String::from);

                    let mut utf8 = Utf8Validator::new();
                    let pushed = utf8.push(&text);
                    let hopeless = slow.as_ref().is_err_and(|error| error.error_len().is_some());
                    assert_eq!(pushed.is_err(), hopeless, "{text:x?}");
                    if let Err(error) = pushed {
                        assert!(could_become_valid(&text[..error.at]) && !could_become_valid(&text[..=error.at]));
                    } else {
                        assert_eq!(utf8.is_complete(), slow.is_ok());
                    }

                    let at_octet = pushed.map_or_else(|error| error.at, |()| text.len().saturating_sub(1));
                    let place = slow.map_err(|_| InvalidUtf8 { at: at_octet });
                    let mut bare = text.clone();
                    assert_eq!(unmask(&mut bare, 0..text.len(), 0, None).map(String::from), place);
                    let mut masked = text.clone();
                    crate::mask::apply(&mut masked, key);
                    for to in [0, 4] {
                        let mut bytes = [b"gone", &masked[..]].concat();
                        assert_eq!(unmask(&mut bytes, 4..4 + text.len(), to, Some(key)).map(String::from), place);
                    }
                    if at == len {
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn every_cut_of_a_text_gives_the_same_verdict() {
        let text = "κόσμε — 𝄞 — 日本語 — é".as_bytes();
        for cut in 0..=text.len() {
            let mut utf8 = Utf8Validator::new();
            utf8.push(&text[..cut]).unwrap();
            utf8.push(&text[cut..]).unwrap();
            assert!(utf8.is_complete(), "cut at {cut}");
        }
    }
}
