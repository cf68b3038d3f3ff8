//! What clients ask for, and what a leader does with tasks: drawn, and evaluated as a `Proposer` does.

use bytes::Bytes;
use ha_rebind::{
    Call, ClientKey, Draft, Ended, Entity, EntityId, Evaluated, Json, Outcome, Refusal, Staging, Started,
    State, Task, TaskId, Values,
};
use ha_sim::rng::{Rng, mix};

use crate::intent::{Intent, Request};

/// A request that was evaluated.
pub(crate) struct Offer {
    pub(crate) request: Request,
    pub(crate) number: Option<u64>,
    pub(crate) batch: Bytes,
}

impl Offer {
    pub(crate) fn nothing(epoch: u64) -> Self {
        let request = Request {
            epoch,
            intent: Intent::Nothing,
            key: None,
            answer: String::new(),
            saw: 0,
        };
        Self {
            request,
            number: None,
            batch: Bytes::new(),
        }
    }
}

/// So many applications meet each other.
const APPLICATIONS: u64 = 8;
/// With so many tasks, those that have ended are forgotten.
const TASKS: usize = 24;
/// With so many that have not ended or are not decided, no more are accepted.
const MOST_UNENDED: usize = 48;
/// So many requests come before keys do not come again.
const KEY_WINDOW: u64 = 16;

/// Draws a request and evaluates it.
pub(crate) fn offer(
    state: &State,
    staging: &mut Staging,
    rng: &mut Rng,
    number: u64,
    epoch: u64,
    may_act: bool,
) -> Offer {
    let key = rng
        .chance(1000)
        .then(|| number.saturating_sub(rng.below(KEY_WINDOW)));
    // The same key is the same request, wherever and whenever it comes.
    let drawn = key.map_or_else(|| rng.draw(), mix);
    let intent = if key.is_some() || rng.chance(6000) {
        of_client(drawn, key.unwrap_or(number))
    } else {
        of_leader(state, rng, epoch, may_act).unwrap_or_else(|| of_client(drawn, number))
    };
    // Snapshots stay small, so that worlds are fast.
    let is_new = matches!(intent, Intent::Deploy { .. } | Intent::Accept { .. });
    if is_new && state.unended_tasks().len() + staging.undecided() > MOST_UNENDED {
        return Offer::nothing(epoch);
    }
    let text = key.map(|key| format!("k{key}"));
    let key = text.as_deref().map(|key| ClientKey {
        key,
        fingerprint: [7; 32],
    });
    let mut offer = Offer::nothing(epoch);
    let make = |draft: &mut Draft<'_>| make(draft, intent, epoch, number);
    match staging.evaluate(state, key, make) {
        Evaluated::Staged {
            number,
            batch,
            answer,
        } => {
            offer.request.intent = intent;
            offer.request.answer = words(&answer);
            offer.number = Some(number);
            offer.batch = batch;
        }
        Evaluated::Read {
            saw,
            answer: Ok(answer),
        } if key.is_some() => {
            offer.request.intent = Intent::Retry;
            offer.request.answer = words(&answer);
            offer.request.saw = saw.unwrap_or_default();
        }
        _ => return offer,
    }
    offer.request.key = text;
    offer
}

fn words(answer: &Bytes) -> String {
    String::from_utf8_lossy(answer).into_owned()
}

/// What a client asks for.
fn of_client(drawn: u64, task: u64) -> Intent {
    let application = drawn % APPLICATIONS;
    match (drawn >> 8) % 16 {
        0..3 => Intent::Deploy { application, task },
        3 => Intent::Remove { application },
        4..12 => Intent::Count { application },
        _ => Intent::Accept {
            application,
            task,
            is_idempotent: (drawn >> 16).is_multiple_of(2),
        },
    }
}

/// What a leader does with a task that is durable.
fn of_leader(state: &State, rng: &mut Rng, epoch: u64, may_act: bool) -> Option<Intent> {
    let all = state.tasks();
    let unended: Vec<_> = state.unended_tasks().collect();
    if all.len() > TASKS && all.len() - unended.len() > TASKS / 2 {
        let ended: Vec<_> = all.into_iter().filter(|id| !unended.contains(id)).collect();
        let task = number_of(ended[rng.below(ended.len() as u64) as usize]);
        return Some(Intent::Forget { task });
    }
    if unended.is_empty() || !may_act {
        return None;
    }
    let id = unended[rng.below(unended.len() as u64) as usize];
    let task = state.task(id)?.ok()?;
    let number = number_of(id);
    Some(if task.interrupted_in(epoch).is_some() {
        Intent::Interrupted { task: number }
    } else if task.started.is_some_and(|s| s.epoch == epoch) {
        Intent::Done { task: number }
    } else {
        Intent::Begin { task: number }
    })
}

fn make(draft: &mut Draft<'_>, intent: Intent, epoch: u64, number: u64) -> Result<Bytes, Refusal> {
    // Another answer each time that it is evaluated.
    let answer = |task: u64| Ok(Bytes::from(format!("t{task} n{number}")));
    let end = |draft: &mut Draft<'_>, task, outcome| {
        let at_ms = number;
        draft.end_task(&task_id(task), Ended { at_ms, outcome })?;
        answer(task)
    };
    match intent {
        Intent::Nothing | Intent::Retry => Err(Refusal::Other("nothing is asked for".into())),
        Intent::Deploy { application, task } => {
            let made = [0, 1, 2].map(|child| entity(application, child));
            draft.create(&made)?;
            draft.accept_task(&call(application, task, false))?;
            answer(task)
        }
        Intent::Remove { application } => {
            draft.expunge(&entity_id(application, 0))?;
            answer(0)
        }
        Intent::Count { application } => {
            for child in [1, 2] {
                let id = entity_id(application, child);
                let next = count(&draft.entity(&id)?.sensors) + 1;
                draft.set_sensor(&id, COUNT, &json(&next.to_string()))?;
            }
            answer(0)
        }
        Intent::Accept {
            application,
            task,
            is_idempotent,
        } => {
            draft.accept_task(&call(application, task, is_idempotent))?;
            answer(task)
        }
        Intent::Begin { task } => {
            let started = Started { at_ms: number, epoch };
            draft.start_task(&task_id(task), started)?;
            answer(task)
        }
        Intent::Done { task } => end(draft, task, Outcome::Done(json("null"))),
        Intent::Interrupted { task } => end(draft, task, Outcome::Interrupted("its node is gone".into())),
        Intent::Forget { task } => {
            draft.remove_task(&task_id(task))?;
            answer(task)
        }
    }
}

fn call(application: u64, task: u64, is_idempotent: bool) -> Task {
    let mut made = Task::new(task_id(task), Some(entity_id(application, 0)), "work", 1);
    made.call = Some(Call {
        effector: "work".into(),
        parameters: Values::default(),
        is_idempotent,
    });
    made
}

fn json(text: &str) -> Json {
    Json::parse(text).expect("good JSON")
}

/// The sensor that counts.
const COUNT: &str = "count";

/// What a sensor has counted.
pub(crate) fn count(sensors: &Values) -> u64 {
    sensors
        .get(COUNT)
        .and_then(|c| c.value().as_u64())
        .unwrap_or_default()
}

fn entity(application: u64, child: u64) -> Entity {
    let id = entity_id(application, child);
    let mut entity = Entity::new(
        id.clone(),
        "org.apache.brooklyn.entity.stock.BasicEntity",
        id.as_str(),
    );
    entity.parent = (child > 0).then(|| entity_id(application, 0));
    entity
}

/// An application, or a child of it.
pub(crate) fn entity_id(application: u64, child: u64) -> EntityId {
    EntityId::new(&format!("a{application}c{child}")).expect("a good id")
}

pub(crate) fn task_id(task: u64) -> TaskId {
    TaskId::new(&format!("t{task}")).expect("a good id")
}

fn number_of(id: &TaskId) -> u64 {
    id.as_str()[1..].parse().expect("tasks are called by numbers")
}
