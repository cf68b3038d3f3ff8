//! System calls that are recorded, fail on demand, and end at a chosen one.

use std::sync::{Arc, Mutex, MutexGuard};

use rustix::io::{Errno, Result};

use crate::directory::probe::Method;
use crate::directory::sys::{Entry, Identity, Status, Sys};

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
pub(super) struct Scripted<S> {
    pub(super) inner: S,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    calls: Vec<&'static str>,
    /// How many calls are still made; the process is dead after them.
    left: Option<usize>,
    faults: Vec<Planned>,
    hooks: Vec<(When, &'static str, Hook)>,
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    Before,
    After,
}

struct Planned {
    call: &'static str,
    times: usize,
    errno: Errno,
    /// Whether the call is made all the same: its reply is lost.
    acts: bool,
}

impl<S: Sys> Scripted<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            script: Arc::default(),
        }
    }

    /// Lets the system lack what is better than `method`.
    pub(super) fn with_method(inner: S, method: Method) -> Self {
        let scripted = Self::new(inner);
        if method != Method::Unnamed {
            scripted.fail("open_unnamed", usize::MAX, Errno::OPNOTSUPP);
        }
        if method == Method::Rename {
            scripted.fail("link_named", usize::MAX, Errno::PERM);
        }
        scripted
    }

    /// The next so many calls of this name fail, and do nothing.
    pub(super) fn fail(&self, call: &'static str, times: usize, errno: Errno) {
        self.script().faults.push(Planned {
            call,
            times,
            errno,
            acts: false,
        });
    }

    /// The next call of this name is made, and fails.
    pub(super) fn lose_reply(&self, call: &'static str, errno: Errno) {
        self.script().faults.push(Planned {
            call,
            times: 1,
            errno,
            acts: true,
        });
    }

    /// Runs `hook` just before the next call of this name.
    pub(super) fn before(&self, call: &'static str, hook: impl FnOnce() + Send + 'static) {
        self.script().hooks.push((When::Before, call, Box::new(hook)));
    }

    /// Runs `hook` when the next call of this name has been made, before its caller hears of it.
    pub(super) fn after(&self, call: &'static str, hook: impl FnOnce() + Send + 'static) {
        self.script().hooks.push((When::After, call, Box::new(hook)));
    }

    /// Makes this many more calls, and then none.
    pub(super) fn stop_after(&self, calls: usize) {
        self.script().left = Some(calls);
    }

    /// Whether a call was wanted that was not made any more.
    pub(super) fn stopped(&self) -> bool {
        self.script().left == Some(usize::MAX)
    }

    /// The calls since this was last asked.
    pub(super) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.script().calls)
    }

    fn step<T>(&self, call: &'static str, make: impl FnOnce() -> Result<T>) -> Result<T> {
        self.run_hook(When::Before, call);
        let fault = {
            let mut script = self.script();
            match script.left {
                Some(0 | usize::MAX) => {
                    script.left = Some(usize::MAX);
                    return Err(Errno::IO);
                }
                Some(left) => script.left = Some(left - 1),
                None => {}
            }
            script.calls.push(call);
            script
                .faults
                .iter_mut()
                .find(|fault| fault.call == call && fault.times > 0)
                .map(|fault| {
                    fault.times -= 1;
                    (fault.errno, fault.acts)
                })
        };
        let answer = match fault {
            None => make(),
            Some((errno, true)) => make().and(Err(errno)),
            Some((errno, false)) => Err(errno),
        };
        self.run_hook(When::After, call);
        answer
    }

    fn run_hook(&self, when: When, call: &'static str) {
        let hook = {
            let mut script = self.script();
            let at = script
                .hooks
                .iter()
                .position(|(at, of, _)| *at == when && *of == call);
            at.map(|at| script.hooks.remove(at).2)
        };
        // Not under the lock: it may wait for other calls.
        if let Some(hook) = hook {
            hook();
        }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }
}

macro_rules! scripted {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        impl<S: Sys> Sys for Scripted<S> {
            type Dir = S::Dir;
            type File = S::File;

            $(fn $name(&self $(, $arg: $type)*) -> Result<$out> {
                self.step(stringify!($name), || self.inner.$name($($arg),*))
            })*
        }
    };
}

scripted! {
    fn open_root() -> S::Dir;
    fn root_identity() -> Identity;
    fn dir_status(dir: &S::Dir) -> Status;
    fn open_dir(at: &S::Dir, name: &str) -> S::Dir;
    fn make_dir(at: &S::Dir, name: &str) -> ();
    fn remove_dir(at: &S::Dir, name: &str) -> ();
    fn sync_dir(dir: &S::Dir) -> ();
    fn entries(dir: S::Dir) -> Vec<Entry>;
    fn open_unnamed(at: &S::Dir) -> S::File;
    fn open_named(at: &S::Dir, name: &str) -> S::File;
    fn open_file(at: &S::Dir, name: &str) -> S::File;
    fn write(file: &S::File, bytes: &[u8]) -> usize;
    fn sync_file(file: &S::File) -> ();
    fn read_at(file: &S::File, into: &mut [u8], offset: u64) -> usize;
    fn status(file: &S::File) -> Status;
    fn status_at(at: &S::Dir, name: &str) -> Status;
    fn link_unnamed(file: &S::File, to: &S::Dir, name: &str) -> ();
    fn link_named(from: &S::Dir, temp: &str, to: &S::Dir, name: &str) -> ();
    fn rename_exclusive(from: &S::Dir, temp: &str, to: &S::Dir, name: &str) -> ();
    fn rename(from: &S::Dir, temp: &str, to: &S::Dir, name: &str) -> ();
    fn unlink(at: &S::Dir, name: &str) -> ();
}
