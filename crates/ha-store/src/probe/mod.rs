//! A look at a store before a plane is trusted to it: does it keep what [`Store`] promises?
//!
//! Servers that speak a store's language need not mean it: several that answer S3's protocol take `If-None-Match: *` and
//! overwrite all the same, and one gives every right answer until two writers come at once. On such a store two nodes
//! lead at a time, and acknowledged writes are lost. [`run`] finds out on the user's own store, in a folder of its own
//! ([`FOLDER`]), within seconds. What a store must keep is [`Check`]; what came of it is a [`ProbeReport`].
//!
//! A store that is slow or badly reached is no liar. A call that fails is repeated as the plane would do it; a check that
//! comes to no end is [`Outcome::Unjudged`]; and what is seen after a write whose outcome is unknown, and which may
//! therefore still land, is held against nobody where that could explain it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ha_store::probe::{self, ProbeOptions, Verdict};
//! use ha_store::{MemoryStore, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let store = MemoryStore::new();
//! let open = || Ok(Arc::new(store.clone()) as Arc<dyn Store>);
//! let report = probe::run(open, &ProbeOptions::new(42), &|_| {}).await;
//! assert_eq!(report.verdict(), Verdict::Passed);
//! # }
//! ```

mod check;
mod contents;
mod creates;
mod ground;
mod lists;
mod meter;
mod race;
mod reads;
mod report;
mod servers;
mod sweep;
mod trial;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

pub use self::check::Check;
use self::ground::Ground;
pub use self::meter::Latency;
pub use self::report::{CheckReport, Outcome, ProbeReport, Verdict};
pub use self::servers::{SERVERS, Server, Standing, servers_that_work};
use self::trial::{Stop, Trial};
use crate::{Error, Store};

/// The folder that probes work in. Nothing of a plane lies there, and no reader of a plane looks there.
pub const FOLDER: &str = "probe";

/// How a probe is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeOptions {
    /// Random: names the probe's own folder, so that probes at one time do not meet.
    pub seed: u64,
    /// The wall clock, to tell by its name how old a folder is that a crashed probe has left. Default: now.
    pub now: SystemTime,
    /// How long one call may take. Default 10 s: some servers let the loser of a race wait for seconds.
    pub within: Duration,
    /// How long all of it may take, cleaning not counted. Default 60 s.
    pub total: Duration,
    /// Whether one call is made at a time but for the race, so that latencies are those of a store at rest. Takes longer:
    /// some 200 round trips instead of 50. Default false.
    pub one_at_a_time: bool,
}

impl ProbeOptions {
    /// The defaults, with a random number of the caller's.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            now: SystemTime::now(),
            within: Duration::from_secs(10),
            total: Duration::from_secs(60),
            one_at_a_time: false,
        }
    }

    /// As [`within`](Self::within).
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// As [`total`](Self::total).
    #[must_use]
    pub fn total(mut self, total: Duration) -> Self {
        self.total = total;
        self
    }

    /// Sets [`one_at_a_time`](Self::one_at_a_time).
    #[must_use]
    pub fn one_at_a_time(mut self) -> Self {
        self.one_at_a_time = true;
        self
    }
}

/// How far a probe has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Checks that have ended.
    pub done: usize,
    /// Checks in all.
    pub of: usize,
    /// Calls made so far.
    pub requests: u64,
}

/// Probes a store. Each call of `open` gives a client of the same store, with a connection and cache of its own if the
/// store has such; it is called three times. `progress` is told when a check has ended.
///
/// It works in a folder of its own and clears it, also while a plane lives in the store. If the future is dropped, what
/// it has left is cleared by a later probe, a day or more later.
pub async fn run(
    open: impl Fn() -> Result<Arc<dyn Store>, Error>,
    options: &ProbeOptions,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> ProbeReport {
    let begun = Instant::now();
    let clients = match [open(), open(), open()] {
        [Ok(a), Ok(b), Ok(c)] => [a, b, c],
        [Err(error), _, _] | [_, Err(error), _] | [_, _, Err(error)] => {
            return ProbeReport::unreached(error.key().to_owned(), &error);
        }
    };
    let ground = Arc::new(Ground::new(clients, options, begun));
    let store = ground.store(0).to_string();
    if let Err(error) = sweep::reach(&ground).await {
        let mut report = ProbeReport::unreached(store, &error);
        report.requests = ground.meter.requests();
        report.took = begun.elapsed();
        return report;
    }
    let swept = sweep::leftovers(&ground, options.now).await;
    // The race first and alone: it must meet as little else as may be.
    let mut checks = vec![judge(ground.clone(), Check::OneWinner).await];
    let tell = |checks: &[CheckReport]| {
        progress(Progress {
            done: checks.len(),
            of: Check::ALL.len(),
            requests: ground.meter.requests(),
        });
    };
    tell(&checks);
    let mut others = JoinSet::new();
    for check in Check::ALL.into_iter().filter(|check| *check != Check::OneWinner) {
        if options.one_at_a_time {
            checks.push(judge(ground.clone(), check).await);
            tell(&checks);
        } else {
            others.spawn(judge(ground.clone(), check));
        }
    }
    while let Some(ended) = others.join_next().await {
        checks.push(ended.expect("a check does not panic and is not cancelled"));
        tell(&checks);
    }
    checks.sort_by_key(|report| report.check);
    ground.clear().await;
    ProbeReport {
        store,
        checks,
        requests: ground.meter.requests(),
        latencies: ground.meter.latencies(),
        took: begun.elapsed(),
        swept,
    }
}

/// Makes one check, anew if it came to no end.
async fn judge(ground: Arc<Ground>, check: Check) -> CheckReport {
    let begun = Instant::now();
    let mut outcome = Outcome::Unjudged {
        why: "there was no time left for it".to_owned(),
        error: None,
    };
    for attempt in 0..ATTEMPTS {
        let trial = Arc::new(Trial::new(ground.clone(), check, attempt));
        let ended = timeout_at(ground.deadline, check.make(&trial)).await;
        outcome = match ended {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(Stop::Lie(seen))) if trial.proves_nothing() => Outcome::Unjudged {
                why: format!("{seen}; but a write before that had no answer and may have landed late"),
                error: None,
            },
            Ok(Err(Stop::Lie(seen))) => Outcome::Violated(seen),
            Ok(Err(Stop::Failed(error))) => Outcome::unjudged(error),
            Err(_) => break,
        };
        if !matches!(outcome, Outcome::Unjudged { .. }) || !outcome.may_mend() {
            break;
        }
    }
    CheckReport {
        check,
        outcome,
        took: begun.elapsed(),
    }
}

/// How often a check is made that comes to no end.
const ATTEMPTS: u32 = 3;
