//! Which bounds are searched, and bounds in words.

use std::fmt;

use crate::authority;
use crate::journal;

/// One run of the search.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) what: What,
    pub(crate) most_states: usize,
    pub(crate) seconds: u64,
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Journal(journal::Bounds),
    Authority(authority::Bounds),
}

impl Run {
    /// Reads `journal nodes=2 takeovers=2 ..`.
    ///
    /// # Errors
    /// If a word is no bound.
    pub(crate) fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, String> {
        let mut words = words.iter().map(AsRef::as_ref);
        let what = match words.next() {
            Some("journal") => What::Journal(journal::Bounds::default()),
            Some("authority") => What::Authority(authority::Bounds::default()),
            _ => return Err("a run begins with `journal` or `authority`".to_owned()),
        };
        let mut run = Self {
            what,
            most_states: usize::MAX,
            seconds: 3600,
            quiet: false,
        };
        for word in words {
            let (name, number) = word.split_once('=').unwrap_or((word, "1"));
            let number: u64 = number.parse().map_err(|_| format!("`{word}`: not a number"))?;
            let fits = match name {
                "seconds" => {
                    run.seconds = number;
                    true
                }
                "states" => usize::try_from(number).map(|n| run.most_states = n).is_ok(),
                "quiet" => {
                    run.quiet = true;
                    true
                }
                _ => u8::try_from(number).is_ok_and(|n| match &mut run.what {
                    What::Journal(bounds) => bounds.set(name, n),
                    What::Authority(bounds) => bounds.set(name, n),
                }),
            };
            if !fits {
                return Err(format!("`{word}` is no bound"));
            }
        }
        if let What::Journal(bounds) = &run.what
            && bounds.collected
            && bounds.takeovers == 0
        {
            return Err("`collected` begins with a Takeover, so that `takeovers` is at least 1".to_owned());
        }
        Ok(run)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Journal(bounds) => write!(f, "journal {bounds}"),
            What::Authority(bounds) => write!(f, "authority {bounds}"),
        }
    }
}

/// The runs for so many nodes: all in a minute on two cores, or as far as 8 GiB and an hour go.
pub(crate) fn slice(nodes: u8, full: bool) -> Vec<Run> {
    let runs: &[&str] = match (nodes, full) {
        (2, false) => &SLICE_OF_TWO,
        (_, false) => &SLICE_OF_THREE,
        (2, true) => &FULL_OF_TWO,
        (_, true) => &FULL_OF_THREE,
    };
    let parse = |words: &&str| Run::parse(&words.split(' ').collect::<Vec<_>>());
    runs.iter()
        .map(parse)
        .map(|run| run.expect("the lists below hold bounds"))
        .collect()
}

const SLICE_OF_TWO: [&str; 7] = [
    "journal nodes=2 takeovers=2 commits=2 snapshots=2",
    "journal nodes=2 takeovers=3 commits=1 snapshots=1 releases=1",
    "journal nodes=2 takeovers=3 commits=1 snapshots=1 handovers=1",
    "journal nodes=2 takeovers=2 commits=1 snapshots=1 restarts=1",
    "journal nodes=2 takeovers=2 commits=1 snapshots=1 confirms=1",
    "journal nodes=2 takeovers=2 commits=1 snapshots=1 reads=1",
    "authority nodes=2 takeovers=2 fulls=2",
];
const SLICE_OF_THREE: [&str; 3] = [
    "journal nodes=3 takeovers=2 commits=1 snapshots=1",
    "journal nodes=3 takeovers=3 commits=1 handovers=1",
    "authority nodes=3 takeovers=1 fulls=1 ticks=1",
];
const FULL_OF_TWO: [&str; 7] = [
    "journal nodes=2 takeovers=3 commits=3 snapshots=2 releases=1",
    "journal nodes=2 takeovers=3 commits=3 snapshots=3",
    "journal nodes=2 takeovers=3 commits=3 snapshots=2 handovers=1 restarts=1",
    "journal nodes=2 takeovers=2 commits=2 snapshots=2 reads=1",
    "journal nodes=2 takeovers=2 commits=2 snapshots=2 confirms=2",
    "authority nodes=2 takeovers=2 fulls=2 deaths=1",
    "authority nodes=2 takeovers=3 fulls=3 releases=1 ticks=3",
];
const FULL_OF_THREE: [&str; 3] = [
    "journal nodes=3 takeovers=3 commits=2 snapshots=2",
    "journal nodes=3 takeovers=3 commits=2 snapshots=1 releases=1 handovers=1",
    "authority nodes=3 takeovers=2 fulls=2 ticks=3",
];
