//! The child's side: one document on standard input, its text on standard output. It ends with 0,
//! or with [`REFUSED`] and the number of the reason; any other end is a crash.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::process::ExitCode;

use super::{Kind, Unreadable, extract};

/// What the child is started with; no command of ours begins so.
pub(super) const EXTRACT: &str = "@extract";

pub(super) const REFUSED: u8 = 3;

/// Reads a document, if that is what this process was started for; none if not. `arguments` begin
/// with the program's name. To be called while the process has one thread.
pub fn main(arguments: &[OsString]) -> Option<ExitCode> {
    let [_, role, kind @ ..] = arguments else {
        return None;
    };
    if role != OsStr::new(EXTRACT) {
        return None;
    }
    let kind: Option<Vec<&str>> = kind.iter().map(|argument| argument.to_str()).collect();
    let kind = Kind::from_arguments(&kind?)?;
    Some(serve(kind).unwrap_or(ExitCode::FAILURE))
}

fn serve(kind: Kind) -> io::Result<ExitCode> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let mut out = io::stdout().lock();
    match extract(kind, bytes) {
        Ok(text) => {
            out.write_all(text.as_bytes())?;
            out.flush()?;
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            let number = Unreadable::SAID.iter().position(|known| *known == reason);
            write!(out, "{}", number.unwrap_or(usize::MAX))?;
            out.flush()?;
            Ok(ExitCode::from(REFUSED))
        }
    }
}
