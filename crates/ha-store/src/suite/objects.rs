//! One client, one object.

use std::sync::Arc;

use bytes::Bytes;

use super::{Ground, Options, WITHIN, fails, ok};
use crate::{ErrorKind, Store};

/// A create makes an object that every client reads; a second create changes nothing and says that it exists.
pub async fn a_create_keeps_what_is_there(options: Options, open: &impl Fn() -> Arc<dyn Store>) {
    let (store, other) = (open(), open());
    let ground = Ground::new("create");
    for name in ["top", "a/low", "a/b/lowest"] {
        let key = ground.key(name);
        let missing = fails(
            store.get(&key, WITHIN).await,
            ErrorKind::NotFound,
            "a get of nothing",
        );
        assert_eq!(missing.key(), key.as_str(), "an error names its object");
        ok(
            store.create(&key, "first".into(), WITHIN).await,
            "a create of what is absent",
        );
        for client in [&store, &other] {
            let again = client.create(&key, "second".into(), WITHIN).await;
            fails(again, ErrorKind::Exists, "a create of what is there");
            assert_eq!(
                ok(client.get(&key, WITHIN).await, "a get"),
                "first",
                "a second create changes nothing"
            );
        }
        let sibling = fails(
            other.get(&ground.key(&format!("{name}-not")), WITHIN).await,
            ErrorKind::NotFound,
            "a get of nothing beside an object",
        );
        assert!(
            !sibling.folder_missing(),
            "the folder of an object is not missing"
        );
    }
    let nowhere = other.get(&ground.key("no-folder/x"), WITHIN).await;
    let nowhere = fails(nowhere, ErrorKind::NotFound, "a get in no folder");
    assert_eq!(
        nowhere.folder_missing(),
        options.has_folders,
        "a get in a folder that is missing must say so, and a store without folders must not"
    );
    ground.clear(&*store, ["top", "a/low", "a/b/lowest"]).await;
}

/// A put makes or replaces an object, also one that was created; every client reads the latest.
pub async fn a_put_replaces(open: &impl Fn() -> Arc<dyn Store>) {
    let (store, other) = (open(), open());
    let ground = Ground::new("put");
    let key = ground.key("a/record");
    for bytes in ["one", "a longer two", "", "4"] {
        ok(store.put(&key, bytes.into(), WITHIN).await, "a put");
        assert_eq!(
            ok(other.get(&key, WITHIN).await, "a get after a put"),
            bytes,
            "a get is current after a put"
        );
    }
    fails(
        other.create(&key, "x".into(), WITHIN).await,
        ErrorKind::Exists,
        "a create of what was put",
    );
    let created = ground.key("a/created");
    ok(store.create(&created, "old".into(), WITHIN).await, "a create");
    ok(
        other.put(&created, "new".into(), WITHIN).await,
        "a put over what was created",
    );
    assert_eq!(ok(store.get(&created, WITHIN).await, "a get"), "new");
    ground.clear(&*store, ["a/record", "a/created"]).await;
}

/// What is deleted is absent for every client and can be created anew; deleting what is absent is no error.
pub async fn what_is_deleted_is_absent(open: &impl Fn() -> Arc<dyn Store>) {
    let (store, other) = (open(), open());
    let ground = Ground::new("delete");
    let key = ground.key("a/b/x");
    ok(store.delete(&key, WITHIN).await, "a delete of what never was");
    for round in 0..3 {
        ok(
            store.create(&key, format!("{round}").into(), WITHIN).await,
            "a create of what is absent",
        );
        assert_eq!(ok(other.get(&key, WITHIN).await, "a get"), format!("{round}"));
        ok(other.delete(&key, WITHIN).await, "a delete");
        for client in [&store, &other] {
            fails(
                client.get(&key, WITHIN).await,
                ErrorKind::NotFound,
                "a get of what was deleted",
            );
        }
        ok(store.delete(&key, WITHIN).await, "a delete of what was deleted");
    }
}

/// A range gives the bytes from its start up to its end, and no more than there are.
pub async fn a_range_is_clipped(open: &impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let ground = Ground::new("range");
    let key = ground.key("x");
    let missing = store.get_range(&key, 0..1, WITHIN).await;
    fails(missing, ErrorKind::NotFound, "a ranged get of nothing");
    ok(store.create(&key, "0123456789".into(), WITHIN).await, "a create");
    let cases = [
        (0..10, "0123456789"),
        (0..3, "012"),
        (4..6, "45"),
        (9..10, "9"),
        (8..100, "89"),
        (0..u64::MAX, "0123456789"),
        (3..3, ""),
        (10..20, ""),
        (u64::MAX - 1..u64::MAX, ""),
    ];
    for (range, want) in cases {
        let got = ok(store.get_range(&key, range.clone(), WITHIN).await, "a ranged get");
        assert_eq!(got, want, "the range {range:?} of `0123456789`");
    }
    ground.clear(&*store, ["x"]).await;
}

/// Objects of no bytes, of one, and of a mebibyte come back as they were, by create and by put.
pub async fn objects_of_any_size_come_back(open: &impl Fn() -> Arc<dyn Store>) {
    let (store, other) = (open(), open());
    let ground = Ground::new("size");
    for len in [0, 1, 4095, 4096, 4097, 1 << 20] {
        let bytes: Bytes = (0..len)
            .map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        ok(
            store.create(&ground.key("x"), bytes.clone(), WITHIN).await,
            "a create",
        );
        ok(store.put(&ground.key("y"), bytes.clone(), WITHIN).await, "a put");
        for name in ["x", "y"] {
            let got = ok(other.get(&ground.key(name), WITHIN).await, "a get");
            assert!(
                got == bytes,
                "an object of {len} bytes came back as {} other bytes",
                got.len()
            );
        }
        let tail = u64::from(len).saturating_sub(3);
        let got = ok(
            other.get_range(&ground.key("x"), tail..u64::MAX, WITHIN).await,
            "a ranged get",
        );
        assert_eq!(
            got,
            bytes.slice(bytes.len().saturating_sub(3)..),
            "the last bytes of {len}"
        );
        ground.clear(&*store, ["x", "y"]).await;
    }
}
