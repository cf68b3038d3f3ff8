//! Settings that cannot work together are refused, and the message names the two.

use std::time::Duration;

use ha_proto::{Config, ConfigBuilder};

const MS: Duration = Duration::from_millis(1);

fn refused(builder: &ConfigBuilder, words: &[&str]) {
    let error = builder
        .clone()
        .build()
        .expect_err("they do not agree")
        .to_string();
    words
        .iter()
        .for_each(|w| assert!(error.contains(w), "`{error}` says nothing of {w}"));
}

#[test]
fn the_defaults_agree() {
    let config = Config::default();
    assert_eq!(config.poll(), 1000 * MS);
    assert_eq!(config.heartbeat_timeout(), 3000 * MS);
    assert_eq!(config.lease_ttl(), 5000 * MS);
    assert!(config.request_timeout() < config.heartbeat_timeout());
}

#[test]
fn two_polls_must_fit_into_the_heartbeat_timeout() {
    let with = |poll| {
        Config::builder()
            .poll(poll)
            .heartbeat_timeout(3000 * MS)
            .lease_ttl(60_000 * MS)
    };
    assert!(with(1500 * MS).build().is_ok());
    refused(
        &with(1501 * MS),
        &["heartbeatTimeout", "3s", "1.501s", "two poll periods"],
    );
    refused(&with(Duration::ZERO), &["poll"]);
}

#[test]
fn two_polls_must_fit_into_the_lease_less_its_grace() {
    let with = |ttl, grace| Config::builder().lease_ttl(ttl).stop_grace(grace);
    assert!(with(3000 * MS, 1000 * MS).build().is_ok());
    refused(&with(3000 * MS, 1001 * MS), &["leaseTtl", "3s", "1.001s", "1s"]);
    refused(&with(3000 * MS, 9000 * MS), &["leaseTtl"]);
}

#[test]
fn bounds_of_drift_and_entries() {
    assert!(Config::builder().drift_ppm(499_999).build().is_ok());
    refused(&Config::builder().drift_ppm(500_000), &["drift"]);
    refused(&Config::builder().batch_bytes(0), &["8 MiB"]);
    refused(&Config::builder().batch_bytes((8 << 20) + 1), &["8 MiB"]);
    assert!(Config::builder().batch_bytes(8 << 20).build().is_ok());
}
