//! Writes as requests, and what their answers mean.

use serde_json::Value;

use super::history::{Ack, Kind, Part, Shown, Write};
use crate::http::Answer;

/// The type of all applications: it acts on the world.
pub const STRIKER: &str = "ha.chaos.Striker";

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
    let blueprint = format!(
        "{{name: {mark}, services: [{{type: {STRIKER}, brooklyn.children: [{{type: org.apache.brooklyn.entity.stock.BasicEntity, name: {LEAF}}}]}}]}}"
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
    let sensors = app["sensors"].as_object().into_iter().flatten();
    let own = sensors.filter_map(|(name, value)| Some((Part::Sensor(number(name, 's')?), text(value))));
    Shown {
        id: text(&app["id"]),
        name: text(&app["name"]),
        children: children.iter().map(|child| text(&child["name"])).collect(),
        state: text(&app["serviceState"]),
        values: own.collect(),
        has_config: false,
    }
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
        let failed = r#"{"message": "Task aborted on rebind", "details": "Task t"}"#;
        assert_eq!(said(call, &answer(500, failed)), done(Some("t"), None));
    }

    #[test]
    fn what_a_node_shows_is_read() {
        let body = r#"[{"id": "i", "name": "c1n1-c1n4", "serviceState": "ON_FIRE", "children": [{"name": "leaf"}],
            "sensors": {"s0": "c1n2", "service.isUp": true}}]"#;
        let apps = shown(&answer(200, body)).expect("it is an answer");
        assert_eq!(apps[0].marks(), Some((Mark::new(1, 1), Some(Mark::new(1, 4)))));
        assert_eq!(apps[0].children, ["leaf"]);
        assert_eq!(apps[0].state, "ON_FIRE");
        assert_eq!(apps[0].values, [(Part::Sensor(0), "c1n2".to_owned())]);
        assert_eq!(shown(&answer(403, "[]")), None);
        let found = config(&answer(200, r#"{"k1": "c1n3", "camp.plan": 1}"#));
        assert_eq!(found, Some(vec![(Part::Config(1), "c1n3".to_owned())]));
    }
}
