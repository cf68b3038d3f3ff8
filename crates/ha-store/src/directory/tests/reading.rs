//! Reads that fail.

use rustix::io::Errno;

use super::scripted::Scripted;
use super::{folder, key, kind, open};
use crate::ErrorKind;
use crate::directory::disk::Model;

#[test]
fn a_read_that_fails_is_never_an_absence() {
    let cases = [
        (Errno::IO, ErrorKind::Unavailable),
        (Errno::STALE, ErrorKind::Unavailable),
        (Errno::MFILE, ErrorKind::Unavailable),
        (Errno::ACCESS, ErrorKind::Denied),
    ];
    for (errno, want) in cases {
        for call in [
            "open_root",
            "dir_status",
            "open_dir",
            "open_file",
            "status",
            "read_at",
        ] {
            let sys = Scripted::new(Model::new());
            let engine = open(sys.clone());
            engine.create(&key("a/b/x"), b"x").unwrap();
            sys.fail(call, 1, errno);
            assert_eq!(kind(engine.get(&key("a/b/x"))), Some(want), "{call} {errno}");
            sys.fail(call, 1, errno);
            assert_eq!(
                kind(engine.get_range(&key("a/b/x"), 0..1)),
                Some(want),
                "{call} {errno}"
            );
        }
        for call in ["open_root", "dir_status", "open_dir", "entries"] {
            let sys = Scripted::new(Model::new());
            let engine = open(sys.clone());
            engine.create(&key("a/b/x"), b"x").unwrap();
            sys.fail(call, 1, errno);
            assert_eq!(kind(engine.list(&folder("a/b"))), Some(want), "{call} {errno}");
        }
    }
}

#[test]
fn damage_that_the_file_system_knows_of_is_corrupt() {
    for errno in [Errno::BADMSG, Errno::UCLEAN] {
        let sys = Scripted::new(Model::new());
        let engine = open(sys.clone());
        engine.create(&key("a/x"), b"x").unwrap();
        sys.fail("read_at", 1, errno);
        assert_eq!(kind(engine.get(&key("a/x"))), Some(ErrorKind::Corrupt));
    }
}

#[test]
fn a_root_that_is_gone_is_unavailable_for_every_call() {
    for errno in [Errno::NOENT, Errno::NOTDIR] {
        let sys = Scripted::new(Model::new());
        let engine = open(sys.clone());
        engine.create(&key("a/x"), b"x").unwrap();
        sys.fail("open_root", 5, errno);
        sys.fail("root_identity", 1, errno);
        let answers = [
            engine.get(&key("a/x")).map(drop),
            engine.get_range(&key("a/x"), 0..1).map(drop),
            engine.list(&folder("a")).map(drop),
            engine.delete(&key("a/x")),
            engine.put(&key("a/x"), b"y"),
            engine.create(&key("a/y"), b"y"),
        ];
        for answer in answers {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.to_string().contains("was replaced or unmounted"), "{error}");
        }
    }
}
