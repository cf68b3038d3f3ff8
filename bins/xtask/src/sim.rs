//! `cargo xtask sim`: worlds from seeds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ha_sim::{
    KINDS, Kind, Plan, Report, SEC, Summary, Sums, Trace, Violation, run as run_world, shrink, year,
};

use ha_worlds::Deeds;

use crate::figures::Figures;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The seed of the first world; the next has the next number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ends after so many simulated hours.
    #[arg(long, value_parser = some_time)]
    hours: Option<f64>,
    /// Ends after so many worlds.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    worlds: Option<u64>,
    /// Ends after so many minutes of this machine.
    #[arg(long, value_parser = some_time)]
    minutes: Option<f64>,
    /// Only worlds of this kind: turmoil, bursts, churn or slow.
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// How long each world is in turmoil, simulated seconds.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    secs: Option<u64>,
    /// How many nodes each world has.
    #[arg(long, value_parser = clap::value_parser!(u64).range(2..=16))]
    nodes: Option<u64>,
    /// Has this kind of faults in every world.
    #[arg(long, value_parser = fault)]
    with: Vec<String>,
    /// Has none of this kind of faults.
    #[arg(long, value_parser = fault)]
    without: Vec<String>,
    /// Looks for the smallest world that still breaks, for each seed that breaks.
    #[arg(long)]
    shrink: bool,
    /// Worlds at a time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=256))]
    threads: u64,
    /// The nodes manage applications, tasks and keys, with checkers for these.
    #[arg(long, conflicts_with_all = ["shrink", "year"])]
    entities: bool,
    /// Runs one plane through a compressed year instead, or through so many days: of the other options it takes the seed only.
    #[arg(long, num_args = 0..=1, default_missing_value = "365", value_name = "DAYS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3_650))]
    #[arg(conflicts_with_all = ["hours", "worlds", "minutes", "kind", "secs", "nodes", "with", "without", "shrink", "threads", "entities"])]
    year: Option<u64>,
}

/// Hours or minutes.
fn some_time(text: &str) -> Result<f64, String> {
    let time: Option<f64> = text.parse().ok();
    let time = time.filter(|time| time.is_finite() && (0.001..=100_000.0).contains(time));
    time.ok_or_else(|| "it is a number from 0.001 to 100000".to_owned())
}

fn kind(word: &str) -> Result<Kind, String> {
    let kinds = [Kind::Turmoil, Kind::Bursts, Kind::Churn, Kind::Slow];
    let found = kinds
        .into_iter()
        .find(|kind| format!("{kind:?}").eq_ignore_ascii_case(word));
    found.ok_or_else(|| format!("there is no `{word}`, only {kinds:?}"))
}

fn fault(word: &str) -> Result<String, String> {
    if KINDS.contains(&word) {
        Ok(word.to_string())
    } else {
        Err(format!("there is no `{word}`, only {}", KINDS.join(", ")))
    }
}

impl Args {
    fn plan(&self, seed: u64) -> Plan {
        let drawn = Plan::draw(seed);
        let kind = self.kind.unwrap_or(drawn.kind);
        let mut plan = Plan::of(seed, kind, self.secs.unwrap_or_else(|| kind.secs()));
        plan.nodes = self.nodes.unwrap_or(plan.nodes);
        for kind in &self.with {
            plan.faults.with(kind);
        }
        for kind in &self.without {
            plan.faults.without(kind);
        }
        plan
    }

    fn is_narrowed(&self) -> bool {
        self.kind.is_some()
            || self.secs.is_some()
            || self.nodes.is_some()
            || !(self.with.is_empty() && self.without.is_empty())
    }

    fn is_over(&self, worlds: u64, summary: &Summary, began: Instant) -> bool {
        let none_said = self.hours.is_none() && self.worlds.is_none() && self.minutes.is_none();
        let most = if none_said {
            Some(ha_sim::ENOUGH)
        } else {
            self.worlds
        };
        most.is_some_and(|most| worlds >= most)
            || self
                .hours
                .is_some_and(|h| summary.tally.simulated_ms as f64 >= h * 3_600_000.0)
            || self
                .minutes
                .is_some_and(|m| began.elapsed() >= Duration::from_secs_f64(m * 60.0))
    }
}

/// Shows a world again: what the seed does not say itself is said.
fn again(plan: &Plan, is_with_entities: bool) -> String {
    let drawn = Plan::of(plan.seed, plan.kind, plan.turmoil / SEC);
    let (had, has) = (drawn.faults.kinds(), plan.faults.kinds());
    let kind = format!("{:?}", plan.kind).to_lowercase();
    let mut command = format!(
        "cargo xtask sim --worlds 1 --threads 1 --seed {} --kind {kind} --secs {} --nodes {}",
        plan.seed,
        plan.turmoil / SEC,
        plan.nodes
    );
    if is_with_entities {
        command.push_str(" --entities");
    }
    for kind in KINDS {
        match (had.contains(&kind), has.contains(&kind)) {
            (false, true) => command.push_str(&format!(" --with {kind}")),
            (true, false) => command.push_str(&format!(" --without {kind}")),
            _ => {}
        }
    }
    command
}

#[derive(Default)]
struct Shared {
    summary: Summary,
    /// The hash of each world, in the order of their seeds.
    traces: BTreeMap<u64, u64>,
    /// What was done with entities; `None` without them.
    deeds: Option<Arc<Deeds>>,
}

pub(crate) fn run(args: &Args) -> Result<Figures, String> {
    if let Some(days) = args.year {
        return Ok(run_year(args.seed, days));
    }
    if let Some(both) = args.with.iter().find(|kind| args.without.contains(kind)) {
        return Err(format!(
            "--with {both} and --without {both}: it is one or the other"
        ));
    }
    let began = Instant::now();
    let (next, shared) = (AtomicU64::new(0), Mutex::new(Shared::default()));
    let deeds = args.entities.then(Arc::<Deeds>::default);
    shared.lock().expect("no worker yet").deeds.clone_from(&deeds);
    std::thread::scope(|scope| {
        for _ in 0..args.threads.max(1) {
            scope.spawn(|| work(args, began, &next, &shared, deeds.as_ref()));
        }
    });
    let mut shared = shared.into_inner().expect("no worker panics");
    shared.summary.is_narrowed = args.is_narrowed();
    Ok(report(&shared, began))
}

fn work(args: &Args, began: Instant, next: &AtomicU64, shared: &Mutex<Shared>, deeds: Option<&Arc<Deeds>>) {
    loop {
        let world = next.fetch_add(1, Ordering::Relaxed);
        if args.is_over(world, &shared.lock().expect("no worker panics").summary, began) {
            return;
        }
        let plan = args.plan(args.seed.wrapping_add(world));
        // One in a hundred is run again: the same seed is the same world.
        let result = once_or_twice(&plan, world.is_multiple_of(100), deeds);
        if let Err(violation) = &result {
            eprintln!(
                "{violation}\nagain: {}    (HA_LOG=1 tells all that happens)",
                again(&plan, args.entities)
            );
            if args.shrink {
                shrink_and_tell(&plan);
            }
        }
        let shared = &mut *shared.lock().expect("no worker panics");
        shared
            .traces
            .insert(world, result.as_ref().map_or(0, |report| report.trace));
        shared.summary.add(result);
        let (summary, t) = (&shared.summary, &shared.summary.tally);
        if summary.worlds.is_multiple_of(100) {
            eprintln!(
                "{} worlds in {:.0} s: {} takeovers, {} faults, {} acknowledged, {} violations",
                summary.worlds,
                began.elapsed().as_secs_f64(),
                t.takeovers,
                t.faults,
                t.acknowledged,
                summary.violations.len()
            );
        }
    }
}

fn once_or_twice(plan: &Plan, twice: bool, deeds: Option<&Arc<Deeds>>) -> Result<Report, Violation> {
    let run = || match deeds {
        Some(deeds) => ha_worlds::run(plan, deeds),
        None => run_world::<Sums>(plan, Vec::new),
    };
    let result = run();
    if twice && result != run() {
        return Err(Violation::new(
            plan.seed,
            "the same seed is not the same world twice",
        ));
    }
    result
}

fn shrink_and_tell(plan: &Plan) {
    let smallest = shrink::<Sums>(plan, |plan, _| eprintln!("smaller: {}", again(plan, false)));
    if let Some((plan, violation)) = smallest {
        eprintln!(
            "smallest, with {}: {violation}\nagain: {}",
            plan.faults.kinds().join(", "),
            again(&plan, false)
        );
    }
}

fn report(shared: &Shared, began: Instant) -> Figures {
    let summary = &shared.summary;
    for (mark, count) in summary.marks.iter() {
        eprintln!("{count:>10}  {mark}");
    }
    let mut complaints = summary.complaints();
    let deeds = shared.deeds.as_ref().filter(|_| summary.worlds >= ha_sim::ENOUGH);
    let missed = deeds.map(|deeds| deeds.missed()).unwrap_or_default();
    complaints.extend(
        missed
            .iter()
            .map(|deed| format!("in {} worlds never: {deed}", summary.worlds)),
    );
    for complaint in &complaints {
        eprintln!("VIOLATION {complaint}");
    }
    let mut all = Trace::default();
    shared.traces.values().for_each(|trace| all.word(*trace));
    let cpu = cpu_seconds();
    let mut figures = Figures::default()
        .with("worlds", summary.worlds)
        .with("seconds", format!("{:.1}", began.elapsed().as_secs_f64()))
        .with("cpu_seconds", format!("{cpu:.1}"))
        .with(
            "operations_per_cpu_second",
            format!("{:.0}", summary.tally.operations() as f64 / cpu.max(0.01)),
        );
    for (key, count) in summary.tally.pairs() {
        figures = figures.with(key, count);
    }
    for (key, count) in shared.deeds.iter().flat_map(|deeds| deeds.pairs()) {
        figures = figures.with(key, count);
    }
    let (marks, missed) = (summary.marks.iter().count(), summary.marks.missed().len());
    figures
        .with("marks", format!("{}/{marks}", marks - missed))
        .with("trace", format!("{:016x}", all.value()))
        .violations(complaints.len() as u64)
}

/// What this process has had of its processors, in its own and in the system's code. 0 where nobody says.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields.split(' ').skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn run_year(seed: u64, days: u64) -> Figures {
    let began = Instant::now();
    let told = |day: u64| {
        if day.is_multiple_of(30) {
            eprintln!("day {day} after {:.0} s", began.elapsed().as_secs_f64());
        }
    };
    // What does not hold panics with its words, and the seed shows it again.
    match std::panic::catch_unwind(|| year(seed, days, told)) {
        Ok(year) => Figures::default()
            .with("days", year.days)
            .with("takeovers", year.takeovers)
            .with("acknowledged", year.acknowledged)
            .with("collected", year.collected)
            .with("requests", year.requests)
            .with("objects_in_first_month", year.objects_in_first_month)
            .with("objects_in_last_month", year.objects_in_last_month)
            .with("seconds", format!("{:.1}", began.elapsed().as_secs_f64()))
            .with("cpu_seconds", format!("{:.1}", cpu_seconds())),
        Err(_) => {
            eprintln!("again: cargo xtask sim --seed {seed} --year {days}");
            Figures::default().violations(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &str) -> Result<Args, String> {
        let words = ["sim"].into_iter().chain(words.split_whitespace());
        let parsed = Line::try_parse_from(words).map(|line| line.args);
        parsed.map_err(|error| error.to_string())
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_may_be_said() {
        for (words, said) in [
            ("--year 0", "0 is not in 1..=3650"),
            ("--year 7 --worlds 3", "cannot be used with"),
            ("--year --with crashes", "cannot be used with"),
            ("--hours nan", "a number from 0.001 to 100000"),
            ("--hours inf", "a number from 0.001 to 100000"),
            ("--minutes -1", "unexpected argument"),
            ("--minutes=-1", "a number from 0.001 to 100000"),
            ("--worlds 0", "0 is not in 1.."),
            ("--secs 0", "0 is not in 1..=86400"),
            ("--secs 999999999999", "is not in 1..=86400"),
            ("--threads 100000", "is not in 1..=256"),
            ("--nodes 1", "is not in 2..=16"),
            ("--with gremlins", "there is no `gremlins`, only"),
            ("--kind calm", "there is no `calm`, only"),
        ] {
            let refused = parse(words).unwrap_err();
            assert!(refused.contains(said), "{words}: {refused}");
        }
        assert_eq!(parse("--year --seed 7").unwrap().year, Some(365));
    }

    #[test]
    fn a_kind_of_faults_is_had_or_not_had() {
        let kind = KINDS[0];
        let args = parse(&format!("--worlds 1 --with {kind} --without {kind}")).unwrap();
        let refused = run(&args).unwrap_err();
        assert!(refused.contains("it is one or the other"), "{refused}");
    }
}
