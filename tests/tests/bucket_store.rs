//! The store in a bucket of a real server, through a connection that is bad: it conforms, and never says what is not so.

// Clippy knows only of tests themselves that they may, and not of the functions that they share.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ha_store::suite::{self, Options};
use ha_store::{BucketStore, Error, ErrorKind, Folder, Key, Lifecycle, Store, Versioning};
use ha_tests::proxy::{Answer, End, Fault, Kind, Rule};
use ha_tests::{Bucket, BucketServer};

const WITHIN: Duration = Duration::from_secs(10);

fn bucket(seed: u64) -> Option<Bucket> {
    Some(Bucket::behind_proxy(BucketServer::shared()?, seed))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

#[test]
fn it_conforms_directly() {
    let Some(server) = BucketServer::shared() else {
        return;
    };
    conforms(&Bucket::on(server));
}

#[test]
fn azure_conforms_too() {
    let Some(server) = BucketServer::azurite() else {
        return;
    };
    conforms(&Bucket::on(&server));
}

#[test]
fn it_tells_what_it_does_by_itself() {
    let Some(server) = BucketServer::shared() else {
        return;
    };
    let told = |bucket: Bucket| block_on(async { bucket.client().policies(WITHIN).await.unwrap() });
    let quiet = told(Bucket::on(server));
    assert_eq!(quiet.lifecycle, Lifecycle::Rules(Vec::new()));
    assert_eq!(quiet.versioning, Versioning::Off);

    let rules = "<LifecycleConfiguration>\
        <Rule><ID>ours</ID><Filter><Prefix>planes/</Prefix></Filter><Status>Enabled</Status>\
        <Expiration><Days>30</Days></Expiration></Rule>\
        <Rule><ID>others</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>\
        <Expiration><Days>7</Days></Expiration></Rule></LifecycleConfiguration>";
    let versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let name = format!("busy-{}", std::process::id());
    server.make_bucket(&name, &[("lifecycle", rules), ("versioning", versions)]);
    let busy = told(Bucket::at(server, format!("s3://{name}/planes/a")));
    assert_eq!(busy.versioning, Versioning::On);
    let Lifecycle::Rules(rules) = busy.lifecycle else {
        panic!("it says: {:?}", busy.lifecycle)
    };
    let shown: Vec<_> = rules.iter().map(|r| (r.to_string(), r.harms_ours())).collect();
    assert_eq!(
        shown,
        [
            ("`ours` on `planes/*`: Expiration(Days 30)".to_owned(), true),
            ("`others` on `logs/*`: Expiration(Days 7)".to_owned(), false)
        ]
    );
}

#[test]
fn it_conforms_through_a_slow_connection() {
    let Some(bucket) = bucket(1) else { return };
    bucket.proxy().add(Rule::new(Fault::delay_of_millis(2, 20)));
    conforms(&bucket);
}

fn conforms(bucket: &Bucket) {
    // Those who lose a race for one key wait for seconds there.
    let options = Options::default().without_folders().races(3, 8);
    block_on(suite::run_as(options, || {
        Arc::new(bucket.client()) as Arc<dyn Store>
    }));
}

#[test]
fn what_a_create_is_told_is_what_has_happened() {
    let cases = [
        (Fault::Instead(Answer::CONFLICT), ErrorKind::Unavailable, false),
        (
            Fault::Instead(Answer::EXPIRED_TOKEN),
            ErrorKind::Unavailable,
            false,
        ),
        (Fault::Instead(Answer::CLOCK_SKEW), ErrorKind::Unavailable, false),
        (Fault::Instead(Answer::NO_SUCH_BUCKET), ErrorKind::Denied, false),
        (
            Fault::Instead(Answer::SLOW_DOWN),
            ErrorKind::OutcomeUnknown,
            false,
        ),
        (Fault::Masked(Answer::SLOW_DOWN), ErrorKind::OutcomeUnknown, true),
        (
            Fault::Masked(Answer::INTERNAL_ERROR),
            ErrorKind::OutcomeUnknown,
            true,
        ),
        (Fault::RequestLost(End::Silence), ErrorKind::OutcomeUnknown, false),
        (Fault::RequestLost(End::Fin), ErrorKind::OutcomeUnknown, false),
        (Fault::RequestLost(End::Rst), ErrorKind::OutcomeUnknown, false),
        (Fault::ReplyLost(End::Silence), ErrorKind::OutcomeUnknown, true),
        (Fault::ReplyLost(End::Fin), ErrorKind::OutcomeUnknown, true),
        (Fault::ReplyLost(End::Rst), ErrorKind::OutcomeUnknown, true),
        (Fault::Duplicated, ErrorKind::Exists, true),
    ];
    let Some(bucket) = bucket(1) else { return };
    let store = bucket.client();
    block_on(async {
        for (number, (fault, kind, is_there)) in cases.into_iter().enumerate() {
            let name = format!("{number}");
            let one = Rule::new(fault)
                .on(Kind::Create)
                .under(&bucket.path(&name))
                .times(1);
            bucket.proxy().add(one);
            let within = Duration::from_secs(2);
            let error = store
                .create(&key(&name), "mine".into(), within)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), kind, "{fault:?}: {error}");
            let read = store.get(&key(&name), WITHIN).await;
            assert_eq!(read.is_ok(), is_there, "{fault:?}: {read:?}");
        }
    });
    // One that is refused was certainly not sent.
    bucket.proxy().refuse().unwrap();
    let refused = block_on(async { bucket.client().create(&key("x"), "mine".into(), WITHIN).await });
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn no_answer_on_the_way_makes_an_object_absent_or_a_listing_short() {
    let Some(bucket) = bucket(1) else { return };
    let store = bucket.client();
    let faults = [
        (Fault::Instead(Answer::BARE_NOT_FOUND), ErrorKind::Unavailable),
        (Fault::Instead(Answer::NO_SUCH_BUCKET), ErrorKind::Denied),
        (Fault::Instead(Answer::SLOW_DOWN), ErrorKind::Unavailable),
        (Fault::RequestLost(End::Silence), ErrorKind::Unavailable),
        (Fault::ReplyLost(End::Rst), ErrorKind::Unavailable),
        (Fault::BrokenOff, ErrorKind::Unavailable),
    ];
    block_on(async {
        for name in ["a/1", "a/2", "a/3"] {
            store.create(&key(name), "mine".into(), WITHIN).await.unwrap();
        }
        for (fault, kind) in faults {
            bucket.proxy().clear();
            bucket.proxy().add(Rule::new(fault));
            let within = Duration::from_secs(2);
            let read = store.get(&key("a/1"), within).await.unwrap_err();
            assert_eq!(read.kind(), kind, "{fault:?}: {read}");
            let listed = store.list(&Folder::new("a").unwrap(), within).await.unwrap_err();
            assert_eq!(listed.kind(), kind, "{fault:?}: {listed}");
        }
        bucket.proxy().clear();
        bucket.proxy().add(Rule::new(Fault::Shortened));
        let listed = store.list(&Folder::new("a").unwrap(), WITHIN).await.unwrap_err();
        assert_eq!(
            listed.kind(),
            ErrorKind::Unavailable,
            "half of a listing is none: {listed}"
        );
    });
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    /// Key, value, and what became of it.
    creates: Vec<(String, String, Result<(), ErrorKind>)>,
    reads: Vec<(String, String)>,
    lists: Vec<Vec<String>>,
    failures: usize,
}

#[test]
fn through_a_bad_connection_it_may_know_nothing_but_never_lies() {
    for seed in 1..=3 {
        let Some(bucket) = bucket(seed) else { return };
        let rules = [
            (Rule::new(Fault::delay_of_millis(2, 30)), 1000),
            (Rule::new(Fault::RequestLost(End::Rst)), 30),
            (Rule::new(Fault::RequestLost(End::Fin)), 30),
            (Rule::new(Fault::ReplyLost(End::Rst)), 30),
            (Rule::new(Fault::ReplyLost(End::Fin)), 30),
            (Rule::new(Fault::ReplyLost(End::Silence)), 10),
            (Rule::new(Fault::Late(Duration::from_millis(100))), 30),
            (Rule::new(Fault::Duplicated), 30),
            (Rule::new(Fault::Instead(Answer::SLOW_DOWN)), 30),
            (Rule::new(Fault::Masked(Answer::SLOW_DOWN)), 30),
            (Rule::new(Fault::Masked(Answer::INTERNAL_ERROR)), 30),
            (Rule::new(Fault::Instead(Answer::CONFLICT)).on(Kind::Create), 50),
            (
                Rule::new(Fault::Instead(Answer::BARE_NOT_FOUND))
                    .on(Kind::Get)
                    .on(Kind::List),
                50,
            ),
            (Rule::new(Fault::BrokenOff).on(Kind::Get).on(Kind::List), 50),
            (Rule::new(Fault::Shortened).on(Kind::List), 50),
        ];
        for (rule, per_mille) in rules {
            bucket.proxy().add(rule.per_mille(per_mille));
        }
        let seen = block_on(async {
            let clients = (0..6).map(|client| tokio::spawn(work(client, bucket.client())));
            futures::future::join_all(clients).await
        });
        let truth: BTreeMap<_, _> = bucket
            .objects()
            .names("a")
            .into_iter()
            .map(|name| {
                let value = bucket.objects().read(&format!("a/{name}")).unwrap();
                (name, String::from_utf8(value).unwrap())
            })
            .collect();
        let counts = bucket.proxy().counts();
        println!("seed {seed}: {counts:?}");
        assert!(counts.injected.len() == 9, "not all faults happened: {counts:?}");
        let mut outcomes = BTreeSet::new();
        for seen in seen {
            seen.unwrap().holds_beside(&truth, &mut outcomes, seed);
        }
        assert!(outcomes.len() >= 4, "only {outcomes:?} were seen");
    }
}

async fn work(client: usize, store: BucketStore) -> Seen {
    let (mut seen, within) = (Seen::default(), Duration::from_secs(1));
    let mut certain = BTreeSet::new();
    for number in 0..30 {
        let name = format!("{client}-{number}");
        let place = key(&format!("a/{name}"));
        for value in ["first", "second"] {
            let created = store.create(&place, value.into(), within).await;
            if created
                .as_ref()
                .err()
                .is_none_or(|error| error.kind() == ErrorKind::Exists)
            {
                certain.insert(name.clone());
            }
            let created = created.map_err(|error: Error| error.kind());
            seen.creates.push((name.clone(), value.into(), created));
        }
        match store.get(&place, within).await {
            Ok(bytes) => seen
                .reads
                .push((name.clone(), String::from_utf8(bytes.into()).unwrap())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert!(
                    !certain.contains(&name),
                    "{name} is there, and a get says that it is not"
                );
            }
            Err(_) => seen.failures += 1,
        }
        match store.list(&Folder::new("a").unwrap(), within).await {
            Ok(names) => {
                let listed: BTreeSet<_> = names.iter().cloned().collect();
                let left_out: Vec<_> = certain.difference(&listed).collect();
                assert!(
                    left_out.is_empty(),
                    "{left_out:?} are there, and a list leaves them out"
                );
                seen.lists.push(names);
            }
            Err(_) => seen.failures += 1,
        }
    }
    seen
}

impl Seen {
    fn holds_beside(self, truth: &BTreeMap<String, String>, outcomes: &mut BTreeSet<String>, seed: u64) {
        for (name, value, outcome) in self.creates {
            let is = truth.get(&name);
            let is_mine = is == Some(&value);
            outcomes.insert(format!("{outcome:?}"));
            match outcome {
                Ok(()) => assert!(
                    is_mine,
                    "seed {seed}: {name} was created as {value}, and is {is:?}"
                ),
                Err(ErrorKind::Exists) => assert!(is.is_some(), "seed {seed}: {name} was said to exist"),
                Err(ErrorKind::OutcomeUnknown) => {}
                Err(kind) => assert!(
                    !is_mine,
                    "seed {seed}: {name} was said not to be written ({kind})"
                ),
            }
        }
        // Nothing is ever replaced there, so what was once read is the truth.
        for (name, value) in self.reads {
            assert_eq!(truth.get(&name), Some(&value), "seed {seed}: {name} was read");
        }
        let listed = self.lists.into_iter().flatten();
        let strangers: Vec<_> = listed.filter(|name| !truth.contains_key(name)).collect();
        assert!(
            strangers.is_empty(),
            "seed {seed}: listed, and not there: {strangers:?}"
        );
        assert!(self.failures > 0, "seed {seed}: no read failed");
    }
}
