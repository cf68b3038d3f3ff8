//! What clients asked over REST, and what they were told.

use std::collections::BTreeMap;

use super::mark::Mark;

/// A part of an application that its client writes, and nobody else.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Part {
    /// That it is there.
    Exists,
    Name,
    Sensor(u64),
    Config(u64),
    /// The adjunct that was attached by the write of this number.
    Adjunct(u64),
}

/// A part of one application, which is known by the mark that it was deployed with.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Field {
    pub(crate) app: Mark,
    pub(crate) part: Part,
}

/// What is written.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    /// `POST /applications`.
    Deploy,
    /// The same, and it is asked for only once: what is refused is not asked for again.
    DeployOnce,
    /// `PUT /applications/{id}`.
    Put,
    /// The same with an id that there is already.
    PutTaken,
    Delete,
    SetSensor(u64),
    RemoveSensor(u64),
    SetConfig(u64),
    Rename,
    Invoke {
        is_idempotent: bool,
    },
    /// A call without an argument that it needs.
    InvokeBadly,
    /// A policy that strikes when its sensor is high, or a feed.
    Attach {
        is_feed: bool,
    },
    /// Removes the adjunct that was attached by the write of this number.
    Detach(u64),
    /// Sets the sensor that policies look at.
    SetLevel {
        is_high: bool,
    },
}

impl Kind {
    /// What it is counted under.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deployed",
            Self::DeployOnce => "deployed_at_once",
            Self::Put => "put",
            Self::PutTaken => "put_taken",
            Self::Delete => "deleted",
            Self::SetSensor(_) => "sensors_set",
            Self::RemoveSensor(_) => "sensors_removed",
            Self::SetConfig(_) => "config_set",
            Self::Rename => "renamed",
            Self::Invoke { is_idempotent: true } => "called_idempotent",
            Self::Invoke { is_idempotent: false } => "called",
            Self::InvokeBadly => "called_badly",
            Self::Attach { is_feed: false } => "policies_attached",
            Self::Attach { is_feed: true } => "feeds_attached",
            Self::Detach(_) => "adjuncts_removed",
            Self::SetLevel { .. } => "levels_set",
        }
    }

    /// Whether it is refused whatever happens.
    pub(crate) fn is_wrong(self) -> bool {
        matches!(self, Self::PutTaken | Self::InvokeBadly)
    }
}

/// One write of one client.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    /// Its own.
    pub(crate) mark: Mark,
    pub(crate) kind: Kind,
    /// Of which application; a deployment's is its own.
    pub(crate) app: Mark,
    /// That application's id, if it is known before.
    pub(crate) id: String,
    /// The id of the adjunct that it is about, if it is about one that is there.
    pub(crate) adjunct: String,
    /// When it was sent first, in microseconds of the clock of all clients.
    pub(crate) sent: u64,
    pub(crate) told: Told,
    /// All that acknowledged it: the first time, and when it was asked for again later.
    pub(crate) acks: Vec<Ack>,
    /// What it was refused with after it had been acknowledged.
    pub(crate) taken_back: Vec<u16>,
    /// How often it was sent.
    pub(crate) attempts: u64,
}

/// What a client knows of its write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    Done,
    /// Certainly not applied: the last answer was this, and none of those before was uncertain.
    Refused(u16),
    Unknown,
}

/// An answer that acknowledges.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Ack {
    pub(crate) at: u64,
    /// Which process, if that is certain.
    pub(crate) by: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) entity: Option<String>,
    pub(crate) adjunct: Option<String>,
}

impl Write {
    pub(crate) fn new(mark: Mark, kind: Kind, app: Mark, id: &str) -> Self {
        Self {
            mark,
            kind,
            app,
            id: id.into(),
            adjunct: String::new(),
            sent: 0,
            told: Told::Unknown,
            acks: Vec::new(),
            taken_back: Vec::new(),
            attempts: 0,
        }
    }

    /// What it changes; a call changes nothing here, and what policies look at changes by number.
    pub(crate) fn field(&self) -> Option<Field> {
        let part = match self.kind {
            Kind::Deploy | Kind::DeployOnce | Kind::Put | Kind::PutTaken | Kind::Delete => Part::Exists,
            Kind::SetSensor(number) | Kind::RemoveSensor(number) => Part::Sensor(number),
            Kind::SetConfig(number) => Part::Config(number),
            Kind::Rename => Part::Name,
            Kind::Attach { .. } => Part::Adjunct(self.mark.number),
            Kind::Detach(number) => Part::Adjunct(number),
            Kind::Invoke { .. } | Kind::InvokeBadly | Kind::SetLevel { .. } => return None,
        };
        Some(Field { app: self.app, part })
    }

    /// Whether it leaves nothing there.
    pub(crate) fn clears(&self) -> bool {
        matches!(self.kind, Kind::Delete | Kind::RemoveSensor(_) | Kind::Detach(_))
    }

    /// Whether it may be applied.
    pub(crate) fn may_be(&self) -> bool {
        !matches!(self.told, Told::Refused(_))
    }

    /// The task that it was answered with.
    pub(crate) fn task(&self) -> Option<&str> {
        self.acks.iter().find_map(|ack| ack.task.as_deref())
    }
}

/// An application as a node showed it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Shown {
    pub(crate) id: String,
    /// How it is called; no mark if nobody sent that.
    pub(crate) name: String,
    /// Its children by name.
    pub(crate) children: Vec<String>,
    pub(crate) state: String,
    /// Values of sensors, and of config where that was asked for, by part.
    pub(crate) values: Vec<(Part, String)>,
    /// Whether config was asked for, and adjuncts.
    pub(crate) has_config: bool,
    /// The number that policies look at.
    pub(crate) level: Option<i64>,
    /// What an enricher has made of the first of its sensors.
    pub(crate) copy: Option<String>,
    /// By what feeds were attached that have looked: in which epoch they did last.
    pub(crate) seen: BTreeMap<String, u64>,
    pub(crate) adjuncts: Vec<ShownAdjunct>,
    /// Whether a task of it has not ended, where that was asked for.
    pub(crate) is_at_work: bool,
}

/// An adjunct as a node showed it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ShownAdjunct {
    pub(crate) id: String,
    /// What its client called it: the mark of the write that attached it.
    pub(crate) mark: String,
    pub(crate) is_feed: bool,
    /// Of a policy: whether it has seen its sensor high.
    pub(crate) has_crossed: bool,
}

impl Shown {
    /// Whether each policy has seen what its sensor is.
    pub(crate) fn policies_are_up_to_date(&self) -> bool {
        let is_high = self.level.is_some_and(|level| level > 0);
        let mut policies = self.adjuncts.iter().filter(|adjunct| !adjunct.is_feed);
        policies.all(|policy| policy.has_crossed == is_high)
    }

    /// What its enricher is to make of its sensors.
    pub(crate) fn copied(&self) -> Option<&str> {
        let mut values = self.values.iter();
        let source = values.find(|(part, _)| *part == Part::Sensor(0));
        source.map(|(_, text)| text.as_str())
    }

    /// The application, and the mark of the write that named it so.
    pub(crate) fn marks(&self) -> Option<(Mark, Option<Mark>)> {
        match self.name.split_once('-') {
            None => Some((self.name.parse().ok()?, None)),
            Some((app, name)) => Some((app.parse().ok()?, Some(name.parse().ok()?))),
        }
    }
}

/// A task as a node showed it in the end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ShownTask {
    /// Brooklyn's word; empty if the node does not know the task.
    pub(crate) status: String,
    pub(crate) has_ended: bool,
    /// What it answered, or why it did not.
    pub(crate) result: String,
    /// Whether it was begun more than once.
    pub(crate) is_repeated: bool,
}

/// All that a node showed in the end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) apps: Vec<Shown>,
    /// By id.
    pub(crate) tasks: BTreeMap<String, ShownTask>,
}

/// All applications that a process showed in one answer.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) by: String,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) is_leader: bool,
    pub(crate) apps: Vec<Shown>,
}
