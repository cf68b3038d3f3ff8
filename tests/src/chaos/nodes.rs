//! The processes of a plane, and what can be done to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::check::{Finding, Rule};
use super::process::Process;
use crate::counter::{Counter, Remote};

/// Which processes run now, by what they are called in reports.
pub(crate) type Running = Arc<Mutex<BTreeMap<String, u32>>>;

/// The nodes of a plane: `a`, `b` and `c`.
#[derive(Debug)]
pub(crate) struct Nodes<P> {
    all: Vec<Node<P>>,
    running: Running,
}

#[derive(Debug)]
struct Node<P> {
    process: P,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Runs,
    Sleeps,
    Ended,
}

pub(crate) const NUMBER: usize = 3;

impl Nodes<Counter> {
    /// Lines to all of them.
    pub(crate) fn remotes(&self) -> Vec<Remote> {
        self.all.iter().map(|node| node.process.remote()).collect()
    }
}

impl<P: Process> Nodes<P> {
    /// Starts them, each by its number and name.
    pub(crate) fn start(start: impl Fn(usize, &str) -> Result<P, String>) -> Result<Self, String> {
        let running = Running::default();
        let mut nodes = Self {
            all: Vec::new(),
            running,
        };
        for (number, name) in ('a'..).take(NUMBER).enumerate() {
            nodes.all.push(Node {
                process: start(number, &name.to_string())?,
                state: State::Runs,
            });
            nodes.note(number);
        }
        Ok(nodes)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &P> {
        self.all.iter().map(|node| &node.process)
    }

    pub(crate) fn node(&self, number: usize) -> &P {
        &self.all[number].process
    }

    pub(crate) fn running(&self) -> Running {
        Arc::clone(&self.running)
    }

    fn note(&self, number: usize) {
        let Node { process, state } = &self.all[number];
        let mut running = lock(&self.running);
        running.retain(|known, _| !known.starts_with(&format!("{}-", process.name())));
        if *state != State::Ended {
            let pid = process.process_id();
            running.insert(format!("{}-{pid}", process.name()), pid);
        }
    }

    /// Those that run and do not sleep.
    pub(crate) fn awake(&self) -> Vec<usize> {
        self.that(State::Runs)
    }

    pub(crate) fn asleep(&self) -> Vec<usize> {
        self.that(State::Sleeps)
    }

    fn that(&self, state: State) -> Vec<usize> {
        (0..self.all.len())
            .filter(|number| self.all[*number].state == state)
            .collect()
    }

    /// Who says to be master of the highest epoch.
    pub(crate) fn master(&self) -> Option<usize> {
        let masters = self.awake().into_iter().filter_map(|number| {
            let standing = self.node(number).standing();
            (standing.role == "MASTER").then_some((standing.epoch, number))
        });
        masters.max().map(|(_, number)| number)
    }

    /// Where a node stands in the journal.
    pub(crate) fn seq(&self, number: usize) -> u64 {
        self.node(number).seq()
    }

    /// Waits until it may act, but no longer.
    pub(crate) fn may_act_within(&self, number: usize, limit: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < limit && !self.node(number).standing().may_act {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn kill(&mut self, number: usize) {
        let node = &mut self.all[number];
        if node.state != State::Ended {
            node.process.kill();
            node.state = State::Ended;
        }
        self.note(number);
    }

    /// Asks one to end in order, and kills it if it has not after some time: it may be without a store.
    pub(crate) fn terminate(&mut self, number: usize, within: Duration) -> bool {
        let node = &mut self.all[number];
        node.process.signal(Signal::TERM);
        let in_order = node.process.ends_within(within).is_some();
        node.state = if in_order { State::Ended } else { node.state };
        self.kill(number);
        in_order
    }

    pub(crate) fn start_again(&mut self, number: usize) {
        let node = &mut self.all[number];
        if node.state == State::Ended {
            node.process.start_again();
            node.state = State::Runs;
        }
        self.note(number);
    }

    pub(crate) fn pause(&mut self, number: usize) {
        self.all[number].process.signal(Signal::STOP);
        self.all[number].state = State::Sleeps;
    }

    pub(crate) fn wake(&mut self, number: usize) {
        if self.all[number].state == State::Sleeps {
            self.all[number].process.signal(Signal::CONT);
            self.all[number].state = State::Runs;
        }
    }

    /// Starts those that have ended by themselves, and those that call themselves failed, again; an operator would. Gives their numbers, and why.
    pub(crate) fn tend(&mut self) -> Vec<(usize, String)> {
        let mut tended = Vec::new();
        for number in self.awake() {
            let process = &mut self.all[number].process;
            let why = match process.ends_within(Duration::ZERO) {
                Some(status) => {
                    self.all[number].state = State::Ended;
                    Some(format!("ended by {status}"))
                }
                None => {
                    let standing = process.standing();
                    (standing.role == "FAILED").then(|| format!("FAILED: {}", standing.errors))
                }
            };
            if let Some(why) = why {
                tended.push((number, format!("{} {why}", self.node(number).name())));
                self.kill(number);
                self.start_again(number);
            }
        }
        tended
    }

    /// Waits until one is master, and all others follow it.
    pub(crate) fn settle(&mut self, bound: Duration) -> Result<Duration, Finding> {
        let begun = Instant::now();
        loop {
            self.tend();
            let standings: Vec<_> = self.all.iter().map(|node| node.process.standing()).collect();
            let of = |role: &str| standings.iter().filter(|standing| standing.role == role).count();
            if (of("MASTER"), of("HOT_STANDBY")) == (1, NUMBER - 1) {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > bound {
                let how = format!("no master with two hot standbys after {bound:?}: {standings:?}");
                return Err(Finding::new(Rule::NotRecovered, how));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
