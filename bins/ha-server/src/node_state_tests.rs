use super::*;

fn name(text: &str) -> NodeId {
    NodeId::new(text).expect("the name is good")
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

#[test]
fn a_node_has_its_id_and_its_priority_back_after_a_restart() {
    let dir = temporary();
    let first = NodeState::open(dir.path(), None, None).unwrap();
    let id = first.id().clone();
    assert!(
        id.as_str().len() == 8 && id.as_str().starts_with(|c: char| c.is_ascii_alphabetic()),
        "{id}"
    );
    assert_eq!(first.priority(), 0);
    first.set_priority(-7).unwrap();
    assert_eq!(first.priority(), -7);
    drop(first);

    let second = NodeState::open(dir.path(), None, None).unwrap();
    assert_eq!((second.id(), second.priority()), (&id, -7));
}

#[test]
fn what_is_given_holds_and_is_kept() {
    let dir = temporary();
    drop(NodeState::open(dir.path(), None, Some(3)).unwrap());
    let given = NodeState::open(dir.path(), Some(&name("n1")), None).unwrap();
    assert_eq!((given.id(), given.priority()), (&name("n1"), 3));
    drop(given);
    let kept = NodeState::open(dir.path(), None, Some(0)).unwrap();
    assert_eq!((kept.id(), kept.priority()), (&name("n1"), 0));
    drop(kept);
    assert_eq!(NodeState::open(dir.path(), None, None).unwrap().priority(), 0);
}

#[test]
fn a_second_holder_is_refused_and_told_who_has_it_and_the_way_out() {
    let dir = temporary();
    let holder = NodeState::open(dir.path(), None, None).unwrap();
    let error = RunError::from(NodeState::open(dir.path(), None, None).unwrap_err());
    let text = error.to_string();
    assert_eq!(error.exit_code(), 3);
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
    assert!(
        text.contains("--port") && text.contains(&*dir.path().to_string_lossy()),
        "{text}"
    );
    drop(holder);
    assert!(NodeState::open(dir.path(), None, None).is_ok());
}

#[test]
fn a_corrupt_file_is_named_with_the_way_out() {
    let dir = temporary();
    let file = dir.path().join(STATE_FILE);
    for bad in [
        "",
        "{",
        "[]",
        r#"{"id":"../x","priority":0}"#,
        r#"{"id":"a","priority":"high"}"#,
        r#"{"id":"a"}"#,
    ] {
        std::fs::write(&file, bad).unwrap();
        let error = NodeState::open(dir.path(), None, None).unwrap_err().to_string();
        assert!(
            error.contains(&*file.to_string_lossy()) && error.contains("remove it"),
            "{bad:?}: {error}"
        );
    }
}

#[test]
fn a_directory_that_is_a_file_is_named() {
    let dir = temporary();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = RunError::from(NodeState::open(&file, None, None).unwrap_err());
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
}

#[test]
fn a_leftover_of_a_crash_in_the_middle_of_a_write_does_no_harm() {
    let dir = temporary();
    let state = NodeState::open(dir.path(), Some(&name("n1")), Some(5)).unwrap();
    drop(state);
    std::fs::write(dir.path().join("node.json.tmp"), "{\"id\":\"n1\",\"pri").unwrap();
    let state = NodeState::open(dir.path(), None, None).unwrap();
    state.set_priority(6).unwrap();
    drop(state);
    assert_eq!(NodeState::open(dir.path(), None, None).unwrap().priority(), 6);
}

#[test]
fn the_key_is_that_of_the_directory_however_it_is_spelled() {
    let dir = temporary();
    let real = dir.path().join("plane");
    std::fs::create_dir(&real).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    assert_eq!(key_of(&real), key_of(&link));
    assert_eq!(key_of(&real), key_of(&dir.path().join("./missing/../link/.")));
    assert_ne!(key_of(&real), key_of(&dir.path().join("plane2")));
    let before = key_of(&dir.path().join("later"));
    std::fs::create_dir(dir.path().join("later")).unwrap();
    assert_eq!(
        key_of(&dir.path().join("later")),
        before,
        "making the directory changes nothing"
    );
    assert!(key_of(Path::new("/")).starts_with('-'), "also the root has a key");
}

#[test]
fn the_hash_is_fnv1a() {
    assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
}
