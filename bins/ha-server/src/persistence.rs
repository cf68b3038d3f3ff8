//! Where the state of a plane is kept, and what to do about what is there already.

use std::path::PathBuf;
use std::time::Duration;

use ha_store::{BucketLocation, BucketSettings, Location};

use crate::cli::{LaunchArgs, StoreArgs};
use crate::environment::Environment;
use crate::launch::{ConfigError, absolute, longer_than_zero, not_blank};
use crate::settings::Persist;

/// Where the state of a plane is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Persistence {
    /// In memory, for as long as the process lives.
    Disabled,
    /// In a directory that the nodes share.
    Directory {
        /// The directory, as an absolute path. It need not exist yet.
        path: PathBuf,
        /// What to do about what is there already.
        existing: Existing,
    },
    /// In a bucket that the nodes share.
    Bucket {
        /// Which, and where in it. The bucket must exist.
        location: BucketLocation,
        /// How long it may take.
        settings: BucketSettings,
        /// What to do about what is there already.
        existing: Existing,
    },
}

/// What to do about state that is there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Existing {
    /// Use it if there is any, else begin.
    UseOrBegin,
    /// Use it; a place without state is an error.
    Require,
    /// Begin anew; a live plane is an error.
    Discard,
}

impl Persistence {
    pub(crate) fn from_args(
        persist: Persist,
        args: &LaunchArgs,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let dir = not_blank("persistenceDir", args.persistence_dir.as_deref())?;
        let location = args.persistence_location.as_deref();
        if location.is_some_and(|spec| spec.trim().is_empty()) {
            return Err(ConfigError::Blank("persistenceLocation"));
        }
        let existing = match persist {
            Persist::Disabled if dir.is_some() => return Err(ConfigError::DirWithoutPersist),
            Persist::Disabled if location.is_some() => return Err(ConfigError::LocationWithoutPersist),
            Persist::Disabled => return Ok(Self::Disabled),
            Persist::Auto => Existing::UseOrBegin,
            Persist::Rebind => Existing::Require,
            Persist::Clean => Existing::Discard,
        };
        let text = dir.and_then(|dir| dir.to_str());
        let location = match (location, text) {
            (Some(location), Some(dir)) => Some(Location::of_pair(location, dir)?),
            (Some(_), None) => return Err(ConfigError::LocationWithoutDir),
            (None, text) => text.map(Location::parse).transpose()?,
        };
        if let Some(Location::Bucket(location)) = location {
            return Ok(Self::Bucket {
                location,
                settings: settings(&args.store)?,
                existing,
            });
        }
        let path = match dir {
            Some(dir) => absolute("persistenceDir", dir)?,
            None => environment
                .state_home()
                .ok_or(ConfigError::NoHome("persistenceDir"))?
                .join("data"),
        };
        Ok(Self::Directory { path, existing })
    }

    /// What to do about what is there already, where something can be.
    pub(crate) fn existing(&self) -> Option<Existing> {
        match self {
            Self::Disabled => None,
            Self::Directory { existing, .. } | Self::Bucket { existing, .. } => Some(*existing),
        }
    }

    /// The place, as it is shown: a path, or `s3://bucket/prefix`.
    pub(crate) fn place(&self) -> Option<String> {
        match self {
            Self::Disabled => None,
            Self::Directory { path, .. } => Some(path.display().to_string()),
            Self::Bucket { location, .. } => Some(location.to_string()),
        }
    }
}

/// What was asked of a bucket, completed with defaults.
pub(crate) fn settings(args: &StoreArgs) -> Result<BucketSettings, ConfigError> {
    let set = |name, value: &mut Duration, given: Option<Duration>| {
        if let Some(given) = given {
            *value = longer_than_zero(name, given)?;
        }
        Ok::<(), ConfigError>(())
    };
    let mut settings = BucketSettings::default();
    set(
        "storeConnectTimeout",
        &mut settings.connect_timeout,
        args.connect_timeout,
    )?;
    set(
        "storeFirstByteTimeout",
        &mut settings.first_byte_timeout,
        args.first_byte_timeout,
    )?;
    set(
        "storeTotalTimeout",
        &mut settings.total_timeout,
        args.total_timeout,
    )?;
    Ok(settings)
}
