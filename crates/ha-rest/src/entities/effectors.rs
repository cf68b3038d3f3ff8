//! Effectors: what can be asked of an entity.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use ha_rebind::{Effector, EffectorCall, Entity, Host, Json as Value, Outcome, TaskId, ValueType, Values};
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;

use super::entity::found;
use super::find::InEntity;
use super::links::{self, Links};
use super::sensors::java_type;
use super::task::TaskSummary;
use super::write::Write;
use super::{Entities, activities, json};
use crate::app::Shared;
use crate::duration;
use crate::error::ApiError;
use crate::params::{Params, invalid};

/// Brooklyn's `EffectorSummary`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EffectorSummary {
    name: String,
    return_type: &'static str,
    parameters: Vec<ParameterSummary>,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    links: Links,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ParameterSummary {
    name: String,
    #[serde(rename = "type")]
    value_type: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    default_value: Option<Box<RawValue>>,
    should_sanitize: bool,
}

/// `GET …/effectors`.
pub(super) async fn list(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Vec<EffectorSummary>>, ApiError> {
    let (application, entity) = host.read(|state| found(state, &path))?;
    let own = links::entity(&application, &entity.id);
    let summary = |effector: &Effector| EffectorSummary {
        name: effector.name.clone(),
        return_type: effector.returns.map_or("void", java_type),
        parameters: effector.parameters.iter().map(parameter).collect(),
        description: effector.description.clone(),
        links: Links::of([
            ("self", format!("{own}/effectors/{}", links::part(&effector.name))),
            ("entity", own.clone()),
            ("application", links::application(&application)),
        ]),
    };
    let entity_type = host.types().find(&entity.entity_type).ok();
    let all = entity_type.map_or(&[][..], |found| &found.description().effectors);
    Ok(Json(all.iter().map(summary).collect()))
}

fn parameter(parameter: &ha_rebind::Parameter) -> ParameterSummary {
    ParameterSummary {
        name: parameter.name.clone(),
        value_type: java_type(parameter.value_type),
        description: parameter.description.clone(),
        default_value: parameter.default.as_ref().map(|value| json::raw(value.as_str())),
        should_sanitize: false,
    }
}

/// `POST …/effectors/{effector}?timeout=` with arguments as JSON by name, or as a form: 202 with the result, or with the task if it has not
/// ended in time. `timeout`: a duration, `never` (the default), or `0` or `always` not to wait at all. Nobody waits longer than a request may
/// take.
pub(super) async fn invoke(
    State(shared): State<Shared>,
    Entities(host): Entities,
    Path((application, entity, effector)): Path<(String, String, String)>,
    write: Write,
) -> Result<Response, ApiError> {
    let path = InEntity { application, entity };
    let patience = patience(&write.query, shared.settings.request_timeout)?;
    let (arguments, entity) = match host.read(|state| found(state, &path)) {
        Ok((_, entity)) => (arguments(&host, &entity, &effector, &write)?, entity.id),
        Err(why) => (Values::default(), write.gone(&host).ok_or(why)?),
    };
    let call = EffectorCall {
        entity,
        effector,
        arguments,
    };
    let task = host.invoke(write.key(), call).await?;
    let waited = tokio::time::timeout(patience, host.ended(&task)).await;
    answer(&host, &write, &task, waited.is_ok())
}

fn answer(host: &Host, write: &Write, id: &TaskId, has_ended: bool) -> Result<Response, ApiError> {
    let task = activities::accepted(host, write, id)?;
    let failed = |why: String| {
        Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, why).with_details(format!("Task {id}")))
    };
    match task
        .ended
        .as_ref()
        .filter(|_| has_ended)
        .map(|ended| &ended.outcome)
    {
        Some(Outcome::Done(result)) if result.as_str() == "null" => Ok(StatusCode::ACCEPTED.into_response()),
        Some(Outcome::Done(result)) => {
            Ok((StatusCode::ACCEPTED, Json(json::raw(result.as_str()))).into_response())
        }
        Some(Outcome::Failed(why) | Outcome::Interrupted(why)) => failed(why.clone()),
        Some(Outcome::Cancelled) => failed("It was called off".into()),
        None => {
            let summary = host.read(|state| TaskSummary::in_detail(state, &task));
            Ok((StatusCode::ACCEPTED, Json(summary)).into_response())
        }
    }
}

/// How long a client wants to wait.
fn patience(query: &Params, request_timeout: Duration) -> Result<Duration, ApiError> {
    // Whoever waits longer would hear that nobody knows what became of it.
    let longest = request_timeout.saturating_sub(MARGIN);
    let Some(text) = query.optional("timeout") else {
        return Ok(longest);
    };
    match text.to_ascii_lowercase().as_str() {
        "never" => Ok(longest),
        "always" => Ok(Duration::ZERO),
        _ => {
            let asked = duration::parse(text).map_err(|why| invalid("timeout", text, why))?;
            Ok(asked.min(longest))
        }
    }
}

/// Between the end of the wait and the end of the request.
const MARGIN: Duration = Duration::from_secs(5);

/// The arguments as they were sent; texts become what the parameter wants, where they can.
fn arguments(host: &Host, entity: &Entity, effector: &str, write: &Write) -> Result<Values, ApiError> {
    let given = if write.is_form {
        let pairs = Params::parse(&write.body)?.into_pairs();
        pairs
            .into_iter()
            .map(|(name, value)| (name, Value::string(&value)))
            .collect()
    } else if write.body.iter().all(u8::is_ascii_whitespace) {
        Vec::new()
    } else {
        write.map()?
    };
    let entity_type = host.types().find(&entity.entity_type).ok();
    let described = entity_type.and_then(|found| found.description().effector(effector));
    let wants = |name: &str| {
        let parameters = described.map_or(&[][..], |effector| &effector.parameters);
        parameters.iter().find(|p| p.name == name).map(|p| p.value_type)
    };
    Ok(given
        .iter()
        .map(|(name, value)| (name.as_str(), coerced(value, wants(name))))
        .collect())
}

/// A text that stands for a value of another type, as a form sends it, is that.
fn coerced(value: &Value, wanted: Option<ValueType>) -> Value {
    if matches!(wanted, None | Some(ValueType::Any | ValueType::String)) {
        return value.clone();
    }
    let text = value.value();
    let meant = text.as_str().and_then(|text| Value::parse(text.trim()).ok());
    meant.unwrap_or_else(|| value.clone())
}
