//! `cargo xtask coverage`: which lines the tests reach, by cargo-llvm-cov. That a line is reached says little; that one is not says much.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::figures::Figures;
use crate::tool::{cargo_tool, path_with, root, watch};

/// Whose lines are counted.
const PACKAGES: [&str; 5] = ["ha-core", "ha-proto", "ha-rebind", "ha-rest", "ha-store"];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this package; it may be said more than once. All by default.
    #[arg(long = "package", value_parser = PACKAGES)]
    packages: Vec<String>,
    /// Of a hundred lines of each package so many must be reached.
    #[arg(long, default_value_t = 90.0)]
    least: f64,
    /// Worlds of each campaign that the tests run.
    #[arg(long, default_value_t = 8)]
    worlds: u32,
}

impl Args {
    fn packages(&self) -> Vec<&str> {
        if self.packages.is_empty() {
            return PACKAGES.to_vec();
        }
        self.packages.iter().map(String::as_str).collect()
    }
}

/// Lines of code, and how many of them a test has reached.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Lines {
    all: u64,
    reached: u64,
}

impl Lines {
    fn percent(self) -> f64 {
        // More than 2^53 lines are not written.
        100.0 * self.reached as f64 / (self.all.max(1)) as f64
    }

    fn add(&mut self, other: Self) {
        self.all += other.all;
        self.reached += other.reached;
    }
}

pub(crate) fn run(args: &Args) -> Result<Figures, String> {
    let [cov, profdata] = llvm_tools()?;
    let bin = cargo_tool("cargo-llvm-cov", "0.9.1")?;
    let folder = root().join("target/coverage");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let summary = folder.join("summary.json");
    let began = Instant::now();
    let mut command = Command::new("cargo");
    command
        .env("PATH", path_with(&bin))
        .env("LLVM_COV", cov)
        .env("LLVM_PROFDATA", profdata)
        .env("HA_CASES", args.worlds.to_string())
        .args([
            "llvm-cov",
            "test",
            "--lib",
            "--tests",
            "--json",
            "--summary-only",
            "--output-path",
        ])
        .arg(&summary);
    let packages = args.packages();
    // The simulator's tests are those of the protocol.
    let simulator = packages.contains(&"ha-proto").then_some("ha-sim");
    for package in packages.iter().copied().chain(simulator) {
        command.args(["--package", package]);
    }
    if !watch(&mut command, |line| eprintln!("{line}"))? {
        return Err("the tests did not pass: see above".to_owned());
    }
    let text = std::fs::read(&summary).map_err(|error| format!("{}: {error}", summary.display()))?;
    let files = read(&text).ok_or_else(|| format!("{} is no summary of llvm-cov's", summary.display()))?;
    Ok(report(&files, &packages, args.least).with("seconds", began.elapsed().as_secs()))
}

/// The lines of each file, by its path from the workspace on.
fn read(text: &[u8]) -> Option<BTreeMap<String, Lines>> {
    let summary: Value = serde_json::from_slice(text).ok()?;
    let files = summary["data"][0]["files"].as_array()?;
    let lines = files.iter().map(|file| {
        let path = Path::new(file["filename"].as_str()?);
        let path = path.strip_prefix(root()).unwrap_or(path).display().to_string();
        let lines = &file["summary"]["lines"];
        let (all, reached) = (lines["count"].as_u64()?, lines["covered"].as_u64()?);
        Some((path, Lines { all, reached }))
    });
    lines.collect()
}

fn report(files: &BTreeMap<String, Lines>, packages: &[&str], least: f64) -> Figures {
    let mut figures = Figures::default();
    let mut below = 0;
    for package in packages {
        let inside = format!("crates/{package}/src/");
        let mut whole = Lines::default();
        for (path, lines) in files.iter().filter(|(path, _)| path.starts_with(&inside)) {
            eprintln!("{:>6.1} %  {:>5} lines  {path}", lines.percent(), lines.all);
            whole.add(*lines);
        }
        below += u64::from(whole.percent() < least);
        figures = figures.with(&format!("{package}_lines"), format!("{:.1}%", whole.percent()));
    }
    figures.with("least", format!("{least}%")).violations(below)
}

/// `llvm-cov` and `llvm-profdata` of the compiler's own version: those of another cannot read what it writes.
fn llvm_tools() -> Result<[PathBuf; 2], String> {
    let said = Command::new("rustc").arg("-vV").output();
    let said = said.map_err(|error| format!("rustc cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&said.stdout);
    let word = |name: &str| {
        let mut lines = said.lines();
        lines
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
            .trim()
    };
    let version = word("LLVM version:").split('.').next().unwrap_or_default();
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
    let component = PathBuf::from(sysroot.unwrap_or_default())
        .join("lib/rustlib")
        .join(word("host:"))
        .join("bin");
    let find = |name: &str| {
        let given = std::env::var_os(name.to_uppercase().replace('-', "_")).map(PathBuf::from);
        let places = [
            component.join(name),
            PathBuf::from(format!("/usr/bin/{name}-{version}")),
            PathBuf::from(format!("/usr/lib/llvm-{version}/bin/{name}")),
        ];
        given.or_else(|| places.into_iter().find(|place| place.exists()))
    };
    match (find("llvm-cov"), find("llvm-profdata")) {
        (Some(cov), Some(profdata)) => Ok([cov, profdata]),
        _ => Err(format!(
            "there is no llvm-cov of version {version}, which this compiler needs: apt-get install llvm-{version}, or rustup component add \
             llvm-tools, or name them in LLVM_COV and LLVM_PROFDATA"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_below_the_least_is_a_violation() {
        let text = br#"{"data":[{"files":[
            {"filename":"crates/ha-proto/src/a.rs","summary":{"lines":{"count":10,"covered":10}}},
            {"filename":"crates/ha-proto/src/b.rs","summary":{"lines":{"count":10,"covered":9}}},
            {"filename":"crates/ha-core/src/a.rs","summary":{"lines":{"count":4,"covered":3}}}
        ]}]}"#;
        let files = read(text).unwrap();
        let said = report(&files, &PACKAGES, 90.0).to_string();
        assert!(
            said.contains("ha-core_lines=75.0%") && said.contains("ha-proto_lines=95.0%"),
            "{said}"
        );
        // What is not there at all is not covered either.
        assert!(said.ends_with("violations=4"), "{said}");
        let said = report(&files, &["ha-proto"], 90.0).to_string();
        assert!(
            said.ends_with("violations=0") && !said.contains("ha-core"),
            "{said}"
        );
        assert_eq!(read(b"{}"), None);
    }
}
