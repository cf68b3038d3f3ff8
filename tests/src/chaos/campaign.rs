//! What is asked for, and what came of it: several planes at once, round after round.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ha_sim::rng::mix;
use ha_store::Location;

use super::bug::Bug;
use super::check::{Finding, LONG, Rule, missed, nothing_happened, too_few};
use super::client::Live;
use super::clocks::Clocks;
use super::fault::Fault;
use super::load::Weight;
use super::nodes::{NUMBER, lock};
use super::place::{Place, Server};
use super::round::{Round, dir_of};
use super::tally::Tally;
use crate::disk::Disk;
use crate::juicefs::JuiceFs;
use crate::links::Links;
use crate::site::Timings;

/// What the planes live in.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Store {
    /// Directories, and of every second plane a small disk of its own.
    Directory,
    /// A SeaweedFS of the campaign's own, each plane behind a bad connection of its own, and of every second plane each node on a network of its
    /// own.
    SeaweedFs,
    /// Two mounts of one JuiceFS volume, for each plane.
    JuiceFs,
    /// A bucket or a directory of whoever runs the campaign: each plane takes a place of its own below it.
    At(String),
}

impl Store {
    fn is_bucket(&self) -> bool {
        match self {
            Self::Directory | Self::JuiceFs => false,
            Self::SeaweedFs => true,
            Self::At(url) => url.contains("://"),
        }
    }
}

impl FromStr for Store {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "directory" => Ok(Self::Directory),
            "seaweedfs" => Ok(Self::SeaweedFs),
            "juicefs" => Ok(Self::JuiceFs),
            url if url.contains('/') => match Location::parse(url) {
                Ok(_) => Ok(Self::At(url.into())),
                Err(error) => Err(error.to_string()),
            },
            _ => Err(format!(
                "there is no store `{name}`, only directory, seaweedfs, juicefs, and whatever is at a URL or a path with a `/`"
            )),
        }
    }
}

/// A campaign.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Campaign {
    /// Faults are drawn from it. Processes and stores have a timing of their own, so it brings back the kind of a run, not each step.
    pub seed: u64,
    /// How long planes are disturbed. Each kind of fault happens once, however long that takes.
    pub time: Duration,
    /// What they live in.
    pub store: Store,
    /// So many at once.
    pub planes: usize,
    /// Masters are killed, and nothing else but that some nodes sleep, until there were so many takeovers, or the time is over.
    pub takeovers: Option<u64>,
    /// Nodes live by the settings that they have when nothing is said, rather than by swift ones.
    pub default_settings: bool,
    /// Nodes have entities, and clients write over REST.
    pub entities: bool,
    /// The `ha-counter` that is run; with entities the `ha-chaos-server`.
    pub program: PathBuf,
    /// Where the evidence is kept if something was broken.
    pub evidence: PathBuf,
    /// Only what leaves processes alive, so that what they take, and what lies in their stores, is seen over all the time.
    pub churn: bool,
    /// Only these kinds of faults; all that can be had if it is empty.
    pub kinds: Vec<Fault>,
    /// How long the plane may take to be as it is to be, when all faults have ended.
    pub patience: Duration,
    /// Bugs that the nodes have on purpose: those of the first plane the first of these, and so on.
    pub bugs: Vec<Bug>,
}

/// What came of a campaign.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Verdict {
    /// What was done and seen.
    pub tally: Tally,
    /// What was broken, and how.
    pub broken: Vec<Broken>,
    /// What this machine does not allow.
    pub skipped: Vec<String>,
    /// Where the evidence is, if something was broken.
    pub evidence: Option<PathBuf>,
}

/// A rule that a plane broke.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Broken {
    /// The plane's number; `None` if it is about all.
    pub plane: Option<usize>,
    /// The rule.
    pub rule: Rule,
    /// In which round, and how.
    pub how: String,
}

impl Verdict {
    /// How often a rule was broken.
    #[must_use]
    pub fn count(&self, rule: Rule) -> usize {
        self.broken.iter().filter(|broken| broken.rule == rule).count()
    }
}

impl Campaign {
    /// A campaign with this seed on directories, with two planes at once.
    #[must_use]
    pub fn new(seed: u64, time: Duration, program: PathBuf) -> Self {
        Self {
            seed,
            time,
            store: Store::Directory,
            planes: 2,
            takeovers: None,
            default_settings: false,
            entities: false,
            program,
            evidence: std::env::temp_dir().join("ha-plane-chaos"),
            churn: false,
            kinds: Vec::new(),
            patience: crate::PATIENCE,
            bugs: Vec::new(),
        }
    }

    /// Runs it. `None` where its store cannot be had. `progress` is told now and then how far it is.
    ///
    /// # Errors
    /// If it cannot begin.
    pub fn run(&self, progress: &(dyn Fn(&str) + Sync)) -> Result<Option<Verdict>, String> {
        let server = match self.store {
            Store::JuiceFs if !JuiceFs::is_here() => return Ok(None),
            Store::Directory | Store::JuiceFs | Store::At(_) => None,
            Store::SeaweedFs => match Server::seaweedfs() {
                Some(server) => Some(server),
                None => return Ok(None),
            },
        };
        let clocks = Clocks::library();
        let verdict = Mutex::new(Verdict::default());
        if clocks.is_none() && self.takeovers.is_none() && !self.entities {
            let why = "clocks are left alone: libfaketime is not here, and `eval \"$(.ci/tools)\"` brings it";
            lock(&verdict).skipped.push(why.into());
        }
        let run = Run {
            dir: self.own_dir()?,
            server,
            clocks,
            begun: Instant::now(),
            live: Arc::default(),
            verdict,
        };
        let (works, ended) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            for plane in 0..self.planes {
                let (run, works) = (&run, works.clone());
                scope.spawn(move || {
                    self.rounds(run, plane);
                    drop(works);
                });
            }
            drop(works);
            // Until nobody works any more.
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                progress(&run.words());
            }
        });
        let Run {
            verdict, dir, begun, ..
        } = run;
        let took = begun.elapsed();
        let mut verdict = verdict.into_inner().expect("no round panics with it in hand");
        verdict.broken.extend(self.shortfalls(&verdict.tally, took));
        if verdict.broken.is_empty() {
            // Nobody misses it.
            let _ = std::fs::remove_dir_all(&dir);
        } else {
            verdict.evidence = Some(dir);
        }
        Ok(Some(verdict))
    }

    /// A directory of this campaign alone.
    fn own_dir(&self) -> Result<PathBuf, String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let own = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{own}", self.seed, std::process::id());
        let dir = self.evidence.join(name);
        std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        Ok(dir)
    }

    /// One plane after the other in one place, until it is over.
    fn rounds(&self, run: &Run, plane: usize) {
        for number in 0.. {
            let is_well = self.judged(&self.round(run, plane, number), plane, run);
            let has_all = |wanted| run.live.takeovers.load(Ordering::Relaxed) >= wanted;
            let is_over = self.takeovers.is_none_or(has_all) || run.begun.elapsed() >= self.time;
            if !is_well || is_over {
                return;
            }
        }
    }

    /// What was to happen, all told, and has not.
    fn shortfalls(&self, tally: &Tally, took: Duration) -> Vec<Broken> {
        let mut found = Vec::new();
        if let Some(wanted) = self.takeovers {
            found.extend(too_few(wanted, tally));
            found.extend(nothing_happened(&[], tally));
        }
        if took >= LONG && self.kinds.is_empty() {
            found.extend(if self.entities {
                super::rest::missed(tally)
            } else {
                missed(tally, self.churn)
            });
        }
        let broken = |found: Finding| Broken {
            plane: None,
            rule: found.rule,
            how: found.to_string(),
        };
        found.into_iter().map(broken).collect()
    }

    /// Runs one round, and adds it to the verdict. Says whether all was well.
    fn judged(&self, round: &Round, plane: usize, run: &Run) -> bool {
        // Fixtures of tests panic where something is not as they expect.
        let ran = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let place = self.place(round, plane, run)?;
            if self.entities {
                round.run_on_entities(&place)
            } else {
                round.run(&place)
            }
        }));
        let (tally, findings) = match ran {
            Ok(Ok(ran)) => ran,
            Ok(Err(why)) => (Tally::default(), vec![Finding::new(Rule::Broken, why)]),
            Err(panic) => {
                let words = panic.downcast_ref::<String>().cloned();
                let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
                let why = words.unwrap_or_else(|| "it panicked".into());
                (Tally::default(), vec![Finding::new(Rule::Broken, why)])
            }
        };
        let is_well = findings.is_empty();
        if is_well {
            // It holds nothing that anybody would look for.
            let _ = std::fs::remove_dir_all(&round.dir);
        }
        let mut verdict = lock(&run.verdict);
        verdict.tally.add(tally);
        let name = round
            .dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        verdict.broken.extend(findings.into_iter().map(|found| Broken {
            plane: Some(plane),
            rule: found.rule,
            how: format!("{name}: {found}"),
        }));
        is_well
    }

    fn place(&self, round: &Round, plane: usize, run: &Run) -> Result<Place, String> {
        std::fs::create_dir_all(&round.dir).map_err(|error| format!("{}: {error}", round.dir.display()))?;
        // Of every second plane, but where there are to be many takeovers and nothing else.
        let is_second = plane % 2 == 1 && self.takeovers.is_none() && !self.churn && !self.entities;
        if let Some(server) = &run.server {
            let links = if is_second { Links::to(NUMBER as u8) } else { None };
            if is_second && links.is_none() {
                let why =
                    "no network is cut: this machine makes no network namespaces for us, or has no `ip`";
                lock(&run.verdict).skipped.push(why.into());
            }
            return Ok(Place::in_bucket(server, round.seed, links));
        }
        match &self.store {
            Store::At(url) => return Place::elsewhere(url, &self.name_of(round)),
            Store::JuiceFs => {
                return Place::two_mounts().ok_or_else(|| "there is no JuiceFS here".into());
            }
            Store::Directory | Store::SeaweedFs => {}
        }
        if is_second {
            match Disk::of_size(&round.dir.join("disk"), "6m") {
                Some(disk) => return Ok(Place::small_disk(disk)),
                None => {
                    let why = "no disk is filled: this machine lets us make no mounts of our own";
                    lock(&run.verdict).skipped.push(why.into());
                }
            }
        }
        Ok(Place::directory(round.dir.join("plane")))
    }

    /// A name that no other round of any campaign has.
    fn name_of(&self, round: &Round) -> String {
        let name = round.dir.file_name().unwrap_or_default().to_string_lossy();
        format!("chaos-{}-{}-{name}", self.seed, std::process::id())
    }

    fn round(&self, run: &Run, plane: usize, number: usize) -> Round {
        let (timings, profile) = match (self.default_settings, self.store.is_bucket()) {
            (true, false) => (of_config(&ha_core::Config::builder()), Some("directory")),
            (true, true) => (of_config(&ha_core::Config::bucket()), Some("bucket")),
            (false, true) => (Timings::SWIFT_ON_BUCKET, None),
            (false, false) if self.store == Store::JuiceFs => (Timings::SWIFT_ON_MOUNTS, None),
            (false, false) => (Timings::SWIFT, None),
        };
        let is_light = self.planes > 4 && self.bugs.is_empty();
        Round {
            seed: mix(self.seed ^ mix((plane * 1_000_003 + number) as u64)),
            dir: dir_of(&run.dir, plane, number),
            program: self.program.clone(),
            timings,
            profile,
            // Over REST all but a directory take a few entries a second, and a sleeper is to be left behind by two snapshots.
            snapshot_entries: if self.entities && self.store != Store::Directory {
                5
            } else {
                20
            },
            weight: Weight {
                clients: if is_light { 2 } else { 5 },
                pause: if is_light {
                    (timings.heartbeat_timeout / 50).max(Duration::from_millis(100))
                } else {
                    Duration::from_millis(5)
                },
                reads_percent: 40,
            },
            stroke: Duration::from_millis(if is_light { 50 } else { 2 }),
            clocks: run
                .clocks
                .clone()
                .filter(|_| self.takeovers.is_none() && !self.entities),
            until: run.begun + self.time,
            live: Arc::clone(&run.live),
            takeovers: self.takeovers,
            kinds: if self.churn {
                vec![Fault::Pause, Fault::Handover]
            } else {
                self.kinds.clone()
            },
            churn: self.churn,
            patience: self.patience,
            bug: self.bugs.get(plane).copied(),
        }
    }
}

fn of_config(builder: &ha_core::proto::ConfigBuilder) -> Timings {
    let config = builder
        .clone()
        .build()
        .expect("the defaults agree with each other");
    Timings {
        poll: config.poll(),
        heartbeat_timeout: config.heartbeat_timeout(),
        lease_ttl: config.lease_ttl(),
    }
}

/// Between two lines for whoever waits.
const TICK: Duration = Duration::from_secs(10);

/// What all planes of a running campaign share.
struct Run {
    dir: PathBuf,
    server: Option<Server>,
    clocks: Option<PathBuf>,
    begun: Instant,
    live: Arc<Live>,
    verdict: Mutex<Verdict>,
}

impl Run {
    fn words(&self) -> String {
        let sum = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let verdict = lock(&self.verdict);
        // How often each, and how the first was: whoever ends a campaign now is not to lose that.
        let mut broken = BTreeMap::new();
        for found in &verdict.broken {
            let (count, _) = broken.entry(found.rule.to_string()).or_insert((0, &found.how));
            *count += 1;
        }
        format!(
            "{:.0} s: {} faults, {} takeovers, {} acknowledged; {} rounds judged, broken: {broken:?}",
            self.begun.elapsed().as_secs_f64(),
            sum(&self.live.faults),
            sum(&self.live.takeovers),
            sum(&self.live.acknowledged),
            verdict.tally.planes,
        )
    }
}
