//! The process whose power is cut: it leads a plane on a directory, and says on standard output what it found and each change that is durable.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use ha_core::{Change, Config, NodeId, Plane, RestoreError, StateMachine};
use ha_store::DirectoryStore;
use rustix::time::{ClockId, clock_gettime};

/// Counts: the change that is applied next is always the number that follows.
#[derive(Clone, Default)]
struct Count(Arc<AtomicU64>);

impl StateMachine for Count {
    fn apply(&mut self, change: &Change) {
        let number = change.bytes.first_chunk::<8>().map(|n| u64::from_le_bytes(*n));
        let before = self.0.fetch_add(1, Relaxed);
        assert_eq!(number, Some(before + 1), "a change is lost, doubled or torn");
    }

    fn reset(&mut self) {
        self.0.store(0, Relaxed);
    }

    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        let bytes = self.0.load(Relaxed).to_le_bytes();
        bytes.chunks(3).map(<[u8]>::to_vec).collect()
    }

    fn restore(&mut self, parts: &[&[u8]]) -> Result<(), RestoreError> {
        self.0
            .store(u64::from_le_bytes(parts.concat().as_slice().try_into()?), Relaxed);
        Ok(())
    }
}

/// By the clock that all processes of a machine share.
fn nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Leads a plane in this directory as this node: prints `holds N`, then each number that is acknowledged and when, until something fails.
///
/// # Errors
/// What has failed; without power everything does.
pub fn write(directory: &Path, node: &str) -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?
        .block_on(lead(directory, node))
}

async fn lead(directory: &Path, node: &str) -> Result<(), Box<dyn Error>> {
    let ms = Duration::from_millis;
    let config = Config::builder()
        .poll(ms(20))
        .heartbeat_timeout(ms(150))
        .lease_ttl(ms(300))
        .snapshot_entries(20)
        .build()?;
    let (count, store) = (Count::default(), Arc::new(DirectoryStore::open(directory)?));
    let plane = Plane::builder(NodeId::new(node)?, store).config(config);
    let plane = plane.state(count.clone()).start()?;
    let leadership = plane.leadership().await?;
    let mut out = std::io::stdout().lock();
    let mut number = count.0.load(Relaxed);
    writeln!(out, "holds {number}")?;
    out.flush()?;
    loop {
        number += 1;
        leadership
            .append(number.to_le_bytes().to_vec())
            .await
            .committed()?;
        writeln!(out, "{number} {}", nanos())?;
        out.flush()?;
    }
}
