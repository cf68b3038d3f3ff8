//! The resources below `/v1/server`, after Brooklyn's `ServerResource`.

mod about;
mod ha;
mod health;
mod level;
mod metrics;
mod persist;
mod shutdown;
mod states;
mod store_metrics;

use axum::routing::MethodRouter;

pub(crate) use persist::Archives;

use crate::app::{Shared, posts, reads, reads_and_posts};

/// The routes, each also with a slash at its end, as in Brooklyn.
pub(crate) fn routes() -> impl Iterator<Item = (String, MethodRouter<Shared>)> {
    let routes: [(&'static str, MethodRouter<Shared>); 15] = [
        ("version", reads(about::version)),
        ("planeid", reads(about::plane_id)),
        ("config/{key}", reads(about::config)),
        ("user", reads(about::user)),
        ("up", reads(health::up)),
        ("up/extended", reads(health::extended)),
        ("healthy", reads(health::healthy)),
        ("shuttingDown", reads(health::shutting_down)),
        ("shutdown", posts(shutdown::shut_down)),
        ("ha/state", reads_and_posts(ha::state, ha::change_mode)),
        ("ha/states", reads(ha::states)),
        ("ha/states/clear", posts(ha::clear)),
        ("ha/states/clear/node", posts(ha::clear_node)),
        ("ha/priority", reads_and_posts(ha::priority, ha::set_priority)),
        ("ha/metrics", reads(metrics::show)),
    ];
    with_slashes(routes)
}

/// The routes of a node that manages something.
pub(crate) fn of_state() -> impl Iterator<Item = (String, MethodRouter<Shared>)> {
    with_slashes([
        ("ha/persist/export", reads(persist::export)),
        ("ha/persist/import", posts(persist::import)),
        ("ha/formatLevel", reads_and_posts(level::show, level::raise)),
    ])
}

fn with_slashes<const N: usize>(
    routes: [(&'static str, MethodRouter<Shared>); N],
) -> impl Iterator<Item = (String, MethodRouter<Shared>)> {
    routes.into_iter().flat_map(|(path, methods)| {
        [
            (format!("/v1/server/{path}"), methods.clone()),
            (format!("/v1/server/{path}/"), methods),
        ]
    })
}
