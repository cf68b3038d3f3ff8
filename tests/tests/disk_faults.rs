//! Disks that are full, and disks that cannot make things durable: what cannot be kept is not acknowledged.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use ha_tests::{Counters, PATIENCE, Strace, skip, wait_for};

/// Writes until nothing more fits.
fn fill(disk: &Path) {
    let mut filler = File::options()
        .create(true)
        .append(true)
        .open(disk.join("filler"))
        .expect("a name takes no space");
    for size in [65_536, 4_096, 512, 1] {
        while filler.write_all(&vec![0; size]).is_ok() {}
    }
}

#[test]
fn on_a_full_disk_writes_are_refused_for_certain_and_once_there_is_space_it_goes_on_by_itself() {
    let Some(plane) = Counters::on_small_disk(2, 1_000_000) else {
        return skip("this machine lets us make no mounts of our own");
    };
    let disk = plane.disk().unwrap().to_owned();
    let clients = plane.clients(4);
    clients.commit_more(50);
    let (mut said, refused) = (String::new(), clients.refused());
    wait_for(PATIENCE, "writes are refused, and the full disk is named", || {
        fill(&disk);
        said = plane.all.iter().map(|node| node.errors()).collect();
        said.contains("no space left on") && clients.refused() > refused + 10
    });
    assert!(
        said.contains(&*plane.site.path("disk").to_string_lossy()),
        "{said}"
    );
    std::fs::remove_file(disk.join("filler")).unwrap();
    clients.commit_more(50);
    let history = clients.end();
    assert_eq!(history.unknown(), 0, "a full disk is no reason not to know");
    plane.assert_kept(&history);
}

#[test]
fn a_file_that_is_not_made_durable_is_written_anew_and_nobody_notices() {
    let plane = Counters::of(1, 1_000_000);
    let master = &plane.all[0];
    wait_for(PATIENCE, "nothing is under way", || {
        master.status()["may_act"] == true
    });
    // Once in each thread of the store. The first that a write makes durable is its file, if none is in the middle of one now.
    let Some(faults) = Strace::inject(master.process_id(), "fsync:error=EIO:when=1", None) else {
        return skip("no process may be traced here");
    };
    let clients = plane.clients(4);
    wait_for(PATIENCE, "a file was not made durable", || {
        master.log().contains("a file could not be made durable")
    });
    clients.commit_more(100);
    drop(faults);
    clients.commit_more(20);
    let history = clients.end();
    assert_eq!((history.unknown(), history.refused()), (0, 0));
    plane.assert_kept(&history);
}

#[test]
fn while_no_file_is_made_durable_writes_are_refused_and_afterwards_it_goes_on() {
    let plane = Counters::of(1, 1_000_000);
    // Not in the middle of a write, whose folder would be what fails.
    wait_for(PATIENCE, "nothing is under way", || {
        plane.all[0].status()["may_act"] == true
    });
    let Some(faults) = Strace::inject(plane.all[0].process_id(), "fsync:error=EIO", None) else {
        return skip("no process may be traced here");
    };
    let clients = plane.clients(4);
    let (refused, committed) = (clients.refused(), clients.committed());
    wait_for(PATIENCE, "writes are refused", || clients.refused() > refused + 8);
    assert!(
        clients.committed() <= committed + 8,
        "what was under way, no more"
    );
    wait_for(PATIENCE, "the cause is told", || {
        plane.all[0].errors().contains("making it durable failed")
    });
    drop(faults);
    clients.commit_more(20);
    let history = clients.end();
    // To be traced takes time. An entry that was sent and is not decided within the time-out of an append, which here is a lease of 0.8 s,
    // is of unknown outcome, with one write of each client in it: once as the tracer comes, and once as it goes. All behind it are refused.
    assert!(
        history.unknown() <= 8,
        "what is refused was certainly not made: {}",
        history.unknown()
    );
    plane.assert_kept(&history);
}

#[test]
fn a_folder_that_is_not_made_durable_ends_the_leadership_until_a_restart() {
    let mut plane = Counters::of(2, 1_000_000);
    let clients = plane.clients(4);
    clients.commit_more(20);
    let segment = plane.dir().join("journal/00000000");
    let old = plane.master();
    let epoch = plane.all[old].epoch();
    let Some(faults) = Strace::inject(
        plane.all[old].process_id(),
        "fsync:error=EIO:when=1",
        Some(&segment),
    ) else {
        return skip("no process may be traced here");
    };
    plane.all[old].fails_naming(&["journal/00000000", "could not be made durable", "restart"]);
    // One failure was enough, though the disk is well again.
    drop(faults);
    plane.all[1 - old].becomes("MASTER");
    assert!(plane.all[1 - old].epoch() > epoch);
    clients.commit_more(50);
    assert!(plane.all[old].is("FAILED"), "it stays out");
    assert!(plane.all[old].call("append x")["fenced"].is_string());
    plane.all[old].kill();
    plane.all[old].start_again();
    plane.all[old].becomes("HOT_STANDBY");
    let history = clients.end();
    assert!(
        history.unknown() > 0,
        "of what was under way it could not be known"
    );
    plane.assert_kept(&history);
}
