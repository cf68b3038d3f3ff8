//! A short campaign of chaos on each kind of store; `cargo xtask chaos` runs long ones.

use std::path::Path;
use std::time::Duration;

use ha_tests::chaos::{Campaign, Store};
use ha_tests::skip;

/// One seed for all runs, so that what a change breaks is not a matter of luck alone.
const SEED: u64 = 20_261_125;

fn runs_well(store: Store) {
    let program = Path::new(env!("CARGO_BIN_EXE_ha-counter")).to_owned();
    let mut campaign = Campaign::new(SEED, Duration::from_secs(10), program);
    campaign.store = store;
    let Some(verdict) = campaign.run(&|words| println!("{words}")).expect("it begins") else {
        return;
    };
    println!("{:?}", verdict.tally);
    verdict.skipped.iter().for_each(|why| skip(why));
    assert!(
        verdict.broken.is_empty(),
        "{:#?}\nthe evidence is in {:?}",
        verdict.broken,
        verdict.evidence
    );
}

#[test]
fn planes_on_directories_stand_it() {
    runs_well(Store::Directory);
}

#[test]
fn planes_on_a_bucket_stand_it() {
    runs_well(Store::SeaweedFs);
}
