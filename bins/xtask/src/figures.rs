//! The last line of every command.

use std::fmt::{Display, Formatter};
use std::process::ExitCode;

/// Figures, in the order in which they are shown.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pairs: Vec<(String, String)>,
    violations: u64,
}

impl Figures {
    pub(crate) fn with(mut self, key: &str, value: impl Display) -> Self {
        self.pairs.push((key.replace(' ', "_"), value.to_string()));
        self
    }

    /// So many things did not hold.
    pub(crate) fn violations(mut self, count: u64) -> Self {
        self.violations = count;
        self
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.violations == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl Display for Figures {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for (key, value) in &self.pairs {
            write!(f, "{key}={value} ")?;
        }
        write!(f, "violations={}", self.violations)
    }
}
