//! The floors of `src/` (CONTRIBUTING.md): imports point downward only, unsafe stays in its rooms, files stay short.
//!
//! This reads the sources as tokens, not as types. It sees `use` trees, paths in code, `super` chains and macros'
//! `$crate`; the second half of the file shows it failing on each.

use std::fs;
use std::path::Path;

/// Lowest first. A top-level module belongs to exactly one floor, its submodules to the same.
const FLOORS: [&[&str]; 8] = [
    &["close", "error", "limits", "mask", "utf8"],
    &["frame"],
    &["buffer", "message", "assembler", "deflate"],
    &["handshake"],
    &["connection"],
    &["pubsub"],
    &["net"],
    &["socketio", "testing"],
];
/// From here on there are sockets, a clock and randomness.
const NET: usize = 6;
const UNSAFE_ROOMS: [&str; 4] = ["mask/", "utf8/", "buffer/", "net/uring.rs"];
const MAX_LINES: usize = 800;
/// What needs an operating system, below `net` not even in tests. What the feature `net` brings is added to it.
const OUTSIDE_WORLD: [&str; 8] =
    ["std::env", "std::fs", "std::io", "std::net", "std::os", "std::process", "std::thread", "std::time"];
const OUTSIDE_CRATES: [&str; 6] = ["getrandom", "rand", "rand_core", "fastrand", "tokio", "web_time"];

#[test]
fn the_sources_keep_their_floors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    assert!(files.len() > 10, "only {} files found", files.len());

    let mut complaints = Vec::new();
    for file in &files {
        let name = file.strip_prefix(root.join("src")).unwrap().to_str().unwrap().replace('\\', "/");
        complaints.extend(check(&name, &fs::read_to_string(file).unwrap(), &net_crates(&manifest)));
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn collect(dir: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// The crates of the manifest's `net = ["dep:…"]`.
fn net_crates(manifest: &str) -> Vec<String> {
    let list = manifest.split("\nnet = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or("");
    list.split('"').filter_map(|item| item.strip_prefix("dep:")).map(|name| name.replace('-', "_")).collect()
}

/// Everything wrong with one file; `name` is its path below `src/`.
fn check(name: &str, source: &str, net_crates: &[String]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |line: usize, what: String| complaints.push(format!("src/{name}:{line}: {what}"));

    let lines = source.lines().count();
    if lines > MAX_LINES {
        complain(lines, format!("{lines} lines: over {MAX_LINES}, the file has lost its duty"));
    }
    let tokens = tokens(&without_comments_and_literals(source));
    let module: Vec<String> = name.trim_end_matches(".rs").split('/').map(String::from).collect();
    if name == "lib.rs" {
        for token in tokens.iter().filter(|t| ["fn", "impl", "unsafe"].contains(&&*t.text)) {
            complain(token.line, format!("`{}`: lib.rs is the map, it holds no logic", token.text));
        }
        return complaints;
    }
    let Some(own_floor) = floor_of(&module[0]) else {
        complain(1, format!("module `{}` is on no floor: give it one in tests/layers.rs", module[0]));
        return complaints;
    };

    if !UNSAFE_ROOMS.iter().any(|room| name.starts_with(room)) {
        for token in tokens.iter().filter(|t| t.text == "unsafe") {
            complain(
                token.line,
                "`unsafe` outside its rooms, src/mask/, src/utf8/, src/buffer/ and src/net/uring.rs".into(),
            );
        }
    }
    if tokens.windows(4).any(|t| t[0].text == "#" && t[2].text == "path" && t[3].text == "=") {
        complain(1, "`#[path]`: a module lies where its name says".into());
    }
    for path in paths(&tokens, &module) {
        let shown = path.segments.join("::");
        let first = path.segments.first().map_or("", |s| s.as_str());
        if path.from_crate_root {
            match floor_of(first) {
                Some(floor) if floor > own_floor => complain(
                    path.line,
                    format!("`{shown}` is on floor {floor}, this file on floor {own_floor}: imports point downward"),
                ),
                Some(_) => {}
                None => complain(
                    path.line,
                    format!("`crate::{shown}`: import by module path, not through the crate's root"),
                ),
            }
        } else if own_floor < NET {
            let forbidden = OUTSIDE_CRATES.contains(&first)
                || net_crates.iter().any(|krate| krate == first)
                || shown == "std"
                || shown == "std::*"
                || OUTSIDE_WORLD.iter().any(|world| shown == *world || shown.starts_with(&format!("{world}::")));
            if forbidden {
                complain(path.line, format!("`{shown}`: no I/O, clock or randomness below `net`"));
            }
        }
        if !path.from_crate_root && first == "bowsprit" {
            complain(path.line, format!("`{shown}`: the crate does not import itself by name"));
        }
    }
    complaints
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

// Sources as tokens.

#[derive(Debug)]
struct Token {
    text: String,
    line: usize,
}

/// The source with comments and literals blanked out, line breaks kept.
fn without_comments_and_literals(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code = String::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let rest = &bytes[i..];
        let after_word = i > 0 && (bytes[i - 1].is_ascii_alphanumeric() || bytes[i - 1] == b'_');
        let len = if rest.starts_with(b"//") {
            rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            block_comment(rest)
        } else if let Some(len) = (!after_word).then(|| raw_string(rest)).flatten() {
            len
        } else if rest[0] == b'"' {
            quoted(rest, b'"')
        } else if rest[0] == b'\'' && is_char_literal(rest) {
            quoted(rest, b'\'')
        } else {
            0
        };
        if len == 0 {
            code.push(if rest[0].is_ascii() { rest[0] as char } else { '_' });
            i += 1;
        } else {
            code.extend(rest[..len].iter().map(|&b| if b == b'\n' { '\n' } else { ' ' }));
            i += len;
        }
    }
    code
}

fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut i) = (0, 0);
    while i < bytes.len() {
        if bytes[i..].starts_with(b"/*") {
            (depth, i) = (depth + 1, i + 2);
        } else if bytes[i..].starts_with(b"*/") {
            (depth, i) = (depth - 1, i + 2);
            if depth == 0 {
                break;
            }
        } else {
            i += 1;
        }
    }
    i
}

/// The length of `r"…"`, `r#"…"#`, `br"…"` and the like at the front, if one is there.
fn raw_string(bytes: &[u8]) -> Option<usize> {
    let prefix = bytes.iter().take_while(|b| matches!(b, b'b' | b'c')).count();
    let hashes_at = prefix + 1;
    if prefix > 1 || bytes.get(prefix) != Some(&b'r') {
        return None;
    }
    let hashes = bytes[hashes_at..].iter().take_while(|&&b| b == b'#').count();
    if bytes.get(hashes_at + hashes) != Some(&b'"') {
        return None;
    }
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let body = hashes_at + hashes + 1;
    let len = bytes[body..].windows(end.len()).position(|w| w == end)?;
    Some(body + len + end.len())
}

fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut i = 1;
    while i < bytes.len() && bytes[i] != quote {
        i += if bytes[i] == b'\\' { 2 } else { 1 };
    }
    (i + 1).min(bytes.len())
}

/// Tells `'a'` from the lifetime `'a`.
fn is_char_literal(bytes: &[u8]) -> bool {
    match bytes.get(1) {
        Some(b'\\') => true,
        Some(b) if b.is_ascii() => bytes.get(2) == Some(&b'\''),
        other => other.is_some(),
    }
}

fn tokens(code: &str) -> Vec<Token> {
    let bytes = code.as_bytes();
    let (mut tokens, mut line, mut i) = (Vec::new(), 1, 0);
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    while i < bytes.len() {
        let start = i;
        // A raw identifier keeps its `r#`, so that it is never taken for a keyword.
        if bytes[i..].starts_with(b"r#") && bytes.get(i + 2).is_some_and(|&b| is_word(b)) {
            i += 2;
        }
        if is_word(bytes[i]) {
            while i < bytes.len() && is_word(bytes[i]) {
                i += 1;
            }
        } else if bytes[i..].starts_with(b"::") {
            i += 2;
        } else {
            i += 1;
        }
        let text = &code[start..i];
        if !text.trim().is_empty() {
            tokens.push(Token { text: text.into(), line });
        }
        line += text.matches('\n').count();
    }
    tokens
}

// Paths in them.

struct ModulePath {
    segments: Vec<String>,
    /// The segments begin at the crate's root; else at whatever is in scope.
    from_crate_root: bool,
    line: usize,
}

/// All paths of a file whose module is `file_module`, `use` trees expanded.
fn paths(tokens: &[Token], file_module: &[String]) -> Vec<ModulePath> {
    let mut found = Vec::new();
    let mut module = file_module.to_vec();
    let mut inline_modules = Vec::new();
    let (mut depth, mut i) = (0, 0);
    let text = |i: usize| tokens.get(i).map_or("", |t: &Token| t.text.as_str());
    while i < tokens.len() {
        match text(i) {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inline_modules.last() == Some(&depth) {
                    inline_modules.pop();
                    module.pop();
                }
            }
            "mod" if text(i + 2) == "{" => {
                module.push(text(i + 1).into());
                inline_modules.push(depth);
                depth += 1;
                i += 2;
            }
            // `use<'a>` captures lifetimes; it imports nothing.
            "use" if text(i + 1) != "<" => {
                i += 1;
                let mut leaves = Vec::new();
                use_tree(tokens, &mut i, &[], &mut leaves);
                found.extend(leaves.into_iter().map(|(segments, line)| resolve(segments, &module, line)));
                continue;
            }
            "extern" if text(i + 1) == "crate" => {
                found.push(resolve(vec![text(i + 2).into()], &module, tokens[i].line));
                i += 2;
            }
            word if is_path_start(word) && text(i + 1) == "::" => {
                let line = tokens[i].line;
                let mut segments = vec![word.to_string()];
                while text(i + 1) == "::" && is_path_start(text(i + 2)) {
                    segments.push(text(i + 2).into());
                    i += 2;
                }
                found.push(resolve(segments, &module, line));
            }
            _ => {}
        }
        i += 1;
    }
    found
}

fn is_path_start(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Reads one tree of a `use` declaration from `tokens[*i]` on and pushes its leaves.
fn use_tree(tokens: &[Token], i: &mut usize, prefix: &[String], leaves: &mut Vec<(Vec<String>, usize)>) {
    let mut path = prefix.to_vec();
    let line = tokens.get(*i).map_or(0, |t| t.line);
    while let Some(token) = tokens.get(*i) {
        match token.text.as_str() {
            "{" => {
                *i += 1;
                while tokens.get(*i).is_some_and(|t| t.text != "}") {
                    use_tree(tokens, i, &path, leaves);
                    if tokens.get(*i).is_some_and(|t| t.text == ",") {
                        *i += 1;
                    }
                }
                *i += 1;
                return;
            }
            "," | "}" | ";" => break,
            "as" => *i += 1, // and the name behind it
            "::" => {}
            segment => path.push(segment.into()),
        }
        *i += 1;
    }
    if path.len() > 1 && path.last().is_some_and(|s| s == "self") {
        path.pop();
    }
    leaves.push((path, line));
}

/// Follows `crate`, `self` and `super`.
fn resolve(segments: Vec<String>, module: &[String], line: usize) -> ModulePath {
    let mut base: Option<Vec<String>> = None;
    let mut rest = segments.as_slice();
    while let Some((first, tail)) = rest.split_first() {
        match first.as_str() {
            "crate" => base = Some(Vec::new()),
            "self" => base = Some(base.unwrap_or_else(|| module.to_vec())),
            "super" => {
                let mut outer = base.unwrap_or_else(|| module.to_vec());
                outer.pop();
                base = Some(outer);
            }
            _ => break,
        }
        rest = tail;
    }
    let from_crate_root = base.is_some();
    let mut segments = base.unwrap_or_default();
    segments.extend_from_slice(rest);
    ModulePath { segments, from_crate_root, line }
}

// The checker can fail.

fn complaints(name: &str, source: &str) -> Vec<String> {
    check(name, source, &["mio".into(), "socket2".into()])
}

#[track_caller]
fn fails(name: &str, source: &str, with: &str) {
    let found = complaints(name, source);
    assert!(
        found.len() == 1 && found[0].contains(with),
        "{source:?} in {name} gave {found:?}, wanted one with {with:?}"
    );
}

#[track_caller]
fn passes(name: &str, source: &str) {
    assert_eq!(complaints(name, source), Vec::<String>::new(), "{source:?} in {name}");
}

#[test]
fn a_plain_import_fails_upward_and_passes_downward() {
    fails("frame.rs", "use crate::connection::Connection;", "src/frame.rs:1: `connection::Connection` is on floor 4");
    fails("pubsub.rs", "\n\nuse crate::net;", "src/pubsub.rs:3: `net` is on floor 6");
    passes("connection.rs", "use crate::frame::FrameHeader; pub use state::State;");
    passes("assembler.rs", "use crate::buffer::ReceiveBuffer; // the same floor");
}

#[test]
fn an_import_in_nested_groups_fails() {
    fails("utf8.rs", "use crate::{close::CloseCode, error::{self, ProtocolError}, frame::{Opcode}};", "frame::Opcode");
    fails("handshake/http.rs", "use crate::{limits::Limits,\n    connection::{Role as R}\n};", "connection::Role");
    passes("connection/send.rs", "use crate::{close::*, error::{self as e, ProtocolError}, frame::Opcode,};");
}

#[test]
fn an_import_inside_a_function_or_a_test_module_fails() {
    fails("mask.rs", "fn f() { use crate::frame::Opcode; }", "frame::Opcode");
    fails("mask.rs", "mod tests { use super::*; use crate::frame::Opcode; }", "frame::Opcode");
}

#[test]
fn a_path_in_code_fails() {
    fails("error.rs", "fn f(c: &crate::connection::Connection) {}", "connection::Connection");
    fails("error.rs", "impl From<u8> for crate::net::Config {}", "net::Config");
    fails("error.rs", "macro_rules! m { () => { $crate::frame::f() } }", "frame::f");
    passes("net/server.rs", "fn f() { crate::connection::Connection::server(crate::handshake::Negotiated::none()); }");
}

#[test]
fn a_super_chain_that_leaves_the_module_fails() {
    fails("close.rs", "use super::connection::State;", "connection::State");
    fails("frame/header.rs", "use super::super::message::Kind;", "message::Kind");
    fails("frame/header.rs", "fn f() { self::super::super::net::run() }", "net::run");
    fails("mask.rs", "mod x86 { mod avx2 { use super::super::super::frame::Opcode; } }", "frame::Opcode");
    passes("frame/header.rs", "use super::Opcode; mod tests { use super::*; use super::super::Opcode; }");
    passes("mask.rs", "mod a { fn f() {} } mod b { use super::a; }");
}

#[test]
fn an_import_through_the_crate_root_fails() {
    fails("connection.rs", "use crate::Limits;", "`crate::Limits`: import by module path");
    fails("net.rs", "use crate::*;", "`crate::*`");
    fails("net.rs", "use {crate::Limits};", "`crate::Limits`");
    fails("net.rs", "use crate as root;", "not through the crate's root");
    fails("net.rs", "use super::Limits;", "`crate::Limits`");
    fails("net.rs", "fn f() -> crate::Limits {}", "`crate::Limits`");
    fails("socketio.rs", "use bowsprit::Limits;", "does not import itself by name");
}

#[test]
fn visibility_comments_and_literals_are_not_imports() {
    passes("frame.rs", "pub(crate) struct A; pub(super) struct B; //! see crate::connection::Connection");
    passes("frame.rs", "/// [`Connection`](crate::Connection)\n/* use crate::net; /* nested */ unsafe */ struct A;");
    passes(
        "frame.rs",
        r####"const A: &str = "use crate::net; unsafe"; const B: &str = r#"" crate::net::x unsafe"#;"####,
    );
    passes(
        "frame.rs",
        r#"const A: char = '"'; fn f<'a>(x: &'a str) -> impl Sized + use<'a> { b'\'' } const B: &str = "crate::net::x";"#,
    );
    fails("frame.rs", r#"const A: char = '"'; use crate::net; const B: char = '"';"#, "`net`");
    fails("frame.rs", "fn f<'a>(x: &'a str, y: crate::net::Y, z: &'a str) {}", "net::Y");
}

#[test]
fn io_clock_and_randomness_fail_below_net() {
    fails("connection.rs", "use std::time::Instant;", "`std::time::Instant`: no I/O, clock or randomness");
    fails("connection.rs", "use std::{fmt, io::{Write as W}};", "std::io::Write");
    fails("pubsub.rs", "fn f() { std::thread::spawn(g) }", "std::thread::spawn");
    fails("handshake.rs", "use mio::Token;", "mio::Token");
    fails("mask.rs", "fn key() { rand::random() }", "rand::random");
    fails("mask.rs", "use std as s;", "`std`");
    fails("mask.rs", "extern crate std;", "`std`");
    fails("mask.rs", "fn f() { ::std::io::stdin() }", "std::io::stdin");
    fails("mask.rs", "use ::std::io;", "std::io");
    passes("net/timers.rs", "use std::time::Instant; use mio::Token;");
    passes("mask.rs", "mod tests { use std::collections::HashMap; }");
}

#[test]
fn unsafe_fails_outside_its_rooms() {
    fails("frame.rs", "fn f() { unsafe { g() } }", "`unsafe` outside its rooms");
    fails("buffer.rs", "unsafe fn f() {}", "`unsafe` outside its rooms");
    fails("mask.rs", "unsafe fn f() {}", "`unsafe` outside its rooms");
    fails("utf8.rs", "unsafe fn f() {}", "`unsafe` outside its rooms");
    passes("utf8/vectors.rs", "unsafe fn f() {}");
    passes("mask/avx2.rs", "unsafe fn f() {}");
    passes("net/uring.rs", "fn f() { unsafe { g() } }");
    fails("net/turn.rs", "fn f() { unsafe { g() } }", "`unsafe` outside its rooms");
    passes("buffer/spare.rs", "fn f() { unsafe { g() } }");
    passes("frame.rs", "#![deny(unsafe_code)]");
}

#[test]
fn a_file_fails_that_is_long_or_on_no_floor() {
    fails("util.rs", "fn f() {}", "module `util` is on no floor");
    fails("util/strings.rs", "fn f() {}", "module `util` is on no floor");
    fails("frame.rs", &"\n".repeat(801), "801 lines");
    passes("frame.rs", &"\n".repeat(800));
    fails("frame.rs", "#[path = \"../net/x.rs\"] mod x;", "`#[path]`");
}

#[test]
fn logic_in_lib_rs_fails() {
    fails("lib.rs", "pub use net::Server; fn f();", "holds no logic");
    passes("lib.rs", "//! fn in_docs() {}\nmod net; pub use net::Server;");
}

#[test]
fn the_crates_of_the_net_feature_are_found() {
    assert_eq!(net_crates("[features]\nnet = [\"dep:mio\", \"dep:rand-core\"]\n"), ["mio", "rand_core"]);
    assert!(!net_crates(include_str!("../Cargo.toml")).is_empty());
}
