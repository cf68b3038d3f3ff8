//! `cargo xtask mutants`: does a test fail when the code is wrong? By cargo-mutants, which changes one place at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::figures::Figures;
use crate::tool::{cargo_tool, path_with, root, watch};

/// Mutants that survive and may, with reasons.
const SURVIVORS: &str = ".ci/mutants-survivors.txt";

/// Of a hundred viable mutants of a package so many must be caught. A part may have too few for that to say anything.
const LEAST_PERCENT: f64 = 90.0;

/// Building is most of the time, and nobody looks at what is built. Worlds are few: they judge a thousand times.
const VARIABLES: [(&str, &str); 4] = [
    ("CARGO_PROFILE_TEST_DEBUG", "none"),
    ("CARGO_PROFILE_TEST_OPT_LEVEL", "0"),
    ("CARGO_INCREMENTAL", "1"),
    ("HA_CASES", "8"),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Whose code is changed: ha-proto or ha-core. Each survivor must be listed with its reason in `.ci/mutants-survivors.txt`, and of a
    /// whole package 90 % must be caught.
    #[arg(long, default_value = "ha-proto", value_parser = ["ha-proto", "ha-core"])]
    package: String,
    /// Only one part of all mutants, as `k/n` with k from 0 to n-1. All parts together are all.
    #[arg(long, value_parser = shard)]
    shard: Option<String>,
    /// Only places that this diff touches, as `git diff` writes it.
    #[arg(long)]
    in_diff: Option<PathBuf>,
    /// Only mutants whose names match this regular expression.
    #[arg(long)]
    re: Option<String>,
    /// Mutants at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
    /// Tests of one mutant that take so many seconds hang, and have caught it.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(10..=3_600))]
    timeout: u64,
    /// A mutant that is not built in so many seconds is not judged.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(10..=3_600))]
    build_timeout: u64,
}

fn shard(text: &str) -> Result<String, String> {
    let parsed = text
        .split_once('/')
        .and_then(|(k, n)| Some((k.parse::<u32>().ok()?, n.parse::<u32>().ok()?)));
    match parsed {
        Some((k, n)) if k < n => Ok(text.to_owned()),
        _ => Err(String::from("a shard is k/n, with k from 0 to n-1")),
    }
}

impl Args {
    /// The packages whose tests judge: fast ones that hold what the package is about.
    fn judges(&self) -> &'static [&'static str] {
        match self.package.as_str() {
            "ha-proto" => &["ha-proto", "ha-sim"],
            _ => &["ha-core"],
        }
    }

    /// Whether not all mutants of the package are looked at.
    fn is_part(&self) -> bool {
        self.shard.is_some() || self.in_diff.is_some() || self.re.is_some()
    }

    fn output(&self) -> PathBuf {
        let part = self
            .shard
            .as_ref()
            .map(|s| format!("-{}", s.replace('/', "-of-")));
        let diff = self.in_diff.as_ref().map(|_| "-diff");
        let name = format!(
            "{}{}{}",
            self.package,
            part.unwrap_or_default(),
            diff.unwrap_or_default()
        );
        root().join("target/mutants").join(name)
    }
}

pub(crate) fn run(args: &Args) -> Result<Figures, String> {
    let accepted = accepted(&root().join(SURVIVORS))?;
    let bin = cargo_tool("cargo-mutants", "27.1.0")?;
    let output = args.output();
    std::fs::create_dir_all(&output).map_err(|error| format!("{}: {error}", output.display()))?;
    let began = Instant::now();
    let mut command = Command::new("cargo");
    command
        .env("PATH", path_with(&bin))
        .envs(VARIABLES)
        .args(["mutants", "--package", &args.package])
        .args([
            "--timeout",
            &args.timeout.to_string(),
            "--build-timeout",
            &args.build_timeout.to_string(),
            "--colors",
            "never",
            "--jobs",
            &args.jobs.to_string(),
            "--output",
        ])
        .arg(&output);
    if let Some(shard) = &args.shard {
        command.args(["--shard", shard, "--sharding", "round-robin"]);
    }
    if let Some(re) = &args.re {
        command.args(["--re", re]);
    }
    if let Some(diff) = &args.in_diff {
        let diff = std::path::absolute(diff).map_err(|error| format!("{}: {error}", diff.display()))?;
        command.arg("--in-diff").arg(diff);
    }
    // No doc tests: they are slow to build and judge little.
    command.args(
        args.judges()
            .iter()
            .flat_map(|package| ["--test-package", package]),
    );
    command.args(["--", "--lib", "--tests"]);
    // It fails if a mutant survives, which is for the list to judge.
    let ended_well = watch(&mut command, |line| eprintln!("{line}"))?;
    let found = Found::read(&output.join("mutants.out"))?;
    if found.viable() == 0 && !ended_well {
        return Err("cargo-mutants judged nothing: see above".to_owned());
    }
    Ok(report(&found, &accepted, args.is_part(), began))
}

/// Names of mutants, without the places where they are.
#[derive(Debug, Default)]
struct Found {
    caught: usize,
    timeout: usize,
    unviable: usize,
    missed: Vec<String>,
}

impl Found {
    fn read(folder: &Path) -> Result<Self, String> {
        let lines = |name: &str| -> Result<Vec<String>, String> {
            let path = folder.join(name);
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(text.lines().map(str::to_owned).collect())
        };
        Ok(Self {
            caught: lines("caught.txt")?.len(),
            timeout: lines("timeout.txt")?.len(),
            unviable: lines("unviable.txt")?.len(),
            missed: lines("missed.txt")?,
        })
    }

    fn viable(&self) -> usize {
        self.caught + self.timeout + self.missed.len()
    }

    /// A mutant that makes a test run for ever is caught.
    fn percent(&self) -> f64 {
        100.0 * (self.caught + self.timeout) as f64 / self.viable().max(1) as f64
    }
}

fn report(found: &Found, accepted: &BTreeMap<String, String>, is_part: bool, began: Instant) -> Figures {
    let (known, new): (Vec<_>, Vec<_>) = found
        .missed
        .iter()
        .partition(|name| accepted.contains_key(&without_place(name)));
    for name in &known {
        let reason = &accepted[&without_place(name)];
        eprintln!("survives, as it may: {name} ({reason})");
    }
    for name in &new {
        eprintln!("VIOLATION survives: {name}");
    }
    let is_low = !is_part && found.viable() > 0 && found.percent() < LEAST_PERCENT;
    if is_low {
        eprintln!(
            "VIOLATION {:.1} % are caught, and {LEAST_PERCENT} % must be",
            found.percent()
        );
    }
    Figures::default()
        .with("mutants", found.viable() + found.unviable)
        .with("caught", found.caught)
        .with("timeout", found.timeout)
        .with("missed", found.missed.len())
        .with("accepted", known.len())
        .with("unviable", found.unviable)
        .with(
            "percent",
            format!(
                "{:.1}",
                if found.viable() == 0 {
                    100.0
                } else {
                    found.percent()
                }
            ),
        )
        .with("seconds", format!("{:.0}", began.elapsed().as_secs_f64()))
        .violations(new.len() as u64 + u64::from(is_low))
}

/// `src/view.rs:12:5: replace ..` without line and column, which change with every line above.
fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(what)) => format!("{file}:{what}"),
        _ => name.to_owned(),
    }
}

/// Lines of `file: mutation # reason`.
fn accepted(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, reason) = line
                .split_once(" # ")
                .ok_or_else(|| format!("{}: no ` # reason` behind `{line}`", path.display()))?;
            Ok((name.trim().to_owned(), reason.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether these make the command fail.
    fn fails(found: &Found, is_part: bool) -> bool {
        let accepted = BTreeMap::from([(
            without_place("a.rs:1:2: replace f -> bool with true"),
            "why".to_owned(),
        )]);
        report(found, &accepted, is_part, Instant::now()).exit_code() != std::process::ExitCode::SUCCESS
    }

    fn found(caught: usize, missed: &[&str]) -> Found {
        Found {
            caught,
            timeout: 1,
            unviable: 3,
            missed: missed.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn a_survivor_is_known_wherever_its_line_is_now() {
        let (known, new) = (
            "a.rs:10:3: replace f -> bool with true",
            "a.rs:10:3: replace f -> bool with false",
        );
        for is_part in [false, true] {
            assert!(!fails(&found(18, &[known]), is_part));
            assert!(fails(&found(18, &[known, new]), is_part), "one that nobody knows");
        }
    }

    #[test]
    fn a_whole_package_is_held_to_its_percentage_and_a_part_to_the_list_alone() {
        let few = found(0, &["a.rs:10:3: replace f -> bool with true"]);
        assert!(fails(&few, false), "too few are caught");
        assert!(!fails(&few, true), "one of two, and that is listed");
        let whole = Args {
            package: "ha-core".to_owned(),
            shard: None,
            in_diff: None,
            re: None,
            jobs: 1,
            timeout: 120,
            build_timeout: 300,
        };
        assert!(!whole.is_part());
        let shard = Some("1/2".to_owned());
        assert!(Args { shard, ..whole }.is_part());
    }

    #[test]
    fn shards_are_counted_from_nought() {
        assert!(shard("0/4").is_ok() && shard("3/4").is_ok());
        assert!(shard("4/4").is_err() && shard("1").is_err() && shard("-1/2").is_err());
    }
}
