//! A state that is about to take the place of another.

use std::sync::Arc;

use bytes::Bytes;

use crate::level::Level;
use crate::propose::{Draft, Evaluated, Refusal, Staging};
use crate::state::packed::pack;
use crate::state::{State, Unfit};

/// A state that fits a plane, and its bytes in an entry: for [`Draft::replace`].
#[derive(Debug)]
pub struct Replacement {
    state: Arc<State>,
    packed: Vec<u8>,
}

impl Replacement {
    /// Looks whether a state fits a plane of this level, and packs it. Takes a while if it is large.
    ///
    /// # Errors
    /// If it does not fit, or could not be read as a whole.
    pub fn new(state: State, plane: Level) -> Result<Self, Unfit> {
        state.check_fit(plane)?;
        let packed = pack(&state);
        let state = Arc::new(state);
        Ok(Self { state, packed })
    }

    /// The same, with changes that are made before.
    pub(crate) fn with(
        mut state: State,
        plane: Level,
        change: impl FnOnce(&mut Draft<'_>) -> Result<(), Refusal>,
    ) -> Result<Self, Unfit> {
        state.check_fit(plane)?;
        let change = |draft: &mut Draft<'_>| change(draft).map(|()| Bytes::new());
        match Staging::default().evaluate(&state, None, change) {
            Evaluated::Staged { batch, .. } => _ = state.apply(&batch, state.time_ms()),
            Evaluated::Read { answer, .. } => _ = answer.map_err(|why| Unfit::Tasks(Box::new(why)))?,
        }
        Self::new(state, plane)
    }

    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// How many bytes it takes of an entry.
    #[must_use]
    pub fn size(&self) -> usize {
        self.packed.len()
    }

    /// Its bytes, in pieces of so many.
    pub fn pieces(&self, of: usize) -> impl ExactSizeIterator<Item = &[u8]> {
        self.packed.chunks(of.max(1))
    }

    pub(crate) fn packed(&self) -> &[u8] {
        &self.packed
    }
}
