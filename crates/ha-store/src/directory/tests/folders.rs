//! Folders that come and go under a writer.

use super::scripted::Scripted;
use super::{METHODS, key, kind, list, open, read};
use crate::ErrorKind;
use crate::directory::disk::Model;

#[test]
fn a_folder_that_is_removed_under_a_create_is_made_again() {
    for method in METHODS {
        for call in [
            "open_unnamed",
            "open_named",
            "write",
            "sync_file",
            "link_unnamed",
            "link_named",
            "rename_exclusive",
        ] {
            let model = Model::new();
            let sys = Scripted::with_method(model.clone(), method);
            let engine = open(sys.clone());
            engine.create(&key("a/b/c/0"), b"x").unwrap();
            let other = open(Scripted::with_method(model.clone(), method));
            sys.before(call, move || other.delete(&key("a/b/c/0")).unwrap());
            sys.calls();
            engine.create(&key("a/b/c/1"), b"mine").unwrap();
            assert_eq!(read(&engine, "a/b/c/1").unwrap(), "mine", "{method:?} {call}");
            // Its own entry was made durable anew.
            let mut worst = None;
            model.world().for_each_crash(|image| {
                worst.get_or_insert(image);
            });
            let worst = open(Model::boot(worst.unwrap()));
            let found = read(&worst, "a/b/c/1");
            assert_eq!(
                found.as_deref(),
                Some(&b"mine"[..]),
                "{method:?} {call}: {:?}",
                sys.calls()
            );
        }
    }
}

#[test]
fn a_folder_that_is_removed_under_a_put_is_made_again() {
    for call in ["open_named", "write", "rename"] {
        let sys = Scripted::new(Model::new());
        let engine = open(sys.clone());
        engine.put(&key("a/b/0"), b"x").unwrap();
        let other = open(sys.inner.clone());
        sys.before(call, move || other.delete(&key("a/b/0")).unwrap());
        engine.put(&key("a/b/1"), b"mine").unwrap();
        assert_eq!(read(&engine, "a/b/1").unwrap(), "mine", "{call}");
    }
}

#[test]
fn a_delete_removes_a_folder_that_is_empty_and_not_at_the_top() {
    let engine = open(Model::new());
    for name in ["a/x", "a/b/x", "a/b/y", "a/b/c/x"] {
        engine.create(&key(name), b"x").unwrap();
    }
    engine.delete(&key("a/b/c/x")).unwrap();
    assert_eq!(list(&engine, "a/b"), ["x", "y"]);
    engine.delete(&key("a/b/x")).unwrap();
    assert_eq!(list(&engine, "a"), ["b/", "x"]);
    engine.delete(&key("a/b/y")).unwrap();
    engine.delete(&key("a/x")).unwrap();
    assert_eq!(list(&engine, "a"), [""; 0]);
    assert_eq!(list(&engine, ""), ["a/"]);
    assert!(engine.get(&key("a/b/y")).unwrap_err().folder_missing());
    assert!(!engine.get(&key("a/y")).unwrap_err().folder_missing());
}

#[test]
fn what_others_removed_without_end_is_given_up_as_unavailable() {
    let sys = Scripted::new(Model::new());
    let engine = open(sys.clone());
    sys.fail("link_unnamed", usize::MAX, rustix::io::Errno::NOENT);
    assert_eq!(
        kind(engine.create(&key("a/b"), b"x")),
        Some(ErrorKind::Unavailable)
    );
}

#[test]
fn the_number_of_open_folders_is_bounded() {
    let sys = Scripted::new(Model::new());
    let engine = open(sys.clone());
    for number in 0..100 {
        engine.create(&key(&format!("a/{number}/x")), b"x").unwrap();
    }
    sys.calls();
    engine.create(&key("a/99/y"), b"x").unwrap();
    assert_eq!(sys.calls().len(), 6, "the newest is still known");
    engine.create(&key("a/0/y"), b"x").unwrap();
    assert!(sys.calls().contains(&"open_dir"), "the oldest is not");
}
