//! Each task that was acknowledged is known on every node in the end, and has ended: it is completed, or it was interrupted, could not be begun
//! again, and its entity is on fire. The oldest may have been forgotten.

use ha_rebind::TaskLimits;

use super::super::history::{Kind, Node, ShownTask, Told, Write};
use super::super::ledger::Ledger;
use super::forgotten::Known;
use crate::chaos::check::{Finding, Rule};

/// The words of an interrupted task.
const ABORTED: &str = "Task aborted on rebind";

/// What the first node shows of a task that a client was told of.
pub(crate) fn shown<'a>(write: &Write, nodes: &'a [Node]) -> Option<&'a ShownTask> {
    nodes.first()?.tasks.get(write.task()?)
}

impl ShownTask {
    pub(crate) fn is_completed(&self) -> bool {
        self.status == "Completed"
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.result.contains(ABORTED)
    }
}

/// Judges what became of the tasks of all writes.
pub(crate) fn tasks(ledger: &Ledger<'_>, writes: &[Write], nodes: &[Node]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let limits = TaskLimits::default();
    let known = nodes.first().map(|node| Known::of(writes, node, limits));
    for write in writes.iter().filter(|write| write.told == Told::Done) {
        let Some(id) = write.task() else { continue };
        for node in nodes {
            let of_node = node.tasks.get(id).cloned().unwrap_or_default();
            if of_node.status.is_empty() && known.as_ref().is_some_and(|known| known.may_be_forgotten(write))
            {
                continue;
            }
            let found = wrong(ledger, write, node, &of_node);
            findings.extend(found.map(|(rule, how)| {
                let what = format!("{} of {}", write.kind.name(), write.mark);
                Finding::new(rule, format!("task {id} ({what}) on {} {how}", node.name))
            }));
        }
    }
    findings
}

fn wrong(ledger: &Ledger<'_>, write: &Write, node: &Node, task: &ShownTask) -> Option<(Rule, String)> {
    if task.status.is_empty() {
        return Some((Rule::Lost, "is not known".into()));
    }
    if !task.has_ended {
        return Some((Rule::Unended, format!("is `{}` for ever", task.status)));
    }
    if task.is_completed() || ledger.may_be_gone(write.app, u64::MAX) {
        return None;
    }
    let may_be_interrupted = write.kind == Kind::Invoke { is_idempotent: false };
    if !task.is_interrupted() || !may_be_interrupted {
        return Some((Rule::Unended, format!("is `{}`: {}", task.status, task.result)));
    }
    let is_of =
        |shown: &&super::super::history::Shown| shown.marks().is_some_and(|(app, _)| app == write.app);
    let state = node.apps.iter().find(is_of).map(|shown| shown.state.as_str());
    let is_on_fire = state.is_none_or(|state| state == "ON_FIRE");
    (!is_on_fire).then(|| {
        (
            Rule::Unended,
            format!("was interrupted, and its entity is {state:?}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::history::Shown;
    use super::super::forged::{app, done, node, task};
    use super::*;

    const CALL: Kind = Kind::Invoke { is_idempotent: false };
    const CALL_AGAIN: Kind = Kind::Invoke { is_idempotent: true };

    fn rules(writes: &[Write], apps: &[Shown], shown: Option<ShownTask>) -> Vec<Rule> {
        let mut node = node("a", apps);
        node.tasks.insert("t1".into(), task("Completed", ""));
        node.tasks.extend(shown.map(|task| ("t2".into(), task)));
        let found = tasks(&Ledger::of(writes), writes, &[node]);
        found.into_iter().map(|found| found.rule).collect()
    }

    fn after(call: Kind) -> Vec<Write> {
        vec![done(1, Kind::Deploy, 1), done(2, call, 1)]
    }

    fn interrupted() -> ShownTask {
        task(
            "Failed",
            "Task aborted on rebind: the node that led epoch 3 began it",
        )
    }

    #[test]
    fn a_task_is_completed_or_interrupted_with_its_entity_on_fire() {
        let mut on_fire = app("c1n1", &[]);
        on_fire.state = "ON_FIRE".into();
        let fine = app("c1n1", &[]);
        let completed = || Some(task("Completed", "c1n2"));
        assert_eq!(rules(&after(CALL), std::slice::from_ref(&fine), completed()), []);
        assert_eq!(
            rules(&after(CALL), std::slice::from_ref(&on_fire), Some(interrupted())),
            []
        );
        assert_eq!(rules(&after(CALL), &[fine], Some(interrupted())), [Rule::Unended]);
        assert_eq!(
            rules(&after(CALL_AGAIN), &[on_fire], Some(interrupted())),
            [Rule::Unended],
            "it is to be begun again"
        );
    }

    #[test]
    fn a_task_that_is_not_known_or_has_not_ended_or_failed_otherwise_is_found() {
        let apps = [app("c1n1", &[])];
        assert_eq!(rules(&after(CALL), &apps, None), [Rule::Lost]);
        let open = ShownTask {
            has_ended: false,
            ..task("In progress", "")
        };
        assert_eq!(rules(&after(CALL), &apps, Some(open)), [Rule::Unended]);
        let failed = Some(task("Failed", "its code panicked"));
        assert_eq!(rules(&after(CALL), &apps, failed), [Rule::Unended]);
    }

    #[test]
    fn the_oldest_task_of_an_entity_is_forgotten_when_there_are_nearly_as_many_as_are_kept() {
        let found = |later: u64| {
            let writes: Vec<_> = (1..=later + 1).map(|number| done(number, CALL, 1)).collect();
            let mut node = node("a", &[app("c1n1", &[])]);
            for write in &writes[1..] {
                let id = write.task().unwrap().to_owned();
                node.tasks.insert(id, task("Completed", ""));
            }
            let found = tasks(&Ledger::of(&writes), &writes, &[node]);
            found.into_iter().map(|found| found.rule).collect::<Vec<_>>()
        };
        assert_eq!(found(799), [Rule::Lost]);
        assert_eq!(found(800), []);
    }

    #[test]
    fn a_task_may_fail_if_its_entity_was_removed() {
        let mut writes = after(CALL);
        writes.push(done(3, Kind::Delete, 1));
        let mut node = node("a", &[]);
        for number in 1..4 {
            node.tasks
                .insert(format!("t{number}"), task("Failed", "entity `i` is no more"));
        }
        assert_eq!(tasks(&Ledger::of(&writes), &writes, &[node]), []);
    }
}
