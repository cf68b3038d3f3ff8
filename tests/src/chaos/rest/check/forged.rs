//! Histories by hand.

use super::super::history::{Ack, Kind, Node, Part, Shown, ShownAdjunct, ShownTask, Told, Write};
use super::super::mark::Mark;

pub(crate) fn mark(number: u64) -> Mark {
    Mark::new(1, number)
}

/// A write that was acknowledged by a process at ten times its number, and sent a little before.
pub(crate) fn done(number: u64, kind: Kind, app: u64) -> Write {
    let mut write = Write::new(mark(number), kind, mark(app), "i");
    write.sent = number * 10 - 5;
    write.told = Told::Done;
    write.attempts = 1;
    write.acks.push(Ack {
        at: number * 10,
        by: Some("a-1".into()),
        task: Some(format!("t{number}")),
        entity: Some("i".into()),
        adjunct: Some(format!("a{number}")),
    });
    write
}

pub(crate) fn told(number: u64, kind: Kind, app: u64, told: Told) -> Write {
    let mut write = done(number, kind, app);
    write.told = told;
    write.acks.clear();
    write
}

/// An application with the values of some parts.
pub(crate) fn app(name: &str, values: &[(Part, u64)]) -> Shown {
    Shown {
        id: "i".into(),
        name: name.into(),
        children: vec!["leaf".into()],
        state: "RUNNING".into(),
        values: values
            .iter()
            .map(|(part, number)| (*part, mark(*number).to_string()))
            .collect(),
        has_config: true,
        ..Shown::default()
    }
}

/// The same with adjuncts, each of the write of its number.
pub(crate) fn with(mut app: Shown, adjuncts: &[(u64, bool)]) -> Shown {
    app.adjuncts = adjuncts
        .iter()
        .map(|(number, is_feed)| ShownAdjunct {
            id: format!("a{number}"),
            mark: mark(*number).to_string(),
            is_feed: *is_feed,
            has_crossed: false,
        })
        .collect();
    app
}

pub(crate) fn node(name: &str, apps: &[Shown]) -> Node {
    Node {
        name: name.into(),
        apps: apps.to_vec(),
        ..Node::default()
    }
}

pub(crate) fn task(status: &str, result: &str) -> ShownTask {
    ShownTask {
        status: status.into(),
        has_ended: true,
        result: result.into(),
        is_repeated: false,
    }
}
