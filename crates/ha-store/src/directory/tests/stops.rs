//! A process that ends between any two system calls, on the real file system.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use super::scripted::Scripted;
use super::{METHODS, key, leftovers, list, open, read};
use crate::directory::real::Real;

const OLD: &[u8] = b"the old record";

#[test]
fn a_process_that_ends_within_a_create_or_a_put_leaves_whole_objects_only() {
    let new = vec![7; 100_000];
    for method in METHODS {
        for creates in [true, false] {
            let mut ends = false;
            for step in 0..100 {
                let dir = tempfile::tempdir().unwrap();
                let sys = Scripted::with_method(Real::new(dir.path()), method);
                let engine = open(sys.clone_real(dir.path()));
                engine.put(&key("nodes/n1"), OLD).unwrap();
                sys.stop_after(usize::MAX - 1);
                let engine = open(sys);
                engine.sys.stop_after(step);
                let answer = if creates {
                    engine.create(&key("journal/0/1"), &new)
                } else {
                    engine.put(&key("nodes/n1"), &new)
                };
                ends = !engine.sys.stopped();

                age(dir.path());
                let next = open(Real::new(dir.path()));
                assert_eq!(leftovers(&next.sys), [""; 0]);
                let created = read(&next, "journal/0/1");
                let record = read(&next, "nodes/n1").unwrap();
                assert!(
                    created.is_none() || created.as_deref() == Some(&*new),
                    "torn at step {step}"
                );
                assert!(record == OLD || record == new, "torn at step {step}");
                if ends {
                    answer.unwrap();
                    assert!(if creates { created.is_some() } else { record == new });
                    break;
                }
                assert_eq!(list(&next, "journal/0").len(), usize::from(created.is_some()));
            }
            assert!(ends);
        }
    }
}

#[test]
fn only_old_temporary_files_and_those_of_the_dead_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let live = open(Real::new(dir.path()));
    let (young, old) = (live.names.next(), live.names.next());
    File::create(dir.path().join(&old)).unwrap();
    age(dir.path());
    File::create(dir.path().join(&young)).unwrap();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let dead = young.replace(&format!("-{}-", std::process::id()), &format!("-{}-", child.id()));
    assert_ne!(dead, young);
    File::create(dir.path().join(&dead)).unwrap();
    fs::create_dir(dir.path().join(".tmp-folder")).unwrap();
    File::create(dir.path().join("tmp-old"))
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH)
        .unwrap();

    let mut left = leftovers(&open(Real::new(dir.path())).sys);
    left.sort_unstable();
    let mut want = vec![".tmp-folder".to_owned(), young];
    want.sort_unstable();
    assert_eq!(left, want);
    assert!(dir.path().join("tmp-old").exists());
}

impl Scripted<Real> {
    /// Another client of the same directory, that nothing happens to.
    fn clone_real(&self, root: &std::path::Path) -> Real {
        Real::new(root)
    }
}

/// Makes all temporary files two hours old.
fn age(root: &std::path::Path) {
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with(".tmp-") && entry.file_type().unwrap().is_file() {
            let then = SystemTime::now() - Duration::from_secs(7200);
            File::options()
                .write(true)
                .open(entry.path())
                .unwrap()
                .set_modified(then)
                .unwrap();
        }
    }
}
