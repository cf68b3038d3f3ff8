//! What the command line takes from the process's environment, read once and passed on, so that tests can make one up.

use std::path::PathBuf;

/// The environment variables that matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `XDG_STATE_HOME`.
    pub(crate) xdg_state_home: Option<PathBuf>,
    /// `HOME`.
    pub(crate) home: Option<PathBuf>,
    /// `RUST_LOG`.
    pub(crate) rust_log: Option<String>,
}

impl Environment {
    /// Reads them.
    pub(crate) fn of_process() -> Self {
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        Self {
            xdg_state_home: path("XDG_STATE_HOME"),
            home: path("HOME"),
            rust_log: std::env::var("RUST_LOG")
                .ok()
                .filter(|text| !text.trim().is_empty()),
        }
    }

    /// Where state of ours lives by default: `$XDG_STATE_HOME/ha-plane`, else `~/.local/state/ha-plane`. A path that is not
    /// absolute counts as unset, as the XDG base directory specification demands.
    pub(crate) fn state_home(&self) -> Option<PathBuf> {
        let xdg = self.xdg_state_home.clone().filter(|path| path.is_absolute());
        let home = || {
            self.home
                .clone()
                .filter(|path| path.is_absolute())
                .map(|home| home.join(".local/state"))
        };
        xdg.or_else(home).map(|state| state.join("ha-plane"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_home_is_xdgs_then_homes_and_never_a_relative_path() {
        let of = |xdg: Option<&str>, home: Option<&str>| {
            let path = |text: Option<&str>| text.map(PathBuf::from);
            Environment {
                xdg_state_home: path(xdg),
                home: path(home),
                rust_log: None,
            }
            .state_home()
        };
        assert_eq!(of(Some("/x"), Some("/h")), Some("/x/ha-plane".into()));
        assert_eq!(of(None, Some("/h")), Some("/h/.local/state/ha-plane".into()));
        assert_eq!(
            of(Some("relative"), Some("/h")),
            Some("/h/.local/state/ha-plane".into())
        );
        assert_eq!(of(Some(""), None), None);
    }
}
