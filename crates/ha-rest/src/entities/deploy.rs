//! Deploying and removing: what makes or takes away whole trees of entities.

use axum::extract::{Path, State};
use axum::response::Response;
use ha_rebind::blueprint::{Blueprint, Known, Plan};
use ha_rebind::{EntityId, Host, HostError, ProposeError, Refusal, TaskId};
use http::header::{HOST, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};

use super::find::{self, InApplication, InEntity, cut};
use super::write::Write;
use super::{Entities, activities, links};
use crate::app::Shared;
use crate::error::ApiError;

/// `POST /applications` with a blueprint in YAML or JSON: 201 with the task that starts it, when all of it is durable.
pub(super) async fn post(
    State(shared): State<Shared>,
    Entities(host): Entities,
    headers: HeaderMap,
    write: Write,
) -> Result<Response, ApiError> {
    let plan = plan(&host, &write, Place::Application(None)).await?;
    deploy(&shared, &host, &headers, &write, &plan).await
}

/// `PUT /applications/{application}`: deploys under this id; 409 if there is one.
pub(super) async fn put(
    State(shared): State<Shared>,
    Entities(host): Entities,
    Path(path): Path<InApplication>,
    headers: HeaderMap,
    write: Write,
) -> Result<Response, ApiError> {
    let id = EntityId::new(&path.application).map_err(|why| {
        ApiError::bad_request(format!(
            "Error launching blueprint: Invalid entity id '{}'",
            cut(&path.application)
        ))
        .with_details(why.to_string())
    })?;
    let plan = plan(&host, &write, Place::Application(Some(id))).await?;
    deploy(&shared, &host, &headers, &write, &plan).await
}

/// Where what a blueprint makes is put.
enum Place {
    /// By itself, under a chosen id or one that is drawn.
    Application(Option<EntityId>),
    /// Below an entity.
    Below(EntityId),
}

/// What a blueprint makes. Reading a large one takes a while, in which this thread serves others.
async fn plan(host: &Host, write: &Write, place: Place) -> Result<Plan, ApiError> {
    let (host, text) = (host.clone(), write.body.clone());
    let read = tokio::task::spawn_blocking(move || {
        let blueprint = Blueprint::parse(&text)?;
        let known = Known::with(host.types(), host.adjunct_types());
        match place {
            Place::Application(mut chosen) => {
                let new_id = || chosen.take().unwrap_or_else(|| host.new_entity_id());
                blueprint.plan(&known, host.now_ms(), new_id)
            }
            Place::Below(parent) => {
                blueprint.plan_below(&parent, &known, host.now_ms(), || host.new_entity_id())
            }
        }
    });
    match read.await {
        Ok(plan) => plan.map_err(|why| ApiError::bad_request(format!("Error in blueprint: {why}"))),
        Err(broken) => Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("Reading the blueprint broke off: {broken}"),
        )),
    }
}

async fn deploy(
    shared: &Shared,
    host: &Host,
    headers: &HeaderMap,
    write: &Write,
    plan: &Plan,
) -> Result<Response, ApiError> {
    let task = host.deploy(write.key(), plan).await.map_err(|why| match why {
        HostError::Proposal(ProposeError::Refused(Refusal::EntityExists(id))) => ApiError::new(
            StatusCode::CONFLICT,
            format!("Error launching blueprint, id already exists: '{id}'"),
        ),
        other => other.into(),
    })?;
    let _ = tokio::time::timeout(shared.settings.deploy_wait, host.ended(&task)).await;
    let task = activities::accepted(host, write, &task)?;
    let mut response = host.read(|state| activities::summary(state, &task, StatusCode::CREATED));
    // With a key this may be an answer to an earlier request, whose application is not the one planned now.
    let Some(application) = &task.entity else {
        return Ok(response);
    };
    let path = links::application(application);
    let base = headers.get(HOST).and_then(|host| host.to_str().ok());
    let location = base.map_or_else(|| path.clone(), |host| format!("http://{host}{path}"));
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// `POST …/children?start=` with a blueprint: 201 with the task. They are started unless `start=false`.
pub(super) async fn children(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<Response, ApiError> {
    let parent = find::written(&host, &path, &write)?;
    let is_started = write.query.optional("start").is_none() || write.query.flag("start")?;
    let plan = plan(&host, &write, Place::Below(parent.clone())).await?;
    let task = host.add_children(write.key(), &parent, &plan, is_started).await?;
    let task = activities::accepted(&host, &write, &task)?;
    Ok(host.read(|state| activities::summary(state, &task, StatusCode::CREATED)))
}

/// `DELETE /applications/{application}`: 202 with the task, when it is durable that there is none any more. Before that its entities are told,
/// if their types want that.
pub(super) async fn delete(
    Entities(host): Entities,
    Path(path): Path<InApplication>,
    write: Write,
) -> Result<Response, ApiError> {
    let found = host.read(|state| find::application(state, &path.application));
    let id = found.or_else(|why| write.gone(&host).ok_or(why))?;
    let task = host.remove(write.key(), &id).await?;
    removed(&host, &write, &task)
}

/// `POST …/expunge`: removes an entity and all below it, and tells none of them; 202 with the task.
pub(super) async fn expunge(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<Response, ApiError> {
    let id = find::written(&host, &path, &write)?;
    let task = host.expunge(write.key(), &id).await?;
    removed(&host, &write, &task)
}

fn removed(host: &Host, write: &Write, task: &TaskId) -> Result<Response, ApiError> {
    let task = activities::accepted(host, write, task)?;
    Ok(host.read(|state| activities::summary(state, &task, StatusCode::ACCEPTED)))
}
