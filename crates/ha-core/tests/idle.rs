//! What a member costs while nothing happens. The only test of its process.

mod common;

use std::time::Duration;

use common::{becomes, builder};
use ha_core::Role;
use ha_store::MemoryStore;

/// The time that this process has computed, in hundredths of a second.
fn computed() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a process has a stat");
    let behind_name = stat.rsplit(')').next().expect("a name in parentheses");
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    [11, 12]
        .map(|i| fields[i].parse::<u64>().expect("ticks"))
        .iter()
        .sum()
}

#[tokio::test]
async fn an_idle_member_does_not_keep_a_core_busy() {
    let plane = builder("n1", MemoryStore::default()).start().unwrap();
    becomes(&plane, Role::Master).await;
    let before = computed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let took = computed() - before;
    assert!(took < 40, "{took} hundredths of a second in two seconds");
}
