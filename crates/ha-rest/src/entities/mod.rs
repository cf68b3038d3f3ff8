//! The resources that show and change what the plane manages, after Brooklyn's `ApplicationResource`, `EntityResource` and those around them.
//!
//! They read this node's state, which on a standby is that after some prefix of the journal. A write is answered when it is durable.

mod access;
mod activities;
mod adjuncts;
mod applications;
mod attach;
mod config;
mod deploy;
mod effectors;
mod entity;
mod find;
mod json;
mod links;
mod locations;
mod sensors;
mod tags;
mod task;
mod write;
pub(crate) use write::Write;

use axum::extract::{FromRequestParts, RawQuery};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use ha_rebind::Host;
use http::StatusCode;
use http::request::Parts;

use crate::app::{Shared, methods};
use crate::error::ApiError;
use crate::params::Params;

/// What this node knows of entities. There is nothing below these resources where it knows none.
pub(crate) struct Entities(pub(crate) Host);

impl FromRequestParts<Shared> for Entities {
    type Rejection = Response;

    async fn from_request_parts(_: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let host = shared.control.entities();
        host.map(Self)
            .ok_or_else(|| StatusCode::NOT_FOUND.into_response())
    }
}

/// The parameters of a query.
pub(crate) struct Query(pub(crate) Params);

impl FromRequestParts<Shared> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let Ok(RawQuery(query)) = RawQuery::from_request_parts(parts, shared).await;
        Params::parse(query.unwrap_or_default().as_bytes()).map(Self)
    }
}

/// The routes, each also with a slash at its end, as in Brooklyn.
pub(crate) fn routes() -> impl Iterator<Item = (String, MethodRouter<Shared>)> {
    let routes = of_applications()
        .into_iter()
        .chain(of_entities())
        .chain(of_adjuncts())
        .chain(others());
    routes.flat_map(|(path, methods)| {
        [
            (format!("/v1/{path}"), methods.clone()),
            (format!("/v1/{path}/"), methods),
        ]
    })
}

fn of_applications() -> Vec<(String, MethodRouter<Shared>)> {
    let below = |path: &str| format!("applications/{{application}}{path}");
    vec![
        (
            "applications".into(),
            methods().get(applications::list).post(deploy::post).done(),
        ),
        (
            "applications/fetch".into(),
            methods().get(applications::fetch).done(),
        ),
        (
            "applications/details".into(),
            methods().get(applications::details).done(),
        ),
        (
            below(""),
            methods()
                .get(applications::one)
                .put(deploy::put)
                .delete(deploy::delete)
                .done(),
        ),
        (
            below("/descendants"),
            methods().get(applications::descendants).done(),
        ),
        (
            below("/descendants/sensor/{sensor}"),
            methods().get(applications::descendants_sensor).done(),
        ),
        (below("/entities"), methods().get(applications::entities).done()),
    ]
}

fn of_entities() -> Vec<(String, MethodRouter<Shared>)> {
    let below = |path: &str| format!("applications/{{application}}/entities/{{entity}}{path}");
    vec![
        (below(""), methods().get(entity::one).done()),
        (
            below("/children"),
            methods().get(entity::children).post(deploy::children).done(),
        ),
        (below("/expunge"), methods().post(deploy::expunge).done()),
        (below("/name"), methods().post(entity::rename).done()),
        (below("/locations"), methods().get(locations::of_entity).done()),
        (below("/relations"), methods().get(entity::relations).done()),
        (below("/spec"), methods().get(entity::spec).done()),
        (below("/tags"), methods().get(tags::list).done()),
        (below("/tag/add"), methods().post(tags::add).done()),
        (below("/tag/delete"), methods().post(tags::delete).done()),
        (below("/activities"), methods().get(activities::of_entity).done()),
        (
            below("/sensors"),
            methods().get(sensors::list).post(sensors::set_all).done(),
        ),
        (
            below("/sensors/current-state"),
            methods().get(sensors::values).done(),
        ),
        (
            below("/sensors/{sensor}"),
            methods()
                .get(sensors::one)
                .post(sensors::set)
                .delete(sensors::remove)
                .done(),
        ),
        (
            below("/config"),
            methods().get(config::list).post(config::set_all).done(),
        ),
        (
            below("/config/current-state"),
            methods().get(config::values).done(),
        ),
        (
            below("/config/{key}"),
            methods().get(config::one).post(config::set).done(),
        ),
        (below("/effectors"), methods().get(effectors::list).done()),
        (
            below("/effectors/{effector}"),
            methods().post(effectors::invoke).done(),
        ),
    ]
}

fn of_adjuncts() -> Vec<(String, MethodRouter<Shared>)> {
    let below = |path: &str| format!("applications/{{application}}/entities/{{entity}}{path}");
    vec![
        (
            below("/policies"),
            methods().get(adjuncts::policies).post(attach::policy).done(),
        ),
        (
            below("/policies/current-state"),
            methods().get(adjuncts::current_state).done(),
        ),
        (
            below("/policies/{adjunct}"),
            methods().get(adjuncts::state).done(),
        ),
        (
            below("/policies/{adjunct}/start"),
            methods().post(adjuncts::start).done(),
        ),
        (
            below("/policies/{adjunct}/stop"),
            methods().post(adjuncts::stop).done(),
        ),
        (
            below("/policies/{adjunct}/destroy"),
            methods().post(adjuncts::destroy).done(),
        ),
        (
            below("/policies/{adjunct}/config"),
            methods().get(adjuncts::config).done(),
        ),
        (
            below("/policies/{adjunct}/config/{key}"),
            methods().get(adjuncts::config_value).done(),
        ),
        (
            below("/adjuncts"),
            methods().get(adjuncts::list).post(attach::any).done(),
        ),
        (below("/adjuncts/{adjunct}"), methods().get(adjuncts::one).done()),
    ]
}

fn others() -> Vec<(String, MethodRouter<Shared>)> {
    vec![
        ("activities/{task}".into(), methods().get(activities::one).done()),
        (
            "activities/{task}/children".into(),
            methods().get(activities::children).done(),
        ),
        (
            "activities/{task}/stream/{stream}".into(),
            methods().get(activities::stream).done(),
        ),
        (
            "activities/{task}/cancel".into(),
            methods().post(activities::cancel).done(),
        ),
        ("locations".into(), methods().get(locations::list).done()),
        (
            "locations/{location}".into(),
            methods().get(locations::one).done(),
        ),
        ("access".into(), methods().get(access::show).done()),
    ]
}
