//! A whole world from a seed: what it is like, a time in which everything goes wrong, and then the proof that it heals.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use ha_proto::{Config, ConfigBuilder, Mode, Pace};

use crate::check::Checker;
use crate::rng::Rng;
use crate::{Faults, Load, MS, Marks, Micros, SEC, Service, Tally, World, config, heal};

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
                faults.naps = 0;
                faults.rarer(10);
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
            let i = w.add(Mode::Auto);
            w.members[i].version = w.rng.pick(&VERSIONS).map(String::from);
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

/// What nodes say that they run.
const VERSIONS: [Option<&str>; 5] = [
    Some("1.10.0"),
    Some("1.10.0"),
    Some("1.9.0"),
    Some("1.11.0-SNAPSHOT"),
    None,
];

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

impl Violation {
    /// Something in the world of this seed.
    #[must_use]
    pub fn new(seed: u64, what: &str) -> Self {
        Self {
            seed,
            what: what.to_string(),
        }
    }
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
