//! What rooms do, without sockets.

use super::*;

const ADA: &str = "key-of-ada";
const BOB: &str = "key-of-bob";

fn rooms() -> Rooms<u32> {
    Rooms::new("first")
}

fn texts(joined: &Joined<'_>) -> Vec<String> {
    joined.portion.messages.iter().map(|(message, _)| message.text.clone()).collect()
}

/// Says something and keeps no record of it.
fn say<'r>(
    rooms: &'r mut Rooms<u32>,
    room: &str,
    connection: u32,
    id: &str,
    text: &str,
    now: u64,
) -> Result<Said<'r>, Refusal> {
    rooms.say(room, connection, id, text, now, |_| Ok(()))
}

/// Joins `lobby` and forgets the answer.
fn enter(rooms: &mut Rooms<u32>, name: &str, key: &str, connection: u32) {
    rooms.join(LOBBY, name, key, connection, None).unwrap();
}

#[test]
fn a_newcomer_gets_the_history_in_order_and_knows_the_own_messages() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    enter(&mut rooms, "Bob", BOB, 2);
    say(&mut rooms, LOBBY, 1, "a", "one", 10).unwrap();
    say(&mut rooms, LOBBY, 2, "b", "two", 20).unwrap();
    let joined = rooms.join(LOBBY, "Bob", BOB, 3, None).unwrap();
    let seen: Vec<_> = joined.portion.messages.iter().map(|(m, own)| (m.seq, m.name.as_str(), m.at, *own)).collect();
    assert_eq!(seen, [(1, "Ada", 10, false), (2, "Bob", 20, true)]);
    assert_eq!((joined.seq, joined.missed), (2, None));
    assert_eq!(joined.members, ["Ada", "Bob"]);
}

#[test]
fn two_tabs_of_one_person_count_once() {
    let mut rooms = rooms();
    assert!(rooms.join(LOBBY, "Ada", ADA, 1, None).unwrap().arrived);
    assert!(!rooms.join(LOBBY, "Ada", ADA, 2, None).unwrap().arrived);
    assert_eq!(rooms.online(LOBBY), 1);
    assert_eq!(rooms.leave(LOBBY, 1), None);
    assert_eq!(rooms.leave(LOBBY, 2), Some(Change::Left("Ada".into())));
    assert_eq!(rooms.leave(LOBBY, 2), None);
    assert_eq!(rooms.online(LOBBY), 0);
}

#[test]
fn who_is_idle_in_all_tabs_is_idle_and_one_tab_ends_that() {
    let mut rooms = rooms();
    let idle = |is| Some(Change::Idle("Ada".into(), is));
    enter(&mut rooms, "Ada", ADA, 1);
    enter(&mut rooms, "Ada", ADA, 2);
    assert_eq!(rooms.set_idle(LOBBY, 1, true), None);
    assert_eq!(rooms.set_idle(LOBBY, 2, true), idle(true));
    assert_eq!(rooms.set_idle(LOBBY, 2, true), None, "as before");
    let joined = rooms.join(LOBBY, "Bob", BOB, 3, None).unwrap();
    assert_eq!((joined.members, joined.idle), (vec!["Ada", "Bob"], vec!["Ada"]));
    assert_eq!(rooms.set_idle(LOBBY, 1, false), idle(false));
    // The tab that was not idle goes; a new one is not.
    assert_eq!(rooms.leave(LOBBY, 1), idle(true));
    assert!(rooms.join(LOBBY, "Ada", ADA, 4, None).unwrap().awake);
    assert!(!rooms.join(LOBBY, "Ada", ADA, 4, None).unwrap().awake);
    assert_eq!(rooms.people(LOBBY).collect::<Vec<_>>(), [("Ada", false), ("Bob", false)]);
    assert_eq!((rooms.set_idle(LOBBY, 9, true), rooms.set_idle("nowhere", 4, true)), (None, None));
}

#[test]
fn a_name_is_unique_in_its_room_whatever_its_case_and_free_again_afterwards() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    enter(&mut rooms, "ada 2", "third", 3);
    let refusal = rooms.join(LOBBY, " ADA ", BOB, 2, None).unwrap_err();
    assert_eq!(refusal, Refusal::NameTaken { suggestion: "ADA 3".into() });
    assert!(rooms.join("elsewhere", "Ada", BOB, 2, None).is_ok());
    rooms.leave(LOBBY, 1);
    assert!(rooms.join(LOBBY, "Ada", BOB, 2, None).unwrap().arrived);
}

#[test]
fn a_suggested_name_fits_the_limit() {
    let mut rooms = rooms();
    let long = "ä".repeat(MAX_NAME);
    enter(&mut rooms, &long, ADA, 1);
    let Err(Refusal::NameTaken { suggestion }) = rooms.join(LOBBY, &long, BOB, 2, None) else { panic!() };
    assert_eq!(suggestion.chars().count(), MAX_NAME);
    assert!(rooms.join(LOBBY, &suggestion, BOB, 2, None).is_ok());
}

#[test]
fn joining_again_under_another_name_gives_up_the_old_one() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    let joined = rooms.join(LOBBY, "Countess", ADA, 1, None).unwrap();
    assert_eq!((joined.left.as_deref(), joined.arrived), (Some("Ada"), true));
    assert_eq!(rooms.member(LOBBY, 1), Some("Countess"));
    assert_eq!(rooms.online(LOBBY), 1);

    // The case of a name changes for a member's last connection only.
    let joined = rooms.join(LOBBY, "countess", ADA, 3, None).unwrap();
    assert_eq!((joined.name.as_str(), joined.arrived), ("Countess", false));
    rooms.leave(LOBBY, 3);
    let joined = rooms.join(LOBBY, "COUNTESS", ADA, 1, None).unwrap();
    assert_eq!((joined.left.as_deref(), joined.arrived), (Some("Countess"), true));
    rooms.join(LOBBY, "Countess", ADA, 1, None).unwrap();

    // Refused: everything stays.
    enter(&mut rooms, "Bob", BOB, 2);
    assert!(rooms.join(LOBBY, "Bob", ADA, 1, None).is_err());
    assert_eq!(rooms.member(LOBBY, 1), Some("Countess"));
}

#[test]
fn joining_again_under_the_same_name_only_catches_up() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    let joined = rooms.join(LOBBY, "Ada", ADA, 1, None).unwrap();
    assert_eq!((joined.left, joined.arrived), (None, false));
    rooms.leave(LOBBY, 1);
    assert_eq!(rooms.online(LOBBY), 0);
}

#[test]
fn a_page_that_comes_back_gets_what_it_missed() {
    let mut rooms = rooms();
    let epoch = rooms.join(LOBBY, "Ada", ADA, 1, None).unwrap().epoch.to_owned();
    enter(&mut rooms, "Bob", BOB, 2);
    say(&mut rooms, LOBBY, 2, "a", "seen", 0).unwrap();
    rooms.leave(LOBBY, 1);
    say(&mut rooms, LOBBY, 2, "b", "missed", 0).unwrap();
    let since = Since { epoch, seq: 1 };
    let joined = rooms.join(LOBBY, "Ada", ADA, 3, Some(&since)).unwrap();
    assert_eq!((texts(&joined), joined.missed), (vec!["missed".to_owned()], None));
}

#[test]
fn a_number_from_the_future_gets_everything() {
    let mut rooms = rooms();
    let epoch = rooms.join(LOBBY, "Ada", ADA, 1, None).unwrap().epoch.to_owned();
    say(&mut rooms, LOBBY, 1, "a", "one", 0).unwrap();
    let joined = rooms.join(LOBBY, "Ada", ADA, 1, Some(&Since { epoch, seq: u64::MAX })).unwrap();
    assert_eq!(texts(&joined), ["one"]);
}

#[test]
fn a_message_sent_again_is_stored_once_but_ids_of_others_do_not_matter() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    enter(&mut rooms, "Bob", BOB, 2);
    let first = say(&mut rooms, LOBBY, 1, "same", "hello", 5).unwrap();
    assert_eq!((first.new, first.message.seq), (true, 1));
    let again = say(&mut rooms, LOBBY, 1, "same", "hello", 9).unwrap();
    assert_eq!((again.new, again.message.seq, again.message.at), (false, 1, 5));
    let other = say(&mut rooms, LOBBY, 2, "same", "hello", 9).unwrap();
    assert_eq!((other.new, other.message.seq), (true, 2));
}

#[test]
fn text_is_checked_at_its_limits() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    assert!(say(&mut rooms, LOBBY, 1, "a", &"é".repeat(MAX_TEXT), 0).is_ok());
    assert_eq!(say(&mut rooms, LOBBY, 1, "b", &"é".repeat(MAX_TEXT + 1), 0).unwrap_err(), Refusal::LongText);
    assert_eq!(say(&mut rooms, LOBBY, 1, "c", " \n\t", 0).unwrap_err(), Refusal::EmptyText);
    assert_eq!(say(&mut rooms, LOBBY, 9, "d", "stranger", 0).unwrap_err(), Refusal::NotJoined);
    assert_eq!(say(&mut rooms, "nowhere", 1, "e", "text", 0).unwrap_err(), Refusal::NotJoined);
    assert_eq!(say(&mut rooms, LOBBY, 1, "f", "  indented \n", 0).unwrap().message.text, "  indented");
}

#[test]
fn names_are_checked_at_their_limits() {
    let mut rooms = rooms();
    let mut join = |room: &str, name: &str| rooms.join(room, name, ADA, 1, None).map(|joined| joined.name);
    assert_eq!(join(LOBBY, "  Ada \u{a0}  Lovelace ").as_deref(), Ok("Ada Lovelace"));
    assert!(join(LOBBY, &"n".repeat(MAX_NAME)).is_ok());
    assert!(join(LOBBY, "👩‍🚀").is_ok());
    let long = "n".repeat(MAX_NAME + 1);
    for bad in ["", "  ", long.as_str(), "a\nb", "a\0", "\u{202e}evil", "zero\u{200b}width"] {
        assert_eq!(join(LOBBY, bad), Err(Refusal::BadName), "{bad:?}");
    }
    assert!(join(&"r".repeat(MAX_NAME), "Ada").is_ok());
    let long = "r".repeat(MAX_NAME + 1);
    for bad in ["", "Lobby", "a b", "a/b", "ä", long.as_str()] {
        assert_eq!(join(bad, "Ada"), Err(Refusal::BadRoom), "{bad:?}");
    }
}

#[test]
fn a_full_room_refuses_newcomers_but_not_further_tabs() {
    let mut rooms = rooms();
    for number in 0..MAX_MEMBERS as u32 {
        let name = format!("Member {number}");
        rooms.join(LOBBY, &name, &name, number, None).unwrap();
    }
    assert_eq!(rooms.join(LOBBY, "Late", "late", 9999, None).unwrap_err(), Refusal::RoomFull);
    assert!(rooms.join(LOBBY, "Member 3", "Member 3", 9999, None).is_ok());
    // A new name is one more, as long as another tab goes by the old one.
    assert_eq!(rooms.join(LOBBY, "New", "Member 3", 9999, None).unwrap_err(), Refusal::RoomFull);
    assert_eq!(rooms.join(LOBBY, "New", "Member 4", 4, None).unwrap().left.as_deref(), Some("Member 4"));
    assert_eq!(rooms.online(LOBBY), MAX_MEMBERS);
}

#[test]
fn the_list_has_rooms_with_people_only() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    rooms.join("attic", "Ada", ADA, 1, None).unwrap();
    rooms.leave(LOBBY, 1);
    assert_eq!(rooms.list().collect::<Vec<_>>(), [("attic", 1)]);
}

#[test]
fn what_was_said_before_a_restart_is_there_afterwards_and_known_for_the_same() {
    let mut records = Vec::new();
    let since = {
        let mut before = rooms();
        enter(&mut before, "Ada", ADA, 1);
        before.join("attic", "Bob", BOB, 2, None).unwrap();
        for (room, connection, id) in [(LOBBY, 1, "a"), ("attic", 2, "b"), (LOBBY, 1, "c")] {
            before.say(room, connection, id, &format!("text {id}"), 7, |record| keep(&mut records, record)).unwrap();
        }
        let joined = before.join(LOBBY, "Ada", ADA, 1, None).unwrap();
        Since { epoch: joined.epoch.to_owned(), seq: 1 }
    };

    let mut after = replayed(&records).unwrap();
    let joined = after.join(LOBBY, "Ada", ADA, 1, Some(&since)).unwrap();
    assert_eq!((texts(&joined), joined.missed, joined.seq), (vec!["text c".to_owned()], None, 2));
    assert!(joined.portion.messages[0].1, "it is still her own");
    let again = say(&mut after, LOBBY, 1, "c", "text c", 9).unwrap();
    assert_eq!((again.new, again.message.seq, again.message.at), (false, 2, 7));
    assert_eq!(say(&mut after, LOBBY, 1, "d", "more", 9).unwrap().message.seq, 3);
    let attic = after.join("attic", "Bob", BOB, 2, None).unwrap();
    assert_eq!(texts(&attic), ["text b"]);

    // And once more, from what the second remembers.
    let again: Vec<_> = after.records().map(|record| record.to_json()).collect();
    assert_eq!(again.len(), 4);
    let mut third = replayed(&again).unwrap();
    assert_eq!(texts(&third.join(LOBBY, "Ada", ADA, 1, Some(&since)).unwrap()), ["text c", "more"]);
}

#[test]
fn what_cannot_be_stored_is_not_said() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    let full = |_: &Record<'_>| Err(io::ErrorKind::StorageFull.into());
    assert_eq!(rooms.say(LOBBY, 1, "a", "one", 0, full).unwrap_err(), Refusal::NotStored);
    let said = say(&mut rooms, LOBBY, 1, "a", "one", 0).unwrap();
    assert_eq!((said.new, said.message.seq), (true, 1));
}

#[test]
fn full_rooms_are_the_same_after_a_restart_whoever_has_left_them() {
    let mut records = Vec::new();
    let mut rooms = rooms();
    fill(&mut rooms, &mut records);
    enter(&mut rooms, "Ada", ADA, 1);
    rooms.say(LOBBY, 1, "a", "text", 0, |record| keep(&mut records, record)).unwrap();
    for number in (0..MAX_ROOMS as u32 - 1).rev() {
        rooms.leave(&format!("room-{number}"), number + 10);
    }
    assert_eq!(rooms.join("one-more", "Ada", ADA, 1, None).unwrap_err(), Refusal::TooManyRooms);

    let mut after = replayed(&records).unwrap();
    assert_eq!(after.rooms.len(), MAX_ROOMS);
    assert_eq!(after.join("one-more", "Ada", ADA, 1, None).unwrap_err(), Refusal::TooManyRooms);
    for number in 0..MAX_ROOMS - 1 {
        let joined = after.join(&format!("room-{number}"), "Ada", ADA, 1, None).unwrap();
        assert_eq!(texts(&joined), ["text"]);
    }
}

#[test]
fn records_that_do_not_follow_on_each_other_are_refused() {
    let mut records = Vec::new();
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    for id in ["a", "b", "c"] {
        rooms.say(LOBBY, 1, id, "text", 0, |record| keep(&mut records, record)).unwrap();
    }
    let other = String::from_utf8(records[1].clone()).unwrap().replace("first.1", "first.2").into_bytes();
    let [a, b, c] = [0, 1, 2].map(|n| records[n].clone());
    assert!(replayed(&[a.clone(), b.clone(), c.clone()]).is_ok());
    assert!(replayed(&[b.clone(), c.clone()]).is_ok(), "the beginning may be trimmed");
    for wrong in [[a.clone(), c.clone()], [a.clone(), a.clone()], [b, a.clone()], [a, other]] {
        let refusal = replayed(&wrong).map(|_| ()).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::InvalidData);
        assert!(refusal.to_string().contains("stands behind"), "{refusal}");
    }
}

#[test]
fn who_saw_nothing_of_a_room_misses_nothing_when_it_begins_anew() {
    let since = Since { epoch: rooms().join(LOBBY, "Ada", ADA, 1, None).unwrap().epoch.to_owned(), seq: 0 };
    let mut after = Rooms::new("second");
    assert_eq!(after.join(LOBBY, "Ada", ADA, 1, Some(&since)).unwrap().missed, None);
}

#[test]
fn a_long_history_comes_in_portions_without_gap_or_overlap() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    let many = 2 * PORTION_MESSAGES as u64 + 7;
    for number in 1..=many {
        say(&mut rooms, LOBBY, 1, &number.to_string(), "text", 0).unwrap();
    }
    let joined = rooms.join(LOBBY, "Ada", ADA, 1, None).unwrap();
    let mut seen: Vec<_> = joined.portion.messages.iter().map(|(message, _)| message.seq).collect();
    let mut more = joined.portion.more;
    while more {
        let portion = rooms.earlier(LOBBY, 1, seen[0]).unwrap();
        more = portion.more;
        seen.splice(0..0, portion.messages.iter().map(|(message, _)| message.seq));
    }
    assert_eq!(seen, (1..=many).collect::<Vec<_>>());
    assert_eq!(rooms.earlier(LOBBY, 9, 5).unwrap_err(), Refusal::NotJoined);
}

#[test]
fn a_portion_of_the_longest_messages_is_bounded_and_never_empty() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    let long = "\u{1f30a}".repeat(MAX_TEXT);
    for number in 0..20 {
        say(&mut rooms, LOBBY, 1, &number.to_string(), &long, 0).unwrap();
    }
    let joined = rooms.join(LOBBY, "Ada", ADA, 1, None).unwrap();
    let bytes: usize = joined.portion.messages.iter().map(|(message, _)| message.text.len()).sum();
    assert!(joined.portion.more && bytes <= PORTION_BYTES && bytes > PORTION_BYTES / 2, "{bytes}");
}

#[test]
fn who_was_away_longer_than_the_history_is_told_how_many_are_gone() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    for number in 1..=HISTORY_MESSAGES + 5 {
        say(&mut rooms, LOBBY, 1, &number.to_string(), "text", 0).unwrap();
    }
    let epoch = rooms.join(LOBBY, "Ada", ADA, 1, None).unwrap().epoch.to_owned();
    let mut missed = |seq| rooms.join(LOBBY, "Ada", ADA, 1, Some(&Since { epoch: epoch.clone(), seq })).unwrap().missed;
    // 1 to 5 are trimmed; 5 is the last that need not be sent.
    assert_eq!(missed(5), None);
    assert_eq!(missed(4), Some(Missed::Trimmed { count: 1 }));
    assert_eq!(missed(1), Some(Missed::Trimmed { count: 4 }));
    // What is trimmed is not known any more, what is not is.
    assert!(say(&mut rooms, LOBBY, 1, "5", "text", 0).unwrap().new);
    assert!(!say(&mut rooms, LOBBY, 1, "100", "text", 0).unwrap().new);
}

#[test]
fn history_is_bounded_in_bytes_too() {
    let mut rooms = rooms();
    enter(&mut rooms, "Ada", ADA, 1);
    let long = "\u{1f30a}".repeat(MAX_TEXT);
    for number in 0..200 {
        say(&mut rooms, LOBBY, 1, &number.to_string(), &long, 0).unwrap();
    }
    let room = &rooms.rooms[LOBBY];
    assert!(room.history_bytes <= HISTORY_BYTES && room.history.len() == room.known.len());
    assert_eq!(room.history_bytes, room.history.iter().map(Message::size).sum::<usize>());
    assert_eq!(room.history.back().unwrap().seq, 200);
}

#[test]
fn rooms_are_bounded_and_only_one_without_a_history_makes_place() {
    let mut rooms = rooms();
    for number in 0..MAX_ROOMS as u32 - 2 {
        rooms.join(&format!("room-{number}"), "Ada", ADA, number + 10, None).unwrap();
        say(&mut rooms, &format!("room-{number}"), number + 10, "a", "text", 0).unwrap();
    }
    rooms.join("silent", "Ada", ADA, 1, None).unwrap();
    assert_eq!(rooms.join("one-more", "Ada", ADA, 2, None).unwrap_err(), Refusal::TooManyRooms);
    assert!(rooms.join(LOBBY, "Ada", ADA, 2, None).is_ok());
    assert_eq!(rooms.rooms.len(), MAX_ROOMS);

    rooms.leave("room-7", 17);
    assert_eq!(rooms.join("one-more", "Ada", ADA, 2, None).unwrap_err(), Refusal::TooManyRooms);
    rooms.leave("silent", 1);
    assert!(rooms.join("one-more", "Ada", ADA, 2, None).is_ok());
    assert!(rooms.rooms.contains_key("room-7") && !rooms.rooms.contains_key("silent"));
}

/// Every room but the lobby, with somebody in it who has said something.
fn fill(rooms: &mut Rooms<u32>, records: &mut Vec<Vec<u8>>) {
    for number in 0..MAX_ROOMS as u32 - 1 {
        let room = format!("room-{number}");
        rooms.join(&room, "Ada", ADA, number + 10, None).unwrap();
        rooms.say(&room, number + 10, "a", "text", 0, |record| keep(records, record)).unwrap();
    }
}

/// What a server makes of these records when it starts.
fn replayed(records: &[Vec<u8>]) -> io::Result<Rooms<u32>> {
    let mut rooms = Rooms::new("second");
    for record in records {
        rooms.replay(serde_json::from_slice(record)?)?;
    }
    Ok(rooms)
}

fn keep(records: &mut Vec<Vec<u8>>, record: &Record<'_>) -> io::Result<()> {
    records.push(record.to_json());
    Ok(())
}
