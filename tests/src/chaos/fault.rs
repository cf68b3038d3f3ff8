//! What is done to a plane.

use std::fmt;

/// A kind of fault.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Fault {
    /// A process is killed, and started again.
    Kill,
    /// A process is stopped for longer than its lease.
    Pause,
    /// A process is stopped until what it would read next has been collected.
    Sleep,
    /// All processes are killed at once, and started again.
    KillAll,
    /// A process is told to end, and started again.
    Terminate,
    /// The master is told to follow, and may lead again when another does.
    Handover,
    /// The wall clock of a node is stepped, or runs at another rate.
    Clock,
    /// The directory is gone for a while.
    DirectoryAway,
    /// The disk is full for a while.
    DiskFull,
    /// The bucket's server is killed, and started again.
    StoreStopped,
    /// All that is sent to the bucket is lost for a while.
    Cut,
    /// Connections to the bucket are refused for a while.
    Refused,
    /// The network of one node is cut for a while.
    LinkCut,
    /// What one node is sent is lost for a while, and not what it sends.
    LinkDeaf,
    /// What one node sends is lost for a while, and not what it is sent.
    LinkDumb,
    /// The network of one node is slow for a while.
    LinkSlow,
    /// The file system of one host hangs for a while.
    MountHung,
}

impl Fault {
    /// What it is counted under.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kills",
            Self::Pause => "pauses",
            Self::Sleep => "sleeps_past_collection",
            Self::KillAll => "all_killed",
            Self::Terminate => "terminated",
            Self::Handover => "handovers",
            Self::Clock => "clock_changes",
            Self::DirectoryAway => "directory_away",
            Self::DiskFull => "disk_full",
            Self::StoreStopped => "store_stopped",
            Self::Cut => "store_cut",
            Self::Refused => "store_refused",
            Self::LinkCut => "link_cut",
            Self::LinkDeaf => "link_deaf",
            Self::LinkDumb => "link_dumb",
            Self::LinkSlow => "link_slow",
            Self::MountHung => "mount_hung",
        }
    }

    /// How often it is drawn beside the others.
    pub(crate) fn weight(self) -> usize {
        match self {
            Self::Kill => 6,
            Self::Pause => 4,
            Self::Sleep | Self::Terminate | Self::Clock => 2,
            Self::LinkCut | Self::LinkDeaf | Self::LinkDumb => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
