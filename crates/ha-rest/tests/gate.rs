//! The gate's truth table: every role, every kind of request, every spelling of the header.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Fake, healthy};
use ha_core::{Role, Status};
use ha_rest::GateLayer;
use http::{Request, Response};
use tower::{Layer, ServiceExt};

const MASTER_REQUIRED: &str =
    r#"{"message":"This request is only permitted against an active primary Brooklyn server","error":403}"#;
const HOT_REQUIRED: &str = r#"{"message":"This request is only permitted against an active primary or hot standby/backup Brooklyn server","error":403}"#;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Allowed,
    MasterRequired,
    HotRequired,
    Unproven,
}
use Verdict::{Allowed, HotRequired, MasterRequired, Unproven};

/// What the gate says, before a service that answers everything.
async fn ask(status: &Status, method: &str, path: &str, headers: &[(&str, &str)]) -> Verdict {
    let layer = GateLayer::new(Arc::new(Fake::with(status.clone())), |path: &str| {
        path.starts_with("/v1/applications")
    });
    let service = layer.layer(tower::service_fn(async |_: Request<()>| {
        Ok::<_, std::convert::Infallible>(Response::new(axum::body::Body::from("passed")))
    }));
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    let body = std::str::from_utf8(&body).unwrap();
    let kind = parts
        .headers
        .get("content-type")
        .map(|value| value.to_str().unwrap());
    match (parts.status.as_u16(), kind, body) {
        (200, None, "passed") => Allowed,
        (403, Some("application/json"), MASTER_REQUIRED) => MasterRequired,
        (403, Some("application/json"), HOT_REQUIRED) => HotRequired,
        (503, Some("application/json"), body)
            if body.starts_with(r#"{"message":"The store has not answered this primary for 12.0s"#) =>
        {
            Unproven
        }
        other => panic!("{method} {path}: {other:?}"),
    }
}

/// The kinds of request that the gate tells apart.
const KINDS: [(&str, &[(&str, &str)]); 5] = [
    (
        "GET un-annotated",
        &[
            ("GET", "/v1/server/up"),
            ("HEAD", "/v1/server/ha/state"),
            ("GET", "/"),
            ("GET", "/v1/activities/x"),
        ],
    ),
    (
        "GET annotated",
        &[("GET", "/v1/applications"), ("HEAD", "/v1/applications/x")],
    ),
    (
        "write annotated",
        &[
            ("POST", "/v1/applications"),
            ("DELETE", "/v1/applications/x"),
            ("PUT", "/v1/applications/x"),
            ("OPTIONS", "/v1/applications"),
        ],
    ),
    (
        "write un-annotated",
        &[
            ("POST", "/v1/server/ha/state"),
            ("POST", "/v1/server/ha/priority"),
            ("POST", "/v1/server/ha/states/clear"),
            ("PUT", "/v1/server/ha/state"),
            ("DELETE", "/v1/server/up"),
            ("OPTIONS", "/v1/server/up"),
            ("PATCH", "/v1/server/ha/state"),
            ("POST", "/v1/server/shutdown/now"),
            ("POST", "/v1/server/properties/reload"),
            ("POST", "/v1/access/logout"),
        ],
    ),
    (
        "exempt",
        &[
            ("POST", "/v1/server/shutdown"),
            ("POST", "/v1/server/shutdown/"),
            ("POST", "/v1/logout"),
            ("POST", "/logout/unauthorize"),
        ],
    ),
];

#[tokio::test]
async fn the_truth_table() {
    let mut promoting = healthy(Role::Master);
    promoting.startup_complete = false;
    promoting.awaiting_rebind = true;
    let hot_backup = healthy(Role::HotBackup);
    let rows = [
        (
            healthy(Role::Master),
            [Allowed, Allowed, Allowed, Allowed, Allowed],
        ),
        (promoting, [Allowed, HotRequired, HotRequired, Allowed, Allowed]),
        (
            healthy(Role::HotStandby),
            [Allowed, Allowed, MasterRequired, MasterRequired, Allowed],
        ),
        (
            hot_backup,
            [Allowed, Allowed, MasterRequired, MasterRequired, Allowed],
        ),
        (
            healthy(Role::Standby),
            [Allowed, HotRequired, MasterRequired, MasterRequired, Allowed],
        ),
        (
            healthy(Role::Initializing),
            [Allowed, HotRequired, MasterRequired, MasterRequired, Allowed],
        ),
        (
            healthy(Role::Failed),
            [Allowed, HotRequired, MasterRequired, MasterRequired, Allowed],
        ),
        (
            healthy(Role::Terminated),
            [Allowed, HotRequired, MasterRequired, MasterRequired, Allowed],
        ),
    ];
    for (status, verdicts) in rows {
        for ((kind, requests), verdict) in KINDS.into_iter().zip(verdicts) {
            for (method, path) in requests {
                let place = format!("{} {kind}: {method} {path}", status.role);
                assert_eq!(ask(&status, method, path, &[]).await, verdict, "{place}");
                assert_eq!(
                    ask(&status, method, path, &[common::SKIP]).await,
                    Allowed,
                    "{place}, header"
                );
            }
        }
    }
}

#[tokio::test]
async fn each_reason_for_not_being_hot() {
    type Change = fn(&mut Status);
    let changes: [Change; 4] = [
        |s| s.stopping = true,
        |s| s.startup_complete = false,
        |s| s.role = Role::Standby,
        |s| s.awaiting_rebind = true,
    ];
    for role in [Role::Master, Role::HotStandby, Role::HotBackup] {
        for change in changes {
            let mut status = healthy(role);
            assert_eq!(ask(&status, "GET", "/v1/applications", &[]).await, Allowed);
            change(&mut status);
            assert_eq!(ask(&status, "GET", "/v1/applications", &[]).await, HotRequired);
            assert_eq!(ask(&status, "GET", "/v1/server/up", &[]).await, Allowed);
        }
    }
}

#[tokio::test]
async fn spellings_of_the_header() {
    let name = common::SKIP.0;
    let lower = name.to_ascii_lowercase();
    let opens = [
        (name, "true"),
        (name, "TRUE"),
        (name, "True"),
        (name, " true"),
        (name, "true "),
        (lower.as_str(), "true"),
    ];
    let does_not = [
        (name, "false"),
        (name, ""),
        (name, "yes"),
        (name, "1"),
        (name, "truely"),
        (name, "true,true"),
        ("Brooklyn-Allow", "true"),
    ];
    for role in [Role::Standby, Role::HotStandby, Role::Failed] {
        for header in opens {
            assert_eq!(
                ask(&healthy(role), "POST", "/v1/server/ha/state", &[header]).await,
                Allowed,
                "{header:?}"
            );
        }
        for header in does_not {
            assert_eq!(
                ask(&healthy(role), "POST", "/v1/server/ha/state", &[header]).await,
                MasterRequired,
                "{header:?}"
            );
        }
    }
    let twice = [(name, "true"), (name, "false")];
    assert_eq!(
        ask(&healthy(Role::Standby), "POST", "/v1/server/ha/state", &twice).await,
        MasterRequired
    );
}

#[tokio::test]
async fn a_leader_that_has_lost_its_store_takes_no_writes() {
    for role in [Role::Master, Role::Initializing] {
        let mut status = healthy(role);
        status.unproven_for = Some(Duration::from_millis(12_030));
        let verdicts = [
            ("GET", "/v1/server/ha/state", Allowed, Allowed),
            ("POST", "/v1/server/shutdown", Allowed, Allowed),
            ("POST", "/v1/logout", Allowed, Allowed),
            ("POST", "/v1/server/ha/state", Unproven, Allowed),
            ("POST", "/v1/server/ha/priority", Unproven, Allowed),
            ("POST", "/v1/server/properties/reload", Unproven, Unproven),
            ("POST", "/v1/applications", Unproven, Unproven),
        ];
        for (method, path, without, with) in verdicts {
            assert_eq!(
                ask(&status, method, path, &[]).await,
                without,
                "{role} {method} {path}"
            );
            assert_eq!(
                ask(&status, method, path, &[common::SKIP]).await,
                with,
                "{role} {method} {path}, header"
            );
        }
    }
}
