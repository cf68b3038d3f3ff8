//! Options of `ha-server copy-state` and `clean-orphaned-state`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{StoreArgs, path};
use crate::settings::parse_duration;

/// Options of `ha-server copy-state` and `clean-orphaned-state`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 done and verified, 2 it failed or was refused, 3 the places cannot be used.\n\
    Every option can be written in camel case (--watchPeriod) and in kebab case (--watch-period)."
)]
pub(crate) struct CopyStateArgs {
    /// Where the plane is: a directory, or s3://bucket/prefix. Keys, region and endpoint of buckets come from the environment.
    #[arg(value_name = "FROM", value_parser = path())]
    pub(crate) from: PathBuf,

    /// Where it is to be. Nothing of a plane may be there.
    #[arg(value_name = "TO", value_parser = path())]
    pub(crate) to: PathBuf,

    /// Go on with a copy of the same state that has not ended.
    #[arg(long)]
    pub(crate) resume: bool,

    /// How long the node records on both sides are watched for a sign of life [default: twice the longest heartbeatTimeout that
    /// they state].
    #[arg(long = "watchPeriod", visible_alias = "watch-period", value_name = "DURATION")]
    #[arg(value_parser = parse_duration)]
    pub(crate) watch_period: Option<Duration>,

    #[command(flatten)]
    pub(crate) bucket: StoreArgs,
}
