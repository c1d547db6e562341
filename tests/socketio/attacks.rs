//! Clients that come in masses, or not in earnest.

use std::time::Duration;

use bowsprit::socketio::{Config, Io, Recovery};
use bowsprit::testing::{Heard, TestClient, World};

use crate::house::{House, POLLING, get, open, post};
use crate::stage::{self, log, say, session, stage_with};

fn recovering(change: impl FnOnce(&mut Recovery)) -> World {
    let mut recovery = Recovery::default();
    change(&mut recovery);
    let mut config = Config::default();
    config.recovery = Some(recovery);
    let everybody = |io: &mut Io, _: &stage::Log| {
        io.of("/").on("everybody", |socket, event| {
            let _ = socket.everybody().emit("said", event.args());
        });
    };
    stage_with(config, everybody).0
}

/// Enters as who this was; returns its session and who it is.
fn enter(world: &World, pid: Option<&str>) -> (TestClient, String) {
    let mut client = session(world);
    client.send(pid.map_or("40".into(), |pid| format!("40{{\"pid\":\"{pid}\"}}")));
    loop {
        let Some(Heard::Text(text)) = client.receive() else { panic!("no welcome") };
        if let Some((_, pid)) = text.strip_prefix("40").and_then(|json| json.split_once("\"pid\":\"")) {
            return (client, pid.trim_end_matches("\"}").into());
        }
    }
}

fn lose(world: &World, client: TestClient) {
    drop(client);
    world.run();
}

#[test]
fn sessions_that_never_poll_are_gone_when_their_time_is_up() {
    let house = House::with(|config| config.max_sessions = 1000);
    for _ in 0..1000 {
        open(&house.world, POLLING);
    }
    assert_eq!(get(&house.world, POLLING).status, 503);
    house.world.advance(Duration::from_secs(45));
    assert_eq!(house.log().iter().filter(|told| *told == "ping timeout").count(), 1000);
    assert_eq!(get(&house.world, POLLING).status, 200);
}

#[test]
fn sessions_that_enter_nothing_are_gone_when_their_time_is_up() {
    let (world, told) = stage_with(Config::default(), |io, log| {
        let log = log.clone();
        io.of("/").on_connect(move |socket| log.borrow_mut().push(socket.sessions().to_string()));
    });
    let targets: Vec<_> = (0..100).map(|_| open(&world, stage::POLLING)).collect();
    world.advance(Duration::from_secs(25));
    for target in &targets {
        // They are alive, and do nothing.
        get(&world, target).is(200, "2");
        post(&world, target, "3").is(200, "ok");
    }
    world.advance(Duration::from_secs(20));
    stage::enter(&world, "/");
    assert_eq!(log(&told), ["1"]);
}

#[test]
fn one_client_that_comes_and_goes_crowds_nobody_out() {
    let world = recovering(|recovery| recovery.max_sockets = 2);
    let (patient, known) = enter(&world, None);
    lose(&world, patient);
    world.advance(Duration::from_millis(1));
    let (mut client, pid) = enter(&world, None);
    for _ in 0..1500 {
        lose(&world, client);
        let (again, same) = enter(&world, Some(&pid));
        assert_eq!(same, pid);
        client = again;
    }
    assert_eq!(enter(&world, Some(&known)).1, known);
}

#[test]
fn many_that_come_and_go_leave_no_more_than_is_allowed() {
    let world = recovering(|recovery| recovery.max_sockets = 10);
    let gone: Vec<_> = (0..200)
        .map(|_| {
            let (client, pid) = enter(&world, None);
            lose(&world, client);
            pid
        })
        .collect();
    let mut again: Vec<_> = gone.iter().rev().map(|pid| (enter(&world, Some(pid)), pid)).collect();
    let known = again.iter_mut().filter(|((_, now), then)| now == *then).count();
    assert_eq!(known, 10);
}

#[test]
fn what_is_missed_is_sent_again_once_for_each_time_that_it_is_lost() {
    let world = recovering(|_| {});
    let (client, pid) = enter(&world, None);
    let (mut speaker, _) = enter(&world, None);
    lose(&world, client);
    say(&world, &mut speaker, r#"42["everybody",1]"#);
    // The one that is here gives way: there is never a second with the same name.
    let mut sessions: Vec<_> = (0..50).map(|_| enter(&world, Some(&pid))).collect();
    assert!(sessions.iter().all(|(_, known)| *known == pid));
    say(&world, &mut speaker, r#"42["everybody",2]"#);
    let hears = |(client, _): &mut (TestClient, String)| {
        client.receive_all().iter().any(|heard| matches!(heard, Heard::Text(text) if text.starts_with("42[\"said\",2")))
    };
    let heard: Vec<_> = sessions.iter_mut().map(hears).collect();
    assert_eq!(heard.iter().position(|hears| *hears), Some(49));
}
