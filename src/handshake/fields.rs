//! Header fields and their grammars: tokens, lists, extensions (RFC 9110 §5.6, RFC 6455 §4.3, §9.1).
//!
//! Everything here looks at a byte once, whatever the bytes are.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::str;

use httparse::Header;

use crate::error::UsageError;

/// Whether a token may hold this byte (RFC 9110 §5.6.2).
#[inline]
pub(super) const fn is_token_byte(byte: u8) -> bool {
    TOKEN_BYTES[byte as usize]
}

const TOKEN_BYTES: &[bool; 256] = &{
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = matches!(byte as u8,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z');
        byte += 1;
    }
    table
};

/// Whether this is a token: a name of a method, a field, a subprotocol, an extension.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Appends a field as it is sent.
pub(super) fn push(head: &mut String, name: &str, value: &str) {
    // Writing to a String does not fail.
    let _ = write!(head, "{name}: {value}\r\n");
}

/// Appends a field of the user's, unless it is one that the library writes or cannot be sent: a value is printable
/// ASCII, spaces and tabs, and so no line break.
pub(super) fn push_checked(
    head: &mut String,
    name: &str,
    value: &str,
    is_ours: fn(&str) -> bool,
) -> Result<(), UsageError> {
    if !is_token(name.as_bytes()) || is_ours(name) {
        return Err(UsageError::InvalidHeaderName);
    }
    if !value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Err(UsageError::InvalidHeaderValue);
    }
    push(head, name, value);
    Ok(())
}

/// Whether this is one of the fields that belong to the handshake alone.
pub(super) fn starts_sec_websocket(name: &str) -> bool {
    const PREFIX: &str = "Sec-WebSocket-";
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

fn token(bytes: &[u8]) -> Option<&str> {
    if is_token(bytes) { str::from_utf8(bytes).ok() } else { None }
}

/// A message's header fields, in the order they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'h>(Vec<Header<'h>>);

/// A field that may come once came more than once.
#[derive(Debug)]
pub(super) struct Repeated;

/// A value that its grammar does not allow.
#[derive(Debug)]
pub(super) struct Malformed;

impl<'h> Fields<'h> {
    pub(super) fn new(fields: Vec<Header<'h>>) -> Self {
        Self(fields)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'h str, &'h [u8])> {
        self.0.iter().map(|field| (field.name, field.value))
    }

    /// The values of all fields with this name.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of a field that comes at most once.
    pub(super) fn at_most_once(&self, name: &str) -> Result<Option<&'h [u8]>, Repeated> {
        let mut values = self.values(name);
        let first = values.next();
        if values.next().is_some() { Err(Repeated) } else { Ok(first) }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The elements of a comma-separated list, which may span several fields. Empty ones do not count (RFC 9110 §5.6.1).
    pub(super) fn elements(&self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.values(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
    }

    /// Whether a list has this element, in any case.
    pub(super) fn lists(&self, name: &str, element: &[u8]) -> bool {
        self.elements(name).any(|e| e.eq_ignore_ascii_case(element))
    }

    /// The tokens of a list; what is no token is left out.
    pub(super) fn tokens(&self, name: &str) -> impl Iterator<Item = &'h str> {
        self.elements(name).filter_map(token)
    }

    /// Checks that a field, if it is there at all, is a list of at least one token (§4.3).
    pub(super) fn check_tokens(&self, name: &str) -> Result<(), Malformed> {
        let mut elements = self.elements(name).peekable();
        let empty = elements.peek().is_none() && self.has(name);
        if !empty && elements.all(is_token) { Ok(()) } else { Err(Malformed) }
    }

    /// The extensions of a list (§9.1), up to the first that is malformed.
    pub(super) fn extensions(&self, name: &str) -> impl Iterator<Item = Extension<'h>> {
        self.parse_extensions(name).map_while(Result::ok)
    }

    /// Checks that a field, if it is there at all, is a list of at least one extension (§9.1).
    pub(super) fn check_extensions(&self, name: &str) -> Result<(), Malformed> {
        let mut count = 0usize;
        for extension in self.parse_extensions(name) {
            extension?;
            count += 1;
        }
        if count == 0 && self.has(name) { Err(Malformed) } else { Ok(()) }
    }

    fn parse_extensions(&self, name: &str) -> impl Iterator<Item = Result<Extension<'h>, Malformed>> {
        self.values(name).flat_map(|value| ExtensionList(Cursor(value)))
    }
}

/// An extension that the peer offers, with its parameters (RFC 6455 §9.1).
#[derive(Clone, Copy, Debug)]
pub struct Extension<'h> {
    name: &'h str,
    /// From the first semicolon on; parsed before.
    params: Cursor<'h>,
}

impl<'h> Extension<'h> {
    /// Its registered name, such as `permessage-deflate`.
    pub fn name(&self) -> &'h str {
        self.name
    }

    /// Its parameters in order: the name, and the value if there is one, quotes removed.
    ///
    /// Nothing is done about repeated parameters; what they mean is the extension's affair.
    pub fn params(&self) -> impl Iterator<Item = (&'h str, Option<Cow<'h, str>>)> {
        let mut rest = self.params;
        core::iter::from_fn(move || rest.param().ok().flatten())
    }
}

/// A name, and a value if there is one.
type Param<'h> = (&'h str, Option<Cow<'h, str>>);

/// One line's extensions; over after an error.
struct ExtensionList<'h>(Cursor<'h>);

impl<'h> Iterator for ExtensionList<'h> {
    type Item = Result<Extension<'h>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.0.eat(b',') {}
        if self.0.is_at_end() {
            return None;
        }
        let extension = self.0.extension();
        if extension.is_err() {
            self.0 = Cursor(&[]);
        }
        Some(extension)
    }
}

/// What is left of a value. White space is allowed in front of whatever is asked for (RFC 2616 §2.1, implied *LWS).
#[derive(Clone, Copy, Debug)]
struct Cursor<'h>(&'h [u8]);

impl<'h> Cursor<'h> {
    /// `token *( ";" param )`, up to a comma or the end.
    fn extension(&mut self) -> Result<Extension<'h>, Malformed> {
        let name = self.token()?;
        let params = *self;
        while self.param()?.is_some() {}
        if self.is_at_end() || self.eat(b',') { Ok(Extension { name, params }) } else { Err(Malformed) }
    }

    /// `";" token [ "=" ( token | quoted-string ) ]`, or nothing.
    fn param(&mut self) -> Result<Option<Param<'h>>, Malformed> {
        if !self.eat(b';') {
            return Ok(None);
        }
        let name = self.token()?;
        let value = if !self.eat(b'=') {
            None
        } else if self.eat(b'"') {
            Some(self.quoted()?)
        } else {
            Some(Cow::Borrowed(self.token()?))
        };
        Ok(Some((name, value)))
    }

    /// The rest of a quoted string, which after unescaping must be a token (§9.1).
    fn quoted(&mut self) -> Result<Cow<'h, str>, Malformed> {
        let end = self.0.iter().position(|&byte| !is_token_byte(byte)).ok_or(Malformed)?;
        if self.0[end] == b'"' {
            let (text, rest) = self.0.split_at(end);
            self.0 = &rest[1..];
            return token(text).map(Cow::Borrowed).ok_or(Malformed);
        }
        // There is an escape, and so at least one character.
        let mut text = String::new();
        let mut bytes = self.0.iter().enumerate();
        while let Some((at, &byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.0 = &self.0[at + 1..];
                    return Ok(Cow::Owned(text));
                }
                b'\\' => match bytes.next() {
                    Some((_, &escaped)) if is_token_byte(escaped) => text.push(char::from(escaped)),
                    _ => return Err(Malformed),
                },
                byte if is_token_byte(byte) => text.push(char::from(byte)),
                _ => return Err(Malformed),
            }
        }
        Err(Malformed)
    }

    fn token(&mut self) -> Result<&'h str, Malformed> {
        self.skip_white_space();
        let end = self.0.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(self.0.len());
        let (text, rest) = self.0.split_at(end);
        self.0 = rest;
        token(text).ok_or(Malformed)
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.skip_white_space();
        match self.0.split_first() {
            Some((&first, rest)) if first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_white_space();
        self.0.is_empty()
    }

    fn skip_white_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }
}
