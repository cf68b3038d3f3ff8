//! Is the store there at all? And what have crashed probes left in it?

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::debug;

use super::ground::{Ground, made};
use super::trial::{Stop, Trial};
use super::{Check, FOLDER};
use crate::{Error, ErrorKind, Folder, Key};

/// Asks each client once, with repetitions.
pub(super) async fn reach(ground: &Arc<Ground>) -> Result<(), Error> {
    let trial = Trial::new(ground.clone(), Check::ListSeesCreated, super::ATTEMPTS);
    for client in 0..3 {
        match trial.list(client, &ground.own()).await {
            Ok(_) => {}
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Lie(seen)) => return Err(Error::new(ErrorKind::Corrupt, FOLDER, seen)),
        }
    }
    Ok(())
}

/// Deletes what old probes have left, not more than a little at a time, and says how many objects. Nothing is made of
/// failures: the checks will meet them.
pub(super) async fn leftovers(ground: &Arc<Ground>, now: SystemTime) -> u64 {
    let trial = Trial::new(ground.clone(), Check::ListSeesDeleted, super::ATTEMPTS);
    match sweep(&trial, now).await {
        Ok(swept) => swept,
        Err(stop) => {
            debug!(?stop, "what old probes have left could not be swept");
            0
        }
    }
}

async fn sweep(trial: &Trial, now: SystemTime) -> Result<u64, Stop> {
    let root = Folder::new(FOLDER).expect("one part is a folder");
    let is_old = |name: &String| {
        made(name).is_some_and(|made| now.duration_since(made).unwrap_or_default() > SAFE_AGE)
    };
    let old = trial.list(0, &root).await?;
    let mut swept = 0;
    for own in old
        .iter()
        .filter(|name| name.ends_with('/') && is_old(name))
        .take(MOST_FOLDERS)
    {
        let own = format!("{FOLDER}/{}", own.trim_end_matches('/'));
        for below in trial.list(0, &folder(&own)).await? {
            let below = format!("{own}/{}", below.trim_end_matches('/'));
            for name in trial.list(0, &folder(&below)).await? {
                if swept == MOST_OBJECTS {
                    return Ok(swept);
                }
                if let Ok(key) = Key::new(&format!("{below}/{name}")) {
                    trial.delete(0, &key).await?;
                    swept += 1;
                }
            }
        }
        // Where folders exist by themselves, this removes the empty one.
        let last = Key::new(&format!("{own}/end")).expect("a folder of two parts takes a name");
        trial.delete(0, &last).await?;
    }
    Ok(swept)
}

fn folder(text: &str) -> Folder {
    Folder::new(text).expect("a store lists names that can stand in a key")
}

/// No probe takes this long, and no two clocks of a plane are this far apart.
const SAFE_AGE: Duration = Duration::from_secs(24 * 3600);
const MOST_FOLDERS: usize = 4;
const MOST_OBJECTS: u64 = 64;
