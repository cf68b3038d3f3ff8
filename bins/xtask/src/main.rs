//! `cargo xtask`: one command each that tries to break the plane.
//!
//! A command is a module with its arguments and `run`. It shows progress on standard error, prints its figures as one last line of
//! `key=value` pairs, `violations=0` among them, and fails if something did not hold.

mod chaos;
mod figures;
mod linearize;
mod sim;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands that try to break the plane.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Worlds from seeds: the production machine through faults of all kinds.
    Sim(sim::Args),
    /// Judges a history of operations, as JSON lines.
    Linearize(linearize::Args),
    /// Real processes on real stores, disturbed while clients write, read and act.
    Chaos(chaos::Args),
}

fn main() -> ExitCode {
    let figures = match Cli::parse().command {
        Command::Sim(args) => sim::run(&args),
        Command::Linearize(args) => linearize::run(&args),
        Command::Chaos(args) => chaos::run(&args),
    };
    println!("{figures}");
    figures.exit_code()
}
