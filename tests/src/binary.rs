//! Finding the program under test.

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
            .or_else(build)
    });
    binary.as_deref().expect("ha-server can be built")
}

fn build() -> Option<PathBuf> {
    let test = std::env::current_exe().expect("a test knows its own path");
    // A test is at <target>/<profile directory>/deps/<name>.
    let of_profile = test
        .parent()
        .and_then(Path::parent)
        .expect("a test lies two levels below its target directory");
    let target = of_profile
        .parent()
        .expect("a profile has a directory in the target directory");
    let profile = match of_profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package",
            "ha-server",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo can be started");
    built.success().then(|| of_profile.join("ha-server"))
}
