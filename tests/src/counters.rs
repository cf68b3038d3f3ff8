//! A plane of counters.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clients::{Clients, History};
use crate::counter::{Counter, CounterLaunch, Remote};
use crate::disk::Disk;
use crate::journal::Journal;
use crate::objects::Objects;
use crate::site::{Site, Timings};
use crate::wait::{PATIENCE, wait_for};

impl Timings {
    /// For planes whose masters die all the time.
    pub const SWIFT: Self = Self {
        poll: Duration::from_millis(50),
        heartbeat_timeout: Duration::from_millis(400),
        lease_ttl: Duration::from_millis(800),
    };
    /// The same on two mounts of one file system, which may see an old record for a second.
    pub const SWIFT_ON_MOUNTS: Self = Self {
        poll: Duration::from_millis(100),
        heartbeat_timeout: Duration::from_millis(2_000),
        lease_ttl: Duration::from_millis(2_000),
    };
    /// The same on a bucket, where those who lose a race for a key are told a second or two later.
    pub const SWIFT_ON_BUCKET: Self = Self {
        poll: Duration::from_millis(100),
        heartbeat_timeout: Duration::from_millis(1_200),
        lease_ttl: Duration::from_millis(2_400),
    };
}

/// Some counters on one store.
#[derive(Debug)]
pub struct Counters {
    /// The counters: `a`, `b`, `c` and so on.
    pub all: Vec<Counter>,
    /// Where they live.
    pub site: Site,
    /// A disk of their own.
    disk: Option<Disk>,
}

impl Counters {
    /// A plane of so many counters, of which the first leads and the others follow. Each takes a snapshot after so many entries.
    ///
    /// # Panics
    /// If it does not come about.
    #[must_use]
    pub fn of(number: usize, snapshot_entries: u64) -> Self {
        Self::begin(number, snapshot_entries, Site::with(Timings::SWIFT), None)
    }

    /// The same on a site.
    ///
    /// # Panics
    /// If it does not come about.
    #[must_use]
    pub fn on(site: Site, number: usize, snapshot_entries: u64) -> Self {
        Self::begin(number, snapshot_entries, site, None)
    }

    /// The same on a small disk of its own; `None` where that cannot be had.
    ///
    /// # Panics
    /// If it does not come about.
    #[must_use]
    pub fn on_small_disk(number: usize, snapshot_entries: u64) -> Option<Self> {
        let site = Site::with(Timings::SWIFT);
        let disk = Disk::small(&site.path("disk"))?;
        Some(Self::begin(number, snapshot_entries, site, Some(disk)))
    }

    fn begin(number: usize, snapshot_entries: u64, site: Site, disk: Option<Disk>) -> Self {
        let mut counters = Self {
            all: Vec::new(),
            site,
            disk,
        };
        for name in ('a'..='z').take(number) {
            let counter = counters.launch(&name.to_string(), snapshot_entries).start();
            counter.becomes(if counters.all.is_empty() {
                "MASTER"
            } else {
                "HOT_STANDBY"
            });
            counters.all.push(counter);
        }
        counters
    }

    /// A launch of another counter on the same directory.
    #[must_use]
    pub fn launch(&self, name: &str, snapshot_entries: u64) -> CounterLaunch {
        let dir = self
            .disk
            .as_ref()
            .map_or_else(|| self.site.plane(), |disk| disk.dir().join("plane"));
        let launch = CounterLaunch::new(name, self.site.dir(), self.site.timings());
        let launch = if self.site.has_bucket() {
            launch.on_bucket(self.site.bucket())
        } else {
            launch.option("--dir", dir)
        };
        let launch = launch.option("--snapshot-entries", snapshot_entries.to_string());
        match &self.disk {
            Some(disk) => launch.within(disk.entrance()),
            None => launch,
        }
    }

    /// Where a test finds the directory that they share.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.disk.as_ref().map_or_else(
            || self.site.plane(),
            |disk| disk.seen_from_outside().join("plane"),
        )
    }

    /// What lies in the store that they share.
    #[must_use]
    pub fn objects(&self) -> Objects {
        match &self.disk {
            None => self.site.objects(),
            Some(_) => Objects::of_directory(&self.dir()),
        }
    }

    /// Where a test finds their disk, if they have one of their own.
    #[must_use]
    pub fn disk(&self) -> Option<&Path> {
        self.disk.as_ref().map(Disk::seen_from_outside)
    }

    /// Lines to all of them.
    #[must_use]
    pub fn remotes(&self) -> Vec<Remote> {
        self.all.iter().map(Counter::remote).collect()
    }

    /// Clients that write to whichever leads.
    #[must_use]
    pub fn clients(&self, number: usize) -> Clients {
        Clients::at_work(number, &self.remotes())
    }

    /// The place of the one that says to be master at the moment, waiting for one.
    ///
    /// # Panics
    /// If there is none in time.
    #[must_use]
    #[track_caller]
    pub fn master(&self) -> usize {
        self.master_among(&(0..self.all.len()).collect::<Vec<_>>())
    }

    /// The place of the one of these that says to be master, waiting for one.
    ///
    /// # Panics
    /// If there is none in time.
    #[must_use]
    #[track_caller]
    pub fn master_among(&self, places: &[usize]) -> usize {
        let mut master = None;
        wait_for(PATIENCE, "one of them is master", || {
            master = places.iter().copied().find(|place| self.all[*place].is("MASTER"));
            master.is_some()
        });
        master.expect("the wait ended with one")
    }

    /// Waits until one is master and all others follow it.
    ///
    /// # Panics
    /// If that does not come about.
    #[track_caller]
    pub fn settle(&self) -> usize {
        wait_for(PATIENCE, "one master, and hot standbys", || {
            let roles: Vec<_> = self.all.iter().map(|counter| counter.role()).collect();
            let of = |role: &str| roles.iter().filter(|r| *r == role).count();
            (of("MASTER"), of("HOT_STANDBY")) == (1, roles.len() - 1)
        });
        self.master()
    }

    /// Checks all that can be checked once the clients have ended: every node reads the same values by a linearizable read, they agree with what
    /// the clients were told, and the journal is in order.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_kept(&self, history: &History) -> Vec<String> {
        self.settle();
        let values = self.all[0].values();
        history.assert_agrees_with(&values);
        for other in &self.all[1..] {
            assert!(
                other.values() == values,
                "{} reads other values than {}",
                other.name(),
                self.all[0].name()
            );
        }
        let journal = Journal::of(&self.objects());
        journal.assert_one_leader_at_a_time();
        if journal.snapshot.0 == 0 {
            history.assert_lies_in(&journal);
        }
        for node in &self.all {
            history.assert_resolved_by(node, &values);
        }
        values
    }
}
