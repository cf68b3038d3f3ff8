//! Many servers that start in the same instant: one plane, one master.

use std::time::{Duration, Instant};

use ha_tests::{MasterWatch, Server, Site, Timings, assert_settled};

/// Starts servers over a span of time, and checks that they form one plane with one master.
fn all_form_one_plane(count: u32, span: Duration, site: &Site) {
    let launches: Vec<_> = (0..count).map(|n| site.server(&format!("n{n:02}"))).collect();
    let begun = Instant::now();
    let mut servers: Vec<Server> = Vec::new();
    for (launch, n) in launches.iter().zip(0..) {
        let due = span * n / count;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        servers.push(launch.start());
    }
    eprintln!("{count} servers were started in {:?}", begun.elapsed());
    let watch = MasterWatch::over(&servers);
    assert_settled(&servers.iter().collect::<Vec<_>>());
    watch.saw_no_two_masters();
    for server in &mut servers {
        server.assert_runs();
    }
}

#[test]
fn five_at_once_form_one_plane() {
    all_form_one_plane(5, Duration::ZERO, &Site::calm());
}

#[test]
fn twenty_over_twenty_milliseconds_form_one_plane() {
    let slower = Timings {
        poll: Duration::from_millis(500),
        ..Timings::CALM
    };
    all_form_one_plane(20, Duration::from_millis(20), &Site::with(slower));
}

#[test]
fn two_in_the_same_instant_on_an_empty_directory_agree_on_one_plane() {
    for _ in 0..3 {
        all_form_one_plane(2, Duration::ZERO, &Site::calm());
    }
}

#[test]
fn two_masters_by_command_in_the_same_instant_end_with_one_of_them() {
    let site = Site::calm();
    let launches = ["a", "b"].map(|name| site.server(name).mode("master"));
    let mut servers = launches.map(|launch| launch.start());
    // One is master, and the other has been told that there is one.
    ha_tests::wait_for(ha_tests::PATIENCE, "one of them is master", || {
        servers.iter().any(|s| s.is("MASTER"))
    });
    let loser = servers
        .iter()
        .position(|server| !server.is("MASTER"))
        .expect("both cannot be master");
    let ended = servers[loser].end();
    ended.assert(2, &["Master already exists; cannot run as master (master "]);
    assert!(servers[1 - loser].is("MASTER"));
}
