//! The probe passes stores that keep their word, refuses each that does not for what it does, and never takes a bad
//! connection for a lie.

mod liar;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ha_store::probe::{self, Check, ProbeOptions, ProbeReport, Verdict};
use ha_store::{
    DirectoryStore, Error, ErrorKind, Fault, Faulty, Folder, Key, MemoryStore, Operation, Rule, Store,
};
use liar::{Liar, Lie};

const WITHIN: Duration = Duration::from_secs(5);

async fn probe_memory(store: &MemoryStore, options: &ProbeOptions) -> ProbeReport {
    let open = || Ok(Arc::new(store.clone()) as Arc<dyn Store>);
    probe::run(open, options, &|_| {}).await
}

async fn probe_liar(lie: Lie, seed: u64) -> ProbeReport {
    let (store, world) = (MemoryStore::new(), Arc::default());
    let open = || Ok(Arc::new(Liar::new(lie, &store, &world)) as Arc<dyn Store>);
    probe::run(open, &ProbeOptions::new(seed), &|_| {}).await
}

/// A store over a bad connection, by rules; each client has its own dice.
async fn probe_faulty(rules: &[Rule], seed: u64, within: Duration) -> (ProbeReport, u64) {
    let (store, clients) = (MemoryStore::new(), Mutex::new(Vec::new()));
    let open = || {
        let mut clients = clients.lock().expect("no client panics");
        let client = Arc::new(Faulty::new(store.clone(), seed * 10 + clients.len() as u64));
        for rule in rules {
            client.add(rule.clone());
        }
        clients.push(client.clone());
        Ok(client as Arc<dyn Store>)
    };
    let report = probe::run(open, &ProbeOptions::new(seed).within(within), &|_| {}).await;
    let injected = clients
        .lock()
        .expect("no client panics")
        .iter()
        .map(|client| client.injected())
        .sum();
    (report, injected)
}

fn violated(report: &ProbeReport) -> BTreeSet<Check> {
    report.violations().map(|(check, _)| check).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_memory_passes_and_is_left_empty() {
    let store = MemoryStore::new();
    let report = probe_memory(&store, &ProbeOptions::new(1).one_at_a_time()).await;
    assert_eq!(report.verdict(), Verdict::Passed, "{report}");
    assert_eq!(
        report.checks.iter().map(|c| c.check).collect::<Vec<_>>(),
        Check::ALL
    );
    assert!(report.requests <= 400, "{} requests", report.requests);
    assert!(store.list(&Folder::root(), WITHIN).await.unwrap().is_empty());
    for operation in Operation::ALL {
        let latency = report.latency(operation).unwrap();
        assert!(latency.p50 <= latency.p99 && latency.p99 <= latency.max);
    }
    println!("{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_passes_within_two_seconds_and_only_the_folder_itself_stays() {
    let dir = tempfile::tempdir().unwrap();
    let open = || DirectoryStore::open(dir.path()).map(|store| Arc::new(store) as Arc<dyn Store>);
    let report = probe::run(open, &ProbeOptions::new(2), &|_| {}).await;
    println!("{report}");
    assert_eq!(report.verdict(), Verdict::Passed, "{report}");
    assert!(report.requests <= 400, "{} requests", report.requests);
    let left: Vec<_> = std::fs::read_dir(dir.path().join(probe::FOLDER))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn what_a_plane_has_there_is_neither_seen_nor_touched() {
    let store = MemoryStore::new();
    let keys = [
        "journal/00000000/00000000000000000001",
        "nodes/n1",
        "probe",
        "probes/x",
        "probe/notes",
    ];
    for key in keys {
        store
            .create(&Key::new(key).unwrap(), key.into(), WITHIN)
            .await
            .unwrap();
    }
    let report = probe_memory(&store, &ProbeOptions::new(3)).await;
    assert_eq!(report.verdict(), Verdict::Passed, "{report}");
    for key in keys {
        assert_eq!(store.get(&Key::new(key).unwrap(), WITHIN).await.unwrap(), key);
    }
}

#[tokio::test]
async fn two_probes_at_once_do_not_meet() {
    let store = MemoryStore::new();
    let (one, two) = (ProbeOptions::new(4), ProbeOptions::new(5));
    let (one, two) = tokio::join!(probe_memory(&store, &one), probe_memory(&store, &two));
    assert_eq!(
        (one.verdict(), two.verdict()),
        (Verdict::Passed, Verdict::Passed),
        "{one}\n{two}"
    );
}

#[tokio::test]
async fn each_lie_is_refused_for_what_it_is() {
    use Check::*;
    let lies: &[(Lie, &[Check], &str)] = &[
        (
            Lie::CreateOverwrites,
            &[OneWinner, CreateKeeps],
            "the object was overwritten",
        ),
        (
            Lie::CreateLooksThenWrites,
            &[OneWinner],
            "both were told that they had created it",
        ),
        (
            Lie::CreateSucceedsTwice,
            &[OneWinner, CreateKeeps],
            "the object is still as it was",
        ),
        (
            Lie::CreateOfTheSameSucceeds,
            &[CreateKeeps],
            "the same bytes by another client",
        ),
        (
            Lie::CreateOverwritesAndSaysExists,
            &[OneWinner, CreateKeeps],
            "and yet the object was overwritten",
        ),
        (
            Lie::CreateSaysExistsOfNothing,
            &[
                OneWinner,
                CreateKeeps,
                CreateIsSeen,
                GetSeesCreated,
                GetSeesDeleted,
                ListSeesCreated,
                ListSeesDeleted,
                NeverTorn,
                BytesComeBack,
            ],
            "a create under a new name said that the object exists, and a get found nothing there",
        ),
        (
            Lie::CreateIsPrivate,
            &[
                OneWinner,
                CreateKeeps,
                CreateIsSeen,
                GetSeesCreated,
                GetSeesDeleted,
                NeverTorn,
                BytesComeBack,
            ],
            "a get by another client after that found nothing",
        ),
        (
            Lie::CreateHasNoWinner,
            &[OneWinner],
            "each was told that it exists",
        ),
        (
            Lie::GetRemembersAbsence,
            &[GetSeesCreated],
            "the first client's next get still did not find it",
        ),
        (
            Lie::GetRemembersBytes,
            &[GetSeesReplaced],
            "found one from before",
        ),
        (
            Lie::GetFindsDeleted,
            &[GetSeesDeleted],
            "a get by another client after that still found it",
        ),
        (
            Lie::ListRemembers,
            &[ListSeesCreated, ListSeesDeleted],
            "must have `0.A_b-0`, and has no name",
        ),
        (
            Lie::ListNamesDeleted,
            &[ListSeesDeleted],
            "must have `0`, `1`, and has `0`, `1`, `2`",
        ),
        (Lie::ListNamesAll, &[ListSeesCreated], "or names what lies deeper"),
        (
            Lie::ListNamesNoFolders,
            &[ListSeesCreated],
            "does not name the folders in it",
        ),
        (
            Lie::ListFoldsCase,
            &[ListSeesCreated],
            "must have `0.A_b-0`, and has `0.a_b-0`",
        ),
        (
            Lie::CreateIsTorn,
            &[NeverTorn],
            "found 100000 bytes that nobody wrote",
        ),
        (
            Lie::PutIsTorn,
            &[NeverTorn],
            "found 100000 bytes that nobody wrote",
        ),
        (
            Lie::PutDeletesFirst,
            &[NeverTorn],
            "a get meanwhile found nothing",
        ),
        (Lie::RangeIsWhole, &[BytesComeBack], "a get of the range 0..143"),
        (
            Lie::RangeBeyondEndIsAbsent,
            &[BytesComeBack],
            "gave nothing, where it must give the 0 bytes",
        ),
        (
            Lie::EmptyIsNothing,
            &[BytesComeBack],
            "an object of 0 bytes that was created came back as nothing",
        ),
        (
            Lie::LongIsCut,
            &[NeverTorn, BytesComeBack],
            "an object of 200000 bytes that was created",
        ),
    ];
    for (number, (lie, checks, seen)) in lies.iter().enumerate() {
        let report = probe_liar(*lie, number as u64).await;
        assert_eq!(report.verdict(), Verdict::Refused, "{lie:?}\n{report}");
        let expected: BTreeSet<Check> = checks.iter().copied().collect();
        assert_eq!(violated(&report), expected, "{lie:?}\n{report}");
        assert!(
            report.to_string().contains(seen),
            "{lie:?}: not `{seen}` in\n{report}"
        );
        assert!(report.to_string().contains("known to work: "), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_looks_and_then_writes_is_found_every_time() {
    for seed in 0..50 {
        let report = probe_liar(Lie::CreateLooksThenWrites, seed).await;
        assert_eq!(
            violated(&report),
            BTreeSet::from([Check::OneWinner]),
            "{seed}\n{report}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_connection_is_never_taken_for_a_lie() {
    let ms = Duration::from_millis;
    let kinds: [&[Rule]; 7] = [
        &[Rule::new(Fault::Unavailable).per_mille(150)],
        &[Rule::new(Fault::ReplyLost { silent: false }).per_mille(100)],
        &[Rule::new(Fault::RequestLost { silent: true }).per_mille(50)],
        &[Rule::new(Fault::Late(ms(300))).per_mille(100)],
        // These land between a later write and the read that follows it.
        &[
            Rule::new(Fault::delay(ms(5))),
            Rule::new(Fault::Late(ms(22))).per_mille(100),
        ],
        &[Rule::new(Fault::Duplicated).per_mille(200)],
        &[
            Rule::new(Fault::Delay {
                p50: ms(60),
                p99: ms(300),
            }),
            Rule::new(Fault::Unavailable).per_mille(30),
            Rule::new(Fault::ReplyLost { silent: true }).per_mille(20),
            Rule::new(Fault::Late(ms(2_000))).per_mille(20),
            Rule::new(Fault::Duplicated).per_mille(20),
        ],
    ];
    for (number, rules) in kinds.iter().enumerate() {
        let mut passed = 0;
        for seed in 0..40 {
            let (report, injected) = probe_faulty(rules, seed, ms(1_000)).await;
            assert_ne!(
                report.verdict(),
                Verdict::Refused,
                "rules {number}, seed {seed}\n{report}"
            );
            assert!(injected > 0);
            passed += usize::from(report.verdict() == Verdict::Passed);
        }
        println!("rules {number}: {passed} of 40 passed");
        assert!(passed >= 30, "rules {number}: only {passed} of 40 passed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_slow_passes_and_one_that_is_too_slow_is_not_judged() {
    let ms = Duration::from_millis;
    let slow = Rule::new(Fault::Delay {
        p50: ms(60),
        p99: ms(300),
    });
    let (report, _) = probe_faulty(&[slow], 1, WITHIN).await;
    assert_eq!(report.verdict(), Verdict::Passed, "{report}");
    println!("{report}");
    let get = report.latency(Operation::Get).unwrap();
    assert!(get.p50 > ms(30) && get.p50 < ms(120), "{get:?}");

    let begun = tokio::time::Instant::now();
    let hangs = Rule::new(Fault::RequestLost { silent: true }).on(Operation::Put);
    let (report, _) = probe_faulty(&[hangs], 1, Duration::from_secs(40)).await;
    assert_eq!(report.verdict(), Verdict::Unjudged, "{report}");
    assert!(begun.elapsed() < Duration::from_secs(75), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_not_there_is_not_judged_and_one_that_refuses_says_so() {
    let (report, _) = probe_faulty(&[Rule::new(Fault::RequestLost { silent: false })], 1, WITHIN).await;
    assert_eq!(report.verdict(), Verdict::Unjudged, "{report}");
    assert!(report.refusal().is_none() && report.requests <= 6, "{report}");
    assert!(
        report.summary().starts_with("the store could not be judged"),
        "{report}"
    );

    let denied = || {
        Err(Error::new(
            ErrorKind::Denied,
            "s3://lab",
            "no such bucket: create it",
        ))
    };
    let report = probe::run(denied, &ProbeOptions::new(1), &|_| {}).await;
    assert_eq!(report.verdict(), Verdict::Unjudged);
    assert_eq!(report.refusal().unwrap().kind(), ErrorKind::Denied);
    assert!(report.summary().contains("no such bucket"), "{report}");
    let said = report.to_string().matches("no such bucket").count();
    assert_eq!(said, 2, "once above, once in the summary: {report}");
}

#[tokio::test(start_paused = true)]
async fn a_liar_is_found_over_a_bad_connection_too() {
    for (lie, check) in [
        (Lie::CreateLooksThenWrites, Check::OneWinner),
        (Lie::CreateOverwrites, Check::CreateKeeps),
        (Lie::ListRemembers, Check::ListSeesCreated),
        (Lie::GetRemembersAbsence, Check::GetSeesCreated),
    ] {
        for seed in 0..10 {
            let (store, world, clients) = (MemoryStore::new(), Arc::default(), AtomicUsize::new(0));
            let open = || {
                let client = clients.fetch_add(1, Ordering::Relaxed) as u64;
                let store = Faulty::new(Liar::new(lie, &store, &world), seed * 3 + client);
                store.add(Rule::new(Fault::ReplyLost { silent: false }).per_mille(20));
                store.add(Rule::new(Fault::Unavailable).per_mille(20));
                Ok(Arc::new(store) as Arc<dyn Store>)
            };
            let report = probe::run(open, &ProbeOptions::new(seed), &|_| {}).await;
            assert!(violated(&report).contains(&check), "{lie:?} {seed}\n{report}");
        }
    }
}

#[tokio::test]
async fn what_a_crashed_probe_has_left_is_swept_a_day_later_and_not_before() {
    let store = MemoryStore::new();
    let day = Duration::from_secs(24 * 3600);
    let mut options = ProbeOptions::new(7);
    options.now = SystemTime::UNIX_EPOCH + 20_000 * day;
    let left: Vec<Key> = (0..3)
        .map(|n| {
            Key::new(&format!(
                "probe/{:012}-{:016x}/one-winner-0/{n}",
                20_000 * 86_400,
                6
            ))
            .unwrap()
        })
        .collect();
    for key in &left {
        store.create(key, "left".into(), WITHIN).await.unwrap();
    }
    let report = probe_memory(&store, &options).await;
    assert_eq!((report.verdict(), report.swept), (Verdict::Passed, 0), "{report}");
    assert!(store.get(&left[0], WITHIN).await.is_ok());

    options.now += 2 * day;
    let report = probe_memory(&store, &options).await;
    assert_eq!((report.verdict(), report.swept), (Verdict::Passed, 3), "{report}");
    assert!(store.list(&Folder::root(), WITHIN).await.unwrap().is_empty());
}

#[tokio::test]
async fn progress_counts_up_to_all_checks() {
    let seen = Mutex::new(Vec::new());
    let store = MemoryStore::new();
    let open = || Ok(Arc::new(store.clone()) as Arc<dyn Store>);
    probe::run(open, &ProbeOptions::new(8), &|progress| {
        seen.lock().unwrap().push((progress.done, progress.of));
    })
    .await;
    let all: Vec<_> = (1..=Check::ALL.len())
        .map(|done| (done, Check::ALL.len()))
        .collect();
    assert_eq!(*seen.lock().unwrap(), all);
}
