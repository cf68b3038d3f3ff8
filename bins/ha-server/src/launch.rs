//! What a launch is to do: options that have been parsed, completed with defaults and found to agree with each other.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ha_core::{Config, NodeId};
use ha_rebind::{FailureModes, Level, TaskLimits};
use ha_store::LocationError;

use crate::cli::LaunchArgs;
use crate::environment::{Environment, Variables};
use crate::failure::RunError;
use crate::listen::PublicAddress;
use crate::logging::Logging;
use crate::node_state;
use crate::persistence::Persistence;
use crate::price::Prices;
use crate::profile::Profile;
use crate::settings::{HighAvailability, Persist, Port};
use crate::task_limits::task_limits;

/// Settings of one run of a node. [`Launch::from_args`] is the only way to one, so what it holds can be relied on.
#[derive(Debug)]
pub(crate) struct Launch {
    /// Where the state of the plane is kept.
    pub(crate) persistence: Persistence,
    /// What an object store may look up.
    pub(crate) variables: Variables,
    /// Whether a bucket is trusted without a look.
    pub(crate) skip_store_probe: bool,
    /// What the node is to be. `Disabled` if nothing is persisted.
    pub(crate) high_availability: HighAvailability,
    /// What it does about what is wrong with the state.
    pub(crate) failure_modes: FailureModes,
    /// Which tasks a new master keeps.
    pub(crate) task_limits: TaskLimits,
    /// The newest format level of the state that it reads.
    pub(crate) format_level: Level,
    /// The address to listen on.
    pub(crate) bind_address: IpAddr,
    /// The port to listen on.
    pub(crate) port: Port,
    /// What other machines call this node, if it is not the address it listens on.
    pub(crate) public_address: Option<PublicAddress>,
    /// The id that was asked for.
    pub(crate) node_id: Option<NodeId>,
    /// The priority that was asked for; without one that of the last run holds.
    pub(crate) priority: Option<i64>,
    /// Where its timings come from.
    pub(crate) profile: Profile,
    /// Its timings.
    pub(crate) config: Config,
    /// What requests to the store cost.
    pub(crate) prices: Prices,
    /// Where the node keeps what is its own; see [`Launch::node_state_dir`].
    pub(crate) state_dir: StateDir,
    /// Where to write the process id.
    pub(crate) pid_file: Option<PathBuf>,
    /// What to log, and how.
    pub(crate) logging: Logging,
    /// The parent process whose end is to be this one's.
    pub(crate) end_with: Option<u32>,
}

/// Where a node keeps what is its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum StateDir {
    /// Here.
    Given(PathBuf),
    /// In a directory below this one that is found by what tells the node from others.
    Below(PathBuf),
}

fn failure_modes(settings: &[(String, String)]) -> FailureModes {
    let mut modes = FailureModes::default();
    for (key, mode) in settings {
        modes.set(key, mode).expect("the command line was checked");
    }
    modes
}

impl Launch {
    /// Completes options with defaults, and refuses what cannot work.
    ///
    /// # Errors
    /// A [`ConfigError`] as a configuration error (exit code 3).
    pub(crate) fn from_args(args: &LaunchArgs, environment: &Environment) -> Result<Self, RunError> {
        Self::build(args, environment).map_err(|error| RunError::configuration(error.to_string()))
    }

    fn build(args: &LaunchArgs, environment: &Environment) -> Result<Self, ConfigError> {
        let persist = persist(&args.persist)?;
        let persistence = Persistence::from_args(persist, args, environment)?;
        let high_availability = high_availability(&args.high_availability, persist)?;
        let state_dir = match not_blank("stateDir", args.state_dir.as_deref())? {
            Some(dir) => StateDir::Given(absolute("stateDir", dir)?),
            None => StateDir::Below(
                environment
                    .state_home()
                    .ok_or(ConfigError::NoHome("stateDir"))?
                    .join("nodes"),
            ),
        };
        let node_id = args
            .node_id
            .as_deref()
            .map(|id| NodeId::new(id).map_err(|_| ConfigError::NodeId(short(id))));
        let public_address = args
            .public_address
            .as_deref()
            .map(|text| PublicAddress::parse(text).ok_or_else(|| ConfigError::PublicAddress(short(text))));
        let pid_file = not_blank("pidFile", args.pid_file.as_deref())?;
        let profile = Profile::choose(args.cost.profile.as_deref(), &persistence)?;
        let prices = match &persistence {
            Persistence::Bucket { .. } => Prices::S3,
            Persistence::Directory { .. } | Persistence::Disabled => Prices::NOTHING,
        };
        Ok(Self {
            persistence,
            variables: environment.variables.clone(),
            skip_store_probe: args.skip_store_probe,
            high_availability,
            failure_modes: failure_modes(&args.failure_modes),
            task_limits: task_limits(&args.task_limits),
            format_level: args.format_level.unwrap_or(Level::NEWEST),
            bind_address: args.bind_address,
            port: args.port,
            public_address: public_address.transpose()?,
            node_id: node_id.transpose()?,
            priority: args.priority,
            profile,
            config: profile.config(&args.timings)?,
            prices: args.cost.prices.unwrap_or(prices),
            state_dir,
            pid_file: pid_file.map(|path| absolute("pidFile", path)).transpose()?,
            logging: logging(args, environment)?,
            end_with: args.end_with_parent,
        })
    }

    /// The directory of the node that listens on this port.
    ///
    /// One host may run many nodes of one plane, so by default the directory is found by the persistence directory and, in it,
    /// by the node id that was asked for, else by the port. The same command line finds the same one again.
    pub(crate) fn node_state_dir(&self, port: u16) -> PathBuf {
        match &self.state_dir {
            StateDir::Given(dir) => dir.clone(),
            StateDir::Below(home) => {
                let plane = match &self.persistence {
                    Persistence::Disabled => "in-memory".to_owned(),
                    Persistence::Directory { path, .. } => node_state::key_of(path),
                    Persistence::Bucket { location, .. } => node_state::key_of_bucket(location),
                };
                let node = self
                    .node_id
                    .as_ref()
                    .map_or_else(|| format!("port-{port}"), |id| format!("id-{id}"));
                home.join(plane).join(node)
            }
        }
    }
}

/// Settings that cannot be used. The first seven are Brooklyn's, word for word (its `Main.LaunchCommand`).
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{0} must not be blank")]
    Blank(&'static str),
    #[error("Illegal persist setting: {0}; use one of auto, rebind, clean, disabled")]
    Persist(String),
    #[error(
        "Illegal highAvailability setting: {0}; use one of disabled, auto, master, standby, hot_standby, hot_backup"
    )]
    HighAvailability(String),
    #[error("Cannot specify persistenceDir when persist is disabled")]
    DirWithoutPersist,
    #[error("Cannot specify persistenceLocation when persist is disabled")]
    LocationWithoutPersist,
    #[error("Cannot specify highAvailability when persistence is disabled")]
    HighAvailabilityWithoutPersist,
    #[error("Cannot specify highAvailability {0} when persistence is CLEAN")]
    FollowerOfNothing(&'static str),
    #[error("Illegal persistenceDir or persistenceLocation setting: {0}")]
    Location(#[from] LocationError),
    #[error("persistenceLocation needs a persistenceDir, which is `bucket/prefix` then")]
    LocationWithoutDir,
    #[error("{0}")]
    Timings(String),
    #[error("Illegal profile setting: {0}; use one of directory, bucket, economy")]
    Profile(String),
    #[error("Illegal nodeId setting: {0}; use 1 to 64 characters of A-Z a-z 0-9 . _ - and no dot in front")]
    NodeId(String),
    #[error(
        "Illegal publicAddress setting: {0}; use a host name or an IP address, with :PORT behind it if the port differs"
    )]
    PublicAddress(String),
    #[error("Illegal {0} setting: it must be longer than 0")]
    Zero(&'static str),
    #[error("Illegal logFormat setting: {0}; use one of human, json")]
    LogFormat(String),
    #[error("Illegal logLevel setting: {0}; use one of error, warn, info, debug, trace, off")]
    LogLevel(String),
    #[error("Illegal RUST_LOG in the environment: {0}; unset it, or give a logLevel")]
    RustLog(String),
    #[error(
        "There is no default for {0}, because neither XDG_STATE_HOME nor HOME is an absolute path; give one"
    )]
    NoHome(&'static str),
    #[error("Cannot find {0} `{path}`, because the working directory is gone; give an absolute path", path = .1.display())]
    NoWorkingDirectory(&'static str, PathBuf),
}

fn persist(text: &str) -> Result<Persist, ConfigError> {
    match Persist::named(text) {
        Some(persist) => Ok(persist),
        None if text.trim().is_empty() => Err(ConfigError::Blank("Persist mode")),
        None => Err(ConfigError::Persist(short(text))),
    }
}

fn high_availability(text: &str, persist: Persist) -> Result<HighAvailability, ConfigError> {
    use HighAvailability::{Auto, Disabled, HotBackup, HotStandby, Standby};
    let mode = match HighAvailability::named(text) {
        Some(mode) => mode,
        None if text.trim().is_empty() => return Err(ConfigError::Blank("High availability mode")),
        None => return Err(ConfigError::HighAvailability(short(text))),
    };
    match (persist, mode) {
        (Persist::Disabled, Auto | Disabled) => Ok(Disabled),
        (Persist::Disabled, _) => Err(ConfigError::HighAvailabilityWithoutPersist),
        (Persist::Clean, Standby | HotStandby | HotBackup) => {
            Err(ConfigError::FollowerOfNothing(mode.wire_name()))
        }
        _ => Ok(mode),
    }
}

fn logging(args: &LaunchArgs, environment: &Environment) -> Result<Logging, ConfigError> {
    Logging::parse(
        &args.log_format,
        args.log_level.as_deref(),
        environment.rust_log.as_deref(),
    )
}

pub(crate) fn not_blank<'a>(
    name: &'static str,
    path: Option<&'a Path>,
) -> Result<Option<&'a Path>, ConfigError> {
    match path {
        Some(path) if path.to_str().is_some_and(|text| text.trim().is_empty()) => {
            Err(ConfigError::Blank(name))
        }
        path => Ok(path),
    }
}

pub(crate) fn absolute(name: &'static str, path: &Path) -> Result<PathBuf, ConfigError> {
    std::path::absolute(path).map_err(|_| ConfigError::NoWorkingDirectory(name, path.to_owned()))
}

pub(crate) fn longer_than_zero(name: &'static str, duration: Duration) -> Result<Duration, ConfigError> {
    if duration.is_zero() {
        Err(ConfigError::Zero(name))
    } else {
        Ok(duration)
    }
}

/// What was given, cut to a length that fits a message.
pub(crate) fn short(text: &str) -> String {
    let cut: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        cut + "…"
    } else {
        cut
    }
}

#[cfg(test)]
#[path = "launch_tests.rs"]
mod tests;
