//! What a rebind does about what is wrong with the state: Brooklyn's failure modes and quorum.

use std::fmt;
use std::str::FromStr;

/// What a new leader does about something that is wrong with the state (Brooklyn's `RebindFailureMode`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum FailureMode {
    /// Says so, and goes on.
    Continue,
    /// Looks at all the rest, and gives up leadership.
    FailAtEnd,
    /// Gives up leadership at once.
    FailFast,
}

/// What is done about which kind of problem. A node that gives up has failed until it is started again, and another leads, if it can.
///
/// The keys are Brooklyn's `rebind.failureMode.*`, and so are the defaults, but for `rebind` and `addConfig`: what is wrong with one entity is
/// told of that entity, where Brooklyn fails on one node after the other.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct FailureModes {
    /// `danglingRef`: a parent, location, relation or producer that is not there. By default [`FailureMode::Continue`].
    pub dangling_ref: FailureMode,
    /// `rebind`: an entity whose stored state cannot be read, or whose type is not known here. By default [`FailureMode::Continue`]: it is on
    /// fire, and all others are managed.
    pub rebind: FailureMode,
    /// `addConfig`: config that does not fit the entity's type. By default [`FailureMode::Continue`].
    pub add_config: FailureMode,
    /// `addPolicy`: an adjunct that is of another kind than its type. By default [`FailureMode::Continue`].
    pub add_policy: FailureMode,
    /// `loadPolicy`: an adjunct whose type is not known here. By default [`FailureMode::Continue`].
    pub load_policy: FailureMode,
    /// `danglingRefs.minRequiredHealthy`: how many references to parents and children must lead somewhere, whatever the modes say. These are what
    /// no client's write can break; Brooklyn counts all references, so that what somebody has removed can keep every node from leading.
    pub min_required_healthy: Quorum,
}

impl Default for FailureModes {
    fn default() -> Self {
        Self {
            dangling_ref: FailureMode::Continue,
            rebind: FailureMode::Continue,
            add_config: FailureMode::Continue,
            add_policy: FailureMode::Continue,
            load_policy: FailureMode::Continue,
            min_required_healthy: Quorum::default(),
        }
    }
}

/// A kind of problem.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    DanglingRef,
    Rebind,
    AddConfig,
    AddPolicy,
    LoadPolicy,
}

impl FailureModes {
    pub(super) fn of(&self, kind: Kind) -> FailureMode {
        match kind {
            Kind::DanglingRef => self.dangling_ref,
            Kind::Rebind => self.rebind,
            Kind::AddConfig => self.add_config,
            Kind::AddPolicy => self.add_policy,
            Kind::LoadPolicy => self.load_policy,
        }
    }

    /// Sets one by its key: `rebind`, or `rebind.failureMode.rebind`; the mode is `continue`, `fail_at_end` or `fail_fast`, in any case.
    ///
    /// # Errors
    /// If there is no such key or mode; it names those that there are.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), BadFailureMode> {
        let name = key.strip_prefix("rebind.failureMode.").unwrap_or(key);
        let mode = match name {
            "danglingRef" => &mut self.dangling_ref,
            "rebind" => &mut self.rebind,
            "addConfig" => &mut self.add_config,
            "addPolicy" => &mut self.add_policy,
            "loadPolicy" => &mut self.load_policy,
            "danglingRefs.minRequiredHealthy" => {
                self.min_required_healthy = value.parse()?;
                return Ok(());
            }
            _ => return Err(BadFailureMode::Key(cut(key))),
        };
        *mode = value.parse()?;
        Ok(())
    }
}

impl FromStr for FailureMode {
    type Err = BadFailureMode;

    fn from_str(text: &str) -> Result<Self, BadFailureMode> {
        match text.to_ascii_lowercase().as_str() {
            "continue" => Ok(Self::Continue),
            "fail_at_end" => Ok(Self::FailAtEnd),
            "fail_fast" => Ok(Self::FailFast),
            _ => Err(BadFailureMode::Mode(cut(text))),
        }
    }
}

/// How many of so many must be healthy: linear between points, and beyond the last as between the last two (Brooklyn's
/// `LinearRangeQuorumCheck`).
#[derive(Clone, Debug, PartialEq)]
pub struct Quorum(Vec<(f64, f64)>);

impl Default for Quorum {
    /// `[[0,-2],[10,8],[100,95],[200,190]]`: of up to 10, all but two; from 100 on, 95 of a hundred.
    fn default() -> Self {
        Self(vec![(0.0, -2.0), (10.0, 8.0), (100.0, 95.0), (200.0, 190.0)])
    }
}

impl Quorum {
    /// Whether so many of so many are enough.
    ///
    /// ```
    /// use ha_rebind::Quorum;
    ///
    /// let quorum = Quorum::default();
    /// assert!(quorum.is_met(8, 10) && !quorum.is_met(7, 10));
    /// assert!(quorum.is_met(950, 1000) && !quorum.is_met(949, 1000));
    /// ```
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "no plane has so many references")]
    pub fn is_met(&self, healthy: u64, all: u64) -> bool {
        let all = all as f64;
        let within = self.0.windows(2).find(|pair| all <= pair[1].0);
        let required = match within.or_else(|| self.0.windows(2).last()) {
            Some(&[(from, low), (to, high)]) => low + (all - from) * (high - low) / (to - from),
            _ => self.0.first().map_or(0.0, |point| point.1),
        };
        // What is required is a whole number in all but the last digits.
        healthy as f64 + 1e-6 >= required
    }
}

impl FromStr for Quorum {
    type Err = BadFailureMode;

    /// Points as `[[0,-2],[10,8]]`, sizes growing; or `all`, or `none` for no demand at all.
    fn from_str(text: &str) -> Result<Self, BadFailureMode> {
        let bad = || BadFailureMode::Quorum(cut(text));
        match text.trim() {
            "all" => return Ok(Self(vec![(0.0, 0.0), (1.0, 1.0)])),
            "none" => return Ok(Self(vec![(0.0, 0.0)])),
            _ => {}
        }
        let points: Vec<(f64, f64)> = serde_json::from_str(text).map_err(|_| bad())?;
        let grows = points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let is_good = !points.is_empty() && points.len() <= MOST_POINTS && points[0].0 >= 0.0;
        (is_good && grows).then_some(Self(points)).ok_or_else(bad)
    }
}

const MOST_POINTS: usize = 100;

/// A setting that makes no sense.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadFailureMode {
    /// No such key.
    #[error(
        "unknown failure mode `{0}`: known are danglingRef, rebind, addConfig, addPolicy, loadPolicy and danglingRefs.minRequiredHealthy"
    )]
    Key(String),
    /// No such mode.
    #[error("`{0}` is no failure mode: it is one of continue, fail_at_end, fail_fast")]
    Mode(String),
    /// No points.
    #[error(
        "`{0}` is no quorum: give points as [[0,-2],[10,8]] (of how many, how many must be healthy; growing), or `all`, or `none`"
    )]
    Quorum(String),
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DanglingRef => "danglingRef",
            Self::Rebind => "rebind",
            Self::AddConfig => "addConfig",
            Self::AddPolicy => "addPolicy",
            Self::LoadPolicy => "loadPolicy",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_linear_between_its_points_and_goes_on_beyond_them() {
        let default = Quorum::default();
        for (all, least) in [
            (0, 0),
            (1, 0),
            (2, 0),
            (3, 1),
            (10, 8),
            (50, 47),
            (100, 95),
            (1000, 950),
        ] {
            assert!(default.is_met(least, all), "{least} of {all}");
            assert!(
                least == 0 || !default.is_met(least - 1, all),
                "{} of {all}",
                least - 1
            );
        }
        let all: Quorum = "all".parse().unwrap();
        assert!(all.is_met(7, 7) && !all.is_met(6, 7));
        let none: Quorum = "none".parse().unwrap();
        assert!(none.is_met(0, 7));
        let one: Quorum = "[[0, 3]]".parse().unwrap();
        assert!(one.is_met(3, 900) && !one.is_met(2, 900));
    }

    #[test]
    fn settings_that_make_no_sense_are_told_from_those_that_do() {
        let mut modes = FailureModes::default();
        modes.set("rebind.failureMode.rebind", "FAIL_FAST").unwrap();
        modes.set("danglingRef", "fail_at_end").unwrap();
        modes.set("danglingRefs.minRequiredHealthy", "all").unwrap();
        assert_eq!(
            (modes.rebind, modes.dangling_ref),
            (FailureMode::FailFast, FailureMode::FailAtEnd)
        );
        for (key, value) in [
            ("rebinds", "continue"),
            ("rebind", "perhaps"),
            ("danglingRefs.minRequiredHealthy", "[[10,8],[0,1]]"),
            ("danglingRefs.minRequiredHealthy", "[]"),
            ("danglingRefs.minRequiredHealthy", "[[0,1,2]]"),
            ("danglingRefs.minRequiredHealthy", "[[-1,0]]"),
        ] {
            let before = modes.clone();
            assert!(modes.set(key, value).is_err(), "{key}={value}");
            assert_eq!(modes, before);
        }
    }
}
