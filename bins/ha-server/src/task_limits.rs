//! `--taskLimit`: which tasks that have ended are kept, by the keys of Brooklyn's `brooklyn.gc`.

use std::str::FromStr;
use std::time::Duration;

use ha_rebind::TaskLimits;

use crate::settings::parse_duration_within;

/// One of the limits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TaskLimit {
    MaxAge(Duration),
    MaxOfEntity(usize),
    MaxInAll(usize),
    Period(Duration),
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A century: no one asks for older tasks, and it is far from overflow.
const LONGEST_AGE: Duration = DAY.saturating_mul(36_500);

/// More tasks than fit into any memory that states are made for.
const MOST: usize = 100_000_000;

impl TaskLimit {
    fn put(self, limits: &mut TaskLimits) {
        match self {
            Self::MaxAge(age) => limits.max_age = age,
            Self::MaxOfEntity(most) => limits.max_of_entity = most,
            Self::MaxInAll(most) => limits.max_in_all = most,
            Self::Period(period) => limits.period = period,
        }
    }
}

/// The defaults, with these instead; of two of a key the later.
pub(crate) fn task_limits(given: &[TaskLimit]) -> TaskLimits {
    let mut limits = TaskLimits::default();
    for limit in given {
        limit.put(&mut limits);
    }
    limits
}

impl FromStr for TaskLimit {
    type Err = String;

    /// Reads `maxTasksPerEntity=200`, or `brooklyn.gc.maxTasksPerEntity=200`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .ok_or("give it as key=value, as in maxTasksPerEntity=200")?;
        match key.strip_prefix("brooklyn.gc.").unwrap_or(key) {
            "maxTaskAge" => parse_duration_within(value, LONGEST_AGE).map(Self::MaxAge),
            "maxTasksPerEntity" => number(value).map(Self::MaxOfEntity),
            "maxTasksGlobal" => number(value).map(Self::MaxInAll),
            "period" => parse_duration_within(value, DAY)
                .and_then(|period| {
                    let is_long = period >= Duration::from_secs(1);
                    is_long
                        .then_some(period)
                        .ok_or_else(|| "looking for tasks more than once a second does no good".into())
                })
                .map(Self::Period),
            _ => Err("known are maxTaskAge, maxTasksPerEntity, maxTasksGlobal and period".into()),
        }
    }
}

fn number(text: &str) -> Result<usize, String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_plain && *number <= MOST);
    number.ok_or_else(|| format!("a number of tasks is from 0 to {MOST}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_taken_by_both_their_names_and_the_others_stay() {
        let given = ["maxTaskAge=7d", "brooklyn.gc.maxTasksGlobal=0", "period=10s"];
        let given = given.map(|text| text.parse().unwrap());
        let limits = task_limits(&given);
        assert_eq!(limits.max_age, DAY * 7);
        assert_eq!(limits.max_in_all, 0);
        assert_eq!(limits.period, Duration::from_secs(10));
        assert_eq!(limits.max_of_entity, TaskLimits::default().max_of_entity);
        let twice =
            ["maxTasksPerEntity=1", "brooklyn.gc.maxTasksPerEntity=2"].map(|text| text.parse().unwrap());
        assert_eq!(task_limits(&twice).max_of_entity, 2);
        assert_eq!(task_limits(&[]), TaskLimits::default());
    }

    #[test]
    fn what_cannot_be_is_refused_in_words_that_say_what_can() {
        for (bad, words) in [
            ("maxTaskAge", "as in maxTasksPerEntity=200"),
            ("maxTasks=1", "known are maxTaskAge"),
            ("maxTaskAge=-1d", "a duration is"),
            ("maxTaskAge=36501d", "36500 days at most"),
            ("maxTasksPerEntity=-1", "from 0 to 100000000"),
            ("maxTasksPerEntity=+1", "from 0 to 100000000"),
            ("maxTasksPerEntity=", "from 0 to 100000000"),
            ("maxTasksGlobal=100000001", "from 0 to 100000000"),
            ("maxTasksGlobal=99999999999999999999999", "from 0 to 100000000"),
            ("period=0s", "more than once a second"),
            ("period=2d", "a day at most"),
        ] {
            let said = bad.parse::<TaskLimit>();
            assert!(
                said.as_ref().is_err_and(|said| said.contains(words)),
                "{bad}: {said:?}"
            );
        }
    }
}
