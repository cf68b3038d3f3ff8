//! What a leader has proposed and the journal has not decided: the ground on which the next proposal is evaluated.

use std::collections::VecDeque;

use bytes::Bytes;

use super::draft::Draft;
use super::layers::{Making, Rows, Seen, Touched};
use super::refusal::Refusal;
use crate::batch::BatchBytes;
use crate::state::State;
use crate::state::has_expired;
use crate::state::tables::{Look, make};

/// The batches that are proposed and not yet decided, in order, and the rows that they will have changed.
///
/// Each proposal is evaluated upon the durable state and all that is staged. If a batch is lost, so is what was staged upon it: its bytes name
/// the batch before, so that no node applies it.
#[derive(Clone, Debug, Default)]
pub struct Staging {
    rows: Rows,
    batches: VecDeque<Staged>,
    /// The highest number given.
    last: u64,
}

#[derive(Clone, Debug)]
struct Staged {
    number: u64,
    batch: Bytes,
    touched: Touched,
}

/// A key that a client sent with its request, and a hash of the request.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct ClientKey<'a> {
    /// The key.
    pub key: &'a str,
    /// Hash of the request: the same key with another one is refused.
    pub fingerprint: [u8; 32],
}

/// What came of an evaluation.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Evaluated {
    /// Changes are staged: to be appended to the journal now, before anything else is evaluated. The answer holds when they are durable.
    Staged {
        /// The batch's number.
        number: u64,
        /// What to append.
        batch: Bytes,
        /// The answer.
        answer: Bytes,
    },
    /// There is nothing to change. The answer is a read of what was staged: it holds when the batch that it saw is durable.
    Read {
        /// The last batch that was staged; `None`: all that was seen is durable.
        saw: Option<u64>,
        /// The answer.
        answer: Result<Bytes, Refusal>,
    },
}

impl Staging {
    /// Evaluates one proposal. What `evaluate` makes is staged as a whole, or, if it refuses, not at all.
    pub fn evaluate(
        &mut self,
        state: &State,
        key: Option<ClientKey<'_>>,
        evaluate: impl FnOnce(&mut Draft<'_>) -> Result<Bytes, Refusal>,
    ) -> Evaluated {
        let saw = self.batches.back().map(|b| b.number);
        let read = |answer| Evaluated::Read { saw, answer };
        if let Some(why) = state.unreadable() {
            return read(Err(Refusal::StateUnreadable(why)));
        }
        let seen = Seen {
            below: state,
            rows: &self.rows,
        };
        let known = key.and_then(|k| Some((k, seen.remembered(k.key)?)));
        if let Some((key, known)) = known.filter(|(_, known)| !has_expired(known.at_ms, state.time_ms())) {
            let is_same = known.fingerprint == key.fingerprint;
            let reused = || Refusal::KeyReused(key.key.into());
            return read(is_same.then(|| known.answer.clone()).ok_or_else(reused));
        }
        let after = saw.unwrap_or_else(|| state.last());
        let number = self.last.max(state.last()) + 1;
        let level = seen.level();
        let mut draft = Draft::new(&seen, number);
        let answer = match evaluate(&mut draft) {
            Ok(answer) => answer,
            Err(refusal) => return read(Err(refusal)),
        };
        if let Some(key) = key {
            draft.remember(key.key, key.fingerprint, &answer);
        }
        if draft.is_empty() {
            return read(Ok(answer));
        }
        let (batch, rows) = draft.finish(after, level);
        let (batch, touched) = (Bytes::from(batch), self.rows.take(rows));
        self.last = number;
        self.batches.push_back(Staged {
            number,
            batch: batch.clone(),
            touched,
        });
        Evaluated::Staged {
            number,
            batch,
            answer,
        }
    }

    /// The batches up to this number are in the state.
    pub fn applied(&mut self, number: u64) {
        while self.batches.front().is_some_and(|s| s.number <= number) {
            let staged = self.batches.pop_front().expect("there is a first");
            self.rows.release(&staged.touched, staged.number);
        }
    }

    /// A batch is certainly not applied. Drops it and all that was staged upon it; answers their numbers.
    pub fn lost(&mut self, state: &State, number: u64) -> Vec<u64> {
        let first = self
            .batches
            .iter()
            .position(|s| s.number >= number)
            .unwrap_or(self.batches.len());
        let lost = self.batches.split_off(first).iter().map(|s| s.number).collect();
        let left = std::mem::take(&mut self.batches);
        self.rows = Rows::default();
        for staged in left {
            self.stage_again(state, staged);
        }
        lost
    }

    /// Forgets all that is staged: another epoch has begun, and the state holds what became of it. Answers the numbers.
    pub fn clear(&mut self) -> Vec<u64> {
        self.rows = Rows::default();
        std::mem::take(&mut self.batches)
            .iter()
            .map(|s| s.number)
            .collect()
    }

    /// How many batches are not decided.
    #[must_use]
    pub fn undecided(&self) -> usize {
        self.batches.len()
    }

    fn stage_again(&mut self, state: &State, staged: Staged) {
        let seen = Seen {
            below: state,
            rows: &self.rows,
        };
        let mut making = Making {
            below: &seen,
            rows: Rows::default(),
            by: staged.number,
        };
        let bytes = BatchBytes::read(&staged.batch).expect("it was encoded here");
        let batch = bytes.batch().expect("it was encoded here");
        for change in &batch.changes {
            // What the state has applied meanwhile does not fit again, and is there.
            make(&mut making, change, state.time_ms());
        }
        let touched = self.rows.take(making.rows);
        self.batches.push_back(Staged { touched, ..staged });
    }
}
