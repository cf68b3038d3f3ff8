//! `ha-server copy-state`: the same plane goes on elsewhere; nothing that is alive, damaged or half-copied passes for a plane.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ha_core::Seq;
use ha_core::proto::layout;
use ha_tests::{
    Bucket, BucketServer, Counters, Journal, Objects, PATIENCE, Said, Site, Timings, server_binary,
    server_says, wait_for,
};

fn copy(from: impl AsRef<OsStr>, to: impl AsRef<OsStr>, options: &[&str], bucket: Option<&Bucket>) -> Said {
    let mut arguments: Vec<OsString> = vec!["copy-state".into(), from.as_ref().into(), to.as_ref().into()];
    arguments.extend(options.iter().map(OsString::from));
    let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    server_says(&arguments, bucket)
}

#[track_caller]
fn assert_said(said: &Said, code: i32, wanted: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:?}");
    for wanted in wanted {
        assert!(
            said.err.contains(wanted) || said.out.contains(wanted),
            "{wanted}: {said:?}"
        );
    }
}

/// Two counters that have written enough for snapshots and collections; then they end.
fn at_rest(site: Site) -> (Counters, Vec<String>) {
    let mut plane = Counters::on(site, 2, 20);
    let clients = plane.clients(4);
    clients.commit_more(150);
    wait_for(PATIENCE, "the journal has been collected", || {
        clients.commit_more(1);
        !plane.objects().entries().contains_key(&Seq(5))
    });
    let history = clients.end();
    plane.settle();
    let values = plane.all[0].values();
    history.assert_agrees_with(&values);
    for node in &mut plane.all {
        node.terminate();
    }
    (plane, values)
}

/// The plane goes on in another directory, with the same id and values, and the next epoch.
#[track_caller]
fn goes_on_in(plane: &Counters, dir: &Path, values: &[String]) {
    let node = plane.launch("a", 20).option("--dir", dir).start();
    node.becomes("MASTER");
    assert_eq!(node.values(), values);
    node.append("after");
    Journal::of(&Objects::of_directory(dir)).assert_one_leader_at_a_time();
}

fn bytes_of(objects: &Objects) -> Vec<(String, Vec<u8>)> {
    let keys: Vec<String> = objects
        .entries()
        .into_values()
        .chain(objects.snapshots().into_values())
        .collect();
    let read = objects.read_all(keys.iter().cloned());
    keys.into_iter().zip(read.into_iter().flatten()).collect()
}

#[test]
fn a_plane_goes_on_in_another_directory() {
    let (plane, values) = at_rest(Site::with(Timings::SWIFT));
    let to = plane.site.path("elsewhere");
    let said = copy(plane.dir(), &to, &[], None);
    assert_said(&said, 0, &["copied plane ", " manifests, ", "; chain "]);
    assert_eq!(bytes_of(&plane.objects()), bytes_of(&Objects::of_directory(&to)));
    assert!(
        Objects::of_directory(&to).names("nodes").is_empty(),
        "records are the nodes'"
    );
    goes_on_in(&plane, &to, &values);
}

#[test]
fn a_plane_goes_into_a_bucket_and_back() {
    let Some(server) = BucketServer::shared() else {
        return;
    };
    let bucket = Bucket::on(server);
    let (plane, values) = at_rest(Site::with(Timings::SWIFT));
    let said = copy(plane.dir(), bucket.location(), &[], Some(&bucket));
    assert_said(&said, 0, &["copied plane "]);
    assert_eq!(bytes_of(&plane.objects()), bytes_of(bucket.objects()));
    let back = plane.site.path("back");
    let said = copy(bucket.location(), &back, &[], Some(&bucket));
    assert_said(&said, 0, &["copied plane "]);
    goes_on_in(&plane, &back, &values);
}

#[test]
fn a_server_finds_its_plane_where_it_was_copied_to() {
    let site = Site::calm();
    let mut server = site.server("a").start();
    server.becomes("MASTER");
    let plane_id = server.plane_id();
    server.terminate();
    let to = site.path("elsewhere");
    assert_said(&copy(site.plane(), &to, &[], None), 0, &["in epoch 1"]);
    let mut server = site.server("a").option("--persistenceDir", &to).start();
    server.becomes("MASTER");
    assert_eq!(server.plane_id(), plane_id);
    let journal = Journal::of(&Objects::of_directory(&to));
    assert_eq!(
        journal.beginnings().last().map(|entry| entry.header.epoch.0),
        Some(2)
    );
}

#[test]
fn a_live_plane_is_refused_on_either_side_and_a_dead_one_is_not() {
    let site = Site::brisk();
    let mut server = site.server("a").start();
    server.becomes("MASTER");
    let to = site.path("elsewhere");
    assert_said(&copy(site.plane(), &to, &[], None), 2, &["node `a` is alive in"]);
    assert!(
        Objects::of_directory(&to).names("").is_empty(),
        "nothing was written"
    );
    let other = Site::calm();
    let mut second = other.server("b").start();
    second.becomes("MASTER");
    second.terminate();
    assert_said(
        &copy(other.plane(), site.plane(), &[], None),
        2,
        &["node `a` is alive in"],
    );

    server.kill();
    // It has said nothing of its end, so its silence is watched.
    let said = copy(site.plane(), &to, &[], None);
    assert_said(&said, 0, &["watching 1 node records", "copied plane "]);
}

#[test]
fn a_destination_that_holds_something_is_refused_and_left_alone() {
    let (plane, _) = at_rest(Site::with(Timings::SWIFT));
    let to = plane.site.path("elsewhere");
    assert_said(&copy(plane.dir(), &to, &[], None), 0, &[]);
    let before = bytes_of(&Objects::of_directory(&to));
    assert_said(
        &copy(plane.dir(), &to, &[], None),
        3,
        &["holds something of a plane already", "journal"],
    );
    assert_said(
        &copy(plane.dir(), &to, &["--resume"], None),
        3,
        &["holds something of a plane already"],
    );
    assert_eq!(bytes_of(&Objects::of_directory(&to)), before);

    let foreign = plane.site.path("foreign");
    std::fs::create_dir(&foreign).expect("the site is writable");
    std::fs::write(foreign.join("notes"), "keep").expect("the site is writable");
    assert_said(
        &copy(plane.dir(), &foreign, &[], None),
        0,
        &["foreign objects in", "notes"],
    );
    assert_eq!(
        std::fs::read_to_string(foreign.join("notes")).expect("it is there"),
        "keep"
    );
}

#[test]
fn places_that_cannot_be_are_refused() {
    let site = Site::calm();
    let dir = site.path("empty");
    std::fs::create_dir(&dir).expect("the site is writable");
    let link = site.path("link");
    std::os::unix::fs::symlink(&dir, &link).expect("the site is writable");
    assert_said(&copy(&dir, &dir, &[], None), 3, &["are one place"]);
    assert_said(&copy(&dir, &link, &[], None), 3, &["are one place"]);
    assert_said(
        &copy(site.path("gone"), &dir, &[], None),
        3,
        &["there is no directory"],
    );
    assert!(!site.path("gone").exists());
    assert_said(
        &copy(&dir, site.path("to"), &[], None),
        2,
        &["there is no plane in"],
    );
    assert_said(&copy("ftp://x/y", &dir, &[], None), 3, &["ftp"]);
}

/// One thing wrong with a plane, what it is, and what is said of it.
fn damaged(plane: &Counters, name: &str, damage: impl Fn(&Path), wanted: &[&str]) {
    let broken = plane.site.path(name);
    copy_files(&plane.dir(), &broken);
    damage(&broken);
    let to = plane.site.path(&format!("{name}-copy"));
    let said = copy(&broken, &to, &[], None);
    assert_said(&said, 2, wanted);
    assert!(
        Objects::of_directory(&to).names("").is_empty(),
        "{name}: nothing was written"
    );
}

fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the site is writable");
    for entry in std::fs::read_dir(from).expect("the plane is there").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_files(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("the site is writable");
        }
    }
}

#[test]
fn damage_is_named_and_nothing_is_written() {
    let (plane, _) = at_rest(Site::with(Timings::SWIFT));
    let objects = plane.objects();
    let ends = || {
        let last = *objects.entries().last_key_value().expect("there are entries").0;
        let (newest, _) = objects.snapshots().pop_last().expect("there is a snapshot");
        (last, newest)
    };
    wait_for(
        PATIENCE,
        "the last entries but one are not in a snapshot, and so are needed",
        || {
            let (last, newest) = ends();
            let are_needed = last.0 > newest.0 + 1;
            if !are_needed {
                let mut node = plane.launch("a", 20).start();
                node.becomes("MASTER");
                node.append("more");
                node.terminate();
            }
            are_needed
        },
    );
    let (last, newest) = ends();
    let part = part_of(&plane.dir(), newest);
    let flip = |key: String| {
        move |dir: &Path| {
            let path = dir.join(&key);
            let mut bytes = std::fs::read(&path).expect("it is there");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).expect("it can be written");
        }
    };
    let remove = |key: String| move |dir: &Path| std::fs::remove_file(dir.join(&key)).expect("it is there");
    let head = layout::entry_key(last);
    let before = layout::entry_key(Seq(last.0 - 1));
    let manifest = layout::manifest_key(newest);
    damaged(
        &plane,
        "flipped-entry",
        flip(head.clone()),
        &[&head, "wrong checksum"],
    );
    damaged(
        &plane,
        "flipped-manifest",
        flip(manifest.clone()),
        &[&manifest, "wrong checksum"],
    );
    damaged(
        &plane,
        "flipped-part",
        flip(part.clone()),
        &[&part, "is not what its manifest says"],
    );
    damaged(&plane, "no-part", remove(part.clone()), &[&part, "is missing"]);
    damaged(&plane, "hole", remove(before.clone()), &[&before, "is missing"]);
    damaged(
        &plane,
        "no-genesis",
        remove(layout::entry_key(Seq(1))),
        &["is missing", "never deleted"],
    );
    // A whole entry in the place of another: each verifies, and the chain does not.
    let swapped = {
        let (from, to) = (layout::entry_key(Seq(2)), head.clone());
        move |dir: &Path| {
            std::fs::copy(dir.join(&from), dir.join(&to)).expect("it can be written");
        }
    };
    damaged(&plane, "swapped", swapped, &[&head, "an entry of another slot"]);
}

/// The key of the first part of a snapshot.
fn part_of(dir: &Path, snapshot: Seq) -> String {
    let bytes = std::fs::read(dir.join(layout::manifest_key(snapshot))).expect("the manifest is there");
    let manifest = ha_core::proto::Manifest::parse(snapshot, &bytes).expect("it is whole");
    layout::part_key(snapshot, manifest.write_id, 0)
}

/// What a copy puts up while it is under way, made up from what the finished copy has said of itself.
fn sign_of(plane: &Counters, said: &Said) -> String {
    let objects = plane.objects();
    let (last, _) = objects.entries().pop_last().expect("there are entries");
    let (newest, _) = objects.snapshots().pop_last().expect("there is a snapshot");
    let words: Vec<&str> = said.out.split_whitespace().collect();
    let after = |word: &str| {
        let at = words.iter().position(|w| *w == word).expect("it is said");
        words[at + 1]
    };
    format!(
        r#"{{"plane":"{}","seq":{last},"chain":"{}","manifest":{newest}}}"#,
        after("plane"),
        after("chain")
    )
}

#[test]
fn a_half_copied_store_is_no_plane_and_the_copy_can_go_on() {
    let (plane, values) = at_rest(Site::with(Timings::SWIFT));
    let half = plane.site.path("half");
    let said = copy(plane.dir(), &half, &[], None);
    assert_said(&said, 0, &[]);
    let whole = bytes_of(&Objects::of_directory(&half));
    let (last, _) = plane.objects().entries().pop_last().expect("there are entries");
    let (newest, manifest) = plane
        .objects()
        .snapshots()
        .pop_last()
        .expect("there is a snapshot");
    let sign = half.join(layout::copy_sign_key());
    std::fs::write(&sign, sign_of(&plane, &said)).expect("it can be written");
    for gone in [layout::entry_key(last), part_of(&half, newest), manifest] {
        std::fs::remove_file(half.join(gone)).expect("it is there");
    }

    assert_said(
        &copy(plane.dir(), &half, &[], None),
        3,
        &["has not ended", "--resume"],
    );
    let third = plane.site.path("third");
    assert_said(
        &copy(&half, &third, &[], None),
        2,
        &["says that a copy into this store has not ended"],
    );
    let node = plane.launch("x", 20).option("--dir", &half).start();
    wait_for(PATIENCE, "a node there says what is the matter", || {
        node.errors()
            .contains("says that a copy into this store has not ended")
    });
    assert_ne!(node.role(), "MASTER");
    drop(node);
    std::fs::remove_dir_all(half.join("nodes")).expect("it has left its record");

    assert_said(
        &copy(plane.dir(), &half, &["--resume"], None),
        0,
        &["copied plane "],
    );
    assert!(!sign.exists());
    assert_eq!(bytes_of(&Objects::of_directory(&half)), whole);
    goes_on_in(&plane, &half, &values);

    // Of another state it cannot go on.
    let said = copy(plane.dir(), plane.site.path("fourth"), &[], None);
    let other = sign_of(&plane, &said).replace(&format!("\"seq\":{last}"), "\"seq\":3");
    let fourth = plane.site.path("fourth");
    std::fs::write(fourth.join(layout::copy_sign_key()), other).expect("it can be written");
    let said = copy(plane.dir(), &fourth, &["--resume"], None);
    assert_said(&said, 3, &["is of another state", "slot 3"]);
}

#[test]
fn a_copy_that_is_killed_at_any_moment_leaves_no_plane_or_all_of_it() {
    let (plane, values) = at_rest(Site::with(Timings::SWIFT));
    let mut halves = 0;
    for (number, pause) in [0, 4, 8, 16, 32, 64].into_iter().enumerate() {
        let to = plane.site.path(&format!("killed-{number}"));
        let sign = to.join(layout::copy_sign_key());
        let mut child = Command::new(server_binary())
            .arg("copy-state")
            .args([plane.dir(), to.clone()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ha-server can be started");
        let begun = Instant::now();
        while !sign.exists() && child.try_wait().is_ok_and(|ended| ended.is_none()) {
            assert!(begun.elapsed() < PATIENCE, "the copy neither begins nor ends");
            std::thread::yield_now();
        }
        // Not a wait for anything: the moment of the kill is what varies.
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().and_then(|()| child.wait()).expect("it is our child");
        if sign.exists() {
            halves += 1;
            assert_said(
                &copy(plane.dir(), &to, &["--resume"], None),
                0,
                &["copied plane "],
            );
        }
        assert_eq!(
            bytes_of(&plane.objects()),
            bytes_of(&Objects::of_directory(&to)),
            "after {pause} ms"
        );
        goes_on_in(&plane, &to, &values);
    }
    println!("{halves} of 6 were killed halfway");
    assert!(halves > 0, "none was killed halfway, so that nothing was shown");
}
