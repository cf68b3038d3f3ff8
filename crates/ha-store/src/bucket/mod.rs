//! A store in a bucket: Amazon S3 and its like, Google Cloud Storage, Azure Blob Storage.

#[cfg(feature = "az")]
mod az;
mod explain;
#[cfg(feature = "gs")]
mod gs;
mod guard;
mod listing;
mod policies;
#[cfg(feature = "s3")]
mod s3;
mod service;
#[cfg(all(test, feature = "s3"))]
mod tests;
mod trace;
mod xml;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::list::PaginatedListStore;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
};
use tokio::time::timeout;

use self::explain::{Explain, Limit, Outcome};
pub use self::policies::{BucketPolicies, Lifecycle, LifecycleRule, Versioning};
use self::trace::{Answer, Fate, Trace};
use crate::location::{BucketLocation, Provider};
use crate::{BucketSettings, Error, ErrorKind, Folder, Key, Operation, Store};

/// A store whose objects lie in a bucket, below a prefix.
///
/// - **create** is one conditional PUT, sent once. The client's own repetitions are off: with them, a race that was won
///   can be reported as lost.
/// - **get** says [`NotFound`](ErrorKind::NotFound) only if the *store* says so, by its error code (`NoSuchKey`,
///   `BlobNotFound`); a 404 without it, as a proxy sends it, is [`Unavailable`](ErrorKind::Unavailable).
/// - **list** is of one folder, all its pages.
///
/// What is sent and not answered has an unknown outcome, and so has what is answered with 408, 429 or 5xx: a proxy says
/// that too after the server has acted. What is refused in the store's own words (409 `ConditionalRequestConflict`, 403)
/// was certainly not done. Where no connection came about, nothing was sent.
///
/// **Which failures mend by themselves**: [`Unavailable`](ErrorKind::Unavailable) are those that need no change of this
/// process, among them credentials that have expired (they are renewed where they come from) and a clock that is wrong.
/// [`Denied`](ErrorKind::Denied) are those for an operator: a missing bucket, wrong keys, a wrong region. Each call is
/// made anew, so that it works again as soon as the cause is gone.
///
/// A bucket has no folders: [`Error::folder_missing`] is never set, since to find out would cost a listing.
pub struct BucketStore {
    objects: Arc<dyn Objects>,
    /// Before each key: `""`, or the prefix with a `/` at its end.
    prefix: String,
    explain: Explain,
    settings: BucketSettings,
    #[cfg(feature = "s3")]
    inquirer: Option<s3::Inquirer>,
}

/// What is needed of an `object_store`.
trait Objects: ObjectStore + PaginatedListStore {}

impl<T: ObjectStore + PaginatedListStore> Objects for T {}

impl BucketStore {
    /// A client of the store at `location`. Nothing is sent yet: the first call tells whether it works.
    ///
    /// `environment` looks up an environment variable. For S3 these are AWS's own. Keys come from, in this order,
    /// `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; the profile `AWS_PROFILE` of
    /// `~/.aws/credentials` and `~/.aws/config` (`AWS_SHARED_CREDENTIALS_FILE`, `AWS_CONFIG_FILE`), which is read again
    /// while it is in use; a web identity (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`); the role of a container
    /// (`AWS_CONTAINER_CREDENTIALS_*`); the role of the machine. The server is `AWS_ENDPOINT_URL_S3`,
    /// `AWS_ENDPOINT_URL` or the profile's `endpoint_url`, else Amazon's of the region `AWS_REGION`,
    /// `AWS_DEFAULT_REGION` or the profile's. HTTP without TLS is for this machine, or with `AWS_ALLOW_HTTP=true`.
    ///
    /// For Google these are `GOOGLE_SERVICE_ACCOUNT`, `GOOGLE_SERVICE_ACCOUNT_KEY` and `GOOGLE_APPLICATION_CREDENTIALS`;
    /// for Azure the `AZURE_*` of its own programs, with `AZURE_STORAGE_ACCOUNT_NAME`. What variables do not say, these
    /// two also look for in the home directory and at the machine's role.
    ///
    /// This reads files.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Denied`] if the settings cannot work, naming the one that is wrong or missing.
    pub fn open(
        location: &BucketLocation,
        settings: &BucketSettings,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let opened = match location.provider() {
            #[cfg(feature = "s3")]
            Provider::S3 => s3::open(location, settings, environment)?,
            #[cfg(feature = "gs")]
            Provider::Gs => gs::open(location, settings, environment)?,
            #[cfg(feature = "az")]
            Provider::Az => az::open(location, settings, environment)?,
            #[allow(unreachable_patterns)]
            provider => {
                return Err(Error::new(
                    ErrorKind::Denied,
                    location.to_string(),
                    format!(
                        "`{0}` is not built into this program: build it with the feature `{0}`",
                        provider.scheme()
                    ),
                ));
            }
        };
        let prefix = match location.prefix() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Ok(Self {
            objects: opened.objects,
            prefix,
            explain: Explain::new(
                format!("{location} {}", opened.server),
                location.provider(),
                settings,
            ),
            settings: settings.clone(),
            #[cfg(feature = "s3")]
            inquirer: opened.inquirer,
        })
    }

    /// What the bucket does to its objects by itself. Google's and Azure's are not asked, and what they do is unknown.
    ///
    /// # Errors
    ///
    /// If the bucket could not be asked. That it does not answer such questions, or not these credentials, is no error.
    pub async fn policies(&self, within: Duration) -> Result<BucketPolicies, Error> {
        #[cfg(feature = "s3")]
        if let Some(inquirer) = &self.inquirer {
            return s3::policies_of(self, inquirer, within).await;
        }
        let unasked =
            || format!("look at the settings of {self}, they are not asked for (within {within:?})");
        Ok(BucketPolicies {
            versioning: Versioning::Unknown(unasked()),
            lifecycle: Lifecycle::Unknown(unasked()),
        })
    }

    /// Makes one call, within its deadline and the store's.
    async fn call<T>(
        &self,
        call: (Operation, &str),
        within: Duration,
        trace: &Trace,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Failed> {
        let limit = self.limit(within);
        self.request(call, limit, limit.whole, trace, request).await
    }

    /// How long a call may take in all.
    fn limit(&self, within: Duration) -> Limit {
        let whole = within.min(self.settings.total_timeout);
        Limit {
            whole,
            is_longest: whole < within,
        }
    }

    /// Makes a request of a call of which this time is left.
    async fn request<T>(
        &self,
        (operation, name): (Operation, &str),
        limit: Limit,
        left: Duration,
        trace: &Trace,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Failed> {
        if left.is_zero() {
            let late = self.explain.late(operation, name, limit, &Fate::NotSent);
            return Err(Failed::Error(late));
        }
        match timeout(left, trace.around(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(match self.explain.failed(operation, name, &trace.fate()) {
                Outcome::Done => Failed::Done,
                Outcome::BeyondEnd => Failed::BeyondEnd,
                // Azure deletes in batches, and tells in the body what became of each.
                Outcome::Failed(_)
                    if operation == Operation::Delete
                        && matches!(
                            trace.fate(),
                            Fate::Answered(Answer {
                                status: 200..=299,
                                ..
                            })
                        )
                        && matches!(error, object_store::Error::NotFound { .. }) =>
                {
                    Failed::Done
                }
                // What was seen of the answer says it better than what `object_store` made of it.
                Outcome::Failed(told)
                    if matches!(
                        trace.fate(),
                        Fate::NotSent
                            | Fate::Answered(Answer {
                                status: 200..=299,
                                ..
                            })
                    ) =>
                {
                    Failed::Error(told.with_source(error))
                }
                Outcome::Failed(told) => Failed::Error(told),
            }),
            Err(_) => {
                let late = self.explain.late(operation, name, limit, &trace.fate());
                Err(Failed::Error(late))
            }
        }
    }

    async fn write(&self, key: &Key, bytes: Bytes, within: Duration, mode: PutMode) -> Result<(), Error> {
        let operation = match mode {
            PutMode::Create => Operation::Create,
            _ => Operation::Put,
        };
        let path = self.path(key);
        let options = PutOptions::from(mode);
        let put = self
            .objects
            .put_opts(&path, PutPayload::from_bytes(bytes), options);
        match self
            .call((operation, key.as_str()), within, &Trace::default(), put)
            .await
        {
            Ok(_) | Err(Failed::Done) => Ok(()),
            Err(failed) => Err(failed.into_error(&self.explain, key.as_str())),
        }
    }

    /// The bytes of an object in a range that is not empty, or all of them.
    async fn read(&self, key: &Key, range: Option<Range<u64>>, within: Duration) -> Result<Bytes, Error> {
        let operation = if range.is_some() {
            Operation::GetRange
        } else {
            Operation::Get
        };
        let path = self.path(key);
        let options = GetOptions {
            range: range.clone().map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let trace = Trace::default();
        let most = self.settings.object_bytes_max;
        let read = async {
            let result = self.objects.get_opts(&path, options).await?;
            let len = result.range.end.saturating_sub(result.range.start);
            if len > most {
                return Ok(Err(len));
            }
            result.bytes().await.map(Ok)
        };
        match self.call((operation, key.as_str()), within, &trace, read).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(len)) => Err(self.too_long(key, len)),
            Err(Failed::BeyondEnd) => Ok(Bytes::new()),
            // Some do not refuse such a range, and answer with another.
            Err(_) if range.is_some_and(|range| lies_beyond(range.start, &trace)) => Ok(Bytes::new()),
            Err(failed) => Err(failed.into_error(&self.explain, key.as_str())),
        }
    }

    fn too_long(&self, key: &Key, len: u64) -> Error {
        let most = self.settings.object_bytes_max;
        self.explain.error(
            ErrorKind::Corrupt,
            key.as_str(),
            format!("{len} bytes is more than an object can have ({most}): it is not ours; move it away"),
        )
    }

    fn path(&self, key: &Key) -> Path {
        // Both have only characters that a path keeps as they are.
        Path::from(format!("{}{key}", self.prefix))
    }
}

/// Reads the body of an answer in each of the ways in which one is read, and gives the names of a listing and the words of an error.
#[cfg(feature = "fuzz")]
pub fn read_answer(body: &[u8]) -> (Vec<String>, Vec<String>) {
    let names = xml::page(body).map(|page| page.names).unwrap_or_default();
    let (code, words) = xml::error(body);
    let told = s3::read_policies(body);
    (names, code.into_iter().chain(words).chain(told).collect())
}

/// Whether the answer to a ranged get says that the object ends before that.
fn lies_beyond(start: u64, trace: &Trace) -> bool {
    matches!(trace.fate(), Fate::Answered(Answer { status: 206, size: Some(size), .. }) if start >= size)
}

/// Why a call gave nothing.
#[derive(Debug)]
enum Failed {
    Done,
    BeyondEnd,
    Error(Error),
}

impl Failed {
    fn into_error(self, explain: &Explain, name: &str) -> Error {
        match self {
            Self::Error(error) => error,
            Self::Done | Self::BeyondEnd => explain.error(
                ErrorKind::Unavailable,
                name,
                "the answer does not fit the question: look what answers at the endpoint".to_owned(),
            ),
        }
    }
}

#[async_trait]
impl Store for BucketStore {
    async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        self.write(key, bytes, within, PutMode::Create).await
    }

    async fn put(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        self.write(key, bytes, within, PutMode::Overwrite).await
    }

    async fn get(&self, key: &Key, within: Duration) -> Result<Bytes, Error> {
        self.read(key, None, within).await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>, within: Duration) -> Result<Bytes, Error> {
        // Servers differ on ranges that are empty, or have ends beyond 63 bits. One byte more than an object can have
        // tells one that is too long.
        let most = self.settings.object_bytes_max;
        let start = range.start.min(most);
        let end = if start < range.start {
            start + 1
        } else {
            range.end.clamp(
                start.saturating_add(1),
                start.saturating_add(most).saturating_add(1),
            )
        };
        let bytes = self.read(key, Some(start..end), within).await?;
        if start < range.start && !bytes.is_empty() {
            return Err(self.too_long(key, start + bytes.len() as u64));
        }
        let wanted = range.end.saturating_sub(range.start);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes.slice(..wanted))
    }

    async fn list(&self, folder: &Folder, within: Duration) -> Result<Vec<String>, Error> {
        self.names(folder, within).await
    }

    async fn delete(&self, key: &Key, within: Duration) -> Result<(), Error> {
        let path = self.path(key);
        let delete = self.objects.delete(&path);
        match self
            .call(
                (Operation::Delete, key.as_str()),
                within,
                &Trace::default(),
                delete,
            )
            .await
        {
            Ok(()) | Err(Failed::Done) => Ok(()),
            Err(failed) => Err(failed.into_error(&self.explain, key.as_str())),
        }
    }
}

impl fmt::Display for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain.shown)
    }
}

impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketStore")
            .field("at", &self.explain.shown)
            .field("settings", &self.settings)
            .finish()
    }
}

/// A client of a provider, and where it is: `at http://127.0.0.1:8333`, `in eu-west-1`.
struct Opened {
    objects: Arc<dyn Objects>,
    server: String,
    #[cfg(feature = "s3")]
    inquirer: Option<s3::Inquirer>,
}

/// Whoever calls repeats, knowing what may be repeated.
fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

/// A variable that says something. Blanks around it, as a file read into a variable leaves them, are not meant.
fn set(environment: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    let value = environment(name)?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}
