//! Who sees over REST that somebody leads again: a client that sets a sensor of an application of its own.

use std::time::Duration;

use super::client::{Client, Now};
use super::history::{Kind, Told, Write};
use super::mark::Mark;
use super::node::RestNode;
use crate::chaos::check::{Finding, Rule};
use crate::chaos::nodes::Nodes;
use crate::chaos::sentinel::Sentinel;

#[derive(Debug)]
pub(crate) struct Sets {
    client: Client,
    app: Option<Mark>,
    asked: Option<Write>,
}

impl Sets {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            app: None,
            asked: None,
        }
    }

    /// A write that was never asked for before.
    fn next(&mut self) -> Write {
        let mark = self.client.mark();
        match self.app {
            None => Write::new(mark, Kind::Put, mark, &mark.to_string()),
            Some(app) => Write::new(mark, Kind::SetSensor(0), app, &app.to_string()),
        }
    }
}

impl Sentinel<RestNode> for Sets {
    type Memory = Vec<Write>;

    fn begin(&mut self) {
        let next = self.next();
        let before = self.asked.replace(next);
        self.client.writes.extend(before);
    }

    fn sees_write(&mut self, nodes: &Nodes<RestNode>, patience: Duration) -> Option<Result<(), Finding>> {
        self.client.world.patience = patience;
        for node in nodes.awake() {
            let mut write = self.asked.take().unwrap_or_else(|| self.next());
            let now = self.client.attempt(&mut write, node);
            match (now, write.told) {
                (Now::Certain, Told::Done) => {
                    if write.kind == Kind::Put {
                        self.app = Some(write.mark);
                    }
                    self.client.writes.push(write);
                    return Some(Ok(()));
                }
                (Now::Certain, told) => {
                    let how = format!("{} of {} is {told:?}", write.kind.name(), write.mark);
                    self.client.writes.push(write);
                    return Some(Err(Finding::new(Rule::Stale, how)));
                }
                (Now::Open, _) => self.asked = Some(write),
            }
        }
        None
    }

    fn end(mut self) -> Vec<Write> {
        self.client.writes.extend(self.asked.take());
        self.client.writes
    }
}
