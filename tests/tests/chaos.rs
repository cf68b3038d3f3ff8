//! A short campaign of chaos on each kind of store, and one on nodes with planted bugs; `cargo xtask chaos` runs long ones.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ha_tests::chaos::{Bug, Campaign, Fault, Store, Verdict};
use ha_tests::skip;

/// One seed for all runs, so that what a change breaks is not a matter of luck alone.
const SEED: u64 = 20_261_125;

/// One campaign at a time: each has planes enough for a small machine.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn campaign(secs: u64) -> Campaign {
    let program = Path::new(env!("CARGO_BIN_EXE_ha-counter")).to_owned();
    Campaign::new(SEED, Duration::from_secs(secs), program)
}

fn campaign_on_entities(secs: u64, kinds: &[Fault]) -> Campaign {
    let mut campaign = campaign(secs);
    campaign.program = Path::new(env!("CARGO_BIN_EXE_ha-chaos-server")).to_owned();
    campaign.entities = true;
    campaign.kinds = kinds.to_vec();
    campaign
}

fn run(campaign: &Campaign) -> Option<Verdict> {
    let verdict = campaign.run(&|words| println!("{words}")).expect("it begins")?;
    println!("{:?}", verdict.tally);
    verdict.skipped.iter().for_each(|why| skip(why));
    Some(verdict)
}

fn runs_well(store: Store, planes: usize, kinds: &[Fault]) {
    let mut campaign = campaign(5);
    campaign.store = store;
    campaign.planes = planes;
    campaign.kinds = kinds.to_vec();
    nothing_is_broken(&campaign);
}

fn nothing_is_broken(campaign: &Campaign) {
    let _turn = one_at_a_time();
    let Some(verdict) = run(campaign) else { return };
    assert!(
        verdict.broken.is_empty(),
        "{:#?}\nthe evidence is in {:?}",
        verdict.broken,
        verdict.evidence
    );
}

#[test]
fn planes_on_directories_stand_it() {
    runs_well(Store::Directory, 2, &[]);
}

#[test]
fn planes_on_a_bucket_stand_it() {
    // Each of them takes some leases; `cargo xtask chaos --store seaweedfs` has all.
    let kinds = [Fault::Kill, Fault::StoreStopped, Fault::Cut];
    runs_well(Store::SeaweedFs, 1, &kinds);
}

#[test]
fn a_plane_of_entities_stands_it() {
    let kinds = [Fault::Kill, Fault::Pause, Fault::Terminate, Fault::Handover];
    let mut campaign = campaign_on_entities(8, &kinds);
    campaign.planes = 1;
    nothing_is_broken(&campaign);
}

/// Those that a short run on directories can show: nothing grows enough in it, and outcomes that a node calls unknown are of buckets.
const SHOWN: [Bug; 9] = [
    Bug::LoseWrite,
    Bug::WriteTwice,
    Bug::RefuseWhatIsWritten,
    Bug::StaleRead,
    Bug::NoReads,
    Bug::SkipChange,
    Bug::ActOn,
    Bug::ActWithoutLeave,
    Bug::Die,
];

#[test]
fn each_planted_bug_is_seen() {
    let mut campaign = campaign(4);
    campaign.kinds = vec![Fault::Handover, Fault::Pause];
    each_is_seen(&SHOWN, campaign);
}

#[test]
fn each_bug_that_is_planted_in_calls_is_seen() {
    let bugs = [Bug::ActOn, Bug::CallTwice, Bug::DoNothing];
    each_is_seen(&bugs, campaign_on_entities(8, &[Fault::Kill, Fault::Pause]));
}

fn each_is_seen(bugs: &[Bug], mut campaign: Campaign) {
    let _turn = one_at_a_time();
    campaign.bugs = bugs.to_vec();
    campaign.planes = bugs.len();
    // It would be as it is to be at once, or never.
    campaign.patience = Duration::from_secs(1);
    let verdict = run(&campaign).expect("there are directories everywhere");
    for (plane, bug) in bugs.iter().copied().enumerate() {
        let of_plane = verdict.broken.iter().filter(|broken| broken.plane == Some(plane));
        let rules: Vec<_> = of_plane.map(|broken| broken.rule).collect();
        let times = rules.iter().filter(|rule| **rule == bug.breaks()).count();
        println!("{bug} is seen {times} times as `{}`", bug.breaks());
        assert!(
            rules.contains(&bug.breaks()),
            "{bug} is to be seen as `{}`, and was seen as {rules:?}",
            bug.breaks()
        );
    }
    // They are red on purpose: nobody looks for their evidence.
    let evidence = verdict.evidence.expect("there is some if something was broken");
    std::fs::remove_dir_all(evidence).expect("it can be removed");
}
