//! The query of a request.

use std::borrow::Cow;
use std::string::String;
use std::vec::Vec;

/// Names and values of a query, decoded as they are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'q>(&'q str);

impl<'q> Query<'q> {
    /// Of what follows the question mark.
    pub fn new(query: Option<&'q str>) -> Self {
        Self(query.unwrap_or(""))
    }

    /// The value of this name; the last, if there are several.
    pub fn value(&self, name: &str) -> Option<Cow<'q, str>> {
        self.pairs().filter(|(key, _)| key == name).last().map(|(_, value)| value)
    }

    /// Names and values, in their order.
    pub fn pairs(&self) -> impl Iterator<Item = (Cow<'q, str>, Cow<'q, str>)> + use<'q> {
        self.0.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
    }
}

/// Undoes what a form does: `+` and `%20` are spaces.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let escaped = (byte == b'%').then(|| tail.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| core::str::from_utf8(hex).ok()).filter(|hex| !hex.starts_with('+'));
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &tail[2..];
            }
            None => bytes.push(if byte == b'+' { b' ' } else { byte }),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_several_values_counts() {
        let query = Query::new(Some("a=1&b&a=2&&c=x%20y+z%2B%zz%+1"));
        assert_eq!(query.value("a").as_deref(), Some("2"));
        assert_eq!(query.value("b").as_deref(), Some(""));
        assert_eq!(query.value("c").as_deref(), Some("x y z+%zz% 1"));
        assert_eq!(query.value("d"), None);
    }
}
