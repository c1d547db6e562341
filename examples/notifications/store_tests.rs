//! What users and their devices get, with a clock that is moved by hand.

use super::*;
use crate::clock::Clock;

const HOUR: u64 = 60 * 60 * 1000;

#[test]
fn a_user_with_two_tabs_and_a_phone_absent_for_an_hour_gets_each_once_and_counts_agree() {
    let mut world = World::new();
    world.arrive("ada", "laptop");
    world.arrive("ada", "laptop");
    world.arrive("ada", "phone");
    let first = world.send(user("ada"), "first", 7200);
    world.acknowledge("ada", "laptop", first);
    world.acknowledge("ada", "phone", first);
    world.store.disconnect("ada", "phone");

    let short = world.send(user("ada"), "gone by then", 1800);
    let second = world.send(Target::All, "second", 7200);
    world.acknowledge("ada", "laptop", second);
    assert_eq!(world.store.unread("ada"), 3);
    assert_eq!(world.devices("ada"), [("laptop", true, 0), ("phone", false, 2)]);

    world.clock.advance(HOUR);
    assert_eq!(world.store.expire(world.clock.now()), [("ada".to_owned(), vec![short])]);
    world.arrive("ada", "phone");
    // It has seen the first, and remembers.
    assert_eq!(world.missed("ada", "phone", first), (vec![(first, false)], vec![(second, true)]));
    // Its page was loaded anew: it sees both, and makes noise for the second only.
    assert_eq!(world.missed("ada", "phone", 0), (vec![], vec![(first, false), (second, true)]));
    assert_eq!(world.store.unread("ada"), 2);

    world.acknowledge("ada", "phone", second);
    assert_eq!(world.missed("ada", "phone", 0), (vec![], vec![(first, false), (second, false)]));
    assert_eq!(world.devices("ada"), [("laptop", true, 0), ("phone", true, 0)]);
    world.read("ada", &[second]);
    assert_eq!(world.store.unread("ada"), 1);
}

#[test]
fn one_lives_until_its_time_and_not_a_millisecond_longer() {
    let mut world = World::new();
    let seq = world.send(user("ada"), "short", 1);
    world.clock.advance(999);
    assert_eq!(world.store.expire(world.clock.now()), []);
    assert_eq!(world.store.unread("ada"), 1);
    world.clock.advance(1);
    assert_eq!(world.store.expire(world.clock.now()), [("ada".to_owned(), vec![seq])]);
    assert_eq!((world.store.unread("ada"), world.store.notification(seq)), (0, None));
}

#[test]
fn a_topic_reaches_its_subscribers_and_everybody_is_everybody() {
    let mut world = World::new();
    for name in ["ada", "bob", "eve"] {
        world.arrive(name, "laptop");
    }
    world.subscribe("ada", &["deploys", "builds"]);
    world.subscribe("bob", &["deploys"]);
    let reached = |world: &mut World, to| world.reached(to);
    assert_eq!(reached(&mut world, topic("deploys")), ["ada", "bob"]);
    assert_eq!(reached(&mut world, topic("builds")), ["ada"]);
    assert_eq!(reached(&mut world, topic("nothing")), [""; 0]);
    assert_eq!(reached(&mut world, Target::All), ["ada", "bob", "eve"]);
    world.subscribe("bob", &[]);
    assert_eq!(reached(&mut world, topic("deploys")), ["ada"]);
}

#[test]
fn one_that_was_never_here_finds_what_was_sent_to_it() {
    let mut world = World::new();
    let seq = world.send(user("zoe"), "welcome", 60);
    world.arrive("zoe", "phone");
    assert_eq!(world.missed("zoe", "phone", 0), (vec![], vec![(seq, true)]));
}

#[test]
fn what_another_device_has_read_makes_no_noise() {
    let mut world = World::new();
    world.arrive("ada", "laptop");
    let seq = world.send(user("ada"), "read on the laptop", 60);
    world.read("ada", &[seq]);
    world.arrive("ada", "phone");
    assert_eq!(world.missed("ada", "phone", 0), (vec![], vec![(seq, false)]));
}

#[test]
fn what_is_sent_again_under_its_id_is_known_as_long_as_it_is_kept() {
    let mut world = World::new();
    let order = |title: &str| Order { id: Some("build-7".into()), ..plain(user("ada"), title, 60) };
    let seq = world.accept(order("green"));
    assert!(matches!(world.store.order(order("green"), world.clock.now()), Ok(Accepted::Known(known)) if known == seq));
    assert_eq!(world.store.order(order("red"), world.clock.now()).unwrap_err(), Refusal::OtherContent);
    assert_eq!(world.store.unread("ada"), 1);
    world.clock.advance(60_000);
    world.store.expire(world.clock.now());
    assert!(matches!(world.store.order(order("red"), world.clock.now()), Ok(Accepted::New(_))));
}

#[test]
fn acknowledging_and_reading_change_nothing_twice() {
    let mut world = World::new();
    world.arrive("ada", "phone");
    let seq = world.send(user("ada"), "x", 60);
    let others = world.send(user("bob"), "x", 60);
    assert_eq!(world.store.acknowledgement("ada", "phone", 0), None);
    assert_eq!(world.store.acknowledgement("ada", "tablet", seq), None);
    // It cannot have what was not sent yet.
    world.acknowledge("ada", "phone", u64::MAX);
    assert_eq!(world.store.acknowledgement("ada", "phone", u64::MAX), None);
    let next = world.send(user("ada"), "y", 60);
    assert_eq!(world.missed("ada", "phone", 0).1, [(seq, false), (next, true)]);

    let reading = world.store.reading("ada", &[seq, seq, others, 99]);
    assert_eq!(reading, Some(Record::Read { user: "ada".into(), seqs: vec![seq] }));
    world.read("ada", &[seq]);
    assert_eq!(world.store.reading("ada", &[seq]), None);
    assert_eq!((world.store.unread("ada"), world.store.unread("bob")), (1, 1));
}

#[test]
fn a_page_from_another_log_or_the_future_starts_anew() {
    let mut world = World::new();
    world.arrive("ada", "phone");
    let seq = world.send(user("ada"), "x", 60);
    let from = |world: &World, id: &str, seq| world.store.inbox("ada", "phone", Some((id, seq))).since;
    assert_eq!(from(&world, "log", seq), seq);
    assert_eq!(from(&world, "another", seq), 0);
    assert_eq!(from(&world, "log", seq + 1), 0);
}

#[test]
fn a_full_inbox_drops_its_oldest_and_says_so() {
    let mut world = World::new();
    for _ in 0..MAX_INBOX {
        world.send(user("ada"), "x", 60);
    }
    let Ok(Accepted::New(one_more)) = world.store.order(plain(user("ada"), "x", 60), 0) else { panic!() };
    let delivery = Delivery { user: "ada".into(), dropped: Some(1) };
    assert_eq!(world.store.apply(Record::Notification(one_more)), [delivery]);
    assert_eq!(world.store.unread("ada"), MAX_INBOX);
}

#[test]
fn the_device_that_is_away_makes_place_for_a_new_one() {
    let mut world = World::new();
    for number in 0..MAX_DEVICES {
        world.arrive("ada", &format!("device-{number}"));
    }
    assert_eq!(world.store.arrival("ada", "one-more"), Err(Refusal::TooManyDevices));
    assert_eq!(world.store.arrival("ada", "device-3"), Ok(vec![]));
    world.store.disconnect("ada", "device-5");
    world.arrive("ada", "one-more");
    let names: Vec<_> = world.store.devices("ada").iter().map(|device| device.name.to_owned()).collect();
    assert_eq!(names.len(), MAX_DEVICES);
    assert!(names.contains(&"one-more".into()) && !names.contains(&"device-5".into()));
}

#[test]
fn users_and_notifications_are_bounded() {
    let mut world = World::new();
    for number in 0..MAX_USERS {
        world.arrive(&format!("user-{number}"), "phone");
    }
    assert_eq!(world.store.arrival("late", "phone"), Err(Refusal::TooManyUsers));
    assert_eq!(world.store.order(plain(user("late"), "x", 60), 0).unwrap_err(), Refusal::TooManyUsers);
    for _ in 0..MAX_NOTIFICATIONS {
        world.send(user("user-7"), "x", 60);
    }
    assert_eq!(world.store.order(plain(user("user-7"), "x", 60), 0).unwrap_err(), Refusal::Full);
    world.clock.advance(60_000);
    world.store.expire(world.clock.now());
    world.send(user("user-7"), "x", 60);
}

#[test]
fn orders_are_checked_at_their_limits() {
    let store = Store::default();
    let check = |order: Order| store.order(order, 0).map(|_| ());
    let order =
        |title: &str, body: &str, ttl| Order { body: body.into(), ttl: Some(ttl), ..plain(Target::All, title, 1) };
    assert_eq!(check(order(&"ä".repeat(MAX_TITLE), &"ä".repeat(MAX_BODY), MAX_TTL)), Ok(()));
    assert_eq!(check(order(&"ä".repeat(MAX_TITLE + 1), "", 1)), Err(Refusal::BadTitle));
    assert_eq!(check(order(" \n", "", 1)), Err(Refusal::BadTitle));
    assert_eq!(check(order("x", &"ä".repeat(MAX_BODY + 1), 1)), Err(Refusal::LongBody));
    assert_eq!(check(order("x", "", 0)), Err(Refusal::BadTtl));
    assert_eq!(check(order("x", "", MAX_TTL + 1)), Err(Refusal::BadTtl));
    let long = "a".repeat(MAX_NAME + 1);
    for bad in ["", "Ada", "a b", "ä", "a/b", long.as_str()] {
        assert_eq!(check(plain(user(bad), "x", 1)), Err(Refusal::BadName("user")), "{bad:?}");
        assert_eq!(check(plain(topic(bad), "x", 1)), Err(Refusal::BadName("topic")), "{bad:?}");
        assert_eq!(check(Order { id: Some(bad.into()), ..order("x", "", 1) }), Err(Refusal::BadName("id")), "{bad:?}");
        assert_eq!(store.arrival(bad, "phone"), Err(Refusal::BadName("user")));
        assert_eq!(store.arrival("ada", bad), Err(Refusal::BadName("device")));
    }
    assert_eq!(check(plain(user(&"a".repeat(MAX_NAME)), "x", 1)), Ok(()));
}

#[test]
fn the_log_makes_the_store_again_whole_or_written_anew() {
    let mut world = World::new();
    for (name, device) in [("ada", "laptop"), ("ada", "phone"), ("bob", "phone")] {
        world.arrive(name, device);
    }
    world.subscribe("bob", &["deploys"]);
    for _ in 0..MAX_INBOX {
        world.send(user("ada"), "many", 60);
    }
    world.clock.advance(30_000);
    let last = world.send(topic("deploys"), "kept", 60);
    world.clock.advance(30_000);
    let all = world.accept(Order { id: Some("same".into()), ..plain(Target::All, "kept", 60) });
    world.acknowledge("bob", "phone", last);
    world.read("bob", &[last]);
    world.subscribe("bob", &["builds"]);
    world.store.expire(world.clock.now());

    for records in [world.records.clone(), world.store.records()] {
        let mut again = Store::default();
        for record in records {
            let record = serde_json::from_slice(&record.to_json()).unwrap();
            again.apply(record);
        }
        again.expire(world.clock.now());
        assert_eq!(again.records(), world.store.records());
        assert_eq!((again.unread("ada"), again.unread("bob")), (1, 1));
        assert_eq!((again.seq(), again.id()), (all, "log"));
        assert_eq!(again.known, world.store.known);
        assert_eq!(again.expiry, world.store.expiry);
        assert_eq!(again.devices("bob"), [DeviceState { name: "phone", online: false, waiting: 1 }]);
    }
}

type Flagged = Vec<(u64, bool)>;

/// A store with a log in memory.
struct World {
    store: Store,
    clock: Clock,
    records: Vec<Record>,
}

impl World {
    fn new() -> Self {
        let mut world = Self { store: Store::default(), clock: Clock::by_hand(1_000_000), records: Vec::new() };
        world.commit(Record::Log { id: "log".into(), seq: 0 });
        world
    }

    fn commit(&mut self, record: Record) -> Vec<Delivery> {
        self.records.push(record.clone());
        self.store.apply(record)
    }

    fn arrive(&mut self, user: &str, device: &str) {
        for record in self.store.arrival(user, device).unwrap() {
            self.commit(record);
        }
        self.store.connect(user, device);
    }

    fn accept(&mut self, order: Order) -> u64 {
        let Ok(Accepted::New(notification)) = self.store.order(order, self.clock.now()) else { panic!("it is known") };
        let seq = notification.seq;
        self.commit(Record::Notification(notification));
        seq
    }

    fn send(&mut self, to: Target, title: &str, ttl: u64) -> u64 {
        self.accept(plain(to, title, ttl))
    }

    fn reached(&mut self, to: Target) -> Vec<String> {
        let Ok(Accepted::New(notification)) = self.store.order(plain(to, "x", 60), self.clock.now()) else { panic!() };
        self.commit(Record::Notification(notification)).into_iter().map(|delivery| delivery.user).collect()
    }

    fn acknowledge(&mut self, user: &str, device: &str, seq: u64) {
        let record = self.store.acknowledgement(user, device, seq).expect("it is news");
        self.commit(record);
    }

    fn read(&mut self, user: &str, seqs: &[u64]) {
        let record = self.store.reading(user, seqs).expect("it is news");
        self.commit(record);
    }

    fn subscribe(&mut self, user: &str, topics: &[&str]) {
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let record = self.store.subscription(user, &topics).unwrap().expect("it is news");
        self.commit(record);
    }

    fn devices(&self, user: &str) -> Vec<(&str, bool, usize)> {
        self.store.devices(user).into_iter().map(|device| (device.name, device.online, device.waiting)).collect()
    }

    /// What a page of this log keeps, and what it gets: the number, and whether it is fresh.
    fn missed(&self, user: &str, device: &str, since: u64) -> (Flagged, Flagged) {
        let inbox = self.store.inbox(user, device, Some(("log", since)));
        (inbox.kept, inbox.missed.iter().map(|entry| (entry.notification.seq, entry.fresh)).collect())
    }
}

fn plain(to: Target, title: &str, ttl: u64) -> Order {
    Order { id: None, to, title: title.into(), body: String::new(), ttl: Some(ttl) }
}

fn user(name: &str) -> Target {
    Target::User(name.into())
}

fn topic(name: &str) -> Target {
    Target::Topic(name.into())
}
