//! What becomes of a call that has no time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{Ground, WITHIN, fails, ok};
use crate::{Error, ErrorKind, Store};

/// A call ends soon after its deadline; it then says what is true: a write that was certainly not made is
/// [`Unavailable`](ErrorKind::Unavailable), and is not made later.
pub async fn deadlines_are_kept(open: &impl Fn() -> Arc<dyn Store>) {
    let store = open();
    let ground = Ground::new("deadline");
    let folder = ground.folder("f");
    for (number, within) in [0, 1, 50, 1000, 20_000]
        .map(Duration::from_micros)
        .into_iter()
        .enumerate()
    {
        let name = format!("f/{number}");
        let key = ground.key(&name);
        match timed(within, store.create(&key, "x".into(), within)).await {
            Ok(()) => assert_eq!(
                ok(store.get(&key, WITHIN).await, "a get of what was created"),
                "x"
            ),
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                fails(
                    store.get(&key, WITHIN).await,
                    ErrorKind::NotFound,
                    "a get of what was certainly not created",
                );
                ok(
                    store.create(&key, "y".into(), WITHIN).await,
                    "a create of what was certainly not created",
                );
            }
            Err(error) => assert_eq!(
                error.kind(),
                ErrorKind::OutcomeUnknown,
                "a create out of time: {error}"
            ),
        }
        read_kinds(timed(within, store.get(&key, within)).await);
        read_kinds(timed(within, store.get_range(&key, 0..1, within)).await);
        read_kinds(timed(within, store.list(&folder, within)).await);
        write_kinds(timed(within, store.put(&ground.key("f/put"), "x".into(), within)).await);
        write_kinds(timed(within, store.delete(&ground.key("f/put"), within)).await);
        ground.clear(&*store, [name]).await;
    }
    ground.clear(&*store, ["f/put"]).await;
}

fn read_kinds<T>(answer: Result<T, Error>) {
    if let Err(error) = answer {
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::Unavailable | ErrorKind::NotFound),
            "a read out of time is {kind}: {error}"
        );
    }
}

fn write_kinds(answer: Result<(), Error>) {
    if let Err(error) = answer {
        let kind = error.kind();
        let may_be = matches!(kind, ErrorKind::Unavailable | ErrorKind::OutcomeUnknown);
        assert!(may_be, "a write out of time is {kind}: {error}");
    }
}

async fn timed<T>(within: Duration, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let begun = Instant::now();
    match timeout(within + GRACE, call).await {
        Ok(answer) => answer,
        Err(_) => panic!(
            "a call with {within:?} to go was not answered after {:?}",
            begun.elapsed()
        ),
    }
}

/// What a busy machine may take to notice that a deadline has passed.
const GRACE: Duration = Duration::from_secs(10);
