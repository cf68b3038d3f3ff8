//! A directory that others have damaged, moved away or filled with what is theirs. The trouble is named, with the way out; nothing that was
//! acknowledged is lost once it is put right; and nobody needs to be told that it has been.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ha_core::Seq;
use ha_core::proto::{Kind, RawEntry, layout};
use ha_tests::{Counters, Journal, PATIENCE, Request, Site, stays, wait_for};

const NEVER: u64 = 1_000_000;

/// A plane with some values whose nodes have ended, in order or not.
fn ended_plane(in_order: bool) -> Counters {
    let mut plane = Counters::of(2, NEVER);
    for number in 0..20 {
        plane.all[0].append(&number.to_string());
    }
    for node in plane.all.iter_mut().rev() {
        if in_order {
            node.terminate();
        } else {
            node.kill();
        }
    }
    plane
}

/// A commit in the middle of the journal, and its file.
fn a_commit(plane: &Path) -> (Seq, PathBuf) {
    let header = |path: &Path| RawEntry::peek(&std::fs::read(path).ok()?);
    let is_commit = |path: &Path| header(path).is_some_and(|header| header.kind == Kind::Commit);
    let commits: Vec<_> = Journal::entries(plane)
        .into_iter()
        .filter(|(_, path)| is_commit(path))
        .collect();
    commits[commits.len() / 2].clone()
}

/// The last entry, and its file.
fn head(plane: &Path) -> (Seq, PathBuf) {
    let mut entries = Journal::entries(plane).into_iter();
    entries.next_back().expect("a journal has entries")
}

/// Damages an object; then every node fails and names it, and writes nothing; put right, they come back with all values.
#[track_caller]
fn assert_named_and_recovered(plane: &mut Counters, object: &Path, damage: impl Fn(&Path), words: &[&str]) {
    let good = std::fs::read(object).expect("the object is there");
    damage(object);
    let dir = plane.dir();
    let slots = || Journal::entries(&dir).into_keys().collect::<Vec<_>>();
    let before = slots();
    for node in &mut plane.all {
        node.start_again();
    }
    for node in &plane.all {
        node.fails_naming(words);
    }
    stays(
        Duration::from_millis(1_000),
        "nobody leads, and nothing is written",
        || slots() == before && !plane.all.iter().any(|node| node.is("MASTER")),
    );
    for node in &plane.all {
        let tries = node.roles().iter().filter(|role| *role == "FAILED").count();
        assert!(
            tries <= 8,
            "{} tried {tries} times in vain: the pauses do not grow",
            node.name()
        );
    }
    std::fs::write(object, good).expect("the plane is writable");
    plane.settle();
    let all: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    for node in &plane.all {
        assert_eq!(node.values(), all);
    }
    plane.all[plane.master()].append("more");
    Journal::of(&plane.objects()).assert_one_leader_at_a_time();
}

#[test]
fn a_hole_in_the_journal_is_named_after_an_orderly_end() {
    let mut plane = ended_plane(true);
    let (slot, file) = a_commit(&plane.dir());
    let remove = |file: &Path| std::fs::remove_file(file).unwrap();
    assert_named_and_recovered(
        &mut plane,
        &file,
        remove,
        &[&layout::entry_key(slot), "hole", "Put the object back"],
    );
}

#[test]
fn a_hole_in_the_journal_is_named_after_a_crash() {
    let mut plane = ended_plane(false);
    let (slot, file) = a_commit(&plane.dir());
    let remove = |file: &Path| std::fs::remove_file(file).unwrap();
    assert_named_and_recovered(
        &mut plane,
        &file,
        remove,
        &[&layout::entry_key(slot), "hole", "Put the object back"],
    );
}

#[test]
fn a_bit_that_flipped_at_the_head_of_the_journal_is_named() {
    let mut plane = ended_plane(true);
    let (slot, file) = head(&plane.dir());
    let flip = |file: &Path| {
        let mut bytes = std::fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(file, bytes).unwrap();
    };
    assert_named_and_recovered(
        &mut plane,
        &file,
        flip,
        &[&layout::entry_key(slot), "damaged", "put back a good copy"],
    );
}

#[test]
fn an_entry_that_is_cut_short_is_named() {
    let mut plane = ended_plane(false);
    let (slot, file) = a_commit(&plane.dir());
    let cut = |file: &Path| {
        std::fs::File::options()
            .write(true)
            .open(file)
            .unwrap()
            .set_len(40)
            .unwrap()
    };
    assert_named_and_recovered(
        &mut plane,
        &file,
        cut,
        &[&layout::entry_key(slot), "damaged", "put back a good copy"],
    );
}

#[test]
fn an_entry_of_a_newer_format_is_not_guessed_at() {
    let mut plane = ended_plane(true);
    let (slot, file) = head(&plane.dir());
    let renew = |file: &Path| {
        let mut bytes = std::fs::read(file).unwrap();
        bytes[4..6].copy_from_slice(&2_u16.to_le_bytes());
        std::fs::write(file, bytes).unwrap();
    };
    assert_named_and_recovered(
        &mut plane,
        &file,
        renew,
        &[&layout::entry_key(slot), "format 2", "newer"],
    );
}

#[test]
fn a_node_that_comes_while_an_object_is_damaged_waits_until_it_is_put_right_and_the_plane_goes_on() {
    let plane = Counters::of(2, NEVER);
    plane.all[0].append("one");
    assert_eq!(plane.all[1].values(), ["one"], "the standby has read it");
    let (slot, file) = a_commit(&plane.dir());
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, b"HAPJ").unwrap();
    let late = plane.launch("late", NEVER).start();
    late.fails_naming(&[&layout::entry_key(slot), "damaged"]);
    plane.all[0].append("two");
    assert!(plane.all[0].is("MASTER") && plane.all[1].is("HOT_STANDBY"));
    std::fs::write(&file, good).unwrap();
    late.becomes("HOT_STANDBY");
    assert_eq!(late.values(), ["one", "two"]);
}

#[test]
fn a_manifest_that_is_cut_short_is_named() {
    let plane = Counters::of(1, 20);
    let mut values = Vec::new();
    wait_for(
        PATIENCE,
        "there is a snapshot, and entries were collected",
        || {
            let value = values.len().to_string();
            plane.all[0].append(&value);
            values.push(value);
            values.len() > 100 && Journal::snapshots(&plane.dir()).len() >= 2
        },
    );
    let (seq, file) = Journal::snapshots(&plane.dir()).into_iter().next_back().unwrap();
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, &good[..good.len() / 2]).unwrap();
    let late = plane.launch("late", 20).start();
    late.fails_naming(&[&layout::manifest_key(seq), "damaged", "put back a good copy"]);
    std::fs::write(&file, good).unwrap();
    late.becomes("HOT_STANDBY");
    assert_eq!(late.values(), values);
    assert_eq!(plane.all[0].values(), values);
}

#[test]
fn foreign_files_in_every_folder_disturb_nobody_and_are_left_alone() {
    let mut plane = Counters::of(2, 20);
    let clients = plane.clients(4);
    clients.commit_more(150);
    wait_for(PATIENCE, "every sort of folder is there", || {
        plane.dir().join("parts").is_dir()
    });
    let names = [
        ".nfs0001",
        "README",
        "00000000000000000007.bak",
        "x~",
        "999",
        "-",
        "\u{1f980}",
    ];
    let folders = ["", "journal", "journal/00000000", "snapshot", "parts", "nodes"];
    for folder in folders.map(|folder| plane.dir().join(folder)) {
        for name in names {
            std::fs::write(folder.join(name), b"not ours").unwrap();
        }
        std::fs::create_dir(folder.join("lost+found")).unwrap();
    }
    // All that a plane does, it still does: commit, collect, hand over, elect, load.
    clients.commit_more(300);
    let epoch = plane.all[plane.master()].epoch();
    let _ = plane.all[plane.master()].call("mode HOT_STANDBY");
    clients.commit_more(50);
    assert!(plane.all[plane.master()].epoch() > epoch, "handed over");
    let master = plane.settle();
    plane.all[master].kill();
    plane.all[master].start_again();
    clients.commit_more(50);
    let late = plane.launch("late", 20).start();
    late.becomes("HOT_STANDBY");
    let history = clients.end();
    history.assert_agrees_with(&late.values());
    plane.assert_kept(&history);
    for folder in folders.map(|folder| plane.dir().join(folder)) {
        for name in names {
            assert_eq!(
                std::fs::read(folder.join(name)).unwrap(),
                b"not ours",
                "{name} in {}",
                folder.display()
            );
        }
        assert!(folder.join("lost+found").is_dir());
    }
    // The records that are none are reported by name.
    assert!(late.errors().contains("nodes/README"), "{}", late.errors());
}

#[test]
fn while_its_directory_is_away_a_plane_waits_for_it_and_makes_no_other() {
    let plane = Counters::of(2, NEVER);
    assert_waits_for_directory(&plane, |_| {}, |dir| !dir.exists());
}

#[test]
fn in_an_empty_directory_that_took_the_place_of_its_own_a_plane_does_not_begin_another() {
    let plane = Counters::of(2, NEVER);
    let make = |dir: &Path| std::fs::create_dir(dir).unwrap();
    assert_waits_for_directory(&plane, make, |dir| {
        std::fs::read_dir(dir).is_ok_and(|mut files| files.next().is_none())
    });
}

#[track_caller]
fn assert_waits_for_directory(
    plane: &Counters,
    instead: impl Fn(&Path),
    is_untouched: impl Fn(&Path) -> bool,
) {
    let clients = plane.clients(4);
    clients.commit_more(50);
    let (dir, away) = (plane.dir(), plane.site.path("away"));
    let id = plane.all[0].status()["plane"].clone();
    std::fs::rename(&dir, &away).expect("the site is writable");
    instead(&dir);
    let refused = clients.refused();
    wait_for(
        PATIENCE,
        "writes are refused, and nobody says to be master",
        || clients.refused() > refused && !plane.all.iter().any(|node| node.is("MASTER")),
    );
    for node in &plane.all {
        wait_for(PATIENCE, "the directory is named, and the way out", || {
            let said = node.errors();
            said.contains(&*dir.to_string_lossy()) && said.contains("put it back")
        });
        assert_eq!(node.status()["may_act"], false);
    }
    let committed = clients.committed();
    stays(
        Duration::from_millis(2_000),
        "nothing is made in its place",
        || {
            is_untouched(&dir)
                && clients.committed() == committed
                && !plane.all.iter().any(|node| node.is("MASTER"))
        },
    );
    if dir.exists() {
        std::fs::remove_dir(&dir).expect("it is empty");
    }
    std::fs::rename(&away, &dir).expect("the site is writable");
    clients.commit_more(50);
    plane.assert_kept(&clients.end());
    assert!(plane.all.iter().all(|node| node.status()["plane"] == id));
}

#[test]
fn the_server_says_in_its_log_and_its_metrics_which_object_is_damaged() {
    let site = Site::calm();
    let mut server = site.server("a").start();
    server.becomes("MASTER");
    server.terminate().assert(0, &[]);
    let (slot, file) = head(&site.plane());
    let (key, good) = (layout::entry_key(slot), std::fs::read(&file).unwrap());
    std::fs::write(&file, &good[1..]).unwrap();
    let mut server = server.start_again();
    server.becomes("FAILED");
    let metrics = server.send(&Request::get("/v1/server/ha/metrics")).unwrap();
    let says = |text: &str| text.contains(&key) && text.contains("put back a good copy");
    assert!(says(&server.log()), "{}", server.log());
    assert!(says(&metrics.body), "{}", metrics.body);
    std::fs::write(&file, good).unwrap();
    server.becomes("MASTER");
}
