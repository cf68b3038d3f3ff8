//! `ha-server demo` as a user runs it.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use ha_tests::{PATIENCE, server_binary, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A demo whose temporary files are in this directory.
fn demo(dir: &Path) -> Command {
    let mut command = Command::new(server_binary());
    command
        .args([
            "demo",
            "--pollPeriod",
            "200ms",
            "--heartbeatTimeout",
            "2s",
            "--leaseTtl",
            "4s",
        ])
        .env("TMPDIR", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn temporary() -> TempDir {
    tempfile::Builder::new()
        .prefix("ha-plane-demo-test-")
        .tempdir()
        .expect("the temporary directory is writable")
}

fn is_empty(dir: &Path) -> bool {
    dir.read_dir().expect("the directory is there").next().is_none()
}

/// How many servers run on this directory.
fn servers_on(dir: &Path) -> usize {
    let needle = dir.to_string_lossy().into_owned();
    let runs = |process: &std::fs::DirEntry| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&needle)
    };
    Path::new("/proc")
        .read_dir()
        .expect("there is a /proc")
        .flatten()
        .filter(runs)
        .count()
}

fn signal(demo: &Child, signal: Signal) {
    let pid = i32::try_from(demo.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process has an id");
    kill_process(pid, signal).expect("a child can be signalled until it has been waited for");
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn it_shows_a_takeover_and_a_handover_and_leaves_nothing_behind() {
    let dir = temporary();
    let output = demo(dir.path()).output().expect("the demo can be started");
    let (stdout, stderr) = said(&output);
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    let marks = [
        "SIGKILL",
        "last sign of life",
        "MASTER",
        "ms after the kill",
        "SIGTERM",
        "ms after the signal",
        "writes were acknowledged meanwhile: each is found on",
        "Cleaned up",
    ];
    for mark in marks {
        assert!(stdout.contains(mark), "`{mark}` is not in:\n{stdout}");
    }
    assert!(is_empty(dir.path()));
    assert_eq!(servers_on(dir.path()), 0);
}

#[test]
fn it_keeps_the_directory_when_it_is_asked_to() {
    let dir = temporary();
    let output = demo(dir.path())
        .arg("--keep")
        .output()
        .expect("the demo can be started");
    let (stdout, stderr) = said(&output);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let kept = dir
        .path()
        .read_dir()
        .expect("the directory is there")
        .flatten()
        .next()
        .expect("something is kept");
    assert!(stdout.contains(&*kept.path().to_string_lossy()), "{stdout}");
    assert!(kept.path().join("plane").is_dir() && kept.path().join("n1.log").is_file());
}

#[test]
fn an_interrupt_ends_its_servers_and_cleans_up() {
    let dir = temporary();
    let demo = demo(dir.path()).spawn().expect("the demo can be started");
    wait_for(PATIENCE, "the servers run", || servers_on(dir.path()) == 3);
    signal(&demo, Signal::INT);
    let output = demo.wait_with_output().expect("the demo ends");
    let (stdout, stderr) = said(&output);
    assert_eq!(output.status.code(), Some(2), "{stdout}\n{stderr}");
    assert!(stderr.contains("interrupted"), "{stderr}");
    assert_eq!(servers_on(dir.path()), 0);
    assert!(is_empty(dir.path()));
}

#[test]
fn its_servers_end_with_it_also_when_it_is_killed() {
    let dir = temporary();
    let mut demo = demo(dir.path()).spawn().expect("the demo can be started");
    wait_for(PATIENCE, "the servers run", || servers_on(dir.path()) == 3);
    signal(&demo, Signal::KILL);
    demo.wait().expect("the demo ends");
    wait_for(PATIENCE, "its servers end", || servers_on(dir.path()) == 0);
}
