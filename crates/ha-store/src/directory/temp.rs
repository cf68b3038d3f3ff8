//! Names of temporary files: `.tmp-<boot>-<pid namespace>-<pid>-<random>`.
//!
//! They lie in the root, so that what a crash leaves is found by one listing. The name tells whether the writer is
//! dead for sure, but only on the same boot of the same machine, and in the same container.

use std::process;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// Makes the names of one process, and judges those of others.
#[derive(Clone, Debug)]
pub(super) struct TempNames {
    boot: String,
    namespace: String,
    pid: u32,
}

impl TempNames {
    /// Names that carry what the system says about this process.
    pub(super) fn of_this_process() -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        Self::new(&boot, &namespace.to_string_lossy(), process::id())
    }

    fn new(boot: &str, namespace: &str, pid: u32) -> Self {
        Self {
            boot: boot.chars().filter(char::is_ascii_hexdigit).collect(),
            namespace: namespace.chars().filter(char::is_ascii_digit).collect(),
            pid,
        }
    }

    /// A name that no other file has.
    pub(super) fn next(&self) -> String {
        let Self { boot, namespace, pid } = self;
        format!("{PREFIX}{boot}-{namespace}-{pid}-{:032x}", rand::random::<u128>())
    }

    /// Whether the process that made this name has certainly ended.
    pub(super) fn is_of_the_dead(&self, name: &str) -> bool {
        let mut fields = name.strip_prefix(PREFIX).unwrap_or("").split('-');
        let (Some(boot), Some(namespace), Some(pid), Some(_random), None) = (
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
        ) else {
            return false;
        };
        let known_here = !boot.is_empty() && !namespace.is_empty();
        let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) else {
            return false;
        };
        known_here
            && boot == self.boot
            && namespace == self.namespace
            && test_kill_process(pid) == Err(Errno::SRCH)
    }
}

/// Whether this is the name of a temporary file.
pub(super) fn is_temp(name: &str) -> bool {
    name.starts_with(PREFIX)
}

const PREFIX: &str = ".tmp-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_boot_and_namespace_can_be_found_dead() {
        let mut child = process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let here = TempNames::of_this_process();
        let dead = TempNames {
            pid: child.id(),
            ..here.clone()
        };
        assert!(here.is_of_the_dead(&dead.next()));
        assert!(!here.is_of_the_dead(&here.next()));
        assert!(
            !here.is_of_the_dead(
                &TempNames {
                    boot: "00".into(),
                    ..dead.clone()
                }
                .next()
            )
        );
        assert!(
            !here.is_of_the_dead(
                &TempNames {
                    namespace: "1".into(),
                    ..dead.clone()
                }
                .next()
            )
        );
        for name in [
            ".tmp-",
            ".tmp-1",
            ".tmp----",
            "journal",
            ".tmp-a-b-0-c",
            ".tmp-a-b-x-c",
        ] {
            assert!(!here.is_of_the_dead(name), "{name}");
        }
        let unknown = TempNames::new("", "", child.id());
        assert!(!unknown.is_of_the_dead(&unknown.next()));
    }
}
