//! The commands, and the one place that wires concrete parts together. What a script needs stands
//! alone on standard output; all else goes to standard error. A failure is one line that names
//! what failed and every cause behind it, and a non-zero exit.
//!
//! To add a command: a variant of `flags::Command` with its help, an arm in `run`, and a
//! function in the file of its noun.

mod check;
mod flags;
mod open_files;
mod people;
mod rehearse;
mod report;
mod serve;
mod wiring;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};

use crate::base::tls;
use crate::child;
use crate::config::Settings;
use crate::documents;
use crate::graphql;
use crate::mcp;
use crate::telemetry::log;
use crate::telemetry::traces::Traces;
use flags::{Command, Flags, RehearseCommand, TokenCommand, UserCommand};
use report::Failure;

/// For the last traces, after all else has ended: a collector takes them in a moment or is away.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// Runs the command that `arguments` (the program's name first) and the environment ask for.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Roles of this binary beside its commands: they have no use for any of what follows.
    if let Some(ended) = child::main(&arguments).or_else(|| documents::main(&arguments)) {
        return ended;
    }
    tls::use_ring();
    let command = flags::without_empty_environment(Flags::command());
    let parsed = command.try_get_matches_from(arguments);
    let flags = match parsed.and_then(|matches| Flags::from_arg_matches(&matches)) {
        Ok(flags) => flags,
        Err(error) if !error.use_stderr() => {
            // Help and version: what was asked for.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return report::refuse_flags(&error),
    };
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match built {
        Ok(runtime) => {
            let done = runtime.block_on(run(flags));
            // A file operation that hangs must not keep the process.
            runtime.shutdown_timeout(Duration::from_secs(1));
            done
        }
        Err(error) => Err(Failure::chain("the runtime cannot start", error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::print(&failure);
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<(), Failure> {
    let command = flags.command.unwrap_or(Command::Serve(flags.serve));
    if matches!(command, Command::Schema) {
        return print(graphql::sdl().trim_end());
    }
    let settings = flags.settings.read()?;
    let is_server = matches!(command, Command::Serve(_) | Command::Worker);
    let traces = match &settings.traces_endpoint {
        Some(endpoint) if is_server => Some(Traces::to(endpoint)?),
        _ => None,
    };
    // What a case does is its own report's to say; a line of the worker's would stand between.
    let is_rehearsal = matches!(command, Command::Rehearse(_));
    let log = match settings.log.as_str() {
        flags::USUAL_LOG if is_rehearsal => "error",
        given => given,
    };
    log::start(log, mcp::LOG, traces.as_ref())?;
    for unknown in flags::unknown_variables() {
        tracing::warn!("{unknown}");
    }
    let grace = settings.grace;
    let done = run_with(settings, command).await;
    if let Some(traces) = traces {
        traces.flush(FLUSH_WITHIN.min(grace)).await;
    }
    done
}

async fn run_with(settings: Settings, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => serve::serve(settings, !serve.no_worker).await,
        Command::Worker => serve::worker(settings).await,
        Command::Migrate => wiring::migrate(&settings).await,
        Command::Check => check::check(&settings),
        Command::Rehearse(RehearseCommand::Record(case)) => rehearse::record(&settings, case).await,
        Command::Rehearse(RehearseCommand::Test(cases)) => rehearse::test(&settings, cases).await,
        Command::User(UserCommand::Create(user)) => people::create_user(&settings, user).await,
        Command::Token(TokenCommand::Create(token)) => people::create_token(&settings, token).await,
        Command::Token(TokenCommand::List) => people::list_tokens(&settings).await,
        Command::Token(TokenCommand::Revoke { id }) => people::revoke_token(&settings, &id).await,
        Command::SignInLink { user } => people::print_sign_in_link(&settings, &user).await,
        Command::Schema => Ok(()),
    }
}

/// A line on standard output.
fn print(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::chain("standard output cannot be written", error)),
    }
}
