//! A journal read from outside, entry by entry, by the one rule of validity: for tools that verify or copy a plane's store.

use alloc::string::ToString;

use crate::entry::{FormatError, RawEntry};
use crate::layout::{entry_key, manifest_key};
use crate::manifest::Manifest;
use crate::names::Seq;
use crate::view::{Read, View};

/// A walk along the chain, from its first slot or from a manifest. It is pure: what lies in the next slot is given to it.
///
/// ```
/// # use ha_proto::{Walk, Seq};
/// let walk = Walk::from_start();
/// assert_eq!(walk.next_slot(), Seq(1));
/// assert!(walk.clone().take(b"not an entry").is_err());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Walk {
    view: View,
}

impl Walk {
    /// Begins before the first slot.
    #[must_use]
    pub fn from_start() -> Self {
        Self { view: View::empty() }
    }

    /// Begins behind the slot of a manifest, and takes its word for all up to there.
    #[must_use]
    pub fn from_manifest(manifest: &Manifest) -> Self {
        Self {
            view: manifest.view.clone(),
        }
    }

    /// The slot whose bytes come next.
    #[must_use]
    pub fn next_slot(&self) -> Seq {
        self.view.pos.next()
    }

    /// What is known up to here.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Takes the bytes found in the next slot, and says whether they are a valid entry; one that is not is skipped, as by every reader.
    ///
    /// # Errors
    /// If they do not verify, or are a valid entry that this version cannot decode. The walk then stays where it is.
    pub fn take(&mut self, bytes: &[u8]) -> Result<bool, FormatError> {
        let seq = self.next_slot();
        let entry = RawEntry::parse(&entry_key(seq), seq, bytes)?;
        let is_valid = matches!(self.view.consume(&entry)?, Read::Valid(_));
        // Nobody asks for the hashes of the slots behind.
        self.view.confirm_up_to(seq);
        Ok(is_valid)
    }

    /// Checks that a manifest of the slot reached says what the entries have said.
    ///
    /// # Errors
    /// If it is of another slot, or of another history.
    pub fn check(&self, manifest: &Manifest) -> Result<(), FormatError> {
        let (ours, theirs) = (&self.view, &manifest.view);
        let agree = ours.pos == theirs.pos
            && ours.chain == theirs.chain
            && ours.last_valid == theirs.last_valid
            && ours.plane == theirs.plane
            && (ours.epoch, ours.released) == (theirs.epoch, theirs.released)
            && ours.table == theirs.table
            && ours.full == theirs.full;
        if agree {
            return Ok(());
        }
        Err(FormatError::Corrupt {
            object: manifest_key(manifest.seq()).to_string(),
            what: "a manifest that does not say what the entries before it say",
        })
    }
}
