//! Where a server and keys are looked for, and what happens when the keys change.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::server::{Act, Server, answer, error};
use crate::bucket::policies::{Lifecycle, Versioning};
use crate::{BucketSettings, BucketStore, Endpoint, Error, ErrorKind, Key, Location, Store};

fn open_at(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Result<BucketStore, Error> {
    let Ok(Location::Bucket(mut location)) = Location::parse("s3://lab/p") else {
        panic!("it is a bucket")
    };
    if let Some(endpoint) = endpoint {
        location = location.with_endpoint(Endpoint::parse(endpoint).unwrap());
    }
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let environment = |name: &str| variables.get(name).map(|v| (*v).to_owned());
    BucketStore::open(&location, &BucketSettings::default(), &environment)
}

fn refused(endpoint: Option<&str>, variables: &[(&str, &str)]) -> String {
    let error = open_at(endpoint, variables).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let text = error.to_string();
    assert!(text.contains("s3://lab/p") && !text.contains("hunter2"), "{text}");
    text
}

/// Files of AWS in a directory, and the variables that lead there.
fn home(credentials: &str, config: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    write(home.path(), credentials);
    fs::write(home.path().join(".aws/config"), config).unwrap();
    home
}

fn write(home: &Path, credentials: &str) {
    fs::write(home.join(".aws/credentials"), credentials).unwrap();
}

fn key() -> Key {
    Key::new("x").unwrap()
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
const WITHIN: Duration = Duration::from_secs(30);

#[test]
fn the_server_is_the_locations_then_that_of_the_environment_then_the_profiles_then_amazons() {
    let home = home(
        "",
        "[default]\nregion = eu-north-1\nendpoint_url = http://127.0.0.1:4\n",
    );
    let at_home = ("HOME", home.path().to_str().unwrap());
    let shown = |endpoint, more: &[(&str, &str)]| {
        let variables: Vec<_> = KEYS.into_iter().chain(more.iter().copied()).collect();
        open_at(endpoint, &variables).unwrap().to_string()
    };
    let both = [
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:3"),
        at_home,
    ];
    assert_eq!(
        shown(Some("http://127.0.0.1:1"), &both),
        "s3://lab/p at http://127.0.0.1:1"
    );
    assert_eq!(shown(None, &both), "s3://lab/p at http://127.0.0.1:2");
    assert_eq!(shown(None, &both[1..]), "s3://lab/p at http://127.0.0.1:3");
    assert_eq!(shown(None, &both[2..]), "s3://lab/p at http://127.0.0.1:4");
    let region = [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-2")];
    assert_eq!(shown(None, &region), "s3://lab/p in eu-west-1");
    assert_eq!(shown(None, &region[1..]), "s3://lab/p in eu-west-2");
}

#[test]
fn what_cannot_work_is_refused_by_the_name_of_the_variable() {
    let with = |more: &[(&str, &str)]| {
        let variables: Vec<_> = KEYS.into_iter().chain(more.iter().copied()).collect();
        refused(None, &variables)
    };
    assert!(with(&[]).contains("AWS_REGION"));
    assert!(with(&[("AWS_REGION", "eu west")]).contains("AWS_REGION"));
    assert!(with(&[("AWS_ENDPOINT_URL", "127.0.0.1")]).contains("AWS_ENDPOINT_URL: "));
    assert!(with(&[("AWS_ENDPOINT_URL_S3", "https://me:hunter2@host")]).contains("AWS_ENDPOINT_URL_S3: "));
    let plain = ("AWS_ENDPOINT_URL", "http://10.0.0.1:8333");
    assert!(with(&[plain]).contains("AWS_ALLOW_HTTP"));
    let variables: Vec<_> = KEYS
        .into_iter()
        .chain([plain, ("AWS_ALLOW_HTTP", "true")])
        .collect();
    open_at(None, &variables).unwrap();
}

#[test]
fn keys_that_are_missing_are_told_with_all_places_that_were_looked_at() {
    let nowhere = Some("http://127.0.0.1:1");
    let without_roles = ("AWS_EC2_METADATA_DISABLED", "true");
    let home = home(
        "[default]\n[half]\naws_access_key_id = k\n",
        "[profile process]\ncredential_process = /bin/keys\n",
    );
    let at_home = ("HOME", home.path().to_str().unwrap());
    for (variables, told) in [
        (vec![KEYS[0]], vec!["AWS_SECRET_ACCESS_KEY is not"]),
        (vec![KEYS[1]], vec!["AWS_ACCESS_KEY_ID is not"]),
        (
            vec![("AWS_ACCESS_KEY_ID", "k\u{1}"), KEYS[1]],
            vec!["a character that no key has"],
        ),
        (
            vec![without_roles],
            vec!["AWS_ACCESS_KEY_ID", "HOME", "AWS_WEB_IDENTITY_TOKEN_FILE"],
        ),
        (
            vec![without_roles, at_home],
            vec![".aws/credentials", ".aws/config", "`default`"],
        ),
        (
            vec![("AWS_PROFILE", "nobody"), at_home],
            vec!["`nobody`", "AWS_PROFILE"],
        ),
        (
            vec![("AWS_PROFILE", "half"), at_home],
            vec!["`half`", "aws_secret_access_key"],
        ),
        (
            vec![("AWS_PROFILE", "process"), at_home],
            vec!["`credential_process`", "not supported"],
        ),
    ] {
        let text = refused(nowhere, &variables);
        assert!(
            told.iter().all(|told| text.contains(told)),
            "{variables:?}: {text}"
        );
    }
}

#[tokio::test]
async fn keys_of_the_environment_go_before_those_of_a_profile_and_blanks_around_them_are_not_meant() {
    let server = Server::start([answer(200, "")]).await;
    let home = home(
        "[default]\naws_access_key_id = of-default\naws_secret_access_key = s\n[ other ]\n# aws_access_key_id = no\naws_access_key_id=of-other\naws_secret_access_key = s\naws_session_token = t\ns3 =\n  aws_access_key_id = nested\n",
        "[profile other]\nregion = eu-north-1\n",
    );
    let at_home = ("HOME", home.path().to_str().unwrap());
    for variables in [
        vec![at_home],
        vec![at_home, ("AWS_PROFILE", "other")],
        vec![
            at_home,
            ("AWS_PROFILE", "other"),
            ("AWS_ACCESS_KEY_ID", " of-environment\n"),
            KEYS[1],
        ],
    ] {
        let store = open_at(Some(&server.endpoint), &variables).unwrap();
        assert!(!format!("{store:?}").contains("of-"), "{store:?}");
        store.put(&key(), "x".into(), WITHIN).await.unwrap();
    }
    let seen = server.seen();
    let by = |head: &String, who: &str| head.contains(&format!("credential={who}/"));
    assert!(
        by(&seen[0], "of-default") && seen[0].contains("/us-east-1/"),
        "{}",
        seen[0]
    );
    assert!(
        by(&seen[1], "of-other")
            && seen[1].contains("x-amz-security-token: t\r\n")
            && seen[1].contains("/eu-north-1/"),
        "{}",
        seen[1]
    );
    assert!(by(&seen[2], "of-environment"), "{}", seen[2]);
}

#[tokio::test]
async fn keys_that_are_renewed_in_a_file_are_used_without_a_restart() {
    let server = Server::start([error(400, "ExpiredToken")]).await;
    let profile = |id: &str| format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = s\n");
    let home = home(&profile("old"), "");
    let store = open_at(Some(&server.endpoint), &[("HOME", home.path().to_str().unwrap())]).unwrap();
    let expired = store.create(&key(), "x".into(), WITHIN).await.unwrap_err();
    assert_eq!(
        expired.kind(),
        ErrorKind::Unavailable,
        "it mends by itself: {expired}"
    );
    write(home.path(), &profile("new"));
    let asks_as = async |who: &str| {
        let until = Instant::now() + WITHIN;
        loop {
            store.get(&key(), WITHIN).await.unwrap_err();
            let seen = server.seen();
            let last = seen.last().expect("something was sent").clone();
            if last.contains(&format!("credential={who}/")) {
                return;
            }
            assert!(Instant::now() < until, "never as {who}: {last}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    asks_as("new").await;
    // Half a file is no reason to forget what was good.
    write(home.path(), "[default]\n");
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(1500) {
        asks_as("new").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    write(home.path(), &profile("newer"));
    asks_as("newer").await;
}

#[tokio::test]
async fn the_role_of_the_machine_is_asked_for_keys() {
    let server = Server::start([answer(200, "")]).await;
    let roles = Server::start([
        answer(200, "the-token-of-the-metadata"),
        answer(200, "the-role"),
        answer(
            200,
            r#"{"AccessKeyId":"of-role","SecretAccessKey":"s","Token":"t","Expiration":"2199-01-01T00:00:00Z","Code":"Success","LastUpdated":"2024-01-01T00:00:00Z","Type":"AWS-HMAC"}"#,
        ),
    ])
    .await;
    let of_machine = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", roles.endpoint.as_str())];
    let store = open_at(Some(&server.endpoint), &of_machine).unwrap();
    store.create(&key(), "x".into(), WITHIN).await.unwrap();
    store.put(&key(), "x".into(), WITHIN).await.unwrap();
    assert_eq!(roles.seen().len(), 3, "keys are kept while they are good");
    assert!(
        server.seen()[0].contains("credential=of-role/"),
        "{:?}",
        server.seen()
    );
}

#[tokio::test]
async fn what_a_role_answers_is_never_taken_for_an_answer_about_an_object() {
    let server = Server::start([answer(200, "")]).await;
    for act in [
        error(404, "NoSuchKey"),
        error(412, "PreconditionFailed"),
        answer(200, "no keys in here"),
        error(500, "InternalError"),
        Act::SendAndClose(Vec::new()),
    ] {
        let roles = Server::start([act.clone()]).await;
        let of_machine = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", roles.endpoint.as_str())];
        let store = open_at(Some(&server.endpoint), &of_machine).unwrap();
        let create = store.create(&key(), "x".into(), WITHIN).await.unwrap_err();
        let get = store.get(&key(), WITHIN).await.unwrap_err();
        for error in [create, get] {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{act:?}: {error}");
            assert!(
                error.to_string().contains("the machine's role gave none")
                    && error.to_string().contains("AWS_ACCESS_KEY_ID"),
                "{act:?}: {error}"
            );
        }
    }
    assert!(server.seen().is_empty(), "nothing is sent unsigned");
}

#[tokio::test]
async fn a_bucket_tells_its_rules_or_that_it_does_not() {
    let rule = "<LifecycleConfiguration><Rule><ID>r</ID><Prefix/><Status>Enabled</Status><Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>";
    let versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let server = Server::start([answer(200, rule), answer(200, versioned)]).await;
    let policies = open_at(Some(&server.endpoint), &KEYS)
        .unwrap()
        .policies(WITHIN)
        .await
        .unwrap();
    let Lifecycle::Rules(rules) = policies.lifecycle else {
        panic!("it has told them")
    };
    assert!(rules.len() == 1 && rules[0].harms_ours(), "{rules:?}");
    assert_eq!(rules[0].to_string(), "`r` on `*`: Expiration(Days 9)");
    assert_eq!(policies.versioning, Versioning::On);
    let seen = server.seen();
    assert!(
        seen[0].starts_with("get /lab?lifecycle= ") && seen[1].starts_with("get /lab?versioning= "),
        "{seen:?}"
    );

    let server = Server::start([
        error(404, "NoSuchLifecycleConfiguration"),
        error(403, "AccessDenied"),
    ])
    .await;
    let policies = open_at(Some(&server.endpoint), &KEYS)
        .unwrap()
        .policies(WITHIN)
        .await
        .unwrap();
    assert_eq!(policies.lifecycle, Lifecycle::Rules(Vec::new()));
    let Versioning::Unknown(why) = policies.versioning else {
        panic!("it may not be asked")
    };
    assert!(why.contains("s3:GetBucketVersioning"), "{why}");

    let server = Server::start([Act::Reset]).await;
    let error = open_at(Some(&server.endpoint), &KEYS)
        .unwrap()
        .policies(WITHIN)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
