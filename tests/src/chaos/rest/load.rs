//! The load on a plane over REST: clients that deploy, change, call and delete all the time, and readers of all nodes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ha_sim::rng::Rng;

use super::client::{Client, World};
use super::history::{Kind, Sight, Told, Write};
use super::mark::Mark;

/// How heavy it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight {
    pub(crate) clients: u64,
    pub(crate) readers: u64,
    /// Between two writes of a client, and ten of these between two looks of a reader.
    pub(crate) pause: Duration,
}

/// Clients and readers at work.
#[derive(Debug)]
pub(crate) struct Load {
    done: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Vec<Write>>>,
    readers: Vec<JoinHandle<Vec<Sight>>>,
}

impl Load {
    pub(crate) fn begin(weight: Weight, world: &World, seed: u64) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let client = |number| {
            let (done, rng) = (Arc::clone(&done), Rng::new(seed.wrapping_add(number)));
            let client = Client::new(number, world.clone());
            std::thread::spawn(move || Worker::new(client, rng).work(weight.pause, &done))
        };
        let reader = |number| {
            let (done, world) = (Arc::clone(&done), world.clone());
            let rng = Rng::new(seed.wrapping_add(1_000 + number));
            std::thread::spawn(move || read(&world, rng, weight.pause * 10, &done))
        };
        Self {
            clients: (0..weight.clients).map(client).collect(),
            readers: (0..weight.readers).map(reader).collect(),
            done,
        }
    }

    /// Ends the work. Gives all that clients and readers were told.
    pub(crate) fn end(mut self) -> (Vec<Write>, Vec<Sight>) {
        self.done.store(true, Ordering::Relaxed);
        let (clients, readers) = (
            std::mem::take(&mut self.clients),
            std::mem::take(&mut self.readers),
        );
        let writes = clients
            .into_iter()
            .flat_map(|client| client.join().expect("a client does not panic"));
        let writes = writes.collect();
        let sights = readers
            .into_iter()
            .flat_map(|reader| reader.join().expect("a reader does not panic"));
        (writes, sights.collect())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

/// How many applications of a client there are at a time.
const LIVE: usize = 4;

/// How many adjuncts an application has at most.
const MOST_ADJUNCTS: usize = 3;

/// Sensors and config keys of each application.
const PARTS: u64 = 3;

/// How long a client goes on to ask for its last write.
const LAST: Duration = Duration::from_secs(30);

struct Worker {
    client: Client,
    rng: Rng,
    /// The applications that are there, by what they were deployed with, and their ids.
    apps: BTreeMap<Mark, String>,
    /// Of each of them the adjuncts that are there, by the number of what attached them, and their ids.
    adjuncts: BTreeMap<Mark, BTreeMap<u64, String>>,
    /// What is yet to be done once, the last first.
    first: Vec<Kind>,
}

impl Worker {
    fn new(client: Client, rng: Rng) -> Self {
        Self {
            client,
            rng,
            apps: BTreeMap::new(),
            adjuncts: BTreeMap::new(),
            first: vec![
                Kind::Delete,
                Kind::Detach(0),
                Kind::PutTaken,
                Kind::InvokeBadly,
                Kind::Attach { is_feed: true },
                Kind::SetLevel { is_high: true },
                Kind::Attach { is_feed: false },
                Kind::Invoke { is_idempotent: true },
                Kind::Invoke { is_idempotent: false },
                Kind::Rename,
                Kind::SetConfig(0),
                Kind::RemoveSensor(0),
                Kind::SetSensor(0),
                Kind::Put,
                Kind::Deploy,
            ],
        }
    }

    fn work(mut self, pause: Duration, done: &AtomicBool) -> Vec<Write> {
        while !done.load(Ordering::Relaxed) {
            if self.rng.below(100) < 12 && !self.client.writes.is_empty() {
                self.again();
            } else {
                let write = self.next();
                self.write(write, done);
            }
            std::thread::sleep(pause);
        }
        self.client.writes
    }

    fn write(&mut self, write: Write, done: &AtomicBool) {
        let mut ends_since = None;
        let is_over =
            || done.load(Ordering::Relaxed) && ends_since.get_or_insert_with(Instant::now).elapsed() > LAST;
        let write = self.client.insist(write, is_over);
        let (app, number, ack) = (write.app, write.mark.number, write.acks.first().cloned());
        let (entity, adjunct) = ack.map_or((None, None), |ack| (ack.entity, ack.adjunct));
        match (write.kind, write.told) {
            (Kind::Deploy | Kind::DeployOnce, Told::Done) => {
                self.apps.extend(entity.map(|id| (app, id)));
            }
            (Kind::Put, Told::Done) => {
                self.apps.insert(app, app.to_string());
            }
            (Kind::Delete, _) => {
                self.apps.remove(&app);
                self.adjuncts.remove(&app);
            }
            (Kind::Attach { .. }, Told::Done) => {
                let of = self.adjuncts.entry(app).or_default();
                of.extend(adjunct.map(|id| (number, id)));
            }
            (Kind::Detach(number), _) => {
                self.adjuncts.entry(app).or_default().remove(&number);
            }
            _ => {}
        }
    }

    /// What it writes next: each kind once, and then whatever is drawn.
    fn next(&mut self) -> Write {
        let mark = self.client.mark();
        let kind = match self.first.pop() {
            Some(kind) => kind,
            None => self.drawn(),
        };
        let kind = match kind {
            Kind::Deploy | Kind::DeployOnce => return Write::new(mark, kind, mark, ""),
            _ if self.apps.is_empty() => Kind::Put,
            _ if self.apps.len() > 2 * LIVE => Kind::Delete,
            other => other,
        };
        if kind == Kind::Put {
            return Write::new(mark, kind, mark, &mark.to_string());
        }
        // The first stays, so that what became of its tasks is seen in the end.
        let kept = u64::from(kind == Kind::Delete && self.apps.len() > 1);
        let place = kept + self.rng.below(self.apps.len() as u64 - kept);
        let place = usize::try_from(place).expect("there are few");
        let (app, id) = self.apps.iter().nth(place).expect("it is one of them");
        match kind {
            // Nothing is to be there under its own mark.
            Kind::PutTaken => Write::new(mark, kind, mark, id),
            Kind::Attach { .. } | Kind::Detach(_) => self.attachment(mark, kind, *app),
            _ => Write::new(mark, kind, *app, id),
        }
    }

    /// Attaches an adjunct to an application that has few, or removes one of any application.
    fn attachment(&self, mark: Mark, kind: Kind, app: Mark) -> Write {
        let of = |app: Mark| self.adjuncts.get(&app).into_iter().flatten();
        let is_full = of(app).count() >= MOST_ADJUNCTS;
        let known = self.apps.keys().find(|app| of(**app).next().is_some());
        let place = if is_full { Some(&app) } else { known };
        match (kind, place) {
            (Kind::Attach { .. }, _) if !is_full => Write::new(mark, kind, app, &self.apps[&app]),
            (_, Some(place)) => {
                let (number, adjunct) = of(*place).next().expect("it has some");
                let detach = Write::new(mark, Kind::Detach(*number), *place, &self.apps[place]);
                Write {
                    adjunct: adjunct.clone(),
                    ..detach
                }
            }
            (_, None) => Write::new(mark, Kind::SetLevel { is_high: false }, app, &self.apps[&app]),
        }
    }

    fn drawn(&mut self) -> Kind {
        let part = self.rng.below(PARTS);
        match self.rng.below(100) {
            0..4 => Kind::Deploy,
            4..8 => Kind::Put,
            8..10 => Kind::DeployOnce,
            10..26 => Kind::SetSensor(part),
            26..32 => Kind::RemoveSensor(part),
            32..42 => Kind::SetConfig(part),
            42..48 => Kind::Rename,
            48..62 => Kind::Invoke { is_idempotent: false },
            62..72 => Kind::Invoke { is_idempotent: true },
            72..76 => Kind::Attach { is_feed: false },
            76..79 => Kind::Attach { is_feed: true },
            79..82 => Kind::Detach(0),
            82..85 => Kind::SetLevel { is_high: true },
            85..88 => Kind::SetLevel { is_high: false },
            88..90 => Kind::InvokeBadly,
            90..92 => Kind::PutTaken,
            _ if self.apps.len() > LIVE => Kind::Delete,
            _ => Kind::SetSensor(part),
        }
    }

    /// Asks once more for something that was acknowledged lately.
    fn again(&mut self) {
        let writes = &self.client.writes;
        let lately = writes.len().saturating_sub(LATELY)..writes.len();
        let done: Vec<_> = lately.filter(|place| writes[*place].told == Told::Done).collect();
        if !done.is_empty() {
            self.client.ask_again(self.rng.pick(&done));
        }
    }
}

/// So many writes back.
const LATELY: usize = 60;

fn read(world: &World, mut rng: Rng, pause: Duration, done: &AtomicBool) -> Vec<Sight> {
    let mut sights = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let node = usize::try_from(rng.below(world.nodes.len() as u64)).expect("there are few nodes");
        sights.extend(world.sight(node));
        std::thread::sleep(pause);
    }
    sights
}
