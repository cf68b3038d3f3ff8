//! Finding the programs under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The `ha-server` under test: that of the environment variable `HA_SERVER_BIN`, else one that is built, once in a test process, by the
/// profile and into the target directory of the running test. So a plain `cargo test` never tests an old one.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn server_binary() -> &'static Path {
    static BINARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let binary = BINARY.get_or_init(|| {
        std::env::var_os("HA_SERVER_BIN")
            .map(PathBuf::from)
            .or_else(|| build("ha-server", "ha-server"))
    });
    binary.as_deref().expect("ha-server can be built")
}

/// The `ha-counter` of this build: a test's has been built before it, and lies beside it.
///
/// # Panics
/// If the running program is in no directory.
pub(crate) fn counter_binary() -> PathBuf {
    profile_directory().join("ha-counter")
}

/// The `ha-counter` for a program that is no test: that of the environment variable `HA_COUNTER_BIN`, else one that is built by the profile and
/// into the target directory of the running program.
///
/// # Errors
/// If it cannot be built.
pub fn built_counter() -> Result<PathBuf, String> {
    let given = std::env::var_os("HA_COUNTER_BIN").map(PathBuf::from);
    given
        .or_else(|| build("ha-tests", "ha-counter"))
        .ok_or_else(|| "ha-counter cannot be built; HA_COUNTER_BIN can name one that is".into())
}

/// The `ha-chaos-server` for a program that is no test: that of the environment variable `HA_CHAOS_SERVER_BIN`, else one that is built in the same way.
///
/// # Errors
/// If it cannot be built.
pub fn built_chaos_server() -> Result<PathBuf, String> {
    let given = std::env::var_os("HA_CHAOS_SERVER_BIN").map(PathBuf::from);
    given
        .or_else(|| build("ha-tests", "ha-chaos-server"))
        .ok_or_else(|| "ha-chaos-server cannot be built; HA_CHAOS_SERVER_BIN can name one that is".into())
}

/// A test is at `<target>/<profile directory>/deps/<name>`, and any other program one level above.
fn profile_directory() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its own path");
    let dir = program.parent().expect("a program lies in a directory");
    let of_profile = if dir.ends_with("deps") {
        dir.parent()
    } else {
        Some(dir)
    };
    of_profile
        .expect("a test lies two levels below its target directory")
        .to_owned()
}

fn build(package: &str, program: &str) -> Option<PathBuf> {
    let of_profile = profile_directory();
    let target = of_profile
        .parent()
        .expect("a profile has a directory in the target directory");
    let profile = match of_profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", package, "--bin", program])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo can be started");
    built.success().then(|| of_profile.join(program))
}
