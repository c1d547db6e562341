//! RFC 6455 §9.1: negotiating extensions.

use bowsprit::handshake::Request;
use proptest::prelude::*;

use crate::support::handshake::{GOOD, good_and, parse, status};

/// A name, and the parameters' names and values.
type Offer = (String, Vec<(String, Option<String>)>);

/// The grammar of §9.1 as it is written, by cutting into words first: the slow twin.
fn extensions_as_in_the_rfc(value: &str) -> Option<Vec<Offer>> {
    let words = words(value)?;
    let offers: Option<Vec<Offer>> =
        words.split(|word| *word == ',').filter(|offer| !offer.is_empty()).map(offer_as_in_the_rfc).collect();
    offers.filter(|offers| !offers.is_empty())
}

fn offer_as_in_the_rfc(words: &[Word]) -> Option<Offer> {
    let mut parts = words.split(|word| *word == ';');
    let Some([Word::Token(name)]) = parts.next() else { return None };
    let params = parts.map(|part| match part {
        [Word::Token(name)] => Some((name.clone(), None)),
        [Word::Token(name), Word::Separator('='), Word::Token(value) | Word::Quoted(value)] => {
            Some((name.clone(), Some(value.clone())))
        }
        _ => None,
    });
    Some((name.clone(), params.collect::<Option<_>>()?))
}

#[derive(Debug)]
enum Word {
    Separator(char),
    Token(String),
    /// Unescaped to a token.
    Quoted(String),
}

impl PartialEq<char> for Word {
    fn eq(&self, separator: &char) -> bool {
        matches!(self, Self::Separator(own) if own == separator)
    }
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?={}".contains(c)
}

fn words(value: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '"' {
            let mut text = String::new();
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => text.push(chars.next()?),
                    c => text.push(c),
                }
            }
            if text.is_empty() || !text.chars().all(is_token_char) {
                return None;
            }
            words.push(Word::Quoted(text));
        } else if is_token_char(c) {
            let mut text = String::from(c);
            while let Some(c) = chars.next_if(|&c| is_token_char(c)) {
                text.push(c);
            }
            words.push(Word::Token(text));
        } else if ",;=".contains(c) {
            words.push(Word::Separator(c));
        } else if !" \t".contains(c) {
            return None;
        }
    }
    Some(words)
}

fn offers(request: &Request<'_>) -> Vec<Offer> {
    let owned = |(name, value): (&str, Option<std::borrow::Cow<'_, str>>)| (name.to_owned(), value.map(Into::into));
    request.extensions().map(|e| (e.name().to_owned(), e.params().map(owned).collect())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn r132_grammar_equals_the_rfcs(value in "([ab]|[ab\\-1];|[ab]=|\"[ab]|[ab]\"|\\\\a|[,;=\" \t\\\\/é]){0,12}") {
        let fields = parse(GOOD).headers().collect::<Vec<_>>();
        let extra = ("Sec-WebSocket-Extensions", value.as_bytes());
        let request = Request::from_parts("GET", "/", fields.into_iter().chain([extra]));
        let expected = extensions_as_in_the_rfc(&value);
        prop_assert_eq!(request.check_upgrade().is_ok(), expected.is_some());
        if let Some(expected) = expected {
            prop_assert_eq!(offers(&request), expected);
        }
    }
}

#[test]
fn r132_the_rfcs_examples() {
    for (value, names) in [
        ("deflate-stream", &["deflate-stream"][..]),
        ("mux; max-channels=4; flow-control, deflate-stream", &["mux", "deflate-stream"]),
        ("private-extension", &["private-extension"]),
    ] {
        let head = good_and(format!("Sec-WebSocket-Extensions: {value}"));
        assert_eq!(status(&head), 101, "{value:?}");
        assert_eq!(parse(&head).extensions().map(|e| e.name()).collect::<Vec<_>>(), names);
    }
}

#[test]
fn r132_what_stands_before_the_mistake_is_all_that_is_seen() {
    let head = good_and("Sec-WebSocket-Extensions: a, b; =, c\r\nSec-WebSocket-Extensions: d");
    assert_eq!(status(&head), 400);
    assert_eq!(parse(&head).extensions().map(|e| e.name()).collect::<Vec<_>>(), ["a"]);
}
