//! Who asks: keys of the environment, of a profile, or of a role, in the order in which AWS's own programs look.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use object_store::{CredentialProvider, StaticCredentialProvider};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::{info, warn};

use super::profile::{Profile, ProfileFiles};
use super::refuse;
use crate::bucket::guard::Guard;
use crate::bucket::no_retries;
use crate::bucket::service::Connector;
use crate::{BucketSettings, Error};

/// Finds out where keys come from. A role is asked when the first of them are wanted.
pub(super) fn provider(
    shown: &str,
    settings: &BucketSettings,
    variable: &dyn Fn(&str) -> Option<String>,
    files: &ProfileFiles,
    profile: Option<Profile>,
) -> Result<AwsCredentialProvider, Error> {
    let denied = |message: String| refuse(shown, message);
    match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(key_id), Some(secret_key)) => {
            let token = variable("AWS_SESSION_TOKEN");
            let credential = AwsCredential {
                key_id,
                secret_key,
                token,
            };
            if !is_sane(&credential) {
                return Err(denied(
                    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN has a character that no key has: set them anew"
                        .to_owned(),
                ));
            }
            return Ok(Arc::new(StaticCredentialProvider::new(credential)));
        }
        (Some(_), None) => {
            return Err(denied(
                "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not: set both".to_owned(),
            ));
        }
        (None, Some(_)) => {
            return Err(denied(
                "AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not: set both".to_owned(),
            ));
        }
        (None, None) => {}
    }
    match profile {
        Some(profile) => {
            if let Some(credential) = profile.credential().filter(is_sane) {
                return Ok(Arc::new(FromFile::new(files.clone(), credential)));
            }
            if let Some(foreign) = profile.foreign {
                return Err(denied(format!(
                    "the {files} gets its keys by `{foreign}`, which is not supported: put keys there, or use the role of the machine"
                )));
            }
            if files.is_named || profile.key_id.is_some() || profile.secret_key.is_some() {
                return Err(denied(format!(
                    "the {files} has no aws_access_key_id with an aws_secret_access_key: add them"
                )));
            }
        }
        None if files.is_named => {
            return Err(denied(format!(
                "there is no {files}, which AWS_PROFILE names: add it, or name another"
            )));
        }
        None => {}
    }
    of_role(shown, settings, variable, files)
}

/// The role of a pod, a container or a machine, which `object_store` knows to ask for and to renew.
fn of_role(
    shown: &str,
    settings: &BucketSettings,
    variable: &dyn Fn(&str) -> Option<String>,
    files: &ProfileFiles,
) -> Result<AwsCredentialProvider, Error> {
    let looked = format!(
        "there are no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, and there are no keys for the {files}"
    );
    let settings_of_roles = ROLES.iter().filter_map(|(name, key)| {
        let key: AmazonS3ConfigKey = key.parse().ok()?;
        Some((*name, key, variable(name)?))
    });
    let settings_of_roles: Vec<_> = settings_of_roles.collect();
    let is_set = |wanted: &[&str]| {
        wanted
            .iter()
            .all(|name| settings_of_roles.iter().any(|(set, ..)| set == name))
    };
    let of_pod = [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ];
    // Beside the machine there is no TLS, and no proxy is asked.
    let (source, is_plain) = if is_set(&["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"]) {
        ("the web identity of AWS_ROLE_ARN", false)
    } else if is_set(&["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]) {
        ("the container's role", true)
    } else if is_set(&of_pod) {
        ("the container's role", false)
    } else if variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(refuse(
            shown,
            format!(
                "{looked}; AWS_WEB_IDENTITY_TOKEN_FILE and AWS_CONTAINER_CREDENTIALS_* are not set either, and the role of the machine \
                 must not be asked for (AWS_EC2_METADATA_DISABLED): give one of these"
            ),
        ));
    } else {
        ("the machine's role", true)
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name("none")
        .with_retry(no_retries());
    for (_, key, value) in settings_of_roles {
        builder = builder.with_config(key, value);
    }
    let role = builder
        .with_http_connector(Connector::new(settings, is_plain)?)
        .build()
        .map_err(|error| refuse(shown, format!("{source} cannot be asked for")).with_source(error))?;
    let told = format!("{looked}; and {source} gave none: give one of these");
    Ok(Arc::new(Guard::new(Arc::clone(role.credentials()), told)))
}

/// Keys of a profile, read again while they are in use: whoever renews them there need not restart anything.
struct FromFile {
    files: ProfileFiles,
    state: Mutex<(Arc<AwsCredential>, Instant)>,
}

impl FromFile {
    fn new(files: ProfileFiles, credential: AwsCredential) -> Self {
        Self {
            files,
            state: Mutex::new((Arc::new(credential), Instant::now())),
        }
    }
}

#[async_trait]
impl CredentialProvider for FromFile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut state = self.state.lock().await;
        let (current, read_at) = &mut *state;
        if read_at.elapsed() >= READ_AGAIN {
            *read_at = Instant::now();
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || files.read()).await;
            match read.map(|read| {
                read.map(|profile| profile.as_ref().and_then(Profile::credential).filter(is_sane))
            }) {
                Ok(Ok(Some(new))) if new != **current => {
                    info!("the {} has new keys", self.files);
                    *current = Arc::new(new);
                }
                Ok(Ok(Some(_))) => {}
                // Whoever writes the file may be in the middle of it: what was good is tried on.
                Ok(Ok(None)) => warn!(
                    "the {} has no keys any more: going on with the old ones",
                    self.files
                ),
                Ok(Err(why)) => warn!("{why}; going on with the old keys"),
                Err(error) => warn!("the {} was not read: {error}", self.files),
            }
        }
        Ok(Arc::clone(current))
    }
}

impl fmt::Debug for FromFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFile")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// Whether it can be written into a header.
fn is_sane(credential: &AwsCredential) -> bool {
    let AwsCredential {
        key_id,
        secret_key,
        token,
    } = credential;
    [Some(key_id), Some(secret_key), token.as_ref()]
        .into_iter()
        .flatten()
        .all(|text| text.bytes().all(|b| b.is_ascii_graphic()))
}

/// How often a profile in use is read again at most.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// Variables that tell about roles, and `object_store`'s names for them.
const ROLES: &[(&str, &str)] = &[
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "aws_web_identity_token_file"),
    ("AWS_ROLE_ARN", "aws_role_arn"),
    ("AWS_ROLE_SESSION_NAME", "aws_role_session_name"),
    ("AWS_ENDPOINT_URL_STS", "aws_endpoint_url_sts"),
    ("AWS_REGION", "aws_region"),
    ("AWS_DEFAULT_REGION", "aws_default_region"),
    (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "aws_container_credentials_relative_uri",
    ),
    (
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "aws_container_credentials_full_uri",
    ),
    (
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "aws_container_authorization_token_file",
    ),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "aws_metadata_endpoint"),
];
