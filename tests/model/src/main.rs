//! try
use ha_model::journal::{Bounds, Journal};
use ha_model::search::{Limits, search};
fn main() {
    let mut b = Bounds { nodes: 2, takeovers: 1, commits: 1, releases: 0, handovers: 0, snapshots: 0, parts: 1, restarts: 0, reads: 0, confirms: 0, skips: false, fences_stay: true };
    let (mut states, mut secs) = (50_000_000, 300);
    for a in std::env::args().skip(1) {
        let (k, v) = a.split_once('=').unwrap();
        let v: u64 = v.parse().unwrap();
        let n = v as u8;
        match k { "n" => b.nodes = n, "t" => b.takeovers = n, "c" => b.commits = n, "r" => b.releases = n, "h" => b.handovers = n, "s" => b.snapshots = n, "p" => b.parts = n, "x" => b.restarts = n, "q" => b.reads = n, "f" => b.confirms = n, "skips" => b.skips = n == 1, "fs" => b.fences_stay = n == 1, "max" => states = v as usize, "secs" => secs = v, _ => panic!() }
    }
    let j = Journal::new(b);
    let o = search(&j, Limits { states, time: std::time::Duration::from_secs(secs), verbose: true });
    println!("{b:?}: states={} depth={} exhausted={} {:.1}s", o.states, o.depth, o.exhausted, o.took.as_secs_f64());
    if let Some((why, w)) = o.violation { println!("VIOLATED in {} steps: {why}", w.len()); for (i, l) in w.iter().enumerate() { println!("  {:2} {l}", i + 1); } }
}
