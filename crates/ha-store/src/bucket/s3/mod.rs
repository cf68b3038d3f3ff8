//! Amazon S3 and the servers that speak its language: where they are, and who asks.

use std::sync::Arc;

use object_store::RetryConfig;
use object_store::aws::AmazonS3Builder;

use super::service::Connector;
use super::{Opened, Provider};
use crate::location::{BucketLocation, Endpoint};
use crate::{BucketSettings, Error, ErrorKind};

/// A client of an S3 bucket.
pub(super) fn open(
    location: &BucketLocation,
    settings: &BucketSettings,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Opened, Error> {
    debug_assert_eq!(location.provider(), Provider::S3);
    let refuse = |message: String| Error::new(ErrorKind::Denied, location.to_string(), message);
    let variable = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
    let named = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .into_iter()
        .find_map(|name| Some((name, variable(name)?)));
    let endpoint = match (location.endpoint(), named) {
        (Some(endpoint), _) => Some(endpoint.clone()),
        (None, Some((name, value))) => {
            Some(Endpoint::parse(&value).map_err(|error| refuse(format!("{name}: {error}")))?)
        }
        (None, None) => None,
    };
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(location.bucket())
        .with_retry(no_retries())
        .with_disable_bulk_delete(true)
        .with_disable_tagging(true);
    let (server, region) = match (&endpoint, region) {
        (Some(endpoint), region) => (
            format!("at {endpoint}"),
            region.unwrap_or_else(|| "us-east-1".to_owned()),
        ),
        (None, Some(region)) => (format!("in {region}"), region),
        (None, None) => {
            return Err(refuse(
                "no region is known: set AWS_REGION to the bucket's, or AWS_ENDPOINT_URL to the address of a server of your own"
                    .to_owned(),
            ));
        }
    };
    let is_plain = endpoint.as_ref().is_some_and(Endpoint::is_plain_http);
    if let Some(endpoint) = &endpoint {
        let allowed = variable("AWS_ALLOW_HTTP")
            .is_some_and(|value| matches!(&*value.to_ascii_lowercase(), "true" | "1" | "yes"));
        if is_plain && !endpoint.is_loopback() && !allowed {
            return Err(refuse(format!(
                "{endpoint} is without TLS, so that anybody on the way can read and change what is sent: use https, or set \
                 AWS_ALLOW_HTTP=true if the network is yours"
            )));
        }
        builder = builder.with_endpoint(endpoint.as_str()).with_allow_http(is_plain);
    }
    let keys = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
    if let (Some(key), Some(secret)) = keys {
        builder = builder.with_access_key_id(key).with_secret_access_key(secret);
        if let Some(token) = variable("AWS_SESSION_TOKEN") {
            builder = builder.with_token(token);
        }
    }
    let connector = Connector::new(settings, is_plain)?;
    let s3 = builder
        .with_region(region)
        .with_http_connector(connector)
        .build()
        .map_err(|error| refuse("the settings do not fit together".to_owned()).with_source(error))?;
    Ok(Opened {
        objects: Arc::new(s3),
        server,
    })
}

/// Whoever calls repeats, knowing what may be repeated.
fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}
