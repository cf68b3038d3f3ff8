//! How long a bucket may take, and how much is taken from it.

use std::time::Duration;

/// Settings of a `BucketStore`, the store in a bucket.
///
/// Each call also has a deadline of its own, `within`; whichever passes first ends it, and the error says which. The
/// plane gives each call less time than its lease has left, so these are for what should be given up sooner.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BucketSettings {
    /// How long a connection may take to come about, the look-up of the name and TLS included. Default 2 s. Keep it below
    /// the deadline of the calls: a call that ends while it connects has certainly not been sent, and one that is cut
    /// off by its deadline may have been.
    pub connect_timeout: Duration,
    /// How long the first byte of an answer may take from when the request was begun, connection included. Default 15 s.
    /// Some servers let the losers of a race wait for seconds.
    pub first_byte_timeout: Duration,
    /// How long any call may take, whatever its own deadline. Default 60 s.
    pub total_timeout: Duration,
    /// How long an idle connection is kept. Default 20 s: load balancers close them after 60 s and some servers after 30 s,
    /// and a request that meets a closing connection has an unknown outcome.
    pub pool_idle_timeout: Duration,
    /// How many idle connections are kept. Default 16.
    pub pool_max_idle: usize,
    /// How many bytes an object may have that is read. Default 1 GiB; a longer one is none of the plane's.
    pub object_bytes_max: u64,
    /// How many names a listing may have. Default 100,000; the plane's own folders stay far below.
    pub list_names_max: usize,
}

impl Default for BucketSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            first_byte_timeout: Duration::from_secs(15),
            total_timeout: Duration::from_secs(60),
            pool_idle_timeout: Duration::from_secs(20),
            pool_max_idle: 16,
            object_bytes_max: 1 << 30,
            list_names_max: 100_000,
        }
    }
}
