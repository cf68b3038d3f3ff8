//! Real power cuts: a process that commits on a file system of its own, which is shut down without flushing its journal.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::lives::Violation;

/// What `EXT4_IOC_SHUTDOWN` and `XFS_IOC_GOINGDOWN` are; the flag 2 says that not even the journal is flushed. It says when it began.
const SHUT_DOWN: &str = r#"use Fcntl; use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
sysopen(my $at, $ARGV[0], O_RDONLY) or die "$ARGV[0]: $!\n"; my $flag = pack("L", 2);
printf("%.0f\n", clock_gettime(CLOCK_MONOTONIC) * 1e9);
ioctl($at, 0x8004587d, $flag) or die "$ARGV[0]: $!\n";"#;

/// For how long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which file system loses power.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FileSystem {
    /// ext4, as `mkfs.ext4` makes it.
    Ext4,
    /// XFS, as `mkfs.xfs` makes it.
    Xfs,
}

impl FileSystem {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }

    fn megabytes(self) -> u64 {
        match self {
            Self::Ext4 => 96,
            // Smaller ones are refused.
            Self::Xfs => 320,
        }
    }
}

impl FromStr for FileSystem {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Ext4, Self::Xfs]
            .into_iter()
            .find(|fs| fs.name() == name)
            .ok_or_else(|| format!("`{name}` is neither ext4 nor xfs"))
    }
}

/// How much is done.
#[derive(Clone, Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct PowerPlan {
    /// On what.
    pub file_system: FileSystem,
    /// How often power is cut.
    pub cycles: u64,
    /// Draws when.
    pub seed: u64,
    /// A program and its arguments: with a directory and a node's name behind them it is [`write`](crate::write).
    pub writer: Vec<String>,
}

/// What was done.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PowerFigures {
    /// Power cuts.
    pub cycles: u64,
    /// Writes that were acknowledged.
    pub acked: u64,
    /// Writes that were not acknowledged and were there all the same.
    pub unknown: u64,
    /// Acknowledged when the file system was being shut down already. Power that has failed lets nobody answer; XFS does, and what fsync says then
    /// is not always true, so that these count for nothing.
    pub too_late: u64,
    /// What was lost.
    pub violation: Option<Violation>,
}

/// Whether this user can do it.
///
/// # Errors
/// If not.
pub fn may_cut_power() -> Result<(), String> {
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    root.then_some(()).ok_or_else(|| {
        "only root can mount a file system and shut it down: run it as root, or leave `--power-cut` out"
            .to_owned()
    })
}

/// Cuts the power of a real file system again and again while a process commits on it. `told` hears how it goes on.
///
/// # Errors
/// If this machine or this user cannot do that.
pub fn power_cuts(plan: &PowerPlan, mut told: impl FnMut(&PowerFigures)) -> Result<PowerFigures, String> {
    let disk = LoopDisk::new(plan.file_system)?;
    let (mut figures, mut dice) = (PowerFigures::default(), plan.seed | 1);
    let (mut acked, mut said) = (0, 0);
    for cycle in 0..=plan.cycles {
        disk.mount()?;
        let mut writer = Writer::start(plan, &disk.mount, cycle)?;
        let held = match writer.holds() {
            Ok(held) => held,
            Err(what) => {
                let at = (cycle, 0);
                figures.violation = Some(Violation { at, what });
                return Ok(figures);
            }
        };
        if held < acked || held > said + 1 {
            let what = format!("{acked} writes were acknowledged, and {held} are there");
            figures.violation = Some(Violation { at: (cycle, 0), what });
            return Ok(figures);
        }
        figures.unknown += u64::from(held > said);
        if cycle == plan.cycles {
            break;
        }
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let ran = writer.runs(held, Duration::from_micros(dice % 250_000), || disk.cut())?;
        figures.acked += ran.in_time - held;
        figures.too_late += ran.last - ran.in_time;
        figures.cycles += 1;
        (acked, said) = (ran.in_time, ran.last);
        drop(writer);
        disk.unmount()?;
        told(&figures);
    }
    Ok(figures)
}

/// A file system in a file, mounted by a loop device.
struct LoopDisk {
    /// Ends with it.
    _folder: tempfile::TempDir,
    mount: PathBuf,
    /// The same loop device for all mounts: another one would not see what this one has not written back.
    device: String,
}

impl LoopDisk {
    fn new(file_system: FileSystem) -> Result<Self, String> {
        may_cut_power()?;
        let folder = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
        let (image, mount) = (folder.path().join("image"), folder.path().join("mount"));
        let made = File::create(&image).and_then(|file| file.set_len(file_system.megabytes() << 20));
        made.and_then(|()| fs::create_dir(&mount))
            .map_err(|e| format!("{}: {e}", image.display()))?;
        let force = if file_system == FileSystem::Ext4 {
            "-F"
        } else {
            "-f"
        };
        run(Command::new(format!("mkfs.{}", file_system.name()))
            .args(["-q", force])
            .arg(&image))?;
        let device = run(Command::new("losetup").args(["--find", "--show"]).arg(&image))?;
        Ok(Self {
            _folder: folder,
            mount,
            device,
        })
    }

    fn mount(&self) -> Result<(), String> {
        run(Command::new("mount").arg(&self.device).arg(&self.mount)).map(drop)
    }

    /// Answers when that began, in nanoseconds.
    fn cut(&self) -> Result<u64, String> {
        let said = run(Command::new("perl").args(["-e", SHUT_DOWN]).arg(&self.mount))?;
        said.parse()
            .map_err(|_| format!("`perl` says `{said}`, and not what time it is"))
    }

    /// A process that was just killed may hold it for a moment.
    fn unmount(&self) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let done = run(Command::new("umount").arg(&self.mount));
            if done.is_ok() || Instant::now() > end {
                return done.map(drop);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _not_mounted = run(Command::new("umount").arg(&self.mount));
        let _still_busy = run(Command::new("losetup").args(["--detach", &self.device]));
    }
}

/// Answers what it printed.
fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ran = command
        .output()
        .map_err(|e| format!("`{program}` cannot be run: {e}; it is to be installed"))?;
    if ran.status.success() {
        Ok(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
    } else {
        Err(format!(
            "`{program}`: {}",
            String::from_utf8_lossy(&ran.stderr).trim()
        ))
    }
}

/// The process that commits.
struct Writer {
    child: Child,
    lines: Receiver<String>,
    errors: PathBuf,
}

impl Writer {
    fn start(plan: &PowerPlan, mount: &Path, cycle: u64) -> Result<Self, String> {
        let (program, arguments) = plan.writer.split_first().ok_or("no writer is named")?;
        let errors = mount.with_file_name("errors");
        let stderr = File::create(&errors).map_err(|e| e.to_string())?;
        let mut child = Command::new(program)
            .args(arguments)
            .arg(mount.join("plane"))
            .arg(["one", "two", "three"][(cycle % 3) as usize])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|e| format!("`{program}` cannot be run: {e}"))?;
        let (said, lines) = channel();
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                BufReader::new(out)
                    .lines()
                    .map_while(Result::ok)
                    .try_for_each(|line| said.send(line))
            });
        }
        Ok(Self { child, lines, errors })
    }

    /// How many writes it has found.
    fn holds(&self) -> Result<u64, String> {
        let line = self.lines.recv_timeout(PATIENCE);
        let number = line.ok().and_then(|l| l.strip_prefix("holds ")?.parse().ok());
        number.ok_or_else(|| {
            let said = fs::read_to_string(&self.errors).unwrap_or_default();
            format!("after a power cut the plane does not come up: {}", said.trim())
        })
    }

    /// Lets it commit for a while after its first write, then cuts the power.
    fn runs(
        &mut self,
        held: u64,
        span: Duration,
        cut: impl FnOnce() -> Result<u64, String>,
    ) -> Result<Ran, String> {
        let mut acks = Vec::new();
        let first = self.lines.recv_timeout(PATIENCE);
        acks.extend(ack(&first.map_err(|_| "the writer writes nothing".to_owned())?));
        let end = Instant::now() + span;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match self.lines.recv_timeout(left) {
                Ok(line) => acks.extend(ack(&line)),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    let said = fs::read_to_string(&self.errors).unwrap_or_default();
                    return Err(format!("the writer has ended by itself: {}", said.trim()));
                }
            }
        }
        let began = cut()?;
        let _ended = self.child.kill();
        // All that it has said until its end.
        while let Ok(line) = self.lines.recv() {
            acks.extend(ack(&line));
        }
        let until = |most: u64| {
            let in_time = acks.iter().filter(|(_, at)| *at < most);
            in_time.map(|(number, _)| *number).max().unwrap_or(held)
        };
        Ok(Ran {
            in_time: until(began),
            last: until(u64::MAX),
        })
    }
}

/// The last write that was acknowledged before the cut began, and the last of all.
struct Ran {
    in_time: u64,
    last: u64,
}

/// A number, and when it was acknowledged.
fn ack(line: &str) -> Option<(u64, u64)> {
    let (number, at) = line.split_once(' ')?;
    Some((number.parse().ok()?, at.parse().ok()?))
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
