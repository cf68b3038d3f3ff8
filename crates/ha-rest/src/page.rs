//! `GET /`: a page for whoever opens the port in a browser.

use std::fmt::Write;

use axum::extract::State;
use axum::response::IntoResponse;
use ha_core::Status;
use http::header::CONTENT_TYPE;

use crate::app::Shared;

/// What can be read by a link, and what it shows.
const READS: [(&str, &str); 14] = [
    ("/v1/server/ha/state", "the role of this node"),
    ("/v1/server/ha/states", "the nodes of the plane, and its master"),
    (
        "/v1/server/ha/priority",
        "the priority of this node in the election",
    ),
    (
        "/v1/server/ha/metrics",
        "timings, history of roles, counts of reads and writes",
    ),
    (
        "/v1/server/ha/persist/export",
        "an archive of what the plane manages",
    ),
    (
        "/v1/server/ha/formatLevel",
        "the format level of the state, and which nodes read a newer one",
    ),
    ("/v1/server/up", "whether this node is up"),
    (
        "/v1/server/healthy",
        "whether it is up and nothing is wrong with it",
    ),
    ("/v1/server/up/extended", "all of the above that is about health"),
    ("/v1/server/shuttingDown", "whether it is stopping"),
    ("/v1/server/version", "what it is built from"),
    ("/v1/server/planeid", "the id of the plane"),
    ("/v1/server/user", "the user who is logged in"),
    ("/v1/server/config/{key}", "a setting"),
];

/// What can be posted to, with its form.
const POSTS: [(&str, &str); 7] = [
    (
        "/v1/server/ha/state",
        "mode=AUTO|MASTER|STANDBY|HOT_STANDBY|HOT_BACKUP|DISABLED",
    ),
    ("/v1/server/ha/priority", "priority=0"),
    ("/v1/server/ha/states/clear", ""),
    ("/v1/server/ha/states/clear/node", "nodeId=…"),
    ("/v1/server/ha/persist/import", "such an archive"),
    ("/v1/server/ha/formatLevel", "level=2, force=false"),
    ("/v1/server/shutdown", ""),
];

pub(crate) async fn show(State(shared): State<Shared>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/html")], page(&shared.control.status()))
}

fn page(status: &Status) -> String {
    let role = status.role.name();
    let id = escape(status.own_id.as_str());
    let plane = status
        .plane_id
        .as_ref()
        .map_or_else(|| "not known yet".to_owned(), |p| escape(&p.0));
    let master = status
        .leader
        .as_ref()
        .map_or_else(|| "none".to_owned(), |m| escape(m.as_str()));
    let mut reads = String::new();
    for (path, what) in READS {
        let cell = if path.contains('{') {
            path.to_owned()
        } else {
            format!("<a href=\"{path}\">{path}</a>")
        };
        writeln!(reads, "<li>GET {cell}: {what}</li>").expect("writing to a string does not fail");
    }
    let mut posts = String::new();
    for (path, form) in POSTS {
        writeln!(posts, "<li>POST {path} <code>{form}</code></li>")
            .expect("writing to a string does not fail");
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{role} {id}</title></head>\n<body>\n\
         <h1>{role}</h1>\n<p>Node <code>{id}</code> of plane <code>{plane}</code>; master: <code>{master}</code>.</p>\n\
         <ul>\n{reads}{posts}</ul>\n\
         <p>POSTs to a node that is not the master need the header <code>Brooklyn-Allow-Non-Master-Access: true</code>.</p>\n\
         </body></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
