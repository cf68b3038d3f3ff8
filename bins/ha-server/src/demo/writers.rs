//! Clients of the demo: they write all the time, to whichever server is master, and know what was acknowledged.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::failure::RunError;
use crate::http::{get_json, send_json};

/// Clients at work on an application that was deployed for them.
#[derive(Debug)]
pub(super) struct Writers {
    done: watch::Sender<bool>,
    acknowledged: Arc<AtomicUsize>,
    at_work: JoinSet<Acknowledged>,
}

/// What one client wrote: sensors `s0`, `s1` and so on, up to this number, of its entity.
#[derive(Debug)]
struct Acknowledged {
    entity: String,
    count: usize,
}

/// How many clients write.
const WRITERS: usize = 3;

impl Writers {
    /// Deploys an application with an entity for each client, and lets them begin.
    pub(super) async fn begin(servers: &[SocketAddr]) -> Result<Self, RunError> {
        let entity = |n| format!("{{type: org.apache.brooklyn.entity.stock.BasicEntity, name: client-{n}}}");
        let entities: Vec<_> = (1..=WRITERS).map(entity).collect();
        let blueprint = format!("{{name: demo, services: [{}]}}", entities.join(", "));
        let (done, is_done) = watch::channel(false);
        if !write(
            servers,
            &mut 0,
            &is_done,
            "PUT /v1/applications/demo",
            "demo",
            &blueprint,
        )
        .await
        {
            return Err(RunError::execution("no server deploys the demo's application"));
        }
        let (acknowledged, mut at_work) = (Arc::<AtomicUsize>::default(), JoinSet::new());
        for n in 1..=WRITERS {
            let entity = format!("client-{n}");
            at_work.spawn(write_all(
                servers.to_vec(),
                entity,
                acknowledged.clone(),
                is_done.clone(),
            ));
        }
        Ok(Self {
            done,
            acknowledged,
            at_work,
        })
    }

    /// Waits until so many more writes have been acknowledged.
    ///
    /// # Errors
    /// If they are not in time.
    pub(super) async fn write_more(&self, number: usize, patience: Duration) -> Result<(), RunError> {
        let count = || self.acknowledged.load(Ordering::Relaxed);
        let goal = count() + number;
        let written = async {
            while count() < goal {
                tokio::time::sleep(BETWEEN_WRITES).await;
            }
        };
        tokio::time::timeout(patience, written).await.map_err(|_| {
            RunError::execution(format!(
                "waited {patience:?} for {number} writes, of which {} are missing",
                goal - count()
            ))
        })
    }

    /// Ends the work, and counts on each of these servers what was acknowledged. Gives how many that is.
    ///
    /// # Errors
    /// If a server lacks one.
    pub(super) async fn end(self, servers: &[(String, SocketAddr)]) -> Result<usize, RunError> {
        self.done.send_replace(true);
        let all = self.at_work.join_all().await;
        for (name, address) in servers {
            for acknowledged in &all {
                let missing = missing(*address, acknowledged).await;
                if missing > 0 {
                    return Err(RunError::execution(format!(
                        "{name} lacks {missing} of the {} acknowledged writes of {}",
                        acknowledged.count, acknowledged.entity
                    )));
                }
            }
        }
        Ok(all.iter().map(|a| a.count).sum())
    }
}

/// How many acknowledged writes a server does not show, soon after the last.
async fn missing(server: SocketAddr, acknowledged: &Acknowledged) -> usize {
    let path = format!(
        "/v1/applications/demo/entities/{}/sensors/current-state",
        acknowledged.entity
    );
    let mut missing = acknowledged.count;
    for _ in 0..TRIES {
        let shown = get_json(server, &path, ANSWER_LIMIT).await.unwrap_or_default();
        let is_there = |n: &usize| shown[format!("s{n}")] == *n;
        missing = (0..acknowledged.count).filter(|n| !is_there(n)).count();
        if missing == 0 {
            break;
        }
        // A standby follows within a poll.
        tokio::time::sleep(PAUSE).await;
    }
    missing
}

async fn write_all(
    servers: Vec<SocketAddr>,
    entity: String,
    acknowledged: Arc<AtomicUsize>,
    done: watch::Receiver<bool>,
) -> Acknowledged {
    let mut at = 0;
    let mut count = 0;
    loop {
        let request = format!("POST /v1/applications/demo/entities/{entity}/sensors/s{count}");
        let key = format!("{entity}-s{count}");
        if !write(&servers, &mut at, &done, &request, &key, &count.to_string()).await {
            return Acknowledged { entity, count };
        }
        count += 1;
        acknowledged.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(BETWEEN_WRITES).await;
    }
}

/// Sends a write until it is acknowledged, with one key, to one server after the other; gives up when all is done.
async fn write(
    servers: &[SocketAddr],
    at: &mut usize,
    done: &watch::Receiver<bool>,
    request: &str,
    key: &str,
    json: &str,
) -> bool {
    let mut tries = 0;
    while !*done.borrow() && tries < MOST_TRIES {
        match send_json(servers[*at], request, key, json, ANSWER_LIMIT).await {
            Ok(201 | 204) => return true,
            _ => *at = (*at + 1) % servers.len(),
        }
        tries += 1;
        tokio::time::sleep(BETWEEN_WRITES).await;
    }
    false
}

const TRIES: usize = 100;
const MOST_TRIES: usize = 3_000;
const PAUSE: Duration = Duration::from_millis(100);
const BETWEEN_WRITES: Duration = Duration::from_millis(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
