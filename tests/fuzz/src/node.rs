//! A node by itself before a store: every request is answered at once.

use std::sync::Arc;

use ha_proto::{
    Event, HostRequest, Identity, Input, Instant, Mode, Node, NodeId, Output, StoreReply, StoreRequest,
};
use ha_sim::{Host, Store};

/// A node, its store and the owner of its state.
pub(crate) struct Lone {
    pub(crate) node: Node,
    pub(crate) host: Host,
    pub(crate) store: Store,
    pub(crate) warnings: Vec<String>,
    ms: u64,
    asked: u64,
}

/// A node that asks for more in one run goes round in circles.
const MOST_REQUESTS: u64 = 20_000;

impl Lone {
    pub(crate) fn new(store: Store, mode: Mode) -> Self {
        let identity = Identity {
            node: NodeId::new("reader").expect("a good name"),
            uri: String::new(),
            version: None,
            state_level: 0,
            priority: 0,
            mode,
            clean: false,
            seed: [77; 32],
        };
        let ms = 100_000;
        let config = ha_sim::hand::config().build().expect("these settings agree");
        let node = Node::new(Instant::from_millis(ms), identity, config);
        Self {
            node,
            host: Host::default(),
            store,
            warnings: Vec::new(),
            ms,
            asked: 0,
        }
    }

    /// Lets time go on, in steps of 20 ms; `look` sees every state that the owner is given.
    pub(crate) fn run(&mut self, ms: u64, mut look: impl FnMut(&Host)) {
        let until = self.ms + ms;
        self.drain(&mut look);
        while self.ms < until {
            self.ms += 20;
            let now = self.now();
            if self.node.poll_timeout().is_some_and(|at| at <= now) {
                self.node.handle_timeout(now);
            }
            self.drain(&mut look);
        }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(self.ms)
    }

    fn drain(&mut self, look: &mut impl FnMut(&Host)) {
        let now = self.now();
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Store(StoreRequest { id, op, .. }) => {
                    self.asked += 1;
                    assert!(self.asked < MOST_REQUESTS, "it asks without end: {op:?}");
                    let reply: StoreReply = self.store.carry_out(&op);
                    self.node.handle_input(now, Input::Store { id, reply });
                }
                Output::Host(HostRequest::Unload) => self.host = Host::default(),
                Output::Host(HostRequest::Restore { load, parts, .. }) => {
                    let result = restore(&parts).map(|host| self.host = host);
                    if result.is_ok() {
                        look(&self.host);
                    }
                    self.node.handle_input(now, Input::Restored { load, result });
                }
                Output::Host(HostRequest::Apply(entry)) => {
                    // A change that is none of this service: only behind a checksum that somebody made for it.
                    if entry.changes.iter().all(|change| change.len() >= 8) {
                        self.host.apply(&entry);
                    }
                    look(&self.host);
                }
                Output::Host(HostRequest::Barrier { id }) => {
                    self.node.handle_input(now, Input::Barrier { id });
                }
                Output::Host(HostRequest::Snapshot { id, .. }) => {
                    let parts = self.host.snapshot();
                    self.node.handle_input(now, Input::Snapshot { id, parts });
                }
                Output::Event(Event::Warning(words) | Event::StateNotLoaded(words)) => {
                    self.warnings.push(words)
                }
                Output::Event(_) => {}
            }
        }
    }
}

fn restore(parts: &Arc<[Arc<[u8]>]>) -> Result<Host, String> {
    Host::restore(parts)
}
