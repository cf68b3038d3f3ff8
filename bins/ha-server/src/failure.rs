//! How a command can fail, and the exit code that says so.

use std::error::Error;
use std::process::ExitCode;

/// Exit code of a command line that could not be parsed.
pub(crate) const PARSE_ERROR: u8 = 1;
/// Exit code of work that failed.
pub(crate) const EXECUTION_ERROR: u8 = 2;
/// Exit code of settings that cannot be used.
pub(crate) const CONFIGURATION_ERROR: u8 = 3;

/// Why a command ended without having done its work. The message is for the user; it names the object and the way out.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct RunError {
    code: u8,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl RunError {
    /// The settings cannot be used: exit code 3.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self {
            code: CONFIGURATION_ERROR,
            message: message.into(),
            source: None,
        }
    }

    /// The work failed: exit code 2.
    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self {
            code: EXECUTION_ERROR,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause; it is shown behind the message.
    #[must_use]
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the process exits with.
    pub(crate) fn exit_code(&self) -> u8 {
        self.code
    }
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

/// An exit code of ours as the standard library wants it.
pub(crate) fn exit_code(code: u8) -> ExitCode {
    ExitCode::from(code)
}
