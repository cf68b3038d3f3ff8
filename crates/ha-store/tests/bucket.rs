//! A bucket on a real server passes the suite.
//!
//! The server is that of `HA_TEST_S3` (its endpoint) with the bucket `HA_TEST_BUCKET`, and the keys are those of the
//! usual variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`).

use std::sync::Arc;

use ha_store::suite::{self, Options};
use ha_store::{BucketSettings, BucketStore, Location, Store};

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn open(endpoint: &str, place: &str) -> BucketStore {
    let Ok(Location::Bucket(location)) = Location::of_pair(&format!("s3:{endpoint}"), place) else {
        panic!("{endpoint} {place}")
    };
    BucketStore::open(&location, &BucketSettings::default(), &variable).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_s3_bucket_with_a_second_client() {
    let (Some(endpoint), Some(bucket)) = (variable("HA_TEST_S3"), variable("HA_TEST_BUCKET")) else {
        println!("skipped: HA_TEST_S3 and HA_TEST_BUCKET name no server");
        return;
    };
    let place = format!("{bucket}/suite/{:016x}", rand::random::<u64>());
    // Those who lose a race for one key wait for seconds there.
    let options = Options::default().without_folders().races(3, 16);
    suite::run_as(options, || Arc::new(open(&endpoint, &place)) as Arc<dyn Store>).await;
}
