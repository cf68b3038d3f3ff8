//! A journal read from outside, entry by entry, by the one rule of validity: for tools that verify or copy a plane's store.

use alloc::collections::BTreeMap;
use alloc::string::ToString;

use crate::entry::{FormatError, RawEntry};
use crate::hash::Digest;
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
    /// Entries that are not valid, by their hashes. There are few: what writers leave who have lost their leadership.
    invalid: BTreeMap<Digest, Seq>,
}

impl Walk {
    /// Begins before the first slot.
    #[must_use]
    pub fn from_start() -> Self {
        Self::of(View::empty())
    }

    /// Begins behind the slot of a manifest, and takes its word for all up to there.
    #[must_use]
    pub fn from_manifest(manifest: &Manifest) -> Self {
        Self::of(manifest.view.clone())
    }

    fn of(view: View) -> Self {
        Self {
            view,
            invalid: BTreeMap::new(),
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
    /// If they do not verify, are a valid entry that this version cannot decode, or name an entry that is not valid as the one before: nobody
    /// writes that, so the chain was altered there. The walk then stays where it is.
    pub fn take(&mut self, bytes: &[u8]) -> Result<bool, FormatError> {
        let seq = self.next_slot();
        let entry = RawEntry::parse(&entry_key(seq), seq, bytes)?;
        if let Some(altered) = self.invalid.get(&entry.header.prev) {
            return Err(FormatError::Corrupt {
                object: entry_key(*altered),
                what: "an entry that does not fit the one before it, and that later ones build on",
            });
        }
        let is_valid = matches!(self.view.consume(&entry)?, Read::Valid(_));
        if !is_valid {
            self.invalid.insert(entry.hash, seq);
        }
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
