//! `ha-server`: the command line of ha-plane.
//!
//! `ha-server launch` runs one node of a management plane, `ha-server demo` shows three of them fail over. Read `cli` for what
//! can be said, `launch` for what it means, and `run` for what is done about it. All the rest serves these three.
//!
//! This is the program. The library has two doors for others: [`main_with`], for a server whose entities and adjuncts can be of types of your own,
//! and [`read_command_line`], for tests.
//!
//! Exit codes, as Apache Brooklyn's: 0 done, 1 the command line could not be parsed, 2 the work failed, 3 the settings cannot be
//! used. Whatever is not 0 comes with a message on stderr that names the way out.

mod atomic_file;
mod boot;
mod clean_state;
mod cli;
mod clock;
mod copy_state;
mod demo;
mod environment;
mod failure;
mod http;
mod known_plane;
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
mod task_limits;
mod usage;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use ha_rebind::{AdjunctTypes, EntityTypes};

use crate::cli::{Command, LaunchArgs};
use crate::environment::Environment;
use crate::failure::{RunError, exit_code};
use crate::launch::{ConfigError, Launch};
use crate::place::Place;
use crate::profile::Profile;

/// The program: does what the command line of this process asks for.
#[must_use]
pub fn main() -> ExitCode {
    main_with(EntityTypes::built_in(), AdjunctTypes::built_in())
}

/// The same program on a plane whose entities and adjuncts are of these types. All nodes of a plane should know the same.
///
/// ```no_run
/// let mut types = ha_rebind::EntityTypes::built_in();
/// let adjuncts = ha_rebind::AdjunctTypes::built_in();
/// // types.register(Kettle::new()) and so on
/// ha_server::main_with(types, adjuncts);
/// ```
#[must_use]
pub fn main_with(types: EntityTypes, adjuncts: AdjunctTypes) -> ExitCode {
    let command = match cli::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(refusal) => return exit_code(refusal.show()),
    };
    let outcome = match command {
        Command::Launch(args) => launch(&args, types, adjuncts),
        Command::Demo(args) => runtime().and_then(|runtime| runtime.block_on(demo::run(args))),
        Command::Probe(args) => runtime().and_then(|runtime| runtime.block_on(probe::run(*args))),
        Command::CopyState(args) => runtime().and_then(|runtime| runtime.block_on(copy_state::run(*args))),
        Command::CleanOrphanedState(args) => {
            runtime().and_then(|runtime| runtime.block_on(clean_state::run(&args)))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            exit_code(error.exit_code())
        }
    }
}

/// Reads a command line, program name included, as the program does, up to where work would begin, and begins none. `variables` are the
/// environment.
///
/// # Errors
/// The words with which the program would refuse it.
pub fn read_command_line(
    line: impl IntoIterator<Item = OsString>,
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let unusable = |error: ConfigError| error.to_string();
    match cli::parse(line).map_err(|refusal| refusal.words())? {
        Command::Launch(args) => Launch::from_args(&args, &Environment::of(variables))
            .map(drop)
            .map_err(|error| failure::chain(&error)),
        Command::Demo(_) => Ok(()),
        Command::Probe(args) => {
            let pair = args.persistence_location.as_deref();
            let place = Place::parse("store", &args.store, pair, &args.bucket).map_err(unusable)?;
            let profile =
                Profile::choose(args.profile.as_deref(), &place.as_persistence()).map_err(unusable)?;
            profile.config(&args.timings).map(drop).map_err(unusable)
        }
        Command::CopyState(args) | Command::CleanOrphanedState(args) => {
            Place::parse("FROM", &args.from, None, &args.bucket).map_err(unusable)?;
            Place::parse("TO", &args.to, None, &args.bucket)
                .map(drop)
                .map_err(unusable)
        }
    }
}

fn launch(args: &LaunchArgs, types: EntityTypes, adjuncts: AdjunctTypes) -> Result<(), RunError> {
    let launch = Launch::from_args(args, &Environment::of_process())?;
    if let Some(parent) = launch.end_with {
        parent::end_with(parent)?;
    }
    logging::start(&launch.logging)?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(run::run(launch, types, adjuncts));
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
