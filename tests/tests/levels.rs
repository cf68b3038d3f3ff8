//! Real servers that know different format levels in one plane: an upgrade as the High Availability page promises it.

use std::time::Duration;

use ha_tests::{Answer, PATIENCE, Plane, Request, Server, Site, wait_for};
use serde_json::{Value, json};

const LEVEL: &str = "/v1/server/ha/formatLevel";

fn send(server: &Server, request: &Request<'_>) -> Answer {
    let request = request.clone().within(Duration::from_secs(20));
    server.send(&request).expect("it answers")
}

fn levels(server: &Server) -> Value {
    let answer = send(server, &Request::get(LEVEL));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn raise(server: &Server, form: &str) -> (u16, Value) {
    let answer = send(server, &Request::post(LEVEL, form));
    (answer.status, answer.json())
}

fn deploy(server: &Server, id: &str) {
    let body = "services: [{type: org.apache.brooklyn.entity.stock.BasicEntity}]";
    let answer = send(
        server,
        &Request::with_body("PUT", &format!("/v1/applications/{id}"), body),
    );
    assert_eq!(answer.status, 201, "{answer:?}");
}

fn shows(server: &Server, id: &str) {
    wait_for(PATIENCE, &format!("{} shows {id}", server.name()), || {
        send(server, &Request::get(&format!("/v1/applications/{id}"))).status == 200
    });
}

#[test]
fn a_hot_backup_of_the_newer_version_tests_the_state_and_node_by_node_the_plane_is_upgraded() {
    let site = Site::calm();
    let old = |name: &str| site.server(name).option("--formatLevel", "1").start();
    let new = |name: &str| site.server(name).start();
    let mut a = old("a");
    a.becomes("MASTER");
    let mut b = old("b");
    b.becomes("HOT_STANDBY");
    deploy(&a, "before");

    let mut backup = site.server("backup").mode("hot_backup").start();
    backup.becomes("HOT_BACKUP");
    shows(&backup, "before");
    deploy(&a, "during");
    shows(&backup, "during");
    assert_eq!(levels(&backup)["level"], 1, "it reads, and writes nothing");
    backup.terminate().assert(0, &[]);
    drop(backup);

    // The standby comes back as the newer version, and is master next; the old one follows it meanwhile.
    b.terminate().assert(0, &[]);
    drop(b);
    let mut b = new("b");
    b.becomes("HOT_STANDBY");
    assert_eq!(a.post_mode("HOT_STANDBY").status, 200);
    b.becomes("MASTER");
    deploy(&b, "between");
    shows(&a, "between");
    wait_for(PATIENCE, "the master knows who is older", || {
        levels(&b)["nodes"] == json!({"a": 1, "b": 2, "backup": 2})
    });
    assert_eq!(levels(&b)["waitsFor"], json!(["a"]));
    let (status, refused) = raise(&b, "");
    assert_eq!(status, 409);
    let said = refused["message"].as_str().unwrap_or_default();
    assert!(said.contains("nodes `a` do not read format level 2"), "{said}");

    a.terminate().assert(0, &[]);
    drop(a);
    let mut a = new("a");
    a.becomes("HOT_STANDBY");
    wait_for(PATIENCE, "all are newer", || levels(&b)["waitsFor"] == json!([]));
    let (status, raised) = raise(&b, "level=2");
    assert_eq!((status, &raised["level"]), (200, &json!(2)));
    deploy(&b, "after");
    shows(&a, "after");
    b.terminate().assert(0, &[]);
    a.becomes("MASTER");
    for app in ["before", "during", "between", "after"] {
        shows(&a, app);
    }
}

#[test]
fn a_node_that_is_locked_out_says_so_and_takes_over_from_nobody() {
    let site = Site::brisk();
    let mut new = site.server("new").start();
    new.becomes("MASTER");
    let mut old = site.server("old").option("--formatLevel", "1").start();
    old.becomes("HOT_STANDBY");
    wait_for(PATIENCE, "the master knows of it", || {
        levels(&new)["waitsFor"] == json!(["old"])
    });
    assert_eq!(raise(&new, "force=true").0, 200);
    let says_so = |server: &mut Server| {
        server.becomes("FAILED");
        let words = "of format level 2, and this node reads up to 1: use a newer version";
        wait_for(PATIENCE, "it says why", || server.log().contains(words));
    };
    says_so(&mut old);
    deploy(&new, "shop");
    new.kill();
    // Longer than anybody waits for a silent master.
    ha_tests::stays(Duration::from_secs(4), "it does not lead", || old.is("FAILED"));
    old.kill();
    let mut old = old.start_again();
    says_so(&mut old);
    let mut new = new.start_again();
    new.becomes("MASTER");
    shows(&new, "shop");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_there_is() {
    let plane = Plane::on(Site::calm(), &[0, 0]);
    for (form, status, words) in [
        ("level=7", 400, "this node reads up to format level 2, and not 7"),
        ("level=1", 409, "at format level 1 already, and never goes back"),
        ("level=", 200, ""),
        ("level=two", 400, "level"),
        ("level=-1", 400, "level"),
        ("force=perhaps", 400, "force"),
        ("level=2&force=true", 409, "at format level 2 already"),
    ] {
        wait_for(PATIENCE, "all are on record", || {
            levels(&plane.servers[0])["nodes"] == json!({"a": 2, "b": 2})
        });
        let (told, answer) = raise(&plane.servers[0], form);
        assert_eq!(told, status, "{form}: {answer}");
        assert!(answer.to_string().contains(words), "{form}: {answer}");
    }
    let (status, answer) = raise(&plane.servers[1], "");
    assert_eq!(status, 403, "a hot standby raises nothing: {answer}");
}
