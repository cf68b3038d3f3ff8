//! Snapshots: each is a prefix, and the newest is whole.

use ha_proto::{Digest, Manifest, Seq, layout};

use super::prefix;
use crate::world::host::decode;
use crate::world::store::Store;
use crate::world::truth::Truth;

pub fn newest(store: &Store) -> Option<Manifest> {
    let seq = store.list(layout::SNAPSHOTS).iter().filter_map(|n| layout::seq_of(n)).max()?;
    let bytes = &store.objects[&layout::manifest_key(seq)];
    Some(Manifest::parse(seq, bytes).expect("nodes write manifests that verify"))
}

/// After a manifest was created or a part deleted.
pub fn newest_is_whole(store: &Store, truth: &Truth) {
    let Some(manifest) = newest(store) else { return };
    let seq: Seq = manifest.seq();
    let part = |i: usize| {
        let key = layout::part_key(seq, manifest.write_id, i);
        let bytes = store.objects.get(&key);
        let bytes = bytes.unwrap_or_else(|| panic!("the newest snapshot is not whole: {key} is gone"));
        assert_eq!(Digest::of(bytes), manifest.parts[i].hash, "{key} is not what its manifest says");
        bytes.clone()
    };
    let parts: Vec<_> = (0..manifest.parts.len()).map(part).collect();
    let state = decode(&parts);
    prefix::holds(truth, &state, "a snapshot");
    let then = truth.slot_of.values().filter(|s| **s <= seq).count();
    let now = state.iter().filter(|n| **n != crate::world::host::EMPTIED).count();
    assert_eq!(then, now, "a snapshot at slot {seq} holds the state of another slot");
}
