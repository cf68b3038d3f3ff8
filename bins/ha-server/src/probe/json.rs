//! The report for machines.

use std::time::Duration;

use ha_store::probe::{Outcome, ProbeReport, SERVERS, Standing, Verdict};
use serde_json::{Map, Value, json};

use super::bound::Bound;
use super::policies::Policies;

/// All of a report as one object. Times are milliseconds.
pub(crate) fn report(
    report: &ProbeReport,
    bound: Option<&Bound>,
    policies: &Policies,
    warnings: &[String],
) -> Value {
    json!({
        "store": report.store,
        "verdict": verdict(report.verdict()),
        "summary": report.summary(),
        "checks": report.checks.iter().map(check).collect::<Vec<_>>(),
        "requests": report.requests,
        "tookMs": ms(report.took),
        "swept": report.swept,
        "latencies": latencies(report),
        "failover": bound.map(failover),
        "policies": policies.facts,
        "warnings": warnings,
        "servers": SERVERS.iter().map(|server| json!({
            "name": server.name,
            "standing": standing(server.standing),
            "note": server.note,
        })).collect::<Vec<_>>(),
    })
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Refused => "refused",
        _ => "unjudged",
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Passed => "passed",
        Standing::Documented => "documented",
        _ => "failed",
    }
}

fn check(report: &ha_store::probe::CheckReport) -> Value {
    let (outcome, detail) = match &report.outcome {
        Outcome::Passed => ("passed", None),
        Outcome::Violated(seen) => ("violated", Some(seen)),
        Outcome::Unjudged { why, .. } => ("unjudged", Some(why)),
        _ => ("unknown", None),
    };
    json!({
        "check": report.check.name(),
        "promise": report.check.to_string(),
        "outcome": outcome,
        "detail": detail,
        "tookMs": ms(report.took),
    })
}

fn latencies(report: &ProbeReport) -> Value {
    let each = report.latencies.iter().map(|latency| {
        let times = json!({
            "calls": latency.calls,
            "p50Ms": ms(latency.p50),
            "p99Ms": ms(latency.p99),
            "maxMs": ms(latency.max),
        });
        (latency.operation.to_string(), times)
    });
    Value::Object(each.collect::<Map<_, _>>())
}

fn failover(bound: &Bound) -> Value {
    json!({
        "writeMs": ms(bound.write),
        "leaseMs": ms(bound.lease),
        "fullMs": ms(bound.full),
        "steps": bound.steps.iter().map(|(what, takes)| json!({ "what": what, "ms": ms(*takes) })).collect::<Vec<_>>(),
    })
}

/// To the microsecond.
fn ms(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}
