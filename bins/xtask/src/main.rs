//! `cargo xtask`: one command each that tries to break the plane.
//!
//! A command is a module with its arguments and `run`. It shows progress on standard error, prints its figures as one last line of
//! `key=value` pairs, `violations=0` among them, and fails if something did not hold.

mod chaos;
mod coverage;
mod crash;
mod figures;
mod fuzz;
mod linearize;
mod model;
mod mutants;
mod sim;
mod tool;

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
    /// Are histories linearizable? One from a file, or some of simulated worlds and of real processes.
    Linearize(linearize::Args),
    /// Real processes on real stores, disturbed while clients write, read and act.
    Chaos(chaos::Args),
    /// Every interleaving of the production protocol code, within bounds.
    Model(model::Args),
    /// Cuts the power at every system call, or really.
    Crash(crash::Args),
    /// libFuzzer on everything that reads bytes from outside.
    Fuzz(fuzz::Args),
    /// Does a test fail when the code is wrong?
    Mutants(mutants::Args),
    /// Which lines the tests reach.
    Coverage(coverage::Args),
}

fn main() -> ExitCode {
    let figures = match Cli::parse().command {
        Command::Sim(args) => sim::run(&args),
        Command::Linearize(args) => linearize::run(&args),
        Command::Chaos(args) => chaos::run(&args),
        Command::Model(args) => return model::run(args),
        Command::Crash(args) => crash::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::Coverage(args) => coverage::run(&args),
    };
    match figures {
        Ok(figures) => {
            println!("{figures}");
            figures.exit_code()
        }
        // Nothing was judged.
        Err(why) => {
            eprintln!("cargo xtask: {why}");
            ExitCode::from(2)
        }
    }
}
