//! Each change of an entity that is durable is in every later state, exactly once.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_rebind::{Applied, State};
use ha_sim::check::{Checker, Scene, Seen};

use super::{Head, done, holds};
use crate::offer::{count, entity_id};
use crate::{Deeds, Intent, Managing, Taken};

/// What each application has counted, by its number.
#[derive(Debug)]
pub(crate) struct Counted {
    head: Head,
    counts: BTreeMap<u64, u64>,
    deeds: Arc<Deeds>,
}

impl Counted {
    pub(crate) fn new(deeds: &Arc<Deeds>) -> Self {
        Self {
            head: Head::default(),
            counts: BTreeMap::new(),
            deeds: Arc::clone(deeds),
        }
    }

    fn take(&mut self, taken: &Taken) -> Result<(), String> {
        match taken {
            Taken::Emptied => self.counts.clear(),
            Taken::Change { applied, .. } => match applied {
                Some(Applied::Void) => self.deeds.add("void"),
                Some(Applied::Done(_)) => self.deeds.add("batches"),
                _ => {}
            },
        }
        let Some(request) = done(taken) else { return Ok(()) };
        match request.intent {
            Intent::Deploy { application, .. } => {
                self.deeds.add("deployed");
                let before = self.counts.insert(application, 0);
                holds(before.is_none(), || format!("a{application} was deployed twice"))
            }
            Intent::Remove { application } => {
                self.deeds.add("removed");
                let before = self.counts.remove(&application);
                holds(before.is_some(), || {
                    format!("a{application} was removed, and was not there")
                })
            }
            Intent::Count { application } => {
                self.deeds.add("counted");
                let count = self.counts.get_mut(&application);
                *count.ok_or_else(|| format!("a{application} counted, and was not there"))? += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn same(&self, state: &State) -> Result<(), String> {
        let there = state.applications().count();
        holds(there == self.counts.len(), || {
            format!("{there} applications, and {} are durable", self.counts.len())
        })?;
        self.counts.iter().try_for_each(|(application, counted)| {
            let child = state.entity(&entity_id(*application, 1));
            let shown = child.and_then(Result::ok).map(|child| count(&child.sensors));
            holds(shown == Some(*counted), || {
                format!("a{application} shows {shown:?}, and {counted} counts are durable")
            })
        })
    }
}

impl Checker<Managing> for Counted {
    fn name(&self) -> &'static str {
        "changes exactly once"
    }

    fn see(&mut self, _: &Scene<'_>, seen: &Seen<'_, Managing>) -> Result<(), String> {
        let Some((news, state)) = self.head.news(seen) else {
            return Ok(());
        };
        news.into_iter().try_for_each(|taken| self.take(taken))?;
        self.same(state)
    }
}
