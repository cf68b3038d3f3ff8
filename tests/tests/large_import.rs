//! A state that is larger than an entry of the journal, from one plane of real servers to another: all of it or nothing, whoever is killed.

use std::net::SocketAddr;
use std::time::Duration;

use ha_tests::archives::export;
use ha_tests::{PATIENCE, Plane, Request, Server, Site, wait_for};
use serde_json::Value;

/// What deflating does not make small.
fn noise(seed: u64) -> String {
    let mut noise = seed;
    let mut letter = || {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'0' + (noise >> 58) as u8)
    };
    (0..800_000)
        .map(|_| letter())
        .filter(|c| c.is_ascii_alphanumeric())
        .collect()
}

fn send(server: &Server, method: &str, path: &str, body: &str) -> (u16, Value) {
    let request = Request::with_body(method, path, body).within(Duration::from_secs(30));
    let answer = server.send(&request).expect("it answers");
    (answer.status, answer.json())
}

fn deploy(server: &Server, id: &str, config: &str) {
    let body = format!(
        "{{name: {id}, services: [{{type: org.apache.brooklyn.entity.stock.BasicEntity, brooklyn.config: {{noise: \"{config}\"}}}}]}}"
    );
    let (status, answer) = send(server, "PUT", &format!("/v1/applications/{id}"), &body);
    assert_eq!(status, 201, "{answer}");
}

fn applications(server: &Server) -> Option<Vec<String>> {
    let request = Request::get("/v1/applications").within(Duration::from_secs(20));
    let all = server.send(&request).ok()?.json();
    let mut ids: Vec<_> = all
        .as_array()?
        .iter()
        .filter_map(|app| app["id"].as_str().map(str::to_owned))
        .collect();
    ids.sort();
    Some(ids)
}

/// An archive of twenty applications, more than an entry holds, and their ids.
fn large() -> (Vec<u8>, Vec<String>) {
    let source = Plane::of(1);
    for app in 10..30 {
        deploy(&source.servers[0], &format!("app{app}"), &noise(app));
    }
    let archive = export(&source.servers[0]);
    assert!(archive.len() > 9 << 20, "{} bytes", archive.len());
    (archive, applications(&source.servers[0]).expect("it answers"))
}

#[test]
fn a_state_larger_than_an_entry_is_imported_as_a_whole_though_the_master_is_killed_amid_it() {
    let (archive, wanted) = large();
    let mut plane = Plane::on(Site::brisk(), &[0, 0, 0]);
    deploy(&plane.servers[0], "old", "");
    let import = |address: SocketAddr| {
        let request = Request::post("/v1/server/ha/persist/import", "").bare();
        let request = request
            .header("Idempotency-Key", "once")
            .within(Duration::from_secs(60));
        request.send_bytes(address, Some(&archive))
    };
    let (status, body) = import(plane.servers[0].address()).expect("it answers");
    let words = String::from_utf8_lossy(&body);
    assert_eq!(status, 409, "{words}");
    assert!(
        words.contains("the plane's format level is 1, and this needs 2"),
        "{words}"
    );

    wait_for(PATIENCE, "its level is raised", || {
        let raise = Request::post("/v1/server/ha/formatLevel", "level=2");
        plane.servers[0]
            .send(&raise)
            .is_ok_and(|answer| answer.status == 200)
    });
    let address = plane.servers[0].address();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| import(address));
        wait_for(PATIENCE, "the first piece is on its way", || {
            plane.servers[0].log().contains("import: piece 1 of")
        });
        plane.servers[0].kill();
        let told = first.join().expect("it does not panic");
        assert!(
            told.is_err(),
            "one who was killed has answered: {:?}",
            told.map(|(status, _)| status)
        );
    });
    let master = plane.settles_among(&[1, 2]);
    for server in &plane.servers[1..] {
        assert_eq!(
            applications(server),
            Some(vec!["old".to_owned()]),
            "{}",
            server.name()
        );
    }
    let (status, body) = import(plane.servers[master].address()).expect("it answers");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    plane.servers[0] = plane.servers[0].start_again();
    for server in &plane.servers {
        wait_for(PATIENCE, &format!("{} has all of it", server.name()), || {
            applications(server).as_ref() == Some(&wanted)
        });
    }
    deploy(&plane.servers[master], "next", "");
}
