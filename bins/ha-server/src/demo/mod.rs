//! `ha-server demo`: a plane of real processes that forms, loses its master, hands over and ends, while one watches.
//!
//! Each server is this very executable. They are ended in order at the end, killed if the demo is interrupted or fails, and killed
//! by the system if the demo dies.

mod server;
use server::{Server, free_ports};
mod writers;
use writers::Writers;
mod watch;
use watch::{Watch, say};

use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::DemoArgs;
use crate::failure::RunError;
use crate::profile::Profile;

/// Runs the demo; it ends by itself.
///
/// # Errors
/// If a server does not do its part in time, with what was waited for and the end of its log; or if the demo is interrupted.
pub(crate) async fn run(args: DemoArgs) -> Result<(), RunError> {
    let mut demo = Demo::prepare(&args)?;
    let outcome = tokio::select! {
        outcome = demo.play() => outcome,
        interrupted = interruption() => interrupted,
    };
    demo.end(outcome).await
}

struct Demo {
    dir: TempDir,
    keep: bool,
    servers: Vec<Server>,
    patience: Duration,
}

impl Demo {
    fn prepare(args: &DemoArgs) -> Result<Self, RunError> {
        let dir = tempfile::Builder::new()
            .prefix("ha-plane-demo-")
            .tempdir()
            .map_err(|source| {
                RunError::execution("cannot make a temporary directory; set TMPDIR to one that is writable")
                    .because(source)
            })?;
        let config = Profile::Directory
            .config(&args.timings)
            .map_err(|error| RunError::configuration(error.to_string()))?;
        let ports = free_ports(args.nodes.into())?;
        let servers = ports
            .into_iter()
            .zip(1..)
            .map(|(port, n)| Server::new(n, port, dir.path(), &config))
            .collect();
        let patience = (config.poll() + config.heartbeat_timeout() + config.lease_ttl()) * 3 + MARGIN;
        Ok(Self {
            dir,
            keep: args.keep,
            servers,
            patience,
        })
    }

    async fn play(&mut self) -> Result<(), RunError> {
        let mut watch = Watch::begin(self.patience);
        self.form(&mut watch).await?;
        let writers = self.deploy().await?;
        writers.write_more(WRITES, self.patience).await?;
        let lost = watch.find_master(&mut self.servers).await?;
        let master = self.lose_the_master(&mut watch, &lost).await?;
        writers.write_more(WRITES, self.patience).await?;
        self.hand_over(&mut watch, &master).await?;
        writers.write_more(WRITES, self.patience).await?;
        say(&format!("\n{lost}, which was killed, is started again."));
        named(&mut self.servers, &lost)?.start()?;
        self.count(writers).await?;
        self.stop().await
    }

    /// Deploys an application, and lets clients write to it from here on.
    async fn deploy(&self) -> Result<Writers, RunError> {
        let addresses: Vec<_> = self.servers.iter().map(Server::address).collect();
        let writers = Writers::begin(&addresses).await?;
        say(
            "\nAn application is deployed, and clients write to it all the time, each write with a key, to whichever server is master.",
        );
        Ok(writers)
    }

    /// Ends the clients, and looks for all that was acknowledged.
    async fn count(&self, writers: Writers) -> Result<(), RunError> {
        let alive: Vec<_> = self.servers.iter().filter(|server| server.is_running()).collect();
        let known = alive
            .iter()
            .map(|server| (server.to_string(), server.address()))
            .collect::<Vec<_>>();
        let count = writers.end(&known).await?;
        let names: Vec<_> = known.iter().map(|(name, _)| name.as_str()).collect();
        say(&format!(
            "{count} writes were acknowledged meanwhile: each is found on {}.",
            names.join(" and ")
        ));
        Ok(())
    }

    async fn form(&mut self, watch: &mut Watch) -> Result<(), RunError> {
        say(&format!(
            "A plane of {} servers forms on {}",
            self.servers.len(),
            self.dir.path().display()
        ));
        if let Some(first) = self.servers.first() {
            say(&format!("The first is started by: {}", first.command_line()));
            say(
                "The others by the same with a port, an id and a state directory of their own. Times are since the first start:",
            );
        }
        watch.restart();
        for server in &mut self.servers {
            server.start()?;
            watch.note(&format!("{server} started on port {}", server.address().port()));
        }
        let settled = watch.until(
            "a master and a hot standby for each other server",
            &mut self.servers,
            |views| {
                let count = |role| views.iter().filter(|view| view.role == role).count();
                count("MASTER") == 1 && count("HOT_STANDBY") == views.len() - 1
            },
        );
        settled.await.map(|_| ())
    }

    /// Kills the master, and gives the name of the one that takes over.
    async fn lose_the_master(&mut self, watch: &mut Watch, master: &str) -> Result<String, RunError> {
        say(&format!(
            "\nThe master {master} is killed (SIGKILL). Times are since the kill:"
        ));
        let server = named(&mut self.servers, master)?;
        let alive_at = watch.last_sign_of(master);
        watch.restart();
        server.send(Signal::KILL)?;
        watch.note_at(alive_at, &format!("{master} last sign of life"));
        watch.note(&format!("{master} SIGKILL"));
        server.wait(self.patience).await?;
        let next = watch.until_other_master(master, &mut self.servers).await?;
        say(&format!(
            "{next} has taken over {} ms after the kill.",
            watch.elapsed().as_millis()
        ));
        Ok(next)
    }

    /// Ends the master in order.
    async fn hand_over(&mut self, watch: &mut Watch, master: &str) -> Result<(), RunError> {
        say(&format!(
            "\nThe master {master} is asked to end (SIGTERM) and hands over. Times are since the signal:"
        ));
        let server = named(&mut self.servers, master)?;
        watch.restart();
        server.send(Signal::TERM)?;
        watch.note(&format!("{master} SIGTERM"));
        server.expect_end();
        let next = watch.until_other_master(master, &mut self.servers).await?;
        say(&format!(
            "{next} has taken over {} ms after the signal.",
            watch.elapsed().as_millis()
        ));
        named(&mut self.servers, master)?
            .wait_for_success(self.patience)
            .await
    }

    async fn stop(&mut self) -> Result<(), RunError> {
        say("\nThe others are ended (SIGTERM).");
        for server in self.servers.iter_mut().filter(|server| server.is_running()) {
            server.send(Signal::TERM)?;
            server.wait_for_success(self.patience).await?;
            say(&format!("{server} ended with exit code 0"));
        }
        Ok(())
    }

    /// Leaves nothing running, and nothing behind unless it was asked for.
    async fn end(mut self, outcome: Result<(), RunError>) -> Result<(), RunError> {
        for server in &mut self.servers {
            server.kill().await;
        }
        if self.keep {
            say(&format!(
                "\nThe journal and the logs are kept in {}",
                self.dir.keep().display()
            ));
            return outcome;
        }
        let path = self.dir.path().to_owned();
        let removed = self.dir.close().map_err(|source| {
            RunError::execution(format!("cannot remove `{}`; remove it by hand", path.display()))
                .because(source)
        });
        if outcome.is_ok() {
            say("Cleaned up.");
        }
        outcome.and(removed)
    }
}

/// Comes to an end when the user interrupts the demo.
async fn interruption() -> Result<(), RunError> {
    let listen = |kind| {
        signal(kind).map_err(|source| RunError::execution("cannot listen for signals").because(source))
    };
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Err(RunError::execution(
        "the demo was interrupted; its servers have been killed",
    ))
}

fn named<'a>(servers: &'a mut [Server], name: &str) -> Result<&'a mut Server, RunError> {
    let found = servers.iter_mut().find(|server| server.name() == name);
    found.ok_or_else(|| RunError::execution(format!("`{name}` is no server of this demo")))
}

/// How many writes there are at least before, between and after the failures.
const WRITES: usize = 200;

/// What a slow machine may take for starting processes and the like, on top of what the timings say.
const MARGIN: Duration = Duration::from_secs(20);
