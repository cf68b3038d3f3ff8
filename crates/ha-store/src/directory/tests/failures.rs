//! System calls that fail, and what the caller is told.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;

use super::scripted::Scripted;
use super::{METHODS, key, kind, leftovers, list, open, read};
use crate::ErrorKind;
use crate::directory::disk::Model;
use crate::directory::engine::Engine;
use crate::directory::probe::Method;
use crate::directory::sys::Sys;

const OBJECT: &str = "journal/0/1";

fn naming_call(method: Method) -> &'static str {
    match method {
        Method::Unnamed => "link_unnamed",
        Method::Link => "link_named",
        Method::Rename => "rename_exclusive",
    }
}

#[test]
fn a_create_in_a_known_folder_is_six_calls() {
    let sys = Scripted::new(Model::new());
    let engine = open(sys.clone());
    engine.create(&key("journal/0/0"), b"x").unwrap();
    sys.calls();
    engine.create(&key(OBJECT), b"x").unwrap();
    let want = [
        "root_identity",
        "open_unnamed",
        "write",
        "sync_file",
        "link_unnamed",
        "sync_dir",
    ];
    assert_eq!(sys.calls(), want);
}

#[test]
fn a_lost_reply_to_the_naming_call_is_resolved_by_the_file_itself() {
    for method in METHODS {
        for errno in [Errno::IO, Errno::STALE, Errno::EXIST, Errno::NOENT] {
            let sys = Scripted::with_method(Model::new(), method);
            let engine = open(sys.clone());
            engine.create(&key("journal/0/0"), b"x").unwrap();
            sys.lose_reply(naming_call(method), errno);
            engine.create(&key(OBJECT), b"mine").unwrap();
            assert_eq!(read(&engine, OBJECT).unwrap(), "mine");
            assert_eq!(leftovers(&sys.inner), [""; 0]);
        }
    }
}

#[test]
fn a_naming_call_that_fails_for_no_clear_reason_leaves_the_outcome_unknown() {
    for method in METHODS {
        for errno in [Errno::IO, Errno::STALE, Errno::TIMEDOUT] {
            let sys = Scripted::with_method(Model::new(), method);
            let engine = open(sys.clone());
            sys.fail(naming_call(method), 1, errno);
            let error = engine.create(&key(OBJECT), b"mine").unwrap_err();
            assert_eq!(
                (error.kind(), error.needs_restart()),
                (ErrorKind::OutcomeUnknown, false),
                "{error}"
            );
            // The same again is what a writer does.
            engine.create(&key(OBJECT), b"mine").unwrap();
        }
    }
}

#[test]
fn a_failure_says_what_to_do_and_leaves_nothing() {
    let cases = [
        (
            Errno::NOSPC,
            ErrorKind::Unavailable,
            "no space left on `/the/root`: free some or collect",
        ),
        (Errno::DQUOT, ErrorKind::Unavailable, "quota"),
        (Errno::ROFS, ErrorKind::Denied, "read-only"),
        (Errno::ACCESS, ErrorKind::Denied, "not permitted"),
        (Errno::PERM, ErrorKind::Denied, "not permitted"),
        (Errno::IO, ErrorKind::Unavailable, "system's log"),
        (Errno::NXIO, ErrorKind::Unavailable, "system's log"),
        (Errno::STALE, ErrorKind::Unavailable, "mount it again"),
        (Errno::MFILE, ErrorKind::Unavailable, "file descriptors"),
    ];
    for method in METHODS {
        let making = if method == Method::Unnamed {
            "open_unnamed"
        } else {
            "open_named"
        };
        for (errno, want, words) in cases {
            for call in [making, "write", "make_dir", "root_identity"] {
                let sys = Scripted::new(Model::new());
                let engine = {
                    let limits = Scripted::with_method(sys.clone(), method);
                    open(limits)
                };
                sys.fail(call, 1, errno);
                let error = engine.create(&key(OBJECT), b"x").unwrap_err();
                assert_eq!(error.kind(), want, "{call} {errno}: {error}");
                let text = error.to_string();
                assert!(
                    text.starts_with("`journal/0/1`: ") && text.contains(words),
                    "{call} {errno}: {text}"
                );
                let source = std::error::Error::source(&error).unwrap().to_string();
                assert!(!text.contains(&source), "{text} repeats its source, {source}");
                assert_eq!(list(&engine, "journal/0"), [""; 0]);
                assert_eq!(leftovers(&sys.inner), [""; 0]);
                engine.create(&key(OBJECT), b"x").unwrap();
            }
        }
        for (errno, want, _) in cases.into_iter().filter(|(errno, ..)| {
            matches!(
                *errno,
                Errno::NOSPC | Errno::DQUOT | Errno::ROFS | Errno::ACCESS | Errno::PERM
            )
        }) {
            let sys = Scripted::with_method(Model::new(), method);
            let engine = open(sys.clone());
            sys.fail(naming_call(method), 1, errno);
            sys.fail("rename", 1, errno);
            assert_eq!(kind(engine.create(&key(OBJECT), b"x")), Some(want), "{errno}");
            assert_eq!(kind(engine.put(&key(OBJECT), b"x")), Some(want), "{errno}");
            assert_eq!(read(&engine, OBJECT), None);
            assert_eq!(leftovers(&sys.inner), [""; 0]);
        }
    }
}

#[test]
fn of_two_creates_that_share_a_folder_neither_is_acknowledged_when_its_fsync_fails() {
    let model = Model::new();
    let sys = Scripted::new(model.clone());
    let engine = Arc::new(open(sys.clone()));
    engine.create(&key("journal/0/0"), b"x").unwrap();

    // The system tells of a failed write-back once. The first create is told, after the second has been linked; and
    // if the second makes an fsync of its own before the first has noted it, that finds nothing wrong.
    let (linked, second_linked) = mpsc::channel();
    let (synced, second_synced) = mpsc::channel();
    let (reached, first_syncs) = mpsc::channel();
    sys.before("sync_dir", move || {
        reached.send(()).unwrap();
        second_linked.recv().unwrap();
        model.world().failing_dir_syncs = 1;
    });
    sys.after("sync_dir", move || {
        // Must not come, so that this wait is in vain.
        let _ = second_synced.recv_timeout(Duration::from_millis(300));
    });
    sys.after("sync_dir", move || synced.send(()).unwrap_or_default());
    let other = Arc::clone(&engine);
    let first = thread::spawn(move || other.create(&key("journal/0/1"), b"x"));
    first_syncs.recv().unwrap();
    sys.after("link_unnamed", move || linked.send(()).unwrap());
    let second = thread::spawn(move || engine.create(&key("journal/0/2"), b"x"));
    for answer in [first.join().unwrap(), second.join().unwrap()] {
        let error = answer.unwrap_err();
        assert!(error.needs_restart(), "{error}");
    }
}

#[test]
fn the_best_method_is_found_and_a_file_system_without_one_is_refused() {
    for method in METHODS {
        assert_eq!(open(Scripted::with_method(Model::new(), method)).method, method);
    }
    let opened = |sys: Scripted<Model>| Engine::open(sys, "/the/root".into()).map(|engine| engine.method);

    let neither = Scripted::with_method(Model::new(), Method::Rename);
    neither.fail("rename_exclusive", usize::MAX, Errno::INVAL);
    let error = opened(neither.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(
        error
            .to_string()
            .contains("neither link a file nor rename it exclusively"),
        "{error}"
    );
    assert_eq!(leftovers(&neither.inner), [""; 0]);

    let no_proc = Scripted::new(Model::new());
    no_proc.fail("link_unnamed", usize::MAX, Errno::NOENT);
    assert_eq!(opened(no_proc).unwrap(), Method::Link);

    let forgetful = Scripted::new(Model::new());
    forgetful.fail("open_file", 1, Errno::NOENT);
    assert_eq!(
        opened(forgetful).unwrap(),
        Method::Link,
        "it was gone when it was closed"
    );

    let counts_wrong = Scripted::new(Model::new());
    let model = counts_wrong.inner.clone();
    counts_wrong.after("open_unnamed", move || {
        let first_file = 1;
        model.link_unnamed(&first_file, &0, "a name of its own").unwrap();
    });
    assert_eq!(
        opened(counts_wrong).unwrap(),
        Method::Link,
        "it has a name already"
    );

    let volatile = Scripted::new(Model::new());
    volatile.fail("sync_dir", 1, Errno::INVAL);
    let error = opened(volatile).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("durable"), "{error}");

    for (errno, want) in [
        (Errno::ROFS, ErrorKind::Denied),
        (Errno::ACCESS, ErrorKind::Denied),
        (Errno::PERM, ErrorKind::Denied),
    ] {
        let sys = Scripted::new(Model::new());
        sys.fail("open_unnamed", 1, errno);
        assert_eq!(kind(opened(sys)), Some(want));
    }
    // A full store opens, to be read and collected.
    let full = Scripted::new(Model::new());
    full.fail("open_unnamed", 1, Errno::NOSPC);
    assert_eq!(opened(full).unwrap(), Method::Unnamed);
}

#[test]
fn a_file_system_that_names_two_files_alike_is_refused() {
    let sys = Scripted::with_method(Model::new(), Method::Rename);
    let model = sys.inner.clone();
    sys.before("rename_exclusive", || {});
    // The second rename finds the name free, as it would where the flag is ignored.
    sys.before("rename_exclusive", move || {
        let entries = model.entries(0).unwrap();
        let inode = |name: &str| model.status_at(&0, name).unwrap().identity.inode;
        let target = entries.iter().min_by_key(|entry| inode(&entry.name)).unwrap();
        model.unlink(&0, &target.name).unwrap();
    });
    let error = Engine::open(sys, "/the/root".into())
        .map(|engine| engine.method)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(
        error.to_string().contains("cannot hold two writers apart"),
        "{error}"
    );
}
