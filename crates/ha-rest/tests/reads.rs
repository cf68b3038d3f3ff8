//! What is read from a node, without a socket: every byte of it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Fake, OTHER, OWN, get, id};
use ha_core::proto::LoadProgress;
use ha_core::{NodeStatus, Role, Seq};

#[tokio::test]
async fn version() {
    let answer = get(&Fake::new(Role::Master), "/v1/server/version").await;
    let expected = r#"{"version":"0.1.0","buildSha1":null,"buildBranch":"UNKNOWN_BRANCH","features":[{"name":"ha-core","symbolicName":"ha-core","version":"0.1.0","lastModified":"1700000000000"}]}"#;
    assert_eq!(answer.short(), (200, expected));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn plane_id_is_bare_text_that_calls_itself_json() {
    let fake = Fake::new(Role::Standby);
    let answer = get(&fake, "/v1/server/planeid").await;
    assert_eq!(answer.short(), (200, "g2Mk0xQa"));
    assert_eq!(answer.header("content-type"), Some("application/json"));

    fake.status.lock().unwrap().plane_id = None;
    assert_eq!(get(&fake, "/v1/server/planeid").await.short(), (200, ""));
}

#[tokio::test]
async fn config_is_quoted_or_204() {
    let fake = Fake::new(Role::Standby);
    assert_eq!(
        get(&fake, "/v1/server/config/pollPeriod").await.short(),
        (200, r#""1 \"s\"""#)
    );
    let unset = get(&fake, "/v1/server/config/a.b").await;
    assert_eq!(unset.short(), (204, ""));
    assert_eq!(unset.header("content-type"), None);
}

#[tokio::test]
async fn config_masks_secrets_when_asked() {
    let fake = Fake::new(Role::Standby);
    let cases = [
        ("/v1/server/config/db.Password", r#""hunter2""#),
        (
            "/v1/server/config/db.Password?suppressSecrets=false",
            r#""hunter2""#,
        ),
        (
            "/v1/server/config/db.Password?suppressSecrets=TRUE",
            r#""<suppressed>""#,
        ),
        (
            "/v1/server/config/pollPeriod?suppressSecrets=true",
            r#""1 \"s\"""#,
        ),
    ];
    for (path, body) in cases {
        assert_eq!(get(&fake, path).await.short(), (200, body), "{path}");
    }
    let bad = get(&fake, "/v1/server/config/a?suppressSecrets=maybe").await;
    assert_eq!(
        bad.short(),
        (
            400,
            r#"{"message":"Invalid parameter: suppressSecrets 'maybe': use true or false","error":400}"#
        )
    );
    assert_eq!(get(&fake, "/v1/server/config/%ff").await.status, 400);
}

#[tokio::test]
async fn nobody_is_logged_in() {
    assert_eq!(
        get(&Fake::new(Role::Master), "/v1/server/user").await.short(),
        (204, "")
    );
}

#[tokio::test]
async fn health_follows_the_status() {
    type Change = fn(&mut ha_core::Status);
    let cases: [(Change, [&str; 3]); 5] = [
        (|_| {}, ["true", "true", "false"]),
        (|s| s.startup_complete = false, ["false", "false", "false"]),
        (
            |s| s.errors.push("the store is full".to_owned()),
            ["true", "false", "false"],
        ),
        (
            |s| s.unproven_for = Some(Duration::from_secs(9)),
            ["true", "false", "false"],
        ),
        (|s| s.stopping = true, ["false", "false", "true"]),
    ];
    for (change, [up, healthy_now, stopping]) in cases {
        let fake = Fake::new(Role::Master);
        change(&mut fake.status.lock().unwrap());
        assert_eq!(get(&fake, "/v1/server/up").await.short(), (200, up));
        assert_eq!(get(&fake, "/v1/server/healthy").await.short(), (200, healthy_now));
        assert_eq!(
            get(&fake, "/v1/server/shuttingDown").await.short(),
            (200, stopping)
        );
        let extended = get(&fake, "/v1/server/up/extended").await.body;
        let start = format!(
            r#"{{"up":{up},"shuttingDown":{stopping},"healthy":{healthy_now},"ha":{{"planeId":"g2Mk0xQa","ownId":"{OWN}","#
        );
        let end = r#","links":{}},"osgiUp":false,"brooklyn.security.sensitive.fields":{"tokens":["password","passwd","credential","secret","private","access.cert","access.key"],"plaintext.blocked":false}}"#;
        assert!(
            extended.starts_with(&start) && extended.ends_with(end),
            "{extended}"
        );
    }
}

#[tokio::test]
async fn states_keeps_order_and_nulls() {
    let fake = Fake::new(Role::Master);
    fake.status.lock().unwrap().nodes[1] = NodeStatus::new(id(OTHER), None, Role::Failed, -3, 7, 8);
    let expected = format!(
        r#"{{"planeId":"g2Mk0xQa","ownId":"{OWN}","masterId":"{OWN}","nodes":{{"{OWN}":{{"nodeId":"{OWN}","nodeUri":"http://127.0.0.1:8081/","status":"MASTER","localTimestamp":1466414101075,"remoteTimestamp":1466414101076,"priority":0}},"{OTHER}":{{"nodeId":"{OTHER}","nodeUri":null,"status":"FAILED","localTimestamp":7,"remoteTimestamp":8,"priority":-3}}}},"links":{{}}}}"#
    );
    assert_eq!(
        get(&fake, "/v1/server/ha/states").await.short(),
        (200, expected.as_str())
    );

    let starting = Arc::new(Fake::with(ha_core::Status::starting(id(OWN))));
    let expected = format!(r#"{{"planeId":null,"ownId":"{OWN}","masterId":null,"nodes":{{}},"links":{{}}}}"#);
    assert_eq!(
        get(&starting, "/v1/server/ha/states").await.short(),
        (200, expected.as_str())
    );
}

#[tokio::test]
async fn metrics_keeps_order_and_nulls() {
    let fake = Fake::new(Role::Master);
    {
        let mut status = fake.status.lock().unwrap();
        status.reads.failure_count = 1;
        status.reads.last_failure_ms = Some(common::STARTED_MS + 500);
        status.reads.error_messages.push("no answer".to_owned());
        status.rebinds = Default::default();
    }
    let expected = concat!(
        r#"{"state":"MASTER","uptime":"33.0s","currentTimeUtc":1466414134105,"startTimeUtc":1466414101065,"#,
        r#""highAvailability":{"priority":0,"pollPeriod":1000,"heartbeatTimeout":3000,"history":[{"state":"MASTER","timestamp":1466414101082}]},"#,
        r#""rebind":{"count":0,"lastSuccessTimeUtc":null,"lastSuccessTimeMillisSince":null,"lastDuration":null,"#,
        r#""failureCount":0,"lastFailureTimeUtc":null,"lastFailureTimeMillisSince":null,"errorMessages":[]},"#,
        r#""persist":{"count":3,"lastSuccessTimeUtc":1466414102065,"lastSuccessTimeMillisSince":32040,"lastDuration":2,"#,
        r#""failureCount":0,"lastFailureTimeUtc":null,"lastFailureTimeMillisSince":null,"errorMessages":[]},"#,
        r#""firstRebindCounts":{"applications":0,"entities":0,"allItems":0},"#,
        r#""managementStatePersistence":{"#,
        r#""read":{"count":3,"failureCount":1,"lastSuccessTime":1466414102065,"lastDuration":2,"lastFailureTime":1466414101565,"errorMessages":["no answer"]},"#,
        r#""write":{"count":3,"failureCount":0,"lastSuccessTime":1466414102065,"lastDuration":2,"lastFailureTime":null,"errorMessages":[]}}}"#,
    );
    assert_eq!(get(&fake, "/v1/server/ha/metrics").await.short(), (200, expected));
}

#[tokio::test]
async fn only_hot_standbys_and_backups_count_read_only_rebinds() {
    let roles = [
        Role::Initializing,
        Role::Standby,
        Role::HotStandby,
        Role::HotBackup,
        Role::Master,
        Role::Failed,
    ];
    for role in roles {
        let body = get(&Fake::new(role), "/v1/server/ha/metrics").await.body;
        let counted = body.contains(r#""rebindReadOnlyCount":3,"firstRebindCounts""#);
        assert_eq!(
            counted,
            matches!(role, Role::HotStandby | Role::HotBackup),
            "{role}: {body}"
        );
    }
}

#[tokio::test]
async fn metrics_tell_how_far_a_load_has_come_while_there_is_one() {
    let fake = Fake::new(Role::HotStandby);
    let shown = |body: &str| {
        let metrics: serde_json::Value = serde_json::from_str(body).unwrap();
        metrics["rebind"].get("loading").cloned()
    };
    assert_eq!(shown(&get(&fake, "/v1/server/ha/metrics").await.body), None);
    fake.status.lock().unwrap().loading = Some(LoadProgress {
        parts: 3,
        of_parts: 9,
        is_restored: false,
        seq: Seq(0),
        head: Seq(700),
    });
    let body = get(&fake, "/v1/server/ha/metrics").await.body;
    assert_eq!(
        shown(&body).unwrap(),
        serde_json::json!({"parts": 3, "ofParts": 9, "restored": false, "readToSeq": 0, "ofSeq": 700})
    );
    assert!(
        body.contains(r#"],"loading""#),
        "behind what is Brooklyn's: {body}"
    );
}
