//! Applications and entities over REST, on real servers with one directory: rates of writes beside the bare create, one large deployment, and
//! what a hot standby over many entities takes.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use ha_benches::{Samples, Server, bare_create};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
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
}

/// Changes of one sensor a request, by so many clients with a connection each.
async fn rates(master: &Server, dir: &Path) {
    let entities: Vec<_> = (0..CLIENTS[3]).map(|n| basic(&format!("e{n}"))).collect();
    let blueprint = format!("{{name: rates, services: [{}]}}", entities.join(", "));
    let mut client = Client::to(master).await;
    client.send("PUT /v1/applications/rates", &blueprint).await;
    let ids = client.ids_in("rates").await;
    let bare_dir = dir.join("bare");
    std::fs::create_dir(&bare_dir).expect("a folder");
    for (round, clients) in CLIENTS.into_iter().enumerate() {
        let mut bare = Samples::default();
        for n in 0..300 {
            bare.push(bare_create(&bare_dir, round * 1000 + n));
        }
        let until = Instant::now() + EACH_RATE;
        let mut at_work = JoinSet::new();
        for id in ids.iter().take(clients) {
            let mut client = Client::to(master).await;
            let request = format!("POST /v1/applications/rates/entities/{id}/sensors/s");
            at_work.spawn(async move {
                let mut samples = Samples::default();
                for value in 0.. {
                    let sent = Instant::now();
                    if sent > until {
                        break;
                    }
                    client.send(&request, &value.to_string()).await;
                    samples.push(sent.elapsed());
                }
                samples
            });
        }
        let mut all = Samples::default();
        while let Some(one) = at_work.join_next().await {
            all.extend(one.expect("a client does not panic"));
        }
        let rate = all.len() as f64 / EACH_RATE.as_secs_f64();
        let ideal = clients as f64 / bare.mean().as_secs_f64();
        println!("{clients:5} clients  {rate:7.0} writes/s, {all}");
        println!(
            "      bare create {bare}: {:.2} of N / bare create (target >= 0.7)",
            rate / ideal
        );
    }
}

/// One application in one call.
async fn large_deployment(master: &Server) {
    let mut client = Client::to(master).await;
    for entities in [1_000, 10_000] {
        let blueprint = large(entities);
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
            .send(&format!("PUT /v1/applications/many{n}"), &large(10_000))
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

fn basic(name: &str) -> String {
    format!("{{type: org.apache.brooklyn.entity.stock.BasicEntity, name: {name}}}")
}

fn large(entities: usize) -> String {
    let mut yaml = String::from("name: large\nservices:\n");
    for n in 0..entities {
        write!(
            yaml,
            "- type: org.apache.brooklyn.entity.stock.BasicEntity\n  name: e{n}\n  brooklyn.config: {{port: {n}, host: \"h{n}.example\", note: \"some text that says a little\"}}\n"
        )
        .expect("a string takes what is written to it");
    }
    yaml
}

/// A client with a connection that it keeps.
struct Client {
    stream: TcpStream,
    got: Vec<u8>,
}

impl Client {
    async fn to(server: &Server) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self {
            stream,
            got: Vec::new(),
        }
    }

    /// Sends a write, and waits until it is acknowledged.
    async fn send(&mut self, method_and_path: &str, body: &str) {
        let head = format!(
            "{method_and_path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let (status, said) = self.exchange(&(head + body)).await;
        assert!(status.starts_with('2'), "{method_and_path}: {status} {said}");
    }

    /// The ids of what is right below an application.
    async fn ids_in(&mut self, application: &str) -> Vec<String> {
        let all = self
            .get(&format!("/v1/applications/{application}/entities"))
            .await;
        let ids = all
            .split("{\"id\":\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        ids.map(str::to_owned).collect()
    }

    async fn get(&mut self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n");
        self.exchange(&request).await.1
    }

    async fn exchange(&mut self, request: &str) -> (String, String) {
        self.stream
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        let head_end = loop {
            if let Some(at) = self.got.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await;
        };
        let head = String::from_utf8_lossy(&self.got[..head_end]).to_ascii_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.got.len() < head_end + length {
            self.more().await;
        }
        let body = String::from_utf8_lossy(&self.got[head_end..head_end + length]).into_owned();
        self.got.drain(..head_end + length);
        (head.split(' ').nth(1).unwrap_or_default().to_owned(), body)
    }

    async fn more(&mut self) {
        let read = self.stream.read_buf(&mut self.got).await.expect("an answer");
        assert!(read > 0, "the server closed the connection");
    }
}
