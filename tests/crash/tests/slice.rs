//! A slice of the crashes, small enough for every build. More: `cargo xtask crash`.

use ha_crash::{Plan, Plant, lives};

#[test]
fn no_acknowledged_write_is_lost_at_any_cut() {
    let plan = Plan {
        lives: 2,
        images: 4,
        ..Plan::default()
    };
    let figures = lives(&plan, |_| {});
    assert!(figures.violation.is_none(), "{:?}", figures.violation);
    assert!(figures.cuts > 400, "{figures:?}");
    assert!(figures.judged > 500, "{figures:?}");
    assert!(figures.snapshots >= 4 && figures.collections >= 2, "{figures:?}");
    assert_eq!(figures.acked, 28, "{figures:?}");
}

#[test]
fn every_planted_bug_is_found() {
    for (name, plant) in Plant::ALL {
        let plan = Plan {
            plant,
            ..Plan::default()
        };
        let figures = lives(&plan, |_| {});
        assert!(figures.violation.is_some(), "{name} is not found: {figures:?}");
    }
}
