//! Options of `ha-server probe`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{StoreArgs, TimingArgs, path};

/// Options of `ha-server probe`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 the store passed, 2 it was refused or could not be judged, 3 the settings cannot be used.\n\
    Every option can be written in camel case (--pollPeriod) and in kebab case (--poll-period)."
)]
pub(crate) struct ProbeArgs {
    /// The store: a directory, or s3://bucket/prefix. Keys, region and endpoint of a bucket come from the environment.
    #[arg(value_name = "DIR|URL", value_parser = path())]
    pub(crate) store: PathBuf,

    /// The kind of object store, and its endpoint: s3, or s3:https://host; the store is `bucket/prefix` then.
    #[arg(
        long = "persistenceLocation",
        visible_alias = "persistence-location",
        value_name = "SPEC"
    )]
    pub(crate) persistence_location: Option<String>,

    #[command(flatten)]
    pub(crate) bucket: StoreArgs,

    /// Timings to predict a failover for: directory, bucket or economy [default: directory, or bucket on a bucket].
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    #[command(flatten)]
    pub(crate) timings: TimingArgs,

    /// The shape of the report on stdout.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(crate) format: ReportFormat,
}

/// The shape of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Text.
    Human,
    /// One JSON object.
    Json,
}
