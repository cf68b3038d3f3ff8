//! The faulty proxy as a program, for use by hand and by benches: it prints its address, passes on what it is told to do badly, and tells on
//! SIGINT or SIGTERM what has passed.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ha_tests::proxy::{Answer, Counts, End, Fault, Kind, Proxy, Rule};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// A bad connection to an HTTP server, such as an S3 server. Chances are in a thousand requests.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The server: host and port
    #[arg(long, value_parser = address)]
    upstream: SocketAddr,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The same seed and order of requests give the same faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Half of the requests are delayed less, such as 60ms
    #[arg(long, value_parser = duration, default_value = "0ms")]
    p50: Duration,
    /// One in a hundred is delayed more; always `p50` if this is no greater
    #[arg(long, value_parser = duration, default_value = "0ms")]
    p99: Duration,
    /// 503 SlowDown, and nothing is done
    #[arg(long, default_value_t = 0)]
    throttle_per_mille: u32,
    /// 500 InternalError, after the server has acted
    #[arg(long, default_value_t = 0)]
    error_per_mille: u32,
    /// 409 ConditionalRequestConflict to conditional writes, and nothing is done
    #[arg(long, default_value_t = 0)]
    conflict_per_mille: u32,
    /// The connection is reset, and nothing is done
    #[arg(long, default_value_t = 0)]
    request_lost_per_mille: u32,
    /// The connection is reset after the server has acted
    #[arg(long, default_value_t = 0)]
    reply_lost_per_mille: u32,
    /// The client hears nothing after the server has acted
    #[arg(long, default_value_t = 0)]
    reply_silent_per_mille: u32,
    /// The request arrives twice
    #[arg(long, default_value_t = 0)]
    duplicate_per_mille: u32,
    /// The connection is reset, and the request arrives after a second
    #[arg(long, default_value_t = 0)]
    late_per_mille: u32,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ha-faulty-proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut interrupt, mut terminate) = runtime.block_on(async {
        let signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok::<_, std::io::Error>(signals)
    })?;
    let proxy = Proxy::listen(arguments.listen, arguments.upstream, arguments.seed)?;
    rules(arguments).into_iter().for_each(|rule| proxy.add(rule));
    println!("{}", proxy.address());
    runtime.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    });
    println!("{}", report(&proxy.counts()));
    Ok(())
}

fn rules(arguments: &Arguments) -> Vec<Rule> {
    let mut rules = Vec::new();
    if !arguments.p50.is_zero() {
        let (p50, p99) = (arguments.p50, arguments.p99);
        rules.push(Rule::new(Fault::Delay { p50, p99 }));
    }
    let mut add = |per_mille: u32, rule: Rule| {
        if per_mille > 0 {
            rules.push(rule.per_mille(per_mille));
        }
    };
    let conflict = Rule::new(Fault::Instead(Answer::CONFLICT)).on(Kind::Create);
    add(
        arguments.throttle_per_mille,
        Rule::new(Fault::Instead(Answer::SLOW_DOWN)),
    );
    add(
        arguments.error_per_mille,
        Rule::new(Fault::Masked(Answer::INTERNAL_ERROR)),
    );
    add(arguments.conflict_per_mille, conflict);
    add(
        arguments.request_lost_per_mille,
        Rule::new(Fault::RequestLost(End::Rst)),
    );
    add(
        arguments.reply_lost_per_mille,
        Rule::new(Fault::ReplyLost(End::Rst)),
    );
    add(
        arguments.reply_silent_per_mille,
        Rule::new(Fault::ReplyLost(End::Silence)),
    );
    add(arguments.duplicate_per_mille, Rule::new(Fault::Duplicated));
    add(
        arguments.late_per_mille,
        Rule::new(Fault::Late(Duration::from_secs(1))),
    );
    rules
}

fn report(counts: &Counts) -> serde_json::Value {
    let requests: BTreeMap<_, _> = counts
        .requests
        .iter()
        .map(|(kind, count)| (kind.to_string(), count))
        .collect();
    json!({
        "requests": requests,
        "injected": counts.injected,
        "forwarded": counts.forwarded,
        "unanswered": counts.unanswered,
        "bytes_sent": counts.bytes_sent,
        "bytes_received": counts.bytes_received,
    })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|error| error.to_string())?;
    found.next().ok_or_else(|| format!("`{text}` has no address"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let millis = text
        .strip_suffix("ms")
        .map(|number| number.parse().map(Duration::from_millis));
    let duration = millis.or_else(|| {
        text.strip_suffix('s')
            .map(|number| number.parse().map(Duration::from_secs))
    });
    let usage = || format!("`{text}` is no time: give it as 60ms or 2s");
    duration.ok_or_else(usage)?.map_err(|_| usage())
}
