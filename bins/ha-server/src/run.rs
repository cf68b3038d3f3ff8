//! One run of a node: from settings to the end of the process.

use std::path::Path;
use std::sync::Arc;

use ha_core::{Mode, NodeId, Plane, PlaneBuilder};
use ha_rebind::{AdjunctTypes, EntityTypes, Host, HostSettings, Level, Managed};
use ha_rest::Settings;
use ha_store::{Counted, Store};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::boot;
use crate::clock;
use crate::failure::{RunError, chain};
use crate::known_plane::KnownPlane;
use crate::launch::Launch;
use crate::listen::{self, listen};
use crate::member::Member;
use crate::node_state::NodeState;
use crate::persistence::{Existing, Persistence};
use crate::pid_file::PidFile;
use crate::price::Prices;
use crate::settings::HighAvailability;
use crate::store;
use crate::store_probe::StoreProbe;

/// Runs a node, whose entities and adjuncts are of these types, until it is told to stop.
///
/// # Errors
/// If it cannot start, or cannot go on.
pub(crate) async fn run(launch: Launch, types: EntityTypes, adjuncts: AdjunctTypes) -> Result<(), RunError> {
    let config = &launch.config;
    let listener = listen(launch.bind_address, launch.port)?;
    let local = listener
        .local_addr()
        .map_err(|source| RunError::execution("the port has no address").because(source))?;
    let own_dir = launch.node_state_dir(local.port());
    let state = Arc::new(NodeState::open(
        &own_dir,
        launch.node_id.as_ref(),
        launch.priority,
    )?);
    let mut signals = Signals::new()?;
    let known_plane = KnownPlane::of_node(&own_dir, &launch);
    let store = tokio::select! {
        store = join_store(&launch, &own_dir, &known_plane) => Arc::new(Counted::new(store?)),
        () = signals.next() => return Ok(()),
    };
    let _pid_file = launch.pid_file.as_deref().map(PidFile::write).transpose()?;
    let uri = listen::uri(local, launch.public_address.as_ref());
    let node = state.id().clone();
    info!(
        %node,
        priority = state.priority(),
        uri,
        store = %store,
        high_availability = launch.high_availability.as_str(),
        profile = launch.profile.as_str(),
        poll = ?config.poll(),
        heartbeat = ?config.pace().beat,
        heartbeat_timeout = ?config.heartbeat_timeout(),
        lease_ttl = ?config.lease_ttl(),
        "starting"
    );
    if launch.prices != Prices::NOTHING {
        info!(
            "an idle plane of three nodes with these timings costs ${:.2} a month in requests, and suspects a silent master after {:?}",
            launch.prices.idle_month(config, 3),
            config.heartbeat_timeout()
        );
    }
    if launch.format_level < Level::NEWEST {
        info!(
            "held at format level {}, as asked, of {} that this version knows",
            launch.format_level,
            Level::NEWEST
        );
    }
    let managed = Managed::reading_up_to(launch.format_level);
    let plane = start(&launch, node, store.clone(), &state, &own_dir, uri, &managed)?;
    tokio::spawn(known_plane.remember(plane.clone()));
    let mut settings = HostSettings::default();
    settings.adjuncts = adjuncts;
    settings.failure_modes = launch.failure_modes.clone();
    settings.tasks = launch.task_limits;
    let entities = Host::start_with(
        settings,
        plane.clone(),
        managed,
        types,
        rand::random(),
        clock::now_ms,
    );
    let (shutdown, served) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let member = Arc::new(Member::new(
        plane.clone(),
        entities,
        state,
        shutdown.clone(),
        store,
        &launch,
    ));
    let serving = serve(listener, member, served.clone())?;

    let outcome = tokio::select! {
        started = plane.started() => started.map(|_| ()).map_err(|e| RunError::execution(e.to_string())),
        () = stop_asked(&mut signals, &shutdown) => Ok(()),
    };
    if outcome.is_ok() && !plane.status().stopping {
        tokio::select! {
            () = stop_asked(&mut signals, &shutdown) => {}
            () = plane.stopped() => {}
        }
    }
    plane.begin_stop();
    tokio::select! {
        () = plane.stopped() => {}
        () = signals.next() => warn!("told to stop a second time: stopping without handing over"),
    }
    served.notify_one();
    if let Ok(Err(source)) = serving.await {
        error!("the REST service failed: {source}");
    }
    outcome
}

/// Opens the store and finds out whether it can be trusted, in as long as that takes.
async fn join_store(
    launch: &Launch,
    own_dir: &Path,
    known_plane: &KnownPlane,
) -> Result<Arc<dyn Store>, RunError> {
    if let Persistence::Directory { existing, .. } = &launch.persistence
        && *existing == Existing::UseOrBegin
    {
        // Opening it would make it. `rebind` refuses one that is not there.
        known_plane.wait_for(launch).await;
    }
    let probe = StoreProbe::of_node(own_dir);
    let store = store::open(&launch.persistence, &launch.variables, probe.patience()).await?;
    probe.pass(launch, &*store).await?;
    known_plane.wait_for(launch).await;
    Ok(store)
}

fn start(
    launch: &Launch,
    node: NodeId,
    store: Arc<dyn Store>,
    state: &NodeState,
    own_dir: &Path,
    uri: String,
    managed: &Managed,
) -> Result<Plane, RunError> {
    let clean = launch.persistence.existing() == Some(Existing::Discard);
    let seed: [u8; 32] = rand::random();
    let before = boot::swap(own_dir, PlaneBuilder::nonce_of(&seed)).map_err(|source| {
        let dir = own_dir.display();
        RunError::configuration(format!(
            "cannot write to the state directory `{dir}`: make it writable, or give another --stateDir"
        ))
        .because(source)
    })?;
    let mut builder = Plane::builder(node, store)
        .config(launch.config.clone())
        .mode(mode(launch.high_availability))
        .priority(state.priority())
        .uri(uri)
        .version(env!("CARGO_PKG_VERSION"))
        .clean(clean)
        .state(managed.clone())
        .seed(seed);
    if let Some(nonce) = before {
        builder = builder.exited(nonce);
    }
    builder
        .start()
        .map_err(|error| RunError::execution(chain(&error)))
}

fn mode(asked: HighAvailability) -> Mode {
    match asked {
        HighAvailability::Disabled => Mode::Disabled,
        HighAvailability::Auto => Mode::Auto,
        HighAvailability::Master => Mode::Master,
        HighAvailability::Standby => Mode::Standby,
        HighAvailability::HotStandby => Mode::HotStandby,
        HighAvailability::HotBackup => Mode::HotBackup,
    }
}

/// Serves REST until `stop` is told.
fn serve(
    listener: std::net::TcpListener,
    member: Arc<Member>,
    stop: Arc<Notify>,
) -> Result<tokio::task::JoinHandle<std::io::Result<()>>, RunError> {
    let listener = tokio::net::TcpListener::from_std(listener)
        .map_err(|source| RunError::execution("the port cannot be served").because(source))?;
    let mut settings = Settings::default();
    settings.max_connections = most_connections();
    let router = ha_rest::app(member, settings.clone());
    Ok(tokio::spawn(async move {
        ha_rest::serve(listener, router, &settings, async move { stop.notified().await }).await
    }))
}

/// How many clients can be connected at a time, so that the store always has files left. Raises the soft limit of open files to the hard one.
fn most_connections() -> usize {
    let mut limits = getrlimit(Resource::Nofile);
    if limits.maximum != limits.current {
        let raised = Rlimit {
            current: limits.maximum,
            ..limits
        };
        // Where it may not be raised, fewer clients are served.
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limits = raised;
        }
    }
    let files = limits
        .current
        .map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    (files / 4).clamp(FEWEST_CONNECTIONS, MOST_CONNECTIONS)
}

const FEWEST_CONNECTIONS: usize = 16;
const MOST_CONNECTIONS: usize = 4096;

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, RunError> {
        let on = |kind| {
            signal(kind).map_err(|source| RunError::execution("cannot listen for signals").because(source))
        };
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => info!("SIGTERM: stopping"),
            _ = self.interrupt.recv() => info!("SIGINT: stopping"),
        }
    }
}

async fn stop_asked(signals: &mut Signals, shutdown: &Notify) {
    tokio::select! {
        () = signals.next() => {}
        () = shutdown.notified() => info!("told to stop over REST"),
    }
}
