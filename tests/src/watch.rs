//! An observer that asks all the time who is master, and knows when two were at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::http::Request;
use crate::server::Server;

/// Asks servers what they are until it is told to stop.
#[derive(Debug)]
pub struct MasterWatch {
    done: Arc<AtomicBool>,
    /// A master was seen.
    seen: Arc<AtomicBool>,
    askers: Vec<(String, JoinHandle<Vec<Sample>>)>,
}

/// One answer.
#[derive(Clone, Copy, Debug)]
struct Sample {
    asked: Instant,
    answered: Instant,
    is_master: bool,
}

impl MasterWatch {
    /// Begins to watch.
    #[must_use]
    pub fn over(servers: &[Server]) -> Self {
        let (done, seen): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let asker = |server: &Server| {
            let (done, seen, address) = (done.clone(), seen.clone(), server.address());
            (
                server.name().to_owned(),
                std::thread::spawn(move || ask(address, &done, &seen)),
            )
        };
        Self {
            askers: servers.iter().map(asker).collect(),
            done,
            seen,
        }
    }

    /// Ends, and checks that no two were master at once.
    ///
    /// # Panics
    /// If two were, or if none ever was.
    #[track_caller]
    pub fn saw_no_two_masters(mut self) {
        // The last of several masters may be so new that it has not been asked.
        crate::wait_for(crate::PATIENCE, "a master is seen", || {
            self.seen.load(Ordering::Relaxed)
        });
        self.done.store(true, Ordering::Relaxed);
        let samples: Vec<_> = std::mem::take(&mut self.askers)
            .into_iter()
            .map(|(name, asker)| (name, asker.join().expect("an asker does not panic")))
            .collect();
        for (one, of_one) in &samples {
            for (other, of_other) in samples.iter().filter(|(name, _)| name != one) {
                if let Some(at) = within_reign(of_one, of_other) {
                    let ago = at.asked.elapsed();
                    panic!("{one} said to be MASTER {ago:?} ago, while {other} was before and after");
                }
            }
        }
    }
}

impl Drop for MasterWatch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

fn ask(server: SocketAddr, done: &AtomicBool, seen: &AtomicBool) -> Vec<Sample> {
    let mut samples = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let answer = Request::get("/v1/server/ha/state")
            .within(Duration::from_millis(300))
            .send(server);
        if let Ok(answer) = answer {
            let is_master = answer.body == "\"MASTER\"";
            seen.fetch_or(is_master, Ordering::Relaxed);
            samples.push(Sample {
                asked,
                answered: Instant::now(),
                is_master,
            });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    samples
}

/// A claim of the one to be master that lies between two such answers of the other, which said nothing else between them.
///
/// An answer was true at some time between the question and the answer, so only what is asked after another answer is later.
fn within_reign(of_one: &[Sample], of_other: &[Sample]) -> Option<Sample> {
    let is_within = |claim: &&Sample| {
        let before = of_other.partition_point(|sample| sample.answered <= claim.asked);
        let after = of_other.partition_point(|sample| sample.asked < claim.answered);
        before > 0
            && after < of_other.len()
            && of_other[before - 1..=after].iter().all(|sample| sample.is_master)
    };
    of_one
        .iter()
        .filter(|sample| sample.is_master)
        .find(is_within)
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(zero: Instant, answers: &[(u64, u64, bool)]) -> Vec<Sample> {
        let at = |ms| zero + Duration::from_millis(ms);
        let sample = |&(asked, answered, is_master): &_| Sample {
            asked: at(asked),
            answered: at(answered),
            is_master,
        };
        answers.iter().map(sample).collect()
    }

    #[test]
    fn a_claim_inside_the_reign_of_another_is_seen() {
        let zero = Instant::now();
        let other = samples(zero, &[(0, 1, true), (10, 11, true), (20, 21, true)]);
        assert!(within_reign(&samples(zero, &[(12, 13, true)]), &other).is_some());
        assert!(
            within_reign(&samples(zero, &[(5, 15, true)]), &other).is_some(),
            "also one that took long"
        );
    }

    #[test]
    fn masters_one_after_the_other_are_none_at_once() {
        let zero = Instant::now();
        let one = samples(zero, &[(0, 1, true), (12, 13, false), (25, 26, true)]);
        let other = samples(zero, &[(0, 1, false), (14, 15, true), (22, 23, false)]);
        assert!(within_reign(&one, &other).is_none());
        assert!(within_reign(&other, &one).is_none());
    }

    #[test]
    fn an_answer_that_came_late_proves_nothing_about_the_time_between() {
        let zero = Instant::now();
        let one = samples(zero, &[(0, 30, true)]);
        let other = samples(zero, &[(10, 11, true), (40, 41, true)]);
        assert!(within_reign(&one, &other).is_none());
    }
}
