//! Counts of store requests, for the metrics.

use std::time::Duration;

use ha_proto::StoreReply;

use crate::call::Answered;
use crate::clock::wall_ms;
use crate::status::ActivityStatus;

const MESSAGES: usize = 10;

#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) reads: ActivityStatus,
    pub(crate) writes: ActivityStatus,
    pub(crate) rebinds: ActivityStatus,
}

impl Meter {
    pub(crate) fn count(&mut self, answered: &Answered) {
        let activity = if answered.writes {
            &mut self.writes
        } else {
            &mut self.reads
        };
        match &answered.reply {
            StoreReply::Failed(failure) => failed(activity, &failure.message),
            _ => succeeded(activity, answered.took),
        }
    }

    pub(crate) fn rebound(&mut self, took: Duration) {
        succeeded(&mut self.rebinds, took);
    }

    pub(crate) fn not_rebound(&mut self, why: &str) {
        failed(&mut self.rebinds, why);
    }
}

fn succeeded(activity: &mut ActivityStatus, took: Duration) {
    activity.count += 1;
    activity.last_success_ms = Some(wall_ms());
    activity.last_duration_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
}

fn failed(activity: &mut ActivityStatus, why: &str) {
    activity.failure_count += 1;
    activity.last_failure_ms = Some(wall_ms());
    if activity.error_messages.first().is_none_or(|m| m != why) {
        activity.error_messages.insert(0, why.to_owned());
        activity.error_messages.truncate(MESSAGES);
    }
}

#[cfg(test)]
mod tests {
    use ha_proto::{FailureKind, RequestId, StoreFailure};

    use super::*;

    fn answered(writes: bool, failure: Option<&str>) -> Answered {
        let reply = failure.map_or(StoreReply::Done, |message| {
            StoreReply::Failed(StoreFailure {
                kind: FailureKind::NotDone,
                message: message.into(),
            })
        });
        Answered {
            id: RequestId(1),
            reply,
            writes,
            took: Duration::from_millis(7),
        }
    }

    #[test]
    fn requests_are_counted_apart_by_whether_they_write_and_whether_they_worked() {
        let mut meter = Meter::default();
        for writes in [true, true, true, false, false] {
            meter.count(&answered(writes, None));
        }
        meter.count(&answered(false, Some("no answer")));
        meter.count(&answered(false, Some("no answer")));
        assert_eq!((meter.writes.count, meter.writes.failure_count), (3, 0));
        assert_eq!((meter.reads.count, meter.reads.failure_count), (2, 2));
        assert_eq!(meter.reads.last_duration_ms, Some(7));
        assert!(meter.reads.last_success_ms.is_some() && meter.reads.last_failure_ms.is_some());
        assert!(meter.writes.last_failure_ms.is_none());
    }

    #[test]
    fn the_last_ten_messages_are_kept_and_none_twice_in_a_row() {
        let mut meter = Meter::default();
        for n in 0..12 {
            meter.count(&answered(true, Some(&format!("trouble {n}"))));
            meter.count(&answered(true, Some(&format!("trouble {n}"))));
        }
        let kept: Vec<_> = (2..12).rev().map(|n| format!("trouble {n}")).collect();
        assert_eq!(meter.writes.error_messages, kept);
    }

    #[test]
    fn loads_of_the_state_have_counts_of_their_own() {
        let mut meter = Meter::default();
        meter.rebound(Duration::from_millis(30));
        meter.not_rebound("a part is gone");
        let rebinds = &meter.rebinds;
        assert_eq!((rebinds.count, rebinds.last_duration_ms), (1, Some(30)));
        assert_eq!(
            (rebinds.failure_count, &rebinds.error_messages[..]),
            (1, &["a part is gone".to_owned()][..])
        );
    }
}
