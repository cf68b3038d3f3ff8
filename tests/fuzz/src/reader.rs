//! A store with damaged and forged objects, read by a node.

use std::sync::{Arc, OnceLock};

use ha_proto::{Mode, Role};
use ha_sim::hand::Hand;
use ha_sim::{Store, Truth};

use crate::frame::{body, framed, sealed};
use crate::node::Lone;

/// A plane that has lived: two leaders, some snapshots, some entries collected.
struct Plane {
    store: Store,
    truth: Truth,
    keys: Vec<String>,
}

fn plane() -> &'static Plane {
    static PLANE: OnceLock<Plane> = OnceLock::new();
    PLANE.get_or_init(|| {
        let mut hand = Hand::plane(2);
        hand.commit(0, 1..12);
        hand.sleep(0);
        hand.suspect(1, 0);
        hand.run(1000);
        hand.commit(1, 12..20);
        hand.run(1000);
        assert_eq!(hand.role(1), Role::Master);
        let keys = hand.store.objects.keys().cloned().collect();
        Plane {
            store: hand.store,
            truth: hand.truth,
            keys,
        }
    })
}

/// How many objects there are to be damaged.
pub(crate) fn objects() -> usize {
    plane().keys.len()
}

/// First a byte: whether the node may lead. Then damages of four bytes each: which object, what happens to it, and where.
///
/// What the owner of the state is given is a state after some prefix of the true journal, unless a checksum was made to fit.
pub(crate) fn run(data: &[u8]) {
    let Some((mode, damages)) = data.split_first() else {
        return;
    };
    let plane = plane();
    let (mut store, mut forged) = (plane.store.clone(), false);
    for damage in damages.chunks_exact(4).take(16) {
        forged |= apply(damage, plane, &mut store);
    }
    let mode = if mode & 1 == 1 {
        Mode::Auto
    } else {
        Mode::HotBackup
    };
    let mut lone = Lone::new(store, mode);
    lone.run(3000, |host| {
        // A node that leads writes what the true journal does not have.
        if !forged && mode == Mode::HotBackup {
            assert_eq!(
                plane.truth.line(host.line.len),
                Some(host.line),
                "I5, I10: its state is after no prefix of the true journal"
            );
        }
    });
    let (role, failure) = (lone.node.role(lone.now()), lone.node.failure().map(str::to_owned));
    if role == Role::Failed {
        let words = failure.unwrap_or_default();
        assert!(!words.is_empty(), "a node that has failed says why");
    }
}

/// Says whether a checksum was made to fit.
fn apply(damage: &[u8], plane: &Plane, store: &mut Store) -> bool {
    let [which, what, a, b] = [damage[0], damage[1], damage[2], damage[3]];
    let key = &plane.keys[usize::from(which) % plane.keys.len()];
    let Some(bytes) = store.objects.get(key).map(|bytes| bytes.to_vec()) else {
        return false;
    };
    let at = (usize::from(a) << 8 | usize::from(b)) % bytes.len().max(1);
    let (damaged, forged) = match what % 9 {
        0 => (bytes[..at].to_vec(), false),
        1 => (changed(bytes, at, what), false),
        2 => {
            store.objects.remove(key);
            return false;
        }
        3 => {
            let other = &plane.keys[usize::from(a) % plane.keys.len()];
            (
                store.objects.get(other).map_or(bytes, |bytes| bytes.to_vec()),
                false,
            )
        }
        4 => (vec![0; bytes.len()], false),
        5 => (with_body(bytes, |body| body.truncate(at)), true),
        6 => (with_body(bytes, |body| flip(body, at, b | 1)), true),
        7 => (with_body(bytes, |body| boast(body, at)), true),
        _ => (sealed(bytes), true),
    };
    store.objects.insert(key.clone(), Arc::from(damaged));
    forged
}

fn changed(mut bytes: Vec<u8>, at: usize, by: u8) -> Vec<u8> {
    flip(&mut bytes, at, by | 1);
    bytes
}

fn flip(bytes: &mut [u8], at: usize, by: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= by;
    }
}

/// The largest number there is, where there may be a length, a slot or a time.
fn boast(bytes: &mut [u8], at: usize) {
    bytes.iter_mut().skip(at).take(8).for_each(|byte| *byte = 0xff);
}

fn with_body(bytes: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let magic: Option<[u8; 4]> = bytes.get(..4).and_then(|m| m.try_into().ok());
    match magic {
        Some(magic) if magic.starts_with(b"HAP") && bytes.len() >= 38 => {
            let mut inside = body(&bytes).to_vec();
            change(&mut inside);
            framed(magic, &inside)
        }
        _ => {
            let mut bytes = bytes;
            change(&mut bytes);
            bytes
        }
    }
}
