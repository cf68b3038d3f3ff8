//! Buckets on real servers pass the suite.
//!
//! - `HA_TEST_S3` is the endpoint of a server that speaks S3, with the bucket `HA_TEST_BUCKET` and the keys of the usual
//!   variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`).
//! - `HA_TEST_AZURITE` is a container of an Azurite, whose address is `AZURITE_BLOB_STORAGE_URL`.
#![cfg(feature = "s3")]

use std::sync::Arc;
use std::time::Duration;

use ha_store::suite::{self, Options};
use ha_store::{BucketSettings, BucketStore, Lifecycle, Location, Store, Versioning};

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn open(location: &Location) -> BucketStore {
    let Location::Bucket(location) = location else {
        panic!("{location} is no bucket")
    };
    BucketStore::open(location, &BucketSettings::default(), &variable)
        .expect("the variables name a server and keys")
}

/// The bucket of the S3 server under test, below a prefix of the test's own.
fn s3(test: &str) -> Option<Location> {
    let (Some(endpoint), Some(bucket)) = (variable("HA_TEST_S3"), variable("HA_TEST_BUCKET")) else {
        println!("skipped: HA_TEST_S3 and HA_TEST_BUCKET name no server");
        return None;
    };
    let place = format!("{bucket}/{test}/{:016x}", rand::random::<u64>());
    Some(
        Location::of_pair(&format!("s3:{endpoint}"), &place)
            .expect("the variables name a server and a bucket"),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_s3_bucket_with_a_second_client() {
    let Some(location) = s3("suite") else { return };
    // Those who lose a race for one key wait for seconds there.
    let options = Options::default().without_folders().races(3, 16);
    suite::run_as(options, || Arc::new(open(&location)) as Arc<dyn Store>).await;
}

#[tokio::test]
async fn an_s3_bucket_tells_what_it_does_by_itself() {
    let Some(location) = s3("policies") else { return };
    let policies = open(&location).policies(Duration::from_secs(30)).await.unwrap();
    assert_eq!(policies.lifecycle, Lifecycle::Rules(Vec::new()));
    assert_eq!(policies.versioning, Versioning::Off);
}

#[cfg(feature = "az")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_azure_container_with_a_second_client() {
    let Some(container) = variable("HA_TEST_AZURITE") else {
        println!("skipped: HA_TEST_AZURITE names no container");
        return;
    };
    let environment = |name: &str| match name {
        "AZURE_STORAGE_USE_EMULATOR" => Some("true".to_owned()),
        name => variable(name),
    };
    let place = format!("az://{container}/suite/{:016x}", rand::random::<u64>());
    let Ok(Location::Bucket(location)) = Location::parse(&place) else {
        panic!("{place} is a container")
    };
    let options = Options::default().without_folders();
    suite::run_as(options, || {
        Arc::new(BucketStore::open(&location, &BucketSettings::default(), &environment).unwrap())
            as Arc<dyn Store>
    })
    .await;
}
