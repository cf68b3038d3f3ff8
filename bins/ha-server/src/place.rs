//! A place that a command names, where a plane's state is or is to be: a directory or a bucket.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ha_store::{BucketLocation, BucketSettings, DirectoryStore, Error, Location, Store};

use crate::cli::StoreArgs;
use crate::environment::Variables;
use crate::failure::RunError;
use crate::launch::{ConfigError, absolute, not_blank};
use crate::persistence::{self, Existing, Persistence};

/// A directory or a bucket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// A directory, by its absolute path.
    Directory(PathBuf),
    /// A bucket, or a part of one.
    Bucket {
        /// Which.
        location: BucketLocation,
        /// How long it may take.
        settings: BucketSettings,
    },
}

impl Place {
    /// Reads a path or an address, or with `pair` the other half of Brooklyn's two options.
    ///
    /// # Errors
    /// A [`ConfigError`], as of a launch.
    pub(crate) fn parse(
        name: &'static str,
        text: &Path,
        pair: Option<&str>,
        args: &StoreArgs,
    ) -> Result<Self, ConfigError> {
        let path = not_blank(name, Some(text))?.unwrap_or(text);
        let location = match (pair, path.to_str()) {
            (Some(pair), Some(_)) if pair.trim().is_empty() => {
                return Err(ConfigError::Blank("persistenceLocation"));
            }
            (Some(pair), Some(text)) => Location::of_pair(pair, text)?,
            (None, Some(text)) => Location::parse(text)?,
            (Some(_), None) => return Err(ConfigError::LocationWithoutDir),
            (None, None) => Location::Directory(path.to_owned()),
        };
        Ok(match location {
            Location::Directory(path) => Self::Directory(absolute(name, &path)?),
            Location::Bucket(location) => Self::Bucket {
                location,
                settings: persistence::settings(args)?,
            },
        })
    }

    /// That of a launch, if it keeps anything.
    pub(crate) fn of(persistence: &Persistence) -> Option<Self> {
        match persistence {
            Persistence::Disabled => None,
            Persistence::Directory { path, .. } => Some(Self::Directory(path.clone())),
            Persistence::Bucket {
                location, settings, ..
            } => Some(Self::Bucket {
                location: location.clone(),
                settings: settings.clone(),
            }),
        }
    }

    /// As a launch keeps it that uses what is there.
    pub(crate) fn as_persistence(&self) -> Persistence {
        let existing = Existing::UseOrBegin;
        match self.clone() {
            Self::Directory(path) => Persistence::Directory { path, existing },
            Self::Bucket { location, settings } => Persistence::Bucket {
                location,
                settings,
                existing,
            },
        }
    }

    /// A new client of the store there. Blocks on the disk where it is a directory.
    ///
    /// # Errors
    /// As the stores' own `open`.
    pub(crate) fn open(&self, variables: &Variables) -> Result<Arc<dyn Store>, Error> {
        match self {
            Self::Directory(path) => Ok(Arc::new(DirectoryStore::open(path)?)),
            Self::Bucket { location, settings } => open_bucket(location, settings, variables),
        }
    }

    /// Refuses a directory that is not there: [`open`](Self::open) would make it.
    ///
    /// # Errors
    /// A configuration error.
    pub(crate) fn must_exist(&self) -> Result<(), RunError> {
        match self {
            Self::Directory(path) if !path.is_dir() => Err(RunError::configuration(format!(
                "there is no directory `{}`: give one that is there, or make it",
                path.display()
            ))),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Bucket { location, .. } => location.fmt(f),
        }
    }
}

#[cfg(feature = "bucket")]
fn open_bucket(
    location: &BucketLocation,
    settings: &BucketSettings,
    variables: &Variables,
) -> Result<Arc<dyn Store>, Error> {
    let store = ha_store::BucketStore::open(location, settings, &|name| variables.get(name))?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "bucket"))]
fn open_bucket(
    location: &BucketLocation,
    _settings: &BucketSettings,
    _variables: &Variables,
) -> Result<Arc<dyn Store>, Error> {
    Err(Error::new(
        ha_store::ErrorKind::Denied,
        location.to_string(),
        "this program was built without object stores",
    ))
}
