//! Worlds that have shown a bug, kept for ever with their whole plan: what a seed draws changes as kinds of faults are added, these do not.

use std::time::Duration;

use ha_sim::{Faults, Kind, Load, MS, Plan, SEC, Sums, config, run};

fn plan(seed: u64, secs: u64, nodes: u64, (ttl, every): (u64, u64), faults: Faults) -> Plan {
    let config = config()
        .lease_ttl(Duration::from_millis(ttl))
        .snapshot_entries(every);
    Plan {
        seed,
        kind: Kind::Turmoil,
        turmoil: secs * SEC,
        nodes,
        is_bucket: true,
        config: config.build().expect("these settings agree"),
        faults,
        load: Load::default(),
    }
}

fn heals(plan: &Plan) {
    let report = run::<Sums>(plan, Vec::new);
    assert!(report.is_ok(), "{report:?}");
}

/// It stayed INITIALIZING.
#[test]
fn what_was_read_ahead_of_the_journal_is_taken_once_the_journal_has_it_too() {
    let faults = Faults {
        spread: 10 * MS,
        tail: 200,
        lost: 300,
        reply_lost: 500,
        unknown: 100,
        refused: 100,
        twice: 100,
        pauses: 100,
        freezes: 20,
        crashes: 50,
        ..Faults::none()
    };
    heals(&plan(18_185_403_814_171_166_677, 1, 2, (900, 20), faults));
}

/// A leader that was told to stop handed over to one that had exited, and whose record still looked alive.
#[test]
fn nobody_hands_over_to_a_process_that_is_known_to_have_exited() {
    let faults = Faults {
        spread: 2 * MS,
        unknown: 100,
        crashes: 15,
        ..Faults::none()
    };
    for seed in [2, 54] {
        let mut plan = plan(seed, 100, 3, (600, 10), faults.clone());
        plan.kind = Kind::Churn;
        plan.load = Load {
            churn: 4000,
            burst: 16,
            ..Load::default()
        };
        heals(&plan);
    }
}
