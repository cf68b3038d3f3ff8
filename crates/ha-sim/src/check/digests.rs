//! I5, of the service: whoever has taken the same changes has the same state, however it came by them.

use std::collections::BTreeMap;

use ha_proto::Digest;

use super::{Checker, Scene, Seen, holds};
use crate::host::Host;
use crate::service::Service;

/// How many numbers of changes are remembered.
const REMEMBERED: usize = 1000;

/// The digest of the state after each number of changes at which somebody looked.
#[derive(Clone, Debug, Default)]
pub struct Digests(BTreeMap<u64, Digest>);

impl<S: Service> Checker<S> for Digests {
    fn name(&self) -> &'static str {
        "digests of the state"
    }

    fn see(&mut self, _: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Restored { who, host, .. } | Seen::Snapshot { who, host } => self.same(who.0, host),
            Seen::Healed { hosts } => hosts.iter().try_for_each(|(i, host)| self.same(*i, host)),
            _ => Ok(()),
        }
    }
}

impl Digests {
    fn same<S: Service>(&mut self, i: usize, host: &Host<S>) -> Result<(), String> {
        let digest = host.state.digest();
        let len = host.line.len;
        let first = *self.0.entry(len).or_insert(digest);
        if self.0.len() > REMEMBERED {
            self.0.pop_first();
        }
        holds(first == digest, || {
            format!(
                "I5: n{i} has taken the same {len} changes as another node and has another state: {:?}",
                host.state
            )
        })
    }
}
