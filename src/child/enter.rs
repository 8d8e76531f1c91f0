//! The last steps before the program: its own session, its limits, and that it dies with its
//! supervisor. They hold for this process, and the program then takes its place. (A parent could do
//! them between fork and exec, but only with unsafe code.)

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{self, Resource, Rlimit};

use super::{CANNOT_START, Limits};

/// What a program can write to, which on Linux is all that it can allocate. Address space would count
/// its files and what it only reserves as well; elsewhere there is nothing better.
const MEMORY: Resource = if cfg!(target_os = "linux") {
    Resource::Data
} else {
    Resource::As
};

pub(super) fn enter(arguments: &[OsString]) -> ExitCode {
    let (Some(limits), Some([file, arguments @ ..])) =
        (Limits::from_arguments(arguments), arguments.get(3..))
    else {
        return refuse("the supervisor's arguments are incomplete");
    };
    // Signals of the server's terminal are the server's.
    let _ = process::setsid();
    if let Err(error) = restrict(limits) {
        return refuse(&format!("the limits cannot be set: {error}"));
    }
    #[cfg(target_os = "linux")]
    if !die_with_supervisor() {
        return ExitCode::from(CANNOT_START);
    }
    // Comes back only when it fails.
    let error = Command::new(file).args(arguments).exec();
    refuse(&format!("{} cannot be started: {error}", file.display()))
}

fn restrict(limits: Limits) -> rustix::io::Result<()> {
    let set = |resource, soft: Option<u64>, hard: Option<u64>| {
        let maximum = hard.or(process::getrlimit(resource).maximum);
        process::setrlimit(
            resource,
            Rlimit {
                current: soft,
                maximum,
            },
        )
    };
    // A dump would hold what the program was given.
    set(Resource::Core, Some(0), Some(0))?;
    if let Some(bytes) = limits.memory_bytes {
        set(MEMORY, Some(bytes), Some(bytes))?;
    }
    if let Some(cpu) = limits.cpu {
        // The first is a signal that a program can ignore, the second is not.
        set(Resource::Cpu, Some(cpu.as_secs()), Some(cpu.as_secs() + 1))?;
    }
    if let Some(bytes) = limits.file_bytes {
        set(Resource::Fsize, Some(bytes), Some(bytes))?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn die_with_supervisor() -> bool {
    let supervisor = process::getppid();
    // When memory is short, this goes before the server does.
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    process::set_parent_process_death_signal(Some(process::Signal::KILL)).is_ok()
        // It may have died just before.
        && process::getppid() == supervisor
        && supervisor != Some(process::Pid::INIT)
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(CANNOT_START)
}
