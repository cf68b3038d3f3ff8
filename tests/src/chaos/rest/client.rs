//! A client over REST: it asks with the same key until it is answered for certain, and keeps a record of all that.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::history::{Ack, Kind, Shown, Sight, Told, Write};
use super::mark::Mark;
use super::request::{Said, asked, said, shown};
use crate::chaos::client::Live;
use crate::chaos::history::Clock;
use crate::chaos::nodes::{Running, lock};
use crate::http::{Answer, Request};

/// What all clients of a plane share.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// The names of the nodes, and where they are reached.
    pub(crate) nodes: Arc<Vec<(String, SocketAddr)>>,
    pub(crate) running: Running,
    pub(crate) clock: Clock,
    pub(crate) live: Arc<Live>,
    /// Acknowledged in this plane.
    pub(crate) acknowledged: Arc<AtomicU64>,
    /// How long an answer may take until a client turns to another node.
    pub(crate) patience: Duration,
}

/// One client. Its number is no other's.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) world: World,
    number: u64,
    next: u64,
    /// The node that it asks.
    at: usize,
    pub(crate) writes: Vec<Write>,
}

/// What is known of a write after an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Now {
    Certain,
    Open,
}

impl World {
    /// The process that runs as a node now.
    fn process(&self, node: usize) -> Option<String> {
        let of_node = format!("{}-", self.nodes[node].0);
        let running = lock(&self.running);
        running
            .keys()
            .find(|process| process.starts_with(&of_node))
            .cloned()
    }

    /// Sends a request. Gives the answer, and which process it is of, if that is certain.
    pub(crate) fn send(&self, node: usize, request: Request<'_>) -> Option<(Answer, Option<String>)> {
        let before = self.process(node);
        let answer = request.within(self.patience).send(self.nodes[node].1).ok()?;
        let after = self.process(node);
        Some((answer, before.filter(|before| Some(before) == after.as_ref())))
    }

    /// All that a node shows at once.
    pub(crate) fn look(&self, node: usize) -> Option<Vec<Shown>> {
        let (answer, _) = self.send(node, Request::get(EVERYTHING))?;
        shown(&answer)
    }

    /// The same, on record; `None` if it shows nothing, or it is not certain which process did.
    pub(crate) fn sight(&self, node: usize) -> Option<Sight> {
        let began = self.clock.now();
        let (answer, by) = self.send(node, Request::get(EVERYTHING))?;
        let ended = self.clock.now();
        let apps = shown(&answer)?;
        let (role, _) = self.send(node, Request::get("/v1/server/ha/state"))?;
        Some(Sight {
            by: by?,
            began,
            ended,
            is_leader: role.json() == "MASTER",
            apps,
        })
    }
}

const EVERYTHING: &str = "/v1/applications/fetch?sensors=*";

impl Client {
    pub(crate) fn new(number: u64, world: World) -> Self {
        let at = usize::try_from(number).unwrap_or_default() % world.nodes.len();
        Self {
            world,
            number,
            next: 0,
            at,
            writes: Vec::new(),
        }
    }

    /// A mark that was never used before.
    pub(crate) fn mark(&mut self) -> Mark {
        self.next += 1;
        Mark::new(self.number, self.next)
    }

    /// Asks until the answer is certain, or `is_over`. Puts the write on record, and gives it back.
    pub(crate) fn insist(&mut self, mut write: Write, mut is_over: impl FnMut() -> bool) -> &Write {
        let only_once = write.kind == Kind::DeployOnce;
        while self.attempt(&mut write, self.at) == Now::Open && !only_once {
            if is_over() {
                write.told = Told::Unknown;
                break;
            }
            self.turn_away();
            std::thread::sleep(PAUSE);
        }
        self.writes.push(write);
        self.writes.last().expect("it was pushed")
    }

    fn turn_away(&mut self) {
        self.at = (self.at + 1) % self.world.nodes.len();
    }

    /// Sends it once. What it is told meanwhile is what is known if it is never asked for again.
    pub(crate) fn attempt(&mut self, write: &mut Write, node: usize) -> Now {
        if write.attempts == 0 {
            write.sent = self.world.clock.now();
        }
        let was_open = write.attempts > 0 && write.told == Told::Unknown;
        write.attempts += 1;
        match self.ask(write, node) {
            Said::Done(ack) => {
                write.told = Told::Done;
                write.acks.push(ack);
                self.world.acknowledged.fetch_add(1, Ordering::Relaxed);
                self.world.live.acknowledged.fetch_add(1, Ordering::Relaxed);
                return Now::Certain;
            }
            Said::Refused(status) | Said::NotHere(status) if !was_open => {
                write.told = Told::Refused(status);
                let is_final = !matches!(status, 403 | 503);
                return if is_final { Now::Certain } else { Now::Open };
            }
            // An earlier attempt may have been applied.
            Said::Refused(_) => {
                write.told = Told::Unknown;
                return Now::Certain;
            }
            Said::NotHere(_) | Said::Open => write.told = Told::Unknown,
        }
        Now::Open
    }

    /// Asks once more for what was acknowledged, with the same key.
    pub(crate) fn ask_again(&mut self, place: usize) {
        let write = self.writes[place].clone();
        let told = self.ask(&write, self.at);
        let write = &mut self.writes[place];
        match told {
            Said::Done(ack) => write.acks.push(ack),
            Said::Refused(status) => write.taken_back.push(status),
            Said::NotHere(_) | Said::Open => self.turn_away(),
        }
    }

    fn ask(&self, write: &Write, node: usize) -> Said {
        let request = asked(write);
        let key = write.mark.to_string();
        let request = Request::with_body(request.method, &request.path, &request.body);
        let Some((answer, by)) = self.world.send(node, request.header("Idempotency-Key", &key)) else {
            return Said::Open;
        };
        match said(write.kind, &answer) {
            Said::Done(ack) => Said::Done(Ack {
                at: self.world.clock.now(),
                by,
                ..ack
            }),
            other => other,
        }
    }
}

/// Before it asks another node.
const PAUSE: Duration = Duration::from_millis(20);
