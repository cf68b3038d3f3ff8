//! What has passed through a proxy.

use std::collections::BTreeMap;

use super::call::Kind;

/// What has passed through a proxy since it was started, or since another count that it is [held against](Self::since).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Requests that have come from clients.
    pub requests: BTreeMap<Kind, u64>,
    /// Faults that were injected, by their names; `delay` counts requests that were delayed.
    pub injected: BTreeMap<&'static str, u64>,
    /// Requests, or replies to them, that were lost in a cut.
    pub cut: u64,
    /// Requests that reached the server; a duplicated one did twice.
    pub forwarded: u64,
    /// Requests that the server did not answer.
    pub unanswered: u64,
    /// Bytes of bodies that came from clients.
    pub bytes_sent: u64,
    /// Bytes of bodies that came from the server.
    pub bytes_received: u64,
}

impl Counts {
    /// All requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Requests of a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.requests.get(&kind).copied().unwrap_or_default()
    }

    /// All faults but delays.
    #[must_use]
    pub fn faults(&self) -> u64 {
        let faults = self.injected.iter().filter(|(name, _)| **name != "delay");
        faults.map(|(_, count)| count).sum()
    }

    /// What has passed since an earlier count.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            requests: difference(&self.requests, &earlier.requests),
            injected: difference(&self.injected, &earlier.injected),
            cut: self.cut - earlier.cut,
            forwarded: self.forwarded - earlier.forwarded,
            unanswered: self.unanswered - earlier.unanswered,
            bytes_sent: self.bytes_sent - earlier.bytes_sent,
            bytes_received: self.bytes_received - earlier.bytes_received,
        }
    }
}

fn difference<K: Copy + Ord>(now: &BTreeMap<K, u64>, earlier: &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    let of = |(key, count): (&K, &u64)| (*key, count - earlier.get(key).copied().unwrap_or_default());
    now.iter().map(of).collect()
}
