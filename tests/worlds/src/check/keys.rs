//! The same key gets the first answer, and acts once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_rebind::Applied;
use ha_sim::check::{Checker, Scene, Seen};

use super::{Head, done, holds};
use crate::{Deeds, Intent, Managing, Request, Taken};

/// The first answers, by key.
#[derive(Debug)]
pub(crate) struct Keys {
    head: Head,
    answers: BTreeMap<String, String>,
    /// Batches that were applied: epoch and number.
    applied: BTreeSet<(u64, u64)>,
    deeds: Arc<Deeds>,
}

impl Keys {
    pub(crate) fn new(deeds: &Arc<Deeds>) -> Self {
        Self {
            head: Head::default(),
            answers: BTreeMap::new(),
            applied: BTreeSet::new(),
            deeds: Arc::clone(deeds),
        }
    }

    fn take(&mut self, taken: &Taken) -> Result<(), String> {
        let Taken::Change { request, applied, .. } = taken else {
            self.answers.clear();
            return Ok(());
        };
        if let Some(Applied::Done(number)) = applied {
            self.applied.insert((request.epoch, *number));
        }
        let Some(key) = &request.key else { return Ok(()) };
        if done(taken).is_some() {
            let before = self.answers.insert(key.clone(), request.answer.clone());
            return holds(before.is_none(), || {
                format!("the key {key} acted twice: {before:?}, then {}", request.answer)
            });
        }
        if request.intent == Intent::Retry && self.is_durable(request) {
            self.deeds.add("retries_answered");
            let first = self.answers.get(key);
            return holds(first == Some(&request.answer), || {
                format!(
                    "the key {key} was answered {}, and first {first:?}",
                    request.answer
                )
            });
        }
        Ok(())
    }

    /// What it was answered from is durable: otherwise nobody is told the answer.
    fn is_durable(&self, request: &Request) -> bool {
        request.saw == 0 || self.applied.contains(&(request.epoch, request.saw))
    }
}

impl Checker<Managing> for Keys {
    fn name(&self) -> &'static str {
        "keys of clients"
    }

    fn see(&mut self, _: &Scene<'_>, seen: &Seen<'_, Managing>) -> Result<(), String> {
        let news = self.head.news(seen).map(|(news, _)| news).unwrap_or_default();
        news.into_iter().try_for_each(|taken| self.take(taken))
    }
}
