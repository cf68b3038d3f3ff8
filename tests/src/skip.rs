//! Tests that a machine does not allow.

use std::io::Write;

/// Says that a test is skipped, and why, past the harness that keeps the output of tests to itself. Where `HA_NO_SKIP` is 1, nothing may be.
///
/// # Panics
/// Where nothing may be skipped.
pub fn skip(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Nothing is to be done about a stderr that is closed.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
    assert!(
        std::env::var_os("HA_NO_SKIP").is_none_or(|set| set != "1"),
        "{test} may not be skipped here: {why}"
    );
}
