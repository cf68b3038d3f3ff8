//! The state machine of a node that manages applications: the state, and what the node has proposed and not heard of.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use ha_rebind::{Applied, Staging, State};
use ha_sim::rng::Rng;
use ha_sim::{Desk, Service};

use crate::intent::Request;
use crate::offer::{Offer, offer};

/// What a node manages.
#[derive(Clone, Debug, Default)]
pub struct Managing {
    /// All that is durable, as far as this node has read.
    pub state: State,
    /// How many changes it has taken.
    pub len: u64,
    /// The last of them, oldest first.
    taken: VecDeque<Taken>,
    leading: Leading,
}

/// What this node has proposed in the epoch that it leads, or led last.
#[derive(Clone, Debug, Default)]
struct Leading {
    epoch: u64,
    staging: Staging,
    /// By the number of the change, that of its batch.
    batches: BTreeMap<u64, u64>,
}

/// What a node took from the journal.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_enums)]
pub enum Taken {
    /// The state was emptied.
    Emptied,
    /// A change.
    Change {
        /// Its number.
        number: u64,
        /// What it means.
        request: Request,
        /// Its batch; empty if it has none.
        batch: Bytes,
        /// What became of it.
        applied: Option<Applied>,
    },
}

/// How many of those that were taken are remembered: more than an entry holds, which after a burst are tens of thousands.
const REMEMBERED: usize = 1 << 17;

impl Managing {
    /// The changes that were taken from this place on.
    ///
    /// # Panics
    /// If they are forgotten.
    pub fn taken_from(&self, place: u64) -> impl Iterator<Item = &Taken> {
        let first = self.len - self.taken.len() as u64;
        assert!(
            place >= first || place >= self.len,
            "what was taken at {place} is forgotten: {} of {} are known",
            self.taken.len(),
            self.len
        );
        self.taken.iter().skip(place.saturating_sub(first) as usize)
    }

    fn take(&mut self, taken: Taken) {
        self.len += 1;
        self.taken.push_back(taken);
        if self.taken.len() > REMEMBERED {
            self.taken.pop_front();
        }
    }
}

impl Service for Managing {
    /// Nobody proposes without a look at the state.
    fn propose(_: &mut Rng, _: u64) -> Vec<u8> {
        unreachable!("it offers")
    }

    fn offer(&mut self, rng: &mut Rng, number: u64, desk: Desk) -> Vec<u8> {
        let epoch = desk.epoch.map(|epoch| epoch.0);
        if let Some(epoch) = epoch.filter(|epoch| *epoch != self.leading.epoch) {
            self.leading = Leading {
                epoch,
                ..Leading::default()
            };
        }
        let made = match epoch {
            Some(epoch) => offer(
                &self.state,
                &mut self.leading.staging,
                rng,
                number,
                epoch,
                desk.may_act,
            ),
            None => Offer::nothing(0),
        };
        if let Some(batch) = made.number {
            self.leading.batches.insert(number, batch);
        }
        made.request.encode(&made.batch)
    }

    fn lost(&mut self, number: u64) {
        if let Some(batch) = self.leading.batches.remove(&number) {
            self.leading.staging.lost(&self.state, batch);
        }
    }

    fn apply(&mut self, number: u64, change: &[u8]) {
        let (request, batch) = Request::decode(change);
        // The world's own number stands for the time: nothing expires.
        let applied = (!batch.is_empty()).then(|| self.state.apply(batch, number));
        if request.epoch == self.leading.epoch {
            match applied {
                Some(Applied::Done(batch)) => {
                    self.leading.batches.remove(&number);
                    self.leading.staging.applied(batch);
                }
                _ => self.lost(number),
            }
        }
        self.take(Taken::Change {
            number,
            request,
            batch: Bytes::copy_from_slice(batch),
            applied,
        });
    }

    /// How many were taken, and each part with its length.
    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = self.len.to_le_bytes().to_vec();
        for part in self.state.parts() {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        bytes
    }

    fn restore(bytes: &[u8]) -> Result<Self, String> {
        let word = |bytes: &mut &[u8]| {
            let (word, rest) = bytes.split_first_chunk::<8>().ok_or("cut short")?;
            *bytes = rest;
            Ok::<_, String>(u64::from_le_bytes(*word))
        };
        let mut rest = bytes;
        let len = word(&mut rest)?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let part = word(&mut rest)? as usize;
            let (part, left) = rest.split_at_checked(part).ok_or("a part is cut short")?;
            parts.push(Bytes::copy_from_slice(part));
            rest = left;
        }
        Ok(Self {
            state: State::from_parts(parts).map_err(|bad| bad.to_string())?,
            len,
            ..Self::default()
        })
    }

    fn clear(&mut self) {
        self.state = State::default();
        self.leading = Leading::default();
        self.take(Taken::Emptied);
    }
}
