//! `ha-server probe`: does a store keep what a plane needs, how fast is it, and what does that mean for a failover?

mod bound;
mod json;
mod policies;

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ha_core::Config;
use ha_store::Store;
use ha_store::probe::{self, ProbeOptions, ProbeReport, Progress, Verdict};

use self::bound::Bound;
use self::policies::Policies;
use crate::cli::{ProbeArgs, ReportFormat};
use crate::environment::{Environment, Variables};
use crate::failure::RunError;
use crate::launch::ConfigError;
use crate::place::Place;
use crate::profile::Profile;

/// Probes the store that the arguments name, and prints what came of it.
///
/// # Errors
/// If the store is refused or could not be judged (2), or the settings cannot be used (3).
pub(crate) async fn run(args: ProbeArgs) -> Result<(), RunError> {
    let unusable = |error: ConfigError| RunError::configuration(error.to_string());
    let pair = args.persistence_location.as_deref();
    let place = Place::parse("store", &args.store, pair, &args.bucket).map_err(unusable)?;
    place.must_exist()?;
    let config = Profile::choose(args.profile.as_deref(), &place.as_persistence())
        .and_then(|profile| profile.config(&args.timings))
        .map_err(unusable)?;
    let variables = Environment::of_process().variables;
    let options = ProbeOptions::new(rand::random()).one_at_a_time().total(LONGEST);
    let report = of_place(&place, &variables, &options, &show_progress).await?;
    let bound = Bound::predict(&config, &report);
    let policies = policies::of(&place, &variables).await;
    let mut warnings = bound::warnings(&config, &report);
    warnings.extend(policies.warnings.iter().cloned());
    let text = match args.format {
        ReportFormat::Json => format!(
            "{:#}\n",
            json::report(&report, bound.as_ref(), &policies, &warnings)
        ),
        ReportFormat::Human => human(&report, &config, bound.as_ref(), &policies, &warnings),
    };
    // There is nobody left to tell that stdout is closed.
    let _ = io::stdout().write_all(text.as_bytes());
    judge(&place, &report)
}

/// Probes a place by clients of its own, which are gone afterwards.
///
/// # Errors
/// If it cannot be begun.
pub(crate) async fn of_place(
    place: &Place,
    variables: &Variables,
    options: &ProbeOptions,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<ProbeReport, RunError> {
    let (owned, looked_up) = (place.clone(), variables.clone());
    // Opening a directory blocks.
    let opened = tokio::task::spawn_blocking(move || [(); 3].map(|()| owned.open(&looked_up)));
    let opened = opened
        .await
        .map_err(|error| RunError::execution("opening the store failed").because(error))?;
    let clients: Mutex<Vec<Result<Arc<dyn Store>, ha_store::Error>>> = Mutex::new(opened.into());
    let open = || {
        let mut clients = clients.lock().expect("nothing panics while it takes a client");
        clients.pop().expect("a probe opens three clients")
    };
    let report = probe::run(open, options, progress).await;
    if let Place::Directory(path) = place {
        // Only if it is empty: what another probe has there keeps it.
        let _ = std::fs::remove_dir(path.join(probe::FOLDER));
    }
    Ok(report)
}

/// What the report means for who asked.
fn judge(place: &Place, report: &ProbeReport) -> Result<(), RunError> {
    match (report.verdict(), report.refusal()) {
        (Verdict::Passed, _) => Ok(()),
        (Verdict::Refused, _) => Err(RunError::execution(format!(
            "`{place}` is refused: {}",
            report.summary()
        ))),
        (_, Some(_)) => Err(RunError::configuration(format!(
            "`{place}`: {}",
            report.summary()
        ))),
        (_, None) => Err(RunError::execution(format!(
            "`{place}`: {}; this says nothing of whether it keeps its word: try again when it can be reached",
            report.summary()
        ))),
    }
}

fn show_progress(progress: Progress) {
    let end = if io::stderr().is_terminal() && progress.done < progress.of {
        '\r'
    } else {
        '\n'
    };
    let text = format!(
        "ha-server: {:>2} of {} checks, {} requests{end}",
        progress.done, progress.of, progress.requests
    );
    // It is only for who watches.
    let _ = io::stderr().write_all(text.as_bytes());
}

fn human(
    report: &ProbeReport,
    config: &Config,
    bound: Option<&Bound>,
    policies: &Policies,
    warnings: &[String],
) -> String {
    let mut lines = vec![report.to_string()];
    if let Some(bound) = bound {
        lines.push(format!(
            "\nA failover at heartbeat {:?}, heartbeatTimeout {:?}, leaseTtl {:?}, with the store's p99:",
            config.pace().beat,
            config.heartbeat_timeout(),
            config.lease_ttl()
        ));
        for (what, takes) in &bound.steps {
            lines.push(format!("  {:>10}  {what}", seconds(*takes)));
        }
        lines.push(format!(
            "  {:>10}  at most until another writes, if it is first in order (each before it that is dead too adds one and a half polls)",
            seconds(bound.write)
        ));
        lines.push(format!(
            "  {:>10}  at most until it may act on the world: the lease of the dead ends leaseTtl (1 + r) / (1 - r) = {} after the claim, r = {} %",
            seconds(bound.full),
            seconds(bound.lease),
            f64::from(config.drift_ppm()) / 1e4
        ));
    }
    lines.extend(policies.facts.iter().cloned());
    lines.extend(warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.join("\n") + "\n"
}

fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// A store that takes half a second for each call is judged within this.
const LONGEST: Duration = Duration::from_secs(180);
