//! From the machine to what others read: role, leave to act, status.

use std::sync::Arc;
use std::time::Duration;

use ha_proto::{Instant, LoadProgress, Mode, Node, Role};

use crate::clock::wall_ms;
use crate::meter::Meter;
use crate::permit::Acting;
use crate::plane::{RoleNow, Shared};
use crate::status::{NodeStatus, RoleChange, Status, TimingStatus};

/// A status is not made more often than this, unless something has changed.
const NOT_MORE_OFTEN: Duration = Duration::from_millis(100);
/// The same warning is not logged more often than this.
const SAME_WARNING: Duration = Duration::from_secs(10);

/// How far a load has come is logged so often.
const LOAD_TOLD_EVERY: Duration = Duration::from_secs(1);

/// What was published or said lately.
#[derive(Debug, Default)]
pub(crate) struct Lately {
    pub(crate) changed: bool,
    published: Option<Instant>,
    warnings: Vec<(String, Instant)>,
    had_role: bool,
    /// When something was said of a load, or it was not under way.
    load_told: Instant,
}

impl Lately {
    /// Whether a warning is worth a line in the log.
    pub(crate) fn is_news(&mut self, now: Instant, what: &str) -> bool {
        self.warnings.retain(|(_, at)| now.since(*at) < SAME_WARNING);
        let news = !self.warnings.iter().any(|(w, _)| w == what);
        if news && self.warnings.len() < 64 {
            self.warnings.push((what.to_owned(), now));
        }
        news
    }

    /// How far a load has come that takes its time.
    fn news_of_load(&mut self, now: Instant, load: Option<LoadProgress>) -> Option<String> {
        let Some(load) = load else {
            self.load_told = now;
            return None;
        };
        if now.since(self.load_told) < LOAD_TOLD_EVERY {
            return None;
        }
        self.load_told = now;
        let (parts, of, seq, head) = (load.parts, load.of_parts, load.seq, load.head);
        Some(if load.is_restored && seq == head {
            format!("all is read, up to slot {head}, and what came after the snapshot is being applied")
        } else if load.is_restored {
            format!("read on to slot {seq} of {head}")
        } else if parts < of || of == 0 {
            format!("{parts} of {of} parts have come")
        } else {
            format!("restoring it from {of} parts")
        })
    }
}

pub(crate) fn publish(node: &Node, now: Instant, shared: &Shared, lately: &mut Lately, meter: &Meter) {
    let role = RoleNow {
        role: node.role(now),
        epoch: node.view().epoch,
        until: node.role_holds_until(),
        write: node.write_authority(),
    };
    lately.changed |= shared.role.borrow().role != role.role;
    lately.had_role |= role.role != Role::Initializing;
    let due = lately.published.is_none_or(|at| now.since(at) >= NOT_MORE_OFTEN);
    if let Some(words) = lately.news_of_load(now, node.loading()) {
        tracing::info!("loading the state: {words}");
    }
    if lately.changed || due {
        lately.changed = false;
        lately.published = Some(now);
        shared.set_status(status(node, now, shared, lately, meter));
    }
    // Behind the status: who sees the role asks at once for what goes with it.
    shared.role.send_if_modified(|before| {
        let changed = *before != role;
        *before = role;
        changed
    });
    let acting = node.act_authority(now).map(|a| Acting {
        epoch: a.epoch,
        until: a.until,
    });
    shared.acting.send_if_modified(|before| {
        let changed = *before != acting;
        *before = acting;
        changed
    });
    if role.role != Role::Initializing && node.has_started() && node.failure().is_none() {
        shared.has_started();
    }
}

fn status(node: &Node, now: Instant, shared: &Shared, lately: &Lately, meter: &Meter) -> Status {
    let wall = wall_ms();
    let ago = |at: Instant| wall.saturating_sub(u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX));
    let (view, role) = (node.view(), node.role(now));
    let leader = view
        .leader
        .as_ref()
        .filter(|_| !view.released)
        .map(|l| l.process.node.clone());
    let timeout = node.config().heartbeat_timeout();
    let mut nodes: Vec<NodeStatus> = node
        .peers()
        .values()
        .map(|peer| {
            let r = &peer.record;
            let leads = view.leader.as_ref().is_some_and(|l| l.process == peer.process());
            let patience = if leads {
                timeout
            } else {
                node.config().shown_timeout()
            };
            let silent = !peer.is_alive(now, patience) && r.status != Role::Terminated;
            let role = if silent { Role::Failed } else { r.status };
            NodeStatus::new(
                r.node_id.clone(),
                r.uri.clone(),
                role,
                r.priority,
                r.local_timestamp,
                ago(peer.changed_at),
            )
            .with_state_level(r.state_level)
        })
        .collect();
    let own = node.process().node.clone();
    let itself = NodeStatus::new(own.clone(), shared.uri.clone(), role, node.priority(), wall, wall);
    nodes.push(itself.with_state_level(node.state_level()));
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    if node.mode() == Mode::Disabled {
        nodes.retain(|n| n.id == own);
    }
    let mut errors: Vec<String> = node.failure().map(str::to_owned).into_iter().collect();
    for activity in [&meter.writes, &meter.reads] {
        // What failed last and has not worked since.
        if activity.last_failure_ms > activity.last_success_ms {
            errors.extend(activity.error_messages.first().cloned());
        }
    }
    errors.extend(node.bad_records().map(|bad| format!("skipped: {bad}")));
    let mut reads = meter.reads.clone();
    if node.mode() != Mode::Disabled {
        // What was read and cannot be used is trouble with the store as much as what could not be read.
        reads
            .error_messages
            .splice(..0, node.failure().map(str::to_owned));
    }
    Status {
        plane_id: view.plane.clone(),
        own_id: own,
        role,
        mode: node.mode(),
        priority: node.priority(),
        leader,
        epoch: view.epoch,
        seq: view.pos,
        may_act: node.act_authority(now).is_some(),
        unproven_for: node.unproven_for(now),
        startup_complete: lately.had_role && role != Role::Initializing,
        awaiting_rebind: node.awaits_rebind(),
        stopping: shared.is_stopping(),
        errors,
        history: node
            .history()
            .iter()
            .map(|c| RoleChange {
                role: c.role,
                at_ms: ago(c.at),
            })
            .collect(),
        nodes,
        looks_at_nodes: node.looks_at_all(),
        timings: TimingStatus {
            poll: node.config().poll(),
            heartbeat_timeout: timeout,
            lease_ttl: node.config().lease_ttl(),
        },
        started_ms: shared.started_ms,
        reads,
        writes: meter.writes.clone(),
        rebinds: meter.rebinds.clone(),
        loading: node.loading(),
    }
}

impl Shared {
    fn set_status(&self, status: Status) {
        *self
            .status
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(status);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::RwLock;

    use tokio::sync::{broadcast, watch};

    use super::*;

    fn t(secs: u64) -> Instant {
        Instant::from_millis(secs * 1000)
    }

    fn node() -> Node {
        let identity = ha_proto::Identity {
            node: ha_proto::NodeId::new("n1").unwrap(),
            uri: String::new(),
            version: None,
            state_level: 0,
            priority: 0,
            mode: Mode::Auto,
            clean: false,
            seed: [1; 32],
        };
        Node::new(t(1), identity, ha_proto::Config::default())
    }

    /// As before anything was published of a node.
    fn shared(node: &Node) -> Shared {
        let role = RoleNow {
            role: Role::Initializing,
            epoch: ha_proto::Epoch(0),
            until: None,
            write: None,
        };
        Shared {
            status: RwLock::new(Arc::new(Status::starting(node.process().node.clone()))),
            role: watch::Sender::new(role),
            acting: watch::Sender::new(None),
            followers: crate::state::follower_channel(),
            roles: broadcast::channel(1).0,
            started: watch::Sender::new(None),
            stopped: watch::Sender::new(false),
            stopping: false.into(),
            uri: None,
            started_ms: 0,
            largest_change: 0,
        }
    }

    fn priority(shared: &Shared) -> i64 {
        shared.status.read().unwrap().priority
    }

    #[test]
    fn a_status_is_made_anew_ten_times_a_second_and_at_each_change_of_role() {
        let (mut node, mut lately, meter) = (node(), Lately::default(), Meter::default());
        let shared = shared(&node);
        publish(&node, t(1), &shared, &mut lately, &meter);
        node.set_priority(t(1), 7);
        let soon = Instant::from_millis(1099);
        publish(&node, soon, &shared, &mut lately, &meter);
        assert_eq!(priority(&shared), 0);
        publish(&node, Instant::from_millis(1100), &shared, &mut lately, &meter);
        assert_eq!(priority(&shared), 7);
        node.change_mode(t(1), Mode::Disabled).unwrap();
        publish(&node, Instant::from_millis(1101), &shared, &mut lately, &meter);
        assert_eq!(shared.status.read().unwrap().mode, Mode::Disabled);
    }

    #[test]
    fn who_waits_for_a_change_is_woken_by_a_change_alone() {
        let (mut node, mut lately, meter) = (node(), Lately::default(), Meter::default());
        let shared = shared(&node);
        let (role, acting) = (shared.role.subscribe(), shared.acting.subscribe());
        publish(&node, t(1), &shared, &mut lately, &meter);
        assert!(!role.has_changed().unwrap() && !acting.has_changed().unwrap());
        node.change_mode(t(1), Mode::Disabled).unwrap();
        publish(&node, t(1), &shared, &mut lately, &meter);
        assert!(role.has_changed().unwrap() && !acting.has_changed().unwrap());
    }

    #[test]
    fn a_warning_is_news_once_in_ten_seconds() {
        let mut lately = Lately::default();
        assert!(lately.is_news(t(1), "slow"));
        assert!(!lately.is_news(t(10), "slow"));
        assert!(lately.is_news(t(10), "broken"), "another");
        assert!(lately.is_news(t(11), "slow"), "again");
        assert!(!lately.is_news(t(12), "slow") && !lately.is_news(t(12), "broken"));
    }

    #[test]
    fn a_load_is_told_of_once_a_second_by_what_it_waits_for() {
        let mut lately = Lately::default();
        let load = |parts, of_parts, is_restored| LoadProgress {
            parts,
            of_parts,
            is_restored,
            seq: ha_proto::Seq(7),
            head: ha_proto::Seq(9),
        };
        let at_the_end = LoadProgress {
            head: ha_proto::Seq(7),
            ..load(2, 2, true)
        };
        assert_eq!(lately.news_of_load(t(1), None), None);
        let soon = Instant::from_millis(1999);
        assert_eq!(lately.news_of_load(soon, Some(load(0, 0, false))), None);
        for (secs, load, words) in [
            (2, load(0, 0, false), "0 of 0 parts have come"),
            (3, load(1, 2, false), "1 of 2 parts have come"),
            (4, load(2, 2, false), "restoring it from 2 parts"),
            (5, load(2, 2, true), "read on to slot 7 of 9"),
            (
                6,
                at_the_end,
                "all is read, up to slot 7, and what came after the snapshot is being applied",
            ),
        ] {
            assert_eq!(lately.news_of_load(t(secs), Some(load)).as_deref(), Some(words));
        }
    }

    #[test]
    fn so_many_warnings_are_remembered_and_no_more() {
        let mut lately = Lately::default();
        for n in 0..65 {
            assert!(lately.is_news(t(1), &n.to_string()));
        }
        assert!(!lately.is_news(t(1), "0") && !lately.is_news(t(1), "63"));
        assert!(lately.is_news(t(1), "64"), "rather twice than never");
    }
}
