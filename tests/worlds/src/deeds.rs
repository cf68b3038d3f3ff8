//! What was done in many worlds: a run in which one of them is none has looked at too little.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts, by what was done.
#[derive(Debug, Default)]
pub struct Deeds([AtomicU64; NAMES.len()]);

/// What is counted.
const NAMES: [&str; 12] = [
    "batches",
    "void",
    "deployed",
    "removed",
    "counted",
    "accepted",
    "begun",
    "begun_again",
    "done",
    "interrupted",
    "retries_answered",
    "states_compared",
];

impl Deeds {
    /// One more.
    ///
    /// # Panics
    /// If there is no such name.
    pub fn add(&self, name: &str) {
        let at = NAMES.iter().position(|n| *n == name).expect("it is counted");
        self.0[at].fetch_add(1, Ordering::Relaxed);
    }

    /// All counts, by their names.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES
            .iter()
            .zip(&self.0)
            .map(|(name, n)| (*name, n.load(Ordering::Relaxed)))
    }

    /// What was never done. A void batch, evaluated upon one that was lost, is one in a thousand, and a few worlds may have none.
    #[must_use]
    pub fn missed(&self) -> Vec<&'static str> {
        self.pairs()
            .filter(|(name, n)| *n == 0 && *name != "void")
            .map(|(name, _)| name)
            .collect()
    }
}
