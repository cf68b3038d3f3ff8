//! `cargo xtask sim`: worlds from seeds.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ha_sim::{Kind, Plan, Summary, Sums, run as run_world, year};

use crate::figures::Figures;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The seed of the first world; the next has the next number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ends after so many simulated hours.
    #[arg(long)]
    hours: Option<f64>,
    /// Ends after so many worlds.
    #[arg(long)]
    worlds: Option<u64>,
    /// Ends after so many minutes of this machine.
    #[arg(long)]
    minutes: Option<f64>,
    /// Only worlds of this kind: turmoil, bursts, churn or slow.
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Worlds at a time.
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// Runs one plane through a compressed year instead, or through so many days.
    #[arg(long, num_args = 0..=1, default_missing_value = "365", value_name = "DAYS")]
    year: Option<u64>,
}

fn kind(word: &str) -> Result<Kind, String> {
    let kinds = [Kind::Turmoil, Kind::Bursts, Kind::Churn, Kind::Slow];
    let found = kinds
        .into_iter()
        .find(|kind| format!("{kind:?}").eq_ignore_ascii_case(word));
    found.ok_or_else(|| format!("there is no `{word}`, only {kinds:?}"))
}

impl Args {
    fn plan(&self, seed: u64) -> Plan {
        self.kind
            .map_or_else(|| Plan::draw(seed), |kind| Plan::of(seed, kind, kind.secs()))
    }

    /// Shows a world again.
    fn again(&self, seed: u64) -> String {
        let kind = self.kind.map_or(String::new(), |kind| {
            format!(" --kind {}", format!("{kind:?}").to_lowercase())
        });
        format!("cargo xtask sim --seed {seed} --worlds 1 --threads 1{kind}")
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

pub(crate) fn run(args: &Args) -> Figures {
    if let Some(days) = args.year {
        return run_year(args.seed, days);
    }
    let began = Instant::now();
    let (next, shared) = (AtomicU64::new(0), Mutex::new((Summary::default(), 0)));
    std::thread::scope(|scope| {
        for _ in 0..args.threads.max(1) {
            scope.spawn(|| work(args, began, &next, &shared));
        }
    });
    let (summary, traces) = shared.into_inner().expect("no worker panics");
    report(&summary, traces, began)
}

fn work(args: &Args, began: Instant, next: &AtomicU64, shared: &Mutex<(Summary, u64)>) {
    loop {
        let world = next.fetch_add(1, Ordering::Relaxed);
        {
            let (summary, _) = &*shared.lock().expect("no worker panics");
            if args.is_over(world, summary, began) {
                return;
            }
        }
        let seed = args.seed.wrapping_add(world);
        let mut result = run_world::<Sums>(&args.plan(seed), Vec::new);
        // One in a hundred is run again: the same seed is the same world.
        if world.is_multiple_of(100) {
            let again = run_world::<Sums>(&args.plan(seed), Vec::new);
            assert_eq!(result, again, "seed {seed} is not the same world twice");
        }
        if let Err(violation) = &mut result {
            eprintln!("{violation}");
            eprintln!("again: {}    (HA_LOG=1 tells all that happens)", args.again(seed));
        }
        let (summary, traces) = &mut *shared.lock().expect("no worker panics");
        *traces ^= result.as_ref().map_or(0, |report| report.trace);
        summary.add(result);
        if summary.worlds.is_multiple_of(100) {
            let t = &summary.tally;
            eprintln!(
                "{} worlds in {:.0} s: {} takeovers, {} faults, {} acknowledged",
                summary.worlds,
                began.elapsed().as_secs_f64(),
                t.takeovers,
                t.faults,
                t.acknowledged
            );
        }
    }
}

fn report(summary: &Summary, traces: u64, began: Instant) -> Figures {
    for (mark, count) in summary.marks.iter() {
        eprintln!("{count:>10}  {mark}");
    }
    let complaints = summary.complaints();
    for complaint in &complaints {
        eprintln!("VIOLATION {complaint}");
    }
    let mut figures = Figures::default()
        .with("worlds", summary.worlds)
        .with("seconds", format!("{:.1}", began.elapsed().as_secs_f64()));
    for (key, count) in summary.tally.pairs() {
        figures = figures.with(key, count);
    }
    figures
        .with("marks_missed", summary.marks.missed().len())
        .with("trace", format!("{traces:016x}"))
        .violations(complaints.len() as u64)
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
            .with("seconds", format!("{:.1}", began.elapsed().as_secs_f64())),
        Err(_) => {
            eprintln!("again: cargo xtask sim --seed {seed} --year {days}");
            Figures::default().violations(1)
        }
    }
}
