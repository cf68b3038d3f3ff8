//! How long a plane is without a master: real processes, default timings (poll 1 s, heartbeatTimeout 3 s, leaseTtl 5 s).

use std::time::Instant;

use ha_benches::{Samples, Server};
use rustix::process::Signal;

const ROUNDS: usize = 5;

fn main() {
    Server::build();
    let (mut start, mut stop, mut kill) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..ROUNDS {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let plane = dir.path().join("plane");
        let began = Instant::now();
        let first = Server::start(&plane, "first", &[]);
        start.push(first.becomes("MASTER", began));
        let second = Server::start(&plane, "second", &[]);
        let _ = second.becomes("HOT_STANDBY", Instant::now());
        // The master has seen the standby's record change.
        std::thread::sleep(std::time::Duration::from_millis(2500));
        let began = Instant::now();
        first.signal(Signal::TERM);
        stop.push(second.becomes("MASTER", began));
        drop(first);
        let third = Server::start(&plane, "third", &[]);
        let _ = third.becomes("HOT_STANDBY", Instant::now());
        std::thread::sleep(std::time::Duration::from_millis(2500));
        let began = Instant::now();
        second.signal(Signal::KILL);
        kill.push(third.becomes("MASTER", began));
    }
    println!("real processes on a directory, default timings, {ROUNDS} rounds");
    println!("start on an empty directory to MASTER   {start}  (target 200 ms)");
    println!(
        "SIGTERM to MASTER elsewhere             {stop}  (target two polls: 2 s; Brooklyn 0.4 s, with lost writes)"
    );
    println!(
        "SIGKILL to MASTER elsewhere             {kill}  (target heartbeatTimeout + a poll: 4 s; Brooklyn 30.6 s)"
    );
}
