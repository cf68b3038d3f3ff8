//! Threads for calls that block on a disk.
//!
//! Not tokio's own blocking threads: a runtime waits for those when it is dropped, and a process must be able to end
//! while its file server hangs. There are few, they come when they are needed, and they go when they are not.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Missed {
    /// The deadline passed while the work waited for a thread; it will not be done.
    NotStarted,
    /// The deadline passed while the work was being done, and it goes on.
    Underway,
    /// There is no room for more work; it will not be done.
    Crowded,
    /// The work panicked.
    Died,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self {
            shared: Arc::default(),
        }
    }

    /// Does `work` on a thread that may block. Work whose caller is gone before it has begun is not done.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        urgency: Urgency,
        within: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Missed> {
        let claim = Claim(Arc::new(AtomicU8::new(WAITING)));
        let (reply, answer) = oneshot::channel();
        let begun = Claim(Arc::clone(&claim.0));
        let job = Box::new(move || {
            if begun.take(BEGUN) {
                // The caller may have stopped waiting.
                let _ = reply.send(work());
            }
        });
        if within.is_zero() {
            return Err(Missed::NotStarted);
        }
        if !self.shared.submit(urgency, job) {
            return Err(Missed::Crowded);
        }
        match timeout(within, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(Missed::Died),
            Err(_) if claim.take(WITHDRAWN) => Err(Missed::NotStarted),
            Err(_) => Err(Missed::Underway),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.wake.notify_all();
    }
}

/// Which queue work waits in: a leader's append does not wait behind a follower's read-ahead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Urgency {
    First,
    Later,
}

/// Who has the work: the thread that does it or the caller who gives it up. Dropped with its caller, it is withdrawn.
struct Claim(Arc<AtomicU8>);

impl Claim {
    fn take(&self, becomes: u8) -> bool {
        self.0
            .compare_exchange(WAITING, becomes, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.take(WITHDRAWN);
    }
}

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const WITHDRAWN: u8 = 2;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    first: VecDeque<Job>,
    later: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl State {
    fn waiting(&self) -> usize {
        self.first.len() + self.later.len()
    }

    fn next(&mut self) -> Option<Job> {
        self.first.pop_front().or_else(|| self.later.pop_front())
    }
}

impl Shared {
    fn submit(self: &Arc<Self>, urgency: Urgency, job: Job) -> bool {
        let mut state = self.state();
        if state.waiting() == WAITING_MAX {
            return false;
        }
        if state.waiting() >= state.idle && state.threads < THREADS_MAX {
            let shared = Arc::clone(self);
            match thread::Builder::new()
                .name("ha-store".into())
                .spawn(move || shared.serve())
            {
                Ok(_detached) => state.threads += 1,
                Err(_) if state.threads == 0 => return false,
                // Those that are there will come to it.
                Err(_) => {}
            }
        }
        match urgency {
            Urgency::First => state.first.push_back(job),
            Urgency::Later => state.later.push_back(job),
        }
        drop(state);
        self.wake.notify_one();
        true
    }

    fn serve(&self) {
        let mut state = self.state();
        loop {
            if let Some(job) = state.next() {
                drop(state);
                // The caller sees that its reply was dropped; the thread is none the worse.
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.state();
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (woken, wait) = self
                .wake
                .wait_timeout(state, IDLE_MAX)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.waiting() == 0 {
                break;
            }
        }
        state.threads -= 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        f.debug_struct("Shared")
            .field("threads", &state.threads)
            .field("waiting", &state.waiting())
            .finish()
    }
}

const THREADS_MAX: usize = 16;
const WAITING_MAX: usize = 1024;
/// Longer than a poll, so that the steady work of a node does not make a thread each time.
const IDLE_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn work_that_has_not_begun_by_its_deadline_is_never_done() {
        let pool = Arc::new(Pool::new());
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let mut holders = Vec::new();
        let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..THREADS_MAX {
            let (pool, gate, entered) = (Arc::clone(&pool), Arc::clone(&gate), entered.clone());
            holders.push(tokio::spawn(async move {
                let hold = move || {
                    entered.send(()).unwrap();
                    gate.lock().unwrap().recv().unwrap();
                };
                pool.run(Urgency::Later, LONG, hold).await
            }));
        }
        for _ in 0..THREADS_MAX {
            inside.recv().await.unwrap();
        }
        let (done, was_done) = mpsc::channel();
        let late = pool
            .run(Urgency::First, Duration::from_millis(5), move || {
                done.send(()).unwrap()
            })
            .await;
        assert_eq!(late, Err(Missed::NotStarted));
        let begun = pool.run(Urgency::Later, Duration::ZERO, || ()).await;
        assert_eq!(begun, Err(Missed::NotStarted));
        for _ in 0..THREADS_MAX {
            release.send(()).unwrap();
        }
        for holder in holders {
            assert_eq!(holder.await.unwrap(), Ok(()));
        }
        assert!(was_done.recv().is_err(), "the job was dropped without being done");
    }

    #[tokio::test]
    async fn work_under_way_at_its_deadline_goes_on() {
        let pool = Pool::new();
        let (release, gate) = mpsc::channel::<()>();
        let (done, mut was_done) = tokio::sync::mpsc::unbounded_channel();
        let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
        let work = move || {
            entered.send(()).unwrap();
            gate.recv().unwrap();
            done.send(()).unwrap();
        };
        assert_eq!(
            pool.run(Urgency::First, Duration::from_millis(20), work).await,
            Err(Missed::Underway)
        );
        inside.recv().await.unwrap();
        release.send(()).unwrap();
        was_done.recv().await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_costs_no_thread() {
        let pool = Pool::new();
        for _ in 0..2 * THREADS_MAX {
            let died = pool
                .run(Urgency::First, LONG, || {
                    if true {
                        panic!("on purpose")
                    }
                })
                .await;
            assert_eq!(died, Err(Missed::Died));
        }
        assert_eq!(pool.run(Urgency::First, LONG, || 7).await, Ok(7));
    }
}
