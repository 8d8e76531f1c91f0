//! The supervisor: starts the program, waits for it or for the end of the leash, and leaves nobody
//! behind. One thread, no runtime: it stands beside every child and should cost next to nothing.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{self, Pid, Signal, WaitOptions, WaitStatus};

use super::{CANNOT_START, ENTER, launch};

/// Where nothing tells that the program has ended.
const LOOK_EVERY: Timespec = milliseconds(50);
/// Where it is told, and only orphans of the program wait to be reaped.
const REAP_EVERY: Timespec = milliseconds(1_000);
/// Between two rounds of killing: those whose parent was killed come to us in between.
const KILL_EVERY: Timespec = milliseconds(5);

const fn milliseconds(count: i64) -> Timespec {
    Timespec {
        tv_sec: count / 1000,
        tv_nsec: count % 1000 * 1_000_000,
    }
}

/// Ends with the program's code, or 128 and its signal, when no descendant is left.
pub(super) fn supervise(arguments: &[OsString]) -> ExitCode {
    // Signals of the server's terminal are the server's; the leash says when to end.
    let _ = process::setsid();
    #[cfg(target_os = "linux")]
    let _ = process::set_child_subreaper(Some(process::getpid()));
    let spawned = Command::new(launch::this_binary())
        .arg0(launch::NAME)
        .arg(ENTER)
        .args(arguments)
        .spawn();
    let program = match spawned {
        Ok(child) => i32::try_from(child.id()).ok().and_then(Pid::from_raw),
        Err(error) => {
            eprintln!("the supervisor cannot start a process: {error}");
            None
        }
    };
    let Some(program) = program else {
        return ExitCode::from(CANNOT_START);
    };
    // The program's alone from here on: who reads or writes them sees at once that it is gone.
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
    }
    watch(program)
}

fn watch(program: Pid) -> ExitCode {
    let told = end_of(program);
    let leash = std::io::stderr();
    let mut code = None;
    let mut is_ending = false;
    loop {
        if !has_children(program, &mut code) {
            return ExitCode::from(code.unwrap_or(1));
        }
        is_ending |= code.is_some();
        if is_ending {
            kill(program, code.is_none());
        }
        let wait = match (is_ending, &told) {
            (true, _) => KILL_EVERY,
            (false, Some(_)) => REAP_EVERY,
            (false, None) => LOOK_EVERY,
        };
        let mut fds = vec![PollFd::from_borrowed_fd(leash.as_fd(), PollFlags::IN)];
        // Both stay readable once they are.
        if is_ending {
            fds.clear();
        } else if let Some(told) = &told {
            fds.push(PollFd::new(told, PollFlags::IN));
        }
        if poll(&mut fds, Some(&wait)).is_ok_and(|ready| ready > 0)
            && fds.first().is_some_and(|leash| !leash.revents().is_empty())
        {
            // The other side never writes: whatever comes is its end.
            is_ending = true;
        }
    }
}

/// Reaps those that have ended; false when none is left.
fn has_children(program: Pid, code: &mut Option<u8>) -> bool {
    loop {
        match process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == program => *code = Some(code_of(status)),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn code_of(status: WaitStatus) -> u8 {
    let code = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, signal) => 128 + signal.unwrap_or(0),
    };
    u8::try_from(code).unwrap_or(u8::MAX)
}

// Only children of ours, whose numbers nobody else can get before we have reaped them. Theirs
// become ours when they are gone, and their turn comes in the next round.
fn kill(program: Pid, is_running: bool) {
    if is_running {
        let _ = process::kill_process_group(program, Signal::KILL);
        let _ = process::kill_process(program, Signal::KILL);
    }
    #[cfg(target_os = "linux")]
    for child in children() {
        let _ = process::kill_process(child, Signal::KILL);
    }
    // Its group may live on when it is gone, and keeps its number from being given anew.
    #[cfg(not(target_os = "linux"))]
    let _ = process::kill_process_group(program, Signal::KILL);
}

#[cfg(target_os = "linux")]
fn children() -> Vec<Pid> {
    let own = process::getpid().as_raw_nonzero().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let child = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
        let facts = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // proc_pid_stat(5): the name in parentheses may hold anything; then state and parent.
        let (_, facts) = facts.rsplit_once(')')?;
        (facts.split_whitespace().nth(1)? == own).then_some(pid)
    };
    processes.flatten().filter_map(child).collect()
}

#[cfg(target_os = "linux")]
fn end_of(program: Pid) -> Option<OwnedFd> {
    process::pidfd_open(program, process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn end_of(_: Pid) -> Option<OwnedFd> {
    None
}
