//! What each answer of a server means, and each lack of one.
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(feature = "az")]
mod azure;
mod credentials;
mod lists;
mod reads;
mod server;
mod silence;
mod writes;

use std::collections::HashMap;
use std::time::Duration;

use self::server::{Act, Server};
use super::BucketStore;
use crate::{BucketSettings, Endpoint, Error, Key, Location};

/// A client of a scripted server.
async fn scripted(script: impl IntoIterator<Item = Act>) -> (Server, BucketStore) {
    let server = Server::start(script).await;
    let store = client(&server.endpoint, &BucketSettings::default());
    (server, store)
}

fn client(endpoint: &str, settings: &BucketSettings) -> BucketStore {
    let variables = HashMap::from([
        ("AWS_ACCESS_KEY_ID", "the-key"),
        ("AWS_SECRET_ACCESS_KEY", "the-secret"),
        ("AWS_SESSION_TOKEN", "the-token"),
    ]);
    let Ok(Location::Bucket(location)) = Location::parse("s3://lab/p") else {
        panic!("it is a bucket")
    };
    let location = location.with_endpoint(Endpoint::parse(endpoint).unwrap());
    let environment = |name: &str| variables.get(name).map(|v| (*v).to_owned());
    BucketStore::open(&location, settings, &environment).unwrap()
}

fn key() -> Key {
    Key::new("a/x").unwrap()
}

/// An error with all its causes.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

const WITHIN: Duration = Duration::from_secs(30);
