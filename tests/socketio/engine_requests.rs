//! Engine.IO: which requests are refused, in which order, and how.

use crate::house::{House, POLLING, as_websocket, ask, get, open, post, refusal, websocket};

#[test]
fn row_0_an_unknown_transport_comes_first() {
    let house = House::new();
    for target in [
        "/engine.io/",
        "/engine.io/?EIO=4&transport=abc",
        "/engine.io/?EIO=4&transport=constructor",
        "/engine.io/?EIO=4&transport=__proto__",
        "/engine.io/?transport=webtransport&sid=unknown",
    ] {
        get(&house.world, target).is(400, r#"{"code":0,"message":"Transport unknown"}"#);
    }
}

#[test]
fn row_0_a_transport_that_is_switched_off_is_unknown() {
    let house = House::with(|config| config.polling = false);
    get(&house.world, POLLING).is(400, r#"{"code":0,"message":"Transport unknown"}"#);
    let house = House::with(|config| config.websocket = false);
    refusal(&house.world, &as_websocket(POLLING), "").is(400, "Transport unknown");
}

#[test]
fn row_2_an_origin_of_odd_bytes_is_a_bad_request() {
    let house = House::new();
    let answer = ask(&house.world, "GET", "/engine.io/?transport=polling&sid=x", "Origin: http://é\r\n", "");
    answer.is(400, r#"{"code":3,"message":"Bad request"}"#);
}

#[test]
fn row_3_an_unknown_session_comes_before_the_method() {
    let house = House::new();
    let target = "/engine.io/?EIO=4&transport=polling&sid=zzz";
    get(&house.world, target).is(400, r#"{"code":1,"message":"Session ID unknown"}"#);
    ask(&house.world, "PUT", target, "", "").is(400, r#"{"code":1,"message":"Session ID unknown"}"#);
    refusal(&house.world, &as_websocket(target), "").is(400, "Session ID unknown");
}

#[test]
fn row_4_a_session_that_travels_otherwise_is_a_bad_request() {
    let house = House::new();
    let session = open(&house.world, POLLING);
    get(&house.world, &as_websocket(&session)).is(400, r#"{"code":3,"message":"Bad request"}"#);
    post(&house.world, &session, "4still").is(200, "ok");
}

#[test]
fn row_5_a_session_is_opened_by_get_alone() {
    let house = House::new();
    for method in ["POST", "PUT", "OPTIONS", "HEAD"] {
        let answer = ask(&house.world, method, POLLING, "", "");
        assert_eq!(answer.status, 400, "{method}");
    }
    post(&house.world, POLLING, "x").is(400, r#"{"code":2,"message":"Bad handshake method"}"#);
}

#[test]
fn row_6_a_websocket_needs_an_upgrade() {
    let house = House::new();
    get(&house.world, &as_websocket(POLLING)).is(400, r#"{"code":3,"message":"Bad request"}"#);
    refusal(&house.world, POLLING, "").is(400, "Bad request");
}

#[test]
fn row_7_the_application_may_refuse() {
    let house = House::allowing(Err("not \"you\"".into()), |_| {});
    let answer = get(&house.world, "/engine.io/?transport=polling&EIO=3");
    answer.is(403, r#"{"code":4,"message":"not \"you\""}"#);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    // As the reference has it: a WebSocket hears 400 for this, too.
    refusal(&house.world, &as_websocket(POLLING), "").is(400, "not \"you\"");
}

#[test]
fn row_8_only_version_4_is_spoken() {
    let house = House::new();
    for target in ["/engine.io/?EIO=3&transport=polling", "/engine.io/?transport=polling"] {
        get(&house.world, target).is(400, r#"{"code":5,"message":"Unsupported protocol version"}"#);
    }
    let answer = refusal(&house.world, "/engine.io/?transport=websocket&EIO=3", "");
    answer.is(400, "Unsupported protocol version");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
}

#[test]
fn the_version_is_asked_for_once() {
    let house = House::new();
    let session = open(&house.world, POLLING).replace("EIO=4&", "");
    post(&house.world, &session, "4a").is(200, "ok");
}

#[test]
fn the_answer_that_opens_a_session_has_five_keys() {
    let house = House::new();
    let answer = get(&house.world, &format!("{POLLING}&t=abc"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let (_, sid) = answer.body.split_once(r#"0{"sid":""#).unwrap();
    let (sid, rest) = sid.split_once('"').unwrap();
    assert_eq!(sid.len(), 20);
    assert_eq!(rest, r#","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#);
    assert_eq!(house.log(), ["open"]);
}

#[test]
fn no_upgrade_is_offered_where_there_is_none() {
    let house = House::with(|config| config.upgrades = false);
    assert!(get(&house.world, POLLING).body.contains(r#""upgrades":[]"#));
    let session = open(&house.world, POLLING);
    let mut candidate = websocket(&house.world, &as_websocket(&session)).unwrap();
    crate::house::is_closed(&mut candidate);
}

#[test]
fn other_paths_are_for_the_application() {
    let house = House::new();
    get(&house.world, "/").is(404, "");
    assert_eq!(refusal(&house.world, "/", "").status, 404);
}

#[test]
fn as_many_sessions_as_allowed_are_opened_and_one_more_is_503() {
    let house = House::with(|config| config.max_sessions = 2);
    let first = open(&house.world, POLLING);
    let mut second = websocket(&house.world, &as_websocket(POLLING)).unwrap();
    assert!(second.receive().is_some());
    get(&house.world, POLLING).is(503, "");
    let mut third = websocket(&house.world, &as_websocket(POLLING)).unwrap();
    crate::house::is_closed(&mut third);
    post(&house.world, &first, "1").is(200, "ok");
    open(&house.world, POLLING);
}
