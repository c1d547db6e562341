//! Engine.IO: what answers say to pages of other origins, and to load balancers.

use bowsprit::socketio::engine::{Allowed, Cookie, Cors};

use crate::house::{Answer, House, POLLING, ask, get, open, post};

fn with(origins: Allowed, change: impl FnOnce(&mut Cors)) -> House {
    let mut cors = Cors::new(origins);
    change(&mut cors);
    House::with(|config| config.cors = Some(cors))
}

fn from(house: &House, origin: &str) -> Answer {
    ask(&house.world, "GET", POLLING, &format!("Origin: {origin}\r\n"), "")
}

const ORIGIN: &str = "Access-Control-Allow-Origin";

#[test]
fn any_origin_is_a_star() {
    let house = with(Allowed::Any, |_| {});
    let answer = from(&house, "https://a.example");
    assert_eq!((answer.header(ORIGIN), answer.header("Vary")), (Some("*"), None));
}

#[test]
fn an_origin_of_the_list_is_named_and_another_is_not() {
    let house = with(Allowed::List(vec!["https://a.example".into()]), |_| {});
    let answer = from(&house, "https://a.example");
    assert_eq!((answer.header(ORIGIN), answer.header("Vary")), (Some("https://a.example"), Some("Origin")));
    let answer = from(&house, "https://b.example");
    assert_eq!((answer.header(ORIGIN), answer.header("Vary")), (None, Some("Origin")));
}

#[test]
fn errors_and_polls_say_it_too() {
    let house = with(Allowed::Reflected, |cors| cors.credentials = true);
    let refused = ask(&house.world, "GET", "/engine.io/?transport=x", "Origin: https://a.example\r\n", "");
    assert_eq!((refused.status, refused.header(ORIGIN)), (400, Some("https://a.example")));
    assert_eq!(refused.header("Access-Control-Allow-Credentials"), Some("true"));
    let session = open(&house.world, POLLING);
    post(&house.world, &session, "4a").is(200, "ok");
    let polled = ask(&house.world, "GET", &session, "Origin: https://a.example\r\n", "");
    assert_eq!((&*polled.body, polled.header(ORIGIN)), ("4a", Some("https://a.example")));
}

#[test]
fn a_preflight_is_answered_before_anything_else() {
    let house = with(Allowed::Any, |cors| cors.max_age = Some(60));
    let asked = "Origin: https://a.example\r\nAccess-Control-Request-Headers: x-a, x-b\r\n";
    let answer = ask(&house.world, "OPTIONS", "/engine.io/?transport=x&sid=y", asked, "");
    answer.is(204, "");
    assert_eq!(answer.header("Access-Control-Allow-Methods"), Some("GET,HEAD,PUT,PATCH,POST,DELETE"));
    assert_eq!(answer.header("Access-Control-Allow-Headers"), Some("x-a, x-b"));
    assert_eq!(answer.header("Vary"), Some("Access-Control-Request-Headers"));
    assert_eq!(answer.header("Access-Control-Max-Age"), Some("60"));
}

#[test]
fn without_settings_nothing_is_said() {
    let house = House::new();
    assert_eq!(from(&house, "https://a.example").header(ORIGIN), None);
    assert_eq!(ask(&house.world, "OPTIONS", POLLING, "", "").status, 400);
}

#[test]
fn the_cookie_comes_with_the_first_answer_alone() {
    let house = House::with(|config| config.cookie = Some(Cookie::default()));
    let answer = get(&house.world, POLLING);
    let sid = crate::house::sid(&answer.body);
    assert_eq!(answer.header("Set-Cookie"), Some(&*format!("io={sid}; Path=/; HttpOnly; SameSite=Lax")));
    let session = format!("{POLLING}&sid={sid}");
    assert_eq!(post(&house.world, &session, "4a").header("Set-Cookie"), None);
    assert_eq!(get(&house.world, &session).header("Set-Cookie"), None);
}

#[test]
fn parts_of_the_cookie_can_be_left_out() {
    let mut cookie = Cookie::default();
    cookie.name = "lb".into();
    (cookie.path, cookie.http_only, cookie.same_site) = (None, false, None);
    let house = House::with(|config| config.cookie = Some(cookie));
    let answer = get(&house.world, POLLING);
    assert_eq!(answer.header("Set-Cookie"), Some(&*format!("lb={}", crate::house::sid(&answer.body))));
}
