//! What nothing in a state refers to.

mod common;

use bytes::Bytes;
use common::{Leader, entity, id, json, task_id};
use ha_rebind::{
    Batch, Change, Ended, EntityId, Level, Location, LocationId, Orphans, Outcome, Task, Values,
};

fn place(name: &str, parent: Option<&str>) -> Location {
    Location {
        id: location(name),
        name: name.into(),
        spec: "localhost".into(),
        location_type: "Localhost".into(),
        parent: parent.map(location),
        config: Values::default(),
    }
}

fn location(name: &str) -> LocationId {
    LocationId::new(name).expect("a good id")
}

fn at(name: &str, location_name: &str) -> ha_rebind::Entity {
    let mut entity = entity(name, None);
    entity.locations = vec![location(location_name)];
    entity
}

fn task(name: &str, entity: Option<EntityId>, has_ended: bool) -> Task {
    let mut task = Task::new(task_id(name), entity, "work", 1);
    task.ended = has_ended.then(|| Ended {
        at_ms: 2,
        outcome: Outcome::Done(json("null")),
    });
    task
}

#[test]
fn locations_at_which_nobody_is_and_tasks_of_those_who_are_no_more_are_orphans() {
    let mut leader = Leader::default();
    leader
        .make(|draft| {
            for (name, parent) in [
                ("cloud", None),
                ("zone", Some("cloud")),
                ("machine", Some("zone")),
                ("empty", Some("cloud")),
                ("former", None),
            ] {
                draft.put_location(&place(name, parent))?;
            }
            draft.create(&[at("web", "machine"), at("old", "former")])?;
            for (name, entity, has_ended) in [
                ("Kept", Some(id("web")), true),
                ("Orphan", Some(id("old")), true),
                ("Open", Some(id("old")), false),
                ("Plane", None, true),
            ] {
                draft.accept_task(&task(name, entity, has_ended))?;
            }
            draft.expunge(&id("old"))
        })
        .unwrap();
    let Orphans { locations, tasks, .. } = leader.state.orphans();
    assert_eq!(locations, [location("empty"), location("former")]);
    assert_eq!(tasks, [task_id("Orphan")]);
    leader
        .make(|draft| {
            locations.iter().try_for_each(|id| draft.remove_location(id))?;
            tasks.iter().try_for_each(|id| draft.remove_task(id))
        })
        .unwrap();
    assert_eq!(leader.state.orphans(), Orphans::default());
}

#[test]
fn what_cannot_be_read_may_refer_to_whatever_stands_in_it() {
    let mut leader = Leader::default();
    leader
        .make(|draft| {
            ["near", "far"]
                .iter()
                .try_for_each(|name| draft.put_location(&place(name, None)))?;
            draft.create(&[entity("web", None)])
        })
        .unwrap();
    let damaged = Change::SetBody {
        entity: id("web"),
        body: b"\x09 at near, damaged",
    };
    let batch = Batch {
        after: 1,
        number: 2,
        changes: vec![damaged],
    };
    leader.apply(&Bytes::from(batch.encode(Level::FIRST)));
    assert_eq!(leader.state.quarantined().len(), 1);
    assert_eq!(leader.state.orphans().locations, [location("far")]);
    let damaged = Change::PutLocation {
        location: location("near"),
        body: b"\x09 in far, damaged",
    };
    let batch = Batch {
        after: 2,
        number: 3,
        changes: vec![damaged],
    };
    leader.apply(&Bytes::from(batch.encode(Level::FIRST)));
    assert_eq!(leader.state.orphans(), Orphans::default());
}
