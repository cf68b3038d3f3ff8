//! A task ends at most once, is begun under Full authority and no lower epoch than any before, and again only if that does no harm.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_proto::{Epoch, Kind};
use ha_rebind::State;
use ha_sim::Truth;
use ha_sim::check::{Checker, Scene, Seen};

use super::{Head, done, holds};
use crate::offer::task_id;
use crate::{Deeds, Intent, Managing, Request, Taken};

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Known {
    is_idempotent: bool,
    attempt: u32,
    /// The epoch that began it last; 0: none.
    epoch: u64,
    has_ended: bool,
}

/// What the journal says of each task.
#[derive(Debug)]
pub(crate) struct Tasks {
    head: Head,
    tasks: BTreeMap<u64, Known>,
    /// The highest epoch that has begun any.
    highest: u64,
    deeds: Arc<Deeds>,
}

impl Tasks {
    pub(crate) fn new(deeds: &Arc<Deeds>) -> Self {
        Self {
            head: Head::default(),
            tasks: BTreeMap::new(),
            highest: 0,
            deeds: Arc::clone(deeds),
        }
    }

    fn take(&mut self, request: &Request, is_full: bool) -> Result<(), String> {
        match request.intent {
            Intent::Deploy { task, .. } => self.accepted(task, false),
            Intent::Accept {
                task, is_idempotent, ..
            } => self.accepted(task, is_idempotent),
            Intent::Begin { task } => self.begun(task, request.epoch, is_full),
            Intent::Done { task } => {
                self.deeds.add("done");
                let known = self.ends(task)?;
                holds(known.epoch == request.epoch, || {
                    format!("epoch {} ended t{task}: {known:?}", request.epoch)
                })
            }
            Intent::Interrupted { task } => {
                self.deeds.add("interrupted");
                let known = self.ends(task)?;
                let is_due = known.attempt == 1 && !known.is_idempotent && known.epoch < request.epoch;
                holds(is_due, || {
                    format!("epoch {} broke t{task} off: {known:?}", request.epoch)
                })
            }
            Intent::Forget { task } => {
                let known = self.tasks.remove(&task);
                holds(known.is_some_and(|known| known.has_ended), || {
                    format!("t{task} was forgotten: {known:?}")
                })
            }
            Intent::Nothing | Intent::Retry | Intent::Remove { .. } | Intent::Count { .. } => Ok(()),
        }
    }

    fn accepted(&mut self, task: u64, is_idempotent: bool) -> Result<(), String> {
        self.deeds.add("accepted");
        let accepted = Known {
            is_idempotent,
            ..Known::default()
        };
        let before = self.tasks.insert(task, accepted);
        holds(before.is_none(), || format!("t{task} was accepted twice"))
    }

    fn begun(&mut self, task: u64, epoch: u64, is_full: bool) -> Result<(), String> {
        self.deeds.add("begun");
        let known = self
            .tasks
            .get_mut(&task)
            .ok_or_else(|| format!("t{task} is nowhere"))?;
        if known.attempt > 0 {
            self.deeds.add("begun_again");
        }
        let may_begin =
            !known.has_ended && known.epoch < epoch && (known.attempt == 0 || known.is_idempotent);
        holds(may_begin, || format!("epoch {epoch} began t{task}: {known:?}"))?;
        holds(is_full, || format!("epoch {epoch} began t{task} and may not act"))?;
        let highest = self.highest;
        holds(epoch >= highest, || {
            format!("epoch {epoch} began t{task} after one of {highest}")
        })?;
        (known.epoch, self.highest) = (epoch, epoch);
        known.attempt += 1;
        Ok(())
    }

    fn ends(&mut self, task: u64) -> Result<Known, String> {
        let known = self
            .tasks
            .get_mut(&task)
            .ok_or_else(|| format!("t{task} is nowhere"))?;
        let before = *known;
        known.has_ended = true;
        holds(!before.has_ended, || format!("t{task} ended twice"))?;
        Ok(before)
    }

    fn same(&self, state: &State) -> Result<(), String> {
        holds(state.tasks().len() == self.tasks.len(), || {
            format!(
                "{} tasks, and {} are durable",
                state.tasks().len(),
                self.tasks.len()
            )
        })?;
        self.tasks.iter().try_for_each(|(number, known)| {
            let task = state.task(&task_id(*number)).and_then(Result::ok);
            let shown = task.map(|task| Known {
                is_idempotent: task.call.is_some_and(|call| call.is_idempotent),
                attempt: task.attempt,
                epoch: task.started.map_or(0, |started| started.epoch),
                has_ended: task.ended.is_some(),
            });
            holds(shown == Some(*known), || {
                format!("t{number} is {shown:?}, and was made {known:?}")
            })
        })
    }
}

/// Whether an epoch has an entry that gives leave to act, before the one that holds this change.
fn is_full(truth: &Truth, epoch: u64, change: u64) -> bool {
    let (Some(began), Some(slot)) = (truth.began(Epoch(epoch)), truth.slot_of(change)) else {
        return false;
    };
    let before = truth.valid.range(began..slot.max(began));
    before
        .map(|(_, entry)| entry)
        .any(|(_, kind)| *kind == Kind::Full)
}

impl Checker<Managing> for Tasks {
    fn name(&self) -> &'static str {
        "tasks"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, Managing>) -> Result<(), String> {
        let Some((news, state)) = self.head.news(seen) else {
            return Ok(());
        };
        for taken in news {
            if matches!(taken, Taken::Emptied) {
                self.tasks.clear();
            }
            if let (Taken::Change { number, .. }, Some(request)) = (taken, done(taken)) {
                self.take(request, is_full(scene.truth, request.epoch, *number))?;
            }
        }
        self.same(state)
    }
}
