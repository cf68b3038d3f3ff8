//! What this node asks of its store, and what that costs, for the metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ha_core::Config;
use ha_rest::{OperationUsage, StoreCost, StoreUsage};
use ha_store::{Counted, Counts, Operation, Store};

use crate::launch::Launch;
use crate::price::{MONTH, Prices};

/// The nodes of the plane that the price of an idle plane is given for.
const NODES: u32 = 3;

/// A node's store with its meter and its price table.
#[derive(Debug)]
pub(crate) struct Usage {
    store: Arc<Counted<Arc<dyn Store>>>,
    prices: Prices,
    config: Config,
    since: Instant,
}

impl Usage {
    pub(crate) fn new(store: Arc<Counted<Arc<dyn Store>>>, launch: &Launch) -> Self {
        Self {
            store,
            prices: launch.prices,
            config: launch.config.clone(),
            since: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> StoreUsage {
        let counts = self.store.counts();
        let mut usage = StoreUsage::new(self.store.to_string());
        usage.operations = Operation::ALL.map(|operation| of(&counts, operation)).into();
        usage.cost = (self.prices != Prices::NOTHING).then(|| self.cost(&counts, self.since.elapsed()));
        usage
    }

    fn cost(&self, counts: &Counts, so_far: Duration) -> StoreCost {
        let calls = |operation| counts.of(operation).calls;
        let puts = calls(Operation::Create) + calls(Operation::Put);
        let gets = calls(Operation::Get) + calls(Operation::GetRange);
        let spent = self.prices.of(puts, gets, calls(Operation::List));
        let mut cost = StoreCost::new(spent, self.prices.idle_month(&self.config, NODES));
        // A shorter time says nothing about a month.
        cost.projected_month =
            (so_far >= Duration::from_secs(60)).then(|| spent * MONTH.as_secs_f64() / so_far.as_secs_f64());
        cost.idle_nodes = NODES;
        cost.put_per_thousand = self.prices.put;
        cost.list_per_thousand = self.prices.list;
        cost.get_per_thousand = self.prices.get;
        cost.suspicion = self.config.heartbeat_timeout();
        cost
    }
}

fn of(counts: &Counts, operation: Operation) -> OperationUsage {
    let counts = counts.of(operation);
    let mut usage = OperationUsage::new(operation.to_string());
    usage.calls = counts.calls;
    usage.failures = counts.failures;
    usage.bytes = counts.bytes;
    usage.latency = counts.latency.buckets().collect();
    usage.p50 = counts.latency.quantile(0.5);
    usage.p99 = counts.latency.quantile(0.99);
    usage
}
