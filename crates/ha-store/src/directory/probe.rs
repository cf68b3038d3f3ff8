//! How this file system can create a file exclusively and whole: tried out at the start, never assumed.

use rustix::io::{Errno, Result as SysResult};
use tracing::warn;

use super::explain::{Explain, with};
use super::sys::Sys;
use super::temp::TempNames;
use crate::{Error, ErrorKind};

/// How a finished file gets its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    /// A file without a name is linked: a crash leaves nothing.
    Unnamed,
    /// A temporary file gets a second name and loses its first.
    Link,
    /// A temporary file is renamed, if the new name is free.
    Rename,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Probed {
    pub(super) method: Method,
    /// The file system's own time, by which ages of files are judged. None if no file could be made.
    pub(super) now: Option<i64>,
}

/// Finds the best method that this file system keeps to, and whether it can make folders durable.
pub(super) fn probe<S: Sys>(
    sys: &S,
    root: &S::Dir,
    names: &TempNames,
    explain: &Explain,
) -> Result<Probed, Error> {
    let mut now = None;
    let mut refusal = Errno::OPNOTSUPP;
    for method in [Method::Unnamed, Method::Link, Method::Rename] {
        match try_out(sys, root, names, method, &mut now) {
            Ok(Errno::EXIST) => {
                check_durable(sys, root, explain)?;
                return Ok(Probed { method, now });
            }
            // Named twice, or for a reason that is none: the file system does not keep to it.
            Ok(errno) => refusal = errno,
            // A full store must still open, so that it can be read and collected. Nothing is lost if the guess is
            // wrong: creates then fail.
            Err(Failed {
                errno: errno @ (Errno::NOSPC | Errno::DQUOT),
                ..
            }) => {
                warn!(root = %explain.root, %errno, "the store is full; it opens, but cannot be written");
                return Ok(Probed { method, now });
            }
            Err(Failed { making, errno }) => {
                let untried = method == Method::Unnamed && LACKS_UNNAMED.contains(&errno);
                if matches!(errno, Errno::ROFS | Errno::ACCESS) || making && !untried {
                    return Err(explain.before(&explain.root, "making a file", errno));
                }
                refusal = errno;
            }
        }
    }
    Err(refused(
        explain,
        "this file system can neither link a file nor rename it exclusively, so that it cannot hold two writers apart: keep the store on another one",
        refusal,
    ))
}

#[derive(Debug)]
struct Failed {
    /// At making the file, and not at naming it.
    making: bool,
    errno: Errno,
}

/// Names a file by `method`, which must succeed, and another by the same name, and says what came of that: it must
/// have been told that the name is taken.
fn try_out<S: Sys>(
    sys: &S,
    root: &S::Dir,
    names: &TempNames,
    method: Method,
    now: &mut Option<i64>,
) -> Result<Errno, Failed> {
    let making = |errno| Failed { making: true, errno };
    let naming = |errno| Failed { making: false, errno };
    let used = [names.next(), names.next(), names.next()];
    let [first, second, target] = &used;
    let mut time_of = |file: &S::File| -> SysResult<()> {
        *now = Some(sys.status(file)?.modified);
        Ok(())
    };
    let mut try_twice = || match method {
        Method::Unnamed => {
            let file = sys.open_unnamed(root).map_err(making)?;
            time_of(&file).map_err(making)?;
            // One that counts as named already may go when it is closed, whatever name it has got since: JuiceFS 1.4 does that.
            if sys.status(&file).map_err(making)?.links > 0 {
                return Err(naming(Errno::OPNOTSUPP));
            }
            sys.link_unnamed(&file, root, target).map_err(naming)?;
            let second = sys.link_unnamed(&file, root, target);
            drop(file);
            sys.open_file(root, target).map_err(naming)?;
            Ok(second)
        }
        Method::Link => {
            time_of(&sys.open_named(root, first).map_err(making)?).map_err(making)?;
            sys.link_named(root, first, root, target).map_err(naming)?;
            Ok(sys.link_named(root, first, root, target))
        }
        Method::Rename => {
            sys.open_named(root, first).map_err(making)?;
            sys.open_named(root, second).map_err(making)?;
            sys.rename_exclusive(root, first, root, target).map_err(naming)?;
            Ok(sys.rename_exclusive(root, second, root, target))
        }
    };
    let tried = try_twice();
    for name in &used {
        // Most are not there, and what stays will be swept.
        let _ = sys.unlink(root, name);
    }
    tried.map(|second| second.err().unwrap_or(Errno::OPNOTSUPP))
}

fn check_durable<S: Sys>(sys: &S, root: &S::Dir, explain: &Explain) -> Result<(), Error> {
    sys.sync_dir(root).map_err(|errno| match errno {
        Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => refused(
            explain,
            "this file system cannot make a folder durable (fsync): keep the store on another one",
            errno,
        ),
        errno => explain.before(&explain.root, "making the folder durable", errno),
    })
}

fn refused(explain: &Explain, message: &str, errno: Errno) -> Error {
    with(
        Error::new(ErrorKind::Denied, explain.root.as_str(), message),
        errno,
    )
}

/// What is said where there are no unnamed files.
const LACKS_UNNAMED: [Errno; 5] = [
    Errno::OPNOTSUPP,
    Errno::ISDIR,
    Errno::INVAL,
    Errno::NOENT,
    Errno::NOSYS,
];
