//! One plane: it comes to be, is disturbed, heals, and is judged.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ha_sim::rng::Rng;

use super::bug::Bug;
use super::check::{
    Finding, Rule, acts, agreed, growth, nothing_happened, order, quarters, resolutions, writes,
};
use super::client::{Client, Live, Outcome, Sums};
use super::clocks::Clocks;
use super::fault::Fault;
use super::history::{self, Call, Clock, Record, Told};
use super::injector::{Done, Injector};
use super::load::{Load, Weight};
use super::nodes::{NUMBER, Nodes};
use super::place::Place;
use super::resources::{Watch, Within};
use super::sentinel::Appends;
use super::tally::Tally;
use super::witness::{Seen, testimonies};
use crate::counter::{Counter, CounterLaunch};
use crate::site::Timings;

/// How one plane is made and disturbed.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) seed: u64,
    /// Where its files lie.
    pub(crate) dir: PathBuf,
    pub(crate) program: PathBuf,
    pub(crate) timings: Timings,
    /// The profile whose defaults are in force, rather than these timings.
    pub(crate) profile: Option<&'static str>,
    pub(crate) snapshot_entries: u64,
    pub(crate) weight: Weight,
    pub(crate) stroke: Duration,
    pub(crate) clocks: Option<PathBuf>,
    /// When the disturbance ends.
    pub(crate) until: Instant,
    /// Only masters are deposed, until there were so many takeovers in all planes.
    pub(crate) takeovers: Option<u64>,
    /// Only these kinds of faults, or all.
    pub(crate) kinds: Vec<Fault>,
    /// How long the plane may take to be as it is to be, when all faults have ended.
    pub(crate) patience: Duration,
    /// Nodes are to live long, and are looked at closely.
    pub(crate) churn: bool,
    pub(crate) live: Arc<Live>,
    /// The nodes have it, on purpose.
    pub(crate) bug: Option<Bug>,
}

/// A round of nothing but takeovers ends after so many: what was acknowledged is judged before there is more.
const TAKEOVERS: usize = 50;

/// The client that asks in the end, and the one that disturbs.
const ASKS: u64 = 1_000;
const DISTURBS: u64 = 1_001;

impl Round {
    /// Runs it all, and tells what was done, what was seen and what was broken.
    pub(crate) fn run(&self, place: &Place) -> Result<(Tally, Vec<Finding>), String> {
        let mut rng = Rng::new(self.seed);
        let cannot = |error: std::io::Error| format!("{}: {error}", self.dir.display());
        std::fs::create_dir_all(self.applied()).map_err(cannot)?;
        let clocks = self
            .clocks
            .as_ref()
            .map(|library| Clocks::of(library, NUMBER, &self.dir))
            .transpose()?;
        let mut nodes = Nodes::start(|number, name| {
            let launch = place.launch(number, self.launch(name));
            let launch = match &clocks {
                Some(clocks) => clocks.launch(number, launch),
                None => launch,
            };
            Ok(launch.start())
        })?;
        if let Err(finding) = nodes.settle(Duration::from_secs(90)) {
            return Ok((Tally::default(), vec![finding]));
        }
        let mut findings = Vec::new();
        let (clock, sums) = (Clock::start(), Arc::new(Sums::of(&self.live)));
        let remotes = nodes.remotes();
        let within = self.churn.then(|| Within {
            nodes: remotes.clone(),
            objects: place.objects(),
        });
        let watch = Watch::over(nodes.running(), within);
        let load = Load::begin(self.weight, &remotes, rng.draw(), clock, &sums);
        let disturber = Client::new(DISTURBS, clock, &sums);
        let mut injector = Injector::new(
            place,
            nodes,
            clocks,
            (self.timings, self.patience),
            rng,
            Appends::new(disturber, &sums),
            &self.live,
        );
        let mut kinds = injector.kinds();
        kinds.retain(|kind| self.kinds.is_empty() || self.kinds.contains(kind));
        match self.takeovers {
            Some(wanted) => injector.depose(|done| {
                done.takeovers.len() >= TAKEOVERS
                    || self.live.takeovers.load(Ordering::Relaxed) >= wanted
                    || Instant::now() >= self.until
                    || !done.findings.is_empty()
            })?,
            None => injector.disturb(&kinds, |done| {
                Instant::now() >= self.until || !done.findings.is_empty()
            })?,
        }
        let connection_faults = place.connection_faults();
        let recovery = injector.heal();
        let (nodes, done, mut records) = injector.end();
        // What was held back by a fault is answered, and the plane is seen to go on.
        let mut asks = Client::new(ASKS, clock, &sums);
        findings.extend(goes_on(&mut asks, &nodes, self.patience));
        records.extend(load.end());
        findings.extend(agrees(&mut asks, &nodes, self.patience));
        records.extend(asks.end());
        let resolved = resolve(&records, &nodes);
        let samples = watch.end();
        drop(nodes);
        let mut tally = self.tally(&done, &records);
        tally.connection_faults = connection_faults;
        tally.slowest_recovery = recovery.unwrap_or_default();
        for (resource, of) in samples.values().flat_map(|samples| quarters(samples)) {
            tally.add_quarters(resource, of);
        }
        findings.extend(
            samples
                .iter()
                .flat_map(|(process, samples)| growth(process, samples)),
        );
        findings.extend(self.judge(&records, &resolved, &mut tally)?);
        if self.takeovers.is_none() {
            findings.extend(nothing_happened(&kinds, &tally));
        }
        findings.extend(done.findings);
        Ok((tally, findings))
    }

    fn applied(&self) -> PathBuf {
        self.dir.join("applied")
    }

    fn launch(&self, name: &str) -> CounterLaunch {
        let launch = match self.profile {
            Some(profile) => {
                CounterLaunch::with_default_timings(name, &self.dir).option("--profile", profile)
            }
            None => CounterLaunch::new(name, &self.dir, self.timings),
        };
        let launch = match self.bug {
            Some(bug) => launch.option("--bug", bug.name()),
            None => launch,
        };
        launch
            .program(&self.program)
            .option("--applied", self.applied())
            .option("--keep", "1000")
            .option("--log", if self.takeovers.is_some() { "warn" } else { "info" })
            .option("--stroke-us", self.stroke.as_micros().to_string())
            .option("--snapshot-entries", self.snapshot_entries.to_string())
    }

    fn tally(&self, done: &Done, records: &[Record]) -> Tally {
        let told = |is: fn(&Told) -> bool| records.iter().filter(|record| is(&record.told)).count() as u64;
        Tally {
            planes: 1,
            faults: done.faults.clone(),
            took_over: done.takeovers.clone(),
            acknowledged: told(|told| matches!(told, Told::Committed(_))),
            refused: told(|told| *told == Told::Refused),
            reads: told(|told| matches!(told, Told::Saw { .. })),
            unknown: told(|told| matches!(told, Told::Unknown(_))),
            restarted: done.tended,
            slept_past_collection: done.slept_past_collection,
            ..Tally::default()
        }
    }

    /// Holds the record beside what the processes have applied and done.
    fn judge(
        &self,
        records: &[Record],
        resolved: &[(u64, Option<u64>)],
        tally: &mut Tally,
    ) -> Result<Vec<Finding>, String> {
        let testimonies = testimonies(&self.applied())?;
        let lines = testimonies.iter().flat_map(|testimony| &testimony.lines);
        tally.restored = lines
            .filter(|line| matches!(line, Seen::StandsAt { len: 1.., .. }))
            .count() as u64;
        tally.resolved = resolved.len() as u64;
        let (journal, mut findings) = agreed(&testimonies);
        findings.extend(writes(records, &journal.placed));
        let ops = history::ops(records, &journal.placed);
        let file = File::create(self.dir.join("history.jsonl"));
        file.and_then(|file| history::write(&ops, &journal.placed, file))
            .map_err(|error| error.to_string())?;
        findings.extend(order(ops, &journal.placed));
        findings.extend(resolutions(resolved, &journal.placed));
        // Nobody may have acted yet.
        let strokes = std::fs::read_to_string(self.dir.join("acts")).unwrap_or_default();
        let (acts, wrong) = acts(&strokes);
        findings.extend(wrong);
        tally.takeovers = journal.changes_of_epoch();
        tally.acts = acts.strokes;
        tally.acts_late = acts.late;
        tally.epochs_that_acted = acts.epochs;
        Ok(findings)
    }
}

/// The plane takes some more writes.
fn goes_on(client: &mut Client, nodes: &Nodes<Counter>, patience: Duration) -> Option<Finding> {
    let begun = Instant::now();
    let mut committed = 0;
    while committed < 10 {
        for remote in nodes.remotes() {
            let outcome = client.append(&remote, Duration::from_secs(1));
            committed += u64::from(matches!(outcome, Outcome::Told(Told::Committed(_))));
        }
        if begun.elapsed() > patience {
            let how = format!(
                "it took {committed} writes in {:?} when all was well",
                begun.elapsed()
            );
            return Some(Finding::new(Rule::NotRecovered, how));
        }
    }
    None
}

/// When nobody writes any more, all nodes hold the same values.
fn agrees(client: &mut Client, nodes: &Nodes<Counter>, patience: Duration) -> Option<Finding> {
    let begun = Instant::now();
    loop {
        let heard = nodes.remotes().into_iter().map(|remote| {
            // On record as a read; and once more for the digest.
            let _ = client.read(&remote, Duration::from_secs(5));
            let answer = remote.call("len");
            (answer["len"].as_u64(), answer["digest"].clone())
        });
        let states: Vec<_> = heard.collect();
        let all_told = states.iter().all(|(len, _)| len.is_some());
        if all_told && states.windows(2).all(|two| two[0] == two[1]) {
            return None;
        }
        if begun.elapsed() > patience {
            return Some(Finding::new(
                Rule::Diverged,
                format!("in the end the nodes hold {states:?}"),
            ));
        }
    }
}

/// Asks what became of writes of unknown outcome. Gives those of which an answer was given: where it is, or `None` if it is not applied.
fn resolve(records: &[Record], nodes: &Nodes<Counter>) -> Vec<(u64, Option<u64>)> {
    let named = records
        .iter()
        .filter_map(|record| match (record.call, &record.told) {
            (Call::Append(value), Told::Unknown(Some(name))) => Some((value, name)),
            _ => None,
        });
    let remotes = nodes.remotes();
    let asked = named.take(300).zip(remotes.iter().cycle());
    let said = asked.filter_map(|((value, name), remote)| {
        let answer = remote.call(&format!("resolve {name}"));
        match (answer["committed"].as_u64(), answer["resolution"].as_str()) {
            (Some(seq), _) => Some((value, Some(seq))),
            (None, Some("NotApplied")) => Some((value, None)),
            // Never a guess.
            _ => None,
        }
    });
    said.collect()
}

/// A directory for one round.
pub(crate) fn dir_of(campaign: &Path, plane: usize, round: usize) -> PathBuf {
    campaign.join(format!("plane-{plane}-round-{round}"))
}
