//! What holds for every sequence of proposals.

mod common;

use bytes::Bytes;
use common::{Leader, adjunct, entity, id, json, replay, replay_upon, task_id, through_parts};
use ha_rebind::{
    Adjunct, AdjunctKind, ClientKey, Draft, Ended, EntityId, Json, Level, Location, LocationId, Outcome,
    PART_BYTES, Refusal, Replacement, Started, State, Stream, Task, Values,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a client may ask for. Ids are few, so that they meet.
#[derive(Clone, Debug)]
enum Ask {
    Create {
        id: u8,
        parent: Option<u8>,
    },
    Expunge(u8),
    Set {
        id: u8,
        sensor: u8,
        value: String,
    },
    Unset {
        id: u8,
        sensor: u8,
    },
    Config {
        id: u8,
        value: String,
    },
    Place {
        id: u8,
        location: u8,
    },
    Task {
        task: u8,
        entity: u8,
    },
    Start {
        task: u8,
        epoch: u64,
    },
    StartAgain {
        task: u8,
        epoch: u64,
    },
    Print(u8),
    End {
        task: u8,
    },
    Forget(u8),
    Attach(u8),
    Suspend(u8),
    Detach(u8),
    RemoveLocation(u8),
    /// An entity is created by a request that has a key, which may have come before.
    Keyed {
        key: u8,
        id: u8,
    },
    RaiseLevel,
    /// A piece of one of those that were put by.
    Piece {
        of: u8,
        at: u8,
    },
    /// The pieces take the place of all that there is.
    ReplaceByPieces(u8),
    /// One of the batches that are staged is lost; those staged upon it come into the journal all the same.
    Lose(u8),
    /// All that is staged is durable.
    Commit,
    /// What is durable now is put by.
    PutBy,
    /// What was put by takes the place of all that there is.
    Replace,
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let (few, text) = (0..6u8, "[a-z]{0,12}");
    let ask = prop_oneof![
        4 => (few.clone(), proptest::option::of(few.clone())).prop_map(|(id, parent)| Ask::Create { id, parent }),
        1 => few.clone().prop_map(Ask::Expunge),
        4 => (few.clone(), few.clone(), text).prop_map(|(id, sensor, value)| Ask::Set { id, sensor, value }),
        1 => (few.clone(), few.clone()).prop_map(|(id, sensor)| Ask::Unset { id, sensor }),
        1 => (few.clone(), text).prop_map(|(id, value)| Ask::Config { id, value }),
        1 => (few.clone(), few.clone()).prop_map(|(id, location)| Ask::Place { id, location }),
        1 => (few.clone(), few.clone()).prop_map(|(task, entity)| Ask::Task { task, entity }),
        1 => (few.clone(), 0..4u64).prop_map(|(task, epoch)| Ask::Start { task, epoch }),
        1 => (few.clone(), 0..4u64).prop_map(|(task, epoch)| Ask::StartAgain { task, epoch }),
        1 => few.clone().prop_map(Ask::Print),
        1 => few.clone().prop_map(|task| Ask::End { task }),
        1 => few.clone().prop_map(Ask::Forget),
        1 => few.clone().prop_map(Ask::Attach),
        1 => few.clone().prop_map(Ask::Suspend),
        1 => few.clone().prop_map(Ask::Detach),
        1 => few.clone().prop_map(Ask::RemoveLocation),
        2 => (few.clone(), few).prop_map(|(key, id)| Ask::Keyed { key, id }),
        1 => Just(Ask::RaiseLevel),
        6 => (0..2u8, 0..=PIECES).prop_map(|(of, at)| Ask::Piece { of, at }),
        2 => (0..2u8).prop_map(Ask::ReplaceByPieces),
        1 => any::<u8>().prop_map(Ask::Lose),
        3 => Just(Ask::Commit),
        1 => Just(Ask::PutBy),
        1 => Just(Ask::Replace),
    ];
    vec(ask, 0..120)
}

/// An import comes in so many.
const PIECES: u8 = 2;

fn name(number: u8) -> EntityId {
    id(&format!("e{number}"))
}

fn make(draft: &mut Draft<'_>, ask: &Ask) -> Result<(), Refusal> {
    let task = |number: &u8| task_id(&format!("T{number}"));
    match ask {
        Ask::Create { id, parent } => {
            let parent = parent.map(|p| format!("e{p}"));
            draft.create(&[entity(&format!("e{id}"), parent.as_deref())])
        }
        Ask::Attach(id) => draft.attach(&name(*id), an_adjunct()),
        Ask::Suspend(id) => draft.set_running(&name(*id), &an_adjunct().id, false),
        Ask::Detach(id) => draft.detach(&name(*id), &an_adjunct().id),
        Ask::RemoveLocation(location) => draft.remove_location(&place(*location)),
        Ask::RaiseLevel => draft.raise_level(Level::NEWEST),
        Ask::Expunge(id) => draft.expunge(&name(*id)),
        Ask::Set { id, sensor, value } => {
            draft.set_sensor(&name(*id), &format!("s{sensor}"), &Json::string(value))
        }
        Ask::Unset { id, sensor } => draft.remove_sensor(&name(*id), &format!("s{sensor}")),
        Ask::Config { id, value } => {
            draft.edit(&name(*id), |e| _ = e.config.set("key", &Json::string(value)))
        }
        Ask::Place { id, location } => {
            let location = Location {
                id: place(*location),
                name: String::new(),
                spec: "localhost".into(),
                location_type: "Localhost".into(),
                parent: None,
                config: Values::default(),
            };
            draft.put_location(&location)?;
            draft.edit(&name(*id), |e| e.locations.push(location.id))
        }
        Ask::Task { task: number, entity } => {
            draft.accept_task(&Task::new(task(number), Some(name(*entity)), "work", 1))
        }
        Ask::Start { task: number, epoch } => draft.start_task(
            &task(number),
            Started {
                at_ms: 2,
                epoch: *epoch,
            },
        ),
        Ask::StartAgain { task: number, epoch } => draft.start_task_again(
            &task(number),
            Started {
                at_ms: 2,
                epoch: *epoch,
            },
        ),
        Ask::Print(number) => draft.add_streams(&task(number), &[a_stream()]),
        Ask::Forget(number) => draft.remove_task(&task(number)),
        Ask::End { task: number } => draft.end_task(
            &task(number),
            Ended {
                at_ms: 3,
                outcome: Outcome::Done(json("null")),
            },
        ),
        Ask::Keyed { .. } | Ask::Piece { .. } | Ask::ReplaceByPieces(_) => Ok(()),
        Ask::Lose(_) | Ask::Commit | Ask::PutBy | Ask::Replace => Ok(()),
    }
}

fn place(number: u8) -> LocationId {
    LocationId::new(&format!("l{number}")).expect("a good id")
}

fn an_adjunct() -> Adjunct {
    adjunct(AdjunctKind::Policy, "policy", &[])
}

fn a_stream() -> Stream {
    Stream {
        name: "stdout".into(),
        size: 1,
        place: "nowhere".into(),
    }
}

/// What was put by last, and the one before: an import is called by the number of its own.
#[derive(Default)]
struct Imports {
    put_by: Vec<State>,
}

impl Imports {
    fn latest(&self) -> State {
        self.put_by.last().cloned().unwrap_or_default()
    }

    /// A step of an import in pieces, refused or not.
    fn step(&self, leader: &mut Leader, ask: &Ask) {
        let (Ask::Piece { of, .. } | Ask::ReplaceByPieces(of)) = ask else {
            return;
        };
        let Some(import) = self.put_by.len().checked_sub(usize::from(*of)).filter(|i| *i > 0) else {
            return;
        };
        // A plane whose level is lower than it was, for another state has taken its place, takes none of it.
        let Ok(with) = Replacement::new(self.put_by[import - 1].clone(), leader.state.level()) else {
            return;
        };
        let pieces: Vec<_> = with.pieces(with.size().div_ceil(usize::from(PIECES))).collect();
        let import = import as u64;
        let _ = match ask {
            Ask::Piece { at, .. } => {
                let piece = pieces.get(usize::from(*at)).copied().unwrap_or(b"more");
                leader.stage(|draft| draft.put_piece(import, u32::from(*at), piece))
            }
            _ => leader.stage(|draft| draft.replace_by_pieces(&with, import, u32::from(PIECES))),
        };
    }
}

/// A life of a leader.
fn live(asks: &[Ask]) -> Leader {
    let (mut leader, mut imports) = (Leader::default(), Imports::default());
    for ask in asks {
        match ask {
            Ask::Commit => leader.commit(),
            Ask::PutBy => imports.put_by.push(leader.state.clone()),
            Ask::Piece { .. } | Ask::ReplaceByPieces(_) => imports.step(&mut leader, ask),
            Ask::Keyed { key, id } => {
                let key = format!("k{key}");
                let key = ClientKey {
                    key: &key,
                    fingerprint: [*id; 32],
                };
                let made = entity(&format!("e{id}"), None);
                leader.evaluate(Some(key), |draft| {
                    draft.create(&[made]).map(|()| Bytes::from_static(b"made"))
                });
            }
            Ask::Replace => {
                let replacement = Replacement::new(imports.latest(), leader.state.level()).expect("it fits");
                let replace = |draft: &mut Draft<'_>| {
                    draft.replace(&replacement);
                    Ok(())
                };
                leader.stage(replace).expect("nothing refuses it");
            }
            Ask::Lose(at) => leader.lose(usize::from(*at)),
            // A refusal leaves no trace; what was made counts.
            ask => _ = leader.stage(|draft| make(draft, ask)),
        }
    }
    leader.commit();
    leader
}

/// Whether everything in a state fits together.
fn fits_together(state: &State, keeps_locations: bool) {
    let mut seen = 0;
    for application in state.applications() {
        for id in state.descendants(application) {
            seen += 1;
            let entity = state.entity(&id).expect("it is there").expect("it can be read");
            assert_eq!(state.application(&id), Some(application));
            let is_there = |location| state.location(location).is_some();
            assert!(!keeps_locations || entity.locations.iter().all(is_there));
            for child in &entity.children {
                assert_eq!(state.parent(child), Some(&id));
            }
        }
    }
    for task in state.tasks() {
        let entity = state
            .task(task)
            .expect("it is there")
            .expect("it can be read")
            .entity
            .expect("each has one");
        assert!(state.tasks_of(&entity).any(|of| of == task));
    }
    assert_eq!(
        seen,
        state.entity_count(),
        "each entity is in the tree of one application, once"
    );
    assert_eq!(state.skipped(), 0, "nothing was committed that does not fit");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn replay_equals_state_and_a_snapshot_with_the_tail_equals_the_whole_journal(asks in asks(), cut in 0.0..1.0f64) {
        let leader = live(&asks);
        // Who names a location that was removed does so in vain.
        let keeps_locations = !asks.iter().any(|ask| matches!(ask, Ask::RemoveLocation(_)));
        fits_together(&leader.state, keeps_locations);
        prop_assert!(replay(&leader.journal) == leader.state);
        let cut = (leader.journal.len() as f64 * cut) as usize;
        let loaded = through_parts(&replay(&leader.journal[..cut]));
        let from_snapshot = replay_upon(loaded, &leader.journal, cut);
        prop_assert!(from_snapshot == leader.state);
        fits_together(&from_snapshot, keeps_locations);
        prop_assert_eq!(leader.staging.undecided(), 0);
    }

    #[test]
    fn values_are_what_a_map_is(steps in vec((0..8u8, proptest::option::of(".{0,300}")), 0..60)) {
        let (mut values, mut map) = (Values::default(), std::collections::BTreeMap::new());
        for (name, value) in steps {
            let name = format!("name{}", "x".repeat(usize::from(name) * 40));
            let before = values.clone();
            match value.map(|v| Json::string(&v)) {
                Some(value) => {
                    prop_assert_eq!(values.set(&name, &value), map.get(&name) != Some(&value));
                    map.insert(name, value);
                }
                None => prop_assert_eq!(values.remove(&name), map.remove(&name).is_some()),
            }
            let entries: Vec<_> = map.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            prop_assert_eq!(values.iter().collect::<Vec<_>>(), entries);
            prop_assert_eq!(Values::from_iter(map.iter().map(|(n, v)| (n.as_str(), v.clone()))), values.clone());
            // A clone keeps what it had.
            prop_assert!(before.iter().count() + 1 >= values.len());
        }
    }

    #[test]
    fn any_bytes_are_applied_and_loaded_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let mut state = State::default();
        state.apply(&bytes, 0);
        state.apply(&[b"hb\x01\x00", &bytes[..]].concat(), 0);
        let part = [b"HARP\x01\x00", &bytes[..]].concat();
        if let Ok(state) = State::from_parts([Bytes::from(part)]) {
            let _ = state.quarantined();
        }
        prop_assert!(through_parts(&state) == state);
    }
}

#[test]
fn a_large_state_goes_into_parts_of_bounded_size_which_may_be_taken_in_any_order() {
    let mut leader = Leader::default();
    let long = Json::string(&"x".repeat(700_000));
    for number in 0..30u8 {
        let mut large = entity(&format!("e{number}"), None);
        large.config.set("long", &long);
        leader.make(|draft| draft.create(&[large])).unwrap();
    }
    let mut parts: Vec<Bytes> = leader.state.parts().into_iter().map(Bytes::from).collect();
    assert!(parts.len() > 2 && parts.iter().all(|p| p.len() <= PART_BYTES));
    parts.reverse();
    assert!(State::from_parts(parts).unwrap() == leader.state);
}
