//! The load on a plane: clients that write and read all the time, and nodes that are asked to act all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ha_sim::rng::Rng;

use super::client::{Client, Outcome, Sums};
use super::history::{Clock, Record, Told};
use crate::counter::Remote;

/// How heavy it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight {
    pub(crate) clients: u64,
    /// Between two calls of a client.
    pub(crate) pause: Duration,
    /// So many calls in a hundred are reads.
    pub(crate) reads_percent: u64,
}

/// Clients and actors at work.
#[derive(Debug)]
pub(crate) struct Load {
    done: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Record>>>,
    actors: Vec<JoinHandle<()>>,
}

/// How long a client waits for an answer before it turns to another node. The answer may still come.
const TURN_AWAY: Duration = Duration::from_millis(300);

/// A node that may not act is asked again after so many pauses of a client.
const ASKED_AGAIN: u32 = 4;

impl Load {
    pub(crate) fn begin(weight: Weight, nodes: &[Remote], seed: u64, clock: Clock, sums: &Arc<Sums>) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let client = |number| {
            let client = Client::new(number, clock, sums);
            let (nodes, done) = (nodes.to_vec(), Arc::clone(&done));
            let rng = Rng::new(seed.wrapping_add(number));
            std::thread::spawn(move || work(client, &nodes, rng, weight, &done))
        };
        let clients = (0..weight.clients).map(client).collect();
        let actor = |node: &Remote| {
            let (node, done) = (node.clone(), Arc::clone(&done));
            std::thread::spawn(move || act(&node, weight.pause * ASKED_AGAIN, &done))
        };
        let actors = nodes.iter().map(actor).collect();
        Self {
            done,
            clients,
            actors,
        }
    }

    /// Ends the work. Gives what all clients were told.
    pub(crate) fn end(mut self) -> Vec<Record> {
        self.done.store(true, Ordering::Relaxed);
        for actor in std::mem::take(&mut self.actors) {
            actor.join().expect("an actor does not panic");
        }
        let clients = std::mem::take(&mut self.clients).into_iter();
        clients
            .flat_map(|client| client.join().expect("a client does not panic"))
            .collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

fn work(
    mut client: Client,
    nodes: &[Remote],
    mut rng: Rng,
    weight: Weight,
    done: &AtomicBool,
) -> Vec<Record> {
    let any = |rng: &mut Rng| usize::try_from(rng.below(nodes.len() as u64)).expect("there are few nodes");
    let mut at = any(&mut rng);
    while !done.load(Ordering::Relaxed) {
        client.hear_late(Duration::ZERO);
        if rng.below(100) < weight.reads_percent {
            let node = any(&mut rng);
            // What it says is on record.
            let _ = client.read(&nodes[node], TURN_AWAY);
        } else if !matches!(
            client.append(&nodes[at], TURN_AWAY),
            Outcome::Told(Told::Committed(_))
        ) {
            at = (at + 1) % nodes.len();
        }
        std::thread::sleep(weight.pause);
    }
    client.end()
}

/// Asks a node to act for as long as it may, again and again, with a pause where it may not.
fn act(node: &Remote, pause: Duration, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        if node.call("act 200")["acted"].is_null() {
            std::thread::sleep(pause);
        }
    }
}
