//! Watching a plane from outside: asks every server what it is and what it sees, and tells what changes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use super::server::Server;
use crate::failure::RunError;
use crate::http::get_json;

/// What one server answered.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Its name.
    pub(super) name: String,
    /// What it says to be; `no answer` if it says nothing.
    pub(super) role: String,
    /// What it says the others are.
    others: BTreeMap<String, String>,
    /// Who it says is master.
    master: Option<String>,
    /// When the answer came.
    at: Instant,
}

/// An observer with a clock that starts at 0 and a limit to its patience.
#[derive(Debug)]
pub(super) struct Watch {
    zero: Instant,
    patience: Duration,
    seen: BTreeMap<String, View>,
}

impl Watch {
    /// Begins now.
    pub(super) fn begin(patience: Duration) -> Self {
        Self {
            zero: Instant::now(),
            patience,
            seen: BTreeMap::new(),
        }
    }

    /// Puts the clock to 0.
    pub(super) fn restart(&mut self) {
        self.zero = Instant::now();
    }

    /// What the clock shows.
    pub(super) fn elapsed(&self) -> Duration {
        self.zero.elapsed()
    }

    /// Prints a line of the timeline.
    pub(super) fn note(&self, what: &str) {
        self.note_at(Some(Instant::now()), what);
    }

    /// Prints a line about another time than now.
    pub(super) fn note_at(&self, at: Option<Instant>, what: &str) {
        let Some(at) = at else { return };
        let before = self.zero.saturating_duration_since(at).as_millis();
        let time = match before {
            0 => format!("{} ms", at.saturating_duration_since(self.zero).as_millis()),
            before => format!("-{before} ms"),
        };
        say(&format!("{time:>10}  {what}"));
    }

    /// When a server answered last.
    pub(super) fn last_sign_of(&self, name: &str) -> Option<Instant> {
        self.seen
            .get(name)
            .filter(|view| view.role != NO_ANSWER)
            .map(|view| view.at)
    }

    /// The name of the one server that says to be master.
    pub(super) async fn find_master(&mut self, servers: &mut [Server]) -> Result<String, RunError> {
        let views = self
            .wait("a master", servers, false, |views| {
                views.iter().any(View::is_master)
            })
            .await?;
        views
            .iter()
            .find(|view| view.is_master())
            .map(|view| view.name.clone())
            .ok_or_else(|| unreachable_without("a master"))
    }

    /// Waits until another than `former` is master and all that run agree on it; gives its name. The clock then shows when it was
    /// first seen as master.
    pub(super) async fn until_other_master(
        &mut self,
        former: &str,
        servers: &mut [Server],
    ) -> Result<String, RunError> {
        let is_next = |view: &&View| view.name != former && view.is_master();
        let views = self
            .until("another master", servers, |views| {
                views.iter().any(|view| is_next(&view))
            })
            .await?;
        let next = views
            .iter()
            .find(is_next)
            .ok_or_else(|| unreachable_without("another master"))?;
        // Later waits must not count: what is told afterwards is the time of the takeover.
        let took = next.at.duration_since(self.zero);
        let name = next.name.clone();
        let all_know = |views: &[View]| {
            views
                .iter()
                .filter(|view| view.name != former)
                .all(|view| view.master.as_deref() == Some(name.as_str()))
        };
        self.until("agreement on the new master", servers, all_know)
            .await?;
        self.zero = Instant::now().checked_sub(took).unwrap_or(self.zero);
        Ok(name)
    }

    /// Asks and tells until a condition holds.
    pub(super) async fn until(
        &mut self,
        what: &str,
        servers: &mut [Server],
        holds: impl Fn(&[View]) -> bool,
    ) -> Result<Vec<View>, RunError> {
        self.wait(what, servers, true, holds).await
    }

    async fn wait(
        &mut self,
        what: &str,
        servers: &mut [Server],
        aloud: bool,
        holds: impl Fn(&[View]) -> bool,
    ) -> Result<Vec<View>, RunError> {
        let deadline = Instant::now() + self.patience;
        loop {
            for server in servers.iter_mut() {
                server.check()?;
            }
            let views = look(servers).await;
            let mut by_time: Vec<_> = views.iter().collect();
            by_time.sort_by_key(|view| view.at);
            for view in by_time {
                let before = self.seen.insert(view.name.clone(), view.clone());
                if aloud {
                    self.tell(before.as_ref(), view);
                }
            }
            if holds(&views) {
                return Ok(views);
            }
            if Instant::now() > deadline {
                return Err(give_up(what, self.patience, servers, &views));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Prints what is new in a view.
    fn tell(&self, before: Option<&View>, now: &View) {
        let before_role = before.map_or(NO_ANSWER, |view| &view.role);
        if now.role != before_role {
            let what = if now.role == NO_ANSWER {
                "no longer answers"
            } else {
                now.role.as_str()
            };
            self.note_at(Some(now.at), &format!("{} {what}", now.name));
        }
        for (other, role) in now
            .others
            .iter()
            .filter(|(other, role)| **other != now.name && *role == "FAILED")
        {
            let known = before
                .and_then(|view| view.others.get(other))
                .is_some_and(|known| known == role);
            if !known {
                self.note_at(
                    Some(now.at),
                    &format!("{} suspects {other}: it counts as {role}", now.name),
                );
            }
        }
    }
}

impl View {
    fn is_master(&self) -> bool {
        self.role == "MASTER"
    }
}

/// Prints a line.
pub(super) fn say(line: &str) {
    // The demo goes on to its end, and cleans up, when nobody reads on.
    let _ = writeln!(io::stdout(), "{line}");
}

/// Asks all servers that run, at the same time.
async fn look(servers: &[Server]) -> Vec<View> {
    let mut asked: JoinSet<View> = servers
        .iter()
        .filter(|server| server.is_running())
        .map(|server| ask(server.name().to_owned(), server.address()))
        .collect();
    let mut views = Vec::new();
    while let Some(answer) = asked.join_next().await {
        views.extend(answer);
    }
    views.sort_by(|a, b| a.name.cmp(&b.name));
    views
}

async fn ask(name: String, address: SocketAddr) -> View {
    let role = get_json(address, "/v1/server/ha/state", ANSWER_LIMIT).await.ok();
    let at = Instant::now();
    let states = match &role {
        Some(_) => get_json(address, "/v1/server/ha/states", ANSWER_LIMIT)
            .await
            .unwrap_or_default(),
        None => Value::Null,
    };
    let role = role
        .as_ref()
        .and_then(Value::as_str)
        .unwrap_or(NO_ANSWER)
        .to_owned();
    let nodes = states["nodes"].as_object().into_iter().flatten();
    let others = nodes
        .map(|(id, node)| (id.clone(), node["status"].as_str().unwrap_or_default().to_owned()))
        .collect();
    View {
        name,
        role,
        others,
        master: states["masterId"].as_str().map(str::to_owned),
        at,
    }
}

fn give_up(what: &str, patience: Duration, servers: &[Server], views: &[View]) -> RunError {
    let roles: Vec<_> = views
        .iter()
        .map(|view| format!("{} {}", view.name, view.role))
        .collect();
    let message = format!("waited {patience:?} for {what}; seen last: {}", roles.join(", "));
    match servers.iter().find(|server| server.is_running()) {
        Some(server) => server.failure(&format!("is one of a plane that {message}")),
        None => RunError::execution(message),
    }
}

fn unreachable_without(what: &str) -> RunError {
    RunError::execution(format!("{what} was seen and is gone"))
}

const NO_ANSWER: &str = "no answer";
const PAUSE: Duration = Duration::from_millis(10);
const ANSWER_LIMIT: Duration = Duration::from_millis(500);
