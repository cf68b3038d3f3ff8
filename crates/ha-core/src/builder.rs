//! Settings of a member, and its start.

use std::fmt;
use std::sync::{Arc, RwLock, atomic::AtomicBool};
use std::thread;
use std::time::Duration;

use ha_proto::{Config, Epoch, Identity, Input, Mode, Node, NodeId, Nonce, Process, Role};
use ha_store::Store;
use tokio::sync::{broadcast, mpsc, watch};

use crate::clock::{BootClock, wall_ms};
use crate::driver::Driver;
use crate::error::StartError;
use crate::plane::{LastHandle, Plane, RoleNow, Shared};
use crate::state::{Host, StateMachine, follower_channel};
use crate::status::Status;

/// How many role changes a slow listener may lag behind.
const ROLE_EVENTS: usize = 256;

/// Settings of a member that is about to start.
pub struct PlaneBuilder {
    node: NodeId,
    store: Arc<dyn Store>,
    state: Box<dyn StateMachine>,
    config: Config,
    mode: Mode,
    priority: i64,
    uri: String,
    version: Option<String>,
    clean: bool,
    seed: Option<[u8; 32]>,
    exited: Option<Nonce>,
    append_timeout: Option<Duration>,
    mode_timeout: Duration,
}

impl fmt::Debug for PlaneBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaneBuilder")
            .field("node", &self.node)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl PlaneBuilder {
    pub(crate) fn new(node: NodeId, store: Arc<dyn Store>) -> Self {
        Self {
            node,
            store,
            state: Box::new(()),
            config: Config::default(),
            mode: Mode::Auto,
            priority: 0,
            uri: String::new(),
            version: None,
            clean: false,
            seed: None,
            exited: None,
            append_timeout: None,
            mode_timeout: Duration::from_secs(20),
        }
    }

    /// The owner of the state. Default: the plane keeps none.
    #[must_use]
    pub fn state(mut self, state: impl StateMachine) -> Self {
        self.state = Box::new(state);
        self
    }

    /// Timings and sizes. Default: [`Config::default`].
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The mode to start in. Default `Auto`.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The priority in the election; the highest goes first. Default 0.
    #[must_use]
    pub fn priority(mut self, priority: i64) -> Self {
        self.priority = priority;
        self
    }

    /// Where this node serves REST, for others to find it. Default: nowhere.
    #[must_use]
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = uri.into();
        self
    }

    /// Version of the software; the newer goes first among equals. Default: none, which counts as the oldest.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Empties the state once this node leads; refused while a master lives. Default: no.
    #[must_use]
    pub fn clean(mut self, clean: bool) -> Self {
        self.clean = clean;
        self
    }

    /// Randomness for the boot nonce, write ids and the plane's id. Default: from the operating system. Never use one twice.
    #[must_use]
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The boot nonce of this node's process before, if it is certain that it has exited and that nothing it had begun still runs: a lock that
    /// only one process can hold is a proof. Spares the wait for its silence.
    #[must_use]
    pub fn exited(mut self, nonce: Nonce) -> Self {
        self.exited = Some(nonce);
        self
    }

    /// How long an append or a read may take before its outcome is unknown. Default: the lease.
    #[must_use]
    pub fn append_timeout(mut self, within: Duration) -> Self {
        self.append_timeout = Some(within);
        self
    }

    /// Starts the member: a thread that owns the machine, and one that owns the state. [`Plane::started`] tells when it has found its role.
    ///
    /// A store in which no plane lies gets one. Who restarts where the store may be away as a whole, as behind a mount that is missing, should keep
    /// [`Status::plane_id`](crate::Status::plane_id) and look for it first, as `ha-server` does: two planes of one service would both lead.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(self) -> Result<Plane, StartError> {
        let seed = self.seed.unwrap_or_else(rand::random);
        let identity = Identity {
            node: self.node.clone(),
            uri: self.uri.clone(),
            version: self.version,
            state_level: self.state.level(),
            priority: self.priority,
            mode: self.mode,
            clean: self.clean,
            seed,
        };
        let (driver, inbox) = mpsc::unbounded_channel();
        let starting = RoleNow {
            role: Role::Initializing,
            epoch: Epoch(0),
            until: None,
            write: None,
        };
        let mut status = Status::starting(self.node.clone());
        status.started_ms = wall_ms();
        let shared = Arc::new(Shared {
            started_ms: status.started_ms,
            status: RwLock::new(Arc::new(status)),
            role: watch::Sender::new(starting),
            acting: watch::Sender::new(None),
            followers: follower_channel(),
            roles: broadcast::channel(ROLE_EVENTS).0,
            started: watch::Sender::new(None),
            stopped: watch::Sender::new(false),
            stopping: AtomicBool::new(false),
            largest_change: self.config.batch_bytes(),
            uri: (!self.uri.is_empty()).then_some(self.uri),
        });
        let host =
            Host::start(self.state, driver.clone(), shared.followers.clone()).map_err(StartError::Thread)?;
        let append_timeout = self.append_timeout.unwrap_or_else(|| self.config.lease_ttl());
        // A wish to lead is read at a heartbeat, granted by an entry, and that is read at a poll.
        let slowest_change = self.config.pace().beat * 3 + self.config.lease_ttl();
        let (store, config, exited, node_id) = (self.store, self.config, self.exited, self.node);
        let for_driver = shared.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let work = move || {
            let mut clock = BootClock::new();
            let mut node = Node::new(clock.now(), identity, config);
            if let Some(nonce) = exited {
                node.handle_input(clock.now(), Input::Exited(Process { node: node_id, nonce }));
            }
            runtime.block_on(Driver::new(node, clock, store, host, for_driver, append_timeout).run(inbox));
            // Requests under way are not waited for: the machine has said what is to be known.
            runtime.shutdown_background();
        };
        thread::Builder::new()
            .name("ha-plane".into())
            .spawn(work)
            .map_err(StartError::Thread)?;
        let _last = Arc::new(LastHandle(driver.clone()));
        Ok(Plane {
            driver,
            shared,
            mode_timeout: self.mode_timeout.max(slowest_change),
            _last,
        })
    }

    /// The boot nonce that [`start`](Self::start) would draw from a seed; to be kept for [`exited`](Self::exited) at the next start.
    #[must_use]
    pub fn nonce_of(seed: &[u8; 32]) -> Nonce {
        ha_proto::boot_nonce(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_mode_is_waited_for_as_long_as_the_slowest_takes() {
        let mode_timeout = |config: Config| {
            let store = Arc::new(ha_store::MemoryStore::default());
            let id = NodeId::new("n1").unwrap();
            let plane = PlaneBuilder::new(id, store).config(config).start().unwrap();
            plane.mode_timeout
        };
        assert_eq!(mode_timeout(Config::default()), Duration::from_secs(20));
        let bucket = Config::bucket().build().unwrap();
        let (beat, lease) = (bucket.pace().beat, bucket.lease_ttl());
        assert_eq!(mode_timeout(bucket), beat + beat + beat + lease);
    }
}
