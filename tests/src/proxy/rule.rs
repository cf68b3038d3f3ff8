//! What goes wrong between a client and its server, and when.

use std::fmt;
use std::time::Duration;

use ha_store::Dice;

use super::answer::Answer;
use super::call::{Call, Kind};

/// Something that goes wrong with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// It takes its time, half of it before the server acts and half after: log-normally distributed with these percentiles; always `p50` if
    /// `p99` is no greater. Delays of several rules add up, and go with another fault.
    Delay {
        /// Half of the delays are shorter.
        p50: Duration,
        /// One of a hundred is longer.
        p99: Duration,
    },
    /// The request never arrives, and the client learns of it like this.
    RequestLost(End),
    /// The server acts, its reply never arrives, and the client learns of it like this.
    ReplyLost(End),
    /// The connection is reset at once, yet the request arrives after this time.
    Late(Duration),
    /// The request arrives twice, one after the other, and the client hears the second reply: a create that succeeded answers that the object
    /// exists.
    Duplicated,
    /// The client hears this, and the server hears nothing.
    Instead(Answer),
    /// The server acts, and the client hears this in place of its reply.
    Masked(Answer),
    /// The connection ends in the middle of the reply's body. A reply without one comes as it is.
    BrokenOff,
    /// The reply's body comes without its second half, and says nothing of it.
    Shortened,
    /// One bit in the middle of the reply's body is another.
    Altered,
}

/// How a connection ends for a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Not at all: it hears nothing for as long as it listens.
    Silence,
    /// It is closed in order.
    Fin,
    /// It is reset.
    Rst,
}

impl Fault {
    /// A delay that is always the same.
    #[must_use]
    pub const fn delay(delay: Duration) -> Self {
        Self::Delay {
            p50: delay,
            p99: delay,
        }
    }

    /// A delay with these percentiles, in milliseconds.
    #[must_use]
    pub const fn delay_of_millis(p50: u64, p99: u64) -> Self {
        Self::Delay {
            p50: Duration::from_millis(p50),
            p99: Duration::from_millis(p99),
        }
    }

    /// What it is counted under.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::RequestLost(_) => "request lost",
            Self::ReplyLost(_) => "reply lost",
            Self::Late(_) => "late",
            Self::Duplicated => "duplicated",
            Self::Instead(_) => "answered instead",
            Self::Masked(_) => "reply masked",
            Self::BrokenOff => "reply broken off",
            Self::Shortened => "reply shortened",
            Self::Altered => "reply altered",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When a [`Fault`] happens: to which requests, from which on, how often, and how probably.
///
/// Each rule has dice of its own, so what becomes of the n-th request that it would apply to depends on the seed alone, and not on what else is
/// under way.
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    kinds: Vec<Kind>,
    prefix: String,
    skip: u64,
    times: u64,
    per_mille: u32,
    dice: Dice,
}

impl Rule {
    /// To every request, always.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            kinds: Vec::new(),
            prefix: String::new(),
            skip: 0,
            times: u64::MAX,
            per_mille: 1000,
            dice: Dice::new(0),
        }
    }

    /// Only to requests of this kind, or of others that this is called with.
    #[must_use]
    pub fn on(mut self, kind: Kind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Only to objects, or folders of listings, whose path (`/bucket/prefix/..`) begins like this.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Not to the first `calls` that it would apply to.
    #[must_use]
    pub fn skip(mut self, calls: u64) -> Self {
        self.skip = calls;
        self
    }

    /// To no more than `calls`.
    #[must_use]
    pub fn times(mut self, calls: u64) -> Self {
        self.times = calls;
        self
    }

    /// To so many of a thousand requests that it would apply to, as the seed decides.
    #[must_use]
    pub fn per_mille(mut self, chance: u32) -> Self {
        self.per_mille = chance;
        self
    }

    /// Whether it happens to this request.
    fn strikes(&mut self, call: &Call) -> bool {
        let applies = (self.kinds.is_empty() || self.kinds.contains(&call.kind))
            && call.name.starts_with(&self.prefix)
            && self.times > 0;
        if !applies {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.per_mille < 1000 && !self.dice.chance(self.per_mille) {
            return false;
        }
        self.times -= 1;
        true
    }
}

/// The rules in force.
#[derive(Debug)]
pub(super) struct Plan {
    rules: Vec<Rule>,
    seeds: Dice,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Fate {
    pub(super) delay: Duration,
    /// Never a delay.
    pub(super) fault: Option<Fault>,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rules: Vec::new(),
            seeds: Dice::new(seed),
        }
    }

    pub(super) fn add(&mut self, mut rule: Rule) {
        rule.dice = Dice::new(self.seeds.throw());
        self.rules.push(rule);
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Delays add up; of the other faults, that of the first rule happens.
    pub(super) fn decide(&mut self, call: &Call) -> Fate {
        let mut fate = Fate::default();
        for rule in &mut self.rules {
            if let Fault::Delay { p50, p99 } = rule.fault {
                if rule.strikes(call) {
                    fate.delay += rule.dice.log_normal(p50, p99);
                }
            } else if fate.fault.is_none() && rule.strikes(call) {
                fate.fault = Some(rule.fault);
            }
        }
        fate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(kind: Kind, name: &str) -> Call {
        Call {
            kind,
            name: name.into(),
        }
    }

    #[test]
    fn rules_choose_by_kind_path_and_number() {
        let mut plan = Plan::new(7);
        let fault = Fault::Duplicated;
        plan.add(
            Rule::new(fault)
                .on(Kind::Create)
                .on(Kind::Put)
                .under("/b/nodes/")
                .skip(1)
                .times(2),
        );
        let mut struck = Vec::new();
        for number in 0..5 {
            for kind in [Kind::Put, Kind::Get, Kind::Create] {
                for name in ["/b/nodes/a", "/b/parts/a"] {
                    if plan.decide(&call(kind, name)).fault.is_some() {
                        struck.push((number, kind, name));
                    }
                }
            }
        }
        assert_eq!(
            struck,
            [(0, Kind::Create, "/b/nodes/a"), (1, Kind::Put, "/b/nodes/a")]
        );
        plan.add(Rule::new(Fault::Altered));
        plan.add(Rule::new(Fault::BrokenOff));
        assert_eq!(
            plan.decide(&call(Kind::Get, "/")).fault,
            Some(Fault::Altered),
            "the first rule wins"
        );
        plan.clear();
        assert_eq!(plan.decide(&call(Kind::Get, "/")), Fate::default());
    }

    #[test]
    fn the_same_seed_gives_the_same_fates_whatever_else_is_under_way() {
        let fates = |seed, others: usize| {
            let mut plan = Plan::new(seed);
            plan.add(Rule::new(Fault::delay_of_millis(60, 300)).on(Kind::Create));
            plan.add(Rule::new(Fault::Duplicated).on(Kind::Get).per_mille(500));
            plan.add(
                Rule::new(Fault::Instead(Answer::SLOW_DOWN))
                    .on(Kind::Create)
                    .per_mille(300),
            );
            let mut fates = Vec::new();
            for _ in 0..200 {
                for _ in 0..others {
                    let _ = plan.decide(&call(Kind::Get, "/"));
                }
                fates.push(plan.decide(&call(Kind::Create, "/")));
            }
            fates
        };
        assert_eq!(fates(7, 0), fates(7, 3));
        assert_ne!(fates(7, 0), fates(8, 0));
        let throttled = fates(7, 0).iter().filter(|fate| fate.fault.is_some()).count();
        assert!(
            (40..80).contains(&throttled),
            "{throttled} of 200 at 300 in a thousand"
        );
    }
}
