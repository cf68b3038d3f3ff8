//! What a node is told, without a socket: the answer, and what it does to the node.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FORM, Fake, call, get, post, send};
use ha_core::Role;
use ha_rest::{ControlError, Settings, app};

#[tokio::test]
async fn state_is_quoted_and_a_change_answers_with_the_one_before() {
    let fake = Fake::new(Role::HotStandby);
    assert_eq!(
        get(&fake, "/v1/server/ha/state").await.short(),
        (200, r#""HOT_STANDBY""#)
    );

    let fake = Fake::new(Role::Master);
    for mode in [
        "DISABLED",
        "AUTO",
        "STANDBY",
        "HOT_STANDBY",
        "HOT_BACKUP",
        "MASTER",
    ] {
        let answer = post(&fake, "/v1/server/ha/state", &format!("mode={mode}")).await;
        assert_eq!(answer.short(), (200, r#""MASTER""#));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(fake.calls.lock().unwrap().pop(), Some(format!("mode {mode}")));
    }
}

#[tokio::test]
async fn priority_is_a_bare_number_and_a_change_answers_with_the_one_before() {
    let fake = Fake::new(Role::Master);
    assert_eq!(get(&fake, "/v1/server/ha/priority").await.short(), (200, "0"));
    assert_eq!(
        post(&fake, "/v1/server/ha/priority", "priority=5").await.short(),
        (200, "0")
    );
    assert_eq!(
        post(&fake, "/v1/server/ha/priority", "priority=-7").await.short(),
        (200, "5")
    );
    assert_eq!(get(&fake, "/v1/server/ha/priority").await.short(), (200, "-7"));
    let smallest = format!("priority={}", i64::MIN);
    assert_eq!(
        post(&fake, "/v1/server/ha/priority", &smallest).await.short(),
        (200, "-7")
    );
}

#[tokio::test]
async fn clearing_answers_200_with_no_body() {
    let fake = Fake::new(Role::Master);
    for (path, form) in [
        ("/v1/server/ha/states/clear", ""),
        ("/v1/server/ha/states/clear/node", "nodeId=XkJeXUXE"),
    ] {
        let answer = post(&fake, path, form).await;
        assert_eq!(answer.short(), (200, ""));
        assert_eq!(answer.header("content-type"), None);
    }
    assert_eq!(fake.calls(), ["clear", "clear XkJeXUXE"]);
    assert_eq!(
        post(&fake, "/v1/server/ha/states/clear/node", "nodeId=../up")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_missing_parameter_is_named() {
    let fake = Fake::new(Role::Master);
    for (path, name) in [
        ("ha/state", "mode"),
        ("ha/priority", "priority"),
        ("ha/states/clear/node", "nodeId"),
    ] {
        let path = format!("/v1/server/{path}");
        for form in ["".to_owned(), format!("{name}="), "x=y".to_owned()] {
            let answer = post(&fake, &path, &form).await;
            let start = format!(r#"{{"message":"Missing parameter: {name}","details":"Send it in the body"#);
            assert_eq!(answer.status, 400, "{path} {form}");
            assert!(
                answer.body.starts_with(&start) && answer.body.ends_with(r#","error":400}"#),
                "{}",
                answer.body
            );
        }
        // A parameter in the query is not in the form.
        assert_eq!(
            post(&fake, &format!("{path}?{name}=MASTER"), "").await.status,
            400
        );
        assert_eq!(call(&fake, "POST", &path, &[], "").await.status, 400);
    }
    assert_eq!(fake.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_parameter_is_named_with_its_value() {
    let fake = Fake::new(Role::Master);
    let modes = "no such mode: use one of DISABLED, AUTO, STANDBY, HOT_STANDBY, HOT_BACKUP, MASTER";
    let number = "not a whole number from -9223372036854775808 to 9223372036854775807";
    let cases = [
        ("ha/state", "mode", "hot_standby", modes),
        ("ha/state", "mode", "NOPE", modes),
        ("ha/state", "mode", " MASTER", modes),
        ("ha/priority", "priority", "x", number),
        ("ha/priority", "priority", "1.5", number),
        ("ha/priority", "priority", "99999999999999999999", number),
    ];
    for (path, name, value, why) in cases {
        let answer = post(&fake, &format!("/v1/server/{path}"), &format!("{name}={value}")).await;
        let expected = format!(r#"{{"message":"Invalid parameter: {name} '{value}': {why}","error":400}}"#);
        assert_eq!(answer.short(), (400, expected.as_str()));
    }
    assert_eq!(post(&fake, "/v1/server/ha/state", "mode=%zz").await.status, 400);
    assert_eq!(fake.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn other_media_types_are_415_with_no_body() {
    let fake = Fake::new(Role::Master);
    for kind in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let answer = call(
            &fake,
            "POST",
            "/v1/server/ha/priority",
            &[("Content-Type", kind)],
            "priority=1",
        )
        .await;
        assert_eq!(answer.short(), (415, ""), "{kind}");
        assert_eq!(answer.header("content-type"), None);
    }
    for kind in [
        "application/x-www-form-urlencoded; charset=UTF-8",
        "Application/X-WWW-Form-Urlencoded",
    ] {
        let answer = call(
            &fake,
            "POST",
            "/v1/server/ha/priority",
            &[("Content-Type", kind)],
            "priority=0",
        )
        .await;
        assert_eq!(answer.status, 200, "{kind}");
    }
}

#[tokio::test]
async fn a_form_over_the_limit_is_413() {
    let fake = Fake::new(Role::Master);
    let mut settings = Settings::default();
    settings.form_limit = 20;
    let path = "/v1/server/ha/state";
    let fits = send(
        app(fake.clone(), settings.clone()),
        "POST",
        path,
        &[FORM],
        "mode=MASTER&pad=1234",
    )
    .await;
    assert_eq!(fits.status, 200);
    let answer = send(
        app(fake, settings),
        "POST",
        path,
        &[FORM],
        "mode=MASTER&pad=12345",
    )
    .await;
    assert_eq!(
        answer.short(),
        (
            413,
            r#"{"message":"The body of this request may have 20 bytes at most","error":413}"#
        )
    );
}

#[tokio::test]
async fn refusals_of_the_node_say_what_became_of_the_command() {
    let unknown = ControlError::Unknown {
        message: "No answer from the store".to_owned(),
        epoch: 3,
        slot: 17,
        write_id: "00ff".to_owned(),
    };
    let cases = [
        (
            ControlError::Refused("no".to_owned()),
            400,
            r#"{"message":"no","error":400}"#,
            None,
        ),
        (
            ControlError::NotApplied("deposed".to_owned()),
            503,
            r#"{"message":"deposed","error":503}"#,
            None,
        ),
        (
            unknown,
            504,
            r#"{"message":"No answer from the store","data":{"epoch":3,"slot":17,"writeId":"00ff"},"error":504}"#,
            Some("unknown"),
        ),
        (
            ControlError::Internal("broken".to_owned()),
            500,
            r#"{"message":"broken","error":500}"#,
            None,
        ),
    ];
    let commands = [
        ("ha/state", "mode=AUTO"),
        ("ha/priority", "priority=1"),
        ("ha/states/clear", ""),
        ("ha/states/clear/node", "nodeId=a"),
    ];
    for (refusal, status, body, outcome) in cases {
        for (path, form) in commands {
            let fake = Fake::new(Role::Master);
            *fake.refusal.lock().unwrap() = Some(refusal.clone());
            let answer = post(&fake, &format!("/v1/server/{path}"), form).await;
            assert_eq!(answer.short(), (status, body));
            assert_eq!(answer.header("x-ha-outcome"), outcome);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_takes_too_long_is_504_and_goes_on() {
    let fake = Fake::holding();
    let answer = post(&fake, "/v1/server/ha/priority", "priority=9").await;
    assert_eq!(
        answer.short(),
        (
            504,
            r#"{"message":"Not answered within 60s: it may have been applied, or may be yet","error":504}"#
        )
    );
    assert_eq!(answer.header("x-ha-outcome"), Some("unknown"));
    assert_eq!(answer.header("cache-control"), Some("no-cache, no-store"));

    fake.permits.add_permits(1);
    while fake.status.lock().unwrap().priority != 9 {
        tokio::task::yield_now().await;
    }
}
