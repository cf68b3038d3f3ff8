//! What crashed writers have left.

use rustix::io::Errno;
use tracing::{debug, info, warn};

use super::engine::Engine;
use super::sys::{FileKind, Sys};
use super::temp::is_temp;

impl<S: Sys> Engine<S> {
    /// Removes temporary files whose writer is dead, or that are old by the file system's own clock. A writer that
    /// has slept for longer than that finds its file gone and writes another.
    pub(super) fn sweep(&self, now: Option<i64>) {
        let entries = match self.sys.open_root().and_then(|root| self.sys.entries(root)) {
            Ok(entries) => entries,
            Err(errno) => {
                warn!(root = %self.explain.root, %errno, "leftovers could not be looked for");
                return;
            }
        };
        let mut swept = 0_u64;
        for entry in entries.iter().filter(|entry| is_temp(&entry.name)) {
            let root = &self.root.dir;
            let Ok(status) = self.sys.status_at(root, &entry.name) else {
                continue;
            };
            let is_old = now.is_some_and(|now| now.saturating_sub(status.modified) > SAFE_AGE_SECS);
            if status.kind != FileKind::File || !(is_old || self.names.is_of_the_dead(&entry.name)) {
                continue;
            }
            match self.sys.unlink(root, &entry.name) {
                Ok(()) => swept += 1,
                Err(Errno::NOENT) => {}
                Err(errno) => {
                    debug!(root = %self.explain.root, name = entry.name, %errno, "a leftover stays")
                }
            }
        }
        if swept > 0 {
            info!(root = %self.explain.root, swept, "temporary files of crashed writers are removed");
        }
    }
}

/// No write takes this long and then succeeds, for its deadline is seconds.
const SAFE_AGE_SECS: i64 = 3600;
