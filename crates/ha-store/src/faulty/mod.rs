//! A decorator that lets things go wrong.

mod dice;
mod rule;

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};

pub use self::dice::Dice;
use self::rule::Plan;
pub use self::rule::{Fault, Rule};
use crate::{Error, ErrorKind, Folder, Key, Operation, Store};

/// A store with a bad connection to it, by [`Rule`]s and a seed.
///
/// The same seed, rules and order of calls give the same faults. [`cut`](Self::cut) severs the connection as a whole.
/// Times are tokio's, so that under a paused clock they cost nothing.
///
/// ```
/// use std::time::Duration;
///
/// use ha_store::{ErrorKind, Fault, Faulty, Key, MemoryStore, Operation, Rule, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ha_store::Error> {
/// let store = Faulty::new(MemoryStore::default(), 42);
/// store.add(Rule::new(Fault::ReplyLost { silent: false }).on(Operation::Create).times(1));
///
/// let (key, within) = (Key::new("journal/1")?, Duration::from_secs(1));
/// let unknown = store.create(&key, "mine".into(), within).await.unwrap_err();
/// assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown);
/// assert_eq!(store.get(&key, within).await?, "mine");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Faulty<S> {
    inner: Arc<S>,
    plan: Mutex<Plan>,
    cut: AtomicBool,
    injected: AtomicU64,
}

impl<S: Store> Faulty<S> {
    /// A connection that is good until rules are [added](Self::add).
    pub fn new(inner: S, seed: u64) -> Self {
        Self {
            inner: Arc::new(inner),
            plan: Mutex::new(Plan {
                rules: Vec::new(),
                dice: Dice::new(seed),
            }),
            cut: AtomicBool::new(false),
            injected: AtomicU64::new(0),
        }
    }

    /// Adds a rule behind those in force: of two that apply to a call, the earlier one wins.
    pub fn add(&self, rule: Rule) {
        self.plan().rules.push(rule);
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.plan().rules.clear();
    }

    /// Severs the connection: requests and replies from now on are lost, in silence.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// Restores the connection. What was lost stays lost.
    pub fn heal(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }

    /// How many faults have happened so far, delays and cuts not counted.
    pub fn injected(&self) -> u64 {
        self.injected.load(Ordering::Relaxed)
    }

    /// The store below.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    async fn call<T: Send + 'static>(
        &self,
        operation: Operation,
        name: &str,
        within: Duration,
        send: impl Fn(Arc<S>, Duration) -> Answer<T> + Send + Sync,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + within;
        let left = || deadline.saturating_duration_since(Instant::now());
        let fate = self.plan().decide(operation, name);
        if fate.fault.is_some() {
            self.injected.fetch_add(1, Ordering::Relaxed);
        }
        let silent = match fate.fault {
            Some(Fault::RequestLost { silent }) => Some(silent),
            _ if self.cut.load(Ordering::SeqCst) => Some(true),
            _ => None,
        };
        if let Some(silent) = silent {
            return Err(lost(operation, name, silent.then_some(deadline)).await);
        }
        match fate.fault {
            Some(Fault::Unavailable) => return Err(refused(name)),
            Some(Fault::Late(after)) => {
                if operation.is_write() {
                    land_later(fate.delay + after, send(Arc::clone(&self.inner), within));
                }
                return Err(lost(operation, name, None).await);
            }
            _ => {}
        }
        if fate.delay > left() {
            if operation.is_write() {
                land_later(fate.delay, send(Arc::clone(&self.inner), within));
            }
            return Err(lost(operation, name, Some(deadline)).await);
        }
        if !fate.delay.is_zero() {
            sleep(fate.delay).await;
        }
        let mut answer = send(Arc::clone(&self.inner), left()).await;
        if fate.fault == Some(Fault::Duplicated) {
            answer = send(Arc::clone(&self.inner), left()).await;
        }
        match fate.fault {
            Some(Fault::ReplyLost { silent }) => Err(lost(operation, name, silent.then_some(deadline)).await),
            _ if self.cut.load(Ordering::SeqCst) => Err(lost(operation, name, Some(deadline)).await),
            _ => answer,
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

/// Carries out a write that nobody waits for any more.
fn land_later<T: Send + 'static>(after: Duration, write: Answer<T>) {
    tokio::spawn(async move {
        sleep(after).await;
        // There is nobody left to tell.
        let _ = write.await;
    });
}

/// What a client concludes when it hears nothing until its deadline, or at once that the connection broke.
async fn lost(operation: Operation, name: &str, deadline: Option<Instant>) -> Error {
    if let Some(deadline) = deadline {
        sleep_until(deadline).await;
    }
    let kind = if operation.is_write() {
        ErrorKind::OutcomeUnknown
    } else {
        ErrorKind::Unavailable
    };
    let how = if deadline.is_some() {
        "was not answered in time"
    } else {
        "broke off before the answer"
    };
    Error::new(
        kind,
        name,
        format!("{operation} {how} (injected fault): read the object, or retry"),
    )
}

fn refused(name: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        name,
        "the store is busy (injected fault): retry",
    )
}

#[async_trait]
impl<S: Store> Store for Faulty<S> {
    async fn create(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        let owned = key.clone();
        self.call(Operation::Create, key.as_str(), within, move |inner, within| {
            let (key, bytes) = (owned.clone(), bytes.clone());
            Box::pin(async move { inner.create(&key, bytes, within).await })
        })
        .await
    }

    async fn put(&self, key: &Key, bytes: Bytes, within: Duration) -> Result<(), Error> {
        let owned = key.clone();
        self.call(Operation::Put, key.as_str(), within, move |inner, within| {
            let (key, bytes) = (owned.clone(), bytes.clone());
            Box::pin(async move { inner.put(&key, bytes, within).await })
        })
        .await
    }

    async fn get(&self, key: &Key, within: Duration) -> Result<Bytes, Error> {
        let owned = key.clone();
        self.call(Operation::Get, key.as_str(), within, move |inner, within| {
            let key = owned.clone();
            Box::pin(async move { inner.get(&key, within).await })
        })
        .await
    }

    async fn get_range(&self, key: &Key, range: Range<u64>, within: Duration) -> Result<Bytes, Error> {
        let owned = key.clone();
        self.call(Operation::GetRange, key.as_str(), within, move |inner, within| {
            let (key, range) = (owned.clone(), range.clone());
            Box::pin(async move { inner.get_range(&key, range, within).await })
        })
        .await
    }

    async fn list(&self, folder: &Folder, within: Duration) -> Result<Vec<String>, Error> {
        let owned = folder.clone();
        self.call(Operation::List, folder.as_str(), within, move |inner, within| {
            let folder = owned.clone();
            Box::pin(async move { inner.list(&folder, within).await })
        })
        .await
    }

    async fn delete(&self, key: &Key, within: Duration) -> Result<(), Error> {
        let owned = key.clone();
        self.call(Operation::Delete, key.as_str(), within, move |inner, within| {
            let key = owned.clone();
            Box::pin(async move { inner.delete(&key, within).await })
        })
        .await
    }
}

impl<S: fmt::Display> fmt::Display for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over a faulty connection", self.inner)
    }
}
