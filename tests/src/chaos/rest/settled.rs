//! What the nodes show in the end, when nobody writes any more: applications with their config, and every task that a client was told of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::client::World;
use super::history::{Node, Shown, ShownTask, Write};
use super::request::config;
use crate::http::Request;

/// Waits until all nodes show the same and all tasks have ended, or for so long; and gives what each shows then.
pub(crate) fn settled(world: &World, writes: &[Write], patience: Duration) -> Vec<Node> {
    let begun = Instant::now();
    let ids: BTreeSet<_> = writes.iter().filter_map(Write::task).collect();
    let mut nodes: Vec<_> = world
        .nodes
        .iter()
        .map(|(name, _)| Node {
            name: name.clone(),
            ..Node::default()
        })
        .collect();
    loop {
        std::thread::scope(|scope| {
            for (number, node) in nodes.iter_mut().enumerate() {
                let ids = &ids;
                scope.spawn(move || {
                    node.apps = applications(world, number).unwrap_or_default();
                    look_at_tasks(world, number, ids, &mut node.tasks);
                });
            }
        });
        let is_settled = |node: &Node| {
            let ended = node.tasks.values().filter(|task| task.has_ended).count();
            node.apps == nodes[0].apps && ended == ids.len()
        };
        if nodes.iter().all(is_settled) || begun.elapsed() > patience {
            return nodes;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// All of a node, in the order of ids.
fn applications(world: &World, node: usize) -> Option<Vec<Shown>> {
    let mut apps = world.look(node)?;
    apps.sort_by(|one, other| one.id.cmp(&other.id));
    for app in &mut apps {
        let path = format!("/v1/applications/{0}/entities/{0}/config/current-state", app.id);
        let (answer, _) = world.send(node, Request::get(&path))?;
        app.values.extend(config(&answer)?);
        app.has_config = true;
    }
    Some(apps)
}

/// Those that have ended do not change any more.
fn look_at_tasks(world: &World, node: usize, ids: &BTreeSet<&str>, tasks: &mut BTreeMap<String, ShownTask>) {
    for id in ids {
        if tasks.get(*id).is_some_and(|task| task.has_ended) {
            continue;
        }
        let path = format!("/v1/activities/{id}");
        let Some((answer, _)) = world.send(node, Request::get(&path)) else {
            continue;
        };
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let task = ShownTask {
            status: text("currentStatus"),
            has_ended: body["endTimeUtc"].is_u64(),
            result: text("result"),
            is_repeated: text("detailedStatus").contains("at attempt"),
        };
        tasks.insert((*id).to_owned(), task);
    }
}
