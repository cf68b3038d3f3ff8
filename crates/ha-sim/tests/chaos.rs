//! Worlds in which everything goes wrong, drawn from a seed. `HA_CASES` sets how many.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use ha_sim::{Kind, Numbers, Plan, Summary, World, heal, run};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn turmoil(seed: u64, secs: u64) -> World {
    let plan = Plan::of(seed, Kind::Turmoil, secs);
    let mut w = plan.world();
    plan.disturb(&mut w);
    w
}

fn var(name: &str, or: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(or)
}

/// `HA_CASES` worlds; `HA_SEED=<seed> HA_CASES=1` shows one again, and `HA_LOG=1` tells what happens in it.
#[test]
fn nothing_is_lost_and_nothing_false_is_shown() {
    let (first, cases) = (var("HA_SEED", 1), var("HA_CASES", 120));
    let began = std::time::Instant::now();
    let mut all = Summary::default();
    for seed in first..first + cases {
        let result = run::<Numbers>(&Plan::of(seed, Kind::Turmoil, var("HA_SECS", 60)), Vec::new);
        assert!(
            result.is_ok(),
            "HA_SEED={seed} HA_CASES=1 shows it again: {result:?}"
        );
        all.add(result);
    }
    println!(
        "{cases} worlds in {:?}: {:?}\n{:?}",
        began.elapsed(),
        all.tally,
        all.marks
    );
    assert!(all.empty.is_empty(), "nothing happened in {:?}", all.empty);
    let t = all.tally;
    let enough = t.takeovers > 5 * cases
        && t.handovers > cases
        && t.acknowledged > 100 * cases
        && t.acts > 10 * cases
        && t.reads > 50 * cases
        && t.collected > 50 * cases
        && t.loads > 5 * cases;
    assert!(
        cases < 20 || enough,
        "too little happened for it to prove anything: {t:?}"
    );
}

/// Worlds of all kinds, a quarter as many. That every mark is hit is for a longer run: `cargo xtask sim`.
#[test]
fn worlds_of_all_kinds_heal() {
    let (first, cases) = (var("HA_SEED", 1), var("HA_CASES", 80).div_ceil(4));
    let mut all = Summary::default();
    for seed in first..first + cases {
        all.add(run::<ha_sim::Sums>(&Plan::draw(seed), Vec::new));
    }
    println!("{:?}\n{:?}", all.tally, all.marks);
    let complaints = all.complaints();
    assert!(
        complaints.is_empty(),
        "cargo xtask sim --worlds 1 --seed SEED shows one again:\n{}",
        complaints.join("\n")
    );
}

/// A store that answers listings from the past breaks the plane, and the world sees it.
#[test]
fn a_store_that_lies_is_found() {
    let found = (1..=200).find_map(|seed| {
        let mut plan = Plan::of(seed, Kind::Turmoil, 30);
        plan.faults.stale_lists = 5000;
        plan.faults.again = 2000;
        plan.faults.pauses = 300;
        run::<Numbers>(&plan, Vec::new).err()
    });
    let found = found.expect("one of 200 worlds with stale lists must end in a violation");
    println!("{found}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: u32::try_from(var("HA_CASES", 20)).unwrap(), rng_seed: RngSeed::Fixed(var("HA_SEED", 1)), failure_persistence: None, ..ProptestConfig::default() })]

    /// Worlds of any seed, size and length: proptest looks for the smallest that breaks.
    #[test]
    fn any_world_heals(seed in any::<u64>(), secs in 1u64..40) {
        let mut w = turmoil(seed, secs);
        heal(&mut w);
        w.finish();
    }

    /// The same seed is the same world: nothing in the machine depends on anything but its inputs.
    #[test]
    fn the_same_seed_is_the_same_world(seed in any::<u64>()) {
        let (a, b) = (turmoil(seed, 10), turmoil(seed, 10));
        prop_assert_eq!(a.trace(), b.trace());
        let states = |w: &World| w.members.iter().map(|m| m.node.clone()).collect::<Vec<_>>();
        prop_assert_eq!(states(&a), states(&b), "Clone, Eq, and the same to the last field");
        prop_assert_eq!(hash_of(&states(&a)), hash_of(&states(&b)));
    }
}

fn hash_of(states: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    states.hash(&mut hasher);
    hasher.finish()
}
