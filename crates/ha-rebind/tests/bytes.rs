//! The bytes of level 1, pinned. `HA_BLESS=1` writes the files anew: only ever for a new level.

mod common;

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use common::{Leader, entity, id, json, task_id};
use ha_rebind::{
    Adjunct, AdjunctId, AdjunctKind, Applied, Batch, BatchBytes, Call, Change, Ended, Level, Location,
    LocationId, Outcome, Part, Relation, Replacement, Started, State, Stream, Task, Unreadable, Values,
};
use wincode::config::Configuration;
use wincode::{SchemaRead, SchemaWrite};

fn one_of_each() -> Leader {
    let mut leader = Leader::default();
    let key = ha_rebind::ClientKey {
        key: "k-1",
        fingerprint: [0xF1; 32],
    };
    let place = Location {
        id: LocationId::new("loc1").expect("a good id"),
        name: "here".into(),
        spec: "localhost".into(),
        location_type: "Localhost".into(),
        parent: None,
        config: Values::from_iter([("user", json("\"me\""))]),
    };
    let mut web = entity("web", Some("app"));
    web.catalog_item = Some("web:1.0".into());
    web.created_ms = 1_466_414_301_065;
    web.config = Values::from_iter([("size", json("2"))]);
    web.sensors = Values::from_iter([
        ("service.isUp", json("true")),
        ("service.state", json("\"RUNNING\"")),
    ]);
    web.tags = vec![json("\"tag\"")];
    web.locations = vec![place.id.clone()];
    web.relations = vec![Relation {
        name: "uses".into(),
        target: id("app"),
    }];
    web.adjuncts = vec![Adjunct {
        id: AdjunctId::new("feed1").expect("a good id"),
        kind: AdjunctKind::Feed,
        adjunct_type: "HttpFeed".into(),
        name: "poll".into(),
        catalog_item: None,
        is_running: true,
        config: Values::default(),
        highlights: Values::default(),
    }];
    web.blueprint = Some("name: web".into());
    let mut task = Task::new(task_id("T1"), Some(id("web")), "restart", 10);
    task.call = Some(Call {
        effector: "restart".into(),
        parameters: Values::default(),
        is_idempotent: true,
    });
    task.submitted_by = Some(task_id("T0"));
    task.children = vec![task_id("T2")];
    task.streams = vec![Stream {
        name: "stdout".into(),
        size: 12,
        place: "n1".into(),
    }];
    task.waits_for = Some("leave to act".into());
    leader.evaluate(Some(key), |draft| {
        draft.put_location(&place)?;
        draft.create(&[entity("app", None), web, entity("gone", Some("app"))])?;
        draft.edit(&id("app"), |app| app.name = "The app".into())?;
        draft.set_sensor(&id("web"), "requests", &json("42"))?;
        draft.remove_sensor(&id("web"), "service.isUp")?;
        draft.expunge(&id("gone"))?;
        draft.accept_task(&task)?;
        draft.start_task(&task.id, Started { at_ms: 20, epoch: 3 })?;
        draft.end_task(
            &task.id,
            Ended {
                at_ms: 30,
                outcome: Outcome::Done(json("0")),
            },
        )?;
        Ok(Bytes::from_static(b"201"))
    });
    leader.commit();
    leader
}

/// Hexadecimal text, 32 bytes a line, so that a difference can be read.
fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.hex"));
    if std::env::var("HA_BLESS").is_ok() {
        let line = |l: &[u8]| l.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n";
        fs::write(&path, bytes.chunks(32).map(line).collect::<String>()).expect("written");
    }
    let text = fs::read_to_string(&path).expect("golden files lie beside the tests");
    let text: String = text.split_whitespace().collect();
    let byte = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn the_bytes_of_level_1_are_as_they_were() {
    let leader = one_of_each();
    assert_eq!(leader.journal[0], golden("batch", &leader.journal[0]));
    let parts = leader.state.parts();
    assert_eq!((parts.len(), &parts[0]), (1, &golden("part", &parts[0])));
    let state = State::from_parts([Bytes::from(golden("part", &parts[0]))]).unwrap();
    assert!(state == leader.state && state.quarantined().is_empty());
}

/// A batch that puts the state of [`one_of_each`] in the place of all that there is.
fn replacing() -> (Leader, Bytes) {
    let (mut leader, source) = (Leader::default(), one_of_each());
    let replacement = Replacement::new(source.state, Level::FIRST).expect("it fits");
    leader.evaluate(None, |draft| {
        draft.replace(&replacement);
        Ok(Bytes::new())
    });
    leader.commit();
    let batch = leader.journal[0].clone();
    (leader, batch)
}

#[test]
fn a_batch_that_replaces_the_state_is_read_as_it_was() {
    let (leader, batch) = replacing();
    // What deflates may do better one day; what was deflated means the same for ever.
    let pinned = golden("replace", &batch);
    let mut state = State::default();
    assert_eq!(state.apply(&pinned, 1000), Applied::Done(1));
    assert!(state == leader.state && state.contains(&id("web")));
}

// What another codec makes of the same bytes.

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
enum MirrorChange {
    Create {
        entity: String,
        parent: Option<String>,
        body: Vec<u8>,
        sensors: Vec<u8>,
    },
    Remove {
        entity: String,
    },
    SetBody {
        entity: String,
        body: Vec<u8>,
    },
    SetSensor {
        entity: String,
        sensor: String,
        value: String,
    },
    RemoveSensor {
        entity: String,
        sensor: String,
    },
    PutTask {
        task: String,
        entity: Option<String>,
        body: Vec<u8>,
    },
    RemoveTask {
        task: String,
    },
    PutLocation {
        location: String,
        body: Vec<u8>,
    },
    RemoveLocation {
        location: String,
    },
    Remember {
        key: String,
        fingerprint: [u8; 32],
        answer: Vec<u8>,
    },
    RaiseLevel {
        level: u16,
    },
    Replace {
        packed: Vec<u8>,
    },
}

#[derive(SchemaWrite, SchemaRead, Debug, PartialEq)]
struct MirrorBatch {
    after: u64,
    number: u64,
    changes: Vec<MirrorChange>,
}

#[test]
fn another_codec_reads_and_writes_the_same_bytes() {
    let batch = &one_of_each().journal[0];
    let config = Configuration::default().with_varint_encoding();
    let mirror: MirrorBatch = wincode::config::deserialize(&batch[4..], config).expect("the same format");
    assert_eq!((mirror.after, mirror.number), (0, 1));
    assert!(mirror.changes.contains(&MirrorChange::SetSensor {
        entity: "web".into(),
        sensor: "requests".into(),
        value: "42".into()
    }));
    assert_eq!(
        wincode::config::serialize(&mirror, config).expect("into memory"),
        batch[4..]
    );
    let (_, batch) = replacing();
    let mirror: MirrorBatch = wincode::config::deserialize(&batch[4..], config).expect("the same format");
    assert!(matches!(mirror.changes[..], [MirrorChange::Replace { .. }]));
    assert_eq!(
        wincode::config::serialize(&mirror, config).expect("into memory"),
        batch[4..]
    );
}

#[test]
fn what_is_cut_short_or_has_a_bit_flipped_never_panics_and_is_told() {
    let leader = one_of_each();
    let (batch, part) = (&leader.journal[0], &leader.state.parts()[0]);
    for end in 0..batch.len() {
        let mut state = State::default();
        assert!(
            matches!(state.apply(&batch[..end], 0), Applied::SetAside(_)),
            "{end} bytes of a batch"
        );
        assert!(
            state.unreadable().is_some() && state.entity_count() == 0,
            "nothing of it was applied"
        );
    }
    for end in 0..part.len() {
        read_all(Bytes::copy_from_slice(&part[..end]));
    }
    for bit in 0..batch.len() * 8 {
        let mut flipped = batch.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let mut state = State::default();
        state.apply(&flipped, 0);
        read_all(Bytes::from(state.parts().remove(0)));
    }
    for bit in 0..part.len() * 8 {
        let mut flipped = part.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        read_all(flipped.into());
    }
}

/// Reads all that can be read of a part; what was loaded is written as it was read.
fn read_all(bytes: Bytes) {
    let Ok(state) = State::from_parts([bytes]) else {
        return;
    };
    let quarantined = state.quarantined().len();
    let again = State::from_parts(state.parts().into_iter().map(Bytes::from)).expect("its own parts");
    assert!(again == state);
    assert_eq!(again.quarantined().len(), quarantined);
    let tasks: Vec<_> = state.tasks().into_iter().map(|t| state.task(t)).collect();
    let locations: Vec<_> = state.locations().map(|l| state.location(l)).collect();
    drop((tasks, locations));
    for id in state.applications() {
        let _ = (
            state.descendants(id),
            state.application(id),
            state.config(id, "size"),
        );
    }
}

#[test]
fn a_row_that_makes_no_sense_is_kept_and_the_rest_is_loaded() {
    let mut part = one_of_each().state.parts().remove(0);
    part.extend([3, 0xFE, 1, 2]);
    let state = State::from_parts([Bytes::from(part)]).unwrap();
    assert_eq!((state.unread_rows(), state.entity_count()), (1, 2));
    let again = State::from_parts(state.parts().into_iter().map(Bytes::from)).unwrap();
    assert!(again == state && again.unread_rows() == 1);
}

#[test]
fn a_part_of_a_later_level_is_refused_and_says_what_to_do() {
    let mut part = one_of_each().state.parts().remove(0);
    part[4] = 9;
    let why = Part::read(part.into()).unwrap_err();
    assert_eq!(
        why.to_string(),
        "a part of the snapshot is of format level 9, and this node reads up to 2: use a newer version"
    );
    let foreign = Part::read(Bytes::from_static(b"HAPS\x01\x00")).unwrap_err();
    assert_eq!(
        foreign.to_string(),
        "a part of the snapshot is damaged or foreign (no part of entities)"
    );
}

#[test]
fn a_batch_of_level_0_or_of_something_else_is_none() {
    assert!(matches!(BatchBytes::read(b"hello"), Err(Unreadable::Damaged(_))));
    let batch = Batch {
        after: 0,
        number: 1,
        changes: vec![Change::Remove { entity: id("a") }],
    };
    for level in [Level::FIRST, Level::NEWEST] {
        let encoded = batch.encode(level);
        let bytes = BatchBytes::read(&encoded).unwrap();
        assert_eq!(bytes.batch().unwrap(), batch);
        let too_long = [&encoded[..], &[0]].concat();
        let bytes = BatchBytes::read(&too_long).unwrap();
        assert!(bytes.batch().is_err(), "nothing may be left over");
    }
    for level in [Level(0), Level(Level::NEWEST.0 + 1)] {
        assert!(BatchBytes::read(&batch.encode(level)).is_err());
    }
}
