//! Opening the store that a launch names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ha_store::{DirectoryStore, MemoryStore, Store};

use crate::environment::Variables;
use crate::failure::RunError;
use crate::persistence::{Existing, Persistence};

/// Opens the store, which is made if there is none and none is demanded. A bucket that does not answer is waited for, if
/// there is no `patience` for as long as it takes.
pub(crate) async fn open(
    persistence: &Persistence,
    variables: &Variables,
    patience: Option<Duration>,
) -> Result<Arc<dyn Store>, RunError> {
    match persistence {
        Persistence::Disabled => Ok(Arc::new(MemoryStore::default())),
        Persistence::Directory { path, existing } => open_directory(path.clone(), *existing).await,
        Persistence::Bucket {
            location,
            settings,
            existing,
        } => bucket::open(location, settings, *existing, variables, patience).await,
    }
}

async fn open_directory(path: PathBuf, existing: Existing) -> Result<Arc<dyn Store>, RunError> {
    let opened = tokio::task::spawn_blocking(move || {
        if existing == Existing::Require {
            must_hold_something(&path)?;
        }
        let failed = |error: ha_store::Error| {
            let what = format!("cannot use the persistence directory `{}`", path.display());
            RunError::configuration(what).because(error)
        };
        DirectoryStore::open(&path).map_err(failed)
    });
    let opened = opened
        .await
        .map_err(|error| RunError::execution("opening the store failed").because(error))?;
    Ok(Arc::new(opened?))
}

/// `--persist rebind` demands state: Brooklyn's words (`FileBasedObjectStore`).
fn must_hold_something(path: &Path) -> Result<(), RunError> {
    let refuse = |what: &str| refusal(&path.display().to_string(), what);
    match std::fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(refuse("cannot be used, because directory does not exist"))
        }
        Err(error) => Err(refuse("cannot be read").because(error)),
        Ok(mut entries) => {
            // What a probe has left is no state.
            let is_state = |entry: std::io::Result<std::fs::DirEntry>| {
                entry.is_ok_and(|entry| entry.file_name() != ha_store::probe::FOLDER)
            };
            if entries.any(is_state) {
                Ok(())
            } else {
                Err(refuse(EMPTY))
            }
        }
    }
}

fn refusal(place: &str, what: &str) -> RunError {
    RunError::configuration(format!(
        "Persistence directory {place} {what}; give another --persistenceDir, or --persist auto to begin there"
    ))
}

const EMPTY: &str = "cannot be used, because directory is empty";

#[cfg(feature = "bucket")]
mod bucket {
    //! A bucket is looked at once before the plane begins, so that what can be wrong about it is told at the start.

    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use ha_store::{BucketLocation, BucketSettings, BucketStore, Error, ErrorKind, Folder, Store};
    use tracing::warn;

    use super::{EMPTY, refusal};
    use crate::environment::Variables;
    use crate::failure::{RunError, chain};
    use crate::persistence::Existing;

    pub(super) async fn open(
        location: &BucketLocation,
        settings: &BucketSettings,
        existing: Existing,
        variables: &Variables,
        patience: Option<Duration>,
    ) -> Result<Arc<dyn Store>, RunError> {
        let environment = |name: &str| variables.get(name);
        let failed = |error: Error| {
            let what = format!("cannot use the persistence location `{location}`");
            let failure = match error.kind() {
                ErrorKind::Denied => RunError::configuration(what),
                _ => RunError::execution(what),
            };
            failure.because(error)
        };
        let client = || BucketStore::open(location, settings, &environment);
        let names = first_look(&client().map_err(failed)?, patience)
            .await
            .map_err(failed)?;
        // What a probe has left is no state.
        let is_state = |name: &String| name.trim_end_matches('/') != ha_store::probe::FOLDER;
        if existing == Existing::Require && !names.iter().any(is_state) {
            return Err(refusal(&location.to_string(), EMPTY));
        }
        // A client of its own for the plane: connections belong to the runtime that opens them, and the plane has its own.
        Ok(Arc::new(client().map_err(failed)?))
    }

    /// What is there. A server that starts at the same time as this process is waited for.
    async fn first_look(store: &BucketStore, patience: Option<Duration>) -> Result<Vec<String>, Error> {
        let begun = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let error = match store.list(&Folder::root(), WITHIN).await {
                Err(error) if error.kind() == ErrorKind::Unavailable => error,
                answer => return answer,
            };
            let until = match patience.map(|patience| patience.checked_sub(begun.elapsed())) {
                None => "as this node has had a store: it waits until it is told to stop".to_owned(),
                Some(Some(left)) => {
                    let left = left.as_secs().max(1);
                    pause = pause.min(Duration::from_secs(left));
                    format!("and gives up in {left}s")
                }
                Some(None) => return Err(error),
            };
            warn!(
                "the store does not answer, trying again in {pause:?}, {until}: {}",
                chain(&error)
            );
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    const WITHIN: Duration = Duration::from_secs(10);
    const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
    const LONGEST_PAUSE: Duration = Duration::from_secs(15);
}

#[cfg(not(feature = "bucket"))]
mod bucket {
    //! This program was built without any kind of bucket.

    use std::sync::Arc;
    use std::time::Duration;

    use ha_store::{BucketLocation, BucketSettings, Store};

    use crate::environment::Variables;
    use crate::failure::RunError;
    use crate::persistence::Existing;

    pub(super) async fn open(
        location: &BucketLocation,
        _settings: &BucketSettings,
        _existing: Existing,
        _variables: &Variables,
        _patience: Option<Duration>,
    ) -> Result<Arc<dyn Store>, RunError> {
        Err(RunError::configuration(format!(
            "`{location}` cannot be used: this program was built without object stores"
        )))
    }
}
