//! What an idle node takes: resident memory and CPU of each role at a 1 s poll, and what an idle plane adds to its journal.

use std::path::Path;
use std::time::{Duration, Instant};

use ha_benches::Server;

const IDLE: Duration = Duration::from_secs(20);

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let plane = dir.path().join("plane");
    let master = Server::start(&plane, "master", &[]);
    let _ = master.becomes("MASTER", Instant::now());
    let roles = [
        ("STANDBY", "standby"),
        ("HOT_STANDBY", "hot_standby"),
        ("HOT_BACKUP", "hot_backup"),
    ];
    let others: Vec<_> = roles
        .iter()
        .map(|(role, mode)| {
            let server = Server::start(&plane, mode, &["--highAvailability", mode]);
            let _ = server.becomes(role, Instant::now());
            (*role, server)
        })
        .collect();
    let all: Vec<_> = std::iter::once(("MASTER", master)).chain(others).collect();
    std::thread::sleep(Duration::from_secs(3));
    let entries = journal_entries(&plane);
    let before: Vec<_> = all.iter().map(|(_, s)| s.usage().1).collect();
    std::thread::sleep(IDLE);
    println!("idle plane of four nodes on a directory, 1 s poll, {IDLE:?}");
    for ((role, server), before) in all.iter().zip(before) {
        let (rss, cpu) = server.usage();
        let share = (cpu.saturating_sub(before)).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
        println!(
            "{role:12} {:5.1} MiB resident (target 20), {share:.3} % of a core (target 0.5)",
            rss as f64 / 1024.0
        );
    }
    println!(
        "journal      {} entries before, {} after (target: none added)",
        entries,
        journal_entries(&plane)
    );
}

fn journal_entries(plane: &Path) -> usize {
    let folders = std::fs::read_dir(plane.join("journal"))
        .into_iter()
        .flatten()
        .flatten();
    folders
        .map(|f| std::fs::read_dir(f.path()).into_iter().flatten().count())
        .sum()
}
