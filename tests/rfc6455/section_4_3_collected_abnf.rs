//! RFC 6455 §4.3: the grammars of the new header fields.

use crate::support::handshake::{good_and, good_but, status};

#[test]
fn r058_subprotocols_are_a_list_of_tokens() {
    for (value, expected) in [
        ("chat", 101),
        ("!#$%&'*+-.^_`|~09azAZ", 101),
        ("a,b", 101),
        ("a ,\tb", 101),
        ("a,,b,", 101),
        ("", 400),
        (",", 400),
        (" , , ", 400),
        ("a b", 400),
        ("a;b", 400),
        ("a/b", 400),
        ("a:b", 400),
        ("a=b", 400),
        ("a@b", 400),
        ("\"a\"", 400),
        ("a, b c", 400),
        ("(a)", 400),
        ("a\\", 400),
        ("\u{e4}", 400),
    ] {
        assert_eq!(status(good_and(format!("Sec-WebSocket-Protocol: {value}"))), expected, "{value:?}");
    }
}

#[test]
fn r058_extension_parameters_are_tokens_also_in_quotes() {
    for (value, expected) in [
        ("x", 101),
        ("x; a", 101),
        ("x; a=b", 101),
        ("x; a=\"b\"", 101),
        ("x; a=\"\\b\\c\"", 101),
        ("x;a;b=1;c=\"d\",y", 101),
        ("x; a=\"a b\"", 400),
        ("x; a=\"a,b\"", 400),
        ("x; a=\"\"", 400),
        ("x; a=\"b\\\"\"", 400),
        ("x; a=\"b", 400),
        ("x; a=\"b\\", 400),
        ("x; a=b\"", 400),
        ("x; a=\"b\"c", 400),
        ("x; a=", 400),
        ("x; =b", 400),
        ("x;", 400),
        ("x;;a", 400),
        (";a", 400),
        ("x y", 400),
        ("x; a b", 400),
        ("x; a=b=c", 400),
        ("x=1", 400),
        ("x/1", 400),
        ("\"x\"", 400),
        ("", 400),
        (",", 400),
        ("x; a=\u{e4}", 400),
    ] {
        assert_eq!(status(good_and(format!("Sec-WebSocket-Extensions: {value}"))), expected, "{value:?}");
    }
}

#[test]
fn r058_key_is_not_empty() {
    assert_eq!(status(good_but("dGhlIHNhbXBsZSBub25jZQ==", "")), 400);
}

#[test]
fn r058_version_has_no_leading_zero() {
    assert_eq!(status(good_but("Version: 13", "Version: 013")), 426);
}
