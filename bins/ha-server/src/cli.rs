//! The command line: what can be said. Names are Apache Brooklyn's, in camel case and in kebab case.

mod copy_state;
mod probe;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use ha_rebind::{FailureModes, Level};

pub(crate) use self::copy_state::CopyStateArgs;
pub(crate) use self::probe::{ProbeArgs, ReportFormat};
use crate::failure::PARSE_ERROR;
use crate::price::Prices;
use crate::settings::{Port, parse_duration};
use crate::task_limits::TaskLimit;

/// Parses a command line, program name included.
///
/// # Errors
/// If there is nothing to run: a mistake, or a wish for help or the version.
pub(crate) fn parse<T: Into<OsString> + Clone>(
    line: impl IntoIterator<Item = T>,
) -> Result<Command, Refusal> {
    Cli::try_parse_from(line).map(|cli| cli.command).map_err(Refusal)
}

/// A command line that asks for no work: it is wrong, or it asks for help.
#[derive(Debug)]
pub(crate) struct Refusal(clap::Error);

impl Refusal {
    /// Prints the text to where it belongs, and gives the exit code.
    pub(crate) fn show(&self) -> u8 {
        // There is nobody left to tell that stdout or stderr is closed.
        let _ = self.0.print();
        self.code()
    }

    /// The text that [`show`](Self::show) prints.
    pub(crate) fn words(&self) -> String {
        self.0.to_string()
    }

    fn code(&self) -> u8 {
        match self.0.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
            _ => PARSE_ERROR,
        }
    }
}

/// A highly available management plane on a shared directory or a bucket.
///
/// Several `ha-server launch` pointed at one persistence directory, or one bucket, form a plane: one is MASTER, the others take over when it
/// stops or dies.
#[derive(Debug, Parser)]
#[command(
    name = "ha-server",
    version,
    arg_required_else_help = true,
    propagate_version = true,
    after_help = "Exit codes: 0 done, 1 the command line is wrong, 2 the work failed, 3 the settings cannot be used."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one node of a management plane until SIGTERM or SIGINT.
    Launch(Box<LaunchArgs>),
    /// Show a plane on this machine: it forms, its master is killed, its next master hands over.
    ///
    /// Starts servers of its own on a temporary directory and ends by itself, in some 15 seconds with the default timings.
    Demo(DemoArgs),
    /// Find out whether a store keeps what a plane needs, how fast it is, and how long a failover would take.
    ///
    /// Works in a folder of its own and clears it, also while a plane lives there. Some 400 requests, a few seconds.
    Probe(Box<ProbeArgs>),
    /// Copy the state of a plane at rest to another store, and verify it.
    ///
    /// Either side is a directory or a bucket. Refused while a node lives on either side. After it, start the nodes with the new
    /// place, and none with the old one again: it holds the same plane.
    CopyState(Box<CopyStateArgs>),
    /// Copy the state of a plane at rest to another store, as copy-state does, and remove from the copy what nothing refers to.
    ///
    /// That is: locations at which no entity is, nor a part of a location at which one is, and tasks that have ended of entities that are no
    /// more. The state it is copied from stays as it is.
    CleanOrphanedState(Box<CopyStateArgs>),
}

/// How fast a plane lives. What is not given is the profile's.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TimingArgs {
    /// Time between two polls of the plane [default: 1s; on a bucket 5s, economy 30s]. Heartbeats come once a poll if this is given.
    #[arg(long = "pollPeriod", visible_alias = "poll-period", value_name = "DURATION")]
    #[arg(value_parser = parse_duration)]
    pub(crate) poll_period: Option<Duration>,

    /// Silence after which a master is suspected, and another node may take over [default: 3s; on a bucket 25s, economy 150s].
    #[arg(
        long = "heartbeatTimeout",
        visible_alias = "heartbeat-timeout",
        value_name = "DURATION"
    )]
    #[arg(value_parser = parse_duration)]
    pub(crate) heartbeat_timeout: Option<Duration>,

    /// How long a master may act on the world after the store has last proven it master [default: 5s; on a bucket 20s, economy 100s].
    #[arg(long = "leaseTtl", visible_alias = "lease-ttl", value_name = "DURATION")]
    #[arg(value_parser = parse_duration)]
    pub(crate) lease_ttl: Option<Duration>,

    /// A snapshot is due after so many entries.
    #[arg(
        long = "snapshotEntries",
        alias = "snapshot-entries",
        value_name = "NUMBER",
        hide = true
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) snapshot_entries: Option<u64>,
}

/// What a plane may cost.
#[derive(Args, Clone, Debug)]
pub(crate) struct CostArgs {
    /// Timings that suit a kind of store: directory, bucket or economy [default: directory, or bucket on a bucket].
    ///
    /// directory: polls every second. bucket: fewer requests, each of which is paid for; a master is suspected after 25 s. economy: as few as
    /// can be; a master is suspected after 150 s. All nodes of a plane should have the same; those that differ say so.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// What a thousand requests cost, in dollars, for the metrics: put=0.005,list=0.005,get=0.0004 [default: that on a bucket, else nothing].
    #[arg(long = "storePrices", visible_alias = "store-prices", value_name = "PRICES")]
    #[arg(value_parser = Prices::parse)]
    pub(crate) prices: Option<Prices>,
}

/// How long a bucket may take. Each request also ends with the time that the plane gives it.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArgs {
    /// How long a connection to an object store may take [default: 2s].
    #[arg(
        long = "storeConnectTimeout",
        visible_alias = "store-connect-timeout",
        value_name = "DURATION"
    )]
    #[arg(value_parser = parse_duration)]
    pub(crate) connect_timeout: Option<Duration>,

    /// How long the first byte of an object store's answer may take [default: 15s].
    #[arg(
        long = "storeFirstByteTimeout",
        visible_alias = "store-first-byte-timeout",
        value_name = "DURATION"
    )]
    #[arg(value_parser = parse_duration)]
    pub(crate) first_byte_timeout: Option<Duration>,

    /// How long a request to an object store may take in all [default: 60s].
    #[arg(
        long = "storeTotalTimeout",
        visible_alias = "store-total-timeout",
        value_name = "DURATION"
    )]
    #[arg(value_parser = parse_duration)]
    pub(crate) total_timeout: Option<Duration>,
}

/// Options of `ha-server launch`.
#[derive(Args, Debug)]
#[command(after_help = "Durations: 500ms, 3s, 1m, or a bare number of milliseconds.\n\
    Every option can be written in camel case (--highAvailability) and in kebab case (--high-availability).")]
pub(crate) struct LaunchArgs {
    /// What this node is to be: disabled, auto, master, standby, hot_standby or hot_backup.
    ///
    /// disabled: a plane of one, refused where a plane lives already. auto: master if there is none, else hot standby.
    /// master: fails if there is a live master. standby, hot_standby: fail if there is no master. hot_backup: follows the
    /// state and is never master.
    #[arg(
        long = "highAvailability",
        visible_alias = "high-availability",
        value_name = "MODE",
        default_value = "auto"
    )]
    pub(crate) high_availability: String,

    /// What to do about state in the persistence directory: auto, rebind, clean or disabled.
    ///
    /// auto: use it if there is any, else begin. rebind: use it, and fail if there is none. clean: begin anew, refused while a
    /// plane lives there. disabled: keep nothing.
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(crate) persist: String,

    /// Where the nodes of a plane share their state: a directory, or s3://bucket/prefix [default: `ha-plane/data` in the user's
    /// state home].
    ///
    /// Keys, region and endpoint of a bucket come from the environment, as for other programs of AWS: AWS_ACCESS_KEY_ID,
    /// AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, AWS_PROFILE, or the role of the machine.
    #[arg(
        long = "persistenceDir",
        visible_alias = "persistence-dir",
        value_name = "DIR|URL"
    )]
    #[arg(value_parser = path())]
    pub(crate) persistence_dir: Option<PathBuf>,

    /// The kind of object store, and its endpoint: s3, or s3:https://host; --persistenceDir is `bucket/prefix` then.
    #[arg(
        long = "persistenceLocation",
        visible_alias = "persistence-location",
        value_name = "SPEC"
    )]
    pub(crate) persistence_location: Option<String>,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) cost: CostArgs,

    /// Do not find out at the start whether a bucket keeps what a plane needs.
    ///
    /// Several servers that speak S3 do not: on them two nodes can lead at a time, and acknowledged writes be lost. Only for a
    /// server of which you know that it does, because `ha-server probe` has passed it. A warning is logged at every start.
    #[arg(long = "skipStoreProbe", visible_alias = "skip-store-probe")]
    pub(crate) skip_store_probe: bool,

    /// What this node does, when it becomes master, about what is wrong with the state: `rebind=fail_at_end`, or
    /// `rebind.failureMode.rebind=fail_at_end`. May be given several times.
    ///
    /// The keys: rebind (an entity that cannot be read, or of an unknown type), addConfig, addPolicy, loadPolicy, danglingRef. The
    /// modes: continue (the default of all: what is wrong is told, and all else is managed), fail_at_end, fail_fast (another node leads,
    /// and this one has failed until it is started again). danglingRefs.minRequiredHealthy says how many references to
    /// parents and children must lead somewhere: points as `[[0,-2],[10,8],[100,95],[200,190]]` (the default), `all`, or `none`.
    #[arg(long = "rebindFailureMode", visible_alias = "rebind-failure-mode")]
    #[arg(value_name = "KEY=MODE", value_parser = parse_failure_mode)]
    pub(crate) failure_modes: Vec<(String, String)>,

    /// Which tasks are kept after they have ended, by Brooklyn's keys: `maxTasksPerEntity=200`, or `brooklyn.gc.maxTasksPerEntity=200`. May be
    /// given several times.
    ///
    /// The keys: maxTaskAge (30d unless said), maxTasksPerEntity (1000), maxTasksGlobal (100000), period (1m: how often the master looks for tasks to
    /// forget, oldest first). Give all nodes the same: the master's are used.
    #[arg(long = "taskLimit", visible_alias = "task-limit", value_name = "KEY=VALUE")]
    pub(crate) task_limits: Vec<TaskLimit>,

    /// Hold this node at an older format level of the state, as an older version would: it reads none above, and the plane is raised to none above
    /// while this node is on record [default: the newest that this version knows].
    #[arg(long = "formatLevel", visible_alias = "format-level")]
    #[arg(value_name = "LEVEL", value_parser = parse_level)]
    pub(crate) format_level: Option<Level>,

    /// The port of the REST API: a number, 0 for any free one, or `8081+` for the first free one from there.
    #[arg(long, short, value_name = "PORT", default_value = "8081+")]
    pub(crate) port: Port,

    /// The address to listen on.
    #[arg(
        long = "bindAddress",
        visible_alias = "bind-address",
        short = 'b',
        value_name = "IP"
    )]
    #[arg(default_value = "127.0.0.1", value_parser = parse_address)]
    pub(crate) bind_address: IpAddr,

    /// The host, or host:port, under which other machines reach this node [default: the address it listens on].
    #[arg(
        long = "publicAddress",
        visible_alias = "public-address",
        value_name = "HOST[:PORT]"
    )]
    pub(crate) public_address: Option<String>,

    /// The node's id, unique in its plane [default: drawn at the first start and kept in the state directory].
    #[arg(long = "nodeId", visible_alias = "node-id", value_name = "ID")]
    pub(crate) node_id: Option<String>,

    /// Priority in elections; the highest goes first [default: what it was before the restart, at first 0].
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) priority: Option<i64>,

    #[command(flatten)]
    pub(crate) timings: TimingArgs,

    /// This node's own directory, for its id, its priority and its lock; no other node may use it.
    ///
    /// The default is a directory in the user's state home that belongs to the persistence directory and to the node id if
    /// one is given, else to the port. So a restart with the same options is the same node, and another port is another one.
    #[arg(long = "stateDir", visible_alias = "state-dir", value_name = "DIR", value_parser = path())]
    pub(crate) state_dir: Option<PathBuf>,

    /// A file to write the process id to; removed at the end.
    #[arg(long = "pidFile", visible_alias = "pid-file", value_name = "FILE", value_parser = path())]
    pub(crate) pid_file: Option<PathBuf>,

    /// The shape of the log on stderr: human or json.
    #[arg(
        long = "logFormat",
        visible_alias = "log-format",
        value_name = "FORMAT",
        default_value = "human"
    )]
    pub(crate) log_format: String,

    /// The least level that is logged: error, warn, info, debug, trace or off [default: RUST_LOG, else info].
    #[arg(long = "logLevel", visible_alias = "log-level", value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,

    /// End by SIGKILL when the process with this id, which must be the parent, ends.
    #[arg(
        long = "endWithParent",
        alias = "end-with-parent",
        value_name = "PID",
        hide = true
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) end_with_parent: Option<u32>,
}

/// Options of `ha-server demo`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    /// How many servers to start: 3 to 9.
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=9))]
    pub(crate) nodes: u8,

    /// Leave the directory with the journal and the servers' logs behind, and say where it is.
    #[arg(long)]
    pub(crate) keep: bool,

    #[command(flatten)]
    pub(crate) timings: TimingArgs,
}

/// Takes any path, also a blank one: that is told in Brooklyn's words later.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Reads an IP address, or the one name that needs no look-up.
fn parse_failure_mode(text: &str) -> Result<(String, String), String> {
    let (key, mode) = text
        .split_once('=')
        .ok_or("give it as key=mode, as in rebind=fail_at_end")?;
    let mut any = FailureModes::default();
    any.set(key, mode).map_err(|bad| bad.to_string())?;
    Ok((key.to_owned(), mode.to_owned()))
}

/// Reads a format level that this version knows.
fn parse_level(text: &str) -> Result<Level, String> {
    let level = text.parse().ok().map(Level);
    let known = Level::FIRST..=Level::NEWEST;
    level.filter(|level| known.contains(level)).ok_or_else(|| {
        format!(
            "this version knows the levels {} to {}",
            Level::FIRST,
            Level::NEWEST
        )
    })
}

fn parse_address(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    text.parse()
        .map_err(|_| "an address to listen on is an IP address: 127.0.0.1, 0.0.0.0, ::1".to_owned())
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
