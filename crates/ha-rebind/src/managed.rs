//! The state as a plane's node holds it: fed by `ha-core`, read by whoever asks.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;

use bytes::Bytes;
use ha_core::{Change, Epoch, RestoreError, StateMachine, UnknownWrite};
use tokio::sync::watch;

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
    fates: VecDeque<(u64, watch::Sender<Fate>)>,
}

/// What becomes of a batch that was proposed.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Pending,
    /// In the journal, and in the state here.
    Done,
    /// Certainly not applied.
    Lost(ha_core::Refusal),
    /// It may be applied; the journal will tell.
    Unknown(UnknownWrite),
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
                fates: VecDeque::new(),
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
    /// A batch was proposed: what becomes of it is told to whoever listens.
    pub(crate) fn expect(&mut self, number: u64) -> watch::Receiver<Fate> {
        let (fate, told) = watch::channel(Fate::Pending);
        self.fates.push_back((number, fate));
        told
    }

    /// What becomes of a batch; `None` if it is done.
    pub(crate) fn fate_of(&self, number: u64) -> Option<watch::Receiver<Fate>> {
        self.fates
            .iter()
            .find(|(n, _)| *n == number)
            .map(|(_, fate)| fate.subscribe())
    }

    pub(crate) fn done(&mut self, number: u64) {
        self.staging.applied(number);
        while self.fates.front().is_some_and(|(n, _)| *n <= number) {
            if let Some((_, fate)) = self.fates.pop_front() {
                fate.send_replace(Fate::Done);
            }
        }
    }

    /// A batch is certainly not applied, and so is none that was evaluated upon it.
    pub(crate) fn lost(&mut self, state: &State, number: u64, why: &ha_core::Refusal) {
        for lost in self.staging.lost(state, number) {
            if let Some(at) = self.fates.iter().position(|(n, _)| *n == lost) {
                let (_, fate) = self.fates.remove(at).expect("it is there");
                fate.send_replace(Fate::Lost(why.clone()));
            }
        }
    }

    pub(crate) fn unknown(&self, number: u64, write: UnknownWrite) {
        if let Some((_, fate)) = self.fates.iter().find(|(n, _)| *n == number) {
            fate.send_replace(Fate::Unknown(write));
        }
    }

    /// Batches of which it is not known what became of them.
    pub(crate) fn all_unknown(&self) -> Vec<(u64, UnknownWrite)> {
        let write = |(number, fate): &(u64, watch::Sender<Fate>)| match &*fate.borrow() {
            Fate::Unknown(write) => Some((*number, *write)),
            Fate::Pending | Fate::Done | Fate::Lost(_) => None,
        };
        self.fates.iter().filter_map(write).collect()
    }
}

impl StateMachine for Managed {
    fn apply(&mut self, change: &Change) {
        let applied = {
            let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
            state.apply(&change.bytes, change.time_ms)
        };
        match applied {
            Applied::Done(number) => {
                // Without a leader here there is nobody to tell.
                let _ = self.with_leading(change.epoch, |leading, _| leading.done(number));
            }
            Applied::Void => {
                tracing::debug!(seq = %change.seq, "void: it was evaluated upon a batch that was lost")
            }
            Applied::SetAside(why) => {
                tracing::error!(seq = %change.seq, "a batch cannot be read, and this node cannot lead: it is {why}");
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
