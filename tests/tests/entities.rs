//! Applications over REST, on servers that are killed, paused and told to go while clients deploy all the time; and what of their tasks is forgotten.

use std::time::{Duration, Instant};

use ha_tests::{Deployers, PATIENCE, Plane, Request, Server, Site, wait_for};

/// How long servers are disturbed, in seconds: `HA_SECONDS`, or as long as a test may take.
fn seconds() -> Duration {
    let asked = std::env::var("HA_SECONDS").ok().and_then(|s| s.parse().ok());
    Duration::from_secs(asked.unwrap_or(8))
}

fn master(servers: &[Server]) -> Option<usize> {
    servers.iter().position(|server| server.is("MASTER"))
}

/// What is acknowledged is what a linearizable read would show, on every node.
fn assert_all_show(plane: &Plane, kept: &ha_tests::Deployments) {
    let count = |server: &Server| {
        let answer = server.send(&Request::get("/v1/applications").within(Duration::from_secs(20)));
        answer.ok().and_then(|a| a.json().as_array().map(Vec::len))
    };
    wait_for(PATIENCE, "all show as many", || {
        let counts: Vec<_> = plane.servers.iter().map(count).collect();
        counts[0].is_some_and(|n| n >= kept.acknowledged.len()) && counts.iter().all(|c| *c == counts[0])
    });
    plane.servers.iter().for_each(|server| kept.assert_kept(server));
}

#[test]
fn what_was_deployed_is_there_exactly_once_whatever_became_of_the_masters() {
    let mut plane = Plane::on(Site::brisk(), &[0, 0, 0]);
    let clients = Deployers::at_work(4, &plane.servers);
    let end = Instant::now() + seconds();
    let mut disturbed = [0; 3];
    for round in 0.. {
        clients.deploy_more(10);
        if Instant::now() > end {
            break;
        }
        let Some(at) = master(&plane.servers) else {
            continue;
        };
        disturbed[round % 3] += 1;
        match round % 3 {
            0 => plane.servers[at].kill(),
            1 => {
                plane.servers[at].terminate();
            }
            _ => {
                plane.servers[at].pause();
                // Another leads, and it does not know that when it wakes.
                clients.deploy_more(5);
                plane.servers[at].resume();
                continue;
            }
        }
        plane.servers[at] = plane.servers[at].start_again();
    }
    clients.deploy_more(10);
    let kept = clients.end();
    plane.settles_among(&[0, 1, 2]);
    assert_all_show(&plane, &kept);
    println!(
        "{} acknowledged, {} unknown, {} asked again; masters killed, ended, paused: {disturbed:?}",
        kept.acknowledged.len(),
        kept.unknown.len(),
        kept.retries
    );
    assert!(disturbed.iter().all(|times| *times > 0), "{disturbed:?}");
}

#[test]
fn all_killed_at_once_they_come_back_with_every_application() {
    let mut plane = Plane::on(Site::brisk(), &[0, 0, 0]);
    let clients = Deployers::at_work(4, &plane.servers);
    clients.deploy_more(50);
    for server in &mut plane.servers {
        server.kill();
    }
    let kept = clients.end();
    for at in 0..3 {
        plane.servers[at] = plane.servers[at].start_again();
    }
    plane.settles_among(&[0, 1, 2]);
    assert_all_show(&plane, &kept);
}

#[test]
fn tasks_are_forgotten_as_the_operator_says_and_on_every_node() {
    let site = Site::brisk();
    let limited = |name: &str| {
        let launch = site.server(name).option("--taskLimit", "maxTasksPerEntity=2");
        launch.option("--task-limit", "brooklyn.gc.period=1s")
    };
    let mut leader = limited("a").start();
    leader.becomes("MASTER");
    let mut standby = limited("b").start();
    standby.becomes("HOT_STANDBY");
    let asked = |method: &str, path: &str, body: &str| {
        let request = Request::with_body(method, path, body).within(Duration::from_secs(30));
        leader.send(&request).expect("it answers")
    };
    let blueprint =
        "{services: [{type: org.apache.brooklyn.entity.stock.BasicStartable, id: web, name: web}]}";
    assert_eq!(asked("PUT", "/v1/applications/app", blueprint).status, 201);
    let all = asked("GET", "/v1/applications/app/entities", "").json();
    let web = all[0]["id"].as_str().expect("it has an id");
    let called: Vec<_> = (0..4)
        .map(|_| {
            let path = format!("/v1/applications/app/entities/{web}/effectors/restart?timeout=20s");
            let before = asked(
                "GET",
                &format!("/v1/applications/app/entities/{web}/activities"),
                "",
            )
            .json();
            let before: Vec<_> = ids(&before);
            assert!(asked("POST", &path, "{}").status < 300);
            let after = asked(
                "GET",
                &format!("/v1/applications/app/entities/{web}/activities"),
                "",
            )
            .json();
            let new = ids(&after).into_iter().find(|id| !before.contains(id));
            new.expect("the call is a task")
        })
        .collect();
    for server in [&leader, &standby] {
        let status = |task: &String| {
            let path = format!("/v1/activities/{task}");
            let request = Request::get(&path).within(Duration::from_secs(10));
            server
                .send(&request)
                .map(|answer| answer.status)
                .unwrap_or_default()
        };
        wait_for(PATIENCE, "the older two are forgotten", || {
            called.iter().map(status).collect::<Vec<_>>() == [404, 404, 200, 200]
        });
    }
}

fn ids(tasks: &serde_json::Value) -> Vec<String> {
    let tasks = tasks.as_array().expect("a list");
    tasks
        .iter()
        .filter_map(|task| Some(task["id"].as_str()?.to_owned()))
        .collect()
}
