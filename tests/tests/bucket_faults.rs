//! Planes on a bucket that go on when the connection is bad, the server dies, or the store refuses: no acknowledged write is lost, and they
//! recover by themselves.

// Clippy knows only of tests themselves that they may, and not of the functions that they share.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use ha_store::{Key, Store};
use ha_tests::proxy::{Answer, End, Fault, Kind, Rule};
use ha_tests::{
    Bucket, BucketServer, Clients, CounterLaunch, Counters, MasterWatch, PATIENCE, Plane, Site, Timings,
    wait_for,
};

const TIMINGS: Timings = Timings::SWIFT_ON_BUCKET;

/// Never a snapshot, so that the whole journal can be read.
const NEVER: u64 = 1_000_000;

fn behind_proxy(seed: u64) -> Option<Bucket> {
    Some(Bucket::behind_proxy(BucketServer::shared()?, seed))
}

/// A heavy tail, and all that a network and a service do wrong now and then, in a thousand requests.
fn bad_days() -> Vec<Rule> {
    vec![
        Rule::new(Fault::delay_of_millis(8, 150)),
        Rule::new(Fault::Instead(Answer::SLOW_DOWN)).per_mille(10),
        Rule::new(Fault::Masked(Answer::SLOW_DOWN)).per_mille(5),
        Rule::new(Fault::Masked(Answer::INTERNAL_ERROR)).per_mille(5),
        Rule::new(Fault::Instead(Answer::CONFLICT))
            .on(Kind::Create)
            .per_mille(20),
        Rule::new(Fault::Instead(Answer::BARE_NOT_FOUND))
            .on(Kind::Get)
            .per_mille(5),
        Rule::new(Fault::RequestLost(End::Fin)).per_mille(5),
        Rule::new(Fault::RequestLost(End::Silence)).per_mille(2),
        Rule::new(Fault::ReplyLost(End::Rst)).per_mille(10),
        Rule::new(Fault::ReplyLost(End::Silence)).per_mille(2),
        Rule::new(Fault::BrokenOff).per_mille(5),
        Rule::new(Fault::Duplicated).per_mille(10),
        Rule::new(Fault::Late(Duration::from_millis(400))).per_mille(5),
    ]
}

/// Writes go through again, with nobody's help.
fn goes_on(clients: &Clients) {
    clients.commit_more(20);
}

#[test]
fn through_a_bad_connection_masters_die_and_sleep_and_no_acknowledged_write_is_lost() {
    let Some(bucket) = behind_proxy(11) else { return };
    let site = Site::on_bucket(TIMINGS, bucket.clone());
    // With snapshots and collection, so that these meet the faults too.
    let mut plane = Counters::on(site, 3, 8);
    bad_days().into_iter().for_each(|rule| bucket.proxy().add(rule));
    let clients = plane.clients(6);
    for round in 0..6 {
        clients.commit_more(40);
        let master = plane.master();
        if round % 2 == 0 {
            plane.all[master].kill();
            plane.all[master].start_again();
        } else {
            // It wakes with writes in hand, in the middle of the work of another.
            plane.all[master].pause();
            let others: Vec<_> = (0..3).filter(|place| *place != master).collect();
            let _ = plane.master_among(&others);
            clients.commit_more(20);
            plane.all[master].resume();
        }
    }
    clients.commit_more(30);
    let history = clients.end();
    let counts = bucket.proxy().counts();
    println!(
        "{} acknowledged, {} unknown, {counts:?}",
        history.committed(),
        history.unknown()
    );
    assert!(counts.injected.len() == 8, "not all faults happened: {counts:?}");
    plane.assert_kept(&history);
}

#[test]
fn servers_fail_over_through_a_bad_connection() {
    let Some(bucket) = behind_proxy(12) else { return };
    let mut plane = Plane::on(
        Site::on_bucket(Timings::BRISK_ON_BUCKET, bucket.clone()),
        &[0, 0, 0],
    );
    bad_days().into_iter().for_each(|rule| bucket.proxy().add(rule));
    let watch = MasterWatch::over(&plane.servers);
    plane.servers[0].kill();
    let next = plane.settles_among(&[1, 2]);
    plane.servers[0] = plane.servers[0].start_again();
    plane.settles_among(&[0, 1, 2]);
    plane.servers[next].terminate().assert(0, &[]);
    let others: Vec<_> = (0..3).filter(|place| *place != next).collect();
    plane.settles_among(&others);
    watch.saw_no_two_masters();
}

#[test]
fn a_server_that_is_killed_and_comes_back_has_lost_no_acknowledged_write() {
    let Some(mut server) = BucketServer::seaweedfs() else {
        return;
    };
    let site = Site::on_bucket(TIMINGS, Bucket::on(&server));
    let plane = Counters::on(site, 3, NEVER);
    let clients = plane.clients(6);
    for _ in 0..2 {
        clients.commit_more(50);
        server.kill();
        wait_for(PATIENCE, "nobody may act without the store", || {
            plane.all.iter().all(|node| node.status()["may_act"] == false)
        });
        server.start_again();
        goes_on(&clients);
    }
    plane.assert_kept(&clients.end());
}

#[test]
fn a_bucket_that_is_cut_off_takes_the_leave_to_act_and_gives_it_back() {
    let Some(bucket) = behind_proxy(13) else { return };
    let plane = Counters::on(Site::on_bucket(TIMINGS, bucket.clone()), 3, NEVER);
    let clients = plane.clients(4);
    let sever: [fn(&Bucket); 2] = [
        |bucket| bucket.proxy().cut(),
        |bucket| bucket.proxy().refuse().unwrap(),
    ];
    for sever in sever {
        goes_on(&clients);
        wait_for(PATIENCE, "the master may act", || {
            plane.all.iter().any(|node| node.status()["may_act"] == true)
        });
        sever(&bucket);
        wait_for(PATIENCE, "nobody may act without the store", || {
            plane.all.iter().all(|node| node.status()["may_act"] == false)
        });
        bucket.proxy().heal().unwrap();
        goes_on(&clients);
    }
    plane.assert_kept(&clients.end());
}

#[test]
fn credentials_that_run_out_and_a_clock_that_is_wrong_are_told_and_it_goes_on_when_they_are_mended() {
    for (answer, words) in [
        (Answer::EXPIRED_TOKEN, "the credentials have expired"),
        (Answer::CLOCK_SKEW, "clock"),
        (Answer::NO_SUCH_BUCKET, "the bucket is not there"),
    ] {
        let Some(bucket) = behind_proxy(14) else { return };
        let plane = Counters::on(Site::on_bucket(TIMINGS, bucket.clone()), 2, NEVER);
        let clients = plane.clients(2);
        goes_on(&clients);
        bucket.proxy().add(Rule::new(Fault::Instead(answer)));
        wait_for(PATIENCE, "nobody may act without the store", || {
            plane.all.iter().all(|node| node.status()["may_act"] == false)
        });
        wait_for(PATIENCE, words, || {
            plane
                .all
                .iter()
                .any(|node| node.errors().contains(words) || node.log().contains(words))
        });
        bucket.proxy().clear();
        goes_on(&clients);
        plane.assert_kept(&clients.end());
    }
}

#[test]
fn an_entry_that_is_damaged_on_the_way_is_not_applied_and_is_named() {
    for fault in [Fault::Altered, Fault::Shortened] {
        let Some(server) = BucketServer::shared() else {
            return;
        };
        let site = Site::on_bucket(TIMINGS, Bucket::on(server));
        let plane = Counters::on(site, 1, NEVER);
        for number in 0..20 {
            plane.all[0].append(&number.to_string());
        }
        // A reader on a way of its own.
        let proxy = ha_tests::proxy::Proxy::start(server.address(), 15).unwrap();
        let way = plane.site.bucket().clone().found_at(server, proxy.address());
        let entry = way.path("journal/00000000/00000000000000000010");
        proxy.add(Rule::new(fault).on(Kind::Get).under(&entry));
        let mut reader = CounterLaunch::new("reader", plane.site.dir(), TIMINGS)
            .on_bucket(&way)
            .start();
        reader.fails_naming(&["journal/00000000/00000000000000000010"]);
        let local = reader.local_values();
        assert!(
            local.len() < 20
                && local
                    .iter()
                    .zip(0..)
                    .all(|(value, number)| *value == number.to_string())
        );
        // What is wrong is the way and not the store.
        proxy.clear();
        reader.kill();
        reader.start_again();
        reader.becomes("HOT_STANDBY");
        assert_eq!(reader.values().len(), 20);
    }
}

#[test]
fn a_place_that_holds_foreign_objects_is_used_beside_them() {
    let Some(server) = BucketServer::shared() else {
        return;
    };
    let bucket = Bucket::on(server);
    let strangers = [
        "notes.txt",
        "journal/readme",
        "nodes/x/y",
        "snapshot/old.bak",
        "journal/00000000/17",
    ];
    let put = async {
        for name in strangers {
            let key = Key::new(name).unwrap();
            bucket
                .client()
                .put(&key, "not ours".into(), PATIENCE)
                .await
                .unwrap();
        }
    };
    tokio::runtime::Runtime::new().unwrap().block_on(put);
    let mut plane = Counters::on(Site::on_bucket(TIMINGS, bucket.clone()), 2, 20);
    let clients = plane.clients(2);
    clients.commit_more(60);
    plane.all[0].kill();
    goes_on(&clients);
    plane.all[0].start_again();
    plane.assert_kept(&clients.end());
    for name in strangers {
        assert_eq!(
            bucket.objects().read(name).as_deref(),
            Some(b"not ours".as_slice()),
            "{name}"
        );
    }
}

#[test]
fn a_bucket_that_cannot_be_used_is_told_at_the_start_with_the_way_out() {
    let Some(bucket) = behind_proxy(16) else { return };
    let site = Site::on_bucket(Timings::CALM, bucket.clone());
    let launch = site.server("a");
    let elsewhere = bucket.location().replace(BucketServer::BUCKET, "no-such-bucket");
    let unknown_key = launch.clone().environment("AWS_ACCESS_KEY_ID", "nobody").run();
    unknown_key.assert(3, &["does not know the access key", bucket.location()]);
    let wrong_secret = launch.clone().environment("AWS_SECRET_ACCESS_KEY", "wrong").run();
    wrong_secret.assert(3, &["the secret does not fit", bucket.location()]);
    let no_keys = launch.clone().without_environment("AWS_SECRET_ACCESS_KEY").run();
    no_keys.assert(3, &["AWS_SECRET_ACCESS_KEY", bucket.location()]);
    let no_bucket = launch.clone().option("--persistenceDir", &elsewhere).run();
    no_bucket.assert(3, &["the bucket is not there", &elsewhere]);
    // SeaweedFS takes any region, so this is what AWS says.
    let malformed = Answer::of(http::StatusCode::BAD_REQUEST, "AuthorizationHeaderMalformed");
    bucket.proxy().add(Rule::new(Fault::Instead(malformed)));
    launch
        .run()
        .assert(3, &["region", "AWS_REGION", bucket.location()]);
    bucket.proxy().clear();
    launch.start().becomes("MASTER");
}
