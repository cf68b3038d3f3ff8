//! Latencies that a proxy injects between clients and a bucket.

use ha_tests::proxy::{Answer, Fault, Rule};
use ha_tests::{Bucket, BucketServer};

/// Log-normal latency, and how much is throttled.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct Latency {
    /// What it is called.
    pub name: &'static str,
    /// Its median in milliseconds; 0: none is injected.
    pub p50: u64,
    /// Its 99th percentile in milliseconds.
    pub p99: u64,
    /// How many of a thousand requests are answered 503.
    pub throttled: u32,
}

/// Those of the figures.
pub const LATENCIES: [Latency; 3] = [
    Latency {
        name: "none",
        p50: 0,
        p99: 0,
        throttled: 0,
    },
    Latency {
        name: "p50 18 ms, p99 90 ms",
        p50: 18,
        p99: 90,
        throttled: 0,
    },
    Latency {
        name: "p50 60 ms, p99 300 ms, 0.5 % of 503s",
        p50: 60,
        p99: 300,
        throttled: 5,
    },
];

/// Whether a measure is wanted: `-- "60 ms"` runs what has that in its name; nothing: all.
#[must_use]
pub fn asked(name: &str) -> bool {
    let mut words = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .peekable();
    words.peek().is_none() || words.any(|word| name.contains(word.as_str()))
}

/// A bucket of its own behind such a proxy. To be made where no runtime is running: it has one of its own.
#[must_use]
pub fn place(server: &BucketServer, latency: &Latency) -> Bucket {
    let bucket = Bucket::behind_proxy(server, 7);
    if latency.p50 > 0 {
        let delay = Fault::delay_of_millis(latency.p50, latency.p99);
        bucket.proxy().add(Rule::new(delay));
    }
    if latency.throttled > 0 {
        let slow_down = Rule::new(Fault::Instead(Answer::SLOW_DOWN));
        bucket.proxy().add(slow_down.per_mille(latency.throttled));
    }
    bucket
}
