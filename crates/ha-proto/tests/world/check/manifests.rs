//! Snapshots: each is a prefix, and the newest is whole.

use ha_proto::{Digest, Manifest, Seq, layout};

use super::prefix;
use crate::world::host::decode;
use crate::world::store::Store;
use crate::world::truth::Truth;

pub fn newest(store: &Store) -> Option<Manifest> {
    let seq = store
        .list(layout::SNAPSHOTS)
        .iter()
        .filter_map(|n| layout::seq_of(n))
        .max()?;
    let bytes = &store.objects[&layout::manifest_key(seq)];
    Some(Manifest::parse(seq, bytes).expect("nodes write manifests that verify"))
}

/// A slot was deleted: it does not lie behind the older of the two newest snapshots.
pub fn was_not_needed(store: &Store, key: &str) {
    let seq = key.rsplit_once('/').and_then(|(_, name)| layout::seq_of(name));
    let mut seqs: Vec<Seq> = store
        .list(layout::SNAPSHOTS)
        .iter()
        .filter_map(|n| layout::seq_of(n))
        .collect();
    seqs.sort_unstable();
    let from = if let [.., older, _] = seqs[..] {
        older
    } else {
        Seq(0)
    };
    assert!(
        seq.is_some_and(|s| s <= from),
        "{key} is deleted, and the older snapshot is at {from}"
    );
}

/// After a manifest was created or a part deleted.
pub fn newest_is_whole(store: &Store, truth: &Truth) {
    let Some(manifest) = newest(store) else { return };
    let seq: Seq = manifest.seq();
    let part = |i: usize| {
        let key = layout::part_key(seq, manifest.write_id, i);
        let bytes = store.objects.get(&key);
        let bytes = bytes.unwrap_or_else(|| panic!("the newest snapshot is not whole: {key} is gone"));
        assert_eq!(
            Digest::of(bytes),
            manifest.parts[i].hash,
            "{key} is not what its manifest says"
        );
        bytes.clone()
    };
    let parts: Vec<_> = (0..manifest.parts.len()).map(part).collect();
    let state = decode(&parts);
    prefix::holds(truth, &state, "a snapshot");
    let then = truth.slot_of.values().filter(|s| **s <= seq).count();
    let now = state
        .iter()
        .filter(|n| **n != crate::world::host::EMPTIED)
        .count();
    assert_eq!(
        then, now,
        "a snapshot at slot {seq} holds the state of another slot"
    );
}
