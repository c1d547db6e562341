//! A client of plain HTTP that asks on without waiting, and knows what it must be answered.

use std::io::{Error, ErrorKind};

use bowsprit::testing::{Link, World};

use crate::ledger::{compose, parse};

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    AtOnce,
    Later,
    InPieces,
}

impl Manner {
    pub const ALL: [Self; 3] = [Self::AtOnce, Self::Later, Self::InPieces];

    pub fn path(self) -> &'static str {
        ["/at-once", "/later", "/in-pieces"][self as usize]
    }
}

pub struct Asker {
    pub link: Link,
    number: usize,
    pub asked: usize,
    pub answered: usize,
    unsent: Vec<u8>,
    unread: Vec<u8>,
    pub over: bool,
    /// With what it was refused.
    pub refused: Option<String>,
}

impl Asker {
    pub fn new(number: usize, world: &World) -> Self {
        let (unsent, unread) = (Vec::new(), Vec::new());
        Self { link: world.connect(), number, asked: 0, answered: 0, unsent, unread, over: false, refused: None }
    }

    pub fn is_content(&self) -> bool {
        !self.over && self.refused.is_none()
    }

    pub fn ask(&mut self, manner: Manner, len: usize) {
        let body = compose('h', self.number, self.asked, len);
        let path = manner.path();
        let head = format!("POST {path} HTTP/1.1\r\nHost: server\r\nContent-Length: {}\r\n\r\n", body.len());
        self.unsent.extend_from_slice(head.as_bytes());
        self.unsent.extend_from_slice(&body);
        self.asked += 1;
        self.speak();
    }

    fn speak(&mut self) {
        while !self.unsent.is_empty() {
            match self.link.write(&self.unsent) {
                Ok(0) => return,
                Ok(written) => drop(self.unsent.drain(..written)),
                // Whether it is over shows when it is read.
                Err(_) => self.unsent.clear(),
            }
        }
    }

    /// Reads everything, and sees whether it is what was asked for, in that order.
    pub fn listen(&mut self) {
        loop {
            let bytes = self.link.read();
            self.unread.extend_from_slice(&bytes);
            let unsent = self.unsent.len();
            self.speak();
            if bytes.is_empty() && self.unsent.len() == unsent {
                break;
            }
        }
        self.over |= self.link.is_over();
        while self.refused.is_none() {
            let Ok((body, len)) = answer(&self.unread) else { return };
            self.unread.drain(..len);
            match body {
                Ok(body) => {
                    assert_eq!(parse(&body), ('h', self.number, self.answered), "an answer to something else");
                    self.answered += 1;
                }
                Err(status) => self.refused = Some(status),
            }
        }
    }
}

/// The body of the answer that the bytes begin with, or its status if that is not 200; and how long it is.
fn answer(bytes: &[u8]) -> Result<(Result<Vec<u8>, String>, usize), Error> {
    let partial = || Error::from(ErrorKind::UnexpectedEof);
    let end_of_line = |bytes: &[u8]| bytes.windows(2).position(|two| two == b"\r\n").ok_or_else(partial);
    let mut at = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(partial)? + 4;
    let head = std::str::from_utf8(&bytes[..at]).unwrap();
    let status = head.strip_prefix("HTTP/1.1 ").unwrap();
    if !status.starts_with("200 ") {
        return Ok((Err(status.lines().next().unwrap().into()), at));
    }
    if let Some((_, length)) = head.split_once("Content-Length: ") {
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        let body = bytes.get(at..at + length).ok_or_else(partial)?;
        return Ok((Ok(body.to_vec()), at + length));
    }
    assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
    let mut body = Vec::new();
    loop {
        let digits = end_of_line(&bytes[at..])?;
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + digits]).unwrap(), 16).unwrap();
        at += digits + 2;
        let chunk = bytes.get(at..at + length + 2).ok_or_else(partial)?;
        body.extend_from_slice(&chunk[..length]);
        assert_eq!(&chunk[length..], b"\r\n");
        at += length + 2;
        if length == 0 {
            return Ok((Ok(body), at));
        }
    }
}
