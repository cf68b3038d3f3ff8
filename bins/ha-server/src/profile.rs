//! Timings that suit a kind of store.

use std::time::Duration;

use ha_core::{Config, Pace};

use crate::cli::TimingArgs;
use crate::launch::{ConfigError, longer_than_zero, short};
use crate::persistence::Persistence;

/// A set of timings with a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Profile {
    /// Requests cost nothing, and come back within milliseconds.
    Directory,
    /// Each request is paid for.
    Bucket,
    /// Each request is paid for, and who pays would rather wait.
    Economy,
}

impl Profile {
    /// The one that was asked for, else the one that suits the store.
    ///
    /// # Errors
    /// If there is none of that name.
    pub(crate) fn choose(asked: Option<&str>, persistence: &Persistence) -> Result<Self, ConfigError> {
        match (asked, persistence) {
            (Some("directory"), _) => Ok(Self::Directory),
            (Some("bucket"), _) => Ok(Self::Bucket),
            (Some("economy"), _) => Ok(Self::Economy),
            (Some(other), _) => Err(ConfigError::Profile(short(other))),
            (None, Persistence::Bucket { .. }) => Ok(Self::Bucket),
            (None, Persistence::Directory { .. } | Persistence::Disabled) => Ok(Self::Directory),
        }
    }

    /// The name on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Bucket => "bucket",
            Self::Economy => "economy",
        }
    }

    /// Its timings, with those that were given in their place.
    ///
    /// # Errors
    /// If they cannot work together.
    pub(crate) fn config(self, given: &TimingArgs) -> Result<Config, ConfigError> {
        let (mut builder, longest_request) = match self {
            Self::Directory => (Config::builder(), Duration::from_secs(2)),
            Self::Bucket => (Config::bucket(), Duration::from_secs(5)),
            Self::Economy => (Config::economy(), Duration::from_secs(10)),
        };
        if let Some(poll) = given.poll_period {
            let poll = longer_than_zero("pollPeriod", poll)?;
            // As in Brooklyn, where a poll and a heartbeat are one.
            builder = builder.poll(poll).pace(Pace::every(poll));
        }
        if let Some(timeout) = given.heartbeat_timeout {
            builder = builder.heartbeat_timeout(longer_than_zero("heartbeatTimeout", timeout)?);
        }
        if let Some(ttl) = given.lease_ttl {
            let ttl = longer_than_zero("leaseTtl", ttl)?;
            builder = builder
                .lease_ttl(ttl)
                .request_timeout((ttl / 3).min(longest_request));
        }
        if let Some(entries) = given.snapshot_entries {
            builder = builder.snapshot_entries(entries);
        }
        builder
            // An application is deployed by one entry, however large.
            .batch_bytes(LARGEST_ENTRY)
            .linger_percent(LINGER_PERCENT)
            .build()
            .map_err(|error| ConfigError::Timings(error.to_string()))
    }
}

/// As much as the journal allows, in bytes: some 20,000 entities.
const LARGEST_ENTRY: usize = 8 << 20;

/// An entry waits so long, as a part of a round trip, for clients that were answered and come back: a thousand of them over HTTP take tens of
/// milliseconds. Whoever comes back after the next entry has left waits for two round trips, so that they lose nothing by
/// a wait of less than one. Somebody else may wait that long once, when they do not come back.
const LINGER_PERCENT: u32 = 75;

#[cfg(test)]
mod tests {
    use super::*;

    fn timings(poll: u64, timeout: u64, ttl: u64) -> TimingArgs {
        let ms = |ms| Some(Duration::from_millis(ms));
        TimingArgs {
            poll_period: ms(poll),
            heartbeat_timeout: ms(timeout),
            lease_ttl: ms(ttl),
            ..TimingArgs::default()
        }
    }

    #[test]
    fn what_is_not_given_is_the_profiles() {
        let seconds = |profile: Profile, given: &TimingArgs| {
            let config = profile.config(given).unwrap();
            [config.poll(), config.heartbeat_timeout(), config.lease_ttl()].map(|d| d.as_millis())
        };
        let none = TimingArgs::default();
        assert_eq!(seconds(Profile::Directory, &none), [1_000, 3_000, 5_000]);
        assert_eq!(seconds(Profile::Bucket, &none), [5_000, 25_000, 20_000]);
        assert_eq!(seconds(Profile::Economy, &none), [30_000, 150_000, 100_000]);
        assert_eq!(
            seconds(Profile::Bucket, &timings(100, 1_000, 2_000)),
            [100, 1_000, 2_000]
        );
        let swift = Profile::Bucket.config(&timings(100, 1_000, 2_000)).unwrap();
        assert_eq!(swift.pace(), Pace::every(Duration::from_millis(100)));
        let given = TimingArgs {
            snapshot_entries: Some(20),
            ..none
        };
        let often = Profile::Directory.config(&given).unwrap();
        let expected = Config::builder()
            .batch_bytes(LARGEST_ENTRY)
            .linger_percent(LINGER_PERCENT)
            .snapshot_entries(20);
        assert_eq!(often, expected.build().unwrap());
    }

    #[test]
    fn what_cannot_work_together_is_refused_by_name() {
        let refusal = Profile::Bucket
            .config(&timings(1_000, 1_500, 5_000))
            .unwrap_err()
            .to_string();
        assert!(
            refusal.contains("heartbeatTimeout") && refusal.contains("1.5s"),
            "{refusal}"
        );
        let refusal = Profile::Economy
            .config(&timings(0, 1, 1))
            .unwrap_err()
            .to_string();
        assert!(refusal.contains("pollPeriod"), "{refusal}");
    }
}
