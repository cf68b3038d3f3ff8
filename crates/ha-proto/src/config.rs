//! Settings of a node: data only, and only such as can work together.

use alloc::string::String;
use core::time::Duration;

/// Settings. [`Config::builder`] is the only way to other than the default ones.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Config {
    pub(crate) poll: Duration,
    pub(crate) pace: Pace,
    pub(crate) heartbeat_timeout: Duration,
    pub(crate) lease_ttl: Duration,
    pub(crate) stop_grace: Duration,
    pub(crate) drift_ppm: u32,
    pub(crate) confirm_period: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) snapshot_entries: u64,
    pub(crate) snapshot_bytes: u64,
    pub(crate) batch_bytes: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) linger_percent: u32,
}

/// How often records are written and read. On a store that charges for each request these are longer than a poll.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Pace {
    /// Between two heartbeats of a leader, and two looks at the records that matter: a follower's at its leader's, a leader's at all it knows.
    pub beat: Duration,
    /// Between two heartbeats of who does not lead.
    pub follower_beat: Duration,
    /// Between two looks of a leader at all records, by a listing. Every claim and every handover is preceded by one, whatever this is.
    pub look: Duration,
    /// The same of who does not lead.
    pub follower_look: Duration,
}

impl Pace {
    /// Everything once in this time.
    #[must_use]
    pub const fn every(period: Duration) -> Self {
        Self {
            beat: period,
            follower_beat: period,
            look: period,
            follower_look: period,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::builder()
            .build()
            .expect("the defaults agree with each other")
    }
}

impl Config {
    /// Begins with the defaults.
    ///
    /// ```
    /// # use ha_proto::Config;
    /// # use core::time::Duration;
    /// let config = Config::builder().poll(Duration::from_millis(100)).build().unwrap();
    /// assert_eq!(config.poll(), Duration::from_millis(100));
    /// assert!(Config::builder().lease_ttl(Duration::from_secs(1)).build().is_err()); // two polls do not fit
    /// ```
    #[must_use]
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder {
            poll: Duration::from_secs(1),
            pace: None,
            heartbeat_timeout: Duration::from_secs(3),
            lease_ttl: Duration::from_secs(5),
            stop_grace: None,
            drift_ppm: 10_000,
            confirm_period: Duration::from_secs(30),
            request_timeout: None,
            snapshot_entries: 10_000,
            snapshot_bytes: 64 << 20,
            batch_bytes: 1 << 20,
            queue_bytes: 64 << 20,
            linger_percent: 25,
        }
    }

    /// Begins with what suits a store that charges for each request and answers within a fraction of a second: a bucket. A leader is suspected
    /// after 25 s of silence, and its lease is 20 s.
    #[must_use]
    pub fn bucket() -> ConfigBuilder {
        let secs = Duration::from_secs;
        Self::builder()
            .poll(secs(5))
            .pace(Pace {
                beat: secs(10),
                follower_beat: secs(40),
                look: secs(120),
                follower_look: secs(600),
            })
            .heartbeat_timeout(secs(25))
            .lease_ttl(secs(20))
            .request_timeout(secs(5))
            .confirm_period(secs(900))
    }

    /// The same for who would rather wait than pay: a leader is suspected after 150 s of silence, and its lease is 100 s.
    #[must_use]
    pub fn economy() -> ConfigBuilder {
        let secs = Duration::from_secs;
        Self::builder()
            .poll(secs(30))
            .pace(Pace {
                beat: secs(60),
                follower_beat: secs(180),
                look: secs(600),
                follower_look: secs(3600),
            })
            .heartbeat_timeout(secs(150))
            .lease_ttl(secs(100))
            .request_timeout(secs(10))
            .confirm_period(secs(3600))
    }

    /// Between two reads of the next slot.
    #[must_use]
    pub fn poll(&self) -> Duration {
        self.poll
    }

    /// Silence after which a leader is suspected.
    #[must_use]
    pub fn heartbeat_timeout(&self) -> Duration {
        self.heartbeat_timeout
    }

    /// How often records are written and read.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Between two confirmations of the view by a listing, when nothing else asks for one.
    #[must_use]
    pub fn confirm_period(&self) -> Duration {
        self.confirm_period
    }

    /// How long one proof lets the leader act.
    #[must_use]
    pub fn lease_ttl(&self) -> Duration {
        self.lease_ttl
    }

    /// How many bytes of changes one entry takes at most, and so one change.
    #[must_use]
    pub fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// How long before the end of the lease work must end.
    #[must_use]
    pub fn stop_grace(&self) -> Duration {
        self.stop_grace
    }

    /// The bound on how much faster or slower a clock may run, parts per million.
    #[must_use]
    pub fn drift_ppm(&self) -> u32 {
        self.drift_ppm
    }

    /// How long one request to the store may take.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// After which silence a node that does not lead counts as gone, right after a look at all records.
    #[must_use]
    pub fn follower_timeout(&self) -> Duration {
        self.heartbeat_timeout + self.pace.follower_beat.saturating_sub(self.poll)
    }

    /// The same at any time: for what is shown, and for what may be as old as the last look.
    #[must_use]
    pub fn shown_timeout(&self) -> Duration {
        let look = self.pace.look.max(self.pace.follower_look);
        self.follower_timeout() + look.saturating_sub(self.poll)
    }

    /// By how much the n-th choice waits longer than the one before it: more than a poll and a claim.
    pub(crate) fn stagger(&self) -> Duration {
        self.poll + self.poll / 2
    }

    /// How long to wait before a request that failed is sent again.
    pub(crate) fn retry(&self) -> Duration {
        (self.poll / 4).clamp(Duration::from_millis(2), Duration::from_millis(250))
    }
}

/// Settings that may not agree with each other yet.
#[derive(Clone, Debug)]
pub struct ConfigBuilder {
    poll: Duration,
    pace: Option<Pace>,
    heartbeat_timeout: Duration,
    lease_ttl: Duration,
    stop_grace: Option<Duration>,
    drift_ppm: u32,
    confirm_period: Duration,
    request_timeout: Option<Duration>,
    snapshot_entries: u64,
    snapshot_bytes: u64,
    batch_bytes: usize,
    queue_bytes: usize,
    linger_percent: u32,
}

impl ConfigBuilder {
    /// Between two reads of the next slot. Default 1 s. Half of it is twice the requests.
    #[must_use]
    pub fn poll(mut self, every: Duration) -> Self {
        self.poll = every;
        self
    }

    /// How often records are written and read. Default: all once a poll.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }

    /// Silence after which a leader is suspected, and Write authority may move. Default 3 s. Too short costs terms, never data.
    #[must_use]
    pub fn heartbeat_timeout(mut self, silence: Duration) -> Self {
        self.heartbeat_timeout = silence;
        self
    }

    /// How long one proof by reading lets the leader act on the world. Default 5 s. A successor without better evidence waits
    /// about as long before it acts (it writes before that).
    #[must_use]
    pub fn lease_ttl(mut self, ttl: Duration) -> Self {
        self.lease_ttl = ttl;
        self
    }

    /// How long before the end of the lease work must end. Default a fifth of the lease.
    #[must_use]
    pub fn stop_grace(mut self, grace: Duration) -> Self {
        self.stop_grace = Some(grace);
        self
    }

    /// The bound on how much faster or slower a clock may run, parts per million. Default 10,000 (1 %).
    #[must_use]
    pub fn drift_ppm(mut self, ppm: u32) -> Self {
        self.drift_ppm = ppm;
        self
    }

    /// Between two confirmations of the view by a listing, when nothing else asks for one. Default 30 s.
    #[must_use]
    pub fn confirm_period(mut self, every: Duration) -> Self {
        self.confirm_period = every;
        self
    }

    /// How long one request to the store may take. Default: a third of the lease, at most 2 s. It should be shorter than the lease less its grace:
    /// a leader that waits longer for one answer loses its leave to act while it waits.
    #[must_use]
    pub fn request_timeout(mut self, within: Duration) -> Self {
        self.request_timeout = Some(within);
        self
    }

    /// A snapshot is due after so many entries. Default 10,000.
    #[must_use]
    pub fn snapshot_entries(mut self, entries: u64) -> Self {
        self.snapshot_entries = entries;
        self
    }

    /// A snapshot is due after so many bytes of entries. Default 64 MiB.
    #[must_use]
    pub fn snapshot_bytes(mut self, bytes: u64) -> Self {
        self.snapshot_bytes = bytes;
        self
    }

    /// How many bytes of changes one entry takes at most. Default 1 MiB.
    #[must_use]
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }

    /// How many bytes of changes may wait for their turn; more are refused. Default 64 MiB.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// How long to wait at most after an entry for answered clients to join the next, as a part of the round trip measured of late. Default
    /// 25 %. It ends as soon as all of them have, and is 2 % while nine of ten do not come back in that time.
    #[must_use]
    pub fn linger_percent(mut self, percent: u32) -> Self {
        self.linger_percent = percent;
        self
    }

    /// Checks that they agree.
    ///
    /// # Errors
    /// If they cannot work together; the message names the two and says what would.
    pub fn build(self) -> Result<Config, ConfigError> {
        let grace = self.stop_grace.unwrap_or(self.lease_ttl / 5);
        let fail = |message: String| Err(ConfigError(message));
        let millis = Duration::from_millis;
        if self.poll < millis(1) {
            return fail("the poll period must be at least 1 ms".into());
        }
        if self.heartbeat_timeout < self.poll * 2 {
            let (h, p) = (self.heartbeat_timeout, self.poll);
            return fail(alloc::format!(
                "heartbeatTimeout {h:?} must be at least two poll periods of {p:?}: raise it, or poll more often"
            ));
        }
        if self.lease_ttl.saturating_sub(grace) < self.poll * 2 {
            let (t, p) = (self.lease_ttl, self.poll);
            return fail(alloc::format!(
                "leaseTtl {t:?} less its stop grace of {grace:?} must be at least two poll periods of {p:?}: raise it, or poll more often"
            ));
        }
        let pace = self.pace.unwrap_or_else(|| Pace::every(self.poll));
        if self.heartbeat_timeout < pace.beat * 2 {
            let (h, b) = (self.heartbeat_timeout, pace.beat);
            return fail(alloc::format!(
                "heartbeatTimeout {h:?} must be at least two heartbeats of {b:?}: raise it, or beat more often"
            ));
        }
        if [pace.beat, pace.follower_beat, pace.look, pace.follower_look]
            .iter()
            .any(|period| *period < self.poll)
        {
            let p = self.poll;
            return fail(alloc::format!(
                "records cannot be written or read more often than once a poll of {p:?}: poll more often, or beat less often"
            ));
        }
        if self.drift_ppm >= 500_000 {
            return fail("the bound on clock drift must be below 500,000 parts per million".into());
        }
        if self.batch_bytes > 8 << 20 || self.batch_bytes == 0 {
            return fail("an entry takes between 1 byte and 8 MiB of changes".into());
        }
        Ok(Config {
            poll: self.poll,
            pace,
            heartbeat_timeout: self.heartbeat_timeout,
            lease_ttl: self.lease_ttl,
            stop_grace: grace,
            drift_ppm: self.drift_ppm,
            confirm_period: self.confirm_period.max(self.poll),
            request_timeout: self
                .request_timeout
                .unwrap_or_else(|| (self.lease_ttl / 3).min(millis(2000))),
            snapshot_entries: self.snapshot_entries.max(1),
            snapshot_bytes: self.snapshot_bytes.max(1),
            batch_bytes: self.batch_bytes,
            queue_bytes: self.queue_bytes.max(self.batch_bytes),
            linger_percent: self.linger_percent.min(100),
        })
    }
}

/// Settings that cannot work together.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);
