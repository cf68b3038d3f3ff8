//! Tasks as clients see them: Brooklyn's `TaskSummary`, which leaves out what is not known.

use ha_rebind::{Outcome, State, Task, TaskId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::json;
use super::links::{self, Links};
use crate::duration;

/// Brooklyn's `TaskSummary`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskSummary {
    id: String,
    display_name: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_display_name: Option<String>,
    tags: Vec<Box<RawValue>>,
    submit_time_utc: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time_utc: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time_utc: Option<u64>,
    current_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    is_error: bool,
    is_cancelled: bool,
    children: Vec<TaskLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    submitted_by_task: Option<TaskLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocking_details: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detailed_status: Option<String>,
    streams: Streams,
    links: Links,
}

/// Brooklyn's `LinkWithMetadata` to another task.
#[derive(Debug, Serialize)]
pub(super) struct TaskLink {
    link: String,
    metadata: Metadata,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_display_name: Option<String>,
}

#[derive(Debug)]
struct Streams(Vec<(String, StreamLink)>);

#[derive(Debug, Serialize)]
struct StreamLink {
    link: String,
    metadata: StreamMetadata,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamMetadata {
    name: String,
    size: u64,
    size_text: String,
}

impl Serialize for Streams {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, link)| (name, link)))
    }
}

impl TaskSummary {
    /// In a list.
    pub(super) fn of(state: &State, task: &Task) -> Self {
        let entity = task.entity.as_ref();
        let own = links::task(&task.id);
        let mut links = Links::own(own.clone()).and("children", format!("{own}/children"));
        if let Some(entity) = entity
            && let Some(application) = state.application(entity)
        {
            links = links.and("entity", links::entity(application, entity));
        }
        let tags = task.tags.iter().map(|tag| json::raw(tag.as_str()));
        let stream = |stream: &ha_rebind::Stream| {
            let link = StreamLink {
                link: format!("{own}/stream/{}", links::part(&stream.name)),
                metadata: StreamMetadata {
                    name: stream.name.clone(),
                    size: stream.size,
                    size_text: format!("{} B", stream.size),
                },
            };
            (stream.name.clone(), link)
        };
        let outcome = task.ended.as_ref().map(|ended| &ended.outcome);
        Self {
            id: task.id.to_string(),
            display_name: task.name.clone(),
            description: task.description.clone(),
            entity_id: entity.map(ToString::to_string),
            entity_display_name: entity.and_then(|id| Some(state.entity(id)?.ok()?.name)),
            tags: tags.collect(),
            submit_time_utc: task.accepted_ms,
            start_time_utc: started(task),
            end_time_utc: task.ended.as_ref().map(|ended| ended.at_ms),
            current_status: status(task),
            result: outcome.and_then(result),
            is_error: matches!(
                outcome,
                Some(Outcome::Failed(_) | Outcome::Interrupted(_) | Outcome::Cancelled)
            ),
            is_cancelled: matches!(outcome, Some(Outcome::Cancelled)),
            children: task.children.iter().map(|id| TaskLink::to(state, id)).collect(),
            submitted_by_task: task.submitted_by.as_ref().map(|id| TaskLink::to(state, id)),
            blocking_details: task.waits_for.clone(),
            detailed_status: None,
            streams: Streams(task.streams.iter().map(stream).collect()),
            links,
        }
    }

    /// By itself.
    pub(super) fn in_detail(state: &State, task: &Task) -> Self {
        Self {
            detailed_status: Some(detailed_status(task)),
            ..Self::of(state, task)
        }
    }
}

/// What a task answered, or why it did not.
fn result(outcome: &Outcome) -> Option<Box<RawValue>> {
    match outcome {
        Outcome::Done(value) => Some(json::raw(value.as_str())).filter(|value| value.get() != "null"),
        Outcome::Failed(why) | Outcome::Interrupted(why) => Some(json::of(why)),
        Outcome::Cancelled => None,
    }
}

impl TaskLink {
    fn to(state: &State, id: &TaskId) -> Self {
        let task = state.task(id).and_then(Result::ok);
        let entity = task.as_ref().and_then(|task| task.entity.as_ref());
        Self {
            link: links::task(id),
            metadata: Metadata {
                id: id.to_string(),
                entity_id: entity.map(ToString::to_string),
                entity_display_name: entity.and_then(|id| Some(state.entity(id)?.ok()?.name)),
                task_name: task.as_ref().map(|task| task.name.clone()),
            },
        }
    }
}

/// What was done by the very write that made the task began and ended at once.
fn started(task: &Task) -> Option<u64> {
    let at_once = task.ended.as_ref().filter(|_| task.call.is_none());
    task.started
        .map(|started| started.at_ms)
        .or_else(|| at_once.map(|ended| ended.at_ms))
}

/// Brooklyn's words (`BasicTask.getStatusSummary`).
fn status(task: &Task) -> &'static str {
    match task.ended.as_ref().map(|ended| &ended.outcome) {
        None if task.started.is_some() => "In progress",
        None => "Submitted for execution",
        Some(Outcome::Done(_)) => "Completed",
        Some(Outcome::Cancelled) => "Cancelled",
        Some(Outcome::Failed(_) | Outcome::Interrupted(_)) => "Failed",
    }
}

fn detailed_status(task: &Task) -> String {
    let attempts = if task.attempt > 1 {
        format!(", at attempt {}", task.attempt)
    } else {
        String::new()
    };
    let after = |end: u64| duration::show(end.saturating_sub(started(task).unwrap_or(task.accepted_ms)));
    match (&task.ended, &task.waits_for) {
        (Some(ended), _) => {
            let what = match &ended.outcome {
                Outcome::Done(value) if value.as_str() == "null" => "No return value (null)".to_owned(),
                Outcome::Done(value) => format!("Result: {}", value.as_str()),
                Outcome::Failed(why) | Outcome::Interrupted(why) => why.clone(),
                Outcome::Cancelled => "Called off".to_owned(),
            };
            format!(
                "{} after {}{attempts}\n\n{what}",
                status(task),
                after(ended.at_ms)
            )
        }
        (None, Some(waits_for)) => format!("{}, waits for {waits_for}", status(task)),
        (None, None) => format!("{}{attempts}", status(task)),
    }
}
