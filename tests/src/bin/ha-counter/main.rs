//! A small service that embeds `ha-core`, for the tests: its state is a list of values, in the order in which they were committed.
//!
//! It takes commands from stdin, one a line, each with a number of its own in front, and answers on stdout with one line of JSON each, in
//! whatever order they are done:
//!
//! | command | answer |
//! |---|---|
//! | `append VALUE` | `committed` and `epoch`; or `fenced` and why; or `unknown`: `epoch`, `slot`, `write_id` |
//! | `read` | linearizable: `seq` and `values`; or `error` |
//! | `len` | linearizable: `seq`, and the `len`, `last` and `digest` of the values; or `error` |
//! | `local` | the `values` as they are here |
//! | `resolve EPOCH SLOT WRITE_ID` | `committed`; or `resolution` |
//! | `act MILLIS` | does something outside the plane for so long while it is awake, or for as long as it may: `acted`, or `refused` and why |
//! | `mode MODE` | `before`; or `error` |
//! | `status` | role, epoch, leader, errors and so on |
//! | `stop` | `stopped`, when it has let go in order; then it ends |
//!
//! Changes of role are told as they come, as lines with `event`; and at an end in order that what is not answered by then will not be done, with
//! the event `closed`. It ends at once when stdin does, and in order on SIGTERM. If whoever started it ends, it goes on where it was stopped, and so
//! sees the end of stdin.

mod acts;
mod options;
mod planted;
mod service;
mod values;
mod witness;

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;

use ha_core::{Plane, RoleEvent};
use ha_store::{BucketSettings, BucketStore, DirectoryStore, Location, Store};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use acts::Acts;
use options::Options;
use planted::Planted;
use service::Service;
use values::Values;
use witness::Witness;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run()))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ha-counter: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::CONT))?;
    let options = Options::of(std::env::args().skip(1))?;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_env_filter(tracing_subscriber::EnvFilter::new(&options.log))
        .init();
    let store: Arc<dyn Store> = match &options.place {
        Location::Directory(dir) => Arc::new(DirectoryStore::open(dir)?),
        Location::Bucket(bucket) => {
            let variable = |name: &str| std::env::var(name).ok();
            Arc::new(BucketStore::open(bucket, &BucketSettings::default(), &variable)?)
        }
    };
    let witness = options
        .applied
        .map(|dir| Witness::in_dir(&dir, &options.node.to_string()))
        .transpose()?;
    let planted = Planted::new(options.bug);
    let values = Values::new(options.keep, witness, planted.clone());
    let plane = Plane::builder(options.node, store)
        .state(values.clone())
        .config(options.config)
        .mode(options.mode)
        .priority(options.priority)
        .start()?;
    let mut roles = plane.roles();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut commands = lines_of_stdin();
    let acts = Acts::new(options.acts, options.stroke, planted.clone());
    let service = Service::new(plane.clone(), values, acts, planted);
    loop {
        tokio::select! {
            Some(event) = roles.next() => tell_role(&event),
            line = commands.recv() => match line {
                Some(line) => {
                    let service = service.clone();
                    tokio::spawn(async move { service.serve(&line).await });
                }
                // Whoever commanded this process has gone, perhaps by a crash: nothing is left in order for it.
                None => return Ok(()),
            },
            _ = terminate.recv() => plane.begin_stop(),
            () = plane.stopped() => break,
        }
    }
    if service.answer_rest().await {
        say(&json!({ "event": "closed" }));
    }
    Ok(())
}

/// Reads stdin on a thread of its own, which ends with the process.
fn lines_of_stdin() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        // An error means that the process ends.
        lines.into_iter().try_for_each(|line| sender.send(line)).ok();
    });
    receiver
}

fn tell_role(event: &RoleEvent) {
    say(
        &json!({ "event": "role", "role": event.role.to_string(), "epoch": event.epoch.0, "why": event.why }),
    );
}

/// One whole line, at once.
fn say(what: &Value) {
    let mut stdout = std::io::stdout().lock();
    // Whoever listened has gone; the end of stdin tells.
    writeln!(stdout, "{what}").and_then(|()| stdout.flush()).ok();
}
