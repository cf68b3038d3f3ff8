//! A leader that owns a counter, which is kept through the journal: its successor goes on where it stopped.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ha_core::{Change, NodeId, Plane, RestoreError, StateMachine};
use ha_store::DirectoryStore;

#[derive(Clone, Default)]
struct Counter(Arc<AtomicU64>);

impl StateMachine for Counter {
    fn apply(&mut self, _: &Change) {
        self.0.fetch_add(1, Relaxed);
    }
    fn reset(&mut self) {
        self.0.store(0, Relaxed);
    }
    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        vec![self.0.load(Relaxed).to_le_bytes().to_vec()]
    }
    fn restore(&mut self, parts: &[&[u8]]) -> Result<(), RestoreError> {
        self.0
            .store(u64::from_le_bytes(parts.concat().as_slice().try_into()?), Relaxed);
        Ok(())
    }
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?; // in real life: one that all nodes share
    for name in ["one", "two"] {
        let counter = Counter::default();
        let store = Arc::new(DirectoryStore::open(directory.path())?);
        let plane = Plane::builder(NodeId::new(name)?, store);
        let plane = plane.state(counter.clone()).start()?;
        let leadership = plane.leadership().await?; // waits until this node leads
        let seq = leadership.append("+1").await.committed()?; // durable; or: certainly not applied, or unknown
        plane.applied(seq).await; // read your own writes
        let (epoch, count) = (leadership.epoch(), counter.0.load(Relaxed));
        println!("{name} leads epoch {epoch}, and the counter is {count}");
        plane.stop().await; // hands over, or releases
    }
    Ok(())
}
