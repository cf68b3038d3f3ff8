//! Entities at work: who leads runs their code and writes what comes of it; everybody else only reads.

mod acted;
mod attach;
mod attend;
mod deploy;
mod effectors;
mod failure;
mod feeds;
mod fire;
mod ids;
mod judge;
mod manage;
mod persist;
mod pieces;
mod prune;
mod raise;
mod rebind;
mod remove;
mod settings;
mod work;
pub use effectors::{Call as EffectorCall, HostError};
pub use failure::{BadFailureMode, FailureMode, FailureModes, Quorum};
pub use persist::{Export, ExportError, ImportError};
pub use raise::{Levels, RaiseError};
pub use settings::{HostSettings, TaskLimits};

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ha_core::{Epoch, Plane, Role, Seq};
use tokio::sync::{Notify, Semaphore, watch};

use crate::adjuncts::AdjunctTypes;
use crate::managed::Managed;
use crate::names::{EntityId, TaskId};
use crate::propose::{ClientKey, Draft, Refusal};
use crate::proposer::{ProposeError, Proposer};
use crate::state::{ItemCounts, State};
use crate::types::EntityTypes;
use acted::Acted;
use feeds::Brought;
use ids::Ids;
use manage::Told;

/// The entities of a plane on one of its nodes. Clones are handles on the same; it ends with its plane.
///
/// While the node leads, tasks that were accepted are begun as soon as it may act, and what was under way on a leader before is judged
/// ([`Outcome::Interrupted`](crate::Outcome::Interrupted), or begun again if its effector is idempotent). Any node can be read.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use ha_core::{NodeId, Plane};
/// use ha_rebind::{EffectorCall, Entity, EntityId, EntityTypes, Host, Managed, Values};
/// use ha_store::MemoryStore;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let managed = Managed::default();
/// let plane = Plane::builder(NodeId::new("one")?, Arc::new(MemoryStore::default()));
/// let plane = plane.state(managed.clone()).start()?;
/// let wall_clock = || 1_466_414_301_065; // in real life: the milliseconds since 1970
/// let host = Host::start(plane.clone(), managed, EntityTypes::built_in(), [1; 32], wall_clock);
/// plane.leadership().await?;
///
/// let shop = Entity::new(host.new_entity_id(), "org.apache.brooklyn.entity.stock.BasicApplication", "shop");
/// let id = shop.id.clone();
/// host.propose(None, |draft| draft.create(&[shop]).map(|()| "made".into())).await?;
/// let start = EffectorCall { entity: id.clone(), effector: "start".into(), arguments: Values::default() };
/// let task = host.invoke(None, start).await?;
/// host.ended(&task).await;
/// assert!(host.read(|state| state.sensor(&id, "service.isUp")).is_some_and(|up| up.as_str() == "true"));
/// plane.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Host(Arc<Shared>);

struct Shared {
    plane: Plane,
    managed: Managed,
    types: EntityTypes,
    settings: HostSettings,
    now_ms: Box<dyn Fn() -> u64 + Send + Sync>,
    ids: Mutex<Ids>,
    leading: watch::Sender<Option<Proposer>>,
    /// How often this node had looked at all nodes when it was first seen to lead in an epoch.
    looks_before: Mutex<Option<(Epoch, u64)>>,
    first_rebind: OnceLock<ItemCounts>,
    /// Tasks that are at work here.
    at_work: Mutex<HashSet<TaskId>>,
    /// Tasks whose code was begun here in this epoch, and of which it is not known that they have ended.
    acted: Mutex<Acted>,
    /// Told when one is at work no longer.
    left_work: Notify,
    told: Mutex<Told>,
    /// Told when an entity has been told that it is managed.
    told_ended: Notify,
    /// Told when some are to be told again.
    stayed: Notify,
    brought: Mutex<Brought>,
    /// Told when a feed has brought something in.
    arrived: Notify,
    /// Places for feeds that look at the world.
    polls: Semaphore,
}

impl Host {
    /// Goes to work on a plane whose [state](ha_core::PlaneBuilder::state) is `managed`. From the seed ids are drawn, so two nodes must not
    /// have the same; `now_ms` is the wall clock, in milliseconds since 1970.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(
        plane: Plane,
        managed: Managed,
        types: EntityTypes,
        seed: [u8; 32],
        now_ms: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(HostSettings::default(), plane, managed, types, seed, now_ms)
    }

    /// [Starts](Self::start) with other settings than the usual ones.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start_with(
        settings: HostSettings,
        plane: Plane,
        managed: Managed,
        types: EntityTypes,
        seed: [u8; 32],
        now_ms: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let host = Self(Arc::new(Shared {
            plane,
            managed,
            types,
            settings,
            now_ms: Box::new(now_ms),
            ids: Mutex::new(Ids::new(seed)),
            leading: watch::Sender::new(None),
            looks_before: Mutex::default(),
            first_rebind: OnceLock::new(),
            at_work: Mutex::default(),
            acted: Mutex::default(),
            left_work: Notify::new(),
            told: Mutex::default(),
            told_ended: Notify::new(),
            stayed: Notify::new(),
            brought: Mutex::default(),
            arrived: Notify::new(),
            polls: Semaphore::new(feeds::AT_ONCE),
        }));
        tokio::spawn(host.clone().count());
        tokio::spawn(host.clone().lead());
        host
    }

    /// Reads the state. Nothing is applied meanwhile, so be short.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        self.0.managed.read(read)
    }

    /// What there was when the state was first loaded here; `None` before.
    #[must_use]
    pub fn first_rebind(&self) -> Option<ItemCounts> {
        self.0.first_rebind.get().copied()
    }

    /// The types that entities can have here.
    #[must_use]
    pub fn types(&self) -> &EntityTypes {
        &self.0.types
    }

    /// The types of adjuncts that entities can have here.
    #[must_use]
    pub fn adjunct_types(&self) -> &AdjunctTypes {
        &self.0.settings.adjuncts
    }

    /// The wall clock, milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        (self.0.now_ms)()
    }

    /// An id that no entity has.
    #[must_use]
    pub fn new_entity_id(&self) -> EntityId {
        lock(&self.0.ids).entity()
    }

    /// Writes, if this node leads: see [`Proposer::propose`].
    ///
    /// # Errors
    /// If it is refused, was not applied, or may be.
    pub async fn propose(
        &self,
        key: Option<ClientKey<'_>>,
        evaluate: impl FnOnce(&mut Draft<'_>) -> Result<Bytes, Refusal>,
    ) -> Result<Bytes, ProposeError> {
        self.proposer().await?.propose(key, evaluate).await
    }

    /// Who writes here. A node that has just become master may be about to begin.
    async fn proposer(&self) -> Result<Proposer, ProposeError> {
        if let Some(proposer) = &*self.0.leading.borrow() {
            return Ok(proposer.clone());
        }
        let mut leading = self.0.leading.subscribe();
        // Before the look at the role, so that no change is missed.
        let mut roles = self.0.plane.roles();
        loop {
            if let Some(proposer) = leading.borrow_and_update().clone() {
                return Ok(proposer);
            }
            if self.0.plane.role() != Role::Master {
                return Err(ProposeError::NotApplied(ha_core::Refusal::NotLeader));
            }
            tokio::select! {
                changed = leading.changed() => changed.expect("the sender is held by this host"),
                event = roles.next() => if event.is_none() {
                    return Err(ProposeError::NotApplied(ha_core::Refusal::Stopped));
                },
            }
        }
    }

    /// Writes as often as it takes, while this node leads. An error says why it can never be written.
    async fn insist(
        &self,
        proposer: &Proposer,
        what: &str,
        write: impl Fn(&mut Draft<'_>) -> Result<Bytes, Refusal>,
    ) -> Result<(), String> {
        while proposer.leadership().is_held() {
            match proposer.propose(None, &write).await {
                Ok(_) => break,
                Err(ProposeError::Refused(why)) => return Err(why.to_string()),
                Err(ProposeError::NotApplied(why @ ha_core::Refusal::TooLarge)) => {
                    return Err(why.to_string());
                }
                Err(why) => {
                    tracing::warn!("{what} is not durable yet: {}", why.whole());
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Ok(())
    }

    /// Waits until it is known of all that was proposed before whether it was applied, or leadership is lost.
    async fn settled(&self, proposer: &Proposer) {
        // Answered when all that it is evaluated upon is decided. A state that cannot be read any more decides nothing, and says so elsewhere.
        let _ = self
            .insist(proposer, "what was proposed before", |_| Ok(Bytes::new()))
            .await;
    }

    /// All that a leader does of its own accord; it begins anew with a state that takes the place of the one before.
    async fn run(&self, proposer: &Proposer) {
        loop {
            let ground = self.read(State::replaced);
            tokio::select! {
                () = self.replaced_since(ground) => {}
                () = self.look_and_act(proposer) => return,
            }
            self.call_all_off().await;
        }
    }

    /// Looks at all entities, and then acts until leadership is lost or given up.
    async fn look_and_act(&self, proposer: &Proposer) {
        if self.rebind(proposer).await {
            tokio::join!(
                self.work(proposer),
                self.manage(proposer),
                self.attend(proposer),
                self.prune(proposer),
                self.raise(proposer),
                self.drop_pieces(proposer),
            );
        }
    }

    /// Waits until another state has taken the place of this one.
    async fn replaced_since(&self, ground: u64) {
        let mut follower = self.0.plane.follow();
        while self.read(State::replaced) == ground {
            if follower.next().await.is_none() {
                // With the plane all ends that it waits beside.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Counts what there is once the state has been loaded.
    async fn count(self) {
        let mut roles = self.0.plane.roles();
        while !matches!(
            self.0.plane.role(),
            Role::Master | Role::HotStandby | Role::HotBackup
        ) || self.0.plane.status().awaiting_rebind
        {
            let told = tokio::time::timeout(PAUSE, roles.next()).await;
            if told.is_ok_and(|event| event.is_none()) {
                return;
            }
        }
        if self.0.plane.applied(Seq(0)).await.is_some() {
            // Nobody else sets it.
            let _ = self.0.first_rebind.set(self.read(State::counts));
        }
    }

    /// Leads whenever this node does.
    async fn lead(self) {
        let mut epoch = None;
        while let Ok(leadership) = self.0.plane.leadership().await {
            // What was begun in another is judged by the state alone.
            if epoch.replace(leadership.epoch()) != Some(leadership.epoch()) {
                lock(&self.0.acted).clear();
            }
            let Ok(proposer) = Proposer::begin(&self.0.plane, leadership.clone(), &self.0.managed).await
            else {
                return;
            };
            self.0.leading.send_replace(Some(proposer.clone()));
            tokio::select! {
                () = leadership.lost() => {}
                () = self.run(&proposer) => {}
            }
            leadership.lost().await;
            self.0.leading.send_replace(None);
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("managed", &self.0.managed)
            .field("types", &self.0.types)
            .finish_non_exhaustive()
    }
}

/// How long a step that the store has refused waits until it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it did not say why")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
