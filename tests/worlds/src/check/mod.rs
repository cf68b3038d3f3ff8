//! What must hold of what a plane manages, each in a file of its own.

mod counted;
mod keys;
mod replayed;
mod tasks;
mod whole;

use std::sync::Arc;

use ha_rebind::{Applied, State};
use ha_sim::check::{Checker, Seen};

use crate::{Deeds, Managing, Request, Taken};

/// All of them.
#[must_use]
pub fn all(deeds: &Arc<Deeds>) -> Vec<Box<dyn Checker<Managing>>> {
    vec![
        Box::new(whole::Whole),
        Box::new(counted::Counted::new(deeds)),
        Box::new(keys::Keys::new(deeds)),
        Box::new(tasks::Tasks::new(deeds)),
        Box::new(replayed::Replayed::new(deeds)),
    ]
}

/// What the journal says, read once: by whichever node is ahead of all that were looked at.
#[derive(Clone, Debug, Default)]
struct Head {
    looked_at: u64,
}

impl Head {
    /// What a step brings that no node took before, and the state after it.
    fn news<'a>(&mut self, seen: &Seen<'a, Managing>) -> Option<(Vec<&'a Taken>, &'a State)> {
        let Seen::Applied { host, .. } = seen else {
            return None;
        };
        let host = &host.state;
        if host.len <= self.looked_at {
            return None;
        }
        let new = host.taken_from(self.looked_at).collect();
        self.looked_at = host.len;
        Some((new, &host.state))
    }
}

/// What has changed the state: the request, if its batch was applied.
fn done(taken: &Taken) -> Option<&Request> {
    match taken {
        Taken::Change {
            request,
            applied: Some(Applied::Done(_)),
            ..
        } => Some(request),
        _ => None,
    }
}

fn holds(it: bool, words: impl FnOnce() -> String) -> Result<(), String> {
    if it { Ok(()) } else { Err(words()) }
}
