//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ha_core::{Config, Mode, NodeId};
use ha_store::Location;
use ha_tests::chaos::Bug;

use crate::Failure;

/// What it was started with: `--name value`, each.
pub(crate) struct Options {
    pub(crate) node: NodeId,
    pub(crate) place: Location,
    pub(crate) acts: PathBuf,
    /// Between two strokes of an act.
    pub(crate) stroke: Duration,
    /// Where to write down what is applied.
    pub(crate) applied: Option<PathBuf>,
    /// So many values are kept.
    pub(crate) keep: usize,
    /// What is logged.
    pub(crate) log: String,
    pub(crate) mode: Mode,
    pub(crate) priority: i64,
    pub(crate) config: Config,
    /// It has this one, on purpose.
    pub(crate) bug: Option<Bug>,
}

impl Options {
    pub(crate) fn of(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut given = BTreeMap::new();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            given.insert(name, value);
        }
        let mut take = |name: &str| given.remove(name);
        let mut config = match take("--profile").as_deref() {
            None | Some("directory") => Config::builder(),
            Some("bucket") => Config::bucket(),
            Some(other) => return Err(format!("there is no profile `{other}`").into()),
        };
        if let Some(time) = take("--poll") {
            config = config.poll(millis(&time)?);
        }
        if let Some(time) = take("--heartbeat") {
            config = config.heartbeat_timeout(millis(&time)?);
        }
        if let Some(time) = take("--lease") {
            config = config.lease_ttl(millis(&time)?);
        }
        if let Some(time) = take("--confirm") {
            config = config.confirm_period(millis(&time)?);
        }
        if let Some(entries) = take("--snapshot-entries") {
            config = config.snapshot_entries(entries.parse()?);
        }
        let options = Self {
            node: NodeId::new(&take("--node").ok_or("--node is missing")?)?,
            place: match (take("--dir"), take("--bucket")) {
                (Some(dir), None) => Location::Directory(dir.into()),
                (None, Some(bucket)) => Location::parse(&bucket)?,
                _ => return Err("it needs --dir or --bucket".into()),
            },
            acts: take("--acts").ok_or("--acts is missing")?.into(),
            stroke: Duration::from_micros(take("--stroke-us").map_or(Ok(500), |pause| pause.parse())?),
            applied: take("--applied").map(PathBuf::from),
            keep: take("--keep").map_or(Ok(usize::MAX), |keep| keep.parse())?,
            log: take("--log").unwrap_or_else(|| "info,ha_proto=debug".into()),
            mode: take("--mode").map_or(Ok(Mode::Auto), |mode| mode.parse())?,
            priority: take("--priority").map_or(Ok(0), |priority| priority.parse())?,
            config: config.build()?,
            bug: take("--bug").map(|bug| bug.parse()).transpose()?,
        };
        match given.keys().next() {
            Some(name) => Err(format!("{name} is unknown").into()),
            None => Ok(options),
        }
    }
}

fn millis(text: &str) -> Result<Duration, Failure> {
    Ok(Duration::from_millis(text.parse()?))
}
