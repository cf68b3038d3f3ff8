//! `ha-server copy-state`: a plane's state from one store to another, verified by the chain of hashes.
//!
//! 1. Both sides are watched for nodes that live; the destination must hold nothing of a plane.
//! 2. The source is read and verified once as a whole: every entry by the hash that the next one names, every manifest by the
//!    chain and by its own hash, every part by its manifest. Nothing is written if anything is wrong with it.
//! 3. The sign goes up at the destination ([`sign`]): from here on no node begins or joins there.
//! 4. The source is read and verified again, and each object created at the destination. What is there already must be the
//!    same, so that a copy that was interrupted can go on.
//! 5. The destination is read back and verified; its chain must end in the same hash. The source must not have moved.
//! 6. The sign comes down: the one step that makes the copy a plane.

mod io;
mod plane;
mod records;
mod sign;

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use ha_core::proto::layout;
use ha_store::Store;
use tokio::task::JoinSet;

use self::io::{Object, SIDE_BY_SIDE, Side};
use self::plane::{Head, Inventory, Nowhere, Sink, Tally};
use self::records::Records;
use crate::cli::CopyStateArgs;
use crate::environment::{Environment, Variables};
use crate::failure::RunError;
use crate::launch::ConfigError;
use crate::place::Place;

/// Copies a plane, and prints one line about it.
///
/// # Errors
/// If a plane lives on either side, if anything does not verify, or if the copy failed (2); if the places cannot be used (3).
pub(crate) async fn run(args: CopyStateArgs) -> Result<(), RunError> {
    copied(&args).await.map(drop)
}

/// The same, and what was copied to.
pub(crate) async fn copied(args: &CopyStateArgs) -> Result<(Place, Arc<dyn Store>), RunError> {
    let begun = Instant::now();
    let unusable = |error: ConfigError| RunError::configuration(error.to_string());
    let from = Place::parse("FROM", &args.from, None, &args.bucket).map_err(unusable)?;
    let to = Place::parse("TO", &args.to, None, &args.bucket).map_err(unusable)?;
    if from == to || same_directory(&from, &to) {
        return Err(RunError::configuration(format!(
            "`{from}` and `{to}` are one place: give another one to copy to"
        )));
    }
    from.must_exist()?;
    let variables = Environment::of_process().variables;
    let place = to.clone();
    let (from, to) = (open(&from, &variables).await?, open(&to, &variables).await?);
    let (head, tally) = copy(args, &from, &to).await?;
    let line = format!(
        "copied plane {} from {} to {}: {} entries ({} not valid) up to slot {} in epoch {}, {} manifests, {} parts, {} bytes in {:.1} s; chain {}\n",
        head.plane,
        from.store,
        to.store,
        tally.entries,
        tally.invalid,
        head.seq,
        head.epoch,
        tally.manifests,
        tally.parts,
        tally.bytes,
        begun.elapsed().as_secs_f64(),
        head.chain
    );
    // There is nobody left to tell that stdout is closed.
    let _ = std::io::stdout().write_all(line.as_bytes());
    Ok((place, to.store))
}

async fn copy(args: &CopyStateArgs, from: &Side, to: &Side) -> Result<(Head, Tally), RunError> {
    must_be_vacant(to, args).await?;
    let records = records::must_be_at_rest(from, args.watch_period, tell).await?;
    let Some(inventory) = Inventory::of(from, None).await? else {
        return Err(RunError::execution(format!(
            "there is no plane in {}: give the place where one is",
            from.store
        )));
    };
    tell(format!(
        "verifying {} objects in {}",
        inventory.objects(),
        from.store
    ));
    let (head, _) = inventory.read(from, &mut Nowhere).await?;
    sign::put_up(to, &from.store.to_string(), &head, args.resume).await?;
    let mut copying = Copying {
        to: to.clone(),
        under_way: JoinSet::new(),
        done: 0,
        of: inventory.objects(),
    };
    let (copied, tally) = inventory.read(from, &mut copying).await?;
    copying.all_have_ended().await?;
    tell(format!("verifying the copy in {}", to.store));
    let there = Inventory::of(to, Some(&layout::copy_sign_key())).await?;
    let there = match &there {
        Some(there) => Some(there.read(to, &mut Nowhere).await?),
        None => None,
    };
    if copied != head || there != Some((head.clone(), tally)) {
        return Err(RunError::execution(format!(
            "what is in {} now is not what is in {}: somebody else writes to one of them; delete everything in {} and begin again",
            to.store, from.store, to.store
        )));
    }
    must_not_have_moved(from, to, &inventory, &records).await?;
    sign::take_down(to).await?;
    Ok((head, tally))
}

/// Nothing of a plane may be at the destination, but a copy that has not ended if it is to go on.
async fn must_be_vacant(to: &Side, args: &CopyStateArgs) -> Result<(), RunError> {
    let names = to.list("").await?;
    let folder = |name: &String| name.trim_end_matches('/').to_owned();
    let (ours, foreign): (Vec<_>, Vec<_>) = names
        .iter()
        .map(folder)
        .partition(|name| OURS.contains(&name.as_str()));
    if !foreign.is_empty() {
        tell(format!(
            "foreign objects in {} are left alone: {}",
            to.store,
            foreign.join(", ")
        ));
    }
    let is_half_copied = to.get(&layout::copy_sign_key()).await?.is_some();
    if is_half_copied && !args.resume {
        // The sign itself tells what to do, once it is known of what it is.
        return Err(RunError::configuration(format!(
            "a copy into {} has not ended: go on with it by --resume, or delete everything there",
            to.store
        )));
    }
    let lived = records::must_be_at_rest(to, args.watch_period, tell).await?;
    if lived.len() > 0 {
        return Err(occupied(to, &[layout::NODES.to_owned()]));
    }
    let mut held = Vec::new();
    for name in ours {
        if !is_half_copied && !to.list(&name).await?.is_empty() {
            held.push(name);
        }
    }
    if held.is_empty() {
        Ok(())
    } else {
        Err(occupied(to, &held))
    }
}

fn occupied(to: &Side, held: &[String]) -> RunError {
    RunError::configuration(format!(
        "{} holds something of a plane already (`{}`): copy to an empty place",
        to.store,
        held.join("`, `")
    ))
}

/// The copy is of the source as it is only if nobody has written to it meanwhile.
async fn must_not_have_moved(
    from: &Side,
    to: &Side,
    inventory: &Inventory,
    records: &Records,
) -> Result<(), RunError> {
    let next = layout::entry_key(inventory.last().next());
    let newest = from.list(layout::SNAPSHOTS).await?;
    let newest = newest.iter().filter_map(|name| layout::seq_of(name)).max();
    let moved = from.get(&next).await?.is_some() || newest.unwrap_or_default() != inventory.newest();
    let now = Records::of(from).await?;
    match now.changed(records) {
        Some(node) => Err(records::alive(from, node)),
        None if moved => Err(RunError::execution(format!(
            "{} has moved on while it was copied: stop all nodes of the plane, delete everything in {}, and begin again",
            from.store, to.store
        ))),
        None => Ok(()),
    }
}

/// Creates each object at the destination, some at a time.
struct Copying {
    to: Side,
    under_way: JoinSet<Result<(), RunError>>,
    done: u64,
    of: u64,
}

impl Copying {
    async fn one_has_ended(&mut self) -> Result<bool, RunError> {
        let Some(ended) = self.under_way.join_next().await else {
            return Ok(false);
        };
        ended.map_err(|error| RunError::execution("a write has died").because(error))??;
        self.done += 1;
        if self.done.is_multiple_of(TELL_EVERY) || self.done == self.of {
            tell(format!("copied {} of {} objects", self.done, self.of));
        }
        Ok(true)
    }

    async fn all_have_ended(mut self) -> Result<(), RunError> {
        while self.one_has_ended().await? {}
        Ok(())
    }
}

impl Sink for Copying {
    async fn take(&mut self, key: &str, object: &Object) -> Result<(), RunError> {
        while self.under_way.len() >= SIDE_BY_SIDE {
            self.one_has_ended().await?;
        }
        let (to, key, object) = (self.to.clone(), key.to_owned(), object.clone());
        self.under_way
            .spawn(async move { to.create(&key, &object).await });
        Ok(())
    }
}

fn same_directory(from: &Place, to: &Place) -> bool {
    let (Place::Directory(from), Place::Directory(to)) = (from, to) else {
        return false;
    };
    match (from.canonicalize(), to.canonicalize()) {
        (Ok(from), Ok(to)) => from == to,
        _ => false,
    }
}

async fn open(place: &Place, variables: &Variables) -> Result<Side, RunError> {
    let (owned, looked_up) = (place.clone(), variables.clone());
    // Opening a directory blocks.
    let opened = tokio::task::spawn_blocking(move || owned.open(&looked_up)).await;
    let opened = opened.map_err(|error| RunError::execution("opening the store failed").because(error))?;
    let store =
        opened.map_err(|error| RunError::configuration(format!("cannot use `{place}`")).because(error))?;
    Ok(Side { store })
}

/// Says how far it is.
fn tell(text: String) {
    // It is only for who watches.
    let _ = writeln!(std::io::stderr(), "ha-server: {text}");
}

/// The folders of a plane.
const OURS: [&str; 4] = ["journal", layout::SNAPSHOTS, layout::PARTS, layout::NODES];
const TELL_EVERY: u64 = 1000;

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
