//! `cargo xtask chaos`: real processes on real stores.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ha_tests::chaos::{Bug, Campaign, Rule, Store, Verdict};

use crate::figures::Figures;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long planes are disturbed.
    #[arg(long, default_value_t = 2.0, value_parser = minutes)]
    minutes: f64,
    /// Faults are drawn from it. Processes and stores have a timing of their own, so the same seed brings back the kind of a run, not each step.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the planes live in: directory, seaweedfs or juicefs, which are made; or the URL of a bucket (s3://bucket/prefix), to which the
    /// environment has the keys (AWS_ACCESS_KEY_ID and so on), or the path of a directory, with a `/`: planes stay behind there.
    #[arg(long, default_value = "directory")]
    store: Store,
    /// So many planes of three nodes at once.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=100))]
    planes: u64,
    /// Kills masters, and does nothing else but let some nodes sleep, until there were so many takeovers or the time is over.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    takeovers: Option<u64>,
    /// Nodes are `ha-server`s whose entities act on the world, and clients write over REST.
    #[arg(long, conflicts_with_all = ["takeovers", "default_settings", "churn"])]
    entities: bool,
    /// Nodes live by the settings that they have when nothing is said, but for snapshots, which come as often as without.
    #[arg(long)]
    default_settings: bool,
    /// Hands over and stops nodes for a while, but lets all processes live, so that what they take and what lies in their stores is seen over all
    /// the time: the figures of its second and of its last quarter are shown, and growth is a violation.
    #[arg(long, conflicts_with = "takeovers")]
    churn: bool,
    /// Plants a bug in the nodes of all planes, to see that the checks see it.
    #[arg(long)]
    bug: Option<Bug>,
}

pub(crate) fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is no number of minutes"))?;
    if minutes > 0.0 && minutes < 1e6 {
        Ok(minutes)
    } else {
        Err(format!("{text} minutes are too few or too many"))
    }
}

pub(crate) fn run(args: &Args) -> Result<Figures, String> {
    let began = Instant::now();
    let program = if args.entities {
        eprintln!("building ha-chaos-server");
        ha_tests::built_chaos_server()?
    } else {
        program()?
    };
    if let Some(bug) = args.bug.filter(|bug| !bug.suits(args.entities)) {
        return Err(format!(
            "{bug} is no bug of these nodes: leave out --entities, or give it"
        ));
    }
    let time = Duration::from_secs_f64(args.minutes * 60.0);
    let mut campaign = Campaign::new(args.seed, time, program);
    campaign.store = args.store.clone();
    campaign.planes = usize::try_from(args.planes).expect("there are few");
    campaign.takeovers = args.takeovers;
    campaign.churn = args.churn;
    campaign.entities = args.entities;
    campaign.bugs = args.bug.map_or_else(Vec::new, |bug| vec![bug; campaign.planes]);
    campaign.default_settings = args.default_settings;
    campaign.evidence = evidence();
    let verdict = campaign.run(&|words| eprintln!("{words}"))?;
    let verdict =
        verdict.ok_or("this store is not here, so nothing was done: eval \"$(.ci/tools)\" brings it")?;
    Ok(report(&verdict, began, args.entities).with("seed", args.seed))
}

/// Builds the service that is run.
pub(crate) fn program() -> Result<PathBuf, String> {
    eprintln!("building ha-counter");
    ha_tests::built_counter()
}

/// Where evidence is kept.
pub(crate) fn evidence() -> PathBuf {
    crate::tool::root().join("target/chaos")
}

/// What was skipped and what was broken, for people.
pub(crate) fn tell(verdict: &Verdict, has_entities: bool) {
    for why in &verdict.skipped {
        eprintln!("skipped: {why}");
    }
    let mut told: BTreeMap<_, usize> = BTreeMap::new();
    for broken in &verdict.broken {
        let before = told.entry((broken.plane, broken.rule)).or_default();
        *before += 1;
        // One cause may break a rule a thousand times.
        if *before <= 10 {
            eprintln!("VIOLATION {}", broken.how);
        }
    }
    if let Some(dir) = &verdict.evidence {
        let dir = dir.display();
        if has_entities {
            eprintln!(
                "The evidence is in {dir}: logs (site-*/), acts, what clients asked and were told (writes), and what the nodes showed in the end (shown)."
            );
            return;
        }
        eprintln!(
            "The evidence is in {dir}: logs, acts, what was applied (applied/), and the history of each round, which"
        );
        eprintln!("    cargo xtask linearize --file {dir}/<round>/history.jsonl");
        eprintln!("judges again. The state of a plane's store is beside it.");
    }
}

fn report(verdict: &Verdict, began: Instant, has_entities: bool) -> Figures {
    tell(verdict, has_entities);
    let tally = &verdict.tally;
    let millis = |time: Duration| time.as_millis();
    let mut figures = Figures::default()
        .with("planes", tally.planes)
        .with("seconds", format!("{:.1}", began.elapsed().as_secs_f64()))
        .with("faults", tally.faults());
    for (kind, count) in &tally.faults {
        figures = figures.with(kind.name(), count);
    }
    for (resource, (then, now)) in &tally.quarters {
        let key = |when: &str| format!("{}_{when}", resource.name());
        figures = figures.with(&key("before"), then).with(&key("after"), now);
    }
    for (what, count) in &tally.rest {
        figures = figures.with(what, count);
    }
    figures
        .with("connection_faults", tally.connection_faults)
        .with("takeovers", tally.takeovers)
        .with("takeovers_timed", tally.took_over.len())
        .with("takeover_ms_p50", millis(tally.took_over_percentile(50, true)))
        .with("takeover_ms_p99", millis(tally.took_over_percentile(99, true)))
        .with("nobody_awake", tally.took_over_count(false))
        .with(
            "nobody_awake_ms_p99",
            millis(tally.took_over_percentile(99, false)),
        )
        .with("recovery_ms_max", millis(tally.slowest_recovery))
        .with("acknowledged", tally.acknowledged)
        .with("refused", tally.refused)
        .with("unknown", tally.unknown)
        .with("reads", tally.reads)
        .with("acts", tally.acts)
        .with("acts_late", tally.acts_late)
        .with("slept_past_collection", tally.slept_past_collection)
        .with("restored", tally.restored)
        .with("resolved", tally.resolved)
        .with("restarted", tally.restarted)
        .with("lost", verdict.count(Rule::Lost))
        .with("duplicated", verdict.count(Rule::Duplicated))
        .with("refused_but_applied", verdict.count(Rule::NeverApplied))
        .with("stale", verdict.count(Rule::Stale))
        .with("two_acted", verdict.count(Rule::TwoActed))
        .with("acted_twice", verdict.count(Rule::ActedTwice))
        .violations(verdict.broken.len() as u64)
}
