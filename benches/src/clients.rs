//! Clients that append one change after the other.

use std::time::Instant;

use ha_core::{Append, Plane};

use crate::Samples;

/// Length of a change, in bytes.
pub const CHANGE: usize = 100;

/// One client: how long each of its appends took. It appends while `goes_on` says so of the number of those that are done.
///
/// # Panics
/// If one is not committed.
pub async fn appends(plane: Plane, goes_on: impl Fn(usize) -> bool) -> Samples {
    let mut samples = Samples::default();
    while goes_on(samples.len()) {
        let began = Instant::now();
        let outcome = plane.append([7; CHANGE]).await;
        assert!(matches!(outcome, Append::Committed(_)), "{outcome:?}");
        samples.push(began.elapsed());
    }
    samples
}

/// So many clients at once, each a task of its own.
///
/// # Panics
/// If an append is not committed.
pub async fn side_by_side(
    plane: &Plane,
    clients: usize,
    goes_on: impl Fn(usize) -> bool + Clone + Send + 'static,
) -> Samples {
    let running: Vec<_> = (0..clients)
        .map(|_| tokio::spawn(appends(plane.clone(), goes_on.clone())))
        .collect();
    let mut samples = Samples::default();
    for client in running {
        samples.extend(client.await.expect("a client does not panic"));
    }
    samples
}
