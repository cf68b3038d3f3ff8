//! A node whose plane is not where it was begins no other there: the directory is not mounted, or the bucket was emptied.

use std::path::PathBuf;
use std::time::Duration;

use ha_store::{Key, Store};
use ha_tests::{Bucket, BucketServer, PATIENCE, Server, Site, Timings, wait_for};

/// A node has led a plane, and has ended; its directory is somewhere else now.
fn moved_away() -> (Site, PathBuf, String) {
    let site = Site::calm();
    let mut node = site.server("a").start();
    node.becomes("MASTER");
    let plane = node.plane_id().expect("a master knows its plane");
    remembers(&node);
    node.kill();
    let away = site.path("away");
    std::fs::rename(site.plane(), &away).expect("the site is writable");
    (site, away, plane)
}

fn remembers(node: &Server) {
    says(node, "this node is part of it from now on");
}

fn says(node: &Server, words: &str) {
    wait_for(PATIENCE, &format!("it says `{words}`"), || {
        node.log().contains(words)
    });
}

#[test]
fn a_node_begins_no_other_plane_where_its_own_is_not_and_goes_on_when_it_is_back() {
    let (site, away, plane) = moved_away();
    let mut node = site.server("a").start();
    says(&node, "there is no plane in");
    assert!(!site.plane().exists(), "nor does it make the directory");
    // As where a mount is missing.
    std::fs::create_dir(site.plane()).expect("the site is writable");
    let looks = |node: &Server| node.log().matches("there is no plane in").count();
    let before = looks(&node);
    wait_for(PATIENCE, "it looks again", || looks(&node) > before + 1);
    let there = std::fs::read_dir(site.plane()).expect("it is there").count();
    assert_eq!(there, 0, "nothing is written under a mount point");
    std::fs::rename(&away, site.plane()).expect("the site is writable");
    node.becomes("MASTER");
    assert_eq!(node.plane_id(), Some(plane));
}

#[test]
fn who_waits_for_its_plane_can_be_told_to_stop() {
    let (site, ..) = moved_away();
    let mut node = site.server("a").start();
    says(&node, "there is no plane in");
    assert_eq!(node.terminate().code, Some(0));
}

#[test]
fn another_plane_in_the_place_of_its_own_is_joined_when_the_operator_says_so() {
    let (site, _, plane) = moved_away();
    let mut other = site.server("b").start();
    other.becomes("MASTER");
    let mut node = site.server("a").start();
    says(&node, "lies in `");
    let log = node.log();
    let (_, rest) = log.split_once("remove `").expect("it says what to do");
    let (file, _) = rest.split_once('`').expect("and with which file");
    std::fs::remove_file(file).expect("it is there");
    assert_eq!(node.terminate().code, Some(0));
    let mut node = node.start_again();
    node.becomes("HOT_STANDBY");
    assert_eq!(node.plane_id(), other.plane_id());
    assert_ne!(node.plane_id(), Some(plane));
}

#[test]
fn a_clean_start_begins_anew_where_nothing_is_and_that_is_remembered() {
    let (site, _, plane) = moved_away();
    let mut node = site.server("a").option("--persist", "clean").start();
    node.becomes("MASTER");
    let new = node.plane_id();
    assert_ne!(new, Some(plane));
    remembers(&node);
    node.terminate();
    let mut node = site.server("a").start();
    node.becomes("MASTER");
    assert_eq!(node.plane_id(), new);
}

#[test]
fn a_bucket_that_was_emptied_is_waited_for() {
    let Some(server) = BucketServer::shared() else {
        return;
    };
    let bucket = Bucket::on(server);
    let site = Site::on_bucket(Timings::CALM, bucket);
    let mut node = site.server("a").start();
    node.becomes("MASTER");
    let plane = node.plane_id();
    remembers(&node);
    node.terminate();
    let objects = site.objects();
    let keys: Vec<String> = objects
        .entries()
        .into_values()
        .chain(objects.snapshots().into_values())
        .collect();
    let bytes: Vec<Vec<u8>> = objects
        .read_all(keys.iter().cloned())
        .into_iter()
        .flatten()
        .collect();
    let client = site.bucket().client();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let within = Duration::from_secs(10);
    let key = |text: &String| Key::new(text).expect("it was one");
    runtime.block_on(async {
        for name in &keys {
            client
                .delete(&key(name), within)
                .await
                .expect("it can be deleted");
        }
    });
    let mut node = site.server("a").start();
    says(&node, "there is no plane in");
    assert!(objects.entries().is_empty());
    runtime.block_on(async {
        for (name, bytes) in keys.iter().zip(bytes).rev() {
            client
                .create(&key(name), bytes.into(), within)
                .await
                .expect("it is put back");
        }
    });
    node.becomes("MASTER");
    assert_eq!(node.plane_id(), plane);
}
