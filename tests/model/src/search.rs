//! Breadth-first search over encoded states: 64-bit fingerprints, two threads, parents kept for the shortest trace.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::canon::fingerprint;

/// What is searched.
pub(crate) trait Model: Sync {
    /// A state.
    type State: Clone;
    /// What happened between two states.
    type Step: Copy;
    /// Where it begins.
    fn init(&self) -> Self::State;
    /// Every step that may be taken, and the state after it.
    fn next(&self, state: &Self::State, out: &mut Vec<(Self::Step, Self::State)>);
    /// What is wrong with a state.
    fn violation(&self, state: &Self::State) -> Option<&'static str>;
    /// The state as bytes; equal states have equal bytes.
    fn encode(&self, state: &Self::State, out: &mut Vec<u8>);
    /// The state of these bytes.
    fn decode(&self, bytes: &[u8]) -> Self::State;
    /// A step in words.
    fn words(&self, before: &Self::State, step: Self::Step, after: &Self::State) -> String;
    /// What is to happen in some state, by name: a search in which it does not checks less than it says.
    fn wanted(&self) -> Vec<&'static str>;
    /// Whether that has happened, in the order of `wanted`.
    fn happened(&self, state: &Self::State) -> Vec<bool>;
    /// A line of figures about the tables behind the states.
    fn figures(&self) -> String {
        String::new()
    }
}

/// How far a search may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// No more states than this.
    pub(crate) states: usize,
    /// No longer than this.
    pub(crate) time: Duration,
    /// Say on stderr how it goes on.
    pub(crate) verbose: bool,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Distinct states.
    pub(crate) states: usize,
    /// Steps of the longest shortest path.
    pub(crate) depth: usize,
    /// Nothing is left to be searched within the bounds.
    pub(crate) exhausted: bool,
    /// What is wrong, and the shortest way to it in words.
    pub(crate) violation: Option<(&'static str, Vec<String>)>,
    /// What was to happen and has not, in all that was searched.
    pub(crate) missing: Vec<&'static str>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Outcome {
    /// Why this search shows less than that all is well.
    pub(crate) fn fault(&self) -> Option<String> {
        if let Some((why, _)) = &self.violation {
            return Some((*why).to_owned());
        }
        if !self.exhausted {
            return Some("not searched to the end within the time and the states allowed".to_owned());
        }
        let missing = self.missing.join(", ");
        (!missing.is_empty()).then(|| format!("the bounds allow it, and it never happened: {missing}"))
    }
}

const SHARDS: usize = 256;
const THREADS: usize = 2;
/// Bytes of states that one thread takes at a time.
const BLOCK: usize = 1 << 15;

struct Seen {
    slots: Vec<[u64; 2]>,
    len: usize,
}

impl Seen {
    fn at(&self, fp: u64) -> usize {
        let mask = self.slots.len() - 1;
        #[allow(clippy::cast_possible_truncation)]
        let mut i = (fp >> 8) as usize & mask;
        while self.slots[i][0] != 0 && self.slots[i][0] != fp {
            i = (i + 1) & mask;
        }
        i
    }

    fn insert(&mut self, fp: u64, parent: u64) -> bool {
        if self.len * 10 > self.slots.len() * 8 {
            let bigger = vec![[0; 2]; self.slots.len() * 2];
            for entry in std::mem::replace(&mut self.slots, bigger) {
                if entry[0] != 0 {
                    let i = self.at(entry[0]);
                    self.slots[i] = entry;
                }
            }
        }
        let i = self.at(fp);
        if self.slots[i][0] == fp {
            return false;
        }
        self.slots[i] = [fp, parent];
        self.len += 1;
        true
    }
}

struct Table(Vec<Mutex<Seen>>);

impl Table {
    fn new() -> Self {
        let seen = || Seen {
            slots: vec![[0; 2]; 64],
            len: 0,
        };
        Self((0..SHARDS).map(|_| Mutex::new(seen())).collect())
    }

    fn shard(&self, fp: u64) -> std::sync::MutexGuard<'_, Seen> {
        #[allow(clippy::cast_possible_truncation)]
        let shard = &self.0[fp as usize % SHARDS];
        shard.lock().expect("no searcher panics with the lock held")
    }

    fn parent(&self, fp: u64) -> u64 {
        let shard = self.shard(fp);
        shard.slots[shard.at(fp)][1]
    }
}

struct Level<'a, M: Model> {
    model: &'a M,
    seen: &'a Table,
    blocks: &'a [Vec<u8>],
    taken: AtomicUsize,
    states: &'a AtomicUsize,
    found: AtomicU64,
    happened: &'a [AtomicBool],
    stop: &'a AtomicBool,
    began: Instant,
    limits: Limits,
}

fn push(blocks: &mut Vec<Vec<u8>>, bytes: &[u8]) {
    if blocks.last().is_none_or(|b| b.len() + bytes.len() + 2 > BLOCK) {
        blocks.push(Vec::with_capacity(BLOCK));
    }
    let length = u16::try_from(bytes.len())
        .expect("a state is small")
        .to_le_bytes();
    let block = blocks.last_mut().expect("one was pushed");
    block.extend_from_slice(&length);
    block.extend_from_slice(bytes);
}

impl<M: Model> Level<'_, M> {
    fn mark(&self, state: &M::State) {
        if self.happened.iter().all(|h| h.load(Ordering::Relaxed)) {
            return;
        }
        for (mark, has) in self.happened.iter().zip(self.model.happened(state)) {
            mark.fetch_or(has, Ordering::Relaxed);
        }
    }

    fn work(&self) -> Vec<Vec<u8>> {
        let (mut next, mut out, mut buf) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(block) = self.blocks.get(self.taken.fetch_add(1, Ordering::Relaxed)) {
            let mut rest = &block[..];
            while let [low, high, tail @ ..] = rest {
                let (bytes, tail) = tail.split_at(usize::from(u16::from_le_bytes([*low, *high])));
                rest = tail;
                let (fp, state) = (fingerprint(bytes), self.model.decode(bytes));
                out.clear();
                self.model.next(&state, &mut out);
                for (_, after) in &out {
                    buf.clear();
                    self.model.encode(after, &mut buf);
                    let new = fingerprint(&buf);
                    if self.seen.shard(new).insert(new, fp) {
                        self.states.fetch_add(1, Ordering::Relaxed);
                        self.mark(after);
                        if self.model.violation(after).is_some() {
                            // The lowest of a level, whatever thread finds it.
                            self.found.fetch_min(new, Ordering::Relaxed);
                        }
                        push(&mut next, &buf);
                    }
                }
            }
            let over = self.states.load(Ordering::Relaxed) > self.limits.states
                || self.began.elapsed() > self.limits.time;
            if over {
                self.stop.store(true, Ordering::Relaxed);
            }
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        next
    }
}

/// Searches everything, level by level.
pub(crate) fn search<M: Model>(model: &M, limits: Limits) -> Outcome {
    let (began, seen, mut buf) = (Instant::now(), Table::new(), Vec::new());
    let (states, stop) = (AtomicUsize::new(1), AtomicBool::new(false));
    let mut here: Vec<Vec<u8>> = Vec::new();
    model.encode(&model.init(), &mut buf);
    seen.shard(fingerprint(&buf)).insert(fingerprint(&buf), 0);
    push(&mut here, &buf);
    let wanted = model.wanted();
    let happened: Vec<_> = wanted.iter().map(|_| AtomicBool::new(false)).collect();
    let (mut depth, mut found) = (0, None);
    while !here.is_empty() && found.is_none() && !stop.load(Ordering::Relaxed) {
        depth += 1;
        let level = Level {
            model,
            seen: &seen,
            blocks: &here,
            taken: AtomicUsize::new(0),
            states: &states,
            found: AtomicU64::new(u64::MAX),
            happened: &happened,
            stop: &stop,
            began,
            limits,
        };
        let next = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| level.work())).collect();
            let joined = workers
                .into_iter()
                .map(|w| w.join().expect("a searcher does not panic"));
            joined.flatten().collect::<Vec<_>>()
        });
        found = Some(level.found.into_inner()).filter(|f| *f != u64::MAX);
        here = next;
        if limits.verbose {
            let (known, bytes) = (
                states.load(Ordering::Relaxed),
                here.iter().map(Vec::len).sum::<usize>(),
            );
            eprintln!(
                "depth {depth}: {known} states, frontier {} MiB, {:.0} s {}",
                bytes >> 20,
                began.elapsed().as_secs_f64(),
                model.figures()
            );
        }
    }
    let missing = wanted.into_iter().zip(happened);
    Outcome {
        missing: missing
            .filter(|(_, h)| !h.load(Ordering::Relaxed))
            .map(|(name, _)| name)
            .collect(),
        states: states.into_inner(),
        depth,
        exhausted: found.is_none() && !stop.into_inner(),
        violation: found.map(|f| retrace(model, &seen, f)),
        took: began.elapsed(),
    }
}

fn retrace<M: Model>(model: &M, seen: &Table, found: u64) -> (&'static str, Vec<String>) {
    let mut path = vec![found];
    while let Some(parent) = path.last().map(|fp| seen.parent(*fp)).filter(|p| *p != 0) {
        path.push(parent);
    }
    path.pop();
    let (mut state, mut words, mut out, mut buf) = (model.init(), Vec::new(), Vec::new(), Vec::new());
    for fp in path.into_iter().rev() {
        out.clear();
        model.next(&state, &mut out);
        let leads_there = |(_, after): &&(M::Step, M::State)| {
            buf.clear();
            model.encode(after, &mut buf);
            fingerprint(&buf) == fp
        };
        let (step, after) = out.iter().find(leads_there).expect("the trace replays").clone();
        words.push(model.words(&state, step, &after));
        state = after;
    }
    (model.violation(&state).unwrap_or("no violation"), words)
}
