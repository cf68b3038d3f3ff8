//! Where stories are played.

use crate::bucket::Bucket;
use crate::bucket_server::BucketServer;
use crate::counters::Counters;
use crate::site::{Site, Timings};

/// What the planes of a story live in. A story says `const GROUND: Ground = Ground::of(module_path!());`, and is played on a directory, where it
/// is a test of its own, and once more on a bucket, where the test `bucket` mounts it as a module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ground {
    /// A directory.
    Directory,
    /// A bucket of a real server.
    Bucket,
}

impl Ground {
    /// That of a module.
    #[must_use]
    pub const fn of(module: &str) -> Self {
        match module.as_bytes() {
            [b'b', b'u', b'c', b'k', b'e', b't', b':', b':', ..] => Self::Bucket,
            _ => Self::Directory,
        }
    }

    /// A site where nothing crashes; `None`, and the test is skipped, where it cannot be had.
    #[must_use]
    pub fn calm(self) -> Option<Site> {
        self.with(Timings::CALM)
    }

    /// A site where servers crash; `None`, and the test is skipped, where it cannot be had.
    #[must_use]
    pub fn brisk(self) -> Option<Site> {
        self.with(match self {
            Self::Directory => Timings::BRISK,
            Self::Bucket => Timings::BRISK_ON_BUCKET,
        })
    }

    /// A plane of counters; see [`Counters::of`]. `None`, and the test is skipped, where it cannot be had.
    #[must_use]
    pub fn counters(self, number: usize, snapshot_entries: u64) -> Option<Counters> {
        let site = self.with(match self {
            Self::Directory => Timings::SWIFT,
            Self::Bucket => Timings::SWIFT_ON_BUCKET,
        })?;
        Some(Counters::on(site, number, snapshot_entries))
    }

    fn with(self, timings: Timings) -> Option<Site> {
        Some(match self {
            Self::Directory => Site::with(timings),
            Self::Bucket => Site::on_bucket(timings, Bucket::on(BucketServer::shared()?)),
        })
    }
}
