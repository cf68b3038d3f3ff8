//! How long a failover takes at most, by the settings and by how long the store was seen to take.
//!
//! The steps are those of the protocol (ARCHITECTURE.md, "The life of a takeover"), each at the 99th percentile that was
//! measured. The worst moment to die is just after a sign of life: a standby sees it a heartbeat's time later, waits
//! `heartbeatTimeout` from there, looks at all records anew (a look may be under way already, so twice), makes sure that the
//! journal's head is still there, claims the next slot, and validates the claim by the listing of the snapshots, beside which its first write goes out. To act on the world it waits for the end of the dead one's lease, by its own clock from the receipt of its own
//! claim: leaseTtl (1 + r) / (1 - r), with r the bound on clock drift.

use std::time::Duration;

use ha_core::Config;
use ha_store::Operation;
use ha_store::probe::ProbeReport;

/// Predicted bounds of a failover after the master has died without a word, with a live standby that is first in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Bound {
    /// What happens, and how long it takes at most, until the successor's first write is durable.
    pub(crate) steps: Vec<(&'static str, Duration)>,
    /// The sum of them.
    pub(crate) write: Duration,
    /// The wait for the dead one's lease.
    pub(crate) lease: Duration,
    /// Until the successor may act on the world.
    pub(crate) full: Duration,
}

impl Bound {
    /// None if not all that a takeover asks of the store was measured.
    pub(crate) fn predict(config: &Config, report: &ProbeReport) -> Option<Self> {
        let p99 = |operation| report.latency(operation).map(|latency| latency.p99);
        let (create, put) = (p99(Operation::Create)?, p99(Operation::Put)?);
        let (get, list) = (p99(Operation::Get)?, p99(Operation::List)?);
        let look = list + get;
        let claimed = vec![
            ("its last sign of life reaches the store (put)", put),
            (
                "and is seen (a heartbeat's time, list, get)",
                config.pace().beat + look,
            ),
            ("silence (heartbeatTimeout)", config.heartbeat_timeout()),
            ("a look at all records (twice list, get)", look * 2),
            ("the head is still there (get)", get),
            ("the claim (create)", create),
        ];
        let until_claim: Duration = claimed.iter().map(|(_, takes)| *takes).sum();
        let mut steps = claimed;
        steps.push((
            "the claim is validated (list, get), beside the first write (create)",
            look.max(create),
        ));
        let lease = lease_end(config);
        Some(Self {
            write: steps.iter().map(|(_, takes)| *takes).sum(),
            steps,
            lease,
            // The claim is validated while the lease is waited for.
            full: until_claim + lease.max(look) + create,
        })
    }
}

/// How long a waiter waits for the end of a lease: TTL (1 + r) / (1 - r) by its own clock.
pub(crate) fn lease_end(config: &Config) -> Duration {
    let r = f64::from(config.drift_ppm()) / 1e6;
    config.lease_ttl().mul_f64((1.0 + r) / (1.0 - r))
}

/// Settings that the store is too slow for, each with the way out.
pub(crate) fn warnings(config: &Config, report: &ProbeReport) -> Vec<String> {
    let p99 = |operation| {
        report
            .latency(operation)
            .map_or(Duration::ZERO, |latency| latency.p99)
    };
    let (get, put) = (p99(Operation::Get), p99(Operation::Put));
    let slowest = Operation::ALL.into_iter().map(p99).max().unwrap_or_default();
    let (poll, beat) = (config.poll(), config.pace().beat);
    let useful = config.lease_ttl().saturating_sub(config.stop_grace());
    let mut warnings = Vec::new();
    if useful < (poll * 2).max(poll + get) {
        warnings.push(format!(
            "leaseTtl {:?} less its stop grace of {:?} is shorter than two polls of {poll:?}, or than one poll and a slow read ({get:?}): the master would lose leave to act now and then; raise leaseTtl",
            config.lease_ttl(),
            config.stop_grace()
        ));
    }
    let sign = beat + put + get;
    if config.heartbeat_timeout() < sign * 3 / 2 {
        warnings.push(format!(
            "heartbeatTimeout {:?} is hardly longer than a sign of life takes (one every {beat:?}, a slow put of {put:?} and a slow read of {get:?}): a live master would be suspected; raise heartbeatTimeout",
            config.heartbeat_timeout()
        ));
    }
    if slowest * 2 > config.request_timeout() {
        warnings.push(format!(
            "a request is given up after {:?}, and the store took {slowest:?} for one of a hundred: raise leaseTtl, of which the request's time is a third",
            config.request_timeout()
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ha_store::probe::{self, ProbeOptions};
    use ha_store::{Fault, Faulty, MemoryStore, Rule, Store};

    use super::*;

    async fn slow(ms: u64) -> ProbeReport {
        let store = MemoryStore::new();
        let open = || {
            let store = Faulty::new(store.clone(), 1);
            store.add(Rule::new(Fault::delay(Duration::from_millis(ms))));
            Ok(Arc::new(store) as Arc<dyn Store>)
        };
        probe::run(open, &ProbeOptions::new(1), &|_| {}).await
    }

    /// On a store that takes 10 ms for everything, the sums can be done by hand.
    #[tokio::test(start_paused = true)]
    async fn the_bound_is_the_sum_of_its_steps() {
        let report = slow(10).await;
        let bound = Bound::predict(&Config::default(), &report).unwrap();
        let ms = |d: Duration| d.as_millis();
        // put 10, heartbeat 1000 + 20, silence 3000, looks 40, head 10, claim 10; listing 20 beside the write.
        assert_eq!(ms(bound.write), 4_110);
        // 5 s by clocks that may differ by 1 %.
        assert_eq!(ms(bound.lease), 5_101);
        assert_eq!(ms(bound.full), 4_090 + 5_101 + 10);
        assert!(warnings(&Config::default(), &report).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn settings_that_are_too_fast_for_the_store_are_named() {
        let report = slow(900).await;
        let warned = warnings(&Config::default(), &report);
        assert_eq!(warned.len(), 2, "{warned:?}");
        assert!(warned[0].starts_with("heartbeatTimeout 3s"), "{warned:?}");
        assert!(
            warned[1].starts_with("a request is given up after 1.66"),
            "{warned:?}"
        );
        let slower = slow(3_100).await;
        let warned = warnings(&Config::default(), &slower);
        assert!(
            warned[0].starts_with("leaseTtl 5s less its stop grace of 1s"),
            "{warned:?}"
        );
    }
}
