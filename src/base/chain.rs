//! An error with all its causes, as log lines and reports show it. By itself an error says only its
//! own part, and a JSON log line no more than that.

use std::error::Error;
use std::fmt;

/// On one line, every cause after a colon. Many libraries repeat their cause in their own text; what
/// has been said is not said again.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'e>(pub &'e (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = one_line(&self.0.to_string());
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = one_line(&error.to_string());
            if !line.contains(&text) {
                line = format!("{line}: {text}");
            }
            cause = error.source();
        }
        f.write_str(&line)
    }
}

/// The words of a text with single blanks between them.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Told {
        text: &'static str,
        #[source]
        cause: Option<Box<Told>>,
    }

    #[test]
    fn every_cause_is_said_once_and_on_one_line() {
        let told = |text, cause: Option<Told>| Told {
            text,
            cause: cause.map(Box::new),
        };
        let disk = told("the disk\n  is full", None);
        let wrapper = told("write: the disk is full", Some(disk));
        let error = told("the database failed", Some(wrapper));
        assert_eq!(
            Chain(&error).to_string(),
            "the database failed: write: the disk is full"
        );
    }
}
