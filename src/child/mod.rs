//! Programs that run beside the server: MCP servers, and this binary itself where it reads what
//! strangers have written. A child gets the environment that is named for it and nothing else, is
//! held to its limits, and never outlives whoever started it, however that one ends.
//!
//! ```text
//! worker ── leash ── supervisor ── program ── whatever that starts
//! ```
//!
//! Between the two stands a process of this binary, the supervisor ([`supervise`]). Its standard
//! error is one end of a socket, the leash, whose other end only the worker holds: when the worker
//! lets go of it, or dies of whatever cause, SIGKILL included, the supervisor reads its end and
//! kills the tree. On Linux that is every descendant, also one that has moved into a session of its
//! own or whose parent is gone, for the supervisor is their subreaper; and the program is killed
//! should the supervisor die before it. On other Unix systems it is the program's process group,
//! so what moves out of that survives there; and a memory limit is one on address space, as far as
//! the system enforces that.
//!
//! The program's standard input and output are the worker's pipes, without anyone in between. What
//! it writes to standard error goes up the leash; the end of it is kept for whoever must explain.
//!
//! It knows no protocol and no document: what the child says is its starter's to read. A program
//! that uses this crate as a library gives its arguments to [`main`] before anything else, or names
//! a binary that does with [`Launcher::of`].

mod enter;
mod launch;
mod supervise;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

pub use launch::{Bounds, Child, Launcher, RunError};

/// What a supervisor is started with; no command of ours begins so.
const SUPERVISE: &str = "@supervise";
/// What the supervisor starts, and the program takes the place of.
const ENTER: &str = "@enter";

/// The code of a program that could not be started, as of shells.
pub const CANNOT_START: u8 = 127;

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// A path, or a name to be looked up: in the `PATH` that is named for the program, else in
    /// that of this process.
    pub file: OsString,
    /// Its arguments. Everybody on the machine can read them: secrets belong in the environment.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// Where it starts; this process's folder when none is given.
    pub directory: Option<PathBuf>,
    /// What it may use.
    pub limits: Limits,
}

/// What a program may use. Each of its own children may use as much again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that it may allocate; beyond it allocations fail.
    pub memory_bytes: Option<u64>,
    /// Processor time, in whole seconds; beyond it the system kills.
    pub cpu: Option<Duration>,
    /// Bytes of a file that it writes; 0 lets it write none.
    pub file_bytes: Option<u64>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code; [`CANNOT_START`] with the reason on standard error.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// Whether it ended as a program does that is content.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    // As shells do, so that one number says both.
    fn from_status(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        match (status.code(), status.signal()) {
            (Some(code), _) if code > 128 => Self::Signal(code - 128),
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "it ended with code {code}"),
            Self::Signal(signal) => write!(f, "it was ended by signal {signal}"),
        }
    }
}

/// Acts as a supervisor, or as what it starts, if that is what this process was started for;
/// none if not. `arguments` begin with the program's name. To be called while the process has one
/// thread.
pub fn main(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, role, rest @ ..] = arguments else {
        return None;
    };
    if role == OsStr::new(SUPERVISE) {
        Some(supervise::supervise(rest))
    } else if role == OsStr::new(ENTER) {
        Some(enter::enter(rest))
    } else {
        None
    }
}

impl Limits {
    // As arguments: a number or nothing for each.
    fn to_arguments(self) -> [String; 3] {
        let text = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let seconds = self.cpu.map(|cpu| cpu.as_secs().max(1));
        [text(self.memory_bytes), text(seconds), text(self.file_bytes)]
    }

    fn from_arguments(arguments: &[OsString]) -> Option<Self> {
        let number = |place: usize| -> Option<Option<u64>> {
            let text = arguments.get(place)?.to_str()?;
            if text.is_empty() {
                Some(None)
            } else {
                Some(Some(text.parse().ok()?))
            }
        };
        Some(Self {
            memory_bytes: number(0)?,
            cpu: number(1)?.map(Duration::from_secs),
            file_bytes: number(2)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_survive_the_command_line_and_others_are_no_business_of_ours() {
        let limits = Limits {
            memory_bytes: Some(1 << 30),
            cpu: None,
            file_bytes: Some(0),
        };
        let arguments: Vec<OsString> = limits.to_arguments().into_iter().map(OsString::from).collect();
        assert_eq!(Limits::from_arguments(&arguments), Some(limits));
        assert_eq!(Limits::from_arguments(&arguments[..2]), None);
        assert_eq!(Limits::from_arguments(&["x", "", ""].map(OsString::from)), None);
        assert!(main(&["agentic-executions", "serve"].map(OsString::from)).is_none());
    }
}
