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

  [--nodes N]          all runs for N nodes (2 or 3; usually both), within a few minutes
  [--nodes N] --full   the same at bounds that take half an hour and some GiB
  --seconds S          no more than that for each run
  --mutants [NAME ..]  leave each rule out in a copy of the sources, and see that the search finds what follows
  --list               the runs and the rules
  journal K=V ..       one run: nodes takeovers commits releases handovers snapshots every parts restarts reads confirms beside
  authority K=V ..     one run: nodes takeovers fulls commits releases handovers deaths ticks ttl
      in both: seconds=S states=N bound it; quiet says nothing on the way

Prints its figures as one last line of key=value pairs, and ends with 1 if there is a violation, if a search was not complete within its
bounds, or if something that its bounds allow never happened in it; and with 2 if the arguments make no sense.";

/// Runs what the arguments, without the program's name, ask for.
#[must_use]
pub fn cli(args: impl IntoIterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.into_iter().collect();
    match command(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("model: {why}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn command(args: &[String]) -> Result<bool, String> {
    let (mut nodes, mut full, mut seconds) = (None, false, None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--nodes" => nodes = Some(number_of_nodes(rest.next())?),
            "--full" => full = true,
            "--seconds" => seconds = Some(number_of_seconds(rest.next())?),
            "--mutants" => return mutants::command(&rest.cloned().collect::<Vec<_>>()),
            "--list" => {
                list()?;
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
    Ok(all(nodes, full, seconds))
}

fn number_of_nodes(word: Option<&String>) -> Result<u8, String> {
    let said = word.map_or("nothing", String::as_str);
    let number = said.parse().ok().filter(|n| (2..=3).contains(n));
    number.ok_or_else(|| format!("`--nodes` wants 2 or 3, and `{said}` was said"))
}

fn number_of_seconds(word: Option<&String>) -> Result<u64, String> {
    let said = word.map_or("nothing", String::as_str);
    said.parse()
        .map_err(|_| format!("`--seconds` wants a number, and `{said}` was said"))
}

/// Says which runs and which rules there are.
fn list() -> Result<(), String> {
    for (nodes, full) in [(2, false), (2, true), (3, false), (3, true)] {
        println!("--nodes {nodes}{}", if full { " --full" } else { "" });
        slice(nodes, full)
            .iter()
            .for_each(|listed| println!("    {}", listed.run));
    }
    mutants::list()
}

/// One run by its words; the last line is of this run alone.
fn one(words: &[String]) -> Result<bool, String> {
    let run = Run::parse(words)?;
    let outcome = carry_out(&run);
    println!("model={run} {}", figures(&outcome));
    Ok(outcome.fault().is_none())
}

fn figures(o: &Outcome) -> String {
    format!(
        "states={} depth={} seconds={:.1} exhausted={} violations={}",
        o.states,
        o.depth,
        o.took.as_secs_f64(),
        u8::from(o.exhausted),
        u8::from(o.fault().is_some())
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
    /// What the bounds allow, and did not happen in any state.
    pub missing: Vec<&'static str>,
}

/// The slice for so many nodes: bounds in words, and the states within them.
#[must_use]
pub fn slice_of(nodes: u8) -> Vec<(String, usize)> {
    let listed = slice(nodes, false).into_iter();
    listed.map(|l| (l.run.to_string(), l.pinned)).collect()
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
        missing,
        ..
    } = carry_out(&run);
    Ok(Found {
        states,
        depth,
        exhausted,
        violation,
        missing,
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
    } else if let Some(why) = outcome.fault() {
        eprintln!("{run}\n{why}");
    }
    outcome
}

fn all(nodes: Option<u8>, full: bool, seconds: Option<u64>) -> bool {
    let (mut states, mut depth, mut took, mut exhausted, mut violations) = (0, 0, Duration::ZERO, 0, 0);
    let runs: Vec<_> = (2..=3)
        .filter(|n| nodes.is_none_or(|only| *n == only))
        .flat_map(|n| slice(n, full))
        .collect();
    let (mut answers, mut quarters) = (0, 0);
    for listed in &runs {
        let mut run = listed.run.clone();
        run.seconds = seconds.unwrap_or(run.seconds);
        let run = &run;
        eprintln!("{run} ..");
        let mut outcome = carry_out(run);
        if outcome.fault().is_none()
            && listed.pinned != 0
            && listed.pinned.abs_diff(outcome.states) > listed.spread
        {
            let was = listed.pinned;
            eprintln!(
                "{run}: {} states, and they were {was}: if that is meant, pin it",
                outcome.states
            );
            outcome.missing.push("the states that were pinned");
        }
        eprintln!("{run} {}", figures(&outcome));
        if let Some((there, states)) = listed.rules {
            eprintln!("    the rules' model: {there}: {states} states");
            answers += 1;
            quarters += u32::from(outcome.states * 4 >= states);
        }
        states += outcome.states;
        depth = depth.max(outcome.depth);
        took += outcome.took;
        exhausted += u32::from(outcome.exhausted);
        violations += u32::from(outcome.fault().is_some());
    }
    violations += answers - quarters;
    println!(
        "nodes={} full={} runs={} exhausted={exhausted} quarters={quarters}/{answers} states={states} depth={depth} seconds={:.1} violations={violations}",
        nodes.map_or_else(|| "2,3".to_owned(), |n| n.to_string()),
        u8::from(full),
        runs.len(),
        took.as_secs_f64()
    );
    violations == 0
}
