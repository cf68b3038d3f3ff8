//! A state in the place of another: seen by whoever proposes at once, and by everybody else when it is durable.

mod common;

use bytes::Bytes;
use common::{Leader, entity, id, json, replay, shop};
use ha_rebind::{
    Applied, Batch, Change, ClientKey, Draft, Evaluated, Level, Location, LocationId, Refusal, Replacement,
    State, Unfit, Values,
};

fn key(key: &str) -> ClientKey<'_> {
    ClientKey {
        key,
        fingerprint: [7; 32],
    }
}

fn place(name: &str) -> Location {
    Location {
        id: LocationId::new(name).expect("a good id"),
        name: name.into(),
        spec: "localhost".into(),
        location_type: "Localhost".into(),
        parent: None,
        config: Values::default(),
    }
}

/// A plane with a shop, a place, and one request that had a key.
fn with_shop() -> Leader {
    let mut leader = Leader::default();
    leader.evaluate(Some(key("k-1")), |draft| {
        draft.put_location(&place("here"))?;
        draft.create(&shop())?;
        draft.set_sensor(&id("web"), "requests", &json("42"))?;
        Ok(Bytes::from_static(b"the shop"))
    });
    leader.commit();
    leader
}

fn replacement(state: &State) -> Replacement {
    Replacement::new(state.clone(), Level::FIRST).expect("it fits")
}

fn replace(leader: &mut Leader, with: &State) {
    let replacement = replacement(with);
    let replace = |draft: &mut Draft<'_>| {
        draft.replace(&replacement);
        Ok(())
    };
    leader.stage(replace).expect("nothing refuses it");
}

#[test]
fn all_that_there_was_is_no_more_and_all_of_the_other_is_there() {
    let source = with_shop();
    let mut leader = Leader::default();
    leader.make(|draft| draft.put_location(&place("there"))).unwrap();
    leader
        .make(|draft| draft.create(&[entity("old", None), entity("web", Some("old"))]))
        .unwrap();
    replace(&mut leader, &source.state);
    assert!(leader.state.contains(&id("old")), "not durable yet");
    leader.commit();
    let state = &leader.state;
    assert!(!state.contains(&id("old")));
    assert_eq!(state.parent(&id("web")), Some(&id("shop")));
    assert_eq!(
        state.children(&id("shop")),
        [id("web"), id("db")],
        "in their order"
    );
    assert_eq!(state.sensor(&id("web"), "requests"), Some(json("42")));
    assert!(state.locations().eq([&place("here").id]));
    assert_eq!(state.last(), 3, "numbers go on");
    assert!(replay(&leader.journal) == leader.state);
    // Rows are the same but for the first, which holds numbers and times, and keys, which hold times.
    let tail = |state: &State| state.parts()[0][state.parts()[0].len() - 200..].to_vec();
    assert_eq!(tail(state), tail(&source.state));
}

/// A plane at the level from which on imports may come in pieces.
fn newer() -> Leader {
    let mut leader = Leader::default();
    leader
        .make(|draft| draft.raise_level(Level::IMPORTS_IN_PIECES))
        .expect("it is higher");
    leader
        .make(|draft| draft.create(&[entity("old", None)]))
        .expect("it is new");
    leader
}

/// Puts the pieces of an import, each of so many bytes; answers their number.
fn put_pieces(leader: &mut Leader, import: u64, of: usize, with: &Replacement) -> u32 {
    let pieces: Vec<_> = with.pieces(of).map(<[u8]>::to_vec).collect();
    for (at, piece) in (0..).zip(&pieces) {
        leader
            .make(|draft| draft.put_piece(import, at, piece))
            .expect("it is the next");
    }
    u32::try_from(pieces.len()).expect("they are few")
}

#[test]
fn what_comes_in_pieces_is_nothing_to_anybody_until_all_of_it_takes_the_place() {
    let with = replacement(&with_shop().state);
    let (mut one, mut other) = (newer(), newer());
    let count = put_pieces(&mut one, 7, 20, &with);
    assert!(count > 2 && !one.state.contains(&id("shop")) && one.state.contains(&id("old")));
    // Who loads a snapshot amid the pieces goes on as well.
    let mut loaded = common::through_parts(&one.state);
    assert!(loaded == one.state);
    one.make(|draft| draft.replace_by_pieces(&with, 7, count))
        .unwrap();
    assert!(!one.state.contains(&id("old")));
    loaded.apply(one.journal.last().unwrap(), one.journal.len() as u64 * 1000);
    assert!(loaded == one.state, "and nothing is left of the pieces");
    assert!(replay(&one.journal) == one.state);
    assert_eq!(one.state.skipped(), 0);
    // As if it had come at once.
    other
        .make(|draft| {
            draft.replace(&with);
            Ok(())
        })
        .unwrap();
    let tail = |state: &State| state.parts()[0][state.parts()[0].len() - 200..].to_vec();
    assert_eq!(tail(&one.state), tail(&other.state));
}

#[test]
fn pieces_that_are_not_all_there_or_of_another_import_replace_nothing() {
    let with = replacement(&with_shop().state);
    let mut old = Leader::default();
    let refused = old.make(|draft| draft.put_piece(7, 0, b"x")).unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("the plane's format level is 1, and this needs 2"),
        "{refused}"
    );
    let mut leader = newer();
    let count = put_pieces(&mut leader, 7, 20, &with);
    let broken = [
        leader.make(|draft| draft.put_piece(7, count + 1, b"x")),
        leader.make(|draft| draft.put_piece(8, count, b"x")),
        leader.make(|draft| draft.replace_by_pieces(&with, 7, count - 1)),
        leader.make(|draft| draft.replace_by_pieces(&with, 8, count)),
    ];
    assert!(
        broken.iter().all(|refused| *refused == Err(Refusal::OtherImport)),
        "{broken:?}"
    );
    // Another import begins, and the first is no more.
    leader.make(|draft| draft.put_piece(8, 0, b"x")).unwrap();
    assert_eq!(
        leader.make(|draft| draft.replace_by_pieces(&with, 7, count)),
        Err(Refusal::OtherImport)
    );
    assert!(leader.state.contains(&id("old")));
}

#[test]
fn pieces_that_something_before_is_about_to_drop_replace_nothing() {
    let with = replacement(&with_shop().state);
    for way in 0..3 {
        let mut leader = newer();
        let count = put_pieces(&mut leader, 7, 100, &with);
        let dropped = leader.stage(|draft| match way {
            0 => draft.put_piece(8, 0, b"x"),
            1 => draft.replace_by_pieces(&with, 7, count),
            _ => {
                draft.replace(&with);
                Ok(())
            }
        });
        assert!(dropped.is_ok(), "on its way, and not durable");
        let next = leader.stage(|draft| draft.put_piece(7, count, b"x"));
        assert_eq!(next, Err(Refusal::OtherImport));
        let last = leader.stage(|draft| draft.replace_by_pieces(&with, 7, count));
        assert_eq!(last, Err(Refusal::OtherImport));
        leader.commit();
    }
}

#[test]
fn a_replacement_by_pieces_that_is_lost_leaves_all_as_it_was() {
    let with = replacement(&with_shop().state);
    let mut leader = newer();
    let count = put_pieces(&mut leader, 7, 20, &with);
    leader
        .stage(|draft| draft.set_sensor(&id("old"), "n", &json("1")))
        .unwrap();
    leader
        .stage(|draft| draft.replace_by_pieces(&with, 7, count))
        .unwrap();
    leader
        .stage(|draft| draft.set_sensor(&id("web"), "requests", &json("43")))
        .unwrap();
    let refused = leader.stage(|draft| draft.set_sensor(&id("old"), "n", &json("2")));
    assert_eq!(
        refused,
        Err(Refusal::UnknownEntity(id("old"))),
        "it will be no more"
    );
    // The last is lost, and what is before it is staged again.
    leader.lose(2);
    leader
        .stage(|draft| draft.set_sensor(&id("web"), "requests", &json("44")))
        .unwrap();
    leader.commit();
    assert_eq!(leader.state.sensor(&id("web"), "requests"), Some(json("44")));
    assert!(replay(&leader.journal) == leader.state);
}

#[test]
fn who_proposes_next_sees_what_will_be_there() {
    let source = with_shop();
    let mut leader = Leader::default();
    leader.make(|draft| draft.create(&[entity("old", None)])).unwrap();
    // Three that are on their way together.
    leader
        .stage(|draft| draft.set_sensor(&id("old"), "before", &json("1")))
        .unwrap();
    replace(&mut leader, &source.state);
    leader
        .stage(|draft| draft.set_sensor(&id("web"), "requests", &json("43")))
        .unwrap();
    let refused = leader.stage(|draft| draft.set_sensor(&id("old"), "after", &json("1")));
    assert_eq!(refused, Err(Refusal::UnknownEntity(id("old"))));
    let taken = leader.stage(|draft| draft.create(&[entity("web", None)]));
    assert_eq!(taken, Err(Refusal::EntityExists(id("web"))));
    leader.commit();
    assert_eq!(leader.state.sensor(&id("web"), "requests"), Some(json("43")));
    assert_eq!(leader.state.skipped(), 0);
    assert!(replay(&leader.journal) == leader.state);
    // What was staged is forgotten once it is durable.
    leader.make(|draft| draft.expunge(&id("shop"))).unwrap();
    let gone = leader.stage(|draft| draft.set_sensor(&id("web"), "requests", &json("44")));
    assert_eq!(gone, Err(Refusal::UnknownEntity(id("web"))));
}

#[test]
fn if_it_is_lost_all_is_as_it_was() {
    let source = with_shop();
    let mut leader = Leader::default();
    leader.make(|draft| draft.create(&[entity("old", None)])).unwrap();
    leader
        .stage(|draft| draft.set_sensor(&id("old"), "n", &json("1")))
        .unwrap();
    replace(&mut leader, &source.state);
    leader.lose(1);
    leader
        .stage(|draft| draft.set_sensor(&id("old"), "n", &json("2")))
        .unwrap();
    leader.commit();
    assert_eq!(leader.state.sensor(&id("old"), "n"), Some(json("2")));
    assert!(!leader.state.contains(&id("shop")));

    // One before it is lost: it was evaluated upon that, and is void with it.
    leader
        .stage(|draft| draft.set_sensor(&id("old"), "n", &json("3")))
        .unwrap();
    replace(&mut leader, &source.state);
    leader.lose(0);
    leader.commit();
    assert!(leader.state.contains(&id("old")) && !leader.state.contains(&id("shop")));
}

#[test]
fn one_that_stays_when_another_is_lost_is_staged_again() {
    let source = with_shop();
    let mut leader = Leader::default();
    leader.make(|draft| draft.create(&[entity("old", None)])).unwrap();
    replace(&mut leader, &source.state);
    leader
        .stage(|draft| draft.set_sensor(&id("web"), "requests", &json("43")))
        .unwrap();
    leader.lose(1);
    let refused = leader.stage(|draft| draft.set_sensor(&id("old"), "n", &json("1")));
    assert_eq!(refused, Err(Refusal::UnknownEntity(id("old"))));
    leader
        .stage(|draft| draft.set_sensor(&id("web"), "requests", &json("44")))
        .unwrap();
    leader.commit();
    assert_eq!(leader.state.sensor(&id("web"), "requests"), Some(json("44")));
}

#[test]
fn keys_of_clients_come_along_as_old_as_they_were() {
    let source = with_shop();
    assert_eq!(source.state.remembered("k-1").map(|r| r.at_ms), Some(1_000));
    let mut leader = Leader::default();
    for number in 0..5 {
        leader.evaluate(Some(key("own")), |draft| {
            draft.create(&[entity(&format!("e{number}"), None)])?;
            Ok(Bytes::from_static(b"own"))
        });
        leader
            .make(|draft| draft.create(&[entity(&format!("f{number}"), None)]))
            .unwrap();
    }
    replace(&mut leader, &source.state);
    leader.commit();
    assert_eq!(leader.state.remembered("own"), None);
    let now = leader.state.time_ms();
    let known = leader.state.remembered("k-1").expect("it came along");
    assert_eq!(
        (known.at_ms, &known.answer[..]),
        (now, &b"the shop"[..]),
        "it was made a moment before"
    );
    let again = leader.evaluate(Some(key("k-1")), |_| unreachable!("it was answered"));
    assert!(matches!(again, Evaluated::Read { answer: Ok(answer), .. } if answer == "the shop"));
}

#[test]
fn what_cannot_be_unpacked_is_set_aside_and_the_node_cannot_lead() {
    let batch = |after, number, changes| {
        Bytes::from(
            Batch {
                after,
                number,
                changes,
            }
            .encode(Level::FIRST),
        )
    };
    let mut state = with_shop().state;
    let damaged = batch(1, 2, vec![Change::Replace { packed: b"hello" }]);
    assert!(matches!(state.apply(&damaged, 0), Applied::SetAside(_)));
    assert!(state.unreadable().is_some() && state.contains(&id("shop")));

    // Bytes of a later level are told as such.
    let packed = replacement(&with_shop().state);
    let mut leader = Leader::default();
    leader.evaluate(None, |draft| {
        draft.replace(&packed);
        Ok(Bytes::new())
    });
    let good = leader.take_waiting().remove(0).1;
    assert!(matches!(State::default().apply(&good, 0), Applied::Done(1)));
}

#[test]
fn a_state_that_does_not_fit_is_refused_by_name() {
    let part = |state: &State| state.parts().remove(0);
    let read = |bytes: Vec<u8>| State::from_parts([Bytes::from(bytes)]).expect("a part");
    let why = |state: State, plane| Replacement::new(state, plane).unwrap_err().to_string();
    let source = with_shop().state;

    // The level stands behind the magic, the part's level, the row's length and its kind.
    let mut later = part(&source);
    later[8] = 2;
    let later = read(later);
    assert_eq!(later.level(), Level(2));
    assert!(why(later, Level::FIRST).contains("of format level 2, and this plane is at 1"));

    let mut unread = part(&source);
    unread.extend([3, 0xFE, 1, 2]);
    assert_eq!(
        Replacement::new(read(unread), Level::FIRST).unwrap_err(),
        Unfit::UnreadRows(1)
    );

    let mut aside = source.clone();
    aside.apply(b"hello", 0);
    assert!(why(aside, Level::FIRST).contains("could not read its plane's state"));

    // The parent of one is another, which does not name it.
    let text = part(&source);
    let place = |of: &[u8]| text.windows(of.len()).position(|w| w == of).expect("it is there");
    // Id, some, parent: `cache` is below `web`.
    let mut misplaced = text.clone();
    let at = place(b"\x05cache\x01\x03web") + 8;
    misplaced[at..at + 3].copy_from_slice(b"wet");
    assert_eq!(
        Replacement::new(read(misplaced), Level::FIRST).unwrap_err(),
        Unfit::Misplaced(id("cache"))
    );
    // One that its parent does not name.
    let mut unnamed = text.clone();
    let at = place(b"\x03web\x01\x04shop\x01\x05cache");
    // Without the child: the row is shorter, whose length stands before its kind.
    unnamed.splice(at + 10..at + 17, [0]);
    unnamed[at - 2] -= 6;
    assert_eq!(
        Replacement::new(read(unnamed), Level::FIRST).unwrap_err(),
        Unfit::Misplaced(id("cache"))
    );
}
