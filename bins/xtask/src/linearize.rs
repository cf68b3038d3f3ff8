//! `cargo xtask linearize`: judges a history, or makes histories of both kinds and judges them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ha_sim::linear::{Line, check};
use ha_sim::{Plan, Sums, Tally, run as run_world};
use ha_tests::chaos::Campaign;

use crate::figures::Figures;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Judges this history alone. JSON lines:
    /// `{"op":{"call":{"append":7},"invoked":1,"returned":2,"answer":{"appended":{"epoch":1,"seq":4}}}}` and, in the journal's order,
    /// `{"journal":{"epoch":1,"seq":4,"value":7}}`. `cargo xtask chaos` leaves one of each plane that something was wrong with.
    #[arg(long, conflicts_with_all = ["minutes", "seed"])]
    file: Option<PathBuf>,
    /// Without a file: half the time for histories of simulated worlds, half for one of real processes on a directory.
    #[arg(long, default_value_t = 1.0, value_parser = crate::chaos::minutes)]
    minutes: f64,
    /// The seed of the first world, and of what is done to the processes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(args: &Args) -> Result<Figures, String> {
    match &args.file {
        Some(file) => judge(file),
        None => both(args),
    }
}

fn judge(file: &Path) -> Result<Figures, String> {
    let (mut ops, mut journal) = (Vec::new(), Vec::new());
    for line in read(file).map_err(|why| format!("{}: {why}", file.display()))? {
        match line {
            Line::Op(op) => ops.push(op),
            Line::Journal(placed) => journal.push(placed),
            other => return Err(format!("{other:?} is of a later version")),
        }
    }
    Ok(match check(&ops, &journal) {
        Ok(checked) => Figures::default()
            .with("appended", checked.appended)
            .with("reads", checked.reads)
            .with("refused", checked.refused)
            .with("unknown", checked.unknown),
        Err(flaw) => {
            eprintln!("VIOLATION {}: {flaw}", file.display());
            Figures::default().violations(1)
        }
    })
}

fn read(path: &Path) -> Result<Vec<Line>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let parse = |(i, line): (usize, std::io::Result<String>)| {
        let line = line.map_err(|e| e.to_string())?;
        serde_json::from_str(&line).map_err(|e| format!("line {}: {e}", i + 1))
    };
    BufReader::new(file).lines().enumerate().map(parse).collect()
}

fn both(args: &Args) -> Result<Figures, String> {
    let half = Duration::from_secs_f64(args.minutes * 30.0);
    let (worlds, sum, bad_worlds) = simulated(args.seed, half);
    let mut campaign = Campaign::new(args.seed, half, crate::chaos::program()?);
    campaign.evidence = crate::chaos::evidence();
    let real = campaign.run(&|words| eprintln!("real processes: {words}"))?;
    let real = real.ok_or("there are no directories here")?;
    crate::chaos::tell(&real, false);
    Ok(Figures::default()
        .with("worlds", worlds)
        .with("appended_in_worlds", sum.acknowledged)
        .with("reads_in_worlds", sum.reads)
        .with("unknown_in_worlds", sum.unknown)
        .with("processes_of_planes", real.tally.planes)
        .with("appended_by_processes", real.tally.acknowledged)
        .with("reads_of_processes", real.tally.reads)
        .with("unknown_of_processes", real.tally.unknown)
        .violations(bad_worlds + real.broken.len() as u64))
}

/// Each world judges its own history in the end.
fn simulated(first: u64, time: Duration) -> (u64, Tally, u64) {
    let begun = Instant::now();
    let (mut worlds, mut sum, mut bad) = (0, Tally::default(), 0);
    let mut told = Duration::ZERO;
    while begun.elapsed() < time {
        match run_world::<Sums>(&Plan::draw(first.wrapping_add(worlds)), Vec::new) {
            Ok(report) => {
                sum.acknowledged += report.tally.acknowledged;
                sum.reads += report.tally.reads;
                sum.unknown += report.tally.unknown;
            }
            Err(violation) => {
                eprintln!("VIOLATION {violation}");
                bad += 1;
            }
        }
        worlds += 1;
        if begun.elapsed() > told + Duration::from_secs(10) {
            told = begun.elapsed();
            eprintln!(
                "simulated: {worlds} worlds, {} appended, {} reads",
                sum.acknowledged, sum.reads
            );
        }
    }
    (worlds, sum, bad)
}
