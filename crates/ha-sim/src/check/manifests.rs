//! Snapshots: the newest is whole and that of a prefix, and no entry is deleted that the older of the two newest needs.

use ha_proto::{Digest, Manifest, Seq, StoreOp, StoreReply, layout};

use super::{Checker, Scene, Seen, holds, prefix};
use crate::host::Host;
use crate::service::Service;
use crate::store::Store;

/// Looks at `snapshot/` and `parts/` whenever something in them changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manifests;

impl<S: Service> Checker<S> for Manifests {
    fn name(&self) -> &'static str {
        "snapshots"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        let Seen::Stored { op, reply } = *seen else {
            return Ok(());
        };
        match (op, reply) {
            (StoreOp::Create { key, .. }, StoreReply::Done) if key.starts_with("snapshot/") => {
                newest_is_whole::<S>(scene)
            }
            (StoreOp::Delete { key }, _) if key.starts_with("journal/") => was_not_needed(scene.store, key),
            (StoreOp::Delete { .. }, _) => newest_is_whole::<S>(scene),
            _ => Ok(()),
        }
    }
}

fn seqs(store: &Store) -> Vec<Seq> {
    let names = store.list(layout::SNAPSHOTS);
    let mut seqs: Vec<Seq> = names.iter().filter_map(|n| layout::seq_of(n)).collect();
    seqs.sort_unstable();
    seqs
}

fn was_not_needed(store: &Store, key: &str) -> Result<(), String> {
    let seq = key.rsplit_once('/').and_then(|(_, name)| layout::seq_of(name));
    let seqs = seqs(store);
    let older = if let [.., older, _] = seqs[..] {
        older
    } else {
        Seq(0)
    };
    holds(seq.is_some_and(|s| s <= older), || {
        format!("{key} is deleted, and the older snapshot is at {older}")
    })
}

fn newest_is_whole<S: Service>(scene: &Scene<'_>) -> Result<(), String> {
    let Some(seq) = seqs(scene.store).pop() else {
        return Ok(());
    };
    let objects = &scene.store.objects;
    let manifest =
        Manifest::parse(seq, &objects[&layout::manifest_key(seq)]).map_err(|bad| bad.to_string())?;
    let mut parts = Vec::new();
    for (i, part) in manifest.parts.iter().enumerate() {
        let key = layout::part_key(seq, manifest.write_id, i);
        let bytes = objects
            .get(&key)
            .ok_or_else(|| format!("the newest snapshot is not whole: {key} is gone"))?;
        holds(Digest::of(bytes) == part.hash, || {
            format!("{key} is not what its manifest says")
        })?;
        parts.push(bytes.clone());
    }
    let host = Host::<S>::restore(&parts)?;
    prefix::holds(scene.truth, host.line)?;
    let then = scene.truth.count_at(seq);
    holds(then == host.line.len, || {
        format!("a snapshot at slot {seq} holds the state of another slot")
    })
}
