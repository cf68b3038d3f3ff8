//! What a list shows.

use std::sync::Arc;

use super::{Ground, Options, WITHIN, ok, sorted};
use crate::{Folder, Store};

/// A list has the names directly in a folder, sub-folders with a `/` at the end, each once; a missing folder has none.
pub async fn a_listing_is_of_one_folder(options: Options, open: &impl Fn() -> Arc<dyn Store>) {
    let (store, other) = (open(), open());
    let ground = Ground::new("list");
    assert_eq!(
        sorted(&*store, &ground.folder("")).await,
        [""; 0],
        "a missing folder is an empty list"
    );
    let names = ["b", "a", "sub/x", "sub/y", "sub/deep/z", "sub2/x"];
    for name in names {
        ok(
            store.create(&ground.key(name), "x".into(), WITHIN).await,
            "a create",
        );
    }
    for client in [&store, &other] {
        assert_eq!(
            sorted(&**client, &ground.folder("")).await,
            ["a", "b", "sub/", "sub2/"]
        );
        assert_eq!(
            sorted(&**client, &ground.folder("sub")).await,
            ["deep/", "x", "y"]
        );
        assert_eq!(sorted(&**client, &ground.folder("sub/deep")).await, ["z"]);
        assert_eq!(
            sorted(&**client, &ground.folder("su")).await,
            [""; 0],
            "a folder is no prefix"
        );
        let top = sorted(&**client, &Folder::root()).await;
        assert!(
            top.contains(&format!("{}/", ground.0)),
            "the root's list lacks a folder: {top:?}"
        );
    }
    ground.clear(&*store, names).await;
    let mut left = sorted(&*other, &ground.folder("sub")).await;
    if !options.has_folders {
        left.retain(|name| name != "deep/");
    }
    assert_eq!(left, [""; 0], "an emptied folder is an empty list");
}

/// A list that is sent after a create, put or delete was answered shows it, whichever client made it. Many names come
/// back whole.
pub async fn a_listing_is_current(open: &impl Fn() -> Arc<dyn Store>) {
    let (store, other) = (open(), open());
    let ground = Ground::new("current");
    let folder = ground.folder("f");
    let mut want = Vec::new();
    for number in 0..40 {
        let name = format!("{number:020}");
        let (writer, reader) = if number % 2 == 0 {
            (&store, &other)
        } else {
            (&other, &store)
        };
        let key = ground.key(&format!("f/{name}"));
        if number % 3 == 0 {
            ok(writer.create(&key, "x".into(), WITHIN).await, "a create");
        } else {
            ok(writer.put(&key, "x".into(), WITHIN).await, "a put");
        }
        want.push(name);
        assert_eq!(
            sorted(&**reader, &folder).await,
            want,
            "a list after a write by another client"
        );
        assert_eq!(
            sorted(&**writer, &folder).await,
            want,
            "a list after an own write"
        );
    }
    for number in 0..40 {
        let (writer, reader) = if number % 2 == 0 {
            (&store, &other)
        } else {
            (&other, &store)
        };
        let name = want.remove(0);
        ok(
            writer.delete(&ground.key(&format!("f/{name}")), WITHIN).await,
            "a delete",
        );
        assert_eq!(
            sorted(&**reader, &folder).await,
            want,
            "a list after a delete by another client"
        );
    }
    for number in 0..2_000 {
        let key = ground.key(&format!("f/{number:020}"));
        ok(store.put(&key, "x".into(), WITHIN).await, "a put");
    }
    let names = sorted(&*other, &folder).await;
    let want: Vec<String> = (0..2_000).map(|number| format!("{number:020}")).collect();
    assert!(names == want, "a list of 2000 names has {}", names.len());
    ground
        .clear(&*store, names.iter().map(|name| format!("f/{name}")))
        .await;
}
