//! What is asked for, and what came of it: several planes at once, round after round.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ha_sim::rng::mix;

use super::bug::Bug;
use super::check::{Finding, Rule, nothing_happened, too_few};
use super::clocks::Clocks;
use super::load::Weight;
use super::nodes::lock;
use super::place::{Place, Server};
use super::round::{Round, dir_of};
use super::tally::Tally;
use crate::disk::Disk;
use crate::site::Timings;

/// What the planes live in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Store {
    /// Directories, and of every second plane a small disk of its own.
    Directory,
    /// A SeaweedFS of the campaign's own, each plane behind a bad connection of its own.
    SeaweedFs,
}

impl FromStr for Store {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "directory" => Ok(Self::Directory),
            "seaweedfs" => Ok(Self::SeaweedFs),
            _ => Err(format!(
                "there is no store `{name}`, only directory and seaweedfs"
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
    pub takeovers: Option<usize>,
    /// Nodes live by the settings that they have when nothing is said, rather than by swift ones.
    pub default_settings: bool,
    /// The `ha-counter` that is run.
    pub program: PathBuf,
    /// Where the evidence is kept if something was broken.
    pub evidence: PathBuf,
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

/// A plane's rounds in a campaign of takeovers end after so many: what was acknowledged is judged before there is more.
const TAKEOVERS_OF_ROUND: usize = 50;

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
            program,
            evidence: std::env::temp_dir().join("ha-plane-chaos"),
            bugs: Vec::new(),
        }
    }

    /// Runs it. `None` where its store cannot be had. `progress` is told now and then how far it is.
    ///
    /// # Errors
    /// If it cannot begin.
    pub fn run(&self, progress: &(dyn Fn(&str) + Sync)) -> Result<Option<Verdict>, String> {
        let server = match self.store {
            Store::Directory => None,
            Store::SeaweedFs => match Server::seaweedfs() {
                Some(server) => Some(server),
                None => return Ok(None),
            },
        };
        let clocks = Clocks::library();
        let verdict = Mutex::new(Verdict::default());
        if clocks.is_none() {
            let why = "clocks are left alone: libfaketime is not here, and `eval \"$(.ci/tools)\"` brings it";
            lock(&verdict).skipped.push(why.into());
        }
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let own = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = self
            .evidence
            .join(format!("{}-{}-{own}", self.seed, std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let left = AtomicUsize::new(self.takeovers.unwrap_or(usize::MAX));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for plane in 0..self.planes {
                let (dir, verdict, server, left, clocks) = (&dir, &verdict, &server, &left, &clocks);
                scope.spawn(move || {
                    for number in 0.. {
                        let most = left.load(Ordering::Relaxed).min(TAKEOVERS_OF_ROUND);
                        let round = self.round(dir, plane, number, clocks.clone(), begun, most);
                        let Some(took) = self.judged(&round, plane, server.as_ref(), verdict) else {
                            return;
                        };
                        let before =
                            left.fetch_sub(took.min(left.load(Ordering::Relaxed)), Ordering::Relaxed);
                        progress(&words(begun, &lock(verdict)));
                        if self.takeovers.is_none() || begun.elapsed() >= self.time || before <= took {
                            return;
                        }
                    }
                });
            }
        });
        let mut verdict = verdict.into_inner().expect("no round panics with it in hand");
        verdict.broken.extend(self.shortfalls(&verdict.tally));
        if verdict.broken.is_empty() {
            // Nobody misses it.
            let _ = std::fs::remove_dir_all(&dir);
        } else {
            verdict.evidence = Some(dir);
        }
        Ok(Some(verdict))
    }

    /// What a campaign of takeovers was to have, all told, and has not.
    fn shortfalls(&self, tally: &Tally) -> Vec<Broken> {
        let Some(wanted) = self.takeovers else {
            return Vec::new();
        };
        let found = too_few(wanted, tally)
            .into_iter()
            .chain(nothing_happened(&[], tally));
        let broken = |found: Finding| Broken {
            plane: None,
            rule: found.rule,
            how: found.to_string(),
        };
        found.map(broken).collect()
    }

    /// Runs one round, and adds it to the verdict. Gives the takeovers that were measured; `None` if there is to be no other round.
    fn judged(
        &self,
        round: &Round,
        plane: usize,
        server: Option<&Server>,
        verdict: &Mutex<Verdict>,
    ) -> Option<usize> {
        // Fixtures of tests panic where something is not as they expect.
        let ran = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let place = self.place(round, plane, server, verdict)?;
            round.run(&place)
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
        let took = tally.took_over.len();
        let is_well = findings.is_empty();
        if is_well {
            // It holds nothing that anybody would look for.
            let _ = std::fs::remove_dir_all(&round.dir);
        }
        let mut verdict = lock(verdict);
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
        is_well.then_some(took)
    }

    fn place(
        &self,
        round: &Round,
        plane: usize,
        server: Option<&Server>,
        verdict: &Mutex<Verdict>,
    ) -> Result<Place, String> {
        std::fs::create_dir_all(&round.dir).map_err(|error| format!("{}: {error}", round.dir.display()))?;
        if let Some(server) = server {
            return Ok(Place::in_bucket(server, round.seed));
        }
        if plane % 2 == 1 && self.takeovers.is_none() {
            match Disk::of_size(&round.dir.join("disk"), "6m") {
                Some(disk) => return Ok(Place::small_disk(disk)),
                None => {
                    let why = "no disk is filled: this machine lets us make no mounts of our own";
                    lock(verdict).skipped.push(why.into());
                }
            }
        }
        Ok(Place::directory(round.dir.join("plane")))
    }

    fn round(
        &self,
        dir: &Path,
        plane: usize,
        number: usize,
        clocks: Option<PathBuf>,
        begun: Instant,
        most: usize,
    ) -> Round {
        let (timings, profile) = match (self.default_settings, self.store) {
            (true, Store::Directory) => (of_config(&ha_core::Config::builder()), Some("directory")),
            (true, Store::SeaweedFs) => (of_config(&ha_core::Config::bucket()), Some("bucket")),
            (false, Store::Directory) => (Timings::SWIFT, None),
            (false, Store::SeaweedFs) => (Timings::SWIFT_ON_BUCKET, None),
        };
        let is_light = self.planes > 4;
        Round {
            seed: mix(self.seed ^ mix((plane * 1_000_003 + number) as u64)),
            dir: dir_of(dir, plane, number),
            program: self.program.clone(),
            timings,
            profile,
            snapshot_entries: if is_light { 20 } else { 60 },
            weight: Weight {
                clients: if is_light { 2 } else { 5 },
                pause: Duration::from_millis(if is_light { 100 } else { 5 }),
                reads_percent: 40,
            },
            stroke: Duration::from_millis(if is_light { 50 } else { 2 }),
            clocks: clocks.filter(|_| self.takeovers.is_none()),
            until: begun + self.time,
            takeovers: self.takeovers.map(|_| most),
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

fn words(begun: Instant, verdict: &Verdict) -> String {
    let tally = &verdict.tally;
    let broken: BTreeMap<_, usize> = verdict.broken.iter().fold(BTreeMap::new(), |mut sums, broken| {
        *sums.entry(broken.rule.to_string()).or_default() += 1;
        sums
    });
    format!(
        "{:.0} s: {} rounds, {} faults, {} takeovers, {} acknowledged, {} reads, {} acts, broken: {broken:?}",
        begun.elapsed().as_secs_f64(),
        tally.planes,
        tally.faults(),
        tally.takeovers,
        tally.acknowledged,
        tally.reads,
        tally.acts
    )
}
