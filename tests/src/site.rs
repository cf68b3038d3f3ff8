//! The place where a test's servers live.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::bucket::Bucket;
use crate::launch::Launch;
use crate::objects::Objects;

/// A temporary directory with the plane's directory, the servers' state home and their logs; removed when it and all launches and servers
/// on it are dropped.
#[derive(Debug)]
pub struct Site {
    dir: Arc<TempDir>,
    timings: Timings,
    /// Where the plane lives, if not in a directory here.
    bucket: Option<Bucket>,
}

/// How fast the planes of a test live.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// `--pollPeriod`
    pub poll: Duration,
    /// `--heartbeatTimeout`
    pub heartbeat_timeout: Duration,
    /// `--leaseTtl`
    pub lease_ttl: Duration,
}

impl Timings {
    /// For tests in which nothing crashes: fast polls, and no suspicion on a busy machine.
    pub const CALM: Self = Self::of_millis(100, 10_000, 10_000);
    /// For tests that wait for a time-out.
    pub const BRISK: Self = Self::of_millis(100, 1_000, 2_000);

    /// The same on a bucket: those who are to go one after the other wait for a poll and a half, which must be longer than requests differ.
    pub const BRISK_ON_BUCKET: Self = Self::of_millis(300, 1_500, 3_000);

    const fn of_millis(poll: u64, heartbeat_timeout: u64, lease_ttl: u64) -> Self {
        Self {
            poll: Duration::from_millis(poll),
            heartbeat_timeout: Duration::from_millis(heartbeat_timeout),
            lease_ttl: Duration::from_millis(lease_ttl),
        }
    }
}

impl Site {
    /// A site where nothing crashes.
    #[must_use]
    pub fn calm() -> Self {
        Self::with(Timings::CALM)
    }

    /// A site where servers crash.
    #[must_use]
    pub fn brisk() -> Self {
        Self::with(Timings::BRISK)
    }

    /// A site with timings of its own.
    ///
    /// # Panics
    /// If there can be no temporary directory.
    #[must_use]
    pub fn with(timings: Timings) -> Self {
        let dir = tempfile::Builder::new().prefix("ha-plane-test-").tempdir();
        Self {
            dir: Arc::new(dir.expect("the temporary directory is writable")),
            timings,
            bucket: None,
        }
    }

    /// A site whose plane lives in a bucket.
    ///
    /// # Panics
    /// If there can be no temporary directory.
    #[must_use]
    pub fn on_bucket(timings: Timings, bucket: Bucket) -> Self {
        Self {
            bucket: Some(bucket),
            ..Self::with(timings)
        }
    }

    /// A path on the site.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The directory that the servers share. It is theirs to make.
    #[must_use]
    pub fn plane(&self) -> PathBuf {
        self.path("plane")
    }

    /// Whether the servers share a bucket.
    #[must_use]
    pub fn has_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    /// The bucket that the servers share.
    ///
    /// # Panics
    /// If it is a directory.
    #[must_use]
    pub fn bucket(&self) -> &Bucket {
        self.bucket.as_ref().expect("the site has a bucket")
    }

    /// What lies in the plane's store.
    #[must_use]
    pub fn objects(&self) -> Objects {
        match &self.bucket {
            None => Objects::of_directory(&self.plane()),
            Some(bucket) => bucket.objects().clone(),
        }
    }

    /// How fast its planes live.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.timings
    }

    /// The site's own directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A launch of a server on the site's plane: its node id, and a port that it keeps.
    #[must_use]
    pub fn server(&self, node_id: &str) -> Launch {
        self.anonymous(node_id).option("--nodeId", node_id)
    }

    /// A launch of a server that draws its node id; the name is only for messages.
    #[must_use]
    pub fn anonymous(&self, name: &str) -> Launch {
        let Timings {
            poll,
            heartbeat_timeout,
            lease_ttl,
        } = self.timings;
        let launch = Launch::new(name, Arc::clone(&self.dir));
        let launch = match &self.bucket {
            None => launch.option("--persistenceDir", self.plane()),
            Some(bucket) => {
                let launch = launch.option("--persistenceDir", bucket.location());
                let variables = bucket.environment().iter();
                variables.fold(launch, |launch, (name, value)| launch.environment(name, value))
            }
        };
        [
            ("--pollPeriod", poll),
            ("--heartbeatTimeout", heartbeat_timeout),
            ("--leaseTtl", lease_ttl),
        ]
        .into_iter()
        .fold(launch, |launch, (name, time)| {
            launch.option(name, format!("{}ms", time.as_millis()))
        })
    }
}
