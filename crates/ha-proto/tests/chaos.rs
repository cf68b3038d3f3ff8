//! Worlds in which everything goes wrong, drawn from a seed. `HA_CASES` sets how many.

mod world;

use ha_proto::Mode;
use world::{Faults, SEC, Tally, World};

fn turmoil(seed: u64, secs: u64) -> World {
    let mut w = World::new(seed, world::config().build().unwrap());
    w.faults = Faults::draw(&mut w.rng);
    w.store.is_bucket = w.rng.chance(5000);
    w.acting = true;
    let n = 2 + w.rng.below(4);
    for _ in 0..n {
        w.add(Mode::Auto);
    }
    w.start_all();
    w.begin_operating();
    w.run_for(secs * SEC);
    w
}

fn heal(w: &mut World) {
    w.operators = false;
    let drift = w.faults.drift_ppm;
    w.faults = Faults { drift_ppm: drift, ..Faults::none() };
    for i in 0..w.members.len() {
        w.members[i].paused_until = w.members[i].paused_until.min(w.now);
        w.deliver_ended(i);
        let failed = w.members[i].node.as_ref().is_some_and(|n| n.failure().is_some());
        if w.members[i].node.is_some() && failed {
            w.crash(i);
        }
        if w.members[i].node.is_none() {
            w.start(i);
        } else {
            w.change_mode(i, Mode::Auto);
        }
    }
    w.until("I6: one master after healing", 30 * SEC, |w| w.masters().len() == 1);
    w.run_for(10 * SEC);
    if std::env::var("HA_DUMP").is_ok() {
        w.members.iter().for_each(|m| println!("{:#?} act {:?} ended {:?}", m.node, m.act, m.ended));
    }
    w.until("I6: one master, and it may act", 10 * SEC, |w| w.masters().len() == 1 && w.may_act(w.master()));
    let reader = w.add(Mode::HotBackup);
    w.start(reader);
    w.run_for(10 * SEC);
    assert_eq!(w.members[reader].host.state, w.truth.state, "I2, I11: a fresh reader sees it all");
    let master = w.master();
    assert_eq!(w.members[master].host.state, w.truth.state, "I5: and so does the master");
    assert!(w.propose(master).is_some());
    let acked = w.tally.acknowledged;
    w.run_for(SEC);
    assert!(w.tally.acknowledged > acked);
}

#[test]
fn nothing_is_lost_and_nothing_false_is_shown() {
    let var = |name, or| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(or);
    let (first, cases) = (var("HA_SEED", 1), var("HA_CASES", 100));
    let began = std::time::Instant::now();
    let mut all = Tally::default();
    for seed in first..first + cases {
        let result = std::panic::catch_unwind(|| {
            let mut w = turmoil(seed, 60);
            heal(&mut w);
            w.finish()
        });
        match result {
            Ok(tally) => all += tally,
            Err(why) => {
                println!("HA_SEED={seed} HA_CASES=1 shows it again");
                std::panic::resume_unwind(why);
            }
        }
    }
    println!("{cases} worlds in {:?}: {all:?}", began.elapsed());
    assert!(all.takeovers > cases && all.acknowledged > 10 * cases && all.acts > cases && all.reads > cases, "too little happened: {all:?}");
}
