//! A node of a plane of entities: an `ha-server` with a type that acts on the world.

use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::chaos::bug::Bug;
use crate::chaos::place::Place;
use crate::chaos::process::{Process, Standing};
use crate::http::Request;
use crate::launch::Launch;
use crate::objects::Objects;
use crate::server::Server;
use crate::site::Timings;

/// The variable that says where acts on the world are written down.
pub const ACTS: &str = "HA_CHAOS_ACTS";
/// The variable that says which node it is.
pub const NODE: &str = "HA_CHAOS_NODE";
/// The variable that names a bug that it is to have.
pub const BUG: &str = "HA_CHAOS_BUG";

/// How all nodes of a plane are started.
#[derive(Debug)]
pub(crate) struct RestLaunch<'a> {
    pub(crate) place: &'a Place,
    /// Where logs and the nodes' own states lie.
    pub(crate) site: Arc<TempDir>,
    pub(crate) program: &'a Path,
    pub(crate) acts: &'a Path,
    pub(crate) timings: Timings,
    pub(crate) snapshot_entries: u64,
    pub(crate) bug: Option<Bug>,
}

#[derive(Debug)]
pub(crate) struct RestNode {
    server: Server,
    objects: Objects,
}

impl RestLaunch<'_> {
    /// Starts a node.
    pub(crate) fn start(&self, number: usize, name: &str) -> Result<RestNode, String> {
        let Timings {
            poll,
            heartbeat_timeout,
            lease_ttl,
        } = self.timings;
        let millis = |time: Duration| format!("{}ms", time.as_millis());
        let launch = Launch::new(name, Arc::clone(&self.site))
            .program(self.program)
            .environment(ACTS, &self.acts.to_string_lossy())
            .environment(NODE, name)
            .option("--nodeId", name)
            .option("--pollPeriod", millis(poll))
            .option("--heartbeatTimeout", millis(heartbeat_timeout))
            .option("--leaseTtl", millis(lease_ttl))
            .option("--snapshotEntries", self.snapshot_entries.to_string());
        let launch = match self.bug {
            Some(bug) => launch.environment(BUG, bug.name()),
            None => launch,
        };
        let launch = self.place.server_launch(number, launch).ok_or(
            "entities live in a place of the campaign's own: give --store directory, seaweedfs or juicefs",
        )?;
        Ok(RestNode {
            server: launch.start(),
            objects: self.place.objects(),
        })
    }
}

impl RestNode {
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }
}

/// How long a node may take to tell of itself.
const TELLS: Duration = Duration::from_secs(2);

/// How long it may take to change its mode: a leader waits for work to end.
const CHANGES: Duration = Duration::from_secs(10);

impl Process for RestNode {
    fn name(&self) -> &str {
        self.server.name()
    }

    fn process_id(&self) -> u32 {
        self.server.process_id()
    }

    fn standing(&self) -> Standing {
        let role = self
            .server
            .send(&Request::get("/v1/server/ha/state").within(TELLS))
            .ok()
            .and_then(|answer| answer.json().as_str().map(str::to_owned));
        let role = role.unwrap_or_default();
        Standing {
            may_act: role == "MASTER",
            errors: "its log tells why".into(),
            role,
            epoch: 0,
        }
    }

    fn seq(&self) -> u64 {
        self.objects
            .entries()
            .last_key_value()
            .map_or(0, |(seq, _)| seq.0)
    }

    fn change_mode(&self, mode: &str) {
        let form = format!("mode={mode}");
        // It may refuse, for nobody else may be there to lead, which is as good.
        let _ = self
            .server
            .send(&Request::post("/v1/server/ha/state", &form).within(CHANGES));
    }

    fn signal(&self, signal: Signal) {
        self.server.signal(signal);
    }

    fn kill(&mut self) {
        self.server.kill();
    }

    fn ends_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.server.ends_within(limit)
    }

    fn start_again(&mut self) {
        self.server = self.server.start_again();
    }
}
