//! Many worlds: the sum of what happened in them, and whether that was enough.

use crate::{Marks, Report, Tally, Violation};

/// From so many worlds on every mark must have been hit.
pub const ENOUGH: u64 = 300;

/// The sum of many worlds.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// How many.
    pub worlds: u64,
    /// Counts.
    pub tally: Tally,
    /// What must happen sometimes.
    pub marks: Marks,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// Worlds in which nothing happened.
    pub empty: Vec<u64>,
    /// Its worlds are not as the seeds have drawn them: not every mark can be hit.
    pub is_narrowed: bool,
}

impl Summary {
    /// One world more.
    pub fn add(&mut self, result: Result<Report, Violation>) {
        self.worlds += 1;
        match result {
            Ok(report) => {
                let t = report.tally;
                if t.takeovers == 0 || t.acknowledged == 0 || t.faults == 0 || t.reads == 0 && t.acts == 0 {
                    self.empty.push(report.seed);
                }
                self.tally += t;
                self.marks += &report.marks;
            }
            Err(violation) => self.violations.push(violation),
        }
    }

    /// What is wrong with the whole run; empty if it is good.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> = self.violations.iter().map(ToString::to_string).collect();
        complaints.extend(
            self.empty
                .iter()
                .map(|seed| format!("seed {seed}: nothing happened")),
        );
        if self.worlds == 0 {
            complaints.push(String::from("no world was run"));
        }
        if self.worlds >= ENOUGH && !self.is_narrowed {
            let missed = self.marks.missed();
            complaints.extend(
                missed
                    .iter()
                    .map(|mark| format!("in {} worlds never: {mark}", self.worlds)),
            );
        }
        complaints
    }
}
