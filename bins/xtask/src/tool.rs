//! Programs that a command needs and a machine may lack, and how they are run.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The workspace.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .ancestors()
        .nth(2)
        .expect("this package lies two levels below the workspace")
        .to_owned()
}

/// The folder of a tool's program, which goes in front of `PATH`. Unless it is there it is brought into `.tools`, which git ignores, or into the
/// folder that the environment variable `HA_TOOLS` names.
///
/// # Errors
/// If it cannot be had.
pub(crate) fn cargo_tool(name: &str, version: &str) -> Result<PathBuf, String> {
    let tools = std::env::var_os("HA_TOOLS").map_or_else(|| root().join(".tools"), PathBuf::from);
    let folder = tools.join(format!("{name}-{version}"));
    if !folder.join("bin").join(name).exists() {
        eprintln!(
            "{name} {version} is not in {}: installing it there, once, in some minutes",
            tools.display()
        );
        let mut install = Command::new("cargo");
        install
            .args(["install", name, "--version", version, "--locked", "--root"])
            .arg(&folder)
            .env("CARGO_TARGET_DIR", folder.join("target"));
        let installed = install
            .status()
            .map_err(|error| format!("cargo cannot be run: {error}"))?;
        // What is left of building it is of no use to anybody.
        let _ = std::fs::remove_dir_all(folder.join("target"));
        if !installed.success() {
            return Err(format!(
                "{name} {version} could not be installed; see above, or install it by hand: cargo install {name} --version {version} --root {}",
                folder.display()
            ));
        }
    }
    Ok(folder.join("bin"))
}

/// This process's `PATH` with a folder in front.
pub(crate) fn path_with(folder: &Path) -> std::ffi::OsString {
    let before = std::env::var_os("PATH").unwrap_or_default();
    let all = [folder.to_owned()]
        .into_iter()
        .chain(std::env::split_paths(&before));
    std::env::join_paths(all).unwrap_or(before)
}

/// Runs a command in the workspace and shows `line` each line that it prints on standard error; what it prints on standard output goes to standard
/// error. Says whether it succeeded.
///
/// # Errors
/// If it cannot be run.
pub(crate) fn watch(command: &mut Command, mut line: impl FnMut(&str)) -> Result<bool, String> {
    let shown = format!("{:?}", command.get_program());
    let failed = |error: std::io::Error| format!("{shown} cannot be run: {error}");
    command
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let stderr = child.stderr.take().expect("standard error is a pipe");
    for text in BufReader::new(stderr).split(b'\n') {
        line(&String::from_utf8_lossy(&text.map_err(failed)?));
    }
    Ok(child.wait().map_err(failed)?.success())
}
