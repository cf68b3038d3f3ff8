//! What this process knows of calls whose code it has begun, and that have not ended as far as it knows.

use std::collections::HashMap;

use crate::names::TaskId;

/// Calls by their tasks. What was begun in another epoch is judged by the state alone.
#[derive(Debug, Default)]
pub(super) struct Acted(HashMap<TaskId, Attempt>);

#[derive(Debug)]
struct Attempt {
    epoch: u64,
    number: u32,
}

impl Acted {
    /// The code of a call begins.
    pub(super) fn begin(&mut self, id: &TaskId, epoch: u64, number: u32) {
        self.0.insert(id.clone(), Attempt { epoch, number });
    }

    /// The attempt in this epoch in which the code of a call was begun last.
    pub(super) fn attempt(&self, id: &TaskId, epoch: u64) -> Option<u32> {
        let attempt = self.0.get(id).filter(|attempt| attempt.epoch == epoch)?;
        Some(attempt.number)
    }

    /// A task has ended.
    pub(super) fn forget(&mut self, id: &TaskId) {
        self.0.remove(id);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
