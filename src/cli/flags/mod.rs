//! Commands and their arguments; the settings, which go with each of them, are in [`settings`]. Help
//! texts are the manual.
//!
//! To add a command: a variant of [`Command`] with its help; `cli` says what follows.

mod settings;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::Resettable;
use clap::{Args, CommandFactory, Parser, Subcommand};

pub(super) use settings::{SettingFlags, USUAL_LOG};

/// A server for autonomous agent jobs: launched with structured input, watched live over GraphQL,
/// ended in a result or an explained failure.
///
/// Without a command it serves: API and worker on one machine, with SQLite and files under ./data.
/// Every setting can be given as a flag or in the environment; the flag wins. What a script needs
/// stands alone on standard output, all else goes to standard error.
#[derive(Debug, Parser)]
#[command(name = "agentic-executions", version, disable_help_subcommand = true)]
pub(super) struct Flags {
    #[command(flatten)]
    pub settings: SettingFlags,
    #[command(flatten)]
    pub serve: ServeFlags,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serves the API and works on runs (the default); prints the address
    Serve(ServeFlags),
    /// Works on runs beside API nodes that share its database; PostgreSQL only. With --listen it tells how it is there
    Worker,
    /// Brings the database's schema up to date, as `serve` and `worker` do at start
    Migrate,
    /// Prints the GraphQL schema
    Schema,
    /// Checks the definitions, the models and the budgets: prints every mistake as `file#pointer: message`, and fails if there
    /// is one
    Check,
    /// Executions as tests: records one as a case of its definition, and plays cases
    #[command(subcommand, arg_required_else_help = false)]
    Rehearse(RehearseCommand),
    /// Users
    #[command(subcommand, arg_required_else_help = false)]
    User(UserCommand),
    /// Access tokens
    #[command(subcommand, arg_required_else_help = false)]
    Token(TokenCommand),
    /// Prints a link with which a user signs in to the dashboard, once and within ten minutes
    SignInLink {
        /// The name of the user
        #[arg(long, value_name = "NAME")]
        user: String,
    },
}

#[derive(Debug, Default, Args)]
pub(super) struct ServeFlags {
    /// Serves the API alone; runs wait for `agentic-executions worker`
    #[arg(long)]
    pub no_worker: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum RehearseCommand {
    /// Writes an execution that has ended as a case: its input and files, what its model said, what
    /// it met in records and other systems, and what came of it; prints the folder, and fails if the
    /// case does not play back as it was
    Record(RecordCase),
    /// Plays cases in a database of their own, each from nothing but what it holds; prints pass or
    /// fail with every difference, and fails if there is one
    Test(TestCases),
}

#[derive(Debug, Args)]
pub(super) struct RecordCase {
    /// The execution's id
    #[arg(value_name = "EXECUTION")]
    pub id: String,
    /// The folder that the case's own is made in [default: `cases` of its execution type, where that
    /// is in the directory of --definitions]
    #[arg(long, value_name = "DIRECTORY")]
    pub into: Option<PathBuf>,
    /// The case's name [default: the execution's id]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct TestCases {
    /// Key of an agent type or of an execution type; without it all cases are played
    #[arg(value_name = "DEFINITION")]
    pub definition: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Makes a user and prints the id
    Create(CreateUser),
}

#[derive(Debug, Args)]
pub(super) struct CreateUser {
    /// Unique on the server
    pub name: String,
    /// May see and manage everything
    #[arg(long)]
    pub admin: bool,
    /// Makes them a member of this data set; may be given several times
    #[arg(long = "data-set", value_name = "ID")]
    pub data_sets: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Makes an access token and prints it: it is kept nowhere and never shown again
    Create(CreateToken),
    /// Prints every token, tab-separated: id, user, name, first characters, created, last used,
    /// expires, revoked
    List,
    /// Ends a token; streams opened with it end within five seconds
    Revoke {
        /// As `token list` prints it
        id: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateToken {
    /// The name of its user
    #[arg(long, value_name = "NAME")]
    pub user: String,
    /// What it is for, to tell tokens apart
    #[arg(long, default_value = "command line")]
    pub name: String,
    /// Ends by itself after this time, for example 90d; without it never
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    pub expires: Option<Duration>,
}

/// The variable of the environment that gave an argument this value; none when a flag did.
pub(super) fn variable_of(argument: &str, value: &str) -> Option<String> {
    let long = argument.strip_prefix("--")?.split([' ', '=', '[']).next()?;
    let command = Flags::command();
    let known = command
        .get_arguments()
        .find(|known| known.get_long() == Some(long))?;
    let variable = known.get_env()?;
    let is_it = std::env::var_os(variable).is_some_and(|set| set == value);
    is_it.then(|| variable.to_string_lossy().into_owned())
}

/// The flag that sets what this variable of the environment does.
fn flag_of(variable: &str) -> Option<String> {
    let command = Flags::command();
    let known = command
        .get_arguments()
        .find(|known| known.get_env().is_some_and(|name| name == variable))?;
    known.get_long().map(str::to_owned)
}

/// Variables that are set and look like settings of ours, and are none: each in words. A typing error would otherwise
/// be a setting that silently is not set.
pub(super) fn unknown_variables() -> Vec<String> {
    let command = Flags::command();
    let known: Vec<String> = command
        .get_arguments()
        .filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned()))
        .collect();
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let mut names: Vec<String> = set
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("AGENTIC_") && !known.contains(name))
        .collect();
    names.sort();
    names.iter().map(|name| unknown(name, &known)).collect()
}

/// Letters that a typing error changes, at most.
const TYPING_ERROR: usize = 3;

fn unknown(name: &str, known: &[String]) -> String {
    let nearest = known.iter().min_by_key(|other| changes(name, other));
    match nearest.filter(|other| changes(name, other) <= TYPING_ERROR) {
        Some(other) => format!("{name} is set and is no setting: did you mean {other}?"),
        None => format!("{name} is set and is no setting: `--help` lists those that there are"),
    }
}

/// Letters to add, take away or replace until one is the other (Levenshtein's distance).
fn changes(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}

/// Nothing ends at once what has just begun.
fn some_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time.as_millis() == 0 {
        return Err(
            "that is no time at all; use for example 90d, or leave it out for a token that does not end"
                .to_owned(),
        );
    }
    Ok(time)
}

/// A variable that is set to nothing is not set: container files pass them on so.
pub(super) fn without_empty_environment(command: clap::Command) -> clap::Command {
    let is_empty = |argument: &clap::Arg| {
        let value = argument.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    command.mut_args(move |argument| {
        if is_empty(&argument) {
            argument.env(Resettable::Reset)
        } else {
            argument
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::Failure;

    fn parse(arguments: &[&str]) -> Result<Flags, clap::Error> {
        Flags::try_parse_from(std::iter::once(&"agentic-executions").chain(arguments))
    }

    #[test]
    fn the_flags_are_well_formed() {
        Flags::command().debug_assert();
    }

    #[test]
    fn settings_may_stand_before_and_after_the_command() {
        for arguments in [
            ["--grace", "5s", "token", "list"],
            ["token", "list", "--grace", "5s"],
        ] {
            let flags = parse(&arguments).expect("parses");
            let settings = flags.settings.read().expect("fine");
            assert_eq!(settings.grace, Duration::from_secs(5));
        }
    }

    #[test]
    fn half_a_command_is_told_what_it_lacks() {
        for (noun, commands) in [
            ("user", "create"),
            ("token", "create, list, revoke"),
            ("rehearse", "record, test"),
        ] {
            let refusal = parse(&[noun]).expect_err("lacks a command").to_string();
            let first = refusal.split("\n\n").next().unwrap_or_default();
            assert!(
                first.starts_with("error: ") && first.contains(commands),
                "{refusal}"
            );
        }
    }

    #[test]
    fn no_command_serves() {
        let flags = parse(&["--no-worker"]).expect("parses");
        assert!(flags.command.is_none() && flags.serve.no_worker);
    }

    #[test]
    fn a_secret_that_is_refused_is_not_repeated() {
        let flags = parse(&["--bootstrap-token", "too-short-secret"]).expect("parses");
        let failure = flags.settings.read().expect_err("too short").to_string();
        assert!(failure.starts_with("AGENTIC_BOOTSTRAP_TOKEN") && !failure.contains("too-short-secret"));
    }

    #[test]
    fn a_mistake_names_the_flag_beside_the_variable() {
        let flags = parse(&["--poll", "0s", "--grace", "2000d"]).expect("parses");
        let Err(Failure::Settings(mistakes)) = flags.settings.read() else {
            panic!("refused")
        };
        assert_eq!(
            mistakes,
            [
                "AGENTIC_POLL (--poll) is shorter than a millisecond",
                "AGENTIC_GRACE (--grace) is longer than a year",
            ]
        );
    }

    #[test]
    fn a_variable_that_is_no_setting_is_told_with_the_nearest_that_is() {
        let known = ["AGENTIC_LISTEN", "AGENTIC_LEASE"].map(str::to_owned);
        assert_eq!(
            unknown("AGENTIC_LISTN", &known),
            "AGENTIC_LISTN is set and is no setting: did you mean AGENTIC_LISTEN?"
        );
        assert!(unknown("AGENTIC_OPENAI_KEY", &known).ends_with("`--help` lists those that there are"));
        assert_eq!(changes("kitten", "sitting"), 3);
    }

    #[test]
    fn a_token_lasts_for_some_time() {
        let create = |time| parse(&["token", "create", "--user", "a", "--expires", time]);
        let refusal = create("0s").expect_err("ends at once").to_string();
        assert!(refusal.contains("no time at all"), "{refusal}");
        create("1s").expect("lasts");
    }

    #[test]
    fn every_setting_says_what_it_is_for_and_can_come_from_the_environment() {
        let command = Flags::command();
        let settings = command
            .get_arguments()
            .filter(|argument| argument.get_help_heading() == Some("Settings"));
        for argument in settings.filter(|argument| argument.get_id() != "no_worker") {
            assert!(argument.get_help().is_some(), "{}", argument.get_id());
            assert!(argument.get_env().is_some(), "{}", argument.get_id());
        }
    }
}
