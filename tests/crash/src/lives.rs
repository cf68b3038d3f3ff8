//! The campaign: life after life of a plane, each cut at every system call.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use ha_proto::Mode;
use ha_store::crash::Disk;

use crate::judge::judge;
use crate::process::{Plant, Process};

/// How much is done.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct Plan {
    /// From which everything that is drawn is drawn.
    pub seed: u64,
    /// How often the plane lives and loses power.
    pub lives: u64,
    /// Changes that are committed in each life.
    pub changes: u64,
    /// Images looked at after each system call, at most.
    pub images: u64,
    /// A planted bug.
    pub plant: Plant,
    /// Nothing is begun after so long.
    pub within: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 1,
            lives: 4,
            changes: 14,
            images: 16,
            plant: Plant::Nothing,
            within: Duration::from_secs(3600),
        }
    }
}

/// What was done.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Figures {
    /// Lives lived.
    pub lives: u64,
    /// System calls after which power was cut.
    pub cuts: u64,
    /// Images that a cut could have left.
    pub images: u64,
    /// Those among them that were not the same again; each was judged.
    pub judged: u64,
    /// Cuts after which every possible image was among these.
    pub complete: u64,
    /// Changes acknowledged.
    pub acked: u64,
    /// Snapshots written, and collections completed.
    pub snapshots: u64,
    /// See `snapshots`.
    pub collections: u64,
    /// The first thing that was wrong.
    pub violation: Option<Violation>,
}

/// What was wrong, and when.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Violation {
    /// In which life, and after which system call of it.
    pub at: (u64, usize),
    /// What.
    pub what: String,
}

/// The disk after a system call, and how many changes were acknowledged and proposed by then.
struct Moment {
    disk: Disk,
    acked: usize,
    proposed: usize,
}

/// Lets a plane live, and cuts its power everywhere. `told` hears how it goes on, after each life.
pub fn lives(plan: &Plan, mut told: impl FnMut(&Figures)) -> Figures {
    let mut figures = Figures::default();
    let (began, mut disk, mut base) = (Instant::now(), Disk::new(), Vec::new());
    let mut dice = plan.seed;
    for life in 0..plan.lives {
        figures.lives += 1;
        let lived = live(plan, life, &disk, &base, &mut figures);
        let (moments, proposed) = match lived {
            Ok(lived) => lived,
            Err(what) => {
                figures.violation = Some(Violation { at: (life, 0), what });
                return figures;
            }
        };
        let mut seen = HashSet::new();
        for (at, moment) in moments.iter().enumerate() {
            if let Err(what) = cut(plan, moment, &proposed, at as u64, &mut seen, &mut figures) {
                let what = format!("{what} (seed {}, life {life}, call {at})", plan.seed);
                figures.violation = Some(Violation { at: (life, at), what });
                return figures;
            }
            if began.elapsed() > plan.within {
                return figures;
            }
        }
        told(&figures);
        // It lives on from what one of the cuts has left.
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let Some(moment) = moments.get((dice >> 33) as usize % moments.len().max(1)) else {
            continue;
        };
        let left = || {
            if life % 3 == 2 {
                moment.disk.killed()
            } else {
                moment.disk.worst()
            }
        };
        match judge(
            &left(),
            &proposed[..moment.acked],
            &proposed[..moment.proposed],
            u64::MAX >> 1,
        ) {
            Ok(found) => (disk, base) = (left(), found),
            Err(what) => {
                figures.violation = Some(Violation { at: (life, 0), what });
                return figures;
            }
        }
    }
    figures
}

/// One life: a node takes over, commits, writes snapshots, and collects. Answers all moments, and all that was ever proposed and counted.
fn live(
    plan: &Plan,
    life: u64,
    disk: &Disk,
    base: &[u64],
    figures: &mut Figures,
) -> Result<(Vec<Moment>, Vec<u64>), String> {
    let (mut moments, mut proposed) = (Vec::new(), base.to_vec());
    let name = if life.is_multiple_of(2) { "a" } else { "b" };
    let mut process = Process::start(disk, name, Mode::Auto, plan.seed ^ life << 32, plan.plant)?;
    disk.record();
    let first = 1 + life * 1000;
    for number in (first..).take(1 + plan.changes as usize) {
        let so_far = (base.len(), proposed.len());
        let mut note = |p: &Process| {
            for disk in disk.recorded() {
                let acked = so_far.0 + p.acked.len();
                let proposed = so_far.1;
                moments.push(Moment {
                    disk,
                    acked,
                    proposed,
                });
            }
            // A system has time to write things back.
            disk.write_back(6);
        };
        let goal = number - first;
        process.run(60_000, |p| p.leads() && p.acked.len() as u64 == goal, &mut note)?;
        if number == first + plan.changes {
            // What is still to be uploaded and collected.
            let end = process.collections + 1;
            let _quiet = process.run(2_000, |p| p.collections == end, &mut note);
        } else {
            process.propose(number)?;
            proposed.push(number);
        }
    }
    if process.host.state.0 != proposed {
        return Err(format!(
            "{proposed:?} were committed, and the leader holds {:?}",
            process.host.state
        ));
    }
    figures.acked += process.acked.len() as u64;
    figures.snapshots += process.snapshots;
    figures.collections += process.collections;
    Ok((moments, proposed))
}

fn cut(
    plan: &Plan,
    moment: &Moment,
    proposed: &[u64],
    at: u64,
    seen: &mut HashSet<(u64, usize)>,
    figures: &mut Figures,
) -> Result<(), String> {
    let (acked, proposed) = (&proposed[..moment.acked], &proposed[..moment.proposed]);
    let (mut wrong, mut judged) = (None, 0);
    let cuts = moment.disk.cuts(plan.images, plan.seed ^ at, |left| {
        if wrong.is_none() && seen.insert((left.fingerprint(), acked.len())) {
            judged += 1;
            wrong = judge(&left, acked, proposed, u64::MAX >> 1).err();
        }
    });
    figures.cuts += 1;
    figures.images += cuts.shown;
    figures.judged += judged;
    figures.complete += u64::from(cuts.all);
    wrong.map_or(Ok(()), Err)
}
