//! What this process knows of calls whose code it has begun, and that have not ended as far as it knows.

use std::collections::HashMap;

use super::work::End;
use crate::names::TaskId;

/// Calls by their tasks. What was begun in another epoch is judged by the state alone.
#[derive(Debug, Default)]
pub(super) struct Acted(HashMap<TaskId, Attempt>);

#[derive(Debug)]
struct Attempt {
    epoch: u64,
    number: u32,
    /// How it ended, if that could not be written down in time.
    end: Option<End>,
}

impl Acted {
    /// The code of a call begins.
    pub(super) fn begin(&mut self, id: &TaskId, epoch: u64, number: u32) {
        let attempt = Attempt {
            epoch,
            number,
            end: None,
        };
        self.0.insert(id.clone(), attempt);
    }

    /// The attempt in this epoch in which the code of a call was begun last.
    pub(super) fn attempt(&self, id: &TaskId, epoch: u64) -> Option<u32> {
        let attempt = self.0.get(id).filter(|attempt| attempt.epoch == epoch)?;
        Some(attempt.number)
    }

    /// The code of a call has ended, and its leader may not write that down now. It may lead on.
    pub(super) fn keep(&mut self, id: &TaskId, epoch: u64, end: End) {
        if let Some(attempt) = self.0.get_mut(id).filter(|attempt| attempt.epoch == epoch) {
            attempt.end = Some(end);
        }
    }

    /// How the code of a call has ended in this epoch, if it has.
    pub(super) fn take_end(&mut self, id: &TaskId, epoch: u64) -> Option<End> {
        self.0
            .get_mut(id)
            .filter(|attempt| attempt.epoch == epoch)?
            .end
            .take()
    }

    /// A task has ended.
    pub(super) fn forget(&mut self, id: &TaskId) {
        self.0.remove(id);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
