//! What a process has applied, in a file outside the plane, as [`ha_tests::chaos`] reads it.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use ha_core::Change;
use ha_tests::chaos::{Digest, Seen};

/// Writes each line at once, so that nothing of it is lost when the process is killed.
pub(crate) struct Witness(File);

impl Witness {
    /// One of this process alone.
    pub(crate) fn in_dir(dir: &Path, node: &str) -> std::io::Result<Self> {
        let name = format!("{node}-{}", std::process::id());
        let file = File::options().create(true).append(true).open(dir.join(name))?;
        let mut witness = Self(file);
        // A process of the same id may have written there before.
        witness.stands_at(0, Digest::default());
        Ok(witness)
    }

    pub(crate) fn applied(&mut self, change: &Change, value: &str) {
        self.write(&Seen::Applied {
            seq: change.seq.0,
            index: change.index as u64,
            epoch: change.epoch.0,
            value: value.to_owned(),
        });
    }

    pub(crate) fn stands_at(&mut self, len: u64, digest: Digest) {
        self.write(&Seen::StandsAt { len, digest });
    }

    fn write(&mut self, seen: &Seen) {
        let line = format!("{seen}\n");
        if let Err(error) = self.0.write_all(line.as_bytes()) {
            // A record with a gap would accuse the plane.
            eprintln!("ha-counter: what was applied cannot be written down: {error}");
            std::process::abort();
        }
    }
}
