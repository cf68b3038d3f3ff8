//! Logs: structured, on stderr, for people by default and for machines on request.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::failure::RunError;
use crate::launch::{ConfigError, short};

/// What to log, and how.
#[derive(Clone, Debug)]
pub(crate) struct Logging {
    format: Format,
    /// Directives of an `EnvFilter` that has been parsed once.
    directives: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Format {
    Human,
    Json,
}

impl Logging {
    /// Reads the options. A level on the command line goes before `RUST_LOG`, and that before `info`.
    pub(crate) fn parse(
        format: &str,
        level: Option<&str>,
        rust_log: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let format = match format {
            "human" => Format::Human,
            "json" => Format::Json,
            other => return Err(ConfigError::LogFormat(short(other))),
        };
        let directives = match (level, rust_log) {
            (Some(level), _) if LEVELS.contains(&level) => level,
            (Some(level), _) => return Err(ConfigError::LogLevel(short(level))),
            (None, Some(directives)) => {
                EnvFilter::try_new(directives).map_err(|_| ConfigError::RustLog(short(directives)))?;
                directives
            }
            (None, None) => "info",
        };
        Ok(Self {
            format,
            directives: directives.to_owned(),
        })
    }
}

/// Begins to log, once in a process.
///
/// # Errors
/// If the process logs already.
pub(crate) fn start(logging: &Logging) -> Result<(), RunError> {
    let filter = EnvFilter::try_new(&logging.directives)
        .map_err(|source| RunError::configuration("cannot use the log level").because(source))?;
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    let started = match logging.format {
        Format::Human => log.try_init(),
        Format::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|source| RunError::execution("cannot begin to log").because(source))
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_goes_before_the_environment_and_that_before_info() {
        let directives = |level, env| Logging::parse("human", level, env).map(|logging| logging.directives);
        assert_eq!(directives(Some("debug"), Some("warn")), Ok("debug".to_owned()));
        assert_eq!(
            directives(None, Some("warn,ha_core=trace")),
            Ok("warn,ha_core=trace".to_owned())
        );
        assert_eq!(directives(None, None), Ok("info".to_owned()));
    }

    #[test]
    fn what_is_no_level_and_no_format_is_refused_by_name() {
        let refused = |format, level, env| Logging::parse(format, level, env).expect_err("is refused");
        assert_eq!(refused("xml", None, None), ConfigError::LogFormat("xml".into()));
        assert_eq!(
            refused("human", Some("loud"), None),
            ConfigError::LogLevel("loud".into())
        );
        assert_eq!(
            refused("json", Some("INFO"), None),
            ConfigError::LogLevel("INFO".into())
        );
        assert_eq!(
            refused("json", None, Some("a=b=c")),
            ConfigError::RustLog("a=b=c".into())
        );
    }
}
