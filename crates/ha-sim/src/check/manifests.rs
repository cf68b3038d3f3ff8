//! Snapshots (rule 7): the two newest are whole and those of prefixes, no part of them is deleted, and no entry that the older one needs.

use ha_proto::{Digest, Manifest, Seq, StoreOp, StoreReply, WriteId, layout};

use super::{Checker, Scene, Seen, holds, prefix};
use crate::host::Host;
use crate::service::Service;
use crate::store::Store;

/// Looks at `snapshot/` and `parts/` whenever something in them changes.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// The two newest, the older first.
    kept: Vec<(Seq, WriteId)>,
}

impl<S: Service> Checker<S> for Manifests {
    fn name(&self) -> &'static str {
        "manifests"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        let Seen::Stored { op, reply } = *seen else {
            return Ok(());
        };
        match (op, reply) {
            (StoreOp::Create { key, .. }, StoreReply::Done) if key.starts_with("snapshot/") => {
                let seqs = seqs(scene.store);
                let newest = &seqs[seqs.len().saturating_sub(2)..];
                self.kept = newest
                    .iter()
                    .map(|seq| is_whole::<S>(scene, *seq).map(|write_id| (*seq, write_id)))
                    .collect::<Result<_, _>>()?;
                Ok(())
            }
            (StoreOp::Delete { key }, _) if key.starts_with("journal/") => self.was_not_needed(key),
            (StoreOp::Delete { key }, _) => self.was_not_kept(key),
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

impl Manifests {
    fn was_not_needed(&self, key: &str) -> Result<(), String> {
        let seq = key.rsplit_once('/').and_then(|(_, name)| layout::seq_of(name));
        let older = if let [older, _] = self.kept[..] {
            older.0
        } else {
            Seq(0)
        };
        holds(seq.is_some_and(|s| s <= older), || {
            format!("{key} is deleted, and the older snapshot is at {older}")
        })
    }

    fn was_not_kept(&self, key: &str) -> Result<(), String> {
        let is_kept = |(seq, write_id): &(Seq, WriteId)| {
            *key == layout::manifest_key(*seq)
                || key.starts_with(&format!("{}/", layout::parts_folder(*seq, *write_id)))
        };
        holds(!self.kept.iter().any(is_kept), || {
            format!("{key} is deleted, and belongs to one of the two newest snapshots")
        })
    }
}

fn is_whole<S: Service>(scene: &Scene<'_>, seq: Seq) -> Result<WriteId, String> {
    let bytes = scene.store.written(&layout::manifest_key(seq));
    let bytes = bytes.ok_or_else(|| format!("the manifest at {seq} is gone"))?;
    let manifest = Manifest::parse(seq, bytes).map_err(|bad| bad.to_string())?;
    let mut parts = Vec::new();
    for (i, part) in manifest.parts.iter().enumerate() {
        let key = layout::part_key(seq, manifest.write_id, i);
        let bytes = scene.store.written(&key);
        let bytes = bytes.ok_or_else(|| format!("the snapshot at {seq} is not whole: {key} is gone"))?;
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
    })?;
    Ok(manifest.write_id)
}
