//! Runs the conformance suite on a store of yours, below a prefix of its own: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`
//! or a directory, with the credentials of the usual variables.
//!
//! `cargo run -p ha-store --features s3,gs,az,suite --example conformance -- gs://my-bucket/tests`
//!
//! It writes some hundred objects of up to a few megabytes and leaves them there: delete the prefix that it prints afterwards.

use std::error::Error;
use std::sync::Arc;

use ha_store::suite::{self, Options};
use ha_store::{BucketSettings, BucketStore, DirectoryStore, Location, Store};

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let place = std::env::args()
        .nth(1)
        .ok_or("say where: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or a directory")?;
    let own = format!(
        "{}/conformance-{:016x}",
        place.trim_end_matches('/'),
        rand::random::<u64>()
    );
    let location = Location::parse(&own)?;
    println!("the suite runs in {location}");
    // A store that cannot be opened is an error here; in the suite it would be a panic.
    open(&location)?;
    let options = match location {
        Location::Directory(_) => Options::default(),
        Location::Bucket(_) => Options::default().without_folders().races(3, 16),
    };
    suite::run_as(options, || {
        open(&location).unwrap_or_else(|error| panic!("{location} was opened a moment ago: {error}"))
    })
    .await;
    println!("it conforms: {location} can be deleted");
    Ok(())
}

fn open(location: &Location) -> Result<Arc<dyn Store>, Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    Ok(match location {
        Location::Directory(path) => Arc::new(DirectoryStore::open(path)?),
        Location::Bucket(bucket) => {
            Arc::new(BucketStore::open(bucket, &BucketSettings::default(), &variable)?)
        }
    })
}
