//! What goes wrong, and when.

use std::time::Duration;

use super::dice::Dice;
use crate::Operation;

/// Something that goes wrong between a client and its store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The request takes its time, log-normally distributed with these percentiles; always `p50` if `p99` is no
    /// greater. Delays of several rules add up, and go with another fault. A write that is under way longer than its
    /// deadline is carried out all the same.
    Delay {
        /// Half of the delays are shorter.
        p50: Duration,
        /// One of a hundred is longer.
        p99: Duration,
    },
    /// The store refuses at once and does nothing.
    Unavailable,
    /// The request never arrives. The client hears nothing until its deadline, or at once that the connection broke.
    RequestLost {
        /// Whether it hears nothing.
        silent: bool,
    },
    /// The store acts, but its reply never arrives.
    ReplyLost {
        /// Whether the client hears nothing until its deadline, and not at once that the connection broke.
        silent: bool,
    },
    /// The connection breaks at once, yet a write arrives and is carried out after this time. A read is lost.
    Late(Duration),
    /// The request arrives twice, and the reply to the second is what the client hears: a create that succeeded
    /// answers that the object exists.
    Duplicated,
}

impl Fault {
    /// A delay that is always the same.
    pub const fn delay(delay: Duration) -> Self {
        Self::Delay {
            p50: delay,
            p99: delay,
        }
    }
}

/// When a [`Fault`] happens: to which calls, from which on, how often, and how probably.
///
/// ```
/// use ha_store::{Fault, Operation, Rule};
///
/// let third_append =
///     Rule::new(Fault::ReplyLost { silent: true }).on(Operation::Create).under("journal/").skip(2).times(1);
/// let now_and_then = Rule::new(Fault::Unavailable).per_mille(50);
/// # drop((third_append, now_and_then));
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    fault: Fault,
    operation: Option<Operation>,
    prefix: String,
    skip: u64,
    times: u64,
    per_mille: u32,
}

impl Rule {
    /// To every call, always.
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            operation: None,
            prefix: String::new(),
            skip: 0,
            times: u64::MAX,
            per_mille: 1000,
        }
    }

    /// Only to calls of this operation.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only to keys, or folders of listings, that begin like this.
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

    /// To so many of a thousand calls that it would apply to, as the seed decides.
    #[must_use]
    pub fn per_mille(mut self, chance: u32) -> Self {
        self.per_mille = chance;
        self
    }

    /// The fault, if it happens to this call.
    fn strike(&mut self, operation: Operation, name: &str, dice: &mut Dice) -> Option<Fault> {
        if self.operation.is_some_and(|only| only != operation)
            || !name.starts_with(&self.prefix)
            || self.times == 0
        {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.per_mille < 1000 && !dice.chance(self.per_mille) {
            return None;
        }
        self.times -= 1;
        Some(self.fault)
    }
}

/// The rules in force and the dice that they throw.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) rules: Vec<Rule>,
    pub(super) dice: Dice,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    pub(super) delay: Duration,
    /// Never a delay.
    pub(super) fault: Option<Fault>,
}

impl Plan {
    /// Delays add up; of the other faults, that of the first rule happens.
    pub(super) fn decide(&mut self, operation: Operation, name: &str) -> Fate {
        let mut fate = Fate::default();
        for rule in &mut self.rules {
            if fate.fault.is_some() && !matches!(rule.fault, Fault::Delay { .. }) {
                continue;
            }
            match rule.strike(operation, name, &mut self.dice) {
                Some(Fault::Delay { p50, p99 }) => fate.delay += self.dice.log_normal(p50, p99),
                Some(fault) => fate.fault = Some(fault),
                None => {}
            }
        }
        fate
    }
}
