//! `ha-server clean-orphaned-state`: a copy of a plane without what nothing refers to.
//!
//! The plane is copied and verified as `copy-state` does it. Then a node that does nothing else leads the copy for a moment, and removes what is
//! orphaned by entries of the journal, as any other change: the copy's history tells of it.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use ha_core::{NodeId, Plane};
use ha_rebind::{Draft, Managed, Orphans, ProposeError, Proposer, Refusal};
use ha_store::Store;
use tokio::time::timeout;

use crate::cli::{CopyStateArgs, TimingArgs};
use crate::copy_state;
use crate::failure::RunError;
use crate::profile::Profile;

/// The id of the node that cleans. Nobody else leads a store that was copied a moment ago.
const NODE: &str = "clean-orphaned-state";

/// How long it may take until that node leads, beyond what it waits for a leader that did not say that it had ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many are removed by one entry.
const AT_ONCE: usize = 1_000;

/// Copies, cleans, and prints a line about each.
///
/// # Errors
/// As [`copy_state::run`]; and if the copy cannot be led or written (2).
pub(crate) async fn run(args: &CopyStateArgs) -> Result<(), RunError> {
    let (place, store) = copy_state::copied(args).await?;
    let profile = Profile::choose(None, &place.as_persistence());
    let config = profile.and_then(|profile| profile.config(&TimingArgs::default()));
    let config = config.expect("nothing was given that could not be used");
    let patience = PATIENCE + config.heartbeat_timeout();
    let managed = Managed::default();
    let node = NodeId::new(NODE).expect("letters and dashes");
    let plane = Plane::builder(node, Arc::clone(&store))
        .config(config)
        .state(managed.clone())
        .start();
    let plane = plane.map_err(|why| failed(&store, "cannot be led").because(why))?;
    let cleaned = timeout(patience, clean(&plane, &managed)).await;
    plane.stop().await;
    let orphans = match cleaned {
        Ok(Ok(orphans)) => orphans,
        Ok(Err(why)) => return Err(failed(&store, "cannot be cleaned").because(why)),
        Err(_) => {
            return Err(failed(
                &store,
                &format!("could not be cleaned within {patience:?}"),
            ));
        }
    };
    let line = format!(
        "cleaned the copy: {} locations and {} tasks removed that nothing referred to\n",
        orphans.locations.len(),
        orphans.tasks.len()
    );
    // There is nobody left to tell that stdout is closed.
    let _ = std::io::stdout().write_all(line.as_bytes());
    Ok(())
}

/// Removes what is orphaned, and answers what that was.
async fn clean(plane: &Plane, managed: &Managed) -> Result<Orphans, ProposeError> {
    let leadership = plane.leadership().await.map_err(ProposeError::NotApplied)?;
    let proposer = Proposer::begin(plane, leadership, managed)
        .await
        .map_err(ProposeError::NotApplied)?;
    let orphans = managed.read(ha_rebind::State::orphans);
    for some in orphans.locations.chunks(AT_ONCE) {
        remove(&proposer, |draft| {
            some.iter().try_for_each(|id| draft.remove_location(id))
        })
        .await?;
    }
    for some in orphans.tasks.chunks(AT_ONCE) {
        remove(&proposer, |draft| {
            some.iter().try_for_each(|id| draft.remove_task(id))
        })
        .await?;
    }
    Ok(orphans)
}

async fn remove(
    proposer: &Proposer,
    remove: impl FnOnce(&mut Draft<'_>) -> Result<(), Refusal>,
) -> Result<(), ProposeError> {
    let removed = proposer.propose(None, |draft| remove(draft).map(|()| "removed".into()));
    removed.await.map(drop)
}

fn failed(store: &Arc<dyn Store>, how: &str) -> RunError {
    RunError::execution(format!(
        "the copy in {store} is whole, and {how}: delete everything there and begin again, or use it as it is"
    ))
}
