//! Amazon S3 and the servers that speak its language: where they are, and who asks.

mod credentials;
mod policies;
mod profile;

use std::sync::Arc;

use object_store::aws::AmazonS3Builder;

#[cfg(feature = "fuzz")]
pub(super) use self::policies::read as read_policies;
pub(super) use self::policies::{Inquirer, ask as policies_of};
use self::profile::ProfileFiles;
use super::service::Connector;
use super::{Opened, no_retries, set};
use crate::location::{BucketLocation, Endpoint};
use crate::{BucketSettings, Error, ErrorKind};

/// A client of an S3 bucket.
pub(super) fn open(
    location: &BucketLocation,
    settings: &BucketSettings,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Opened, Error> {
    let shown = location.to_string();
    let variable = |name: &str| set(environment, name);
    let files = ProfileFiles::of(&variable);
    let profile = files.read().map_err(|why| refuse(&shown, why))?;
    let endpoint = endpoint(
        location,
        &variable,
        profile.as_ref().and_then(|p| p.endpoint_url.as_deref()),
    )?;
    let region = variable("AWS_REGION")
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        .or_else(|| profile.as_ref().and_then(|p| p.region.clone()));
    let (server, region) = match (&endpoint, region) {
        (Some(endpoint), region) => (
            format!("at {endpoint}"),
            region.unwrap_or_else(|| "us-east-1".to_owned()),
        ),
        (None, Some(region)) => (format!("in {region}"), region),
        (None, None) => {
            return Err(refuse(
                &shown,
                "no region is known: set AWS_REGION to the bucket's, or AWS_ENDPOINT_URL to the address of a server of your own"
                    .to_owned(),
            ));
        }
    };
    if !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(refuse(
            &shown,
            format!(
                "`{}` is no region: set AWS_REGION to one like eu-west-1",
                region.escape_debug()
            ),
        ));
    }
    let is_plain = endpoint.as_ref().is_some_and(Endpoint::is_plain_http);
    let connector = Connector::new(settings, is_plain)?;
    let credentials = credentials::provider(&shown, settings, &variable, &files, profile)?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(location.bucket())
        .with_region(&region)
        .with_credentials(Arc::clone(&credentials))
        .with_retry(no_retries())
        .with_disable_bulk_delete(true)
        .with_disable_tagging(true)
        .with_http_connector(connector.clone());
    let address = match &endpoint {
        Some(endpoint) => {
            builder = builder.with_endpoint(endpoint.as_str()).with_allow_http(is_plain);
            format!("{endpoint}/{}", location.bucket())
        }
        None => format!("https://s3.{region}.amazonaws.com/{}", location.bucket()),
    };
    let s3 = builder
        .build()
        .map_err(|error| refuse(&shown, "the settings do not fit together".to_owned()).with_source(error))?;
    Ok(Opened {
        objects: Arc::new(s3),
        server,
        inquirer: Some(Inquirer {
            client: connector.client(),
            credentials,
            region,
            address,
        }),
    })
}

/// The server that was named: with the location, in the environment, or in the profile.
fn endpoint(
    location: &BucketLocation,
    variable: &dyn Fn(&str) -> Option<String>,
    of_profile: Option<&str>,
) -> Result<Option<Endpoint>, Error> {
    let shown = location.to_string();
    let named = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .into_iter()
        .find_map(|name| Some((name, variable(name)?)))
        .or_else(|| Some(("endpoint_url of the profile", of_profile?.to_owned())));
    let endpoint = match (location.endpoint(), named) {
        (Some(endpoint), _) => endpoint.clone(),
        (None, Some((name, value))) => {
            Endpoint::parse(&value).map_err(|error| refuse(&shown, format!("{name}: {error}")))?
        }
        (None, None) => return Ok(None),
    };
    let is_allowed = || {
        variable("AWS_ALLOW_HTTP")
            .is_some_and(|value| matches!(&*value.to_ascii_lowercase(), "true" | "1" | "yes"))
    };
    if endpoint.is_plain_http() && !endpoint.is_loopback() && !is_allowed() {
        return Err(refuse(
            &shown,
            format!(
                "{endpoint} is without TLS, so that anybody on the way can read and change what is sent: use https, or set \
                 AWS_ALLOW_HTTP=true if the network is yours"
            ),
        ));
    }
    Ok(Some(endpoint))
}

fn refuse(shown: &str, message: String) -> Error {
    Error::new(ErrorKind::Denied, shown, message)
}
