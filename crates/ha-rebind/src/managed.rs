//! The state as a plane's node holds it: fed by `ha-core`, read by whoever asks.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;

use bytes::Bytes;
use ha_core::{Change, Epoch, RestoreError, StateMachine, UnknownWrite};

use crate::batch::BatchBytes;
use crate::fates::Fates;
use crate::level::{Level, Unreadable};
use crate::propose::Staging;
use crate::state::snapshot::{Part, PartError};
use crate::state::{Applied, State};

/// What a node of a plane manages: to be given to [`PlaneBuilder::state`](ha_core::PlaneBuilder::state). Clones are handles on the same.
///
/// What is read is durable, and the state after a prefix of the journal. Who leads writes through a [`Proposer`](crate::Proposer).
#[derive(Clone, Default)]
pub struct Managed(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: RwLock<State>,
    /// Taken before `state` where both are.
    leading: Mutex<Option<Leading>>,
}

/// What this node has proposed in the epoch that it leads, or led last.
pub(crate) struct Leading {
    pub(crate) epoch: Epoch,
    pub(crate) staging: Staging,
    pub(crate) fates: Fates,
}

impl Managed {
    /// The same on a node that is held at an older format level: it reads none above this, and never writes at one.
    #[must_use]
    pub fn reading_up_to(newest: Level) -> Self {
        let state = RwLock::new(State::reading_up_to(newest));
        Self(Arc::new(Shared {
            state,
            leading: Mutex::default(),
        }))
    }

    /// Reads the state. Nothing is applied meanwhile, so be short.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins to propose in an epoch, if that has not begun.
    pub(crate) fn lead(&self, epoch: Epoch) {
        let mut leading = self.leading();
        if leading.as_ref().is_none_or(|l| l.epoch != epoch) {
            *leading = Some(Leading {
                epoch,
                staging: Staging::default(),
                fates: Fates::default(),
            });
        }
    }

    /// What is proposed in an epoch, together with the state. `None` if the epoch is over.
    pub(crate) fn with_leading<T>(
        &self,
        epoch: Epoch,
        act: impl FnOnce(&mut Leading, &State) -> T,
    ) -> Option<T> {
        let mut leading = self.leading();
        let leading = leading.as_mut().filter(|l| l.epoch == epoch)?;
        Some(self.read(|state| act(leading, state)))
    }

    /// Writes of an epoch that may be applied, each with its first batch.
    pub(crate) fn all_unknown(&self, epoch: Epoch) -> Vec<(u64, UnknownWrite)> {
        let leading = self.leading();
        let leading = leading.as_ref().filter(|l| l.epoch == epoch);
        leading.map_or_else(Vec::new, |leading| leading.fates.all_unknown())
    }

    fn leading(&self) -> MutexGuard<'_, Option<Leading>> {
        self.0.leading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, state: State) {
        // What waited for the state before is answered by its end.
        *self.leading() = None;
        *self.0.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Leading {
    /// Tells those who wait what became of a batch of theirs.
    fn tell(&mut self, state: &State, change: &Change, applied: &Applied) {
        match applied {
            Applied::Done(number) => self.done(*number),
            Applied::Void => {
                let bytes = BatchBytes::read(&change.bytes);
                if let Some(number) = bytes.ok().and_then(|b| Some(b.batch().ok()?.number)) {
                    self.lost(state, number, &before_it());
                }
            }
            // From here on nothing is decided here, and nobody must wait for it.
            Applied::SetAside(_) => {
                self.staging.clear();
                self.fates = Fates::default();
            }
        }
    }

    fn done(&mut self, number: u64) {
        self.staging.applied(number);
        self.fates.done(number);
    }

    /// A batch is certainly not applied, and so is none that was evaluated upon it. Nothing is upon one of which that was known already.
    pub(crate) fn lost(&mut self, state: &State, number: u64, why: &ha_core::Refusal) {
        if self.fates.is_open(number) {
            self.staging.lost(state, number);
            self.fates.lost(number, why);
        }
    }
}

impl StateMachine for Managed {
    fn apply(&mut self, change: &Change) {
        self.apply_entry(std::slice::from_ref(change));
    }

    fn apply_entry(&mut self, changes: &[Change]) {
        let applied: Vec<_> = {
            let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
            let apply = |change: &Change| state.apply(&change.bytes, change.time_ms);
            changes.iter().map(apply).collect()
        };
        // All changes of an entry are of one epoch. Without a leader here there is nobody to tell.
        let epoch = changes.first().map(|change| change.epoch);
        let _ = epoch.and_then(|epoch| {
            self.with_leading(epoch, |leading, state| {
                for (change, applied) in changes.iter().zip(&applied) {
                    leading.tell(state, change, applied);
                }
            })
        });
        for (change, applied) in changes.iter().zip(applied) {
            match applied {
                Applied::Done(_) => {}
                Applied::Void => {
                    tracing::debug!(seq = %change.seq, "void: it was evaluated upon a batch that was lost")
                }
                Applied::SetAside(why) => {
                    tracing::error!(seq = %change.seq, "a batch cannot be read, and this node cannot lead: it is {why}");
                }
            }
        }
    }

    fn reset(&mut self) {
        self.replace(State::reading_up_to(self.read(State::reads)));
    }

    fn level(&self) -> u32 {
        self.read(State::reads).0.into()
    }

    fn unusable(&self) -> Option<String> {
        let why = self.read(State::unreadable)?;
        // What no version can read is no reason to serve less on any node: it refuses writes, and says why.
        matches!(why, Unreadable::TooNew { .. }).then(|| format!("the state is {why}"))
    }

    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        self.read(State::parts)
    }

    fn restore(&mut self, parts: &[&[u8]]) -> Result<(), RestoreError> {
        let parts: Vec<Bytes> = parts.iter().map(|p| Bytes::copy_from_slice(p)).collect();
        self.restore_shared(&parts)
    }

    fn restore_shared(&mut self, parts: &[Bytes]) -> Result<(), RestoreError> {
        let state = load(parts, self.read(State::reads)).inspect_err(|error| {
            // The journal behind it is not to be had, so this node has no way on.
            let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
            state.note_part(error);
        })?;
        tracing::info!(
            entities = state.entity_count(),
            "loaded from {} parts",
            parts.len()
        );
        if state.unread_rows() > 0 {
            tracing::error!(
                "{} rows of the snapshot make no sense, and are kept as they are",
                state.unread_rows()
            );
        }
        self.replace(state);
        Ok(())
    }
}

/// Why a batch is void that is in the journal.
fn before_it() -> ha_core::Refusal {
    ha_core::Refusal::Store("a write before it was lost".into())
}

/// Loads parts, some of them at once.
fn load(parts: &[Bytes], reads: Level) -> Result<State, PartError> {
    let at_once = thread::available_parallelism().map_or(1, |n| n.get().min(MOST_THREADS));
    let mut state = State::reading_up_to(reads);
    for some in parts.chunks(at_once) {
        let read: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = some
                .iter()
                .map(|part| scope.spawn(|| Part::read_up_to(part.clone(), reads)))
                .collect();
            threads
                .into_iter()
                .map(|t| t.join().expect("reading a part does not panic"))
                .collect()
        });
        for part in read {
            state.take(part?);
        }
    }
    Ok(state)
}

/// Beyond these the one that takes the parts cannot follow.
const MOST_THREADS: usize = 8;

impl fmt::Debug for Managed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entities = self.read(State::entity_count);
        f.debug_struct("Managed")
            .field("entities", &entities)
            .finish_non_exhaustive()
    }
}
