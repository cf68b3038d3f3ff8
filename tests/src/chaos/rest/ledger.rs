//! The writes of all clients, by what they change: whether something that a node shows can be so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::history::{Field, Kind, Part, Shown, Told, Write};
use super::mark::Mark;
use crate::chaos::check::{Finding, Rule};

/// All writes of a plane. A client makes one after the other, and each is certain before the next, but for those that it asked for only once.
#[derive(Debug)]
pub(crate) struct Ledger<'a> {
    by_mark: HashMap<Mark, &'a Write>,
    /// Of each field in the order in which they were made.
    by_field: BTreeMap<Field, Vec<&'a Write>>,
}

/// What a node must have applied: of each client all that was acknowledged up to this number.
pub(crate) type Progress = HashMap<u64, u64>;

impl<'a> Ledger<'a> {
    pub(crate) fn of(writes: &'a [Write]) -> Self {
        let by_mark = writes.iter().map(|write| (write.mark, write)).collect();
        let mut by_field: BTreeMap<Field, Vec<&Write>> = BTreeMap::new();
        for write in writes {
            if let Some(field) = write.field() {
                by_field.entry(field).or_default().push(write);
            }
        }
        by_field
            .values_mut()
            .for_each(|of| of.sort_by_key(|write| write.mark));
        Self { by_mark, by_field }
    }

    pub(crate) fn write(&self, mark: Mark) -> Option<&'a Write> {
        self.by_mark.get(&mark).copied()
    }

    fn fields(&self) -> impl Iterator<Item = Field> {
        self.by_field.keys().copied()
    }

    /// All that was acknowledged to anybody.
    pub(crate) fn everything(&self) -> Progress {
        let mut all = Progress::new();
        for mark in self.by_mark.keys() {
            let up_to = all.entry(mark.client).or_default();
            *up_to = (*up_to).max(mark.number);
        }
        all
    }

    /// Whether a client has asked for the end of an application by then.
    pub(crate) fn may_be_gone(&self, app: Mark, by: u64) -> bool {
        let exists = Field {
            app,
            part: Part::Exists,
        };
        let mut of = self.by_field.get(&exists).into_iter().flatten();
        of.any(|write| write.clears() && write.sent <= by && write.may_be())
    }

    /// Judges what a node shows in a field at some time, when it must have applied so much.
    pub(crate) fn judge(
        &self,
        field: Field,
        seen: Option<Mark>,
        progress: &Progress,
        by: u64,
    ) -> Option<Finding> {
        let of = self.by_field.get(&field).map_or(&[][..], Vec::as_slice);
        let up_to = progress.get(&field.app.client).copied().unwrap_or_default();
        let known = of
            .iter()
            .rfind(|write| write.mark.number <= up_to && write.told == Told::Done);
        let found = |rule, how: String| {
            let what = format!("{:?} of {}", field.part, field.app);
            Some(Finding::new(rule, format!("{what} {how}")))
        };
        match (seen, known) {
            (Some(mark), _) if !of.iter().any(|write| write.mark == mark && !write.clears()) => {
                found(Rule::NeverApplied, format!("is {mark}, which nobody has sent"))
            }
            (Some(mark), _) if matches!(self.by_mark[&mark].told, Told::Refused(_)) => found(
                Rule::NeverApplied,
                format!("is {mark}, which was answered {:?}", self.by_mark[&mark].told),
            ),
            (Some(mark), Some(known)) if mark < known.mark => found(
                Rule::Lost,
                format!(
                    "is {mark}, and {} of {} was acknowledged",
                    known.kind.name(),
                    known.mark
                ),
            ),
            (None, Some(known)) if !self.is_cleared(of, known, by) => found(
                Rule::Lost,
                format!(
                    "is not there, and {} of {} was acknowledged",
                    known.kind.name(),
                    known.mark
                ),
            ),
            _ => None,
        }
    }

    /// Whether what was known may have been taken away by then.
    fn is_cleared(&self, of: &[&Write], known: &Write, by: u64) -> bool {
        let mut later = of.iter().filter(|write| write.mark >= known.mark);
        later.any(|write| write.clears() && write.sent <= by && write.may_be())
    }

    /// Judges all that a node shows at some time, when it must have applied so much.
    pub(crate) fn judge_all(&self, apps: &[Shown], progress: &Progress, by: u64) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut seen: BTreeMap<Mark, &Shown> = BTreeMap::new();
        for shown in apps {
            let Some((app, _)) = shown.marks() else {
                let how = format!("an application is called `{}`, which nobody has sent", shown.name);
                findings.push(Finding::new(Rule::NeverApplied, how));
                continue;
            };
            if let Some(other) = seen.insert(app, shown) {
                let how = format!("application {app} is there as {} and as {}", other.id, shown.id);
                findings.push(Finding::new(Rule::Duplicated, how));
            }
            findings.extend(self.is_whole(app, shown));
        }
        let shown = seen.iter().flat_map(|(app, shown)| fields_of(*app, shown));
        for field in self.fields().chain(shown).collect::<BTreeSet<_>>() {
            let shown = seen.get(&field.app).copied();
            let value = match (field.part, shown) {
                (Part::Exists, shown) => shown.map(|_| Ok(field.app)),
                // With its application all of it is gone.
                (_, None) => continue,
                (Part::Name, Some(shown)) => shown.marks().and_then(|(_, name)| name).map(Ok),
                (part, Some(shown)) => {
                    let value = shown.values.iter().find(|(of, _)| *of == part);
                    value.map(|(_, text)| text.parse())
                }
            };
            // Config and adjuncts are not shown in each answer.
            if matches!(field.part, Part::Config(_) | Part::Adjunct(_))
                && shown.is_some_and(|shown| !shown.has_config)
            {
                continue;
            }
            match value.transpose() {
                Ok(value) => findings.extend(self.judge(field, value, progress, by)),
                Err(why) => findings.push(Finding::new(Rule::NeverApplied, format!("{field:?}: {why}"))),
            }
        }
        findings
    }

    /// What was deployed in one write is there as one, and under the id that its client was told.
    fn is_whole(&self, app: Mark, shown: &Shown) -> Option<Finding> {
        let write = self.write(app)?;
        let told = match write.kind {
            Kind::Put => Some(write.id.as_str()),
            _ => write.acks.iter().find_map(|ack| ack.entity.as_deref()),
        };
        if let Some(told) = told.filter(|told| *told != shown.id) {
            let how = format!(
                "application {app} is there as {}, and its client was told {told}",
                shown.id
            );
            return Some(Finding::new(Rule::Lost, how));
        }
        let how = format!(
            "application {app} is there in part: below it is {:?}",
            shown.children
        );
        (shown.children != [super::request::LEAF]).then(|| Finding::new(Rule::Diverged, how))
    }
}

/// All fields of an application that have something in them.
fn fields_of(app: Mark, shown: &Shown) -> impl Iterator<Item = Field> {
    let name = shown.marks().and_then(|(_, name)| name).map(|_| Part::Name);
    let values = shown.values.iter().map(|(part, _)| *part);
    let parts = [Part::Exists].into_iter().chain(name).chain(values);
    parts.map(move |part| Field { app, part })
}
