//! Who sees that somebody leads again, and takes writes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::check::{Finding, Rule};
use super::client::{Client, Outcome, Sums};
use super::history::{Record, Told};
use super::nodes::Nodes;
use crate::counter::Counter;

/// A client of the injector's own.
pub(crate) trait Sentinel<P> {
    /// What it remembers in the end.
    type Memory;

    /// From now on it looks for a write that is acknowledged anew.
    fn begin(&mut self);

    /// Asks those that are awake for a write, and waits so long for each. `None`: none was acknowledged since it began.
    fn sees_write(&mut self, nodes: &Nodes<P>, patience: Duration) -> Option<Result<(), Finding>>;

    fn end(self) -> Self::Memory;
}

/// One of a plane of counters.
#[derive(Debug)]
pub(crate) struct Appends {
    client: Client,
    sums: Arc<Sums>,
    /// How many calls it had made when it began.
    before: usize,
    /// The highest slot of a write that was acknowledged by then.
    least: u64,
}

impl Appends {
    pub(crate) fn new(client: Client, sums: &Arc<Sums>) -> Self {
        Self {
            client,
            sums: Arc::clone(sums),
            before: 0,
            least: 0,
        }
    }

    /// The slot of a write that is acknowledged, be it one that was asked for some time ago, but since it began.
    fn acknowledged(&mut self, nodes: &Nodes<Counter>, patience: Duration) -> Option<u64> {
        for node in nodes.awake() {
            let late = self.client.hear_late(Duration::ZERO);
            if let Some((_, seq)) = late.into_iter().find(|(call, _)| *call >= self.before) {
                return Some(seq);
            }
            if let Outcome::Told(Told::Committed(seq)) = self.client.append(nodes.node(node), patience) {
                return Some(seq);
            }
        }
        None
    }
}

impl Sentinel<Counter> for Appends {
    type Memory = Vec<Record>;

    fn begin(&mut self) {
        self.least = self.sums.highest.load(Ordering::Relaxed);
        self.before = self.client.calls();
    }

    fn sees_write(&mut self, nodes: &Nodes<Counter>, patience: Duration) -> Option<Result<(), Finding>> {
        let (seq, least) = (self.acknowledged(nodes, patience)?, self.least);
        let lost = || {
            let how = format!("a new write is in slot {seq}, and {least} was acknowledged before");
            Finding::new(Rule::Lost, how)
        };
        Some((seq > least).then_some(()).ok_or_else(lost))
    }

    fn end(self) -> Vec<Record> {
        self.client.end()
    }
}
