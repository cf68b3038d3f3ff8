//! What became of the requests of one call: kept beside the call, for `object_store` tells less than was seen.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// What is known about the last request of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Fate {
    /// It has not been sent, and the call is at its preparation.
    #[default]
    NotSent,
    /// There was nothing to sign it with, for this reason; it was not sent.
    NoCredentials(String),
    /// It is under way: some of it may have reached the server.
    Sent,
    /// There was no connection, for this reason; it was not sent.
    NoConnection(String),
    /// The connection broke, or what came was no HTTP, for this reason.
    Broken(String),
    /// It was sent, and no answer began in time.
    Silent,
    /// It was answered.
    Answered(Answer),
}

/// An answer of the server, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The error code of the body or of a header: `NoSuchKey`.
    pub(super) code: Option<String>,
    /// The server's own words about it, cut short.
    pub(super) words: Option<String>,
    /// How long the whole object is, from the answer to a part of it.
    pub(super) size: Option<u64>,
    /// The body of a success, where the call asked to see it.
    pub(super) body: Option<Bytes>,
}

/// One call's notes.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    fate: Fate,
    keeps_body: bool,
}

impl Trace {
    pub(super) fn new(keeps_body: bool) -> Self {
        let fate = Fate::default();
        Self(Arc::new(Mutex::new(Noted { fate, keeps_body })))
    }

    /// Runs a call with this trace around it.
    pub(super) async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), call).await
    }

    /// What has become of the call so far.
    pub(super) fn fate(&self) -> Fate {
        self.lock().fate.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes what became of a request of the call that runs.
pub(super) fn note(fate: Fate) {
    // Outside a call there is nobody to tell.
    let _ = CURRENT.try_with(|trace| trace.lock().fate = fate);
}

/// Whether the call that runs wants to see the body of a success.
pub(super) fn keeps_body() -> bool {
    CURRENT.try_with(|trace| trace.lock().keeps_body).unwrap_or(false)
}

tokio::task_local! {
    static CURRENT: Trace;
}
