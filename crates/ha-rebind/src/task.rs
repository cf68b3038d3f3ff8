//! Tasks: work on entities that is recorded when it is accepted, when it begins and when it ends.

use bytes::Bytes;

use crate::codec::{self, List};
use crate::entity::{CUT_SHORT, values};
use crate::json::Json;
use crate::level::{Level, Unreadable};
use crate::names::{EntityId, TaskId};
use crate::values::Values;

/// A piece of work, as clients see it among the activities.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// On which entity it works.
    pub entity: Option<EntityId>,
    /// The name that people see.
    pub name: String,
    /// What it does, in words.
    pub description: String,
    /// Its tags.
    pub tags: Vec<Json>,
    /// What was called, if it is an effector's.
    pub call: Option<Call>,
    /// The task that asked for it.
    pub submitted_by: Option<TaskId>,
    /// The tasks that it asked for, in their order.
    pub children: Vec<TaskId>,
    /// The wall clock when it was accepted, milliseconds since 1970.
    pub accepted_ms: u64,
    /// When and by whom it was begun.
    pub started: Option<Started>,
    /// How often it was begun.
    pub attempt: u32,
    /// How it ended.
    pub ended: Option<Ended>,
    /// What it printed, by reference.
    pub streams: Vec<Stream>,
    /// What it waits for, in words.
    pub waits_for: Option<String>,
}

/// An effector's call.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Call {
    /// The effector's name.
    pub effector: String,
    /// Its parameters.
    pub parameters: Values,
    /// Whether it may be run again after the node that ran it has died.
    pub is_idempotent: bool,
}

/// The beginning of a task: durable before it does anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Started {
    /// The wall clock, milliseconds since 1970.
    pub at_ms: u64,
    /// The epoch of the leader that began it.
    pub epoch: u64,
}

/// The end of a task.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Ended {
    /// The wall clock, milliseconds since 1970.
    pub at_ms: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a task.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_enums)]
pub enum Outcome {
    /// It did what it should, with this result.
    Done(Json),
    /// It failed, with this error.
    Failed(String),
    /// Somebody called it off.
    Cancelled,
    /// The node that ran it has died or lost its leadership; what it did is not known.
    Interrupted(String),
}

/// Something that a task printed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Stream {
    /// `stdout`, `stderr`, `stdin` or `env`.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// Where it lies.
    pub place: String,
}

impl Task {
    /// A task that was just accepted.
    #[must_use]
    pub fn new(id: TaskId, entity: Option<EntityId>, name: &str, accepted_ms: u64) -> Self {
        Self {
            id,
            entity,
            name: name.into(),
            description: String::new(),
            tags: Vec::new(),
            call: None,
            submitted_by: None,
            children: Vec::new(),
            accepted_ms,
            started: None,
            attempt: 0,
            ended: None,
            streams: Vec::new(),
            waits_for: None,
        }
    }

    /// Whether it was begun and has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.started.is_some() && self.ended.is_none()
    }

    /// The epoch before this one that began it, if what it did there is not known and it must not be done twice.
    #[must_use]
    pub fn interrupted_in(&self, epoch: u64) -> Option<u64> {
        let is_idempotent = self.call.as_ref().is_some_and(|call| call.is_idempotent);
        let before = self.started.filter(|s| s.epoch != epoch && !is_idempotent);
        before.map(|started| started.epoch)
    }

    /// What is stored of it beside its entity.
    pub(crate) fn body(&self, level: Level) -> Vec<u8> {
        let (kind, at_ms, what) = self.ended.as_ref().map_or((0, 0, ""), Ended::wire);
        let wire: Wire<'_> = (
            level.0,
            (&self.name, &self.description),
            self.tags.iter().map(Json::as_str).collect(),
            self.call
                .as_ref()
                .map(|c| (c.effector.as_str(), c.parameters.bytes(), c.is_idempotent)),
            self.submitted_by.clone(),
            self.children.iter().cloned().collect(),
            self.accepted_ms,
            self.started.map(|s| (s.at_ms, s.epoch)),
            self.attempt,
            (kind, at_ms, what),
            self.streams
                .iter()
                .map(|s| (s.name.as_str(), s.size, s.place.as_str()))
                .collect(),
            self.waits_for.as_deref(),
        );
        codec::encode(&wire)
    }

    /// Reads what [`body`](Self::body) wrote.
    pub(crate) fn read(id: TaskId, entity: Option<EntityId>, body: &Bytes) -> Result<Self, Unreadable> {
        let (level, _) = codec::decode_front::<u16>(body).ok_or(CUT_SHORT)?;
        Level(level).check()?;
        let wire: Wire<'_> = codec::decode(body).ok_or(Unreadable::Damaged("its body makes no sense"))?;
        let (
            _,
            names,
            tags,
            call,
            submitted_by,
            children,
            accepted_ms,
            started,
            attempt,
            ended,
            streams,
            waits_for,
        ) = wire;
        let call = call.map(|(effector, parameters, is_idempotent)| {
            let parameters = values(body, parameters)?;
            Ok(Call {
                effector: effector.into(),
                parameters,
                is_idempotent,
            })
        });
        let stream = |(name, size, place): (&str, u64, &str)| Stream {
            name: name.into(),
            size,
            place: place.into(),
        };
        Ok(Self {
            id,
            entity,
            name: names.0.into(),
            description: names.1.into(),
            tags: tags.0.into_iter().map(Json::read).collect(),
            call: call.transpose()?,
            submitted_by,
            children: children.0,
            accepted_ms,
            started: started.map(|(at_ms, epoch)| Started { at_ms, epoch }),
            attempt,
            ended: Ended::read(ended)?,
            streams: streams.0.into_iter().map(stream).collect(),
            waits_for: waits_for.map(Into::into),
        })
    }
}

/// Level, name and description, tags, call, submitted by, children, accepted, started, attempt, ended, streams, what it waits for.
type Wire<'a> = (
    u16,
    (&'a str, &'a str),
    List<&'a str>,
    Option<(&'a str, &'a [u8], bool)>,
    Option<TaskId>,
    List<TaskId>,
    u64,
    Option<(u64, u64)>,
    u32,
    (u8, u64, &'a str),
    List<(&'a str, u64, &'a str)>,
    Option<&'a str>,
);

impl Ended {
    fn wire(&self) -> (u8, u64, &str) {
        match &self.outcome {
            Outcome::Done(result) => (1, self.at_ms, result.as_str()),
            Outcome::Failed(why) => (2, self.at_ms, why),
            Outcome::Cancelled => (3, self.at_ms, ""),
            Outcome::Interrupted(why) => (4, self.at_ms, why),
        }
    }

    fn read((kind, at_ms, what): (u8, u64, &str)) -> Result<Option<Self>, Unreadable> {
        let outcome = match kind {
            0 => return Ok(None),
            1 => Outcome::Done(Json::read(what)),
            2 => Outcome::Failed(what.into()),
            3 => Outcome::Cancelled,
            4 => Outcome::Interrupted(what.into()),
            _ => return Err(Unreadable::Damaged("an outcome of no known kind")),
        };
        Ok(Some(Self { at_ms, outcome }))
    }
}
