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
