//! The managed state on one core: applying changes of sensors, loading a snapshot until it can be read, and reading all of it; beside the copying
//! and the hashing of the same bytes. Times are those that the thread had a core.
//!
//! `HA_ENTITIES` sets how many entities there are in the larger run (default 1,000,000).

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use ha_core::proto::Digest;
use ha_rebind::{Batch, BatchBytes, Change, Entity, EntityId, Json, Level, Part, State};

const CHANGES: usize = 2_000_000;
const PER_BATCH: usize = 100;
const SENSORS: usize = 12;

/// Set for the process that loads: the folder of the parts.
const FOLDER: &str = "HA_REBIND_PARTS";

fn main() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return load(Path::new(&folder));
    }
    let larger = std::env::var("HA_ENTITIES").ok().and_then(|n| n.parse().ok());
    for count in [100_000, larger.unwrap_or(1_000_000)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut state = made(count);
        apply(&mut state, count);
        snapshot(&state, folder.path());
        drop(state);
        // In a process of its own, so that its memory is that of the state alone.
        let program = std::env::current_exe().expect("this program");
        let done = Command::new(program).env(FOLDER, folder.path()).status();
        assert!(done.expect("it can be started").success());
    }
}

/// A state of applications with 99 children each, whose entities are stored in about 1 kB.
fn made(count: usize) -> State {
    let mut state = State::default();
    let level = Level::FIRST;
    let ids: Vec<EntityId> = (0..count).map(name).collect();
    let (body, sensors) = template();
    for (number, ids) in ids.chunks(100).enumerate() {
        let create = |(at, entity): (usize, &EntityId)| Change::Create {
            entity: entity.clone(),
            parent: (at > 0).then(|| ids[0].clone()),
            body: &body,
            sensors: &sensors,
        };
        let changes = ids.iter().enumerate().map(create).collect();
        let batch = Batch {
            after: number as u64,
            number: number as u64 + 1,
            changes,
        };
        state.apply(&batch.encode(level), 1000);
    }
    assert_eq!((state.entity_count(), state.skipped()), (count, 0));
    state
}

/// Ids as they are drawn: without an order.
fn name(number: usize) -> EntityId {
    let mut rest = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut digit = || {
        let digit = b"abcdefghijklmnopqrstuvwxyz012345"[(rest & 31) as usize];
        rest >>= 5;
        char::from(digit)
    };
    let text: String = (0..12).map(|_| digit()).collect();
    EntityId::new(&text).expect("letters and digits")
}

/// The body and the sensors of an entity as it is deployed, by way of a batch that makes one.
fn template() -> (Vec<u8>, Vec<u8>) {
    let mut entity = Entity::new(
        name(0),
        "org.apache.brooklyn.entity.stock.BasicEntity",
        "a web server of the shop",
    );
    entity.created_ms = 1_466_414_301_065;
    for at in 0..12 {
        let name = format!("config.key.number{at}");
        entity.config.set(&name, &Json::string("a value of some length"));
    }
    for at in 0..SENSORS {
        let name = format!("sensor.name.number{at}");
        entity.sensors.set(&name, &Json::from(&(1000 + at).into()));
    }
    entity.tags = vec![Json::string("a tag")];
    let mut staging = ha_rebind::Staging::default();
    let state = State::default();
    let evaluated = staging.evaluate(&state, None, |draft| {
        draft.create(&[entity]).map(|()| Bytes::new())
    });
    let ha_rebind::Evaluated::Staged { batch, .. } = evaluated else {
        unreachable!("{evaluated:?}");
    };
    let bytes = BatchBytes::read(&batch).expect("as it was encoded");
    let batch = bytes.batch().expect("as it was encoded");
    match &batch.changes[..] {
        [Change::Create { body, sensors, .. }] => (body.to_vec(), sensors.to_vec()),
        other => unreachable!("{other:?}"),
    }
}

fn apply(state: &mut State, count: usize) {
    let mut batches = Vec::with_capacity(CHANGES / PER_BATCH);
    let first = state.last();
    let ids: Vec<EntityId> = (0..count).map(name).collect();
    let values: Vec<String> = (0..PER_BATCH).map(|n| format!("{}", 950 + n)).collect();
    let sensors: Vec<String> = (0..SENSORS).map(|n| format!("sensor.name.number{n}")).collect();
    let mut at = 1usize;
    for number in 0..(CHANGES / PER_BATCH) as u64 {
        let change = |n: usize| {
            at = at
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let entity = ids[(at >> 33) % count].clone();
            Change::SetSensor {
                entity,
                sensor: &sensors[(at >> 20) % SENSORS],
                value: &values[(n + at) % PER_BATCH],
            }
        };
        let changes = (0..PER_BATCH).map(change).collect();
        let batch = Batch {
            after: first + number,
            number: first + number + 1,
            changes,
        };
        batches.push(batch.encode(Level::FIRST));
    }
    let bytes: usize = batches.iter().map(Vec::len).sum();
    let began = Cpu::now();
    for batch in &batches {
        let bytes = BatchBytes::read(batch).expect("good");
        black_box(bytes.batch()).expect("good");
    }
    let decoded = began.elapsed();
    let began = Cpu::now();
    for batch in &batches {
        state.apply(batch, 2000);
    }
    let took = began.elapsed();
    assert_eq!(state.skipped(), 0);
    let began = Cpu::now();
    for batch in &batches {
        black_box(Digest::of(batch));
    }
    let hashed = began.elapsed();
    println!("{count} entities, {CHANGES} changes of sensors at random, {PER_BATCH} a batch");
    println!(
        "  apply                  {}  (target >= 2 M/s)",
        rate(CHANGES, took, "changes/s")
    );
    println!("  of it, decoding        {:.2}", ratio(decoded, took));
    println!(
        "  apply / SHA-256 of the same {} bytes  {:.2}",
        bytes,
        ratio(took, hashed)
    );
}

fn snapshot(state: &State, folder: &Path) {
    let began = Cpu::now();
    let parts = state.parts();
    let took = began.elapsed();
    println!(
        "  snapshot               {}",
        rate(state.entity_count(), took, "entities/s")
    );
    for (number, part) in parts.iter().enumerate() {
        std::fs::write(folder.join(format!("{number:08}")), part).expect("room for the parts");
    }
}

fn load(folder: &Path) {
    let names = std::fs::read_dir(folder).expect("the folder of the parts");
    let mut names: Vec<_> = names.map(|entry| entry.expect("its entries").path()).collect();
    names.sort();
    let read = |name| Bytes::from(std::fs::read(name).expect("a part"));
    let parts: Vec<Bytes> = names.iter().map(read).collect();
    let bytes: usize = parts.iter().map(Bytes::len).sum();
    let before = resident();
    let began = Cpu::now();
    let mut state = State::default();
    for part in &parts {
        state.take(Part::read(part.clone()).expect("a good part"));
    }
    state
        .entity(&name(7))
        .expect("it is there")
        .expect("it can be read");
    let ready = began.elapsed();
    let held = resident().saturating_sub(before);
    let count = state.entity_count();
    let began = Cpu::now();
    assert_eq!(state.quarantined().len(), 0);
    let all = began.elapsed();
    println!(
        "{count} entities of {} bytes in {} parts",
        bytes / count,
        parts.len()
    );
    println!("  to the first read      {}", rate(count, ready, "entities/s"));
    println!(
        "  and all decoded        {}  (target >= 300,000 a core)",
        rate(count, ready + all, "entities/s")
    );
    println!(
        "  resident               {} bytes an entity beside its part, {:.2} GiB in all  (target <= 1.5 for a million)",
        held / count,
        resident() as f64 / f64::from(1 << 30)
    );
    let began = Cpu::now();
    for part in &parts {
        black_box(part.to_vec());
    }
    let copied = began.elapsed();
    let began = Cpu::now();
    for part in &parts {
        black_box(Digest::of(part));
    }
    let hashed = began.elapsed();
    println!(
        "  ready / copying the same bytes        {:.2}",
        ratio(ready, copied)
    );
    println!(
        "  ready / SHA-256 of the same bytes     {:.2}",
        ratio(ready, hashed)
    );
    println!(
        "  all decoded / SHA-256 of the same     {:.2}",
        ratio(ready + all, hashed)
    );
}

fn rate(count: usize, took: Duration, what: &str) -> String {
    format!("{:>12.0} {what} ({took:.2?})", count as f64 / took.as_secs_f64())
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kib.expect("a number") << 10
}

/// The time that this thread has had a core: others may be busy beside it.
struct Cpu(Duration);

impl Cpu {
    fn now() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let seconds = Duration::from_secs(u64::try_from(time.tv_sec).expect("time goes on"));
        Self(seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).expect("nanoseconds")))
    }

    fn elapsed(&self) -> Duration {
        Self::now().0 - self.0
    }
}
