//! The state: an append-only list.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ha_core::{Change, RestoreError, StateMachine};

/// All values that were committed, in that order; shared with who reads them. A value that was committed twice is there twice.
#[derive(Clone, Default)]
pub(crate) struct Values(Arc<Mutex<Vec<String>>>);

impl Values {
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateMachine for Values {
    fn apply(&mut self, change: &Change) {
        self.lock()
            .push(String::from_utf8_lossy(&change.bytes).into_owned());
    }

    fn reset(&mut self) {
        self.lock().clear();
    }

    /// One to three parts, so that all of these are met.
    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        let values = self.lock();
        let parts = 1 + values.len() % 3;
        let cut = |part: usize| values.len() * part / parts;
        let text = |part: usize| {
            values[cut(part)..cut(part + 1)]
                .iter()
                .map(|value| format!("{value}\n"))
                .collect::<String>()
        };
        (0..parts).map(|part| text(part).into_bytes()).collect()
    }

    fn restore(&mut self, parts: &[&[u8]]) -> Result<(), RestoreError> {
        let text = String::from_utf8(parts.concat())?;
        *self.lock() = text.lines().map(str::to_owned).collect();
        Ok(())
    }
}
