//! Socket.IO: the text of packets, rule by rule.

use bowsprit::socketio::packet::{Data, Kind, Packet, PacketError, check_placeholders, is_reserved};
use proptest::prelude::*;

const MAX: usize = 10;

fn decode(text: &str) -> Result<Packet<'_>, PacketError> {
    Packet::decode(text, MAX)
}

#[track_caller]
fn fails(text: &str, with: PacketError) {
    assert_eq!(decode(text).err(), Some(with), "{text}");
}

/// What a packet says, in a form that can be compared.
fn read(text: &str) -> (Kind, &str, Option<u64>, Option<usize>, String) {
    let packet = decode(text).unwrap();
    let data = match &packet.data {
        Data::None => String::new(),
        Data::One(value) => value.get().into(),
        Data::List(values) => values.iter().map(|value| value.get()).collect::<Vec<_>>().join(" "),
    };
    (packet.kind, packet.namespace, packet.id, packet.attachments, data)
}

#[test]
fn every_kind_is_read() {
    assert_eq!(read("0"), (Kind::Connect, "/", None, None, "".into()));
    assert_eq!(read(r#"0/admin,{"token":"x"}"#), (Kind::Connect, "/admin", None, None, r#"{"token":"x"}"#.into()));
    assert_eq!(read("1/admin,"), (Kind::Disconnect, "/admin", None, None, "".into()));
    assert_eq!(read(r#"2["foo"]"#), (Kind::Event, "/", None, None, r#""foo""#.into()));
    assert_eq!(read(r#"212["foo"]"#), (Kind::Event, "/", Some(12), None, r#""foo""#.into()));
    assert_eq!(read(r#"3/admin,13["bar"]"#), (Kind::Ack, "/admin", Some(13), None, r#""bar""#.into()));
    assert_eq!(read("30[]"), (Kind::Ack, "/", Some(0), None, "".into()));
    assert_eq!(read(r#"4{"message":"no"}"#), (Kind::ConnectError, "/", None, None, r#"{"message":"no"}"#.into()));
    assert_eq!(read(r#"4"no""#), (Kind::ConnectError, "/", None, None, r#""no""#.into()));
    assert_eq!(read(r#"51-/a,1["x"]"#), (Kind::Event, "/a", Some(1), Some(1), r#""x""#.into()));
    assert_eq!(read("62-7[]"), (Kind::Ack, "/", Some(7), Some(2), "".into()));
}

#[test]
fn a_namespace_may_end_with_the_text() {
    assert_eq!(read("0/custom").1, "/custom");
    assert_eq!(read("0/custom,").1, "/custom");
}

#[test]
fn an_unknown_type_fails() {
    for text in ["", "7", "abc", "999", "-", "é"] {
        fails(text, PacketError::UnknownType);
    }
}

#[test]
fn a_binary_type_without_its_count_fails() {
    for text in ["5", "51", "5a-", "51.23-", "5-", "6", r#"5["x"]"#, "5+1-[]"] {
        fails(text, PacketError::AttachmentCount);
    }
}

#[test]
fn as_many_attachments_as_are_allowed_pass_and_one_more_fails() {
    assert_eq!(read(r#"510-["x"]"#).3, Some(10));
    fails(r#"511-["x"]"#, PacketError::TooManyAttachments);
    fails(r#"599999999999999999999999-["x"]"#, PacketError::TooManyAttachments);
}

#[test]
fn no_attachments_at_all_are_a_complete_packet() {
    assert_eq!(read(r#"50-["x"]"#).3, Some(0));
    assert_eq!(read("60-[]").3, Some(0));
}

#[test]
fn an_id_beyond_2_to_the_53_fails() {
    assert_eq!(read(r#"29007199254740991["x"]"#).2, Some(9_007_199_254_740_991));
    fails(r#"29007199254740992["x"]"#, PacketError::Id);
    fails(r#"299999999999999999999999["x"]"#, PacketError::Id);
}

#[test]
fn what_is_not_json_fails() {
    for text in [r#"2abc["x"]"#, r#"2["x""#, r#"2["x"]]"#, r#"2["x",01]"#, "0{", "3[undefined]", "4no"] {
        fails(text, PacketError::Json);
    }
}

#[test]
fn json_of_the_wrong_kind_fails() {
    for text in ["0[]", r#"0"x""#, "01", "0null", "1{}", "1[]", "2{}", r#"2"x""#, "3{}", "3", "4[]", "4", "41"] {
        fails(text, PacketError::Payload);
    }
}

#[test]
fn an_event_without_a_name_fails() {
    for text in ["2", "21", "2[]", "2[true]", "2[null,1]", "2[{}]", "2[[]]"] {
        fails(text, PacketError::EventName);
    }
}

#[test]
fn an_events_name_may_be_a_number() {
    assert_eq!(read("2[1,2]").4, "1 2");
    assert_eq!(read("2[-1.5e3]").4, "-1.5e3");
}

#[test]
fn a_reserved_name_fails_however_it_is_written() {
    for name in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"] {
        assert!(is_reserved(name));
        fails(&format!("2[{name:?}]"), PacketError::ReservedName);
    }
    fails(r#"2["\u0063onnect"]"#, PacketError::ReservedName);
    assert_eq!(read(r#"2["connection"]"#).4, r#""connection""#);
}

#[test]
fn numbers_and_the_order_of_keys_stay_as_they_were_written() {
    assert_eq!(
        read(r#"2["m",{"b":1.0,"a":[1e400]},12345678901234567890]"#).4,
        r#""m" {"b":1.0,"a":[1e400]} 12345678901234567890"#
    );
}

#[test]
fn json_without_an_end_of_nesting_fails() {
    fails(&format!("2[\"x\",{}", "[".repeat(100_000)), PacketError::Json);
}

#[test]
fn a_placeholder_stands_for_an_attachment() {
    let placed = |text: &str| check_placeholders(&decode(text).unwrap());
    assert_eq!(placed(r#"51-["x",{"_placeholder":true,"num":0}]"#), Ok(()));
    assert_eq!(placed(r#"52-["x",{"a":[{"num":1,"_placeholder":true}]},{"_placeholder":true,"num":0}]"#), Ok(()));
    // Used twice, or not at all.
    assert_eq!(placed(r#"51-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#), Ok(()));
    assert_eq!(placed(r#"51-["x"]"#), Ok(()));
    assert_eq!(placed(r#"51-["x",{"_placeholder":false,"num":7}]"#), Ok(()));
}

#[test]
fn a_placeholder_for_no_attachment_fails() {
    for json in [
        r#"{"_placeholder":true,"num":1}"#,
        r#"{"_placeholder":true,"num":-1}"#,
        r#"{"_placeholder":true,"num":0.5}"#,
        r#"{"_placeholder":true,"num":"0"}"#,
        r#"{"_placeholder":true}"#,
        r#"{"\u005fplaceholder":true,"num":2}"#,
        r#"[[{"a":{"_placeholder":true,"num":1e3}}]]"#,
    ] {
        let text = format!(r#"51-["x",{json}]"#);
        assert_eq!(check_placeholders(&decode(&text).unwrap()), Err(PacketError::Placeholder), "{json}");
    }
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_string()),
        any::<f64>().prop_filter("JSON has no infinity", |n| n.is_finite()).prop_map(|n| n.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(|values| format!("[{}]", values.join(" , ")))
    })
}

fn text() -> impl Strategy<Value = String> {
    let name = any::<String>().prop_map(|name| serde_json::to_string(&format!("{name}!")).unwrap());
    let head = ("(/[^,]{0,6},)?", prop::option::of(0..=9_007_199_254_740_991u64));
    (prop::option::of(0..=10usize), head, name, prop::collection::vec(json(), 0..4), any::<bool>()).prop_map(
        |(attachments, (namespace, id), name, arguments, event)| {
            let kind = match (event, attachments) {
                (true, None) => "2".into(),
                (false, None) => "3".into(),
                (true, Some(count)) => format!("5{count}-"),
                (false, Some(count)) => format!("6{count}-"),
            };
            let namespace = if namespace == "/," { "".into() } else { namespace };
            let id = id.map_or(String::new(), |id| id.to_string());
            let values: Vec<String> = event.then_some(name).into_iter().chain(arguments).collect();
            format!("{kind}{namespace}{id}[{}]", values.join(","))
        },
    )
}

proptest! {
    #[test]
    fn encoding_undoes_decoding(text in text()) {
        let packet = decode(&text).unwrap();
        let mut again = String::new();
        packet.encode(&mut again);
        prop_assert_eq!(again, text);
    }

    #[test]
    fn no_text_makes_the_decoder_panic(text in "[0-6]?[0-9]{0,3}-?(/[a-z,]{0,3})?[0-9]{0,2}\\PC{0,20}") {
        if let Ok(packet) = decode(&text) {
            let _ = check_placeholders(&packet);
        }
    }
}
