//! A member of a plane that is made for tests: the program `ha-counter`, which embeds `ha-core` and keeps a list of values.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::binary::counter_binary;
use crate::bucket::Bucket;
use crate::launch::wait_for_end;
use crate::site::Timings;
use crate::wait::{PATIENCE, wait_for};

/// A counter that can be started.
#[derive(Clone, Debug)]
pub struct CounterLaunch {
    name: String,
    program: Option<PathBuf>,
    log: PathBuf,
    wrapper: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    options: Vec<(String, OsString)>,
}

/// A counter process. It is killed when this is dropped; if the test has failed, the end of its log is printed.
#[derive(Debug)]
pub struct Counter {
    launch: CounterLaunch,
    child: Child,
    runs: bool,
    remote: Remote,
}

/// A line to a counter, which goes on to whatever process comes after it. Clones are the same line.
#[derive(Clone, Debug)]
pub struct Remote {
    name: Arc<str>,
    link: Arc<Mutex<Link>>,
    next: Arc<AtomicU64>,
}

/// The pipes of one process.
#[derive(Debug)]
struct Link {
    stdin: ChildStdin,
    heard: Arc<Mutex<Heard>>,
}

/// What a process has said, and who waits for more.
#[derive(Debug, Default)]
struct Heard {
    /// `None` once it says no more.
    waiting: Option<HashMap<u64, Sender<Value>>>,
    roles: Vec<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CounterLaunch {
    /// A counter with this node id; its log goes to a site's directory. Where its plane lives is yet to be said.
    #[must_use]
    pub fn new(node_id: &str, site: &Path, timings: Timings) -> Self {
        let millis = |time: Duration| time.as_millis().to_string();
        Self::with_default_timings(node_id, site)
            .option("--poll", millis(timings.poll))
            .option("--heartbeat", millis(timings.heartbeat_timeout))
            .option("--lease", millis(timings.lease_ttl))
    }

    /// The same with the timings that a node has unless it is told otherwise.
    #[must_use]
    pub fn with_default_timings(node_id: &str, site: &Path) -> Self {
        let log = site.join(format!("{node_id}.log"));
        let launch = Self {
            name: node_id.into(),
            program: None,
            log,
            wrapper: Vec::new(),
            environment: Vec::new(),
            options: Vec::new(),
        };
        launch
            .option("--node", node_id)
            .option("--acts", site.join("acts"))
    }

    /// Runs this `ha-counter`, in place of the one that was built with the test.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Sets an option, in place of what it was before.
    #[must_use]
    pub fn option(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.options.retain(|(option, _)| option != name);
        self.options.push((name.into(), value.into()));
        self
    }

    /// Its plane lives in a bucket.
    #[must_use]
    pub fn on_bucket(self, bucket: &Bucket) -> Self {
        let launch = self.option("--bucket", bucket.location());
        let variables = bucket.environment().iter();
        variables.fold(launch, |launch, (name, value)| launch.environment(name, value))
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Begins the command line with another program, which must put the counter in its own place.
    #[must_use]
    pub fn within(mut self, program: impl IntoIterator<Item = OsString>) -> Self {
        self.wrapper = program.into_iter().collect();
        self
    }

    /// Its log has another name than its node id.
    #[must_use]
    pub fn logging_to(mut self, name: &str) -> Self {
        self.log.set_file_name(format!("{name}.log"));
        self
    }

    /// Starts it, and does not wait for it.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self) -> Counter {
        let (child, link) = self.spawn();
        let remote = Remote {
            name: self.name.as_str().into(),
            link: Arc::new(Mutex::new(link)),
            next: Arc::default(),
        };
        Counter {
            launch: self.clone(),
            child,
            runs: true,
            remote,
        }
    }

    fn spawn(&self) -> (Child, Link) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .expect("a log can be opened");
        let line: Vec<_> = self
            .wrapper
            .iter()
            .cloned()
            .chain([self
                .program
                .clone()
                .unwrap_or_else(counter_binary)
                .into_os_string()])
            .collect();
        let mut child = Command::new(&line[0])
            .args(&line[1..])
            .args(
                self.options
                    .iter()
                    .flat_map(|(name, value)| [name.into(), value.clone()]),
            )
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", line[0].display()));
        let heard = Arc::new(Mutex::new(Heard {
            waiting: Some(HashMap::new()),
            roles: Vec::new(),
        }));
        let stdin = child.stdin.take().expect("stdin is a pipe");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let hears = Arc::clone(&heard);
        std::thread::spawn(move || listen(stdout, &hears));
        (child, Link { stdin, heard })
    }
}

/// Passes on what a process says, until it says no more.
fn listen(stdout: ChildStdout, heard: &Mutex<Heard>) {
    let mut closed = false;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        let mut heard = lock(heard);
        if said["event"] == "closed" {
            closed = true;
        } else if said["event"] == "role" {
            heard
                .roles
                .push(said["role"].as_str().unwrap_or_default().to_owned());
        } else if let Some(waits) = said["id"]
            .as_u64()
            .and_then(|id| heard.waiting.as_mut()?.remove(&id))
        {
            // Whoever asked may have given up.
            waits.send(said).ok();
        }
    }
    let waiting = lock(heard).waiting.take();
    // Those who wait are told that what it has not read it has not done, or nothing, by the end of their channels.
    for waits in waiting
        .into_iter()
        .flat_map(HashMap::into_values)
        .filter(|_| closed)
    {
        waits
            .send(json!({ "fenced": "it has ended in order before" }))
            .ok();
    }
}

/// An answer that may come yet.
#[derive(Debug)]
pub struct Pending(Receiver<Value>);

impl Pending {
    /// Waits for it. `None`: not by now; `null`: never.
    pub fn within(&self, limit: Duration) -> Option<Value> {
        match self.0.recv_timeout(limit) {
            Ok(answer) => Some(answer),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Some(Value::Null),
        }
    }
}

impl Remote {
    /// Its node id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a command.
    ///
    /// # Errors
    /// If the process has ended, so that it has certainly not been carried out.
    pub fn ask(&self, command: &str) -> io::Result<Pending> {
        let (sender, receiver) = channel();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut link = lock(&self.link);
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        lock(&link.heard)
            .waiting
            .as_mut()
            .ok_or_else(gone)?
            .insert(number, sender);
        link.stdin.write_all(format!("{number} {command}\n").as_bytes())?;
        Ok(Pending(receiver))
    }

    /// Sends a command and waits for the answer; `null` if there is none within five seconds.
    #[must_use]
    pub fn call(&self, command: &str) -> Value {
        self.ask(command)
            .ok()
            .and_then(|answer| answer.within(Duration::from_secs(5)))
            .unwrap_or_default()
    }

    /// Its role, epoch, errors and so on; `null` if it does not answer.
    #[must_use]
    pub fn status(&self) -> Value {
        self.call("status")
    }

    /// What it says to be; empty if it does not answer.
    #[must_use]
    pub fn role(&self) -> String {
        self.status()["role"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether it says to be this.
    #[must_use]
    pub fn is(&self, role: &str) -> bool {
        self.role() == role
    }

    /// Its epoch; 0 if it does not answer.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.status()["epoch"].as_u64().unwrap_or_default()
    }

    /// What is wrong, in its words.
    #[must_use]
    pub fn errors(&self) -> String {
        let status = self.status();
        let errors = status["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// All values that were committed before this was called, by a linearizable read; waits until one succeeds.
    ///
    /// # Panics
    /// If none does in time.
    #[must_use]
    #[track_caller]
    pub fn values(&self) -> Vec<String> {
        let mut values = None;
        wait_for(PATIENCE, &format!("a linearizable read on {}", self.name), || {
            values = strings(&self.call("read")["values"]);
            values.is_some()
        });
        values.expect("the wait ended with them")
    }

    /// The values as they are there.
    #[must_use]
    pub fn local_values(&self) -> Vec<String> {
        strings(&self.call("local")["values"]).unwrap_or_default()
    }

    /// Appends a value, again and again until one attempt is certain to have come through.
    ///
    /// # Panics
    /// If none is in time.
    #[track_caller]
    pub fn append(&self, value: &str) -> u64 {
        let mut committed = None;
        wait_for(PATIENCE, &format!("{value} is appended by {}", self.name), || {
            let answer = self.call(&format!("append {value}"));
            assert_eq!(
                answer["unknown"],
                Value::Null,
                "{value}: nothing is uncertain here"
            );
            committed = answer["committed"].as_u64();
            committed.is_some()
        });
        committed.expect("the wait ended with it")
    }

    /// Roles that it has taken since the start of its process.
    #[must_use]
    pub fn roles(&self) -> Vec<String> {
        lock(&lock(&self.link).heard).roles.clone()
    }

    /// Waits until it says to be this.
    ///
    /// # Panics
    /// If it does not in time.
    #[track_caller]
    pub fn becomes(&self, role: &str) {
        wait_for(PATIENCE, &format!("{} is {role}", self.name), || self.is(role));
    }

    /// Waits until it is this, and names an object as the trouble.
    ///
    /// # Panics
    /// If it is not in time.
    #[track_caller]
    pub fn fails_naming(&self, words: &[&str]) {
        let mut last = json!(null);
        let begun = std::time::Instant::now();
        loop {
            last = Some(self.status())
                .filter(|status| !status.is_null())
                .unwrap_or(last);
            let said = last["errors"].to_string();
            if last["role"] == "FAILED" && words.iter().all(|word| said.contains(word)) {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{} does not fail naming {words:?}: {last}",
                self.name
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn strings(values: &Value) -> Option<Vec<String>> {
    values
        .as_array()?
        .iter()
        .map(|value| value.as_str().map(str::to_owned))
        .collect()
}

impl std::ops::Deref for Counter {
    type Target = Remote;
    fn deref(&self) -> &Remote {
        &self.remote
    }
}

impl Counter {
    /// A line to it, and to whatever process comes after it.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// The id of its process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: Signal) {
        assert!(self.runs, "{} has ended", self.name());
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process has an id");
        kill_process(pid, signal).expect("a child can be signalled until it has been waited for");
    }

    /// Stops it where it is.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it, and waits for its end.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.end();
    }

    /// Asks it to end, and waits for its end.
    #[track_caller]
    pub fn terminate(&mut self) {
        self.signal(Signal::TERM);
        let status = self.end();
        assert_eq!(status.code(), Some(0), "{} ended by {status}", self.name());
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        let status = wait_for_end(&mut self.child, PATIENCE);
        self.runs = false;
        status.unwrap_or_else(|| panic!("{} does not end", self.name()))
    }

    /// Its end, if it comes in time.
    pub fn ends_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let status = wait_for_end(&mut self.child, limit);
        self.runs &= status.is_none();
        status
    }

    /// Starts it again after its end, by the same command and on the same line.
    ///
    /// # Panics
    /// If it still runs.
    pub fn start_again(&mut self) {
        assert!(!self.runs, "{} still runs", self.name());
        let (child, link) = self.launch.spawn();
        self.child = child;
        self.runs = true;
        *lock(&self.remote.link) = link;
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.launch.log)
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// How many of these it has now: `fd` for descriptors, `task` for threads.
    #[must_use]
    pub fn count_of(&self, what: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{what}", self.child.id())).map_or(0, Iterator::count)
    }

    /// How much memory it has now, in KiB.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().split(' ').next()?.parse().ok())
            .unwrap_or_default()
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        if self.runs {
            // It may have ended by itself, which is as good.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(60)..].join("\n");
            eprintln!("---- log of {} ----\n{end}\n----", self.name());
        }
    }
}
