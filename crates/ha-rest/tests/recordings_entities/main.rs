//! What a real Brooklyn server answered about applications and entities, beside what we answer, in the order in which it was asked.
//!
//! Every recorded call must be answered alike, or stand in [`DEVIATIONS`] with its reason and what is answered instead.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/managed.rs"]
mod managed;
#[path = "../common/ordered.rs"]
mod ordered;
#[path = "../common/shape.rs"]
mod shape;

mod deviations;
mod shop;

use common::Answer;
use deviations::{DEVIATIONS, Deviation};
use managed::Node;
use ordered::Json;
use shape::{compare_first, text};
use shop::{APP, DB, POLICY, TASK, WEB, nodes};

const RECORDINGS: &str = include_str!("../recordings/entities.jsonl");

fn filled(text: &str) -> String {
    [
        ("{app}", APP),
        ("{web}", WEB),
        ("{db}", DB),
        ("{policy}", POLICY),
        ("{task}", TASK),
    ]
    .iter()
    .fold(text.to_owned(), |text, (mask, id)| text.replace(mask, id))
}

async fn replay(recording: &Json, node: &Node) -> Answer {
    let fields = recording.field("headers").map(Json::fields).unwrap_or_default();
    let headers: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.text().unwrap()))
        .collect();
    let (method, path) = (text(recording, "method"), filled(text(recording, "path")));
    let mut answer = node.call(method, &path, &headers, text(recording, "body")).await;
    for (mask, id) in [("{app}", APP), ("{web}", WEB), ("{db}", DB), ("{policy}", POLICY)] {
        answer.body = answer.body.replace(id, mask);
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_call_is_answered_alike_or_otherwise_for_a_reason() {
    let (master, standby) = nodes().await;
    let mut problems = Vec::new();
    let mut differs = [None; DEVIATIONS.len()];
    for line in RECORDINGS.lines() {
        let recording: Json = serde_json::from_str(line).unwrap();
        let on = match text(&recording, "on") {
            "master" => vec![&master],
            "standby" => vec![&standby],
            "master and hot standby" => vec![&master, &standby],
            other => panic!("`{other}` is no node of the recordings"),
        };
        let listed = DEVIATIONS.iter().position(|listed| is_of(listed, &recording));
        let mut alike = true;
        for node in on {
            node.plane.read().await.unwrap();
            let answer = replay(&recording, node).await;
            let difference = compare_first(&recording, &answer);
            alike &= difference.is_ok();
            let problem = match listed.map(|at| &DEVIATIONS[at]) {
                Some(listed) => as_listed(listed, &answer),
                None => difference,
            };
            if let Err(problem) = problem {
                problems.push(format!("{line}\n    {problem}\n    {:?}", answer.short()));
            }
        }
        if let Some(at) = listed {
            differs[at] = Some(differs[at] == Some(true) || !alike);
        }
    }
    for (listed, differs) in DEVIATIONS.iter().zip(differs) {
        match differs {
            Some(true) => {}
            Some(false) => problems.push(format!("listed as different, but is alike: {:?}", listed.call)),
            None => problems.push(format!("listed, but not recorded: {:?}", listed.call)),
        }
    }
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert_eq!(RECORDINGS.lines().count(), 96);
}

fn is_of(listed: &Deviation, recording: &Json) -> bool {
    let (method, path, body, status) = listed.call;
    let call = [
        text(recording, "method"),
        text(recording, "path"),
        text(recording, "body"),
    ];
    [method, path, body] == call && recording.field("status") == Some(&Json::Number(status.into()))
}

fn as_listed(listed: &Deviation, answer: &Answer) -> Result<(), String> {
    let (status, start) = listed.instead;
    let (_, path, ..) = listed.call;
    let a_type = match start {
        "" => None,
        _ if status == 200 && path.contains("/stream/") => Some("text/plain"),
        _ => Some("application/json"),
    };
    let is_typed = answer.header("content-type") == a_type;
    if answer.status.as_u16() == status && answer.body.starts_with(start) && is_typed {
        return Ok(());
    }
    Err(format!("listed as {status} {start}"))
}
