//! Applications on real servers: what is deployed works, is read anywhere, and goes on through a failover; what makes no sense is refused.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ha_tests::{Answer, PATIENCE, Plane, Request, Server, Site, wait_for};
use serde_json::{Value, json};

#[track_caller]
fn send(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    let request = Request::with_body(method, path, body).within(Duration::from_secs(30));
    server.send(&request).expect("it answers")
}

#[track_caller]
fn get(server: &Server, path: &str) -> Value {
    let answer = send(server, "GET", path, "");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

/// The value of a sensor; `null` if there is none, or no such entity.
fn sensor(server: &Server, entity: &str, sensor: &str) -> Value {
    let path = format!("{entity}/sensors/current-state");
    let answer = server.send(&Request::get(&path).within(Duration::from_secs(10)));
    answer.map(|a| a.json()[sensor].clone()).unwrap_or_default()
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter().filter_map(|one| one["name"].as_str()).collect()
}

/// Something outside that serves how loaded it is.
struct Gauge {
    address: SocketAddr,
    load: Arc<AtomicU64>,
    asked: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl Gauge {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let gauge = Self {
            address: listener.local_addr().expect("it is bound"),
            load: Arc::default(),
            asked: Arc::default(),
            done: Arc::default(),
        };
        let (load, asked, done) = (gauge.load.clone(), gauge.asked.clone(), gauge.done.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                // Whoever hangs up has no answer.
                let _ = lines.find(String::is_empty);
                let body = format!("{{\"load\": {}}}", load.load(Ordering::Relaxed));
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = (&stream).write_all((head + &body).as_bytes());
                asked.fetch_add(1, Ordering::Relaxed);
            }
        });
        gauge
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        // So that it looks.
        let _ = std::net::TcpStream::connect(self.address);
    }
}

/// An application whose server is restarted when it is loaded, and which knows its load and its server's state.
fn watched(gauge: &Gauge) -> String {
    format!(
        "
name: watched
services:
- type: org.apache.brooklyn.entity.stock.BasicStartable
  id: web
  name: web
  brooklyn.initializers:
  - type: org.apache.brooklyn.feed.http.HttpFeed
    brooklyn.config: {{uri: \"http://{}/\", sensor: load, period: 100, what: json, jsonPath: $.load}}
  brooklyn.policies:
  - type: sensor-threshold
    name: restart it
    brooklyn.config: {{sensor: load, threshold: 10, effector: restart}}
- type: org.apache.brooklyn.entity.stock.BasicEntity
  name: mirror
  brooklyn.enrichers:
  - type: org.apache.brooklyn.enricher.stock.Propagator
    brooklyn.config:
      enricher.producer: $brooklyn:component(\"web\")
      enricher.sourceSensor: load
      enricher.targetSensor: web.load
",
        gauge.address
    )
}

fn restarts(server: &Server, web: &str) -> usize {
    let tasks = get(server, &format!("{web}/activities"));
    let names: Vec<_> = tasks
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|task| task["displayName"].as_str())
        .collect();
    names.iter().filter(|name| name.contains("restart")).count()
}

#[test]
fn feeds_policies_and_enrichers_go_on_where_the_next_master_is_and_nothing_is_done_twice() {
    let mut plane = Plane::on(Site::brisk(), &[0, 0]);
    let gauge = Gauge::start();
    let deployed = send(
        &plane.servers[0],
        "PUT",
        "/v1/applications/watched",
        &watched(&gauge),
    );
    assert_eq!(deployed.status, 201, "{deployed:?}");
    let all = get(&plane.servers[0], "/v1/applications/watched/descendants");
    let path = |name: &str| {
        let mut found = all
            .as_array()
            .expect("a list")
            .iter()
            .filter(|one| one["name"] == name);
        let id = found
            .next()
            .and_then(|one| one["id"].as_str())
            .expect("it was deployed");
        format!("/v1/applications/watched/entities/{id}")
    };
    let (web, mirror) = (path("web"), path("mirror"));
    gauge.load.store(20, Ordering::Relaxed);
    for server in &plane.servers {
        wait_for(PATIENCE, "the load is seen on each node", || {
            sensor(server, &web, "load") == 20 && sensor(server, &mirror, "web.load") == 20
        });
        wait_for(PATIENCE, "it is restarted", || restarts(server, &web) == 1);
    }
    plane.servers[0].kill();
    plane.servers[1].becomes("MASTER");
    let asked = gauge.asked();
    wait_for(PATIENCE, "the next master asks", || gauge.asked() > asked + 10);
    assert_eq!(
        restarts(&plane.servers[1], &web),
        1,
        "it is still loaded, and has been restarted for that"
    );
    for load in [3, 30] {
        gauge.load.store(load, Ordering::Relaxed);
        wait_for(PATIENCE, "the load is seen", || {
            sensor(&plane.servers[1], &mirror, "web.load") == load
        });
    }
    wait_for(PATIENCE, "it is restarted once more", || {
        restarts(&plane.servers[1], &web) == 2
    });
}

#[test]
fn a_standby_shows_an_application_as_a_whole_or_not_at_all() {
    let plane = Plane::on(Site::calm(), &[0, 0]);
    let children: String = (0..50)
        .map(|n| format!("- {{type: org.apache.brooklyn.entity.stock.BasicEntity, name: e{n}}}\n"))
        .collect();
    let blueprint = format!("name: big\nservices:\n{children}");
    let done = Arc::new(AtomicBool::new(false));
    let (address, is_over) = (plane.servers[1].address(), done.clone());
    let reader = std::thread::spawn(move || {
        let mut seen = BTreeMap::new();
        while !is_over.load(Ordering::Relaxed) {
            for app in 0..10 {
                let path = format!("/v1/applications/big{app}/descendants");
                let answer = Request::get(&path).send(address).expect("it answers");
                let count = answer.json().as_array().map(Vec::len);
                *seen.entry((answer.status, count)).or_insert(0) += 1;
            }
        }
        seen
    });
    for app in 0..10 {
        let path = format!("/v1/applications/big{app}");
        assert_eq!(send(&plane.servers[0], "PUT", &path, &blueprint).status, 201);
    }
    wait_for(PATIENCE, "all are there", || {
        let all = get(&plane.servers[1], "/v1/applications");
        all.as_array().is_some_and(|all| all.len() == 10)
    });
    done.store(true, Ordering::Relaxed);
    let seen = reader.join().expect("it does not panic");
    let all: Vec<_> = seen.keys().collect();
    assert_eq!(all, [&(200, Some(51)), &(404, None)], "{seen:?}");
}

#[test]
fn of_those_who_deploy_under_one_id_at_once_one_does_and_the_others_are_told() {
    let plane = Plane::on(Site::calm(), &[0]);
    let address = plane.servers[0].address();
    for round in 0..5 {
        let path = format!("/v1/applications/one{round}");
        let put = |who: usize| {
            let path = path.clone();
            std::thread::spawn(move || {
                let body = format!(
                    "{{name: by{who}, services: [{{type: org.apache.brooklyn.entity.stock.BasicEntity}}]}}"
                );
                let request = Request::with_body("PUT", &path, &body);
                request.send(address).expect("it answers").status
            })
        };
        let clients: Vec<_> = (0..8).map(put).collect();
        let mut told: Vec<_> = clients.into_iter().map(|c| c.join().expect("no panic")).collect();
        told.sort_unstable();
        assert_eq!(told, [201, 409, 409, 409, 409, 409, 409, 409]);
    }
}

#[test]
fn what_was_done_is_known_on_every_node_and_after_every_failover() {
    let mut plane = Plane::on(Site::brisk(), &[0, 0, 0]);
    let blueprint =
        "{name: app, services: [{type: org.apache.brooklyn.entity.stock.BasicStartable, name: web}]}";
    assert_eq!(
        send(&plane.servers[0], "PUT", "/v1/applications/app", blueprint).status,
        201
    );
    let all = get(&plane.servers[0], "/v1/applications/app/entities");
    let id = all[0]["id"].as_str().expect("it has an id");
    let web = format!("/v1/applications/app/entities/{id}");
    let restart = |server: &Server| {
        let path = format!("{web}/effectors/restart?timeout=20s");
        let is_done = || send(server, "POST", &path, "{}").status < 300;
        wait_for(PATIENCE, "it is restarted", is_done);
    };
    restart(&plane.servers[0]);
    let tasks = get(&plane.servers[0], &format!("{web}/activities"));
    let task = tasks.as_array().expect("a list").iter().find_map(|t| {
        let is_it = t["displayName"].as_str()?.contains("restart");
        is_it.then(|| t["id"].as_str().map(|id| format!("/v1/activities/{id}")))?
    });
    let task = task.expect("the call is a task");
    let first = get(&plane.servers[0], &task);
    assert_eq!(first["currentStatus"], "Completed");
    for at in 0..3 {
        for server in plane.servers.iter().filter(|server| server.role().is_some()) {
            wait_for(PATIENCE, "it knows of the task", || {
                send(server, "GET", &task, "").status == 200
            });
            assert_eq!(get(server, &task), first, "{}", server.name());
            assert_eq!(names(&get(server, "/v1/applications/app/entities")), ["web"]);
        }
        if at < 2 {
            let master = plane.servers.iter().position(|server| server.is("MASTER"));
            plane.servers[master.expect("one leads")].kill();
            wait_for(PATIENCE, "another leads", || {
                plane.servers.iter().any(|server| server.is("MASTER"))
            });
            // Before it does that, it has looked at all that was done.
            let next = plane.servers.iter().find(|server| server.is("MASTER"));
            restart(next.expect("one leads"));
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason_and_the_server_serves_on() {
    let plane = Plane::on(Site::calm(), &[0, 0]);
    let server = &plane.servers[0];
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nservices: [{type: org.apache.brooklyn.entity.stock.BasicEntity}]";
    let deep = format!("services: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let large = format!("name: \"{}\"", "x".repeat(100 << 20));
    for (body, status, words) in [
        (
            "services: [{type: no.such.Type}]",
            400,
            "unknown type 'no.such.Type'",
        ),
        ("services: [{}]", 400, "line 1"),
        ("services: {", 400, "line 1"),
        ("just text", 400, "line 1"),
        ("", 400, ""),
        ("{\"services\": [", 400, "line 1"),
        (
            "services: [{type: org.apache.brooklyn.entity.stock.BasicEntity, colour: red}]",
            400,
            "colour",
        ),
        (bomb, 400, "too much in it"),
        (&deep, 400, "lie too deep in each other"),
        (&large, 413, ""),
    ] {
        let start: String = body.chars().take(40).collect();
        let request = Request::with_body("POST", "/v1/applications", body).within(Duration::from_secs(60));
        match server.send(&request) {
            Ok(answer) => {
                assert_eq!(answer.status, status, "{start}: {answer:?}");
                let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
                assert!(
                    message.contains(words) && !message.contains('\n'),
                    "{start}: {message}"
                );
                assert!((1..2_000).contains(&message.len()), "{start}: {message}");
            }
            // A server may hang up on who sends more than it takes.
            Err(error) => assert!(body.len() > 1 << 20, "{start}: {error}"),
        }
    }
    assert_eq!(
        get(server, "/v1/applications"),
        json!([]),
        "nothing of it was deployed"
    );
    let standby = send(&plane.servers[1], "POST", "/v1/applications", "services: []");
    assert_eq!(standby.status, 403);
    assert!(server.is("MASTER"), "it has served all the time");
}
