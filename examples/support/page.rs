//! A page that may run its own scripts and styles, talk to its own server, and nothing else.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use bowsprit::handshake::Response;

/// A page in which `NONCE` stands where its scripts and styles say who they are.
#[allow(dead_code)] // by the one that permits more
pub fn page(html: &str) -> Response {
    page_with(html, "")
}

/// The same, with more in its policy, each beginning with a semicolon.
pub fn page_with(html: &str, more: &str) -> Response {
    let nonce = random();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'{more}"
    );
    Response::new(200)
        .header("Content-Type", "text/html; charset=utf-8")
        .header("Content-Security-Policy", &policy)
        .header("Referrer-Policy", "no-referrer")
        .header("X-Content-Type-Options", "nosniff")
        .header("Cache-Control", "no-cache")
        .body(html.replace("NONCE", &nonce))
}

/// What the pages have in common, by path.
pub fn asset(path: &str) -> Option<Response> {
    const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
    let (kind, text) = match path {
        "/look.css" => ("text/css; charset=utf-8", include_str!("../web/look.css")),
        "/plot.js" => (JAVASCRIPT, include_str!("../web/plot.js")),
        "/reconnect.js" => (JAVASCRIPT, include_str!("../web/reconnect.js")),
        "/theme.js" => (JAVASCRIPT, include_str!("../web/theme.js")),
        _ => return None,
    };
    let response = Response::new(200).header("Content-Type", kind).header("X-Content-Type-Options", "nosniff");
    Some(response.header("Cache-Control", "no-cache").body(text))
}

/// 128 bits from the keys the standard library seeds its hash maps with.
pub fn random() -> String {
    let half = || RandomState::new().hash_one(Instant::now().elapsed());
    format!("{:016x}{:016x}", half(), half())
}
