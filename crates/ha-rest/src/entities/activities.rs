//! Activities: the tasks of the plane, wherever they ran.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use ha_rebind::{Host, State, Task, TaskId};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::find::{self, InEntity, cut, not_found};
use super::task::TaskSummary;
use super::write::Write;
use super::{Entities, Query};
use crate::error::ApiError;

/// How many tasks of an entity are shown unless a client asks for more or fewer (Brooklyn's default).
const LIMIT: usize = 200;

/// `GET /activities/{task}`: 200 if it has ended, else 202.
pub(super) async fn one(Entities(host): Entities, Path(id): Path<String>) -> Result<Response, ApiError> {
    host.read(|state| {
        let task = task(state, &id)?;
        let status = if task.ended.is_some() {
            StatusCode::OK
        } else {
            StatusCode::ACCEPTED
        };
        Ok(summary(state, &task, status))
    })
}

/// A task as an answer of its own.
pub(super) fn summary(state: &State, task: &Task, status: StatusCode) -> Response {
    (status, Json(TaskSummary::in_detail(state, task))).into_response()
}

/// `GET /activities/{task}/children`.
pub(super) async fn children(
    Entities(host): Entities,
    Path(id): Path<String>,
) -> Result<Json<Vec<TaskSummary>>, ApiError> {
    host.read(|state| {
        let task = task(state, &id)?;
        let children = task.children.iter().filter_map(|child| state.task(child)?.ok());
        Ok(Json(
            children.map(|child| TaskSummary::of(state, &child)).collect(),
        ))
    })
}

/// What is shown of a stream at most: its last bytes.
const LONGEST_STREAM: usize = 16 << 20;

/// `GET /activities/{task}/stream/{stream}`: what its code printed, by what this server reads such things with. No type that is built in prints
/// anything.
pub(super) async fn stream(
    Entities(host): Entities,
    Path((id, stream)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let task = host.read(|state| task(state, &id))?;
    let missing = || not_found(format!("Cannot find stream '{}' in task '{id}'", cut(&stream)));
    let mut known = task.streams.iter();
    let found = known.find(|known| known.name == stream).ok_or_else(missing)?;
    let lies = format!("Stream '{}' of task '{id}' lies at {}", found.name, found.place);
    let reader = host
        .types()
        .stream_reader()
        .ok_or_else(|| not_found(lies.clone()))?;
    let read = reader.read(found, LONGEST_STREAM).await;
    let text = read.map_err(|why| not_found(format!("{lies}, and cannot be read from here: {why}")))?;
    Ok(([(CONTENT_TYPE, "text/plain")], text).into_response())
}

/// `POST /activities/{task}/cancel`: whether it was called off by this; `false` if it had ended.
pub(super) async fn cancel(
    Entities(host): Entities,
    Path(id): Path<String>,
    write: Write,
) -> Result<Json<bool>, ApiError> {
    let known = host.read(|state| {
        let found = task(state, &id).map(|task| task.id);
        let gone = TaskId::new(&id).ok().filter(|_| write.is_remembered(state));
        found.or_else(|why| gone.ok_or(why))
    });
    let id = known?;
    Ok(Json(host.cancel(write.key(), &id).await?))
}

/// `GET …/entities/{entity}/activities?limit=&recurse=`: its tasks, the newest first, with `recurse=true` those of all below it as well.
pub(super) async fn of_entity(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    Query(query): Query,
) -> Result<Json<Vec<TaskSummary>>, ApiError> {
    let limit = query.parsed("limit", LIMIT)?;
    let is_deep = query.flag("recurse")?;
    host.read(|state| {
        let (_, id) = find::entity(state, &path)?;
        let entities = if is_deep { state.descendants(&id) } else { vec![id] };
        let ids = entities.iter().flat_map(|entity| state.tasks_of(entity));
        let mut tasks: Vec<Task> = ids.filter_map(|id| state.task(id)?.ok()).collect();
        tasks.sort_by(|a, b| (b.accepted_ms, &b.id).cmp(&(a.accepted_ms, &a.id)));
        let shown = tasks.iter().take(limit);
        Ok(Json(shown.map(|task| TaskSummary::of(state, task)).collect()))
    })
}

/// The task that a path means.
fn task(state: &State, id: &str) -> Result<Task, ApiError> {
    let missing = || {
        not_found(format!(
            "Cannot find task '{}' - possibly garbage collected to save memory",
            cut(id)
        ))
    };
    let found = TaskId::new(id).ok().and_then(|id| state.task(&id));
    let unreadable = |why| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("Task '{}' is {why}", cut(id)),
        )
    };
    found.ok_or_else(missing)?.map_err(unreadable)
}

/// A task that this request was answered with, as it is by now. It was durable; if it is no more and its key is remembered, it was forgotten since,
/// and its id is all that is known of it; if neither is there, another state has taken the place of the one that it was in.
pub(super) fn accepted(host: &Host, write: &Write, id: &TaskId) -> Result<Task, ApiError> {
    host.read(|state| match state.task(id) {
        Some(_) => task(state, id.as_str()),
        None if write.is_remembered(state) => {
            let mut forgotten = Task::new(id.clone(), None, "", 0);
            forgotten.description = FORGOTTEN.into();
            Ok(forgotten)
        }
        None => Err(ApiError::outcome_unknown(REPLACED)),
    })
}

const FORGOTTEN: &str = "It was accepted, and has been forgotten since";

const REPLACED: &str = "It was accepted, and the state of the plane has been replaced by an import since: look at what is there now, or ask again";
