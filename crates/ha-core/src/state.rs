//! The owner of the state: what an embedder implements, and the thread on which it runs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use bytes::Bytes;
use ha_proto::{Applied, Digest, Epoch, HostRequest, Input, NodeId, Seq, SnapshotParts};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::driver::Message;

/// A state that is a pure function of the journal. The same code runs on the master, on hot standbys and in a rebind.
///
/// It runs on a thread of its own, so it may be slow, but must not wait for the plane itself. A node is MASTER, or hot, only when it has applied
/// all that it was given until then. `()` is the state of a plane that keeps none.
///
/// ```
/// use ha_core::{Change, StateMachine};
///
/// #[derive(Default)]
/// struct Counter(u64);
///
/// impl StateMachine for Counter {
///     fn apply(&mut self, change: &Change) {
///         self.0 += change.bytes.len() as u64;
///     }
///     fn reset(&mut self) {
///         self.0 = 0;
///     }
///     fn snapshot(&mut self) -> Vec<Vec<u8>> {
///         vec![self.0.to_le_bytes().to_vec()]
///     }
///     fn restore(&mut self, parts: &[&[u8]]) -> Result<(), ha_core::RestoreError> {
///         self.0 = u64::from_le_bytes((*parts[0]).try_into()?);
///         Ok(())
///     }
/// }
/// ```
pub trait StateMachine: Send + 'static {
    /// Applies one committed change. Must be deterministic, and cannot fail: what it cannot make sense of, it must keep or skip.
    fn apply(&mut self, change: &Change);

    /// The same with all changes of one entry, in their order, for a state that takes a lock for that, or tells somebody. By default it calls
    /// [`apply`](Self::apply) with each.
    fn apply_entry(&mut self, changes: &[Change]) {
        for change in changes {
            self.apply(change);
        }
    }

    /// Goes back to the initial state.
    fn reset(&mut self);

    /// The newest format level of changes and snapshots that this version reads. It stands in the node's record, so that a leader can go on to
    /// write at a level when all read it. Asked once, at the start. By default 0: there are no levels.
    fn level(&self) -> u32 {
        0
    }

    /// Why this node cannot go on with its state, as when it meets changes that only a newer version understands: it lets go of leadership, and
    /// has failed until it is started again. Asked after each entry and each restore. By default it can.
    fn unusable(&self) -> Option<String> {
        None
    }

    /// The state as parts of bytes, to be given to [`restore`](Self::restore) on this or another node; no parts: there is no state.
    fn snapshot(&mut self) -> Vec<Vec<u8>>;

    /// Replaces the state by what a [`snapshot`](Self::snapshot) said. There is at least one part.
    ///
    /// # Errors
    /// If the parts make no sense; the node reports it, and tries again with the next snapshot.
    fn restore(&mut self, parts: &[&[u8]]) -> Result<(), RestoreError>;

    /// The same with parts that may be kept instead of copied, for a state that stays as it is stored until it is read. By default
    /// it calls [`restore`](Self::restore).
    ///
    /// # Errors
    /// As [`restore`](Self::restore).
    fn restore_shared(&mut self, parts: &[Bytes]) -> Result<(), RestoreError> {
        let slices: Vec<&[u8]> = parts.iter().map(|p| &p[..]).collect();
        self.restore(&slices)
    }
}

/// Why a state could not be restored.
pub type RestoreError = Box<dyn std::error::Error + Send + Sync>;

impl StateMachine for () {
    fn apply(&mut self, _: &Change) {}
    fn reset(&mut self) {}
    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        Vec::new()
    }
    fn restore(&mut self, _: &[&[u8]]) -> Result<(), RestoreError> {
        Ok(())
    }
}

/// One committed change.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The slot of its entry; several changes may share one.
    pub seq: Seq,
    /// Its place in the entry.
    pub index: usize,
    /// The epoch in which it was written.
    pub epoch: Epoch,
    /// The node that wrote it.
    pub by: NodeId,
    /// The plane's time at which it was written, milliseconds; advances while there is a leader.
    pub time_ms: u64,
    /// What was appended.
    pub bytes: Bytes,
}

/// What a [`Follower`](crate::Follower) sees.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Followed {
    /// A change was committed, and is applied here.
    Change(Change),
    /// The state was replaced: by a snapshot that stands at this slot, or by the initial state (slot 0, or an operator's clean).
    Reset(Seq),
    /// The follower was too slow, and so many events are lost: read the state itself.
    Missed(u64),
}

/// What the owner's thread does, in order.
enum Job {
    Request(HostRequest),
    /// Say so when all before it is done.
    Barrier {
        seq: Seq,
        reply: oneshot::Sender<Seq>,
    },
}

/// The thread of the owner, as the driver sees it.
#[derive(Debug)]
pub(crate) struct Host {
    requests: Sender<Job>,
}

/// How many events a slow follower may lag behind.
const LAG: usize = 4096;

pub(crate) fn follower_channel() -> broadcast::Sender<Followed> {
    broadcast::channel(LAG).0
}

impl Host {
    pub(crate) fn start(
        state: Box<dyn StateMachine>,
        answers: mpsc::UnboundedSender<Message>,
        followers: broadcast::Sender<Followed>,
    ) -> std::io::Result<Self> {
        let (requests, inbox) = channel();
        let worker = Worker {
            state,
            is_unusable: false,
            answers,
            followers,
        };
        thread::Builder::new()
            .name("ha-state".into())
            .spawn(move || worker.run(&inbox))?;
        Ok(Self { requests })
    }

    /// Passes a request on. If the owner has panicked there is nobody to pass it to, and the driver learns that from its silence.
    pub(crate) fn send(&self, request: HostRequest) -> bool {
        self.requests.send(Job::Request(request)).is_ok()
    }

    /// Answers when all that was sent before has been done.
    pub(crate) fn barrier(&self, seq: Seq, reply: oneshot::Sender<Seq>) {
        // If the thread has ended, the reply is dropped, which tells the asker.
        let _ = self.requests.send(Job::Barrier { seq, reply });
    }
}

struct Worker {
    state: Box<dyn StateMachine>,
    /// That has been told.
    is_unusable: bool,
    answers: mpsc::UnboundedSender<Message>,
    followers: broadcast::Sender<Followed>,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Job>) {
        while let Ok(job) = inbox.recv() {
            let request = match job {
                Job::Request(request) => request,
                Job::Barrier { seq, reply } => {
                    // Whoever asked has gone.
                    let _ = reply.send(seq);
                    continue;
                }
            };
            match request {
                HostRequest::Unload => self.reset(Seq(0)),
                HostRequest::Restore { load, seq, parts } => {
                    let result = self.restore(seq, &parts);
                    self.answer(Input::Restored { load, result });
                    self.check();
                }
                HostRequest::Apply(applied) => {
                    self.apply(&applied);
                    self.check();
                }
                HostRequest::Barrier { id } => self.answer(Input::Barrier { id }),
                HostRequest::Snapshot { id, .. } => {
                    let parts: Vec<Arc<[u8]>> = self.state.snapshot().into_iter().map(Arc::from).collect();
                    let digest = Digest::of_all(parts.iter().map(|p| &p[..]));
                    self.answer(Input::Snapshot {
                        id,
                        parts: SnapshotParts { parts, digest },
                    });
                }
            }
        }
    }

    fn answer(&self, input: Input) {
        // The driver has stopped: nobody wants the answer.
        let _ = self.answers.send(Message::Input(input));
    }

    /// Tells once that the state is unusable.
    fn check(&mut self) {
        let unusable = self.state.unusable();
        let is_news = unusable.is_some() && !self.is_unusable;
        self.is_unusable = unusable.is_some();
        if let Some(why) = unusable.filter(|_| is_news) {
            self.answer(Input::StateUnusable(why));
        }
    }

    fn tell(&self, event: Followed) {
        // Without a follower there is nobody to tell.
        let _ = self.followers.send(event);
    }

    fn reset(&mut self, seq: Seq) {
        self.is_unusable = false;
        self.state.reset();
        self.tell(Followed::Reset(seq));
    }

    fn restore(&mut self, seq: Seq, parts: &[Arc<[u8]>]) -> Result<(), String> {
        if parts.is_empty() {
            self.reset(seq);
            return Ok(());
        }
        let parts: Vec<Bytes> = parts.iter().cloned().map(Bytes::from_owner).collect();
        self.state
            .restore_shared(&parts)
            .map_err(|e| format!("the snapshot at slot {seq} cannot be restored: {e}"))?;
        self.tell(Followed::Reset(seq));
        Ok(())
    }

    fn apply(&mut self, entry: &Applied) {
        if entry.replaces {
            self.reset(entry.seq);
        }
        let change = |(index, bytes): (usize, &Arc<[u8]>)| Change {
            seq: entry.seq,
            index,
            epoch: entry.epoch,
            by: entry.by.node.clone(),
            time_ms: entry.time_ms,
            bytes: Bytes::from_owner(bytes.clone()),
        };
        let changes: Vec<_> = entry.changes.iter().enumerate().map(change).collect();
        self.state.apply_entry(&changes);
        if self.followers.receiver_count() > 0 {
            changes
                .into_iter()
                .for_each(|change| self.tell(Followed::Change(change)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state that nobody can use.
    struct Unusable;

    impl StateMachine for Unusable {
        fn apply(&mut self, _: &Change) {}
        fn reset(&mut self) {}
        fn unusable(&self) -> Option<String> {
            Some("too new".to_owned())
        }
        fn snapshot(&mut self) -> Vec<Vec<u8>> {
            Vec::new()
        }
        fn restore(&mut self, _: &[&[u8]]) -> Result<(), RestoreError> {
            Ok(())
        }
    }

    #[test]
    fn that_a_state_is_unusable_is_told_once_and_again_after_it_was_reset() {
        let (answers, mut told) = mpsc::unbounded_channel();
        let mut worker = Worker {
            state: Box::new(Unusable),
            is_unusable: false,
            answers,
            followers: follower_channel(),
        };
        let mut times = |worker: &mut Worker| {
            worker.check();
            worker.check();
            std::iter::from_fn(|| told.try_recv().ok()).count()
        };
        assert_eq!(times(&mut worker), 1);
        assert_eq!(times(&mut worker), 0);
        worker.reset(Seq(0));
        assert_eq!(times(&mut worker), 1);
    }

    #[test]
    fn a_state_has_no_levels_unless_it_says_so() {
        assert_eq!(().level(), 0);
    }
}
