//! What the nodes show in the end, when nobody writes any more: applications with their config and adjuncts, and every task that a client was told
//! of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use super::check::each;
use super::client::World;
use super::history::{Node, Part, Shown, ShownTask, Write};
use super::mark::Mark;
use super::request::{adjuncts, config, is_at_work};
use crate::http::Request;

/// Waits until all nodes show the same, all tasks have ended, and adjuncts are up to date, or for so long; and gives what each shows then, and what
/// had been done to the world right after.
pub(crate) fn settled(
    world: &World,
    writes: &[Write],
    acts: &Path,
    patience: Duration,
) -> (Vec<Node>, String) {
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
        // Nobody may have acted yet.
        let text = std::fs::read_to_string(acts).unwrap_or_default();
        let newest = each(&text).map(|stroke| stroke.epoch).max();
        if nodes.iter().all(is_settled) && adjuncts_are_up_to_date(&nodes[0].apps, newest)
            || begun.elapsed() > patience
        {
            return (nodes, text);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Whether each feed has looked in the epoch that acts, each policy has done what it must, and each enricher has made of its sensor what it is.
fn adjuncts_are_up_to_date(apps: &[Shown], newest: Option<u64>) -> bool {
    apps.iter().all(|app| {
        let mut feeds = app.adjuncts.iter().filter(|adjunct| adjunct.is_feed);
        let is_fed = feeds.all(|feed| app.seen.get(&feed.mark).copied() == newest);
        is_fed && app.policies_are_up_to_date() && app.copy.as_deref() == app.copied() && !app.is_at_work
    })
}

/// All of a node, in the order of ids.
fn applications(world: &World, node: usize) -> Option<Vec<Shown>> {
    let mut apps = world.look(node)?;
    apps.sort_by(|one, other| one.id.cmp(&other.id));
    for app in &mut apps {
        let entity = format!("/v1/applications/{0}/entities/{0}", app.id);
        let get = |path: &str| {
            let answer = world.send(node, Request::get(&format!("{entity}/{path}")));
            answer.map(|(answer, _)| answer)
        };
        app.values.extend(config(&get("config/current-state")?)?);
        app.adjuncts = adjuncts(&get("adjuncts")?)?;
        for adjunct in &mut app.adjuncts {
            let mark = get(&format!("policies/{}/config/mark", adjunct.id))?.json();
            adjunct.mark = mark.as_str().unwrap_or_default().into();
            let number = adjunct.mark.parse::<Mark>().map_or(0, |mark| mark.number);
            app.values.push((Part::Adjunct(number), adjunct.mark.clone()));
        }
        app.is_at_work = is_at_work(&get("activities?limit=50")?)?;
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
