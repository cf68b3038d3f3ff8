//! A plane's store, verified from outside: the chain of hashes tells every alteration.

use std::collections::BTreeMap;

use ha_proto::{Digest, Kind, Manifest, RawEntry, Seq, Walk, layout};
use ha_sim::hand::{Hand, commit_of};

/// A plane with ten changes and a snapshot behind every fourth entry, and all that ever lay in its store.
fn plane() -> (Hand, Objects) {
    let mut h = Hand::plane(1);
    let mut all = Objects::new();
    for change in 1..11 {
        h.commit(0, change..change + 1);
        h.run(50);
        all.extend(
            h.store
                .objects
                .iter()
                .map(|(key, bytes)| (key.clone(), bytes.to_vec())),
        );
    }
    (h, all)
}

type Objects = BTreeMap<String, Vec<u8>>;

/// All slots in order.
fn slots(objects: &Objects) -> Vec<(Seq, Vec<u8>)> {
    let slot = |key: &str| {
        let name = key.strip_prefix("journal/")?.split_once('/')?.1;
        layout::seq_of(name)
    };
    objects
        .iter()
        .filter_map(|(key, bytes)| Some((slot(key)?, bytes.clone())))
        .collect()
}

fn manifests(objects: &Objects) -> Vec<Manifest> {
    let inside = format!("{}/", layout::SNAPSHOTS);
    objects
        .iter()
        .filter_map(|(key, bytes)| {
            let seq = layout::seq_of(key.strip_prefix(&inside)?)?;
            Some(Manifest::parse(seq, bytes).expect("the plane has written it"))
        })
        .collect()
}

#[test]
fn a_whole_plane_verifies_from_its_first_slot_and_from_each_manifest() {
    let (h, objects) = plane();
    let (slots, manifests) = (slots(&objects), manifests(&objects));
    assert!(manifests.len() >= 2, "{manifests:?}");
    let mut whole = Walk::from_start();
    for (seq, bytes) in &slots {
        assert_eq!(whole.next_slot(), *seq);
        assert!(whole.take(bytes).unwrap(), "slot {seq}");
        for manifest in manifests.iter().filter(|m| m.seq() == *seq) {
            whole.check(manifest).unwrap();
        }
    }
    assert_eq!(whole.view().chain, h.seats[0].node.view().chain);
    for manifest in &manifests {
        let mut rest = Walk::from_manifest(manifest);
        for (_, bytes) in slots.iter().filter(|(seq, _)| *seq > manifest.seq()) {
            rest.take(bytes).unwrap();
        }
        assert_eq!(rest.view().chain, whole.view().chain);
    }
}

#[test]
fn a_manifest_of_another_slot_or_history_is_refused() {
    let (_, objects) = plane();
    let manifests = manifests(&objects);
    let mut walk = Walk::from_start();
    for (seq, bytes) in slots(&objects) {
        walk.take(&bytes).unwrap();
        if seq == manifests[0].seq() {
            break;
        }
    }
    let refusal = walk.check(&manifests[1]).unwrap_err().to_string();
    assert!(
        refusal.contains(&layout::manifest_key(manifests[1].seq())),
        "{refusal}"
    );
    let altered = |alter: fn(&mut Manifest)| {
        let mut other = manifests[0].clone();
        alter(&mut other);
        walk.check(&other).unwrap_err()
    };
    walk.check(&manifests[0]).unwrap();
    altered(|m| m.view.chain = Digest::of(b"another"));
    altered(|m| m.view.released = !m.view.released);
    altered(|m| m.view.plane = None);
    altered(|m| m.view.epoch = m.view.epoch.next());
    altered(|m| m.view.table.clear());
    altered(|m| m.view.full = None);
    altered(|m| m.view.last_valid = Seq(0));
}

#[test]
fn an_entry_that_nobody_could_have_written_is_named() {
    let (h, objects) = plane();
    let slots = slots(&objects);
    let mut walk = Walk::from_start();
    let is_commit = |seq: Seq, bytes: &[u8]| {
        RawEntry::parse(&layout::entry_key(seq), seq, bytes)
            .is_ok_and(|entry| entry.header.kind == Kind::Commit)
    };
    let first = slots.iter().position(|(seq, bytes)| is_commit(*seq, bytes));
    let first = first.expect("there are commits");
    for (_, bytes) in &slots[..first] {
        walk.take(bytes).unwrap();
    }
    let at = slots[first].0;
    // In its place one of the same slot and epoch that builds on something else: a reader skips it, and finds that the next builds on it.
    let (forged, _) = h.forge(0, at.0, 1, Digest::of(b"elsewhere"), &commit_of(77));
    let ha_proto::StoreOp::Create { bytes, .. } = forged else {
        panic!("an entry is created")
    };
    assert_eq!(walk.next_slot(), at);
    assert!(!walk.take(&bytes).unwrap(), "it is not valid where it lies");
    let entry = RawEntry::parse(&layout::entry_key(at), at, &bytes).unwrap();
    let (next, _) = h.forge(0, at.0 + 1, 1, entry.hash, &commit_of(78));
    let ha_proto::StoreOp::Create { bytes, .. } = next else {
        panic!("an entry is created")
    };
    let refusal = walk.take(&bytes).unwrap_err().to_string();
    assert!(refusal.contains(&layout::entry_key(at)), "{refusal}");
    assert_eq!(walk.next_slot(), at.next(), "the walk stays where it was");
    // Bytes that are no entry are refused as well.
    assert!(walk.take(&bytes[..bytes.len() - 1]).is_err());
}
