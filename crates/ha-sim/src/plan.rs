//! A whole world from a seed: what it is like, a time in which everything goes wrong, and then the proof that it heals.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ha_proto::{Config, ConfigBuilder, Mode, Pace};

use crate::check::Checker;
use crate::rng::Rng;
use crate::{Faults, Load, MS, Marks, Micros, SEC, Service, Tally, World, config};

/// What most of a world's time goes into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Many faults, polls of 100 ms.
    Turmoil,
    /// The same, and clients propose many changes at a time.
    Bursts,
    /// One leader after the other is told to go or crashes, a dozen a second.
    Churn,
    /// Settings as for a bucket: heartbeats and looks are rarer than polls, and all takes longer.
    Slow,
}

impl Kind {
    /// How long its worlds are in turmoil, seconds.
    #[must_use]
    pub fn secs(self) -> u64 {
        match self {
            Self::Turmoil => 30,
            Self::Churn => 100,
            Self::Bursts => 20,
            Self::Slow => 900,
        }
    }
}

/// What a world is like.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct Plan {
    /// Where it came from.
    pub seed: u64,
    /// Its kind.
    pub kind: Kind,
    /// How long everything goes wrong.
    pub turmoil: Micros,
    /// How many nodes.
    pub nodes: u64,
    /// Whether the store knows no folders.
    pub is_bucket: bool,
    /// The settings of all nodes.
    pub config: Config,
    /// What goes wrong.
    pub faults: Faults,
    /// What clients do.
    pub load: Load,
}

impl Plan {
    /// Draws one of any kind.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let kind = Rng::new(seed ^ 0x6b69_6e64).pick(&[
            Kind::Turmoil,
            Kind::Turmoil,
            Kind::Bursts,
            Kind::Bursts,
            Kind::Churn,
            Kind::Churn,
            Kind::Churn,
            Kind::Churn,
            Kind::Churn,
            Kind::Churn,
            Kind::Slow,
        ]);
        Self::of(seed, kind, kind.secs())
    }

    /// Draws one of this kind and length.
    #[must_use]
    pub fn of(seed: u64, kind: Kind, secs: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x706c_616e);
        let mut faults = Faults::draw(&mut rng);
        let mut load = Load::default();
        match kind {
            Kind::Turmoil => {}
            Kind::Bursts => load.burst = rng.pick(&[256, 512]),
            Kind::Churn => {
                load.churn = rng.pick(&[1500, 4000]);
                load.burst = 16;
                faults.spread = 2 * MS;
                faults.longest_pause = 20 * SEC;
                for rare in [
                    &mut faults.pauses,
                    &mut faults.modes,
                    &mut faults.stops,
                    &mut faults.cuts,
                    &mut faults.crashes,
                    &mut faults.freezes,
                ] {
                    *rare /= 10;
                }
            }
            Kind::Slow => {
                load.slower = 20;
                faults.longest *= 20;
            }
        }
        Self {
            seed,
            kind,
            turmoil: secs * SEC,
            nodes: if kind == Kind::Churn { 3 } else { 2 + rng.below(4) },
            is_bucket: rng.chance(5000),
            config: settings(kind, &mut rng).build().expect("these settings agree"),
            faults,
            load,
        }
    }

    /// The world, in which nothing has happened yet.
    #[must_use]
    pub fn world<S: Service + 'static>(&self) -> World<S> {
        let mut w = World::of(self.seed, self.config.clone());
        w.faults = self.faults.clone();
        w.load = self.load;
        w.store.is_bucket = self.is_bucket;
        w.acting = true;
        for _ in 0..self.nodes {
            w.add(Mode::Auto);
        }
        w
    }

    /// Lets everything go wrong for the time of the plan.
    pub fn disturb<S: Service + 'static>(&self, w: &mut World<S>) {
        w.start_all();
        w.begin_operating();
        let until = w.now + self.turmoil;
        while w.now < until + w.napped {
            w.run_until(until + w.napped);
        }
    }
}

fn settings(kind: Kind, rng: &mut Rng) -> ConfigBuilder {
    let ms = Duration::from_millis;
    let every = rng.pick(&[10, 10, 20, 50]);
    if kind == Kind::Slow {
        let pace = Pace {
            beat: ms(2000),
            follower_beat: ms(rng.pick(&[2000, 8000])),
            look: ms(rng.pick(&[2000, 24_000])),
            follower_look: ms(rng.pick(&[4000, 120_000])),
        };
        return config()
            .poll(ms(1000))
            .pace(pace)
            .heartbeat_timeout(ms(5000))
            .lease_ttl(ms(rng.pick(&[4000, 6000])))
            .request_timeout(ms(1000))
            .confirm_period(ms(rng.pick(&[20_000, 180_000])))
            .snapshot_entries(every);
    }
    config()
        .lease_ttl(ms(rng.pick(&[600, 600, 900])))
        .snapshot_entries(every)
}

/// What has come of a world.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Where it came from.
    pub seed: u64,
    /// The same for the same seed.
    pub trace: u64,
    /// Counts.
    pub tally: Tally,
    /// What has happened that must happen sometimes.
    pub marks: Marks,
}

/// Something did not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Violation {
    /// In the world of this seed.
    pub seed: u64,
    /// What, in words.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.what)
    }
}

impl std::error::Error for Violation {}

/// Runs a world through its turmoil and lets it heal, with these checkers besides those that every world has.
///
/// # Errors
/// If something does not hold.
pub fn run<S: Service + 'static>(
    plan: &Plan,
    more: impl FnOnce() -> Vec<Box<dyn Checker<S>>>,
) -> Result<Report, Violation> {
    let whole = || {
        let mut w = plan.world::<S>();
        w.checkers.extend(more());
        plan.disturb(&mut w);
        heal(&mut w);
        let tally = w.finish();
        Report {
            seed: plan.seed,
            trace: w.trace(),
            tally,
            marks: w.marks,
        }
    };
    catch_unwind(AssertUnwindSafe(whole)).map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let what = words.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Violation {
            seed: plan.seed,
            what: what.unwrap_or_default(),
        }
    })
}

/// Ends all faults and holds the plane to what it owes then: one leader within the bound of I6 that may act, every state the true one, and
/// writes that are acknowledged.
///
/// # Panics
/// If it does not hold.
pub fn heal<S: Service + 'static>(w: &mut World<S>) {
    // All bounds are for a plane that suspects after 300 ms.
    let longest = w
        .config
        .heartbeat_timeout()
        .max(w.config.pace().look.min(w.config.confirm_period()));
    let sec = SEC * (longest.as_micros() as u64).div_ceil(300 * MS);
    w.operators = false;
    w.faults = Faults {
        drift_ppm: w.faults.drift_ppm,
        ..Faults::none()
    };
    wake_all(w);
    tell_all(w, sec);
    w.until("I6: one master after healing", 30 * sec, |w| {
        w.masters().len() == 1
    });
    w.run_for(10 * sec);
    w.until("I6: one master, and it may act", 10 * sec, |w| {
        w.masters().len() == 1 && w.may_act(w.master())
    });
    let reader = w.add(Mode::HotBackup);
    w.start(reader);
    w.run_for(10 * sec);
    assert!(
        w.members[reader].host.loaded,
        "a fresh reader reads (seed {})",
        w.seed
    );
    w.show_healed();
    let master = w.master();
    assert!(
        w.propose(master).is_some(),
        "the master takes a write (seed {})",
        w.seed
    );
    let acked = w.tally.acknowledged;
    w.run_for(sec);
    if w.tally.acknowledged == acked {
        // A leader lingers for up to a quarter of what its last entry took, and if it slept meanwhile that may be long.
        w.marks.hit("a write lingered for a part of a pause");
        let longest = sec + (w.napped + 20 * SEC * w.load.slower) / 4;
        w.until("the master's write is acknowledged", longest, |w| {
            w.tally.acknowledged > acked
        });
    }
    assert_eq!(
        w.truth.junk, 0,
        "with true views nothing that is not valid is ever written (seed {})",
        w.seed
    );
}

fn wake_all<S: Service + 'static>(w: &mut World<S>) {
    for i in 0..w.members.len() {
        let member = &mut w.members[i];
        (member.deaf_until, member.mute_until) = (0, 0);
        member.paused_until = member.paused_until.min(w.now);
        w.deliver_ended(i);
        let failed = w.members[i].node.as_ref().is_some_and(|n| n.failure().is_some());
        if failed {
            w.crash(i);
        }
        if w.members[i].node.is_none() {
            w.start(i);
        }
    }
}

/// Every node can be told something else in the end, whatever it was in the middle of.
fn tell_all<S: Service + 'static>(w: &mut World<S>, sec: Micros) {
    let mut told = vec![false; w.members.len()];
    for _ in 0..10 {
        for (i, told) in told.iter_mut().enumerate() {
            if w.members[i].node.is_none() {
                // It was stopping, and has stopped.
                w.members[i].mode = Mode::Auto;
                w.start(i);
                *told = true;
            }
            *told = *told || w.change_mode(i, Mode::Auto);
        }
        w.run_for(sec);
    }
    assert!(
        told.iter().all(|t| *t),
        "a change of mode is refused for ever: {:?} (seed {})",
        w.roles(),
        w.seed
    );
}
