//! Applications and entities over REST on a bucket behind a proxy that takes its time: rates of writes beside bare creates, one large deployment,
//! and promotions over 100,000 entities. `eval "$(.ci/tools)" && cargo bench -p ha-benches --bench entities_bucket`; `-- "60 ms"` runs one latency.

use std::time::{Duration, Instant};

use ha_benches::latency::{LATENCIES, asked, place};
use ha_benches::rest::{Client, basics, large, only_http, promotion, set_sensors};
use ha_benches::{Samples, Server, bare_creates};
use ha_tests::{Bucket, BucketServer};

const EACH_RATE: Duration = Duration::from_secs(15);
const CLIENTS: [usize; 4] = [1, 8, 64, 1024];
/// About what an entry of one change is.
const ENTRY: usize = 400;

/// Takeovers are looked for often, so that what follows them is most of what is seen.
const TIMINGS: [&str; 6] = [
    "--pollPeriod",
    "200ms",
    "--heartbeatTimeout",
    "5s",
    "--leaseTtl",
    "5s",
];

fn main() {
    let Some(server) = BucketServer::seaweedfs() else {
        println!("there is no SeaweedFS: see the head of benches/benches/entities_bucket.rs");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    for latency in LATENCIES.into_iter().filter(|latency| asked(latency.name)) {
        println!("injected latency: {}", latency.name);
        let bucket = place(&server, &latency);
        let own = tempfile::tempdir().expect("a temporary directory");
        let start = |name: &str, mode: &str| {
            let options = [&TIMINGS[..], &["--highAvailability", mode]].concat();
            let server = Server::on(
                bucket.location(),
                own.path(),
                bucket.environment(),
                name,
                &options,
            );
            let role = if mode == "auto" { "MASTER" } else { mode };
            let _ = server.becomes(&role.to_uppercase(), Instant::now());
            server
        };
        let master = start("master", "auto");
        runtime.block_on(rates(&master, &bucket));
        runtime.block_on(deployments(&master));
        let hot = start("hot", "hot_standby");
        runtime.block_on(follows(&master, &hot));
        runtime.block_on(promotion("hot standby", &master, &hot));
        drop(master);
        let warm = start("warm", "standby");
        runtime.block_on(promotion("standby that has loaded nothing", &hot, &warm));
    }
}

/// Changes of one sensor a request, by so many clients with a connection each.
async fn rates(master: &Server, bucket: &Bucket) {
    let mut client = Client::to(master).await;
    client
        .send("PUT /v1/applications/rates", &basics("rates", CLIENTS[3]))
        .await;
    let ids = client.ids_in("rates").await;
    let mut bare = bare_creates(bucket, ENTRY).await;
    let mut seen = Vec::new();
    for clients in CLIENTS {
        let samples = set_sensors(master, "rates", &ids[..clients], EACH_RATE).await;
        let http = only_http(master, clients, EACH_RATE / 5).await;
        seen.push((clients, samples, http));
    }
    bare.extend(bare_creates(bucket, ENTRY).await);
    println!("  bare create of {ENTRY} bytes  {bare}, mean {:.2?}", bare.mean());
    for (clients, samples, http) in seen {
        let http = http.len() as f64 / (EACH_RATE / 5).as_secs_f64();
        let rate = samples.len() as f64 / EACH_RATE.as_secs_f64();
        println!(
            "  {clients:5} clients  {rate:7.0} writes/s, {samples}: {:.2} of N / bare create (target >= 0.7), p50 {:.2} of its p50; \
             the same clients, asking for nothing: {http:.0}/s",
            rate * bare.mean().as_secs_f64() / clients as f64,
            samples.p50().as_secs_f64() / bare.p50().as_secs_f64()
        );
    }
}

/// Applications of 10,000 entities, and 20 of 5,000 of about 1 kB, each in one call: as much as an entry may hold.
async fn deployments(master: &Server) {
    let mut client = Client::to(master).await;
    for (entities, note, count, of) in [
        (10_000, 28, 5, "10,000 entities"),
        (5_000, 800, 20, "5,000 of 1 kB"),
    ] {
        let blueprint = large(entities, note);
        let mut took = Samples::default();
        for n in 0..count {
            let application = format!("{}{n}", if note > 100 { "many" } else { "large" });
            let sent = Instant::now();
            client
                .send(&format!("PUT /v1/applications/{application}"), &blueprint)
                .await;
            took.push(sent.elapsed());
            if note < 100 {
                client
                    .send(
                        &format!("POST /v1/applications/{application}/entities/{application}/expunge"),
                        "",
                    )
                    .await;
            }
        }
        println!("  deploy {of} in one call: {took} (target <= 1 s)");
    }
}

/// A write, and waiting until it is seen on the other.
async fn follows(master: &Server, standby: &Server) {
    let sensor = "/v1/applications/many9/entities/e0/sensors/s";
    Client::to(master)
        .await
        .send(&format!("POST {sensor}"), "\"seen\"")
        .await;
    while Client::to(standby).await.get(sensor).await != "\"seen\"" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
