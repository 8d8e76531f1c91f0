//! Failures as people read them.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use clap::error::ContextKind;

use super::flags;
use crate::base::chain::{Chain, one_line};
use crate::definitions::Mistake;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error, told with its causes.
    Chain(Box<dyn Error + Send + Sync>),
    /// What was being done, and the error that ended it.
    Doing(String, Box<dyn Error + Send + Sync>),
    /// Told already, or in these words.
    Said(String),
    /// The definitions cannot be used.
    Definitions(Vec<Mistake>),
    /// These settings cannot be used.
    Settings(Vec<String>),
}

impl Failure {
    pub fn said(text: impl Into<String>) -> Self {
        Self::Said(text.into())
    }

    pub fn chain(doing: impl Into<String>, error: impl Error + Send + Sync + 'static) -> Self {
        Self::Doing(doing.into(), Box::new(error))
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Chain(Box::new(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(error) => Chain(error.as_ref()).fmt(f),
            Self::Doing(what, error) => write!(f, "{what}: {}", Chain(error.as_ref())),
            Self::Said(text) => f.write_str(text),
            Self::Definitions(mistakes) => {
                let count = mistakes.len();
                let noun = if count == 1 { "mistake" } else { "mistakes" };
                write!(
                    f,
                    "the definitions, models or budgets have {count} {noun}; nothing was started"
                )
            }
            Self::Settings(mistakes) => match &mistakes[..] {
                [only] => f.write_str(only),
                several => write!(f, "{} settings cannot be used", several.len()),
            },
        }
    }
}

pub(super) fn print(failure: &Failure) {
    match failure {
        Failure::Definitions(mistakes) => mistakes.iter().for_each(|mistake| eprintln!("{mistake}")),
        Failure::Settings(mistakes) if mistakes.len() > 1 => {
            mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
        }
        _ => {}
    }
    eprintln!("error: {failure}");
}

/// The first paragraph of what clap says, which knows flags alone, and the variable where one was
/// meant; the rest is usage, which `--help` shows.
pub(super) fn refuse_flags(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let first = one_line(text.split("\n\n").next().unwrap_or_default());
    let said = |kind| error.get(kind).map(ToString::to_string);
    let variable = said(ContextKind::InvalidArg)
        .zip(said(ContextKind::InvalidValue))
        .and_then(|(argument, value)| flags::variable_of(&argument, &value));
    match variable {
        Some(variable) => eprintln!("{first} (from {variable}; see --help)"),
        None => eprintln!("{first} (see --help)"),
    }
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn causes_stand_in_one_line_and_none_twice() {
        let inner = Layer("refused\n  (os error 111)", None);
        let middle = Layer("i/o: refused (os error 111)", Some(Box::new(inner)));
        let failure = Failure::chain("no database", middle);
        assert_eq!(failure.to_string(), "no database: i/o: refused (os error 111)");
    }
}
