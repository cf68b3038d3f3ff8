//! Where a store is: a directory, or a bucket by its address.

use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::key::is_part;

/// Where a store is, as a user writes it.
///
/// ```
/// use ha_store::Location;
///
/// assert!(matches!(Location::parse("/var/lib/plane")?, Location::Directory(_)));
/// # #[cfg(feature = "s3")] {
/// let bucket = Location::parse("s3://lab/planes/a/")?;
/// assert_eq!(bucket.to_string(), "s3://lab/planes/a");
/// # }
/// assert!(Location::parse("ftp://lab/a").is_err());
/// # Ok::<(), ha_store::LocationError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Location {
    /// A directory, for [`DirectoryStore`](crate::DirectoryStore).
    Directory(PathBuf),
    /// A bucket, or a part of one.
    Bucket(BucketLocation),
}

impl Location {
    /// Reads `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`; what has no `://` is the path of a
    /// directory.
    ///
    /// # Errors
    ///
    /// If the scheme is unknown or not built in, or the name of the bucket or the prefix is not one; in one line, with
    /// what is allowed.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        match text.split_once("://") {
            None => Ok(Self::Directory(PathBuf::from(text))),
            Some((scheme, place)) => {
                let provider = Provider::of_scheme(scheme)?;
                Ok(Self::Bucket(BucketLocation::new(provider, place)?))
            }
        }
    }

    /// Reads Apache Brooklyn's pair of options: `persistenceLocation`, which is `s3`, `s3:<endpoint>`, `gs` or `az`, and
    /// `persistenceDir`, which is `bucket/prefix` then.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and if the endpoint is not one.
    pub fn of_pair(location: &str, dir: &str) -> Result<Self, LocationError> {
        let (name, endpoint) = match location.split_once(':') {
            None => (location, None),
            Some((name, endpoint)) => (name, Some(endpoint)),
        };
        let provider = Provider::of_scheme(name)?;
        if dir.contains("://") {
            return Err(LocationError(format!(
                "`{}` names the store a second time: beside persistenceLocation, persistenceDir is `bucket/prefix`",
                shown(dir)
            )));
        }
        let bucket = BucketLocation::new(provider, dir)?;
        Ok(Self::Bucket(match endpoint {
            None => bucket,
            Some(endpoint) => bucket.with_endpoint(Endpoint::parse(endpoint)?),
        }))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        Self::parse(text)
    }
}

/// A bucket, and the prefix in it below which the store lies.
///
/// `Display` shows it as it is written, `s3://bucket/prefix`: two spellings of one place look alike, and the endpoint
/// is not shown.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct BucketLocation {
    provider: Provider,
    bucket: String,
    prefix: String,
    endpoint: Option<Endpoint>,
}

impl BucketLocation {
    fn new(provider: Provider, place: &str) -> Result<Self, LocationError> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if !provider.allows(bucket) {
            return Err(LocationError(format!(
                "`{}` cannot be the name of a {}: {}",
                shown(bucket),
                provider.noun(),
                provider.rule()
            )));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_prefix = prefix.is_empty() || prefix.split('/').all(is_part);
        if !is_prefix || prefix.len() > PREFIX_BYTES_MAX {
            return Err(LocationError(format!(
                "`{}` cannot be a prefix: use parts of 1 to 128 of A-Z a-z 0-9 . _ - with `/` between, no dot in front of a part, \
                 {PREFIX_BYTES_MAX} characters in all",
                shown(prefix)
            )));
        }
        Ok(Self {
            provider,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            endpoint: None,
        })
    }

    /// The same place at another server than the provider's own.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Whose protocol it speaks.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// The bucket's name; Azure calls it a container.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The prefix without a `/` at either end, `""` for the whole bucket.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The server, if it was named here. Else the environment says which.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }
}

impl fmt::Display for BucketLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.provider.scheme(), self.bucket)?;
        if self.prefix.is_empty() {
            Ok(())
        } else {
            write!(f, "/{}", self.prefix)
        }
    }
}

/// Whose protocol a bucket speaks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Provider {
    /// Amazon S3, and the many servers that speak its language.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

impl Provider {
    fn of_scheme(scheme: &str) -> Result<Self, LocationError> {
        let all = [Self::S3, Self::Gs, Self::Az];
        let Some(provider) = all.into_iter().find(|provider| provider.scheme() == scheme) else {
            return Err(LocationError(format!(
                "`{}` is no kind of store: use s3, gs or az, as in s3://bucket/prefix, or the path of a directory",
                shown(scheme)
            )));
        };
        if provider.is_built_in() {
            Ok(provider)
        } else {
            Err(LocationError(format!(
                "`{scheme}` is not built into this program: build it with the feature `{scheme}`"
            )))
        }
    }

    /// The scheme of its addresses, which is also the name of the feature that brings it.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
        }
    }

    /// Whether this program can speak it.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::S3 => cfg!(feature = "s3"),
            Self::Gs => cfg!(feature = "gs"),
            Self::Az => cfg!(feature = "az"),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::S3 | Self::Gs => "bucket",
            Self::Az => "container",
        }
    }

    fn rule(self) -> &'static str {
        match self {
            Self::S3 => "use 3 to 63 of a-z 0-9 . - with a letter or digit at both ends",
            Self::Gs => "use 3 to 222 of a-z 0-9 . _ - with a letter or digit at both ends",
            Self::Az => "use 3 to 63 of a-z 0-9 - with a letter or digit at both ends and beside each hyphen",
        }
    }

    fn allows(self, name: &str) -> bool {
        let (longest, extra, twins): (usize, &[u8], &[&str]) = match self {
            Self::S3 => (63, b".-", &[".."]),
            Self::Gs => (222, b"._-", &[".."]),
            Self::Az => (63, b"-", &["--"]),
        };
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = name.as_bytes();
        (3..=longest).contains(&bytes.len())
            && bytes.iter().all(|b| plain(b) || extra.contains(b))
            && bytes.first().is_some_and(plain)
            && bytes.last().is_some_and(plain)
            && !twins.iter().any(|twin| name.contains(twin))
    }
}

/// The address of a server that keeps buckets: `https://host`, `http://host:port`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Endpoint(String);

impl Endpoint {
    /// Reads an address. A user name or password in it is refused, since it would be shown in logs.
    ///
    /// # Errors
    ///
    /// If it is none; in one line, with what is allowed.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let trimmed = text.strip_suffix('/').unwrap_or(text);
        let rest = trimmed
            .strip_prefix("http://")
            .or_else(|| trimmed.strip_prefix("https://"));
        let is_authority = |rest: &str| {
            !rest.is_empty()
                && rest.len() <= 255
                && rest.bytes().all(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']')
                })
                && !rest.starts_with(':')
        };
        match rest {
            Some(rest) if is_authority(rest) => Ok(Self(trimmed.to_owned())),
            // What may be a password is not repeated.
            _ if text.contains('@') => Err(LocationError(
                "an endpoint has no user or password in it: use https://host or http://host:port, and give the keys in the environment"
                    .to_owned(),
            )),
            _ => Err(LocationError(format!(
                "`{}` is no endpoint: use https://host or http://host:port",
                shown(text)
            ))),
        }
    }

    /// The address, without a `/` at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what is sent there can be read on the way.
    pub fn is_plain_http(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// Whether it is on this very machine.
    pub fn is_loopback(&self) -> bool {
        let authority = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next(),
            None => authority.split(':').next(),
        };
        let host = host.unwrap_or_default();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that names no place for a store: says what is wrong with it and what is allowed, in one line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LocationError(String);

impl fmt::Display for LocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for LocationError {}

/// What is shown of text that may be anything.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        cut + "…"
    } else {
        cut
    }
}

/// S3 has 1,024 bytes for all of a key.
const PREFIX_BYTES_MAX: usize = 400;

#[cfg(test)]
#[path = "location_tests.rs"]
mod tests;
