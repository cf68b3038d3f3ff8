//! The small types: how they are written, what they allow, and what settings and predictions come to.

use std::time::Duration;

use ha_proto::{
    Config, Digest, Epoch, FormatError, Header, IdleRequests, Instant, Kind, LONGEST_RECORD, Mode, NodeId,
    NodeRecord, Nonce, Pace, Payload, Process, RawEntry, Role, Seq, Timings, WriteId, layout,
};
use ha_sim::hand::{Hand, config};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn process() -> Process {
    Process {
        node: NodeId::new("n1").expect("a good name"),
        nonce: Nonce([1; 16]),
    }
}

/// A release in slot 7, its bytes changed by hand, under a checksum that fits.
fn entry(change: impl FnOnce(&mut Vec<u8>)) -> Result<RawEntry, FormatError> {
    let header = Header {
        seq: Seq(7),
        epoch: Epoch(2),
        kind: Kind::Release,
        by: process(),
        write_id: WriteId([3; 16]),
        prev: Digest([4; 32]),
    };
    let mut bytes = header.encode(&Payload::Release).0.to_vec();
    bytes.truncate(bytes.len() - 32);
    change(&mut bytes);
    let sum = Digest::of(&bytes);
    bytes.extend(sum.0);
    RawEntry::parse("it", Seq(7), &bytes)
}

#[test]
fn a_day_of_an_idle_bucket_costs_what_its_paces_come_to() {
    let bucket = Config::bucket().build().unwrap();
    let day = |nodes| {
        let idle = IdleRequests::of(&bucket, nodes, secs(86_400));
        (idle.puts, idle.gets, idle.lists)
    };
    // A leader's beats of 10 s, and two followers' of 40; polls of 5 s, looks of 120 and 600, confirmations of 900.
    let partial = 2 * (8640 - 720) + (2 * 8640 - 2 * 144);
    let gets = 3 * 17_280 + partial + 3 * (720 + 2 * 144);
    assert_eq!(day(3), (8640 + 2 * 2160, gets, 720 + 2 * 144 + 6 * 96));
    assert_eq!(day(1), (8640, 17_280 + 720, 720 + 2 * 96));
    assert_eq!(day(0), (0, 0, 0));
}

#[test]
fn settings_answer_what_was_set() {
    let c = Config::builder()
        .stop_grace(secs(2))
        .drift_ppm(77)
        .confirm_period(secs(44))
        .request_timeout(Duration::from_millis(900))
        .batch_bytes(4096)
        .build()
        .unwrap();
    assert_eq!(c.batch_bytes(), 4096);
    assert_eq!(
        (c.stop_grace(), c.drift_ppm(), c.confirm_period()),
        (secs(2), 77, secs(44))
    );
    assert_eq!(c.request_timeout(), Duration::from_millis(900));
    let bucket = Config::bucket().build().unwrap();
    assert_eq!(bucket.follower_timeout(), secs(25 + 40 - 5));
    assert_eq!(bucket.shown_timeout(), secs(60 + 600 - 5));
}

#[test]
fn settings_that_just_fit_are_taken_and_those_that_just_do_not_are_refused() {
    let ms = Duration::from_millis;
    let fits = |change: fn(ha_proto::ConfigBuilder) -> ha_proto::ConfigBuilder| {
        let begun = Config::builder().poll(Duration::from_millis(100));
        change(begun).build().is_ok()
    };
    assert!(fits(|c| c.heartbeat_timeout(Duration::from_millis(200))));
    assert!(!fits(|c| c.heartbeat_timeout(Duration::from_millis(199))));
    assert!(fits(|c| c
        .lease_ttl(Duration::from_millis(300))
        .stop_grace(Duration::from_millis(100))));
    assert!(!fits(|c| c
        .lease_ttl(Duration::from_millis(300))
        .stop_grace(Duration::from_millis(101))));
    assert!(fits(|c| c.pace(Pace::every(Duration::from_millis(100)))));
    assert!(fits(|c| c.pace(Pace::every(Duration::from_millis(1500)))));
    assert!(
        !fits(|c| c.pace(Pace::every(Duration::from_millis(1501)))),
        "twice that is more than 3 s"
    );
    assert!(!fits(|c| c.pace(Pace::every(Duration::from_millis(99)))));
    assert!(fits(|c| c.drift_ppm(499_999)) && !fits(|c| c.drift_ppm(500_000)));
    assert!(Config::builder().poll(ms(1)).build().is_ok());
    assert!(
        Config::builder()
            .poll(Duration::from_micros(999))
            .build()
            .is_err()
    );
}

#[test]
fn a_few_small_entries_are_no_reason_for_a_snapshot() {
    let mut h = Hand::new();
    h.config = config().snapshot_entries(1000).build().unwrap();
    h.boot(0, Mode::Auto);
    h.run(400);
    h.commit(0, 1..20);
    assert!(!h.store.objects.keys().any(|k| k.starts_with("snapshot/")));
}

#[test]
fn modes_and_roles_are_written_as_in_brooklyn() {
    let modes = [
        "DISABLED",
        "AUTO",
        "STANDBY",
        "HOT_STANDBY",
        "HOT_BACKUP",
        "MASTER",
    ];
    for (mode, name) in Mode::ALL.into_iter().zip(modes) {
        assert_eq!(
            (mode.name(), mode.to_string().as_str(), name.parse()),
            (name, name, Ok(mode))
        );
    }
    assert!("auto".parse::<Mode>().is_err() && "".parse::<Mode>().is_err());
    for (role, name, is_hot) in [
        (Role::Initializing, "INITIALIZING", false),
        (Role::Standby, "STANDBY", false),
        (Role::HotStandby, "HOT_STANDBY", true),
        (Role::HotBackup, "HOT_BACKUP", true),
        (Role::Master, "MASTER", true),
        (Role::Failed, "FAILED", false),
        (Role::Terminated, "TERMINATED", false),
    ] {
        assert_eq!(
            (role.name(), role.to_string().as_str(), role.is_hot()),
            (name, name, is_hot)
        );
    }
}

#[test]
fn names_and_numbers_are_written_as_people_read_them() {
    assert_eq!(process().node.as_str(), "n1");
    assert_eq!(format!("{} {} {}", Epoch(3), Seq(17), process()), "3 17 n1");
    let digest = Digest([0xab; 32]);
    assert_eq!(
        (digest.to_string(), format!("{digest:?}")),
        ("ab".repeat(32), "ab".repeat(4))
    );
    assert_eq!(format!("{:?}", Instant::from_millis(1500)), "t=1.5s");
    let timings = Timings::of(&Config::default()).to_string();
    assert_eq!(
        timings,
        "heartbeat 1000 ms, heartbeatTimeout 3000 ms, leaseTtl 5000 ms"
    );
    assert_eq!(layout::copy_sign_key(), "snapshot/18446744073709551615");
    assert_eq!(layout::seq_of("00000000000000000017"), Some(Seq(17)));
    assert_eq!(layout::seq_of("17"), None);
    assert_eq!(layout::seq_of("0000000000000000001x"), None);
}

#[test]
fn fences_are_what_begins_an_epoch_or_is_not_understood() {
    for kind in [Kind::Genesis, Kind::Takeover, Kind::Handover, Kind::Unknown(9)] {
        assert!(kind.is_fence(), "{kind:?}");
    }
    for kind in [Kind::Full, Kind::Commit, Kind::Release] {
        assert!(!kind.is_fence(), "{kind:?}");
    }
}

#[test]
fn an_entry_is_as_long_as_it_says() {
    assert!(entry(|_| {}).is_ok());
    let said = entry(|bytes| bytes.push(0)).unwrap_err().to_string();
    assert!(said.contains("another length"), "{said}");
    let said = entry(|bytes| bytes.truncate(6)).unwrap_err().to_string();
    assert!(said.contains("no header"), "{said}");
}

#[test]
fn an_entry_of_a_kind_of_a_later_version_names_that_version() {
    let later = entry(|bytes| bytes[6 + 8 + 8] = 9).expect("its frame is good");
    assert_eq!(later.header.kind, Kind::Unknown(9));
    let said = later.decode("it").unwrap_err().to_string();
    assert!(
        said.contains("format 10, and this version reads up to 1"),
        "{said}"
    );
}

#[test]
fn a_record_may_be_so_long_and_no_longer() {
    let mut h = Hand::plane(1);
    h.run(10);
    let id = h.seats[0].node.process().node.clone();
    let mut bytes = h.store.objects["nodes/n0"].to_vec();
    bytes.resize(LONGEST_RECORD, b' ');
    assert!(NodeRecord::parse(&id, &bytes).is_ok());
    bytes.push(b' ');
    assert!(NodeRecord::parse(&id, &bytes).is_err());
}

#[test]
fn no_two_writes_of_a_node_share_a_write_id() {
    let mut h = Hand::plane(1);
    h.commit(0, 1..4);
    let ids: std::collections::BTreeSet<_> = (1..=h.truth.pos).map(|s| h.entry(s).header.write_id).collect();
    assert_eq!(ids.len() as u64, h.truth.pos);
}

#[test]
fn what_is_asked_for_of_an_entry_is_its_header_and_no_more() {
    let header = Header {
        seq: Seq(7),
        epoch: Epoch(2),
        kind: Kind::Release,
        by: Process {
            node: NodeId::new(&"n".repeat(NodeId::LONGEST)).expect("a name"),
            nonce: Nonce([1; 16]),
        },
        write_id: WriteId([3; 16]),
        prev: Digest([4; 32]),
    };
    let (bytes, _) = header.encode(&Payload::Release);
    let most = usize::try_from(RawEntry::PEEK).expect("few");
    assert_eq!(RawEntry::peek(&bytes[..most]), Some(header));
    assert_eq!(RawEntry::peek(&bytes[..most - 1]), None);
}
