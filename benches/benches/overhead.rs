//! What the plane itself takes of a processor, on a store in memory whose creates take a set time and nothing of a processor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ha_benches::{Timed, side_by_side};
use ha_core::{Config, NodeId, Plane};
use ha_store::MemoryStore;

const SPAN: Duration = Duration::from_secs(5);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    for create in [Duration::from_micros(1_500), Duration::from_millis(5)] {
        for clients in [64, 1024] {
            runtime.block_on(commits(create, clients));
        }
    }
}

/// One change a request.
async fn commits(create: Duration, clients: usize) {
    let store = Arc::new(Timed::new(Arc::new(MemoryStore::default())).with_wait(create));
    let config = Config::builder();
    let node = NodeId::new("bench").expect("a name");
    let plane = Plane::builder(node, store.clone())
        .config(config.build().expect("these agree"))
        .start()
        .expect("threads");
    plane.leadership().await.expect("a lone node leads");
    store.forget();
    let (began, before) = (Instant::now(), processor_time());
    let samples = side_by_side(&plane, clients, move |_| began.elapsed() < SPAN).await;
    let (took, spent) = (began.elapsed(), processor_time() - before);
    let bare = store.creates();
    let per_second = samples.len() as f64 / took.as_secs_f64();
    println!(
        "{clients} clients, creates of {create:?} (p50 {:.2?})",
        bare.p50()
    );
    println!("  one change each                 {samples}");
    println!(
        "  p50 / create p50                {:.2}",
        samples.p50().as_secs_f64() / bare.p50().as_secs_f64()
    );
    println!(
        "  commits/s                       {per_second:.0}, {:.2} of {clients} / mean create",
        per_second / (clients as f64 / bare.mean().as_secs_f64())
    );
    println!(
        "  processor time a change         {:.2?}, the client's part included",
        spent / u32::try_from(samples.len()).unwrap_or(u32::MAX)
    );
    plane.stop().await;
}

/// Of all threads of this process.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
