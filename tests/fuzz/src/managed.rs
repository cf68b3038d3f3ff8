//! What a plane manages, from bytes: batches of changes as entries hold them, and parts of its snapshots.

use bytes::Bytes;
use ha_rebind::{
    Applied, Call, ClientKey, Draft, Entity, EntityId, Evaluated, Json, Refusal, Staging, Started, State,
    Task, TaskId, Values,
};

/// Any bytes in the place of a batch, after some good ones: applied, void or set aside, the same on every node, and never twice.
pub(crate) fn batch(data: &[u8]) {
    let (mut state, _) = some();
    let before = state.clone();
    let applied = state.apply(data, 7);
    let mut another = before.clone();
    assert_eq!(another.apply(data, 7), applied);
    assert_eq!(another, state);
    match &applied {
        Applied::Done(number) => {
            assert_eq!(state.last(), *number);
            assert_eq!(state.apply(data, 8), Applied::Void, "never twice");
        }
        Applied::Void => assert_eq!(state.last(), before.last()),
        Applied::SetAside(_) => assert!(state.unreadable().is_some(), "it must not lead"),
        other => panic!("{other:?}"),
    }
    look(&state);
}

/// Any bytes in the place of a part: refused, or a state that is written down and read again as it is.
pub(crate) fn part(data: &[u8]) {
    match State::from_parts([Bytes::copy_from_slice(data)]) {
        Ok(state) => look(&state),
        Err(bad) => assert!(bad.to_string().len() < 1000),
    }
}

/// All that can be asked of a state is answered.
fn look(state: &State) {
    for application in state.applications() {
        for id in state.descendants(application).iter().take(100) {
            let _ = (state.entity(id), state.config(id, "k"), state.application(id));
            assert!(state.tasks_of(id).all(|task| state.task(task).is_some()));
        }
    }
    is_written_again(state);
}

/// The parts of a state make it again.
fn is_written_again(state: &State) {
    for task in state.unended_tasks() {
        let task = state.task(task).expect("it is there").expect("and can be read");
        assert!(task.ended.is_none());
    }
    let _ = (state.quarantined(), state.locations().count());
    let parts = state.parts().into_iter().map(Bytes::from);
    let again = State::from_parts(parts).expect("its own parts can be read");
    assert_eq!(again, *state);
}

/// A state with something of most kinds, and the batches that made it.
fn some() -> (State, Vec<Bytes>) {
    let (mut state, mut staging, mut batches) = (State::default(), Staging::default(), Vec::new());
    for step in 0..4 {
        let key = format!("key-{step}");
        let key = Some(ClientKey {
            key: &key,
            fingerprint: [step; 32],
        });
        let Evaluated::Staged { batch, .. } = staging.evaluate(&state, key, |draft| make(draft, step)) else {
            panic!("nothing is in the way of step {step}");
        };
        batches.push(batch);
        // The last is left for the fuzzer.
        if step < 3 {
            state.apply(&batches[usize::from(step)], step.into());
            staging.applied(state.last());
        }
    }
    (state, batches)
}

fn make(draft: &mut Draft<'_>, step: u8) -> Result<Bytes, Refusal> {
    let id = |id: &str| EntityId::new(id).expect("it is an id");
    let task = TaskId::new("t").expect("it is an id");
    match step {
        0 => {
            let mut child = Entity::new(id("b"), "Type", "b");
            child.parent = Some(id("a"));
            draft.create(&[Entity::new(id("a"), "Type", "a"), child])?;
        }
        1 => {
            let mut made = Task::new(task, Some(id("b")), "work", 1);
            made.call = Some(Call {
                effector: "work".into(),
                parameters: Values::default(),
                is_idempotent: true,
            });
            draft.accept_task(&made)?;
        }
        2 => draft.start_task(&task, Started { at_ms: 2, epoch: 1 })?,
        _ => {
            draft.set_sensor(&id("a"), "s", &Json::string("one"))?;
            draft.set_sensor(&id("b"), "s", &Json::string("two"))?;
            draft.edit(&id("b"), |entity| entity.tags.push(Json::string("tag")))?;
        }
    }
    Ok(Bytes::from_static(b"answer"))
}

pub(crate) fn batches() -> Vec<(String, Vec<u8>)> {
    let (_, batches) = some();
    let named = |(at, batch): (usize, Bytes)| (format!("batch-{at}"), batch.to_vec());
    batches.into_iter().enumerate().map(named).collect()
}

pub(crate) fn parts() -> Vec<(String, Vec<u8>)> {
    let (mut state, batches) = some();
    let with_tasks = state.parts().remove(0);
    state.apply(&batches[3], 9);
    state.apply(b"no batch", 10);
    vec![
        ("tasks".into(), with_tasks),
        ("set-aside".into(), state.parts().remove(0)),
        ("empty".into(), State::default().parts().remove(0)),
    ]
}
