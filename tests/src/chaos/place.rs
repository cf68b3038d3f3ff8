//! Where a plane lives, and what can be done to that.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ha_store::{BucketSettings, BucketStore, Location};

use super::fault::Fault;
use super::nodes::lock;
use crate::bucket::Bucket;
use crate::bucket_server::BucketServer;
use crate::counter::CounterLaunch;
use crate::disk::Disk;
use crate::juicefs::JuiceFs;
use crate::launch::Launch;
use crate::links::{Ailment, Links};
use crate::objects::Objects;
use crate::proxy::{Answer, End, Fault as WireFault, Kind, Rule};

/// Where one plane lives.
#[derive(Debug)]
pub(crate) struct Place {
    ground: Ground,
    suffered: Suffered,
}

/// When a store last had a fault. Clones are the same.
#[derive(Clone, Debug, Default)]
struct Suffered(Arc<Mutex<Option<Instant>>>);

#[derive(Debug)]
enum Ground {
    Directory(PathBuf),
    /// A small disk of its own.
    SmallDisk(Disk),
    /// Two mounts of one file system, of which the last node has one, and the others the other.
    Mounts(JuiceFs),
    /// A part of a bucket, behind a bad connection of its own, and of each node a network of its own where that can be had.
    Bucket {
        bucket: Bucket,
        server: Server,
        links: Option<Links>,
    },
    /// A place that somebody else has made, in which nothing but the nodes is disturbed.
    Elsewhere {
        location: String,
        objects: Objects,
    },
}

/// A server of buckets that several planes share. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    server: Arc<Mutex<BucketServer>>,
    suffered: Suffered,
}

impl Server {
    /// A SeaweedFS of its own; `None` where it cannot be had.
    pub(crate) fn seaweedfs() -> Option<Self> {
        Some(Self {
            server: Arc::new(Mutex::new(BucketServer::seaweedfs()?)),
            suffered: Suffered::default(),
        })
    }
}

impl Suffered {
    fn now(&self) {
        *lock(&self.0) = Some(Instant::now());
    }
}

impl Place {
    /// A directory, which is not there yet.
    pub(crate) fn directory(dir: PathBuf) -> Self {
        Self::of(Ground::Directory(dir))
    }

    /// A small disk.
    pub(crate) fn small_disk(disk: Disk) -> Self {
        Self::of(Ground::SmallDisk(disk))
    }

    fn of(ground: Ground) -> Self {
        Self {
            ground,
            suffered: Suffered::default(),
        }
    }

    /// A file system of two hosts; `None` where it cannot be had.
    pub(crate) fn two_mounts() -> Option<Self> {
        Some(Self::of(Ground::Mounts(JuiceFs::mounted_twice()?)))
    }

    /// A part of a bucket, on networks that can be cut if there are any.
    pub(crate) fn in_bucket(server: &Server, seed: u64, links: Option<Links>) -> Self {
        let address = links.as_ref().map_or(Ipv4Addr::LOCALHOST, Links::address);
        let bucket = Bucket::behind_proxy_at(address, &lock(&server.server), seed);
        bad_connection()
            .into_iter()
            .for_each(|rule| bucket.proxy().add(rule));
        Self {
            suffered: server.suffered.clone(),
            ..Self::of(Ground::Bucket {
                bucket,
                server: server.clone(),
                links,
            })
        }
    }

    /// A place below this one, which whoever runs the campaign has, and the keys to it, if any, in the environment.
    pub(crate) fn elsewhere(url: &str, name: &str) -> Result<Self, String> {
        let location = format!("{}/{name}", url.trim_end_matches('/'));
        let told = |error: &dyn std::fmt::Display| format!("{location}: {error}");
        let objects = match Location::parse(&location).map_err(|error| told(&error))? {
            Location::Directory(dir) => Objects::of_directory(&dir),
            Location::Bucket(bucket) => {
                let variable = |name: &str| std::env::var(name).ok();
                let store = BucketStore::open(&bucket, &BucketSettings::default(), &variable);
                Objects::of_store(store.map_err(|error| told(&error))?)
            }
        };
        Ok(Self::of(Ground::Elsewhere { location, objects }))
    }

    /// Whether it had a fault so lately that a node may fail of it yet.
    pub(crate) fn has_suffered_within(&self, time: Duration) -> bool {
        lock(&self.suffered.0).is_some_and(|last| last.elapsed() < time)
    }

    /// A launch of a node there.
    pub(crate) fn launch(&self, number: usize, launch: CounterLaunch) -> CounterLaunch {
        match &self.ground {
            Ground::Directory(dir) => launch.option("--dir", dir),
            Ground::SmallDisk(disk) => launch
                .option("--dir", disk.dir().join("plane"))
                .within(disk.entrance()),
            Ground::Mounts(volume) => launch
                .option("--dir", volume.dir(mount_of(number)).join("plane"))
                .within(volume.entrance(mount_of(number))),
            Ground::Bucket { bucket, links, .. } => match links {
                Some(links) => launch
                    .on_bucket(bucket)
                    .environment("AWS_ALLOW_HTTP", "true")
                    .within(links.entrance(number)),
                None => launch.on_bucket(bucket),
            },
            Ground::Elsewhere { location, .. } if location.contains("://") => {
                launch.option("--bucket", location)
            }
            Ground::Elsewhere { location, .. } => launch.option("--dir", location),
        }
    }

    /// A launch of an `ha-server` there; `None` if none can be there.
    pub(crate) fn server_launch(&self, number: usize, launch: Launch) -> Option<Launch> {
        match &self.ground {
            Ground::Directory(dir) => Some(launch.option("--persistenceDir", dir)),
            Ground::Mounts(volume) => {
                let launch = launch.option("--persistenceDir", volume.dir(mount_of(number)).join("plane"));
                Some(launch.within(volume.entrance(mount_of(number))))
            }
            Ground::Bucket {
                bucket, links: None, ..
            } => {
                let launch = launch
                    .option("--persistenceDir", bucket.location())
                    // On a connection that is bad on purpose it would find that.
                    .flag("--skipStoreProbe");
                let variables = bucket.environment().iter();
                Some(variables.fold(launch, |launch, (name, value)| launch.environment(name, value)))
            }
            _ => None,
        }
    }

    /// What lies there.
    pub(crate) fn objects(&self) -> Objects {
        match &self.ground {
            Ground::Directory(dir) => Objects::of_directory(dir),
            Ground::SmallDisk(disk) => Objects::of_directory(&disk.seen_from_outside().join("plane")),
            Ground::Mounts(volume) => Objects::of_directory(&volume.seen_from_outside(0).join("plane")),
            Ground::Bucket { bucket, .. } => bucket.objects().clone(),
            Ground::Elsewhere { objects, .. } => objects.clone(),
        }
    }

    /// The faults that it can have.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        match &self.ground {
            Ground::Directory(_) => vec![Fault::DirectoryAway],
            Ground::SmallDisk(_) => vec![Fault::DiskFull],
            Ground::Mounts(_) => vec![Fault::MountHung],
            Ground::Bucket { links, .. } => {
                let of_store = [Fault::StoreStopped, Fault::Cut, Fault::Refused];
                let of_links = links.iter().flat_map(|_| ailments().map(|(fault, _)| fault));
                of_store.into_iter().chain(of_links).collect()
            }
            Ground::Elsewhere { .. } => Vec::new(),
        }
    }

    /// Whether a process that starts now would find it.
    pub(crate) fn hinders_starts(fault: Fault) -> bool {
        fault == Fault::DirectoryAway
    }

    /// Lets it have a fault for some time, or one node if it is a fault of one.
    pub(crate) fn suffer(&self, fault: Fault, node: usize, time: Duration) -> Result<(), String> {
        let told = |error: std::io::Error| format!("{fault}: {error}");
        self.suffered.now();
        let ended = match (&self.ground, fault) {
            (Ground::Directory(dir), Fault::DirectoryAway) => {
                let away = dir.with_extension("away");
                std::fs::rename(dir, &away).map_err(told)?;
                std::thread::sleep(time);
                std::fs::rename(&away, dir).map_err(told)
            }
            (Ground::SmallDisk(disk), Fault::DiskFull) => {
                let filler = disk.seen_from_outside().join("filler");
                // It ends as it is to end: the disk is full.
                let _ = std::fs::write(&filler, vec![0; FILLING]);
                std::thread::sleep(time);
                std::fs::remove_file(&filler).map_err(told)
            }
            (Ground::Bucket { server, .. }, Fault::StoreStopped) => {
                let mut server = lock(&server.server);
                server.kill();
                std::thread::sleep(time);
                server.start_again();
                Ok(())
            }
            (Ground::Bucket { bucket, .. }, Fault::Cut | Fault::Refused) => {
                if fault == Fault::Cut {
                    bucket.proxy().cut();
                } else {
                    bucket.proxy().refuse().map_err(told)?;
                }
                std::thread::sleep(time);
                bucket.proxy().heal().map_err(told)
            }
            (Ground::Mounts(volume), Fault::MountHung) => {
                volume.hang(mount_of(node));
                std::thread::sleep(time);
                volume.go_on(mount_of(node));
                Ok(())
            }
            (
                Ground::Bucket {
                    links: Some(links), ..
                },
                of_link,
            ) => {
                let (_, ailment) = ailments()
                    .find(|(fault, _)| *fault == of_link)
                    .ok_or_else(|| format!("{fault} is none of a link"))?;
                links.ail(node, ailment)?;
                std::thread::sleep(time);
                links.heal(node, ailment)
            }
            _ => Err(format!("{fault} is none of this place")),
        };
        self.suffered.now();
        ended
    }

    /// The seconds by which a clock may be stepped: a service that checks signatures turns away whose clock is wrong by a quarter of an hour.
    pub(crate) fn longest_step(&self) -> u64 {
        match &self.ground {
            Ground::Bucket { .. } => 600,
            _ => 3_600,
        }
    }

    /// Ends what goes wrong all the time.
    pub(crate) fn heal(&self) {
        if let Ground::Bucket { bucket, .. } = &self.ground {
            bucket.proxy().clear();
        }
    }

    /// How many requests had a fault by the connection.
    pub(crate) fn connection_faults(&self) -> u64 {
        match &self.ground {
            Ground::Bucket { bucket, .. } => bucket.proxy().counts().faults(),
            _ => 0,
        }
    }
}

/// The last of three nodes has a mount of its own.
fn mount_of(node: usize) -> usize {
    node / 2
}

fn ailments() -> impl Iterator<Item = (Fault, Ailment)> {
    [
        (Fault::LinkCut, Ailment::Cut),
        (Fault::LinkDeaf, Ailment::Deaf),
        (Fault::LinkDumb, Ailment::Dumb),
        (Fault::LinkSlow, Ailment::Slow),
    ]
    .into_iter()
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
