//! `ha-server probe`, and the probe before a launch: honest stores pass, servers that lie are refused, and who cannot be reached is no liar.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use ha_tests::{Bucket, BucketServer, PATIENCE, Said, Site, Timings, server_says, server_says_in, wait_for};
use serde_json::Value;

fn probe(place: impl AsRef<OsStr>, options: &[&str], bucket: Option<&Bucket>) -> Said {
    let mut arguments = vec![OsStr::new("probe"), place.as_ref()];
    arguments.extend(options.iter().map(OsStr::new));
    server_says(&arguments, bucket)
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

fn outcome<'a>(report: &'a Value, check: &str) -> &'a str {
    let checks = report["checks"].as_array().expect("a report has checks");
    let found = checks.iter().find(|of| of["check"] == check);
    found.expect("the check is in it")["outcome"]
        .as_str()
        .expect("an outcome is a word")
}

#[test]
fn a_directory_passes_while_a_plane_lives_there_and_nothing_is_left() {
    let site = Site::calm();
    let mut server = site.server("a").start();
    server.becomes("MASTER");
    let before = site.objects().names("");
    let said = probe(site.plane(), &[], None);
    assert_eq!(said.code, Some(0), "{said:?}");
    for wanted in [
        "passed      of racing creates exactly one succeeds",
        "at most until another writes",
        "the store keeps what a plane needs: 10 of 10 checks passed",
    ] {
        assert!(said.out.contains(wanted), "{wanted}: {}", said.out);
    }
    assert!(said.err.contains("10 of 10 checks"), "progress: {}", said.err);
    assert_eq!(site.objects().names("").len(), before.len());
    assert!(server.is("MASTER"));
}

#[test]
fn a_report_for_machines_has_it_all() {
    let site = Site::calm();
    std::fs::create_dir(site.plane()).expect("the site is writable");
    let said = probe(
        site.plane(),
        &["--format", "json", "--poll-period", "100ms"],
        None,
    );
    let report = json(&said);
    assert_eq!(
        (said.code, &report["verdict"]),
        (Some(0), &Value::from("passed")),
        "{said:?}"
    );
    assert!(report["requests"].as_u64().expect("a number") <= 400);
    assert_eq!(outcome(&report, "one-winner"), "passed");
    assert!(report["latencies"]["create"]["p99Ms"].as_f64().expect("a number") > 0.0);
    // 3 s of silence and a heartbeat of 100 ms, and the store.
    assert!(
        report["failover"]["writeMs"].as_f64().expect("a number") > 3_100.0,
        "{report}"
    );
    assert!(report["failover"]["fullMs"].as_f64() > report["failover"]["writeMs"].as_f64());
}

#[test]
fn what_cannot_be_probed_is_refused_as_a_setting() {
    let site = Site::calm();
    let gone = site.path("gone");
    let said = probe(&gone, &[], None);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(
        said.err.contains("there is no directory") && !gone.exists(),
        "{said:?}"
    );
    std::fs::create_dir(site.plane()).expect("the site is writable");
    for (options, wanted) in [
        (&["--heartbeatTimeout", "1s"] as &[&str], "heartbeatTimeout"),
        (&["--leaseTtl", "1s"], "leaseTtl"),
        (&["--profile", "swift"], "Illegal profile setting"),
    ] {
        let said = probe(site.plane(), options, None);
        assert_eq!(said.code, Some(3), "{options:?}: {said:?}");
        assert!(said.err.contains(wanted), "{options:?}: {said:?}");
    }
    let said = probe("ftp://lab/x", &[], None);
    assert_eq!(said.code, Some(3), "{said:?}");
}

/// The bound is no wish: a failover of the same settings keeps it.
#[test]
fn a_failover_takes_no_longer_than_was_predicted() {
    let site = Site::brisk();
    let [mut master, standby] = ["a", "b"].map(|name| {
        let mut server = site.server(name).start();
        server.becomes(if name == "a" { "MASTER" } else { "HOT_STANDBY" });
        server
    });
    let Timings {
        poll,
        heartbeat_timeout,
        lease_ttl,
    } = site.timings();
    let ms = |time: Duration| format!("{}ms", time.as_millis());
    let (poll, silence, lease) = (ms(poll), ms(heartbeat_timeout), ms(lease_ttl));
    let timings = [
        "--format",
        "json",
        "--pollPeriod",
        &poll,
        "--heartbeatTimeout",
        &silence,
        "--leaseTtl",
        &lease,
    ];
    let report = json(&probe(site.plane(), &timings, None));
    let predicted = Duration::from_secs_f64(report["failover"]["writeMs"].as_f64().expect("a number") / 1e3);
    master.kill();
    let begun = Instant::now();
    wait_for(PATIENCE, "the standby leads", || standby.is("MASTER"));
    let took = begun.elapsed();
    println!("predicted {predicted:?}, took {took:?}");
    // The processes share a busy machine with others, and this one asks over HTTP.
    assert!(
        took <= predicted + Duration::from_secs(1),
        "predicted {predicted:?}, took {took:?}"
    );
}

#[test]
fn an_honest_server_passes_on_request_and_before_a_launch_which_remembers_it() {
    let Some(server) = BucketServer::shared() else {
        return;
    };
    let bucket = Bucket::on(server);
    let said = probe(bucket.location(), &["--format", "json"], Some(&bucket));
    let report = json(&said);
    assert_eq!(
        (said.code, &report["verdict"]),
        (Some(0), &Value::from("passed")),
        "{said:?}"
    );
    assert!(report["requests"].as_u64().expect("a number") <= 400);
    assert!(
        !report["policies"].as_array().expect("a list").is_empty(),
        "{report}"
    );
    assert_eq!(bucket.objects().count(), 0, "all of it is cleared");

    let site = Site::on_bucket(Timings::CALM, bucket);
    let mut node = site.server("a").start();
    node.becomes("MASTER");
    assert!(
        node.log()
            .contains("the store keeps what a plane needs: 10 of 10 checks passed"),
        "{}",
        node.log()
    );
    node.terminate();
    let mut node = site.server("a").start();
    node.becomes("MASTER");
    assert!(node.log().contains("is not probed again"), "{}", node.log());
}

#[test]
fn a_server_over_tls_is_trusted_by_its_authority_only() {
    let Some(server) = BucketServer::seaweedfs_over_tls() else {
        return;
    };
    let place = server.location("planes/a");
    let arguments = ["probe", &place].map(OsStr::new);
    let mut environment = server.environment(server.address());
    let stranger = server_says_in(&environment, &arguments);
    assert_eq!(stranger.code, Some(2), "{stranger:?}");
    assert!(stranger.err.contains("SSL_CERT_FILE"), "{}", stranger.err);
    let authority = server.authority().display().to_string();
    environment.push(("SSL_CERT_FILE".into(), authority));
    let trusted = server_says_in(&environment, &arguments);
    assert_eq!(trusted.code, Some(0), "{trusted:?}");
}

#[test]
fn servers_that_lie_are_refused_on_request_and_before_a_launch() {
    let liars = [
        (BucketServer::s3s_fs(), &["one-winner"] as &[&str]),
        (BucketServer::rclone(), &["one-winner", "create-keeps"]),
    ];
    for (server, checks) in liars {
        let Some(server) = server else { continue };
        let bucket = Bucket::on(&server);
        let said = probe(bucket.location(), &["--format", "json"], Some(&bucket));
        let report = json(&said);
        assert_eq!(
            (said.code, &report["verdict"]),
            (Some(2), &Value::from("refused")),
            "{said:?}"
        );
        for check in checks {
            assert_eq!(outcome(&report, check), "violated", "{report}");
        }
        let site = Site::on_bucket(Timings::CALM, bucket);
        let ended = site.server("a").run();
        assert_eq!(ended.code, Some(3), "{}", ended.log);
        assert!(
            ended.log.contains("cannot keep a plane") && ended.log.contains("known to work"),
            "{}",
            ended.log
        );
        assert!(
            site.bucket().objects().names("journal").is_empty(),
            "no plane has begun"
        );

        let mut node = site.server("b").flag("--skipStoreProbe").start();
        node.becomes("MASTER");
        assert!(node.log().contains("as --skipStoreProbe asks"), "{}", node.log());
    }
}

#[test]
fn a_server_that_is_down_is_no_liar_and_a_node_that_had_it_waits_until_it_is_told_to_stop() {
    let Some(mut server) = BucketServer::seaweedfs() else {
        return;
    };
    let site = Site::on_bucket(Timings::CALM, Bucket::on(&server));
    let launch = site.server("a");
    let mut node = launch.start();
    node.becomes("MASTER");
    node.terminate();
    server.kill();
    let said = probe(site.bucket().location(), &[], Some(site.bucket()));
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err
            .contains("this says nothing of whether it keeps its word"),
        "{said:?}"
    );

    let mut node = launch.start();
    wait_for(PATIENCE, "it says that it waits", || {
        let log = node.log();
        log.contains("the store does not answer, trying again") && log.contains("until it is told to stop")
    });
    assert_eq!(node.terminate().code, Some(0), "it was asked to stop");
    let mut node = launch.start();
    server.start_again();
    node.becomes("MASTER");
}

#[test]
fn a_store_that_is_not_probed_is_waited_for_by_a_node_that_had_it_and_not_for_long_by_a_new_one() {
    let Some(mut server) = BucketServer::seaweedfs() else {
        return;
    };
    let site = Site::on_bucket(Timings::CALM, Bucket::on(&server));
    let launch = site.server("a").flag("--skipStoreProbe");
    let mut node = launch.start();
    node.becomes("MASTER");
    node.kill();
    server.kill();

    let mut known = launch.start();
    let mut new = site.server("b").flag("--skipStoreProbe").start();
    for (node, waits) in [(&known, "until it is told to stop"), (&new, "and gives up in ")] {
        wait_for(PATIENCE, "it says how long it waits", || {
            node.log().contains(waits)
        });
    }
    assert_eq!(new.terminate().code, Some(0), "it was asked to stop");
    server.start_again();
    known.becomes("MASTER");
}
