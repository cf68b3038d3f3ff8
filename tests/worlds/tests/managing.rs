//! Worlds in which everything goes wrong, and what the plane manages stays as it was acknowledged. `HA_CASES` sets how many.

use std::sync::Arc;

use ha_sim::{Plan, Summary};
use ha_worlds::{Deeds, run};

fn var(name: &str, or: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(or)
}

#[test]
fn what_is_managed_lives_through_worlds_of_all_kinds() {
    let (first, cases) = (var("HA_SEED", 1), var("HA_CASES", 80).div_ceil(8));
    let (mut all, deeds) = (Summary::default(), Arc::new(Deeds::default()));
    for seed in first..first + cases {
        all.add(run(&Plan::draw(seed), &deeds));
    }
    println!("{:?}\n{deeds:?}", all.tally);
    let complaints = all.complaints();
    assert!(
        complaints.is_empty(),
        "cargo xtask sim --entities --worlds 1 --seed SEED shows one again:\n{}",
        complaints.join("\n")
    );
    assert!(
        cases < 10 || deeds.missed().is_empty(),
        "never in {cases} worlds: {:?}",
        deeds.missed()
    );
}

#[test]
fn the_same_seed_is_the_same_world() {
    let plan = Plan::draw(3);
    let deeds = Arc::new(Deeds::default());
    let [once, again] = [run(&plan, &deeds), run(&plan, &deeds)];
    assert!(once.is_ok(), "{once:?}");
    assert_eq!(once, again);
}
