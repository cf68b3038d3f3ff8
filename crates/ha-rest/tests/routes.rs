//! What holds for every route: where the gate stands, verbs, headers, and the page that lists them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;

use common::{FORM, Fake, OTHER, OWN, call, get, healthy, post};
use ha_core::{Role, Status};

const MASTER_REQUIRED: &str =
    r#"{"message":"This request is only permitted against an active primary Brooklyn server","error":403}"#;
const HOT_REQUIRED: &str = r#"{"message":"This request is only permitted against an active primary or hot standby/backup Brooklyn server","error":403}"#;

#[tokio::test]
async fn the_page_names_the_node_and_every_endpoint() {
    let fake = Fake::new(Role::HotStandby);
    fake.status.lock().unwrap().plane_id = Some(ha_core::PlaneId("<script>&\"".to_owned()));
    let answer = get(&fake, "/").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, Some("text/html"))
    );
    let endpoints = [
        "version",
        "planeid",
        "config/{key}",
        "user",
        "up",
        "up/extended",
        "healthy",
        "shuttingDown",
        "shutdown",
        "ha/state",
        "ha/states",
        "ha/states/clear",
        "ha/states/clear/node",
        "ha/priority",
        "ha/metrics",
        "ha/persist/export",
        "ha/persist/import",
    ];
    for part in ["HOT_STANDBY", OWN, OTHER, "&lt;script&gt;&amp;&quot;"] {
        assert!(answer.body.contains(part), "{part}");
    }
    for path in endpoints {
        assert!(answer.body.contains(&format!("/v1/server/{path}")), "{path}");
    }
    assert!(!answer.body.contains("<script>"));
}

#[tokio::test]
async fn nothing_is_cached() {
    let fake = Fake::new(Role::Standby);
    let answers = [
        get(&fake, "/").await,
        get(&fake, "/v1/none").await,
        get(&fake, "/v1/server/up").await,
        get(&fake, "/v1/server/user").await,
        get(&fake, "/v1/applications").await,
        call(&fake, "DELETE", "/v1/server/up", &[], "").await,
        post(&fake, "/v1/server/ha/priority", "priority=1").await,
        call(
            &fake,
            "POST",
            "/v1/server/shutdown",
            &[("Content-Type", "text/plain")],
            "",
        )
        .await,
    ];
    for answer in answers {
        let headers = ["cache-control", "pragma", "expires"].map(|name| answer.header(name));
        assert_eq!(
            headers,
            [Some("no-cache, no-store"), Some("no-cache"), Some("0")],
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn bad_routes_and_verbs_have_no_body() {
    for role in [Role::Master, Role::Standby] {
        let fake = Fake::new(role);
        for path in [
            "/v1",
            "/v1/",
            "/v1/none",
            "/v1/server",
            "/v1/server/status",
            "/v1/server/ha",
            "/none",
            "//v1/server/up",
        ] {
            for method in ["GET", "POST", "DELETE"] {
                let answer = call(&fake, method, path, &[], "").await;
                assert_eq!(answer.short(), (404, ""), "{method} {path}");
                assert_eq!(answer.header("content-type"), None);
            }
        }
        for (method, path) in [
            ("DELETE", "up"),
            ("POST", "ha/states"),
            ("GET", "shutdown"),
            ("PUT", "ha/state"),
            ("GET", "ha/states/clear"),
        ] {
            let answer = call(&fake, method, &format!("/v1/server/{path}"), &[], "").await;
            assert_eq!(answer.short(), (405, ""), "{method} {path}");
            assert_eq!(answer.header("content-type"), None);
            assert!(answer.header("allow").is_some());
        }
    }
}

#[tokio::test]
async fn head_options_and_a_slash_at_the_end() {
    let fake = Fake::new(Role::Master);
    let head = call(&fake, "HEAD", "/v1/server/ha/state", &[], "").await;
    assert_eq!(
        (head.short(), head.header("content-type")),
        ((200, ""), Some("application/json"))
    );
    for (path, allowed) in [
        ("up", "GET,HEAD,OPTIONS"),
        ("shutdown", "POST,OPTIONS"),
        ("ha/state", "GET,HEAD,POST,OPTIONS"),
    ] {
        let options = call(&fake, "OPTIONS", &format!("/v1/server/{path}"), &[], "").await;
        assert_eq!(
            (options.short(), options.header("allow")),
            ((200, ""), Some(allowed))
        );
        assert_eq!(options.header("content-type"), None);
    }
    assert_eq!(
        get(&fake, "/v1/server/ha/state/").await.short(),
        (200, r#""MASTER""#)
    );
    assert_eq!(get(&fake, "/v1/server/config/pollPeriod/").await.status, 200);
}

/// The same through the whole app: where the gate stands, and that what it refuses is not done.
#[tokio::test]
async fn the_app_is_behind_the_gate() {
    let commands = [
        ("ha/state", "mode=AUTO", "mode AUTO"),
        ("ha/priority", "priority=5", "priority 5"),
        ("ha/states/clear", "", "clear"),
        ("ha/states/clear/node", "nodeId=a", "clear a"),
    ];
    for role in [
        Role::Initializing,
        Role::Standby,
        Role::HotStandby,
        Role::HotBackup,
        Role::Failed,
        Role::Terminated,
    ] {
        let fake = Fake::new(role);
        for (path, form, done) in commands {
            let path = format!("/v1/server/{path}");
            assert_eq!(
                post(&fake, &path, form).await.short(),
                (403, MASTER_REQUIRED),
                "{role} {path}"
            );
            assert_eq!(fake.calls(), Vec::<String>::new());
            let header = (common::SKIP.0, "TRUE");
            assert_eq!(
                call(&fake, "POST", &path, &[FORM, header], form).await.status,
                200,
                "{role} {path}"
            );
            assert_eq!(fake.calls.lock().unwrap().drain(..).collect::<Vec<_>>(), [done]);
        }
        assert_eq!(
            call(&fake, "OPTIONS", "/v1/server/up", &[], "").await.short(),
            (403, MASTER_REQUIRED)
        );
    }
}

#[tokio::test]
async fn a_resource_that_needs_the_state_is_403_before_it_is_404() {
    for path in [
        "/v1/applications",
        "/v1/applications/a/entities/b",
        "/v1/catalog/types",
        "/v1/locations",
    ] {
        let cases = [
            (Role::Master, "GET", (404, "")),
            (Role::Master, "POST", (404, "")),
            (Role::HotStandby, "GET", (404, "")),
            (Role::HotStandby, "POST", (403, MASTER_REQUIRED)),
            (Role::Standby, "GET", (403, HOT_REQUIRED)),
            (Role::Standby, "POST", (403, MASTER_REQUIRED)),
        ];
        for (role, method, expected) in cases {
            assert_eq!(
                call(&Fake::new(role), method, path, &[], "").await.short(),
                expected,
                "{role} {method} {path}"
            );
        }
        let skipped = call(&Fake::new(Role::Standby), "POST", path, &[common::SKIP], "").await;
        assert_eq!(skipped.short(), (404, ""));
    }
    for path in ["/v1/applicationsx", "/applications", "/v1/server/applications"] {
        assert_eq!(
            common::get(&Fake::new(Role::Standby), path).await.short(),
            (404, ""),
            "{path}"
        );
    }
}

#[tokio::test]
async fn reads_that_any_node_answers_do_not_ask_for_the_status() {
    #[derive(Debug)]
    struct Mute(Fake);
    #[async_trait::async_trait]
    impl ha_rest::Control for Mute {
        fn status(&self) -> Status {
            panic!("asked for the status")
        }
        fn now_ms(&self) -> u64 {
            self.0.now_ms()
        }
        async fn change_mode(&self, mode: ha_core::Mode) -> Result<Role, ha_rest::ControlError> {
            self.0.change_mode(mode).await
        }
        async fn set_priority(&self, priority: i64) -> Result<i64, ha_rest::ControlError> {
            self.0.set_priority(priority).await
        }
        async fn clear_nodes(&self, only: Option<ha_core::NodeId>) -> Result<(), ha_rest::ControlError> {
            self.0.clear_nodes(only).await
        }
        fn shutdown(&self) {
            self.0.shutdown();
        }
        fn config(&self, key: &str) -> Option<String> {
            self.0.config(key)
        }
        fn version(&self) -> ha_rest::VersionInfo {
            self.0.version()
        }
    }
    let mute = Arc::new(Mute(Fake::with(healthy(Role::Master))));
    let router = ha_rest::app(mute, ha_rest::Settings::default());
    assert_eq!(
        common::send(router, "GET", "/v1/server/version", &[], "")
            .await
            .status,
        200
    );
}
