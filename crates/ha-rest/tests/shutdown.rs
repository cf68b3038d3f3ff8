//! The stop of a node by REST, on a paused clock.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::{Fake, post};
use ha_core::Role;
use ha_rest::{Settings, app};

#[tokio::test(start_paused = true)]
async fn shutdown_answers_204_and_then_stops() {
    let cases = [
        ("", 0),
        ("delayForHttpReturn=5+s", 5_000),
        ("delayForHttpReturn=1500", 1_500),
        ("delayMillis=200", 200),
        ("delayForHttpReturn=10s&delayMillis=200", 200),
        ("delayForHttpReturn=1h", 60_000),
        (
            "stopAppsFirst=true&forceShutdownOnError=TRUE&shutdownTimeout=20s&requestTimeout=0",
            0,
        ),
    ];
    for (form, delay_ms) in cases {
        let fake = Fake::new(Role::Master);
        let before = tokio::time::Instant::now();
        let answer = post(&fake, "/v1/server/shutdown", form).await;
        assert_eq!(answer.short(), (204, ""), "{form}");
        assert_eq!(answer.header("content-type"), None);
        fake.stopped.notified().await;
        let waited = before.elapsed().as_millis();
        assert!((delay_ms..delay_ms + 5).contains(&waited), "{form}: {waited} ms");
        assert_eq!(fake.calls(), ["shutdown"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_stop_waits_until_the_answer_is_handed_over() {
    use tower::ServiceExt;
    let fake = Fake::new(Role::Master);
    let request = http::Request::post("/v1/server/shutdown")
        .body(axum::body::Body::empty())
        .unwrap();
    let response = app(fake.clone(), Settings::default())
        .oneshot(request)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(fake.calls(), Vec::<String>::new());
    drop(response);
    fake.stopped.notified().await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_checks_its_form_before_it_does_anything() {
    let fake = Fake::new(Role::Master);
    let cases = [
        ("stopAppsFirst=yes", "stopAppsFirst"),
        ("forceShutdownOnError=1", "forceShutdownOnError"),
        ("shutdownTimeout=soon", "shutdownTimeout"),
        ("requestTimeout=-1s", "requestTimeout"),
        ("delayForHttpReturn=5x", "delayForHttpReturn"),
        ("delayMillis=5s", "delayMillis"),
        ("delayMillis=-5", "delayMillis"),
    ];
    for (form, name) in cases {
        let answer = post(&fake, "/v1/server/shutdown", form).await;
        assert_eq!(answer.status, 400, "{form}");
        assert!(
            answer.body.contains(&format!("Invalid parameter: {name} '")),
            "{}",
            answer.body
        );
    }
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(fake.calls(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn only_a_master_stops_applications_first() {
    for role in [Role::Standby, Role::HotStandby, Role::HotBackup, Role::Failed] {
        let fake = Fake::new(role);
        let answer = post(&fake, "/v1/server/shutdown", "stopAppsFirst=true").await;
        let expected = r#"{"message":"Not allowed to stop all apps when server is not master","error":403}"#;
        assert_eq!(answer.short(), (403, expected));
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert_eq!(fake.calls(), Vec::<String>::new());
    }
}
