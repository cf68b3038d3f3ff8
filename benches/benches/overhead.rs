//! What the plane itself takes of a processor, on a store in memory whose creates take a set time and nothing of a processor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ha_benches::{Paced, Samples};
use ha_core::{Append, Config, NodeId, Plane};
use ha_store::MemoryStore;

const CHANGE: usize = 100;
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
async fn commits(create: Duration, clients: u32) {
    let store = Arc::new(Paced::new(Arc::new(MemoryStore::default()), create));
    let config = Config::builder();
    let node = NodeId::new("bench").expect("a name");
    let plane = Plane::builder(node, store.clone())
        .config(config.build().expect("these agree"))
        .start()
        .expect("threads");
    plane.leadership().await.expect("a lone node leads");
    store.forget();
    let (began, before) = (Instant::now(), processor_time());
    let running: Vec<_> = (0..clients)
        .map(|_| tokio::spawn(appends(plane.clone(), began + SPAN)))
        .collect();
    let mut samples = Samples::default();
    for client in running {
        samples.extend(client.await.expect("a client does not panic"));
    }
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
        per_second / (f64::from(clients) / bare.mean().as_secs_f64())
    );
    println!(
        "  processor time a change         {:.2?}, the client's part included",
        spent / u32::try_from(samples.len()).unwrap_or(u32::MAX)
    );
    plane.stop().await;
}

async fn appends(plane: Plane, until: Instant) -> Samples {
    let mut samples = Samples::default();
    while Instant::now() < until {
        let began = Instant::now();
        let outcome = plane.append([7; CHANGE]).await;
        assert!(matches!(outcome, Append::Committed(_)), "{outcome:?}");
        samples.push(began.elapsed());
    }
    samples
}

/// Of all threads of this process.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
