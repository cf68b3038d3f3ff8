//! The state: an append-only list, of which the end is kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ha_core::{Change, RestoreError, StateMachine};
use ha_tests::chaos::{Bug, Digest};

use crate::planted::Planted;
use crate::witness::Witness;

/// All values that were committed, in that order; shared with who reads them. A value that was committed twice is there twice.
#[derive(Clone)]
pub(crate) struct Values(Arc<Mutex<List>>);

struct List {
    /// The last ones.
    kept: VecDeque<String>,
    /// How many are kept at most.
    keep: usize,
    /// How many there have been.
    len: u64,
    /// Of all there have been.
    digest: Digest,
    witness: Option<Witness>,
    planted: Planted,
}

/// What all values come to.
pub(crate) struct Sum {
    pub(crate) len: u64,
    pub(crate) digest: Digest,
    pub(crate) last: Option<String>,
}

impl Values {
    /// None yet. Of those to come, so many are kept, and the witness is told of all.
    pub(crate) fn new(keep: usize, witness: Option<Witness>, planted: Planted) -> Self {
        Self(Arc::new(Mutex::new(List {
            kept: VecDeque::new(),
            keep,
            len: 0,
            digest: Digest::default(),
            witness,
            planted,
        })))
    }

    /// All that are kept.
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().kept.iter().cloned().collect()
    }

    pub(crate) fn sum(&self) -> Sum {
        let list = self.lock();
        Sum {
            len: list.len,
            digest: list.digest,
            last: list.kept.back().cloned(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateMachine for Values {
    fn apply(&mut self, change: &Change) {
        let value = String::from_utf8_lossy(&change.bytes).into_owned();
        let mut list = self.lock();
        if list.planted.strikes_here(Bug::SkipChange, &value) {
            return;
        }
        if let Some(witness) = &mut list.witness {
            witness.applied(change, &value);
        }
        list.len += 1;
        list.digest = list.digest.with(&value);
        list.kept.push_back(value);
        if list.kept.len() > list.keep {
            list.kept.pop_front();
        }
    }

    fn reset(&mut self) {
        let mut list = self.lock();
        if let Some(witness) = &mut list.witness {
            witness.stands_at(0, Digest::default());
        }
        list.kept.clear();
        (list.len, list.digest) = (0, Digest::default());
    }

    /// One to three parts, so that all of these are met.
    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        let list = self.lock();
        let parts = 1 + list.kept.len() % 3;
        let cut = |part: usize| list.kept.len() * part / parts;
        let text = |part: usize| {
            list.kept
                .range(cut(part)..cut(part + 1))
                .map(|value| format!("{value}\n"))
                .collect::<String>()
        };
        let head = format!("{} {}\n", list.len, list.digest);
        (0..parts)
            .map(|part| {
                if part == 0 {
                    head.clone() + &text(0)
                } else {
                    text(part)
                }
            })
            .map(String::into_bytes)
            .collect()
    }

    fn restore(&mut self, parts: &[&[u8]]) -> Result<(), RestoreError> {
        let text = String::from_utf8(parts.concat())?;
        let mut lines = text.lines();
        let (len, digest) = lines
            .next()
            .and_then(|head| head.split_once(' '))
            .ok_or("a snapshot of values begins with their number and digest")?;
        let (len, digest) = (len.parse()?, digest.parse()?);
        let mut list = self.lock();
        if let Some(witness) = &mut list.witness {
            witness.stands_at(len, digest);
        }
        list.kept = lines.map(str::to_owned).collect();
        (list.len, list.digest) = (len, digest);
        Ok(())
    }
}
