//! Wall clocks that are wrong, by libfaketime.

use std::path::{Path, PathBuf};

use ha_sim::rng::Rng;

use crate::counter::CounterLaunch;

/// The wall clocks of some nodes of a plane.
#[derive(Debug)]
pub(crate) struct Clocks {
    library: PathBuf,
    files: Vec<PathBuf>,
}

impl Clocks {
    /// Where libfaketime is: where `HA_FAKETIME` says, or where Debian has it.
    pub(crate) fn library() -> Option<PathBuf> {
        let installed = || "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1".into();
        let library: PathBuf = std::env::var_os("HA_FAKETIME").map_or_else(installed, Into::into);
        library.exists().then_some(library)
    }

    /// Those of so many nodes.
    pub(crate) fn of(library: &Path, nodes: usize, site: &Path) -> Result<Self, String> {
        let files: Vec<_> = (0..nodes)
            .map(|node| site.join(format!("clock-{node}")))
            .collect();
        for file in &files {
            set(file, "+0")?;
        }
        Ok(Self {
            library: library.into(),
            files,
        })
    }

    /// A launch of a node by its clock, if it has one here.
    pub(crate) fn launch(&self, node: usize, launch: CounterLaunch) -> CounterLaunch {
        match self.files.get(node) {
            Some(file) => launch
                .environment("LD_PRELOAD", &self.library)
                .environment("FAKETIME_TIMESTAMP_FILE", file)
                .environment("FAKETIME_NO_CACHE", "1")
                .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            None => launch,
        }
    }

    /// Steps one by up to so many seconds, or lets it run faster or slower if they are many.
    pub(crate) fn change(&self, rng: &mut Rng, seconds: u64) -> Result<(), String> {
        let node = usize::try_from(rng.below(self.files.len() as u64)).expect("there are few nodes");
        let to = match rng.below(4) {
            0 if seconds >= 3_600 => "+0 x2".into(),
            1 if seconds >= 3_600 => "+0 x0.5".into(),
            0 | 2 => format!("+{}", rng.below(seconds)),
            _ => format!("-{}", rng.below(seconds)),
        };
        set(&self.files[node], &to)
    }
}

impl Clocks {
    /// Lets all of them tell the time.
    pub(crate) fn set_right(&self) -> Result<(), String> {
        self.files.iter().try_for_each(|file| set(file, "+0"))
    }
}

fn set(file: &Path, to: &str) -> Result<(), String> {
    // A reader never meets a half of it.
    let new = file.with_extension("new");
    std::fs::write(&new, format!("{to}\n"))
        .and_then(|()| std::fs::rename(&new, file))
        .map_err(|error| format!("{}: {error}", file.display()))
}
