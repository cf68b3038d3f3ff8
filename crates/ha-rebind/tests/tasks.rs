//! Tasks, step by step: accepted, begun, ended, and forgotten.

mod common;

use common::{Leader, id, json, replay, shop, task_id, through_parts};
use ha_rebind::{Call, Ended, Outcome, Refusal, Started, Stream, Task, Values};

fn deployed() -> Leader {
    let mut leader = Leader::default();
    leader
        .make(|draft| draft.create(&shop()))
        .expect("a good application");
    leader
}

fn stream(name: &str, place: &str) -> Stream {
    Stream {
        name: name.into(),
        size: 7,
        place: place.into(),
    }
}

#[test]
fn a_task_is_accepted_begun_and_ended_once_and_found_after_a_failover() {
    let mut leader = deployed();
    let (task, started) = (task_id("T1"), Started { at_ms: 20, epoch: 1 });
    let new = Task::new(task.clone(), Some(id("web")), "restart", 10);
    leader.make(|draft| draft.accept_task(&new)).unwrap();
    assert_eq!(
        leader.make(|draft| draft.accept_task(&new)),
        Err(Refusal::TaskExists(task.clone()))
    );
    leader.make(|draft| draft.start_task(&task, started)).unwrap();
    let again = leader.make(|draft| draft.start_task(&task, started)).unwrap_err();
    assert_eq!(again.to_string(), "task `T1` was begun in this epoch already");
    let again = leader
        .make(|draft| draft.start_task_again(&task, started))
        .unwrap_err();
    assert_eq!(again.to_string(), "task `T1` must not be done twice");
    // The next leader runs it again, for it is idempotent.
    leader
        .make(|draft| draft.start_task(&task, Started { epoch: 2, ..started }))
        .unwrap();
    let ended = Ended {
        at_ms: 30,
        outcome: Outcome::Done(json("0")),
    };
    for (name, place) in [("stdout", "/a"), ("stderr", "/b"), ("stdout", "/c")] {
        let printed = [stream(name, place)];
        leader
            .make(|draft| draft.add_streams(&task, &printed).map(drop))
            .unwrap();
    }
    leader.make(|draft| draft.end_task(&task, ended.clone())).unwrap();
    let late = leader.make(|draft| draft.add_streams(&task, &[stream("stdout", "/d")]));
    assert!(late.is_err(), "it has ended");
    assert!(leader.make(|draft| draft.end_task(&task, ended.clone())).is_err());
    for state in [replay(&leader.journal), through_parts(&leader.state)] {
        let found = state.task(&task).unwrap().unwrap();
        assert_eq!(
            (found.attempt, found.ended.as_ref(), found.is_running()),
            (2, Some(&ended), false)
        );
        assert_eq!(
            found.streams,
            [stream("stderr", "/b"), stream("stdout", "/c")],
            "the last of a name"
        );
        assert_eq!(state.tasks_of(&id("web")).collect::<Vec<_>>(), [&task]);
    }
    leader.make(|draft| draft.remove_task(&task)).unwrap();
    assert!(leader.state.task(&task).is_none() && leader.state.tasks_of(&id("web")).next().is_none());
}

#[test]
fn an_idempotent_call_is_begun_again_in_the_epoch_that_began_it() {
    let mut leader = deployed();
    let (task, started) = (task_id("T1"), Started { at_ms: 20, epoch: 1 });
    let mut call = Task::new(task.clone(), Some(id("web")), "look", 10);
    call.call = Some(Call {
        effector: "look".into(),
        parameters: Values::default(),
        is_idempotent: true,
    });
    leader.make(|draft| draft.accept_task(&call)).unwrap();
    leader.make(|draft| draft.start_task(&task, started)).unwrap();
    let again = Started { at_ms: 30, ..started };
    leader.make(|draft| draft.start_task_again(&task, again)).unwrap();
    let found = leader.state.task(&task).unwrap().unwrap();
    assert_eq!((found.attempt, found.started), (2, Some(again)));
    let later = Started { epoch: 2, ..started };
    let refused = leader
        .make(|draft| draft.start_task_again(&task, later))
        .unwrap_err();
    assert_eq!(refused.to_string(), "task `T1` was not begun in this epoch");
}
