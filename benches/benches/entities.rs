//! Applications and entities over REST, on real servers with one directory: rates of writes beside the bare create, one large deployment, and
//! what a hot standby over many entities takes, and promotions over them.

use std::path::Path;
use std::time::{Duration, Instant};

use ha_benches::rest::{Client, basics, large, only_http, promotion, set_sensors};
use ha_benches::{Samples, Server, bare_create};
use tokio::task::JoinSet;

const EACH_RATE: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(20);
const CLIENTS: [usize; 4] = [1, 8, 64, 1024];

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let plane = dir.path().join("plane");
    println!("applications and entities over REST on {}", dir.path().display());
    let master = Server::start(&plane, "master", &[]);
    let _ = master.becomes("MASTER", Instant::now());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(rates(&master, dir.path()));
    runtime.block_on(large_deployment(&master));
    let standby = Server::start(&plane, "standby", &["--highAvailability", "hot_standby"]);
    let _ = standby.becomes("HOT_STANDBY", Instant::now());
    runtime.block_on(standby_over_many(&master, &standby));
    runtime.block_on(promotion("hot standby", &master, &standby));
    drop(master);
    let warm = Server::start(&plane, "warm", &["--highAvailability", "standby"]);
    let _ = warm.becomes("STANDBY", Instant::now());
    runtime.block_on(promotion("standby that has loaded nothing", &standby, &warm));
}

/// Changes of one sensor a request, by so many clients with a connection each.
async fn rates(master: &Server, dir: &Path) {
    let mut client = Client::to(master).await;
    client
        .send("PUT /v1/applications/rates", &basics("rates", CLIENTS[3]))
        .await;
    let ids = client.ids_in("rates").await;
    let bare_dir = dir.join("bare");
    std::fs::create_dir(&bare_dir).expect("a folder");
    for (round, clients) in CLIENTS.into_iter().enumerate() {
        let mut bare = Samples::default();
        for n in 0..300 {
            bare.push(bare_create(&bare_dir, round * 1000 + n));
        }
        let all = set_sensors(master, "rates", &ids[..clients], EACH_RATE).await;
        let rate = all.len() as f64 / EACH_RATE.as_secs_f64();
        let http = only_http(master, clients, EACH_RATE / 2).await;
        let http = http.len() as f64 / (EACH_RATE / 2).as_secs_f64();
        let ideal = clients as f64 / bare.mean().as_secs_f64();
        println!("{clients:5} clients  {rate:7.0} writes/s, {all}");
        println!(
            "      bare create {bare}: {:.2} of N / bare create (target >= 0.7)",
            rate / ideal
        );
        println!(
            "      the same clients, asking for nothing: {http:.0}/s; writes are {:.2} of that",
            rate / http
        );
    }
}

/// One application in one call.
async fn large_deployment(master: &Server) {
    let mut client = Client::to(master).await;
    for entities in [1_000, 10_000] {
        let blueprint = large(entities, 28);
        let mut took = Samples::default();
        for n in 0..5 {
            let sent = Instant::now();
            client
                .send(&format!("PUT /v1/applications/large{entities}n{n}"), &blueprint)
                .await;
            took.push(sent.elapsed());
            client
                .send(&format!("DELETE /v1/applications/large{entities}n{n}"), "")
                .await;
        }
        let target = if entities == 10_000 {
            " (target <= 1 s)"
        } else {
            ""
        };
        println!(
            "deploy {entities} entities ({} kB of YAML) in one call: {took}{target}",
            blueprint.len() / 1000
        );
    }
}

/// A hot standby over 100,000 entities: idle, and while 1,000 changes a second are made.
async fn standby_over_many(master: &Server, standby: &Server) {
    let mut client = Client::to(master).await;
    for n in 0..10 {
        client
            .send(&format!("PUT /v1/applications/many{n}"), &large(10_000, 28))
            .await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    report(
        "idle over 100,000 entities",
        master,
        standby,
        tokio::time::sleep(IDLE),
    )
    .await;
    let mut clients = JoinSet::new();
    let until = Instant::now() + IDLE;
    for n in 0..10 {
        let mut client = Client::to(master).await;
        let id = client.ids_in(&format!("many{n}")).await.swap_remove(n);
        clients.spawn(async move {
            let request = format!("POST /v1/applications/many{n}/entities/{id}/sensors/s");
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            let mut value = 0_u64;
            while Instant::now() < until {
                tick.tick().await;
                client.send(&request, &value.to_string()).await;
                value += 1;
            }
            value
        });
    }
    let made = async {
        let mut made = 0;
        while let Some(one) = clients.join_next().await {
            made += one.expect("a client does not panic");
        }
        println!("{:.0} changes/s are made", made as f64 / IDLE.as_secs_f64());
    };
    report("following them", master, standby, made).await;
    // The server has closed what was idle for so long.
    client = Client::to(master).await;
    let mut lag = Samples::default();
    let mut reader = Client::to(standby).await;
    for value in 0..20 {
        let wanted = format!("\"lag{value}\"");
        client
            .send("POST /v1/applications/many0/entities/e0/sensors/lag", &wanted)
            .await;
        let acknowledged = Instant::now();
        while reader.get("/v1/applications/many0/entities/e0/sensors/lag").await != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        lag.push(acknowledged.elapsed());
    }
    println!("from the acknowledgement of a write to its sight on the standby: {lag}");
}

async fn report(what: &str, master: &Server, standby: &Server, meanwhile: impl Future<Output = ()>) {
    let before = [master, standby].map(|server| server.usage().1);
    let began = Instant::now();
    meanwhile.await;
    let took = began.elapsed();
    for ((name, server), before) in [("master", master), ("hot standby", standby)]
        .into_iter()
        .zip(before)
    {
        let (resident, cpu) = server.usage();
        let share = cpu.saturating_sub(before).as_secs_f64() / took.as_secs_f64() * 100.0;
        let target = if what.starts_with("idle") {
            " (target < 0.5)"
        } else {
            ""
        };
        println!(
            "{what}: {name} {share:.2} % of a core{target}, {:.0} MiB resident",
            resident as f64 / 1024.0
        );
    }
}
