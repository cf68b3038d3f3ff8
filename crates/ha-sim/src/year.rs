//! I12: a year of plane life, compressed, with a bound on what the store holds.

use std::time::Duration;

use ha_proto::{Config, Mode};

use crate::{HOUR, Micros, SEC, Sums, World};

/// What a year came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Year {
    /// Simulated days.
    pub days: u64,
    /// Masterships.
    pub takeovers: u64,
    /// Acknowledged writes.
    pub acknowledged: u64,
    /// Entries collected.
    pub collected: u64,
    /// Requests to the store.
    pub requests: u64,
    /// The most objects there were at the end of a day, fences apart, in the first month.
    pub objects_in_first_month: u64,
    /// The same in the last.
    pub objects_in_last_month: u64,
}

/// Runs a plane of three for so many days: writes all the time, a crash or a stop a day, and a restart some time later.
///
/// # Panics
/// If something does not hold: the store's objects grow, a write is lost, nobody leads.
#[must_use]
pub fn year(seed: u64, days: u64, mut told: impl FnMut(u64)) -> Year {
    let config = Config::economy()
        .confirm_period(Duration::from_secs(1800))
        .snapshot_entries(50)
        .build()
        .expect("these settings agree");
    let mut w = World::<Sums>::of(seed, config);
    w.store.is_bucket = true;
    w.history = None;
    for _ in 0..3 {
        w.add(Mode::Auto);
    }
    w.start_all();
    let mut year = Year {
        days,
        ..Year::default()
    };
    let mut by_day = Vec::new();
    for day in 0..days {
        live_a_day(&mut w);
        by_day.push(objects(&w));
        told(day + 1);
    }
    let month = by_day.len().min(30);
    let most = |days: &[u64]| days.iter().copied().max().unwrap_or(0);
    year.objects_in_first_month = most(&by_day[..month]);
    year.objects_in_last_month = most(&by_day[by_day.len() - month..]);
    let tally = w.finish();
    year.takeovers = tally.takeovers;
    year.acknowledged = tally.acknowledged;
    year.collected = tally.collected;
    year.requests = tally.requests;
    assert!(
        year.objects_in_last_month <= year.objects_in_first_month + 60,
        "I12: the store grows: {year:?}"
    );
    year
}

/// All but what is kept for ever: a fence for each mastership, with the entries around it.
fn objects(w: &World<Sums>) -> u64 {
    let kept = w.store.under("journal/").filter(|(key, _)| {
        let seq = ha_proto::layout::seq_of(key.rsplit_once('/').map_or("", |(_, name)| name));
        let kind = seq.and_then(|seq| w.truth.valid.get(&seq)).map(|(_, kind)| *kind);
        matches!(
            kind,
            Some(ha_proto::Kind::Genesis | ha_proto::Kind::Takeover | ha_proto::Kind::Handover)
        )
    });
    (w.store.objects.len() - kept.count()) as u64
}

fn live_a_day(w: &mut World<Sums>) {
    let unlucky = w.rng.below(3) as usize;
    let hour = w.rng.below(24);
    for h in 0..24 {
        if h == hour && w.members[unlucky].node.is_some() {
            if w.rng.chance(5000) {
                w.crash(unlucky);
            } else {
                w.stop(unlucky);
            }
        }
        for _ in 0..4 {
            for i in 0..3 {
                w.propose(i);
            }
            let quarter: Micros = HOUR / 4;
            w.run_for(quarter);
        }
        if h != hour && w.members[unlucky].node.is_none() {
            w.start(unlucky);
        }
    }
    if w.members[unlucky].node.is_none() {
        w.start(unlucky);
    }
    w.until("I6: a master at the end of a day", 3600 * SEC, |w| {
        w.masters().len() == 1
    });
}
