//! What all checks of a probe share: the clients, the folder, the meter, and the list of what is to be cleared.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::debug;

use super::meter::Meter;
use super::{FOLDER, ProbeOptions};
use crate::{Folder, Key, Operation, Store};

#[derive(Debug)]
pub(super) struct Ground {
    clients: [Arc<dyn Store>; 3],
    /// The name of the probe's own folder in [`FOLDER`].
    own: String,
    pub(super) seed: u64,
    pub(super) within: Duration,
    pub(super) deadline: Instant,
    pub(super) meter: Meter,
    written: Mutex<BTreeSet<Key>>,
}

impl Ground {
    pub(super) fn new(clients: [Arc<dyn Store>; 3], options: &ProbeOptions, begun: Instant) -> Self {
        Self {
            clients,
            own: own_name(options.now, options.seed),
            seed: options.seed,
            within: options.within,
            deadline: begun + options.total,
            meter: Meter::default(),
            written: Mutex::default(),
        }
    }

    pub(super) fn store(&self, client: usize) -> &Arc<dyn Store> {
        &self.clients[client % self.clients.len()]
    }

    /// The probe's own folder.
    pub(super) fn own(&self) -> Folder {
        Folder::new(&format!("{FOLDER}/{}", self.own)).expect("digits and a dash are a name")
    }

    /// Notes that `key` may be there from now on.
    pub(super) fn note(&self, key: &Key) {
        self.lock().insert(key.clone());
    }

    /// Deletes all that was written, as well as it goes.
    pub(super) async fn clear(&self) {
        let keys: Vec<Key> = std::mem::take(&mut *self.lock()).into_iter().collect();
        let before = Instant::now();
        let mut deletes = JoinSet::new();
        for (number, key) in keys.into_iter().enumerate() {
            if deletes.len() >= SIDE_BY_SIDE {
                // How it went is logged where it went.
                let _ = deletes.join_next().await;
            }
            if before.elapsed() > LONGEST_CLEARING {
                debug!(folder = %self.own(), "the rest is left to a later probe");
                break;
            }
            self.meter.count();
            let (store, within) = (self.store(number).clone(), self.within.min(LONGEST_CLEARING));
            deletes.spawn(async move {
                if let Err(error) = store.delete(&key, within).await {
                    debug!(%key, %error, "an object of the probe is left to a later one");
                }
            });
        }
        while deletes.join_next().await.is_some() {}
        // Where folders exist by themselves, the last delete in one removes it; this removes the one around them.
        let last = Key::new(&format!("{}/end", self.own())).expect("a folder of two parts takes a name");
        let begun = Instant::now();
        if self
            .store(0)
            .delete(&last, self.within.min(LONGEST_CLEARING))
            .await
            .is_ok()
        {
            self.meter.took(Operation::Delete, begun.elapsed());
        }
        self.meter.count();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Key>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder's name tells when it was made, so that a later probe can tell how old it is.
fn own_name(now: SystemTime, seed: u64) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("{seconds:012}-{seed:016x}")
}

/// When a folder of such a name was made, by the clock of who made it.
pub(super) fn made(name: &str) -> Option<SystemTime> {
    let (seconds, seed) = name.strip_suffix('/').unwrap_or(name).split_once('-')?;
    let is_ours = seconds.len() == 12 && seed.len() == 16 && seed.bytes().all(|b| b.is_ascii_hexdigit());
    let seconds: u64 = seconds.parse().ok().filter(|_| is_ours)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Deletes under way at a time.
const SIDE_BY_SIDE: usize = 16;
/// How long clearing may take.
const LONGEST_CLEARING: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_tells_its_age_and_foreign_names_tell_none() {
        let now = UNIX_EPOCH + Duration::from_secs(1_760_000_000);
        assert_eq!(made(&own_name(now, u64::MAX)), Some(now));
        assert_eq!(made(&format!("{}/", own_name(now, 0))), Some(now));
        for foreign in [
            "",
            "notes",
            "12-34",
            "000000000001-",
            "000000000001-000000000000000g",
            "abcdefghijkl-0000000000000000",
        ] {
            assert_eq!(made(foreign), None, "{foreign:?}");
        }
    }
}
