//! Clients that deploy small applications over REST all the time, wherever the master is, and remember what they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::http::Request;
use crate::server::Server;

/// How long a client waits for an answer before it turns to another node, with the same key.
const TURN_AWAY: Duration = Duration::from_millis(1_500);

/// Clients at work.
#[derive(Debug)]
pub struct Deployers {
    done: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Deployments>>,
}

/// What clients were told of their applications, by name.
#[derive(Debug, Default)]
pub struct Deployments {
    /// Deployed, under this id.
    pub acknowledged: BTreeMap<String, String>,
    /// Sent, and never answered for certain.
    pub unknown: BTreeSet<String>,
    /// How often a client had to ask again with the same key.
    pub retries: usize,
}

impl Deployers {
    /// Some clients that deploy to whichever of these leads, each one application after the other.
    #[must_use]
    pub fn at_work(number: usize, on: &[Server]) -> Self {
        let on: Vec<_> = on.iter().map(Server::address).collect();
        let (done, acknowledged): (Arc<AtomicBool>, Arc<AtomicUsize>) = Default::default();
        let client = |client: usize| {
            let (done, acknowledged, on) = (done.clone(), acknowledged.clone(), on.clone());
            std::thread::spawn(move || deploy_all(client, &on, &done, &acknowledged))
        };
        Self {
            threads: (0..number).map(client).collect(),
            done,
            acknowledged,
        }
    }

    /// Waits until so many more have been acknowledged.
    ///
    /// # Panics
    /// If they are not in time.
    #[track_caller]
    pub fn deploy_more(&self, number: usize) {
        let acknowledged = || self.acknowledged.load(Ordering::Relaxed);
        let goal = acknowledged() + number;
        crate::wait_for(crate::PATIENCE, "clients deploy", || acknowledged() >= goal);
    }

    /// Ends the work.
    ///
    /// # Panics
    /// If a client was told what cannot be.
    #[must_use]
    pub fn end(self) -> Deployments {
        self.done.store(true, Ordering::Relaxed);
        let mut all = Deployments::default();
        for thread in self.threads {
            let mut one = thread.join().expect("a client was told what cannot be");
            all.acknowledged.append(&mut one.acknowledged);
            all.unknown.append(&mut one.unknown);
            all.retries += one.retries;
        }
        all
    }
}

impl Deployments {
    /// Checks what a server shows: each acknowledged application once, under its id; what is unknown at most once; nothing else.
    ///
    /// # Panics
    /// If that is not so.
    #[track_caller]
    pub fn assert_kept(&self, server: &Server) {
        let answer = server.send(&Request::get("/v1/applications").within(Duration::from_secs(20)));
        let all = answer.expect("it answers").json();
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for app in all.as_array().expect("a list of applications") {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            found
                .entry(text(&app["spec"]["name"]))
                .or_default()
                .push(text(&app["id"]));
        }
        let name = server.name();
        for (app, id) in &self.acknowledged {
            let ids = found.remove(app).unwrap_or_default();
            assert_eq!(
                ids,
                std::slice::from_ref(id),
                "{app} was acknowledged, and {name} has it so"
            );
        }
        for (app, ids) in found {
            assert!(
                self.unknown.contains(&app),
                "nobody was told of {app}, which {name} has"
            );
            assert_eq!(
                ids.len(),
                1,
                "{app} was sent with one key, and {name} has it so often"
            );
        }
    }
}

fn deploy_all(
    client: usize,
    on: &[SocketAddr],
    done: &AtomicBool,
    acknowledged: &AtomicUsize,
) -> Deployments {
    let mut told = Deployments::default();
    let mut at = client % on.len();
    for number in 0.. {
        let name = format!("app-{client}-{number}");
        let body =
            format!("{{name: {name}, services: [{{type: org.apache.brooklyn.entity.stock.BasicEntity}}]}}");
        let request = Request::with_body("POST", "/v1/applications", &body)
            .header("Idempotency-Key", &name)
            .within(TURN_AWAY);
        let mut may_be_there = false;
        loop {
            if done.load(Ordering::Relaxed) {
                if may_be_there {
                    told.unknown.insert(name);
                }
                return told;
            }
            match request.send(on[at]) {
                Ok(answer) if answer.status == 201 => {
                    let id = answer.json()["entityId"].as_str().map(str::to_owned);
                    told.acknowledged
                        .insert(name, id.expect("an application has an id"));
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                // Certainly not applied, by this request.
                Ok(answer) if [403, 503].contains(&answer.status) => {}
                Ok(answer) => {
                    assert!([500, 504].contains(&answer.status), "{answer:?}");
                    may_be_there = true;
                }
                // Nobody listens, or whoever did has not answered.
                Err(_) => may_be_there = true,
            }
            told.retries += 1;
            at = (at + 1) % on.len();
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    told
}
