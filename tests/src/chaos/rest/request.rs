//! Writes as requests, and what their answers mean.

use serde_json::Value;

use super::history::{Ack, Kind, Part, Shown, ShownAdjunct, Write};
use crate::http::Answer;

/// The type of all applications: it acts on the world.
pub const STRIKER: &str = "ha.chaos.Striker";

/// The type of all feeds.
pub const WATCHER: &str = "ha.chaos.Watcher";

/// The beginning of the sensors that feeds set; what they were attached by follows.
pub const SEEN: &str = "seen.";

/// The sensor that policies look at.
const LEVEL: &str = "level";

/// What the enricher of each application makes of its sensor `s0`.
const COPY: &str = "copy";

/// The name of what is below each of them.
pub(crate) const LEAF: &str = "leaf";

/// A write as it is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
}

pub(crate) fn asked(write: &Write) -> Asked {
    let (mark, id) = (write.mark, &write.id);
    let entity = format!("/v1/applications/{id}/entities/{id}");
    let enricher = format!(
        "{{type: org.apache.brooklyn.enricher.stock.Propagator, brooklyn.config: {{enricher.sourceSensor: s0, enricher.targetSensor: {COPY}}}}}"
    );
    let blueprint = format!(
        "{{name: {mark}, services: [{{type: {STRIKER}, brooklyn.enrichers: [{enricher}], brooklyn.children: [{{type: org.apache.brooklyn.entity.stock.BasicEntity, name: {LEAF}}}]}}]}}"
    );
    let (method, path, body) = match write.kind {
        Kind::Deploy | Kind::DeployOnce => ("POST", "/v1/applications".into(), blueprint),
        Kind::Put | Kind::PutTaken => ("PUT", format!("/v1/applications/{id}"), blueprint),
        Kind::Delete => ("DELETE", format!("/v1/applications/{id}"), String::new()),
        Kind::SetSensor(n) => ("POST", format!("{entity}/sensors/s{n}"), format!("\"{mark}\"")),
        Kind::RemoveSensor(n) => ("DELETE", format!("{entity}/sensors/s{n}"), String::new()),
        Kind::SetConfig(n) => ("POST", format!("{entity}/config/k{n}"), format!("\"{mark}\"")),
        Kind::Rename => (
            "POST",
            format!("{entity}/name?name={}-{mark}", write.app),
            String::new(),
        ),
        Kind::Invoke { is_idempotent } => {
            let effector = if is_idempotent { "strikeAgain" } else { "strike" };
            let path = format!("{entity}/effectors/{effector}?timeout=0");
            ("POST", path, format!("{{\"mark\": \"{mark}\"}}"))
        }
        Kind::InvokeBadly => (
            "POST",
            format!("{entity}/effectors/strike?timeout=0"),
            "{}".into(),
        ),
        Kind::Attach { is_feed: true } => (
            "POST",
            format!("{entity}/adjuncts?type={WATCHER}"),
            format!("{{\"mark\": \"{mark}\"}}"),
        ),
        Kind::Attach { is_feed: false } => (
            "POST",
            format!("{entity}/policies?type=sensor-threshold"),
            format!(
                "{{\"mark\": \"{mark}\", \"sensor\": \"{LEVEL}\", \"threshold\": 0, \"effector\": \"strike\", \"arguments\": {{\"mark\": \"{mark}\"}}}}"
            ),
        ),
        Kind::Detach(_) => (
            "POST",
            format!("{entity}/policies/{}/destroy", write.adjunct),
            String::new(),
        ),
        Kind::SetLevel { is_high } => {
            let level = if is_high { 1 } else { -1 };
            ("POST", format!("{entity}/sensors/{LEVEL}"), level.to_string())
        }
    };
    Asked { method, path, body }
}

/// What an answer says of the request that it answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Said {
    Done(Ack),
    /// Not applied, by this request; another node may do it.
    NotHere(u16),
    /// Never to be applied as it is.
    Refused(u16),
    /// Nobody knows.
    Open,
}

pub(crate) fn said(kind: Kind, answer: &Answer) -> Said {
    let body = answer.json();
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    match answer.status {
        200..=299 if matches!(kind, Kind::Attach { .. }) => Said::Done(Ack {
            adjunct: text("id"),
            ..Ack::default()
        }),
        200..=299 => Said::Done(Ack {
            task: text("id"),
            entity: text("entityId"),
            ..Ack::default()
        }),
        403 | 503 => Said::NotHere(answer.status),
        // A call that was accepted, and has failed by now, names its task.
        500 if matches!(kind, Kind::Invoke { .. }) => {
            let details = text("details").unwrap_or_default();
            match details.strip_prefix("Task ") {
                Some(task) => Said::Done(Ack {
                    task: Some(task.into()),
                    ..Ack::default()
                }),
                None => Said::Open,
            }
        }
        408 => Said::Open,
        400..=499 => Said::Refused(answer.status),
        _ => Said::Open,
    }
}

/// All applications of an answer to `GET /applications/fetch?sensors=*`.
pub(crate) fn shown(answer: &Answer) -> Option<Vec<Shown>> {
    let body = answer.json();
    let apps = body.as_array().filter(|_| answer.status == 200)?;
    Some(apps.iter().map(app).collect())
}

fn app(app: &Value) -> Shown {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let children = app["children"].as_array().map_or(&[][..], Vec::as_slice);
    let sensors = || app["sensors"].as_object().into_iter().flatten();
    let own = sensors().filter_map(|(name, value)| Some((Part::Sensor(number(name, 's')?), text(value))));
    let seen =
        sensors().filter_map(|(name, value)| Some((name.strip_prefix(SEEN)?.to_owned(), value.as_u64()?)));
    Shown {
        id: text(&app["id"]),
        name: text(&app["name"]),
        children: children.iter().map(|child| text(&child["name"])).collect(),
        state: text(&app["serviceState"]),
        values: own.collect(),
        level: app["sensors"][LEVEL].as_i64(),
        copy: app["sensors"][COPY].as_str().map(str::to_owned),
        seen: seen.collect(),
        ..Shown::default()
    }
}

/// The policies and feeds of an answer to `GET …/adjuncts`; what they were attached by is asked of each. Enrichers are the blueprint's.
pub(crate) fn adjuncts(answer: &Answer) -> Option<Vec<ShownAdjunct>> {
    let body = answer.json();
    let all = body.as_array().filter(|_| answer.status == 200)?;
    let adjunct = |adjunct: &Value| ShownAdjunct {
        id: adjunct["id"].as_str().unwrap_or_default().into(),
        mark: String::new(),
        is_feed: adjunct["adjunctType"] == "FEED",
        has_crossed: adjunct["highlights"]["crossed"].is_object(),
    };
    let attached = all.iter().filter(|adjunct| adjunct["adjunctType"] != "ENRICHER");
    Some(attached.map(adjunct).collect())
}

/// Whether one of an answer to `GET …/activities` has not ended.
pub(crate) fn is_at_work(answer: &Answer) -> Option<bool> {
    let body = answer.json();
    let all = body.as_array().filter(|_| answer.status == 200)?;
    Some(all.iter().any(|task| !task["endTimeUtc"].is_u64()))
}

/// The config of an answer to `GET …/config/current-state`.
pub(crate) fn config(answer: &Answer) -> Option<Vec<(Part, String)>> {
    let body = answer.json();
    let all = body.as_object().filter(|_| answer.status == 200)?.iter();
    let own = all.filter_map(|(name, value)| {
        Some((
            Part::Config(number(name, 'k')?),
            value.as_str().unwrap_or_default().to_owned(),
        ))
    });
    Some(own.collect())
}

fn number(name: &str, letter: char) -> Option<u64> {
    name.strip_prefix(letter)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::mark::Mark;
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.into(),
        }
    }

    #[test]
    fn only_what_is_durable_is_done_and_only_what_is_certain_is_refused() {
        let call = Kind::Invoke { is_idempotent: true };
        let done = |task: Option<&str>, entity: Option<&str>| {
            Said::Done(Ack {
                task: task.map(Into::into),
                entity: entity.map(Into::into),
                ..Ack::default()
            })
        };
        let told = r#"{"id": "t", "entityId": "e"}"#;
        assert_eq!(said(Kind::Deploy, &answer(201, told)), done(Some("t"), Some("e")));
        assert_eq!(said(call, &answer(202, "\"c1n1\"")), done(None, None));
        assert_eq!(said(Kind::Delete, &answer(403, "")), Said::NotHere(403));
        assert_eq!(said(Kind::Delete, &answer(503, "")), Said::NotHere(503));
        assert_eq!(said(Kind::Put, &answer(409, "")), Said::Refused(409));
        assert_eq!(said(Kind::Put, &answer(504, "")), Said::Open);
        assert_eq!(said(Kind::Put, &answer(500, "")), Said::Open);
        assert_eq!(said(call, &answer(500, "{}")), Said::Open);
        let attached = said(Kind::Attach { is_feed: true }, &answer(200, r#"{"id": "f"}"#));
        let ack = Ack {
            adjunct: Some("f".into()),
            ..Ack::default()
        };
        assert_eq!(attached, Said::Done(ack), "it is no task");
        let failed = r#"{"message": "Task aborted on rebind", "details": "Task t"}"#;
        assert_eq!(said(call, &answer(500, failed)), done(Some("t"), None));
    }

    #[test]
    fn what_a_node_shows_is_read() {
        let body = r#"[{"id": "i", "name": "c1n1-c1n4", "serviceState": "ON_FIRE", "children": [{"name": "leaf"}],
            "sensors": {"s0": "c1n2", "copy": "c1n1", "service.isUp": true, "level": -1, "seen.c1n6": 3}}]"#;
        let apps = shown(&answer(200, body)).expect("it is an answer");
        assert_eq!(apps[0].marks(), Some((Mark::new(1, 1), Some(Mark::new(1, 4)))));
        assert_eq!(apps[0].children, ["leaf"]);
        assert_eq!(apps[0].state, "ON_FIRE");
        assert_eq!(apps[0].values, [(Part::Sensor(0), "c1n2".to_owned())]);
        assert_eq!(apps[0].level, Some(-1));
        assert_eq!(
            (apps[0].copied(), apps[0].copy.as_deref()),
            (Some("c1n2"), Some("c1n1"))
        );
        assert_eq!(apps[0].seen, [("c1n6".to_owned(), 3)].into());
        let body = r#"[{"id": "p", "adjunctType": "POLICY", "highlights": {"crossed": {}}}, {"id": "e", "adjunctType": "ENRICHER"}, {"id": "f", "adjunctType": "FEED"}]"#;
        let found = adjuncts(&answer(200, body)).expect("it is an answer");
        assert_eq!(found.len(), 2, "enrichers are looked at by what they make");
        assert_eq!((found[0].is_feed, found[0].has_crossed), (false, true));
        assert_eq!((found[1].is_feed, found[1].has_crossed), (true, false));
        let ended = r#"[{"endTimeUtc": 7}]"#;
        assert_eq!(is_at_work(&answer(200, ended)), Some(false));
        assert_eq!(is_at_work(&answer(200, r#"[{"endTimeUtc": null}]"#)), Some(true));
        assert_eq!(shown(&answer(403, "[]")), None);
        let found = config(&answer(200, r#"{"k1": "c1n3", "camp.plan": 1}"#));
        assert_eq!(found, Some(vec![(Part::Config(1), "c1n3".to_owned())]));
    }
}
