//! What happens to a plane, step by step.

use ha_proto::{
    Event, FailureKind, Input, Mode, Process, Role, StoreFailure, StoreOp, StoreReply, StoreRequest,
};
use ha_sim::hand::Hand;

/// Steps of two bytes each: what happens, and to whom or how much. More are not looked at.
const MOST_STEPS: usize = 200;
const NODES: usize = 3;

/// Two nodes to begin with, and a third that may come. Nobody leads without having taken over, no two may act at once, every state is after a
/// prefix of the true journal, and what is called durable is in it for ever: [`Hand`] holds the first three at every step, this the last.
pub(crate) fn run(data: &[u8]) {
    let mut play = Play::new();
    for step in data.chunks_exact(2).take(MOST_STEPS) {
        play.step(step[0], step[1]);
        play.check();
    }
}

struct Play {
    hand: Hand,
    /// Requests that were taken from a node, which waits for an answer.
    taken: Vec<(usize, Process, StoreRequest)>,
    /// Creates that have been sent, and may land again.
    sent: Vec<StoreOp>,
    next_change: u64,
    seen: [usize; NODES],
}

const WORDS: [&str; 6] = ["create", "put", "get", "list", "delete", "snapshot"];

impl Play {
    fn new() -> Self {
        Self {
            hand: Hand::plane(2),
            taken: Vec::new(),
            sent: Vec::new(),
            next_change: 1,
            seen: [0; NODES],
        }
    }

    fn step(&mut self, what: u8, arg: u8) {
        let i = usize::from(arg) % self.hand.seats.len();
        let more = arg / NODES as u8;
        match what % 14 {
            0 => self.hand.run(u64::from(arg)),
            1 => self.hand.run(10 * u64::from(arg)),
            2 if self.hand.role(i) == Role::Master && self.hand.seats[i].node.write_authority().is_some() => {
                self.hand.propose(i, self.next_change);
                self.next_change += 1;
            }
            3 => self.hand.sleep(i),
            4 => self.hand.wake(i),
            5 => self.hand.hold(i, WORDS[usize::from(more) % WORDS.len()]),
            6 => self.hand.free(i),
            7 => self.boot(arg),
            8 => {
                let leader = usize::from(more) % self.hand.seats.len();
                if leader != i {
                    self.hand.suspect(i, leader);
                }
            }
            9 => self.take(i, more),
            10 => self.answer(arg),
            11 if !self.sent.is_empty() => {
                let op = self.sent[usize::from(arg) % self.sent.len()].clone();
                self.hand.land(&op);
            }
            12 => self.change_mode(i, more),
            13 => self.hand.input(i, Input::ClockJumped),
            _ => {}
        }
    }

    /// A process ends, and the next of that node begins.
    fn boot(&mut self, arg: u8) {
        // Another moment, or it would be the same process.
        self.hand.run(1);
        let i = usize::from(arg) % NODES.min(self.hand.seats.len() + 1);
        if i < self.hand.seats.len() {
            self.check();
        }
        self.hand.boot(i, Mode::Auto);
        self.seen[i] = 0;
    }

    /// A request leaves a node, and reaches the store or does not.
    fn take(&mut self, i: usize, more: u8) {
        let asks = &mut self.hand.seats[i].asks;
        if asks.is_empty() {
            return;
        }
        let request = asks.remove(usize::from(more) % asks.len());
        if matches!(request.op, StoreOp::Create { .. }) {
            self.sent.push(request.op.clone());
        }
        if more & 1 == 1 {
            self.hand.land(&request.op);
        }
        let process = self.hand.seats[i].node.process().clone();
        self.taken.push((i, process, request));
    }

    /// A node hears of a request, late, or hears that nothing is known of it.
    fn answer(&mut self, arg: u8) {
        if self.taken.is_empty() {
            return;
        }
        let (i, process, request) = self.taken.remove(usize::from(arg) % self.taken.len());
        if *self.hand.seats[i].node.process() != process {
            return;
        }
        let reply = if arg & 64 == 0 {
            self.hand.land(&request.op)
        } else {
            StoreReply::Failed(StoreFailure {
                kind: FailureKind::OutcomeUnknown,
                message: String::from("no answer came"),
            })
        };
        self.hand.answer(i, &request, reply);
        self.hand.pump();
    }

    fn change_mode(&mut self, i: usize, more: u8) {
        let modes = [
            Mode::Auto,
            Mode::Standby,
            Mode::HotStandby,
            Mode::Master,
            Mode::HotBackup,
        ];
        let now = self.hand.now();
        // It may be refused, in words.
        let asked = self.hand.seats[i]
            .node
            .change_mode(now, modes[usize::from(more) % modes.len()]);
        if let Err(error) = asked {
            assert!(!error.to_string().is_empty());
        }
        self.hand.pump();
    }

    fn check(&mut self) {
        for (seat, seen) in self.hand.seats.iter().zip(&mut self.seen) {
            for event in &seat.events[*seen..] {
                if let Event::Durable { seq, write_id, .. } = event {
                    let there = self.hand.truth.valid.get(seq).map(|(id, _)| *id);
                    assert_eq!(
                        there,
                        Some(*write_id),
                        "I2: what was acknowledged at slot {seq} is not in the journal"
                    );
                }
            }
            *seen = seat.events.len();
        }
    }
}
