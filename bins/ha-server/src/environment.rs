//! What the command line takes from the process's environment, read once and passed on, so that tests can make one up.

use std::collections::BTreeMap;
use std::fmt;
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
    /// What object stores take from it.
    pub(crate) variables: Variables,
}

/// Variables by their names, as object stores look them up. Some are secret: `Debug` shows no value.
#[derive(Clone, Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    fn of_process() -> Self {
        let all = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        all.collect()
    }

    /// The value of a variable that is set.
    #[cfg(any(feature = "bucket", test))]
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

impl FromIterator<(String, String)> for Variables {
    /// Takes those that an object store may ask for.
    fn from_iter<I: IntoIterator<Item = (String, String)>>(all: I) -> Self {
        let asked = |name: &str| name == "HOME" || ASKED.iter().any(|prefix| name.starts_with(prefix));
        Self(all.into_iter().filter(|(name, _)| asked(name)).collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
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
            variables: Variables::of_process(),
        }
    }

    /// One that is made up.
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let value = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Self {
            xdg_state_home: value("XDG_STATE_HOME").map(PathBuf::from),
            home: value("HOME").map(PathBuf::from),
            rust_log: value("RUST_LOG").filter(|text| !text.trim().is_empty()),
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
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

/// How the names of such variables begin.
const ASKED: [&str; 4] = ["AWS_", "AZURE_", "AZURITE_", "GOOGLE_"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_object_stores_are_kept_and_their_values_never_shown() {
        let pairs = [
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("HOME", "/h"),
            ("PATH", "/bin"),
        ];
        let variables: Variables = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(variables.get("AWS_SECRET_ACCESS_KEY").as_deref(), Some("hunter2"));
        assert_eq!(
            (variables.get("HOME").as_deref(), variables.get("PATH")),
            (Some("/h"), None)
        );
        assert_eq!(format!("{variables:?}"), r#"["AWS_SECRET_ACCESS_KEY", "HOME"]"#);
    }

    #[test]
    fn the_state_home_is_xdgs_then_homes_and_never_a_relative_path() {
        let of = |xdg: Option<&str>, home: Option<&str>| {
            let variables = [("XDG_STATE_HOME", xdg), ("HOME", home)];
            let set: Vec<_> = variables
                .iter()
                .filter_map(|(name, value)| Some((*name, (*value)?)))
                .collect();
            Environment::of(&set).state_home()
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
