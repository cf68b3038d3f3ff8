//! Every target on its corpus and on a bounded number of changes of it, with an eye on memory.
//!
//! | variable | |
//! |---|---|
//! | `HA_FUZZ_SECONDS` | how long each target goes on (default 2) |
//! | `HA_FUZZ_SEED` | from which seed (default 1) |
//! | `HA_FUZZ_TARGET` | only this one |
//! | `HA_BLESS=1` | writes the seeds that are made from real objects anew. Only ever for a new format |

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ha_fuzz::{Campaign, Meter, TARGETS, Target};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const METER: Meter = Meter {
    reset: || ALLOCATOR.reset_peak_usage(),
    peak: || ALLOCATOR.peak_usage(),
};

/// Memory is of the whole process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    bless();
    alone
}

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn campaign() -> Campaign {
    Campaign {
        seed: variable("HA_FUZZ_SEED").unwrap_or(1),
        inputs: u64::MAX,
        within: Duration::from_secs_f64(variable("HA_FUZZ_SECONDS").unwrap_or(2.0)),
    }
}

#[test]
fn whatever_comes_from_outside_is_read_or_refused_and_takes_no_more_memory_than_it_may() {
    let _alone = alone();
    let only: Option<String> = variable("HA_FUZZ_TARGET");
    let mut found = 0;
    for target in TARGETS {
        if only.as_ref().is_some_and(|name| name != target.name) {
            continue;
        }
        found += 1;
        match campaign().run(target, METER) {
            Ok(passed) => println!(
                "target={} seeds={} inputs={} peak_bytes={} violations=0",
                target.name, passed.seeds, passed.inputs, passed.peak
            ),
            Err(found) => panic!("{found}"),
        }
    }
    assert!(found > 0, "there is no target {only:?}");
}

/// Writes the seeds anew, if asked to.
fn bless() {
    if variable::<String>("HA_BLESS").is_none() {
        return;
    }
    for target in TARGETS {
        fs::create_dir_all(target.folder()).expect("a folder of the repository can be made");
        for (name, bytes) in target.seeds() {
            fs::write(target.folder().join(name), bytes).expect("and written to");
        }
    }
}

#[test]
fn objects_of_this_version_are_read() {
    let _alone = alone();
    for target in TARGETS {
        let seeds = target.seeds();
        assert!(!seeds.is_empty());
        seeds.iter().for_each(|(_, bytes)| (target.run)(bytes));
    }
}

fn panics(_: &[u8]) {
    panic!("on purpose");
}

fn boasts(data: &[u8]) {
    // Takes a length's word for it.
    if let Some(length) = data.get(8..12) {
        let length = u32::from_le_bytes(length.try_into().expect("these are four bytes")) as usize;
        drop(std::hint::black_box(vec![0_u8; length]));
    }
}

#[test]
fn a_panic_and_a_length_that_is_believed_are_found() {
    let _alone = alone();
    let entry = Target::named("entry").unwrap();
    for (run, words) in [(panics as fn(&[u8]), "on purpose"), (boasts, "bytes of memory")] {
        let mut planted = *entry;
        planted.run = run;
        let planted: &'static Target = Box::leak(Box::new(planted));
        let found = campaign().run(planted, METER).unwrap_err();
        assert!(found.what.contains(words), "{found}");
        println!("found after {} inputs: {}", found.after, found.what);
    }
}
