//! The command line: `model --nodes N`, `model --full`, `model --mutants`, and one run by its bounds.

use std::process::ExitCode;
use std::time::Duration;

use crate::authority::Authority;
use crate::journal::Journal;
use crate::mutants;
use crate::runs::{Run, What, slice};
use crate::search::{Limits, Outcome, search};

const HELP: &str = "\
Exhaustive model check of the production protocol code.

  --nodes N            the runs for N nodes (2 or 3), within about half a minute each
  --nodes N --full     the same at bounds that take an hour and up to 8 GiB
  --mutants [NAME ..]  leave each rule out in a copy of the sources, and see that the search finds what follows
  --list               the runs and the rules
  journal K=V ..       one run: nodes takeovers commits releases handovers snapshots parts restarts reads confirms
  authority K=V ..     one run: nodes takeovers fulls commits releases handovers deaths ttl
      in both: seconds=S states=N bound it; quiet says nothing on the way

Prints its figures as one last line of key=value pairs, and ends with 1 if there is a violation.";

/// Runs what the arguments, without the program's name, ask for.
#[must_use]
pub fn cli(args: impl IntoIterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.into_iter().collect();
    match command(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn command(args: &[String]) -> Result<bool, String> {
    let (mut nodes, mut full) = (None, false);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--nodes" => {
                nodes = rest
                    .next()
                    .and_then(|n| n.parse().ok())
                    .filter(|n| (2..=3).contains(n))
            }
            "--full" => full = true,
            "--mutants" => return mutants::command(&rest.cloned().collect::<Vec<_>>()),
            "--list" => {
                mutants::list()?;
                return Ok(true);
            }
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(true);
            }
            "journal" | "authority" => return one(args),
            other => return Err(format!("`{other}` is no option")),
        }
    }
    let nodes: u8 = nodes.ok_or("say for how many nodes: --nodes 2 or --nodes 3")?;
    Ok(all(&slice(nodes, full), nodes))
}

/// One run by its words; the last line is of this run alone.
fn one(words: &[String]) -> Result<bool, String> {
    let run = Run::parse(words)?;
    let outcome = carry_out(&run);
    println!("{run} {}", figures(&outcome));
    Ok(outcome.violation.is_none())
}

fn figures(o: &Outcome) -> String {
    format!(
        "states={} depth={} seconds={:.1} exhausted={} violations={}",
        o.states,
        o.depth,
        o.took.as_secs_f64(),
        u8::from(o.exhausted),
        u8::from(o.violation.is_some())
    )
}

/// What a run found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// Distinct states.
    pub states: usize,
    /// Steps of the longest shortest path.
    pub depth: usize,
    /// Nothing is left within the bounds.
    pub exhausted: bool,
    /// What is wrong, and the shortest way to it in words.
    pub violation: Option<(&'static str, Vec<String>)>,
}

/// Searches within the bounds that these words say, as on the command line: `journal nodes=2 takeovers=2`.
///
/// # Errors
/// If a word is no bound.
pub fn check(words: &str) -> Result<Found, String> {
    let run = Run::parse(&words.split(' ').chain(["quiet"]).collect::<Vec<_>>())?;
    let Outcome {
        states,
        depth,
        exhausted,
        violation,
        ..
    } = carry_out(&run);
    Ok(Found {
        states,
        depth,
        exhausted,
        violation,
    })
}

/// Searches, and says on stderr what it found.
pub(crate) fn carry_out(run: &Run) -> Outcome {
    let limits = Limits {
        states: run.most_states,
        time: Duration::from_secs(run.seconds),
        verbose: !run.quiet,
    };
    let outcome = match &run.what {
        What::Journal(bounds) => search(&Journal::new(*bounds), limits),
        What::Authority(bounds) => search(&Authority::new(*bounds), limits),
    };
    if let Some((why, steps)) = &outcome.violation {
        eprintln!("{run}\nviolated after {} steps: {why}", steps.len());
        for (at, step) in steps.iter().enumerate() {
            eprintln!("{:4}  {step}", at + 1);
        }
    }
    outcome
}

fn all(runs: &[Run], nodes: u8) -> bool {
    let (mut states, mut depth, mut took, mut exhausted, mut violations) = (0, 0, Duration::ZERO, 0, 0);
    for run in runs {
        eprintln!("{run} ..");
        let outcome = carry_out(run);
        eprintln!("{run} {}", figures(&outcome));
        states += outcome.states;
        depth = depth.max(outcome.depth);
        took += outcome.took;
        exhausted += u32::from(outcome.exhausted);
        violations += u32::from(outcome.violation.is_some());
    }
    println!(
        "model nodes={nodes} runs={} exhausted={exhausted} states={states} depth={depth} seconds={:.1} violations={violations}",
        runs.len(),
        took.as_secs_f64()
    );
    violations == 0
}
