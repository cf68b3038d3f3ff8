//! Durable appends on a directory, beside the bare system calls that one consists of: write, fsync, link, fsync of the folder.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ha_benches::{CHANGE, Samples, appends, bare_create, side_by_side};
use ha_core::{NodeId, Plane};
use ha_store::DirectoryStore;

const ROUNDS: usize = 8;
const EACH: usize = 100;
const CLIENTS: usize = 64;

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let bare_dir = dir.path().join("bare");
    std::fs::create_dir(&bare_dir).expect("a folder");
    println!(
        "durable appends on {} (changes of {CHANGE} bytes)",
        dir.path().display()
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let plane = runtime.block_on(start(&dir.path().join("plane")));
    let (mut bare, mut one, mut many) = (Samples::default(), Samples::default(), Samples::default());
    let (mut many_time, mut bare_time) = (Duration::ZERO, Duration::ZERO);
    let mut number = 0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..EACH {
            number += 1;
            bare.push(bare_create(&bare_dir, number));
        }
        bare_time += began.elapsed();
        one.extend(runtime.block_on(appends(plane.clone(), |done| done < EACH)));
        let began = Instant::now();
        many.extend(runtime.block_on(side_by_side(&plane, CLIENTS, |done| done < EACH)));
        many_time += began.elapsed();
    }
    runtime.block_on(plane.stop());
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!("bare create                       {bare}");
    println!("one appender                      {one}");
    println!(
        "  p50 / bare p50                  {:.2}  (target <= 1.3)",
        ratio(one.p50(), bare.p50())
    );
    println!("{CLIENTS} appenders, one change each     {many}");
    println!(
        "  p50 / bare p50                  {:.2}  (target <= 1.3)",
        ratio(many.p50(), bare.p50())
    );
    let per_second = many.len() as f64 / many_time.as_secs_f64();
    let ideal = CLIENTS as f64 / (bare_time.as_secs_f64() / bare.len() as f64);
    println!(
        "  commits/s                       {per_second:.0}, {:.2} of {CLIENTS} / bare create  (target >= 0.8)",
        per_second / ideal
    );
}

async fn start(dir: &Path) -> Plane {
    let store = Arc::new(DirectoryStore::open(dir).expect("a directory store"));
    let plane = Plane::builder(NodeId::new("bench").expect("a name"), store)
        .start()
        .expect("threads");
    plane.leadership().await.expect("a lone node leads");
    plane
}
