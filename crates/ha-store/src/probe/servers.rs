//! Which servers are known to keep what a plane needs, and how that is known.

use std::fmt;

/// What is known of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Server {
    /// Its name, with the version that this is about.
    pub name: &'static str,
    /// How it stands.
    pub standing: Standing,
    /// What was seen, or is said.
    pub note: &'static str,
}

/// How a server stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Standing {
    /// It was run, and passed.
    Passed,
    /// Its documentation promises it; it was not run.
    Documented,
    /// It was run, and failed.
    Failed,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "tried, and passed",
            Self::Documented => "promised by its documentation, not tried",
            Self::Failed => "tried, and failed",
        })
    }
}

/// The servers that are known.
pub const SERVERS: &[Server] = &[
    Server {
        name: "SeaweedFS 4.48",
        standing: Standing::Passed,
        note: "before 4.17, all of several creates at once succeeded",
    },
    Server {
        name: "Azurite 3.35 (Azure Blob Storage's emulator)",
        standing: Standing::Passed,
        note: "races of creates had one winner; this probe was not run on it",
    },
    Server {
        name: "Amazon S3",
        standing: Standing::Documented,
        note: "conditional writes, and reads and listings that are current",
    },
    Server {
        name: "Google Cloud Storage",
        standing: Standing::Documented,
        note: "generation preconditions, and reads and listings that are current",
    },
    Server {
        name: "Azure Blob Storage",
        standing: Standing::Documented,
        note: "conditional headers, and reads that are current",
    },
    Server {
        name: "s3s-fs 0.14",
        standing: Standing::Failed,
        note: "looks, then writes: several creates at once succeed",
    },
    Server {
        name: "Garage 2.5",
        standing: Standing::Failed,
        note: "ignores `If-None-Match` and overwrites",
    },
    Server {
        name: "rclone 1.75 `serve s3`",
        standing: Standing::Failed,
        note: "ignores `If-None-Match` and overwrites",
    },
    Server {
        name: "JuiceFS 1.4 `gateway`",
        standing: Standing::Failed,
        note: "ignores `If-None-Match` and overwrites (a JuiceFS mount, used as a directory, passed)",
    },
    Server {
        name: "s3rver 3.7",
        standing: Standing::Failed,
        note: "ignores `If-None-Match` and overwrites",
    },
    Server {
        name: "moto 5.2 `moto_server`",
        standing: Standing::Failed,
        note: "looks, then writes, without a lock: several creates at once succeed now and then",
    },
];

/// One sentence that says which stores are known to work.
pub fn servers_that_work() -> String {
    let named = |standing| {
        let names = SERVERS.iter().filter(|server| server.standing == standing);
        names.map(|server| server.name).collect::<Vec<_>>().join(", ")
    };
    format!(
        "known to work: a directory on one host or on a shared file system; {} (tried); {} (by their documentation)",
        named(Standing::Passed),
        named(Standing::Documented)
    )
}
