//! The look at the store before a node joins: a bucket that does not keep its word is refused before it can cost anything.
//!
//! A directory needs none: opening it tries out what its file system can do, and all clients on one host go through one
//! kernel, so that a probe from here could not see more. `ha-server probe` does it on request.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ha_store::Store;
use ha_store::probe::{ProbeOptions, Verdict, servers_that_work};
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::atomic_file;
use crate::failure::RunError;
use crate::launch::Launch;
use crate::place::Place;
use crate::probe;

/// What a node remembers of its store, in its own directory.
#[derive(Debug)]
pub(crate) struct StoreProbe {
    file: PathBuf,
    last: Option<Known>,
}

/// A store that the node has had: which version joined it, and when it passed its probe, if it was probed.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Known {
    store: String,
    version: String,
    passed_at: Option<u64>,
}

impl StoreProbe {
    /// Reads what is remembered; what makes no sense is nothing.
    pub(crate) fn of_node(own_dir: &Path) -> Self {
        let file = own_dir.join(FILE);
        let last = match std::fs::read(&file) {
            Ok(bytes) => Known::parse(&bytes),
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    warn!(file = %file.display(), "what was remembered of the store cannot be read: {error}");
                }
                None
            }
        };
        Self { file, last }
    }

    /// How long a store is waited for that does not answer: a wrong address on the first start should be told soon, while
    /// a node that has had a store waits for it to come back, until it is told to stop.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.last.is_none().then_some(PATIENCE)
    }

    /// Probes the store of a launch, unless that was done within a day by this version.
    ///
    /// # Errors
    /// A configuration error if the store does not keep its word or refuses; an execution error if it could not be judged.
    pub(crate) async fn pass(&self, launch: &Launch, store: &dyn Store) -> Result<(), RunError> {
        let Some(place @ Place::Bucket { .. }) = Place::of(&launch.persistence) else {
            return Ok(());
        };
        if launch.skip_store_probe {
            warn!(
                store = %store,
                "the store is not probed, as --skipStoreProbe asks: if it does not keep its word, two nodes can lead at a time and acknowledged writes be lost"
            );
            let store = store.to_string();
            if self.last.as_ref().is_none_or(|last| last.store != store) {
                self.remember(store, None);
            }
            return Ok(());
        }
        let now = seconds(SystemTime::now());
        if let Some(last) = self
            .last
            .as_ref()
            .filter(|last| last.holds(&store.to_string(), now))
        {
            let ago = Duration::from_secs(now.saturating_sub(last.passed_at.unwrap_or(now)));
            info!(store = %store, "the store passed its probe by this version {ago:?} ago, and is not probed again");
            return Ok(());
        }
        self.until_judged(launch, &place, store).await
    }

    async fn until_judged(&self, launch: &Launch, place: &Place, store: &dyn Store) -> Result<(), RunError> {
        let begun = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let options = ProbeOptions::new(rand::random());
            let report = probe::of_place(place, &launch.variables, &options, &|_| {}).await?;
            let summary = report.summary();
            match (report.verdict(), report.refusal()) {
                (Verdict::Passed, _) => {
                    info!(store = %store, "{summary}");
                    self.remember(store.to_string(), Some(seconds(SystemTime::now())));
                    return Ok(());
                }
                (Verdict::Refused, _) => {
                    return Err(RunError::configuration(format!(
                        "`{store}` cannot keep a plane: {summary}; use another store ({})",
                        servers_that_work()
                    )));
                }
                (_, Some(_)) => return Err(RunError::configuration(format!("`{store}`: {summary}"))),
                (_, None) => {}
            }
            if self.patience().is_some_and(|patience| begun.elapsed() > patience) {
                return Err(RunError::execution(format!(
                    "`{store}`: {summary}; this says nothing of whether it keeps its word: start again when it can be reached"
                )));
            }
            warn!(store = %store, "{summary}; that is no sign that it breaks its word: trying again in {pause:?}");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn remember(&self, store: String, passed_at: Option<u64>) {
        let known = Known {
            store,
            version: VERSION.to_owned(),
            passed_at,
        };
        if let Err(error) = self.write(&known) {
            warn!(file = %self.file.display(), "that the node has this store cannot be remembered, and the next start does not know it: {error}");
        }
    }

    fn write(&self, known: &Known) -> io::Result<()> {
        let mut text = json!({ "store": known.store, "version": known.version });
        if let Some(passed_at) = known.passed_at {
            text["passedAt"] = passed_at.into();
        }
        atomic_file::replace(&self.file, format!("{text}\n").as_bytes())
    }
}

impl Known {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
        Some(Self {
            store: text("store")?,
            version: text("version")?,
            passed_at: match value.get("passedAt") {
                Some(at) => Some(at.as_u64()?),
                None => None,
            },
        })
    }

    /// Whether this store passed, by this version, less than a day ago. A clock that was set back ends it too.
    fn holds(&self, store: &str, now: u64) -> bool {
        let age = self.passed_at.and_then(|at| now.checked_sub(at));
        let is_young = age.is_some_and(|age| age < DAY);
        is_young && self.store == store && self.version == VERSION
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

const FILE: &str = "store-probe";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const DAY: u64 = 24 * 3600;
/// How long a node waits for a store that it has never had.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_remembered_for_a_day_for_one_store_and_one_version() {
        let dir = tempfile::tempdir().unwrap();
        let probe = StoreProbe::of_node(dir.path());
        assert_eq!(probe.patience(), Some(PATIENCE), "nothing is known yet");
        let passed = Known {
            store: "s3://lab/p at http://h".to_owned(),
            version: VERSION.to_owned(),
            passed_at: Some(1_000_000),
        };
        probe.write(&passed).unwrap();
        let again = StoreProbe::of_node(dir.path());
        assert_eq!(again.last.as_ref(), Some(&passed));
        assert_eq!(again.patience(), None, "a store that was there is waited for");
        assert!(passed.holds(&passed.store, 1_000_000 + DAY - 1));
        assert!(!passed.holds(&passed.store, 1_000_000 + DAY), "a day later");
        assert!(!passed.holds(&passed.store, 999_999), "a clock set back");
        assert!(!passed.holds("s3://lab/p at http://other", 1_000_001));
        let older = Known {
            version: "0.0.1".to_owned(),
            ..passed.clone()
        };
        assert!(!older.holds(&passed.store, 1_000_001));

        std::fs::write(dir.path().join(FILE), "nonsense").unwrap();
        assert_eq!(StoreProbe::of_node(dir.path()).last, None);
    }

    #[test]
    fn a_store_that_was_joined_without_a_probe_is_waited_for_and_has_not_passed() {
        let dir = tempfile::tempdir().unwrap();
        StoreProbe::of_node(dir.path()).remember("s3://lab/p at http://h".to_owned(), None);
        let again = StoreProbe::of_node(dir.path());
        assert_eq!(again.patience(), None);
        let known = again.last.unwrap();
        assert_eq!(known.passed_at, None);
        assert!(!known.holds(&known.store, seconds(SystemTime::now())));
    }
}
