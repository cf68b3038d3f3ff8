//! Where a plane lives, and what can be done to that.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::fault::Fault;
use super::nodes::lock;
use crate::bucket::Bucket;
use crate::bucket_server::BucketServer;
use crate::counter::CounterLaunch;
use crate::disk::Disk;
use crate::objects::Objects;
use crate::proxy::{Answer, End, Fault as WireFault, Kind, Rule};

/// Where one plane lives.
#[derive(Debug)]
pub(crate) enum Place {
    Directory(PathBuf),
    /// A small disk of its own.
    SmallDisk(Disk),
    /// A part of a bucket, behind a bad connection of its own.
    Bucket {
        bucket: Bucket,
        server: Server,
    },
}

/// A server of buckets that several planes share.
pub(crate) type Server = Arc<Mutex<BucketServer>>;

impl Place {
    /// A part of a bucket.
    pub(crate) fn in_bucket(server: &Server, seed: u64) -> Self {
        let bucket = Bucket::behind_proxy(&lock(server), seed);
        bad_connection()
            .into_iter()
            .for_each(|rule| bucket.proxy().add(rule));
        Self::Bucket {
            bucket,
            server: Arc::clone(server),
        }
    }

    /// A launch of a node there.
    pub(crate) fn launch(&self, _number: usize, launch: CounterLaunch) -> CounterLaunch {
        match self {
            Self::Directory(dir) => launch.option("--dir", dir),
            Self::SmallDisk(disk) => launch
                .option("--dir", disk.dir().join("plane"))
                .within(disk.entrance()),
            Self::Bucket { bucket, .. } => launch.on_bucket(bucket),
        }
    }

    /// What lies there.
    pub(crate) fn objects(&self) -> Objects {
        match self {
            Self::Directory(dir) => Objects::of_directory(dir),
            Self::SmallDisk(disk) => Objects::of_directory(&disk.seen_from_outside().join("plane")),
            Self::Bucket { bucket, .. } => bucket.objects().clone(),
        }
    }

    /// The faults that it can have.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Directory(_) => vec![Fault::DirectoryAway],
            Self::SmallDisk(_) => vec![Fault::DiskFull],
            Self::Bucket { .. } => vec![Fault::StoreStopped, Fault::Cut, Fault::Refused],
        }
    }

    /// Whether a process that starts now would find it.
    pub(crate) fn hinders_starts(fault: Fault) -> bool {
        fault == Fault::DirectoryAway
    }

    /// Lets it have a fault for some time.
    pub(crate) fn suffer(&self, fault: Fault, time: Duration) -> Result<(), String> {
        let told = |error: std::io::Error| format!("{fault}: {error}");
        match (self, fault) {
            (Self::Directory(dir), Fault::DirectoryAway) => {
                let away = dir.with_extension("away");
                std::fs::rename(dir, &away).map_err(told)?;
                std::thread::sleep(time);
                std::fs::rename(&away, dir).map_err(told)
            }
            (Self::SmallDisk(disk), Fault::DiskFull) => {
                let filler = disk.seen_from_outside().join("filler");
                // It ends as it is to end: the disk is full.
                let _ = std::fs::write(&filler, vec![0; FILLING]);
                std::thread::sleep(time);
                std::fs::remove_file(&filler).map_err(told)
            }
            (Self::Bucket { server, .. }, Fault::StoreStopped) => {
                let mut server = lock(server);
                server.kill();
                std::thread::sleep(time);
                server.start_again();
                Ok(())
            }
            (Self::Bucket { bucket, .. }, Fault::Cut | Fault::Refused) => {
                if fault == Fault::Cut {
                    bucket.proxy().cut();
                } else {
                    bucket.proxy().refuse().map_err(told)?;
                }
                std::thread::sleep(time);
                bucket.proxy().heal().map_err(told)
            }
            _ => Err(format!("{fault} is none of this place")),
        }
    }

    /// Ends what goes wrong all the time.
    pub(crate) fn heal(&self) {
        if let Self::Bucket { bucket, .. } = self {
            bucket.proxy().clear();
        }
    }

    /// How many requests had a fault by the connection.
    pub(crate) fn connection_faults(&self) -> u64 {
        match self {
            Self::Bucket { bucket, .. } => bucket.proxy().counts().faults(),
            _ => 0,
        }
    }
}

/// More than the small disk has.
const FILLING: usize = 16 << 20;

/// A heavy tail, beyond all time-outs, and all that a network and a service do wrong now and then, in a thousand requests.
fn bad_connection() -> Vec<Rule> {
    let secs = Duration::from_secs;
    vec![
        Rule::new(WireFault::delay_of_millis(6, 200)),
        Rule::new(WireFault::delay(secs(6))).per_mille(1),
        Rule::new(WireFault::Instead(Answer::SLOW_DOWN)).per_mille(10),
        Rule::new(WireFault::Masked(Answer::SLOW_DOWN)).per_mille(5),
        Rule::new(WireFault::Masked(Answer::INTERNAL_ERROR)).per_mille(5),
        Rule::new(WireFault::Instead(Answer::CONFLICT))
            .on(Kind::Create)
            .per_mille(10),
        Rule::new(WireFault::Instead(Answer::BARE_NOT_FOUND))
            .on(Kind::Get)
            .per_mille(5),
        Rule::new(WireFault::RequestLost(End::Fin)).per_mille(5),
        Rule::new(WireFault::RequestLost(End::Silence)).per_mille(2),
        Rule::new(WireFault::ReplyLost(End::Rst)).per_mille(10),
        Rule::new(WireFault::ReplyLost(End::Silence)).per_mille(2),
        Rule::new(WireFault::BrokenOff).per_mille(5),
        Rule::new(WireFault::Duplicated).per_mille(10),
        Rule::new(WireFault::Late(Duration::from_millis(400))).per_mille(5),
        Rule::new(WireFault::Late(secs(8))).per_mille(2),
    ]
}
