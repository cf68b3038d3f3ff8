//! A node of a handful of fields, and short ways to ask it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary has its own copy, and uses its part"
)]

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use ha_core::{Mode, NodeId, NodeStatus, PlaneId, Role, RoleChange, Status};
use ha_rest::{Control, ControlError, Feature, Settings, VersionInfo, app};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::{Notify, Semaphore};
use tower::ServiceExt;

pub const OWN: &str = "yAVz0fzo";
pub const OTHER: &str = "XkJeXUXE";
pub const STARTED_MS: u64 = 1_466_414_101_065;
pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
pub const SKIP: (&str, &str) = ("Brooklyn-Allow-Non-Master-Access", "true");

/// A node that does as it is told at once, and writes down what it was told.
#[derive(Debug)]
pub struct Fake {
    pub status: Mutex<Status>,
    pub now_ms: u64,
    pub calls: Mutex<Vec<String>>,
    /// The answer to the next command, in place of doing it.
    pub refusal: Mutex<Option<ControlError>>,
    /// Commands wait for a permit here; unbounded unless a test takes them away.
    pub permits: Semaphore,
    pub inside: AtomicUsize,
    pub most_inside: AtomicUsize,
    pub entered: Notify,
    pub stopped: Notify,
}

impl Fake {
    /// A healthy node of this role in a plane of two, where the other node is master unless this one is.
    pub fn new(role: Role) -> Arc<Self> {
        Arc::new(Self::with(healthy(role)))
    }

    pub fn with(status: Status) -> Self {
        Self {
            now_ms: STARTED_MS
                + if status.role == Role::Master {
                    33_040
                } else {
                    22_400
                },
            status: Mutex::new(status),
            calls: Mutex::default(),
            refusal: Mutex::default(),
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
            inside: AtomicUsize::new(0),
            most_inside: AtomicUsize::new(0),
            entered: Notify::new(),
            stopped: Notify::new(),
        }
    }

    /// A master whose commands wait until [`permits`](Self::permits) are added.
    pub fn holding() -> Arc<Self> {
        let fake = Self {
            permits: Semaphore::new(0),
            ..Self::with(healthy(Role::Master))
        };
        Arc::new(fake)
    }

    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    async fn command(&self, name: String) -> Result<(), ControlError> {
        self.calls.lock().unwrap().push(name);
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_inside.fetch_max(inside, Ordering::SeqCst);
        self.entered.notify_one();
        self.permits.acquire().await.unwrap().forget();
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.refusal.lock().unwrap().take().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Control for Fake {
    fn status(&self) -> Status {
        self.status.lock().unwrap().clone()
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    async fn change_mode(&self, mode: Mode) -> Result<Role, ControlError> {
        self.command(format!("mode {mode}")).await?;
        Ok(self.status.lock().unwrap().role)
    }

    async fn set_priority(&self, priority: i64) -> Result<i64, ControlError> {
        self.command(format!("priority {priority}")).await?;
        Ok(std::mem::replace(
            &mut self.status.lock().unwrap().priority,
            priority,
        ))
    }

    async fn clear_nodes(&self, only: Option<NodeId>) -> Result<(), ControlError> {
        self.command(only.map_or_else(|| "clear".to_owned(), |id| format!("clear {id}")))
            .await
    }

    fn shutdown(&self) {
        self.calls.lock().unwrap().push("shutdown".to_owned());
        self.stopped.notify_one();
    }

    fn config(&self, key: &str) -> Option<String> {
        match key {
            "pollPeriod" => Some("1 \"s\"".to_owned()),
            "db.Password" => Some("hunter2".to_owned()),
            _ => None,
        }
    }

    fn version(&self) -> VersionInfo {
        let mut feature = Feature::new("ha-core", "0.1.0");
        feature.last_modified_ms = Some(1_700_000_000_000);
        let mut version = VersionInfo::new("0.1.0");
        version.build_branch = Some("UNKNOWN_BRANCH".to_owned());
        version.features = vec![feature];
        version
    }
}

pub fn id(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

pub fn healthy(role: Role) -> Status {
    let mut status = Status::starting(id(OWN));
    let (leader, other) = if role == Role::Master {
        (OWN, Role::HotStandby)
    } else {
        (OTHER, Role::Master)
    };
    status.plane_id = Some(PlaneId("g2Mk0xQa".to_owned()));
    status.role = role;
    status.leader = Some(id(leader));
    status.startup_complete = true;
    status.started_ms = STARTED_MS;
    status.history = vec![RoleChange::new(role, STARTED_MS + 17)];
    let uri = |port: u16| Some(format!("http://127.0.0.1:{port}/"));
    status.nodes = vec![
        NodeStatus::new(id(OWN), uri(8081), role, 0, STARTED_MS + 10, STARTED_MS + 11),
        NodeStatus::new(id(OTHER), uri(8082), other, 0, STARTED_MS + 20, STARTED_MS + 21),
    ];
    for activity in [&mut status.rebinds, &mut status.reads, &mut status.writes] {
        activity.count = 3;
        activity.last_success_ms = Some(STARTED_MS + 1_000);
        activity.last_duration_ms = Some(2);
    }
    status
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and body, which is all of most answers.
    pub fn short(&self) -> (u16, &str) {
        (self.status.as_u16(), &self.body)
    }
}

pub async fn send(
    router: Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

pub async fn call(
    fake: &Arc<Fake>,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    send(
        app(fake.clone(), Settings::default()),
        method,
        path,
        headers,
        body.to_owned(),
    )
    .await
}

pub async fn get(fake: &Arc<Fake>, path: &str) -> Answer {
    call(fake, "GET", path, &[], "").await
}

pub async fn post(fake: &Arc<Fake>, path: &str, form: &str) -> Answer {
    call(fake, "POST", path, &[FORM], form).await
}
