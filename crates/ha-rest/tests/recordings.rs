//! What a real Brooklyn server answered, beside what we answer: status, content type, names, types and order.
//!
//! Every recorded call must be answered alike, or stand in [`DEVIATIONS`] with its reason and what is answered instead.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/ordered.rs"]
mod ordered;

use common::{Answer, Fake, call};
use ha_core::Role;
use ordered::Json;

const RECORDINGS: &str = include_str!("recordings/server.jsonl");

/// A recorded call that is answered otherwise, and why.
struct Deviation {
    /// Method, path and body.
    call: (&'static str, &'static str, &'static str),
    reason: &'static str,
    /// What is answered: status, start of the body (whole, if empty).
    instead: (u16, &'static str),
    /// What is answered by a hot standby, if the recording is of both and it differs.
    on_standby: Option<(u16, &'static str)>,
}

const NAMED: &str =
    "a recorded 400 without a body says nothing: ours names the parameter, its value, and what is known";
const REPAIRED: &str = "a recorded 500 is a defect: any priority, with security off";
const MISSING: &str = "a recorded 500 is a defect: a missing parameter is the client's mistake, and is named";
const NOT_YET: &str = "applications and logins are not served yet; the verb is tested on /v1/server";
const PRIORITY: &str = "/v1/server/ha/priority";
const MASTER_REQUIRED: &str =
    r#"{"message":"This request is only permitted against an active primary Brooklyn server","error":403}"#;

const fn deviation(
    call: (&'static str, &'static str, &'static str),
    reason: &'static str,
    instead: (u16, &'static str),
) -> Deviation {
    Deviation {
        call,
        reason,
        instead,
        on_standby: None,
    }
}

const DEVIATIONS: [Deviation; 16] = [
    deviation(
        ("POST", "/v1/server/ha/state", ""),
        MISSING,
        (400, r#"{"message":"Missing parameter: mode","details":""#),
    ),
    deviation(
        ("POST", "/v1/server/ha/state", "mode=hot_standby"),
        NAMED,
        (
            400,
            r#"{"message":"Invalid parameter: mode 'hot_standby': no such mode"#,
        ),
    ),
    deviation(
        ("POST", "/v1/server/ha/state", "mode=NOPE"),
        NAMED,
        (400, r#"{"message":"Invalid parameter: mode 'NOPE': no such mode"#),
    ),
    deviation(
        ("POST", "/v1/server/ha/state", "mode="),
        NAMED,
        (400, r#"{"message":"Missing parameter: mode","details":""#),
    ),
    deviation(
        ("POST", PRIORITY, "priority=x"),
        NAMED,
        (
            400,
            r#"{"message":"Invalid parameter: priority 'x': not a whole number"#,
        ),
    ),
    deviation(
        ("POST", PRIORITY, "priority=99999999999999999999"),
        NAMED,
        (
            400,
            r#"{"message":"Invalid parameter: priority '99999999999999999999': not a whole number"#,
        ),
    ),
    deviation(
        ("POST", PRIORITY, "priority=1.5"),
        NAMED,
        (
            400,
            r#"{"message":"Invalid parameter: priority '1.5': not a whole number"#,
        ),
    ),
    deviation(
        ("POST", PRIORITY, "priority="),
        MISSING,
        (400, r#"{"message":"Missing parameter: priority","details":""#),
    ),
    deviation(
        ("POST", PRIORITY, ""),
        MISSING,
        (400, r#"{"message":"Missing parameter: priority","details":""#),
    ),
    deviation(("POST", PRIORITY, "priority=5"), REPAIRED, (200, "0")),
    Deviation {
        call: ("POST", PRIORITY, "priority=0"),
        reason: REPAIRED,
        instead: (200, "0"),
        // Recorded as the same 500 on both nodes, against Brooklyn's own gate and its answer to `priority=5`.
        on_standby: Some((403, MASTER_REQUIRED)),
    },
    deviation(("POST", PRIORITY, "priority=1"), REPAIRED, (200, "0")),
    deviation(
        ("POST", "/v1/server/ha/states/clear/node", ""),
        MISSING,
        (400, r#"{"message":"Missing parameter: nodeId","details":""#),
    ),
    deviation(("HEAD", "/v1/applications", ""), NOT_YET, (404, "")),
    deviation(("OPTIONS", "/v1/applications", ""), NOT_YET, (404, "")),
    deviation(("GET", "/v1/logout", ""), NOT_YET, (404, "")),
];

/// Texts that are the recorded server's own, and not part of the shape.
const OWN_TEXTS: [&str; 2] = [".nodes.*.status", ".ha.nodes.*.status"];

#[tokio::test]
async fn every_recorded_call_is_answered_alike_or_otherwise_for_a_reason() {
    let mut problems = Vec::new();
    let mut used = [false; DEVIATIONS.len()];
    for line in RECORDINGS.lines() {
        let recording: Json = serde_json::from_str(line).unwrap();
        let mut alike = true;
        let listed = DEVIATIONS.iter().position(|listed| is_of(listed, &recording));
        for role in roles(&recording) {
            let answer = replay(&recording, role).await;
            let difference = compare(&recording, &answer);
            alike &= difference.is_ok();
            let problem = match listed.map(|index| &DEVIATIONS[index]) {
                Some(listed) => as_listed(listed, role, &answer),
                None => difference,
            };
            if let Err(problem) = problem {
                problems.push(format!("{role}: {line}\n    {problem}"));
            }
        }
        if let Some(index) = listed {
            used[index] = true;
            if alike {
                problems.push(format!(
                    "listed as different ({}), but is alike: {line}",
                    DEVIATIONS[index].reason
                ));
            }
        }
    }
    for (listed, used) in DEVIATIONS.iter().zip(used) {
        if !used {
            problems.push(format!("listed, but not recorded: {:?}", listed.call));
        }
    }
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert_eq!(RECORDINGS.lines().count(), 40);
}

fn text<'a>(recording: &'a Json, name: &str) -> &'a str {
    recording.field(name).and_then(Json::text).unwrap_or_default()
}

fn roles(recording: &Json) -> Vec<Role> {
    match text(recording, "on") {
        "master" => vec![Role::Master],
        "standby" => vec![Role::HotStandby],
        "master and hot standby" => vec![Role::Master, Role::HotStandby],
        other => panic!("`{other}` is no node of the recordings"),
    }
}

/// Whether the recording is the listed call, and not the same call refused by the gate of a standby.
fn is_of(listed: &Deviation, recording: &Json) -> bool {
    let call = (
        text(recording, "method"),
        text(recording, "path"),
        text(recording, "body"),
    );
    listed.call == call && recording.field("status") != Some(&Json::Number(403.0))
}

async fn replay(recording: &Json, role: Role) -> Answer {
    let fields = recording.field("headers").map(Json::fields).unwrap_or_default();
    let headers: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.text().unwrap()))
        .collect();
    let fake = Fake::new(role);
    call(
        &fake,
        text(recording, "method"),
        text(recording, "path"),
        &headers,
        text(recording, "body"),
    )
    .await
}

fn as_listed(listed: &Deviation, role: Role, answer: &Answer) -> Result<(), String> {
    let on_standby = listed.on_standby.filter(|_| role == Role::HotStandby);
    let (status, body) = on_standby.unwrap_or(listed.instead);
    let fits = if body.is_empty() {
        answer.body.is_empty()
    } else {
        answer.body.starts_with(body)
    };
    let typed = answer.header("content-type") == (!body.is_empty()).then_some("application/json");
    let said = answer.short();
    if fits && typed && said.0 == status {
        Ok(())
    } else {
        Err(format!("listed as {status} {body}, but is {said:?}"))
    }
}

fn compare(recording: &Json, answer: &Answer) -> Result<(), String> {
    if recording.field("status") != Some(&Json::Number(answer.status.as_u16().into())) {
        return Err(format!("status {}", answer.status));
    }
    let kind = recording.field("content_type").and_then(Json::text);
    if answer.header("content-type") != kind {
        return Err(format!("content type {:?}", answer.header("content-type")));
    }
    let reply = recording.field("reply").expect("each recording has a reply");
    match reply.text() {
        Some("") if answer.body.is_empty() => Ok(()),
        Some("") => Err(format!("body {}", answer.body)),
        Some("<text>") => Ok(()),
        Some("<raw text, no quotes>") if !answer.body.starts_with('"') => Ok(()),
        _ => {
            let ours = serde_json::from_str(&answer.body).map_err(|why| format!("{why}: {}", answer.body))?;
            same_shape("", reply, &ours)
        }
    }
}

/// Names, types and order must be the same; texts, booleans and nulls too, unless they are masked; numbers need not.
fn same_shape(place: &str, recorded: &Json, ours: &Json) -> Result<(), String> {
    use Json::{Bool, List, Null, Number, Object, Text};
    let differ = || Err(format!("{place}: recorded {recorded:?}, ours {ours:?}"));
    match (recorded, ours) {
        (Text(mask), Text(_)) if mask == "<string>" || OWN_TEXTS.contains(&place) => Ok(()),
        (Text(mask), Number(_)) if mask == "<number>" => Ok(()),
        (Text(theirs), Text(ours)) if theirs == ours => Ok(()),
        (Bool(theirs), Bool(ours)) if theirs == ours => Ok(()),
        (Number(theirs), Number(ours)) if place != ".error" || theirs == ours => Ok(()),
        (Null, Null) => Ok(()),
        (List(theirs), List(ours)) => match (theirs.first(), ours.is_empty()) {
            (Some(_), true) => differ(),
            (first, _) => ours.iter().try_for_each(|item| {
                first.map_or(Ok(()), |first| same_shape(&format!("{place}[]"), first, item))
            }),
        },
        (Object(theirs), Object(ours)) if theirs.len() == 1 && theirs[0].0 == "{node}" => ours
            .iter()
            .try_for_each(|(_, node)| same_shape(&format!("{place}.*"), &theirs[0].1, node)),
        (Object(theirs), Object(ours)) => {
            let names =
                |fields: &[(String, Json)]| fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            if names(theirs) != names(ours) {
                return Err(format!(
                    "{place}: recorded fields {:?}, ours {:?}",
                    names(theirs),
                    names(ours)
                ));
            }
            let mut pairs = theirs.iter().zip(ours);
            pairs.try_for_each(|((name, theirs), (_, ours))| {
                same_shape(&format!("{place}.{name}"), theirs, ours)
            })
        }
        _ => differ(),
    }
}

/// The comparison itself must see what it is there to see.
#[test]
fn the_comparison_sees_each_kind_of_difference() {
    let check = |recorded: &str, ours: &str| {
        same_shape(
            "",
            &serde_json::from_str(recorded).unwrap(),
            &serde_json::from_str(ours).unwrap(),
        )
        .is_ok()
    };
    assert!(check(
        r#"{"a":"<number>","b":["<string>"],"c":null}"#,
        r#"{"a":1,"b":["x","y"],"c":null}"#
    ));
    let differences = [
        (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#),
        (r#"{"a":1}"#, r#"{"a":1,"b":2}"#),
        (r#"{"a":1,"b":2}"#, r#"{"a":1}"#),
        (r#"{"a":1}"#, r#"{"A":1}"#),
        (r#"{"a":1}"#, r#"{"a":"1"}"#),
        (r#"{"a":null}"#, r#"{"a":0}"#),
        (r#"{"a":"<number>"}"#, r#"{"a":null}"#),
        (r#"{"a":"<string>"}"#, r#"{"a":3}"#),
        (r#"{"a":true}"#, r#"{"a":false}"#),
        (r#"{"a":["<string>"]}"#, r#"{"a":[]}"#),
        (r#"{"a":["<string>"]}"#, r#"{"a":["x",1]}"#),
        (r#"{"message":"x"}"#, r#"{"message":"y"}"#),
        (r#"{"error":403}"#, r#"{"error":500}"#),
        (r#"{"{node}":{"a":1}}"#, r#"{"n":{"b":1}}"#),
    ];
    for (recorded, ours) in differences {
        assert!(!check(recorded, ours), "{recorded} {ours}");
    }
}
