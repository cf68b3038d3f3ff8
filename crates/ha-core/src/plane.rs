//! The embedder's API: a handle on one member of a plane.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use ha_proto::{Epoch, Input, Instant, Mode, NodeId, Resolution, Role, Seq};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::builder::PlaneBuilder;
use crate::clock::boot_now;
use crate::driver::Message;
use crate::error::{Append, ModeError, ReadError, Refusal, StartError, UnknownWrite};
use crate::permit::{ActPermit, Acting};
use crate::state::Followed;
use crate::status::Status;
use crate::then::Then;

/// The role as it is, and until when it holds without news.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RoleNow {
    pub(crate) role: Role,
    pub(crate) epoch: Epoch,
    pub(crate) until: Option<Instant>,
    pub(crate) write: Option<Epoch>,
}

impl RoleNow {
    fn role_at(&self, now: Instant) -> Role {
        match (self.role, self.until) {
            // A process that was stopped wakes up with an old belief.
            (Role::Master, Some(until)) if now >= until => Role::Initializing,
            (role, _) => role,
        }
    }
}

/// What the driver shares with all handles.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) status: RwLock<Arc<Status>>,
    pub(crate) role: watch::Sender<RoleNow>,
    pub(crate) acting: watch::Sender<Option<Acting>>,
    pub(crate) followers: broadcast::Sender<Followed>,
    pub(crate) roles: broadcast::Sender<RoleEvent>,
    pub(crate) started: watch::Sender<Option<Result<(), String>>>,
    pub(crate) stopped: watch::Sender<bool>,
    pub(crate) stopping: AtomicBool,
    pub(crate) uri: Option<String>,
    pub(crate) started_ms: u64,
    pub(crate) largest_change: usize,
}

impl Shared {
    pub(crate) fn has_started(&self) {
        self.started
            .send_if_modified(|s| s.is_none().then(|| *s = Some(Ok(()))).is_some());
    }

    pub(crate) fn refused(&self, why: &str) {
        self.started
            .send_if_modified(|s| s.is_none().then(|| *s = Some(Err(why.to_owned()))).is_some());
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// A change of role, as [`Roles`] yields it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RoleEvent {
    /// The role taken.
    pub role: Role,
    /// The plane's epoch at that moment.
    pub epoch: Epoch,
    /// Why, in words for an operator.
    pub why: String,
}

/// A member of a plane. Clones are handles on the same one; when the last is dropped, the node stops in order.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use std::sync::Arc;
/// use ha_core::{Append, NodeId, Plane};
///
/// let store = Arc::new(ha_store::MemoryStore::default()); // or a DirectoryStore that several nodes share
/// let plane = Plane::builder(NodeId::new("n1")?, store).start()?;
/// let leadership = plane.leadership().await?; // waits until this node leads
/// match leadership.append("hello").await {
///     Append::Committed(seq) => println!("durable at slot {seq} under epoch {}", leadership.epoch()),
///     Append::Fenced(why) => println!("certainly not applied: {why}"),
///     Append::Unknown(write) => println!("may be applied: {write}"),
/// }
/// plane.stop().await;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Plane {
    pub(crate) driver: mpsc::UnboundedSender<Message>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) mode_timeout: Duration,
    pub(crate) _last: Arc<LastHandle>,
}

/// Stops the node when the last handle on it is dropped.
#[derive(Debug)]
pub(crate) struct LastHandle(pub(crate) mpsc::UnboundedSender<Message>);

impl Drop for LastHandle {
    fn drop(&mut self) {
        // It may have stopped already.
        let _ = self.0.send(Message::Stop);
    }
}

impl Plane {
    /// Settings of a member that is about to start on this store.
    #[must_use]
    pub fn builder(node: NodeId, store: Arc<dyn ha_store::Store>) -> PlaneBuilder {
        PlaneBuilder::new(node, store)
    }

    /// What this node is at this moment. `Master` only while that is proven.
    #[must_use]
    pub fn role(&self) -> Role {
        self.shared.role.borrow().role_at(boot_now())
    }

    /// The node and its plane, as of a moment ago; the role as of now. Costs no store request.
    #[must_use]
    pub fn status(&self) -> Status {
        let latest = Arc::clone(
            &self
                .shared
                .status
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let mut status = Status::clone(&latest);
        let (held, now) = (*self.shared.role.borrow(), boot_now());
        status.role = held.role_at(now);
        status.stopping = self.shared.is_stopping();
        if held.role == Role::Master && status.role != Role::Master {
            status.unproven_for = held.until.map(|until| now.since(until));
            status.may_act = false;
        }
        if let Some(own) = status.nodes.iter_mut().find(|n| n.id == status.own_id) {
            own.role = status.role;
        }
        status
    }

    /// Waits until this node has taken a role, or has been refused one.
    ///
    /// # Errors
    /// If the plane is not as the mode demands: a master where none may be, or none where one must be.
    pub async fn started(&self) -> Result<Role, StartError> {
        let mut started = self.shared.started.subscribe();
        let result = started.wait_for(Option::is_some).await.map(|s| s.clone());
        match result {
            Ok(Some(Err(why))) => Err(StartError::Refused(why)),
            _ => Ok(self.role()),
        }
    }

    /// Role changes from here on.
    #[must_use]
    pub fn roles(&self) -> Roles {
        Roles {
            events: self.shared.roles.subscribe(),
        }
    }

    /// Waits until this node leads and may write.
    ///
    /// # Errors
    /// If the node stops.
    pub async fn leadership(&self) -> Result<Leadership, Refusal> {
        let (mut role, mut stopped) = (self.shared.role.subscribe(), self.shared.stopped.subscribe());
        let epoch = tokio::select! {
            leads = role.wait_for(|r| r.write.is_some()) => leads.ok().and_then(|r| r.write),
            _ = stopped.wait_for(|s| *s) => None,
        };
        let epoch = epoch.ok_or(Refusal::Stopped)?;
        Ok(Leadership {
            plane: self.clone(),
            epoch,
        })
    }

    /// Appends one change, if this node leads, or is about to: while its takeover is being validated the first change goes out beside that.
    /// Waits until it is durable; at most the append time-out.
    pub async fn append(&self, change: impl AsRef<[u8]>) -> Append {
        self.begin_append(None, change.as_ref()).await
    }

    fn begin_append(
        &self,
        epoch: Option<Epoch>,
        change: &[u8],
    ) -> impl Future<Output = Append> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        // Who waits no more is told nothing.
        self.append_then(epoch, change, move |outcome| drop(reply.send(outcome)));
        async { answer.await.unwrap_or(Append::Fenced(Refusal::Stopped)) }
    }

    fn append_then(&self, epoch: Option<Epoch>, change: &[u8], then: impl FnOnce(Append) + Send + 'static) {
        let (bytes, then) = (Arc::from(change), Then::new(then));
        // If the driver has gone, the message is dropped, which says so.
        let _ = self.driver.send(Message::Append { epoch, bytes, then });
    }

    /// How many bytes one change may have.
    #[must_use]
    pub fn largest_change(&self) -> usize {
        self.shared.largest_change
    }

    /// What became of a write whose outcome was unknown. Beyond the last thousand writes the answer is `Forgotten`, never a guess.
    ///
    /// As long as its epoch goes on, only the node that leads can tell that it was not applied; to all others it is `Undecided`.
    pub async fn resolve(&self, write: UnknownWrite) -> Resolution {
        self.ask(|reply| Message::Resolve { write, reply })
            .await
            .unwrap_or(Resolution::Undecided)
    }

    /// A linearizable read: when it answers, the state here holds every write that was acknowledged, by any node, before it was asked.
    ///
    /// # Errors
    /// If the store does not prove it in time, or this node keeps no state.
    pub async fn read(&self) -> Result<Seq, ReadError> {
        if !self.role().is_hot() {
            return Err(ReadError::NotHot);
        }
        let seq = self
            .ask(|reply| Message::Read { reply })
            .await
            .ok_or(ReadError::Stopped)??;
        self.applied(seq).await.ok_or(ReadError::Stopped)
    }

    /// Waits until the state here holds all up to a slot: reads your own writes. `None` if the node stops.
    pub async fn applied(&self, seq: Seq) -> Option<Seq> {
        self.ask(|reply| Message::Applied { seq, reply }).await
    }

    /// Committed changes of all nodes, from here on, in order.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower {
            events: self.shared.followers.subscribe(),
        }
    }

    /// Takes a mode, and waits until it is taken. Answers the role before.
    ///
    /// # Errors
    /// If another change is under way, it cannot be reached, or takes longer than 20 s, or than three heartbeats and a lease if that is more
    /// (it goes on then).
    pub async fn change_mode(&self, mode: Mode) -> Result<Role, ModeError> {
        let asked = self.ask(|reply| Message::ChangeMode { mode, reply });
        match tokio::time::timeout(self.mode_timeout, asked).await {
            Ok(Some(result)) => result,
            Ok(None) => Err(ModeError::Stopped),
            Err(_) => Err(ModeError::Slow(self.mode_timeout)),
        }
    }

    /// Sets the priority in the election, and publishes it at once. Answers the one before; `None` if the node has stopped.
    pub async fn set_priority(&self, priority: i64) -> Option<i64> {
        self.ask(|reply| Message::SetPriority { priority, reply }).await
    }

    /// Deletes the records of all other nodes but the leader's, or of one. A live node writes its own again.
    pub fn clear_nodes(&self, only: Option<&NodeId>) {
        let status = self.status();
        let others = status
            .nodes
            .iter()
            .map(|n| &n.id)
            .filter(|id| **id != status.own_id && Some(*id) != status.leader.as_ref());
        let nodes = others
            .filter(|id| only.is_none_or(|o| o == *id))
            .cloned()
            .collect();
        // If it has stopped there is nothing to clear.
        let _ = self.driver.send(Message::Forget { nodes });
    }

    /// Stops in order: work ends, leadership is handed over or released. Returns when that is done, or its time has passed.
    pub async fn stop(&self) {
        self.begin_stop();
        let mut stopped = self.shared.stopped.subscribe();
        // An error means that the driver has gone, which is what was asked for.
        let _ = stopped.wait_for(|s| *s).await;
    }

    /// Takes no part any more, because what the plane manages cannot be managed here: lets go of leadership, and has failed until the process is
    /// started again.
    pub fn give_up(&self, why: &str) {
        // If it has stopped there is nothing to give up.
        let _ = self
            .driver
            .send(Message::Input(Input::StateUnusable(why.to_owned())));
    }

    /// Begins to stop, and returns at once.
    pub fn begin_stop(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let _ = self.driver.send(Message::Stop);
    }

    /// Waits until the node has stopped, by whatever cause.
    pub async fn stopped(&self) {
        let mut stopped = self.shared.stopped.subscribe();
        let _ = stopped.wait_for(|s| *s).await;
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.driver.send(message(reply)).ok()?;
        answer.await.ok()
    }
}

/// Leadership of one epoch. Writes through it are of that epoch or are not made.
#[derive(Clone, Debug)]
pub struct Leadership {
    plane: Plane,
    epoch: Epoch,
}

impl Leadership {
    /// The fencing token.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether it is still held, as far as is known here.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.plane.shared.role.borrow().write == Some(self.epoch)
    }

    /// Waits until it is lost.
    pub async fn lost(&self) {
        let mut role = self.plane.shared.role.subscribe();
        // An error means that the driver has gone, and leadership with it.
        let _ = role.wait_for(|r| r.write != Some(self.epoch)).await;
    }

    /// Appends one change under this epoch.
    pub async fn append(&self, change: impl AsRef<[u8]>) -> Append {
        self.begin_append(change.as_ref()).await
    }

    /// The same, and sent before this returns: what is begun first is committed first, or not at all.
    pub fn begin_append(&self, change: &[u8]) -> impl Future<Output = Append> + Send + use<> {
        self.plane.begin_append(Some(self.epoch), change)
    }

    /// The same, for who writes so much that a waiting task for each write is too dear: `then` is called with what became of it, once and in
    /// any case, on whichever thread learns that, also on this one before this returns. It must be quick, wait for
    /// nothing, and not panic, for it is called on the thread that keeps the lease.
    pub fn append_then(&self, change: &[u8], then: impl FnOnce(Append) + Send + 'static) {
        self.plane.append_then(Some(self.epoch), change, then);
    }

    /// Leave to act on the world, if this node has it now.
    pub async fn act_permit(&self) -> Option<ActPermit> {
        let (epoch, number) = self.plane.ask(|reply| Message::BeginAct { reply }).await??;
        let permit = ActPermit::new(
            epoch,
            number,
            self.plane.shared.acting.subscribe(),
            self.plane.driver.clone(),
        );
        (epoch == self.epoch).then_some(permit)
    }

    /// Waits for leave to act on the world; `None` if leadership is lost first.
    pub async fn wait_for_act_permit(&self) -> Option<ActPermit> {
        let mut acting = self.plane.shared.acting.subscribe();
        loop {
            tokio::select! {
                may = acting.wait_for(|a| a.is_some_and(|a| a.epoch == self.epoch)) => { may.ok()?; }
                () = self.lost() => return None,
            }
            if let Some(permit) = self.act_permit().await {
                return Some(permit);
            }
            acting.changed().await.ok()?;
        }
    }
}

/// Role changes of one node.
#[derive(Debug)]
pub struct Roles {
    events: broadcast::Receiver<RoleEvent>,
}

impl Roles {
    /// The next change; `None` when the node has stopped. Who is very slow misses some, never the last.
    pub async fn next(&mut self) -> Option<RoleEvent> {
        loop {
            match self.events.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// Committed changes, as this node applies them.
#[derive(Debug)]
pub struct Follower {
    events: broadcast::Receiver<Followed>,
}

impl Follower {
    /// The next one; `None` when the node has stopped.
    pub async fn next(&mut self) -> Option<Followed> {
        match self.events.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Followed::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wakes_up_after_its_lease_is_no_master() {
        let until = Instant::from_millis(1000);
        let before = Instant::from_millis(999);
        let now = |role, until| RoleNow {
            role,
            epoch: Epoch(1),
            until,
            write: Some(Epoch(1)),
        };
        assert_eq!(now(Role::Master, Some(until)).role_at(before), Role::Master);
        assert_eq!(now(Role::Master, Some(until)).role_at(until), Role::Initializing);
        assert_eq!(now(Role::HotStandby, None).role_at(until), Role::HotStandby);
    }
}
