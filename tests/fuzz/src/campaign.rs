//! A small fuzzer: replays a corpus and goes on with changes of it, from a seed.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ha_sim::rng::Rng;

use crate::{Target, mutate};

/// Tells how much memory is taken, where the program has an allocator that counts.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct Meter {
    /// Begins a measurement.
    pub reset: fn(),
    /// The most that was taken at a time since then, by everything, in bytes.
    pub peak: fn() -> usize,
}

/// How long to go on, and from which seed.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct Campaign {
    /// The same inputs again for the same number.
    pub seed: u64,
    /// Inputs beside the corpus at most.
    pub inputs: u64,
    /// Ends after this time, whatever is left.
    pub within: Duration,
}

/// What was done, and nothing was found.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Passed {
    /// Inputs of the corpus.
    pub seeds: u64,
    /// Inputs made from them.
    pub inputs: u64,
    /// The most memory that one took, in bytes.
    pub peak: usize,
}

/// An input that fails.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Found {
    /// Which target.
    pub target: &'static str,
    /// What does not hold.
    pub what: String,
    /// The input, made as short as was easy.
    pub input: Vec<u8>,
    /// How many inputs had passed before.
    pub after: u64,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target,
            what,
            input,
            after,
        } = self;
        write!(
            f,
            "{target}: {what}\nafter {after} inputs, by {} bytes: {}",
            input.len(),
            input.escape_ascii()
        )
    }
}

impl std::error::Error for Found {}

impl Campaign {
    /// Runs a target.
    ///
    /// # Errors
    /// The first input that fails.
    ///
    /// # Panics
    /// If there is no corpus.
    pub fn run(&self, target: &'static Target, meter: Meter) -> Result<Passed, Found> {
        let corpus = target.corpus().unwrap_or_default();
        assert!(
            !corpus.is_empty(),
            "there are no seeds in {}",
            target.folder().display()
        );
        let mut passed = Passed::default();
        let began = Instant::now();
        for input in &corpus {
            passed.peak = passed.peak.max(attempt(target, meter, input, passed.seeds)?);
            passed.seeds += 1;
        }
        let mut rng = Rng::new(self.seed);
        while passed.inputs < self.inputs && began.elapsed() < self.within {
            let input = mutate::mutate(&mut rng, &corpus, target.words);
            let taken = attempt(target, meter, &input, passed.seeds + passed.inputs)?;
            passed.peak = passed.peak.max(taken);
            passed.inputs += 1;
        }
        Ok(passed)
    }
}

fn attempt(target: &'static Target, meter: Meter, input: &[u8], after: u64) -> Result<usize, Found> {
    match judge(target, meter, input) {
        Ok(taken) => Ok(taken),
        Err(what) => {
            let input = shorten(input, |shorter| judge(target, meter, shorter).is_err());
            Err(Found {
                target: target.name,
                what,
                input,
                after,
            })
        }
    }
}

fn judge(target: &Target, meter: Meter, input: &[u8]) -> Result<usize, String> {
    (meter.reset)();
    let before = (meter.peak)();
    let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let taken = (meter.peak)().saturating_sub(before);
    if let Err(panic) = ran {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        return Err(words.unwrap_or_else(|| "it panics".to_owned()));
    }
    if taken > target.memory {
        return Err(format!(
            "it takes {taken} bytes of memory, and {} are the most",
            target.memory
        ));
    }
    Ok(taken)
}

/// Leaves out halves, quarters and so on, as long as it still fails.
fn shorten(input: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut shortest = input.to_vec();
    let mut piece = shortest.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < shortest.len() {
            let mut shorter = shortest.clone();
            shorter.drain(at..(at + piece).min(shortest.len()));
            if fails(&shorter) {
                shortest = shorter;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    shortest
}
