//! A plane on a bucket behind a proxy that takes its time: commits beside bare creates, takeovers and handovers in round trips, and what an idle
//! plane asks. The server is SeaweedFS, which `.ci/tools` brings: `eval "$(.ci/tools)" && cargo bench -p ha-benches --bench bucket`;
//! `-- "60 ms"` runs one latency.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ha_benches::latency::{LATENCIES, asked, place};
use ha_benches::{CHANGE, Samples, Timed, bare_creates, side_by_side};
use ha_core::proto::layout;
use ha_core::{Append, Config, IdleRequests, NodeId, Plane};
use ha_store::{Faulty, Folder, Store};
use ha_tests::proxy::Kind;
use ha_tests::{Bucket, BucketServer};

/// About what an entry of one change is.
const ENTRY: usize = 400;

fn main() {
    let Some(server) = BucketServer::seaweedfs() else {
        println!("there is no SeaweedFS: see the head of benches/benches/bucket.rs");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    for latency in LATENCIES.into_iter().filter(|latency| asked(latency.name)) {
        println!("injected latency: {}", latency.name);
        runtime.block_on(commits(&place(&server, &latency)));
        runtime.block_on(takeover(&place(&server, &latency)));
        runtime.block_on(handover(&place(&server, &latency)));
    }
    if asked("idle") {
        runtime.block_on(idle(&place(&server, &LATENCIES[0])));
    }
}

/// No polls or suspicions to speak of.
fn calm() -> Config {
    let secs = Duration::from_secs;
    let config = Config::builder()
        .poll(secs(2))
        .heartbeat_timeout(secs(60))
        .lease_ttl(secs(30))
        .request_timeout(secs(5));
    config.build().expect("these agree")
}

fn start(name: &str, store: Arc<dyn Store>, config: Config) -> Plane {
    let node = NodeId::new(name).expect("a name");
    let plane = Plane::builder(node, store).config(config);
    plane
        .append_timeout(Duration::from_secs(60))
        .start()
        .expect("threads")
}

async fn commits(bucket: &Bucket) {
    let plane = start("bench", Arc::new(bucket.client()), calm());
    plane.leadership().await.expect("a lone node leads");
    for clients in [64, 1024] {
        // What each round trip carries: one change, or those of all clients.
        let sizes = [ENTRY, ENTRY + CHANGE * clients];
        let mut bare = [Samples::default(), Samples::default()];
        for (bare, bytes) in bare.iter_mut().zip(sizes) {
            bare.extend(bare_creates(bucket, bytes).await);
        }
        let (began, span) = (Instant::now(), Duration::from_secs(20));
        let samples = side_by_side(&plane, clients, move |_| began.elapsed() < span).await;
        let took = began.elapsed();
        for (bare, bytes) in bare.iter_mut().zip(sizes) {
            bare.extend(bare_creates(bucket, bytes).await);
        }
        let per_second = samples.len() as f64 / took.as_secs_f64();
        println!("  {clients} clients, one change each: {samples}, {per_second:.0} commits/s");
        for (bare, bytes) in bare.iter().zip(sizes) {
            let ideal = clients as f64 / bare.mean().as_secs_f64();
            println!(
                "    bare create of {bytes:>6} bytes  {bare}, mean {:.2?}",
                bare.mean()
            );
            println!(
                "      p50 / its p50               {:.2}  (target <= 1.15)",
                samples.p50().as_secs_f64() / bare.p50().as_secs_f64()
            );
            println!(
                "      commits/s                   {:.2} of {clients} / its mean  (target >= 0.85)",
                per_second / ideal
            );
        }
    }
    plane.stop().await;
}

/// The leader's connection is cut; a client writes to its standby until that takes it.
async fn takeover(bucket: &Bucket) {
    let mut samples = Samples::default();
    let swift = Config::builder()
        .poll(Duration::from_millis(500))
        .heartbeat_timeout(Duration::from_secs(2))
        .lease_ttl(Duration::from_secs(4))
        .request_timeout(Duration::from_secs(1));
    let swift = swift.build().expect("these agree");
    let bare = bare_creates(bucket, ENTRY).await;
    let mut number = 0;
    let mut next = |cut: Arc<Faulty<Arc<dyn Store>>>| {
        number += 1;
        let timed = Arc::new(Timed::new(cut));
        (start(&format!("n{number}"), timed.clone(), swift.clone()), timed)
    };
    let client = || -> Arc<Faulty<Arc<dyn Store>>> { Arc::new(Faulty::new(Arc::new(bucket.client()), 1)) };
    let mut store = client();
    let (mut leader, _) = next(store.clone());
    leader.leadership().await.expect("a lone node leads");
    for _ in 0..10 {
        let stores = client();
        let (standby, timed) = next(stores.clone());
        standby.started().await.expect("it follows");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let cut_at = Instant::now();
        store.cut();
        let acknowledged = loop {
            if matches!(standby.append([7; CHANGE]).await, Append::Committed(_)) {
                break Instant::now();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        if let Some(claimed) = timed.first_create_since(cut_at) {
            samples.push(acknowledged - claimed);
        }
        leader.begin_stop();
        (leader, store) = (standby, stores);
    }
    println!(
        "  takeover: claim to first answered write    {samples}, mean {:.2?}",
        samples.mean()
    );
    println!(
        "    p50 in mean bare creates      {:.2}  (two round trips and a bit: the claim, then the listing beside the first commit)",
        samples.p50().as_secs_f64() / bare.mean().as_secs_f64()
    );
    let lists = bare_lists(bucket).await;
    let round_trips = bare.mean() + lists.mean().max(bare.mean());
    println!(
        "    bare listing of the snapshots {lists}, mean {:.2?}: mean / (mean create + the longer of the two) {:.2}",
        lists.mean(),
        samples.mean().as_secs_f64() / round_trips.as_secs_f64()
    );
    leader.stop().await;
}

/// What a node that takes over asks for once.
async fn bare_lists(bucket: &Bucket) -> Samples {
    let store = bucket.client();
    let folder = Folder::new(layout::SNAPSHOTS).expect("a folder");
    let mut samples = Samples::default();
    while samples.len() < 200 {
        let began = Instant::now();
        // One that was throttled counts when it is sent again.
        if store.list(&folder, Duration::from_secs(10)).await.is_ok() {
            samples.push(began.elapsed());
        }
    }
    samples
}

/// A leader stops; a client writes to its standby until that leads.
async fn handover(bucket: &Bucket) {
    let bare = bare_creates(bucket, ENTRY).await;
    let poll = Duration::from_millis(100);
    let swift = Config::builder()
        .poll(poll)
        .heartbeat_timeout(Duration::from_secs(5))
        .lease_ttl(Duration::from_secs(5));
    let swift = swift.build().expect("these agree");
    let mut number = 0;
    let mut next = || {
        number += 1;
        start(&format!("n{number}"), Arc::new(bucket.client()), swift.clone())
    };
    let mut leader = next();
    leader.leadership().await.expect("a lone node leads");
    let (mut samples, mut most_entries) = (Samples::default(), 0);
    for _ in 0..5 {
        let standby = next();
        standby.started().await.expect("it follows");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let Append::Committed(before) = leader.append([7; CHANGE]).await else {
            println!("  handover: the leader did not commit");
            return;
        };
        let began = Instant::now();
        leader.begin_stop();
        let after = loop {
            if let Append::Committed(seq) = standby.append([7; CHANGE]).await {
                break seq;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        samples.push(began.elapsed());
        most_entries = most_entries.max(after.0 - before.0 - 1);
        leader = standby;
    }
    println!("  handover: stop to first write at the successor    {samples}");
    println!(
        "    p50 without a poll in mean bare creates    {:.1}",
        samples.p50().saturating_sub(poll).as_secs_f64() / bare.mean().as_secs_f64(),
    );
    println!(
        "    entries between               at most {most_entries}  (the Handover, and the successor's Full where it is there before the write)"
    );
    leader.stop().await;
}

/// Three nodes with a bucket's own timings do nothing for four minutes.
async fn idle(bucket: &Bucket) {
    let config = Config::bucket().build().expect("the preset agrees with itself");
    let mut planes = Vec::new();
    for name in ["a", "b", "c"] {
        let plane = start(name, Arc::new(bucket.client()), config.clone());
        plane.started().await.expect("it starts");
        planes.push(plane);
    }
    tokio::time::sleep(Duration::from_secs(45)).await;
    let before = bucket.proxy().counts();
    let span = Duration::from_secs(240);
    tokio::time::sleep(span).await;
    let seen = bucket.proxy().counts().since(&before);
    let predicted = IdleRequests::of(&config, 3, span);
    let a_minute = |n: u64| n as f64 * 60.0 / span.as_secs_f64();
    println!("idle plane of three, bucket's timings, requests a minute (predicted)");
    println!(
        "  put {:.1} ({:.1}), get {:.1} ({:.1}), list {:.1} ({:.1})",
        a_minute(seen.of(Kind::Put) + seen.of(Kind::Create)),
        a_minute(predicted.puts),
        a_minute(seen.of(Kind::Get)),
        a_minute(predicted.gets),
        a_minute(seen.of(Kind::List)),
        a_minute(predicted.lists)
    );
    for plane in planes {
        plane.stop().await;
    }
}
