//! Moments that real sockets show when they like: here they come every time.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bowsprit::CloseCode;
use bowsprit::testing::{Heard, World};

use crate::ledger::{Book, Ledger, Talker, compose, config};

fn book() -> (World, Rc<RefCell<Ledger>>) {
    let (world, ledger) = (World::new(), Rc::<RefCell<Ledger>>::default());
    world.serve(config(), Book { ledger: ledger.clone() });
    (world, ledger)
}

#[test]
fn the_end_of_file_in_one_event_with_the_last_message_is_heard_of_at_once() {
    let (world, ledger) = book();
    let mut client = world.client_with(&Talker::request(0)).unwrap();
    // Neither call lets the server run.
    client.send(compose('e', 0, 0, 10).as_slice());
    client.link().shut_down();
    assert_eq!(client.receive(), Some(Heard::Binary(compose('e', 0, 0, 10))));
    assert_eq!(client.receive(), Some(Heard::End));
    assert_eq!(ledger.borrow().causes, ["0: Lost(UnexpectedEof)"]);
    assert_eq!(world.now(), Duration::ZERO);
}

#[test]
fn a_reset_in_one_event_with_the_last_message_loses_no_message() {
    let (world, ledger) = book();
    let mut client = world.client_with(&Talker::request(0)).unwrap();
    client.send(compose('e', 0, 0, 10).as_slice());
    client.link().reset();
    world.run();
    assert_eq!(ledger.borrow().next[&0], 1);
    assert_eq!(ledger.borrow().causes.len(), 1);
}

#[test]
fn two_closes_that_cross_end_one_connection_once() {
    let (world, ledger) = (World::new(), Rc::<RefCell<Ledger>>::default());
    let server = world.serve(config(), Book { ledger: ledger.clone() });
    let mut client = world.client_with(&Talker::request(0)).unwrap();
    client.link().stall();
    client.close(CloseCode::NORMAL, "me first").unwrap();
    server.stop();
    world.run();
    assert!(ledger.borrow().causes.is_empty());
    client.link().resume();
    assert_eq!(client.receive(), Some(Heard::Close(CloseCode::GOING_AWAY, String::new())));
    assert_eq!(client.receive(), Some(Heard::End));
    drop(client);
    world.run();
    ledger.borrow().check_ends();
    assert!(!world.is_running(0));
}
