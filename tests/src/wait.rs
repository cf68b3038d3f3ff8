//! Waiting for what is to happen, and watching what is not.

use std::time::{Duration, Instant};

/// How long anything may take on a machine that is busy with other tests. No test gets slower by it unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds.
///
/// # Panics
/// If it does not hold by the deadline; the message names what was waited for.
#[track_caller]
pub fn wait_for(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < limit, "waited {limit:?} in vain: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Checks that a condition goes on to hold for some time.
///
/// # Panics
/// As soon as it does not.
#[track_caller]
pub fn stays(time: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        assert!(holds(), "no longer true after {:?}: {what}", begun.elapsed());
        std::thread::sleep(PAUSE);
    }
}

const PAUSE: Duration = Duration::from_millis(20);
