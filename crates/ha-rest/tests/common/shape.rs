//! Whether an answer has the shape of a recorded one: status, content type, names, types and order.

#![allow(dead_code, reason = "each test binary uses some of it")]

use crate::common::Answer;
use crate::ordered::Json;

/// Texts that are the recorded server's own, and not part of the shape.
const OWN_TEXTS: [&str; 2] = [".nodes.*.status", ".ha.nodes.*.status"];

/// A field that is a text; empty if there is none.
pub(crate) fn text<'a>(recording: &'a Json, name: &str) -> &'a str {
    recording.field(name).and_then(Json::text).unwrap_or_default()
}

/// Status, content type and body.
pub(crate) fn compare(recording: &Json, answer: &Answer) -> Result<(), String> {
    compare_as(recording, answer, |ours| ours)
}

/// The same where of a list only the first element was recorded, and the others need not be like it.
pub(crate) fn compare_first(recording: &Json, answer: &Answer) -> Result<(), String> {
    compare_as(recording, answer, first_only)
}

fn first_only(json: Json) -> Json {
    match json {
        Json::List(all) => Json::List(all.into_iter().take(1).map(first_only).collect()),
        Json::Object(fields) => {
            let each = |(name, value)| (name, first_only(value));
            Json::Object(fields.into_iter().map(each).collect())
        }
        other => other,
    }
}

fn compare_as(recording: &Json, answer: &Answer, seen: impl FnOnce(Json) -> Json) -> Result<(), String> {
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
            same_shape("", reply, &seen(ours))
        }
    }
}

/// Names, types and order must be the same; texts, booleans and nulls too, unless they are masked; numbers need not.
pub(crate) fn same_shape(place: &str, recorded: &Json, ours: &Json) -> Result<(), String> {
    use Json::{Bool, List, Null, Number, Object, Text};
    let differ = || Err(format!("{place}: recorded {recorded:?}, ours {ours:?}"));
    match (recorded, ours) {
        (Text(mask), Text(ours)) if is_alike(mask, ours) || OWN_TEXTS.contains(&place) => Ok(()),
        (Text(mask), Number(_)) if mask == "<number>" => Ok(()),
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

/// Whether a text is as recorded: `<string>` is any text, and `{id}` and `{task}` in it are any id.
fn is_alike(recorded: &str, ours: &str) -> bool {
    if recorded == "<string>" {
        return true;
    }
    let parts = recorded.split("{id}").flat_map(|part| part.split("{task}"));
    let mut rest = ours;
    for (at, part) in parts.enumerate() {
        if at > 0 {
            let after_id = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
            if after_id.len() == rest.len() {
                return false;
            }
            rest = after_id;
        }
        let Some(after) = rest.strip_prefix(part) else {
            return false;
        };
        rest = after;
    }
    rest.is_empty()
}
