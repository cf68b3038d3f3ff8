//! One plane of entities: it comes to be, is disturbed, heals, and is judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ha_sim::rng::Rng;

use super::check::{
    adjuncts, answers, by_mark, enrichers, feeds, kept, nothing_happened, policies, sights, strokes, tasks,
};
use super::client::{Client, World};
use super::history::{Kind, Node, Sight, Told, Write};
use super::ledger::Ledger;
use super::load::{Load, Weight};
use super::node::RestLaunch;
use super::sentinel::Sets;
use super::settled::settled;
use crate::chaos::check::{Finding, Rule, acts as in_order};
use crate::chaos::history::Clock;
use crate::chaos::injector::{Done, Injector};
use crate::chaos::nodes::Nodes;
use crate::chaos::place::Place;
use crate::chaos::process::Process;
use crate::chaos::round::Round;
use crate::chaos::tally::Tally;

/// The client that sees whether somebody leads.
const SEES: u64 = 1_000;

impl Round {
    /// Runs it all on entities, and tells what was done, what was seen and what was broken.
    pub(crate) fn run_on_entities(&self, place: &Place) -> Result<(Tally, Vec<Finding>), String> {
        let mut rng = Rng::new(self.seed);
        let acts = self.dir.join("acts");
        let launch = RestLaunch {
            place,
            site: self.site()?,
            program: &self.program,
            acts: &acts,
            timings: self.timings,
            snapshot_entries: self.snapshot_entries,
            bug: self.bug,
        };
        let mut nodes = Nodes::start(|number, name| launch.start(number, name))?;
        if let Err(finding) = nodes.settle(Duration::from_secs(90)) {
            return Ok((Tally::default(), vec![finding]));
        }
        let world = World {
            nodes: Arc::new(
                nodes
                    .all()
                    .map(|node| (node.name().to_owned(), node.address()))
                    .collect(),
            ),
            running: nodes.running(),
            clock: Clock::start(),
            live: Arc::clone(&self.live),
            acknowledged: Arc::new(AtomicU64::new(0)),
            // Who is stopped does not say so, and others may lead only for so long.
            patience: self.timings.heartbeat_timeout.max(TURN_AWAY),
        };
        let weight = Weight {
            clients: self.weight.clients,
            readers: 2,
            pause: self.weight.pause,
        };
        let load = Load::begin(weight, &world, rng.draw());
        let mut injector = Injector::new(
            place,
            nodes,
            None,
            (self.timings, self.patience),
            rng,
            Sets::new(Client::new(SEES, world.clone())),
            &self.live,
        );
        let mut kinds = injector.kinds();
        kinds.retain(|kind| self.kinds.is_empty() || self.kinds.contains(kind));
        injector.disturb(&kinds, |done| {
            Instant::now() >= self.until || !done.findings.is_empty()
        })?;
        let connection_faults = place.connection_faults();
        let recovery = injector.heal();
        let mut findings = Vec::from_iter(goes_on(&world, self.patience));
        let (mut writes, seen) = load.end();
        let (nodes, done, of_sentinel) = injector.end();
        writes.extend(of_sentinel);
        let at_rest = World {
            patience: AT_REST,
            ..world
        };
        let (shown, text) = settled(&at_rest, &writes, &acts, self.patience);
        self.write_down(&writes, &shown)?;
        drop(nodes);
        let mut tally = tally(&done, &writes, &seen, &shown);
        tally.connection_faults = connection_faults;
        tally.slowest_recovery = recovery.unwrap_or_default();
        findings.extend(judge(&writes, &seen, &shown, &text, &mut tally));
        findings.extend(feeds(&writes, &shown, &text, at_rest.clock.zero()));
        findings.extend(nothing_happened(&kinds, &tally));
        findings.extend(done.findings);
        Ok((tally, findings))
    }

    /// For whoever looks for the cause of a violation.
    fn write_down(&self, writes: &[Write], shown: &[Node]) -> Result<(), String> {
        let lines = |all: Vec<String>| all.join("\n") + "\n";
        let writes = lines(writes.iter().map(|write| format!("{write:?}")).collect());
        let shown = lines(shown.iter().map(|node| format!("{node:#?}")).collect());
        [("writes", writes), ("shown", shown)]
            .into_iter()
            .try_for_each(|(name, text)| std::fs::write(self.dir.join(name), text))
            .map_err(|error| format!("{}: {error}", self.dir.display()))
    }

    /// Where logs and the nodes' own states lie, and stay.
    fn site(&self) -> Result<Arc<tempfile::TempDir>, String> {
        let made = tempfile::Builder::new()
            .prefix("site-")
            .disable_cleanup(true)
            .tempdir_in(&self.dir);
        let cannot = |error: std::io::Error| format!("{}: {error}", self.dir.display());
        made.map(Arc::new).map_err(cannot)
    }
}

/// How long a client waits at least for an answer before it turns to another node, with the same key.
const TURN_AWAY: Duration = Duration::from_millis(300);

/// How long an answer may take in the end, when nobody is in a hurry.
const AT_REST: Duration = Duration::from_secs(5);

/// The plane takes some more writes.
fn goes_on(world: &World, patience: Duration) -> Option<Finding> {
    let acknowledged = || world.acknowledged.load(Ordering::Relaxed);
    let (begun, goal) = (Instant::now(), acknowledged() + 10);
    while acknowledged() < goal {
        if begun.elapsed() > patience {
            let how = format!(
                "it took too few writes in {:?} when all was well",
                begun.elapsed()
            );
            return Some(Finding::new(Rule::NotRecovered, how));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

fn judge(writes: &[Write], seen: &[Sight], shown: &[Node], text: &str, tally: &mut Tally) -> Vec<Finding> {
    let ledger = Ledger::of(writes);
    let mut findings = kept(&ledger, shown);
    findings.extend(answers(writes));
    findings.extend(sights(&ledger, writes, seen));
    findings.extend(tasks(&ledger, writes, shown));
    findings.extend(strokes(&ledger, writes, shown, text));
    findings.extend(adjuncts(&ledger, shown));
    findings.extend(policies(writes, shown, text));
    findings.extend(enrichers(&ledger, seen, shown));
    let (acts, wrong) = in_order(text);
    findings.extend(wrong);
    tally.acts = acts.strokes;
    tally.acts_late = acts.late;
    tally.epochs_that_acted = acts.epochs;
    let struck = by_mark(text);
    let of = |is_feed| {
        let all = writes
            .iter()
            .filter(move |write| write.kind == Kind::Attach { is_feed });
        all.filter_map(|write| struck.get(write.mark.to_string().as_str()))
    };
    tally.rest.insert("policies_acted", of(false).count() as u64);
    tally.rest.insert("feeds_looked", of(true).sum());
    findings
}

fn tally(done: &Done, writes: &[Write], seen: &[Sight], shown: &[Node]) -> Tally {
    let count = |is: fn(&Told) -> bool| writes.iter().filter(|write| is(&write.told)).count() as u64;
    let mut tally = Tally {
        planes: 1,
        faults: done.faults.clone(),
        took_over: done.takeovers.clone(),
        takeovers: done.takeovers.len() as u64,
        acknowledged: count(|told| *told == Told::Done),
        refused: count(|told| matches!(told, Told::Refused(_))),
        unknown: count(|told| *told == Told::Unknown),
        reads: seen.len() as u64,
        restarted: done.tended,
        slept_past_collection: done.slept_past_collection,
        ..Tally::default()
    };
    let mut add = |name, count: usize| *tally.rest.entry(name).or_default() += count as u64;
    for write in writes {
        let is_counted = (write.told == Told::Done) != write.kind.is_wrong();
        add(write.kind.name(), usize::from(is_counted));
        add(
            "retried",
            usize::try_from(write.attempts.saturating_sub(1)).unwrap_or_default(),
        );
        let again = write.acks.len() + write.taken_back.len();
        add("asked_again", again.saturating_sub(1));
    }
    let of_leaders = seen.iter().filter(|sight| sight.is_leader).count();
    add("sights_of_leaders", of_leaders);
    add("sights_of_standbys", seen.len() - of_leaders);
    let apps = seen.iter().flat_map(|sight| &sight.apps);
    add("enrichers_made", apps.filter(|app| app.copy.is_some()).count());
    let first = shown.first().map(|node| node.tasks.values());
    for task in first.into_iter().flatten() {
        add("tasks", 1);
        add("interrupted", usize::from(task.is_interrupted()));
        add("begun_again", usize::from(task.is_repeated));
    }
    tally
}
