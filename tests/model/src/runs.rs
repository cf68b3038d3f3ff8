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

/// A run of those that are always made.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) run: Run,
    /// How many states it has had; 0 if nobody has waited for its end.
    pub(crate) pinned: usize,
    /// By so many states another search of it may differ.
    pub(crate) spread: usize,
    /// The run of the rules' model that it answers to, and the states of that.
    pub(crate) rules: Option<(&'static str, usize)>,
}

/// The runs for so many nodes: all in a minute or two, or as far as ten minutes or so and 8 GiB go.
pub(crate) fn slice(nodes: u8, full: bool) -> Vec<Listed> {
    let runs: &[Line] = match (nodes, full) {
        (2, false) => &SLICE_OF_TWO,
        (_, false) => &SLICE_OF_THREE,
        (2, true) => &FULL_OF_TWO,
        (_, true) => &FULL_OF_THREE,
    };
    let listed = |(words, pinned, rules): &Line| Listed {
        run: Run::parse(&words.split(' ').collect::<Vec<_>>()).expect("the lists below hold bounds"),
        pinned: *pinned,
        spread: if VARIES.contains(words) { pinned / 33 } else { 0 },
        rules: *rules,
    };
    runs.iter().map(listed).collect()
}

/// In these, two states of a node that are taken for one differ in what the hash leaves out on purpose: the plane's time in the next entry, or whether
/// a suspicion is older than a sign of life. Which of them the threads find first shows in the number of states.
const VARIES: [&str; 3] = [
    "journal nodes=2 takeovers=2 commits=2 snapshots=2 confirms=1",
    "journal nodes=2 takeovers=2 commits=1 snapshots=1 beside=1 collected",
    "authority nodes=2 takeovers=2 fulls=2 handovers=1 ticks=2",
];

type Line = (&'static str, usize, Option<(&'static str, usize)>);

const SLICE_OF_TWO: [Line; 15] = [
    ("journal nodes=2 takeovers=1 commits=2 snapshots=3", 11_045, None),
    (
        "journal nodes=2 takeovers=2 commits=2 snapshots=1 beside=1",
        61_698,
        None,
    ),
    ("journal nodes=2 takeovers=2 commits=1 releases=1", 1_764, None),
    (
        "journal nodes=2 takeovers=2 commits=1 handovers=1 beside=1",
        1_618,
        None,
    ),
    (
        "journal nodes=2 takeovers=1 commits=1 snapshots=1 restarts=1",
        12_643,
        None,
    ),
    (
        "journal nodes=2 takeovers=2 commits=1 snapshots=1 reads=1",
        86_502,
        None,
    ),
    (
        "journal nodes=2 takeovers=2 commits=1 snapshots=1 confirms=1",
        68_114,
        None,
    ),
    (
        "journal nodes=2 takeovers=2 commits=1 snapshots=2 parts=2",
        30_094,
        None,
    ),
    (
        "journal nodes=2 takeovers=2 commits=1 snapshots=1 beside=1 unusable=1",
        86_044,
        None,
    ),
    ("journal nodes=2 takeovers=1 commits=0 collected", 128_656, None),
    ("authority nodes=2 takeovers=1 fulls=1", 139_234, None),
    (
        "authority nodes=2 takeovers=2 fulls=2 releases=1 ticks=1",
        140_121,
        None,
    ),
    (
        "authority nodes=2 takeovers=2 fulls=1 handovers=1 ticks=1",
        27_527,
        None,
    ),
    (
        "authority nodes=2 takeovers=1 fulls=1 deaths=1 ticks=2",
        62_080,
        None,
    ),
    (
        "authority nodes=2 takeovers=2 fulls=1 commits=1 deaths=1 ticks=1",
        115_993,
        None,
    ),
];
const SLICE_OF_THREE: [Line; 4] = [
    ("journal nodes=3 takeovers=2 commits=1 snapshots=1", 150_709, None),
    ("journal nodes=3 takeovers=2 commits=1 handovers=1", 9_928, None),
    ("journal nodes=3 takeovers=2 commits=1 unusable=1", 65_029, None),
    ("authority nodes=3 takeovers=1 fulls=1 ticks=1", 368_605, None),
];
const FULL_OF_TWO: [Line; 11] = [
    (
        "journal nodes=2 takeovers=3 commits=2 snapshots=2 releases=1",
        8_417_406,
        Some(("journal n=2 t=3 c=3 s=3 r=1", 16_075_718)),
    ),
    (
        "journal nodes=2 takeovers=2 commits=2 snapshots=2 handovers=1 restarts=1",
        4_577_084,
        Some(("journal n=2 t=3 c=3 s=2 h=1 x=1", 9_680_996)),
    ),
    (
        "journal nodes=2 takeovers=2 commits=2 snapshots=2 reads=1",
        2_576_776,
        None,
    ),
    (
        "journal nodes=2 takeovers=2 commits=2 snapshots=2 confirms=1",
        2_515_954,
        None,
    ),
    (
        "journal nodes=2 takeovers=3 commits=2 snapshots=2 beside=1",
        2_551_098,
        None,
    ),
    (
        "journal nodes=2 takeovers=2 commits=1 snapshots=1 beside=1 collected",
        3_788_800,
        None,
    ),
    (
        "journal nodes=2 takeovers=2 commits=2 snapshots=2 beside=1 unusable=1",
        2_207_714,
        None,
    ),
    (
        "journal nodes=2 takeovers=2 commits=2 snapshots=1 restarts=1 unusable=1",
        3_756_104,
        None,
    ),
    (
        "authority nodes=2 takeovers=3 fulls=3",
        5_395_088,
        Some(("authority n=2 t=3 f=3 c=1 r=1 h=1 d=1", 6_866_339)),
    ),
    (
        "authority nodes=2 takeovers=2 fulls=2 releases=1 deaths=1 ticks=1",
        159_515,
        None,
    ),
    (
        "authority nodes=2 takeovers=2 fulls=2 handovers=1 ticks=2",
        443_127,
        None,
    ),
];
const FULL_OF_THREE: [Line; 7] = [
    (
        "journal nodes=3 takeovers=2 commits=2 snapshots=2 beside=1",
        14_081_191,
        Some((
            "journal n=3 t=3 c=3 s=3; n=3 t=3 c=4 s=2 beside tconf",
            25_298_706,
        )),
    ),
    (
        "journal nodes=3 takeovers=3 commits=1 snapshots=1 releases=1 handovers=1",
        13_316_786,
        Some(("journal n=3 t=3 c=2 s=2 r=1 h=1", 14_321_823)),
    ),
    (
        "journal nodes=3 takeovers=2 commits=1 snapshots=1 restarts=1",
        4_356_730,
        Some(("journal n=3 t=2 c=3 s=2 x=1", 4_683_848)),
    ),
    (
        "journal nodes=3 takeovers=2 commits=1 snapshots=1 unusable=1",
        1_474_186,
        None,
    ),
    (
        "authority nodes=3 takeovers=1 fulls=1 releases=1 deaths=1 ticks=1",
        1_688_242,
        Some(("authority n=3 t=2 f=2 r=1 d=1", 3_228_406)),
    ),
    (
        "authority nodes=3 takeovers=2 fulls=1 handovers=1 ticks=1",
        2_972_119,
        Some(("authority n=3 t=2 f=2 r=1 h=1", 4_072_367)),
    ),
    (
        "authority nodes=3 takeovers=2 fulls=1 ticks=1",
        3_695_023,
        Some(("authority n=3 t=3 f=2", 6_919_736)),
    ),
];
