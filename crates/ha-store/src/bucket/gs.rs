//! Google Cloud Storage: where it is, and who asks.

use std::sync::Arc;

use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

use super::guard::Guard;
use super::service::Connector;
use super::{Opened, no_retries, set};
use crate::location::{BucketLocation, Endpoint};
use crate::{BucketSettings, Error, ErrorKind};

/// A client of a bucket at Google. Keys come from `GOOGLE_SERVICE_ACCOUNT` (a file) or `GOOGLE_SERVICE_ACCOUNT_KEY`,
/// `GOOGLE_APPLICATION_CREDENTIALS`, what `gcloud` has left in the home directory, or the machine's role.
pub(super) fn open(
    location: &BucketLocation,
    settings: &BucketSettings,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Opened, Error> {
    let builder = || {
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(location.bucket())
            .with_retry(no_retries());
        for name in VARIABLES {
            let key = name.to_ascii_lowercase().parse::<GoogleConfigKey>();
            if let (Ok(key), Some(value)) = (key, set(environment, name)) {
                builder = builder.with_config(key, value);
            }
        }
        match location.endpoint() {
            Some(endpoint) => builder.with_base_url(endpoint.as_str()),
            None => builder,
        }
    };
    let failed = |error: object_store::Error| {
        Error::new(
            ErrorKind::Denied,
            location.to_string(),
            "these settings cannot be used: look at the GOOGLE_* variables and at the key's file",
        )
        .with_source(error)
    };
    let connector = Connector::new(settings, false)?;
    let keys = builder().with_http_connector(connector).build().map_err(failed)?;
    let is_plain = location.endpoint().is_some_and(Endpoint::is_plain_http);
    let told =
        "there are no credentials: look at the GOOGLE_* variables, the home directory and the machine's role"
            .to_owned();
    let guard = Guard::new(Arc::clone(keys.credentials()), told);
    let objects = builder()
        .with_credentials(Arc::new(guard))
        .with_signing_credentials(Arc::clone(keys.signing_credentials()))
        .with_http_connector(Connector::new(settings, is_plain)?)
        .build()
        .map_err(failed)?;
    let server = location.endpoint().map_or("at Google", Endpoint::as_str);
    Ok(Opened {
        objects: Arc::new(objects),
        server: server.to_owned(),
        #[cfg(feature = "s3")]
        inquirer: None,
    })
}

const VARIABLES: &[&str] = &[
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
];
