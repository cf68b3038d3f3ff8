//! A command line: options, durations, prices, ports.

use std::ffi::OsString;

/// Words of command lines.
pub(crate) const WORDS: &[&str] = &[
    "launch",
    "demo",
    "probe",
    "copy-state",
    "clean-orphaned-state",
    "--persist",
    "--persistenceDir",
    "--persistenceLocation",
    "--highAvailability",
    "--port",
    "-p",
    "--bindAddress",
    "--publicAddress",
    "--nodeId",
    "--priority",
    "--pollPeriod",
    "--heartbeatTimeout",
    "--leaseTtl",
    "--profile",
    "--storePrices",
    "--stateDir",
    "--pidFile",
    "--logFormat",
    "--logLevel",
    "--storeConnectTimeout",
    "--nodes",
    "--keep",
    "--resume",
    "--help",
    "--version",
    "--",
    "=",
    "auto",
    "rebind",
    "clean",
    "disabled",
    "hot_standby",
    "master",
    "s3://bucket/prefix",
    "s3:http://h:1",
    "put=0.005,list=0.005,get=0.0004",
    "put=1e400",
    "1ms",
    "24h",
    "18446744073709551615h",
    "8081+",
    "0+",
    "65536",
    "::1",
    "economy",
    "bucket",
    "json",
    "-9223372036854775808",
    "[::1]:99999",
    "\n",
    "\u{202e}",
];

/// Longest text that says what is wrong. clap repeats what was typed, and shows the usage.
const LONGEST: usize = 8000;

/// One argument a line; the program's name is put in front.
pub(crate) fn run(data: &[u8]) {
    if data.len() > 2048 {
        return;
    }
    let variables = [("HOME", "/nonexistent"), ("XDG_STATE_HOME", "/nonexistent/state")];
    let line = [OsString::from("ha-server")].into_iter().chain(words(data));
    if let Err(words) = ha_server::read_command_line(line, &variables) {
        assert!(!words.is_empty(), "a refusal says why");
        assert!(words.len() <= LONGEST + 8 * data.len(), "{words}");
    }
}

#[cfg(unix)]
fn words(data: &[u8]) -> impl Iterator<Item = OsString> {
    use std::os::unix::ffi::OsStringExt;
    data.split(|b| *b == b'\n')
        .map(|word| OsString::from_vec(word.to_vec()))
}
