//! `ha-server`: the command line of ha-plane.
//!
//! `ha-server launch` runs one node of a management plane, `ha-server demo` shows three of them fail over. Read [`cli`] for what
//! can be said, [`mod@launch`] for what it means, and [`run`] for what is done about it. All the rest serves these three.
//!
//! Exit codes, as Apache Brooklyn's: 0 done, 1 the command line could not be parsed, 2 the work failed, 3 the settings cannot be
//! used. Whatever is not 0 comes with a message on stderr that names the way out.

mod atomic_file;
mod boot;
mod cli;
mod copy_state;
mod demo;
mod environment;
mod failure;
mod http;
mod launch;
mod listen;
mod logging;
mod member;
mod node_state;
mod parent;
mod persistence;
mod pid_file;
mod place;
mod price;
mod probe;
mod profile;
mod run;
mod settings;
mod store;
mod store_probe;
mod usage;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::{Command, LaunchArgs};
use crate::environment::Environment;
use crate::failure::{RunError, exit_code};
use crate::launch::Launch;

fn main() -> ExitCode {
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(refusal) => return exit_code(refusal.show()),
    };
    let outcome = match command {
        Command::Launch(args) => launch(&args),
        Command::Demo(args) => runtime().and_then(|runtime| runtime.block_on(demo::run(args))),
        Command::Probe(args) => runtime().and_then(|runtime| runtime.block_on(probe::run(*args))),
        Command::CopyState(args) => runtime().and_then(|runtime| runtime.block_on(copy_state::run(*args))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            exit_code(error.exit_code())
        }
    }
}

fn launch(args: &LaunchArgs) -> Result<(), RunError> {
    let launch = Launch::from_args(args, &Environment::of_process())?;
    if let Some(parent) = launch.end_with {
        parent::end_with(parent)?;
    }
    logging::start(&launch.logging)?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(run::run(launch));
    // A disk or file server that hangs holds the threads that wait for it, and must not hold the end of the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

fn runtime() -> Result<tokio::runtime::Runtime, RunError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| RunError::execution("cannot start the runtime").because(source))
}

/// Writes an error and its causes, whatever the log level is.
fn tell(error: &RunError) {
    let text = format!("ha-server: {}\n", failure::chain(error));
    // There is nobody left to tell that stderr is closed.
    let _ = io::stderr().write_all(text.as_bytes());
}
