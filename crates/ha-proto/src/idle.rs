//! What a plane asks of its store while nothing happens: what keeping it alive costs.

use core::time::Duration;

use crate::config::Config;

/// Requests of a whole plane in some time, by the kinds that stores charge for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct IdleRequests {
    /// Writes of records.
    pub puts: u64,
    /// Reads of the next slot and of records.
    pub gets: u64,
    /// Listings, by which views are confirmed and new nodes found.
    pub lists: u64,
}

impl IdleRequests {
    /// What a plane of so many nodes with these settings asks within this time while nothing is written and nobody fails.
    ///
    /// A listing of more names than its store gives at once takes more requests; a plane of that many nodes is not idle.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use ha_proto::{Config, IdleRequests};
    /// let bucket = Config::bucket().build().unwrap();
    /// let day = IdleRequests::of(&bucket, 3, Duration::from_secs(86_400));
    /// assert_eq!(day.puts, 8640 + 2 * 2160);
    /// ```
    #[must_use]
    pub fn of(config: &Config, nodes: u32, time: Duration) -> Self {
        let nodes = u64::from(nodes);
        let Some(followers) = nodes.checked_sub(1) else {
            return Self::default();
        };
        let pace = config.pace();
        let every = |period: Duration| {
            let times = time.as_nanos() / period.as_nanos().max(1);
            u64::try_from(times).unwrap_or(u64::MAX)
        };
        let beats = every(pace.beat);
        let (leader_looks, looks) = (every(pace.look), followers * every(pace.follower_look));
        // Each partial look at records that a whole one replaces is counted with that.
        let partial =
            beats.saturating_sub(leader_looks) * followers + (followers * beats).saturating_sub(looks);
        Self {
            puts: beats + followers * every(pace.follower_beat),
            gets: nodes * every(config.poll()) + partial + (leader_looks + looks) * nodes,
            // Confirming a view also looks for holes.
            lists: leader_looks + looks + 2 * nodes * every(config.confirm_period()),
        }
    }
}
