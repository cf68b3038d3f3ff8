//! `cargo xtask fuzz`: libFuzzer on everything that reads bytes from outside.
//!
//! The targets are the functions of `tests/fuzz`; `fuzz/` makes a program of each, outside the workspace, by cargo-fuzz. That needs a compiler of
//! C++ for libFuzzer, and rustc's unstable flags for the sanitizer (`RUSTC_BOOTSTRAP=1`). Where these are not to be had, `--own` runs the
//! small fuzzer of `tests/fuzz`.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::figures::Figures;
use crate::tool::{cargo_tool, path_with, root, watch};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long each target is fuzzed.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Only this target.
    #[arg(long)]
    target: Option<String>,
    /// The seed; without one libFuzzer draws it, and shows it.
    #[arg(long)]
    seed: Option<u64>,
    /// The small fuzzer of the workspace in place of libFuzzer: slower and blind, and needs nothing but stable Rust.
    #[arg(long)]
    own: bool,
}

/// What has come of one target.
#[derive(Debug, Default)]
struct Ran {
    executions: u64,
    peak_mb: u64,
    /// Where the input is that fails.
    found: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<Figures, String> {
    let targets = chosen(args)?;
    let began = Instant::now();
    let mut sum = Ran::default();
    let mut violations = 0;
    let tool = if args.own {
        None
    } else {
        Some(cargo_tool("cargo-fuzz", "0.13.2")?)
    };
    for (i, target) in targets.iter().enumerate() {
        eprintln!("{target} ({} of {}): {} s", i + 1, targets.len(), args.seconds);
        let ran = match &tool {
            Some(bin) => fuzz(target, args, &path_with(bin))?,
            None => own(target, args)?,
        };
        eprintln!(
            "{target}: {} executions, {} MB at most",
            ran.executions, ran.peak_mb
        );
        sum.executions += ran.executions;
        sum.peak_mb = sum.peak_mb.max(ran.peak_mb);
        if let Some(found) = ran.found {
            violations += 1;
            eprintln!("VIOLATION {target}: {found}");
        }
    }
    Ok(Figures::default()
        .with("targets", targets.len())
        .with("executions", sum.executions)
        .with("peak_mb", sum.peak_mb)
        .with("seconds", format!("{:.0}", began.elapsed().as_secs_f64()))
        .violations(violations))
}

/// Each target has a folder of seeds.
fn chosen(args: &Args) -> Result<Vec<String>, String> {
    let folder = root().join("tests/fuzz/corpus");
    let found = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut all: Vec<String> = found
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    all.sort_unstable();
    match &args.target {
        None => Ok(all),
        Some(name) if all.contains(name) => Ok(vec![name.clone()]),
        Some(name) => Err(format!("there is no target `{name}`, only {}", all.join(", "))),
    }
}

fn fuzz(target: &str, args: &Args, path: &std::ffi::OsStr) -> Result<Ran, String> {
    let grown = format!("fuzz/corpus/{target}");
    std::fs::create_dir_all(root().join(&grown)).map_err(|error| format!("{grown}: {error}"))?;
    let mut command = Command::new("cargo");
    command
        .env("PATH", path)
        .env("RUSTC_BOOTSTRAP", "1")
        .args([
            "fuzz",
            "run",
            target,
            &grown,
            &format!("tests/fuzz/corpus/{target}"),
            "--",
        ])
        .args([
            format!("-max_total_time={}", args.seconds),
            format!("-seed={}", args.seed.unwrap_or(0)),
        ])
        .args([
            "-rss_limit_mb=2048",
            "-malloc_limit_mb=128",
            "-timeout=120",
            "-max_len=4096",
            "-print_final_stats=1",
        ]);
    let mut ran = Ran::default();
    let (mut shown, mut has_begun) = (Instant::now(), false);
    let succeeded = watch(&mut command, |line| {
        let after = |words: &str| line.split_once(words).map(|(_, rest)| rest.trim().to_owned());
        has_begun |= line.starts_with("INFO: ");
        if let Some(number) = after("stat::number_of_executed_units:") {
            ran.executions = number.parse().unwrap_or(0);
        } else if let Some(number) = after("stat::peak_rss_mb:") {
            ran.peak_mb = number.parse().unwrap_or(0);
        } else if let Some(file) = after("Test unit written to ") {
            ran.found = Some(format!(
                "mend it, and keep {file} as a file in tests/fuzz/corpus/{target}"
            ));
        }
        let is_progress = line.starts_with('#') || line.starts_with("stat::") || line.starts_with("NEW_FUNC");
        if !is_progress || shown.elapsed() > Duration::from_secs(5) {
            shown = Instant::now();
            eprintln!("{line}");
        }
    })?;
    match (succeeded, ran.found.is_some(), has_begun) {
        (true, ..) | (false, true, _) => Ok(ran),
        (false, false, true) => Err(format!(
            "libFuzzer ended without a word about {target}: see above"
        )),
        (false, false, false) => Err(format!(
            "{target} could not be built for libFuzzer: see above; it needs a compiler of C++. `--own` needs none"
        )),
    }
}

fn own(target: &str, args: &Args) -> Result<Ran, String> {
    let mut command = Command::new("cargo");
    command
        .args([
            "test",
            "--release",
            "-p",
            "ha-fuzz",
            "--test",
            "campaign",
            "--",
            "--nocapture",
            "whatever",
        ])
        .env("HA_FUZZ_TARGET", target)
        .env("HA_FUZZ_SECONDS", args.seconds.to_string())
        .env("HA_FUZZ_SEED", args.seed.unwrap_or(1).to_string());
    let output = command
        .current_dir(root())
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    eprint!("{text}");
    let value = |key: &str| {
        let pair = text.split_whitespace().find_map(|word| word.strip_prefix(key));
        pair.and_then(|number| number.parse::<u64>().ok())
    };
    let peak_mb = value("peak_bytes=").unwrap_or(0) >> 20;
    match (output.status.success(), value("inputs=")) {
        (true, Some(executions)) => Ok(Ran {
            executions,
            peak_mb,
            found: None,
        }),
        (false, _) if text.contains("panicked") || text.contains("FAILED") => Ok(Ran {
            found: Some("see above".to_owned()),
            ..Ran::default()
        }),
        _ => Err(format!("{target} could not be run: see above")),
    }
}
