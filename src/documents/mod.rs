//! The text of documents that strangers have written: what `read_file` and `fetch_page` read.
//!
//! | kind | becomes |
//! |---|---|
//! | text: TXT, CSV, Markdown, JSON | itself, from UTF-8, UTF-16 or Windows-1252 ([`text`]) |
//! | workbook: XLSX | each sheet under a line with its name, as CSV ([`workbook`]) |
//! | PDF | each page under a line with its number; rows of tables with a tab between cells ([`pdf`]) |
//! | page of the web: HTML | its title, and its text without markup ([`html`]) |
//!
//! Text is decoded here. All else is taken apart in a child process of this binary, with limits on
//! memory, time and output ([`Reader`]): a bomb, a loop or a crash costs that child and fails that
//! document, in words for the model and the person. What comes out is text and nothing
//! else: no script, macro or link of a document is ever run or followed.
//!
//! To add a kind: a file beside these, its variant of [`Kind`], an arm in [`extract`], and its type
//! in [`Kind::of`].

mod child;
mod html;
mod pdf;
mod reader;
mod text;
mod workbook;

use encoding_rs::Encoding;

pub use child::main;
pub use html::Html;
pub(crate) use html::decode as decode_page;
pub use reader::{Error, Reader};
pub(crate) use text::reads_as_text;

/// Characters of text are cheap, and a model is given 100,000 at a time; what is longer than this
/// is no document that anyone reads.
pub const MAX_TEXT_BYTES: usize = 16 * 1024 * 1024;

/// How a document is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Characters in some encoding.
    Text,
    /// Office Open XML, as spreadsheet programs write it.
    Workbook,
    /// Portable Document Format.
    Pdf,
    /// A page of the web, in this encoding unless a byte order mark says otherwise. What is
    /// extracted of it is its title in the first line, which is empty without one, then its text.
    Html(&'static Encoding),
}

impl Kind {
    /// The kind of a content type; none of one that holds no text that could be read.
    pub fn of(content_type: &str) -> Option<Self> {
        match content_type {
            PDF => Some(Self::Pdf),
            XLSX => Some(Self::Workbook),
            "application/json" | "application/xml" => Some(Self::Text),
            other => other.starts_with("text/").then_some(Self::Text),
        }
    }

    // As the child is told.
    fn to_arguments(self) -> Vec<&'static str> {
        match self {
            Self::Text => vec!["text"],
            Self::Workbook => vec!["workbook"],
            Self::Pdf => vec!["pdf"],
            Self::Html(encoding) => vec!["html", encoding.name()],
        }
    }

    fn from_arguments(arguments: &[&str]) -> Option<Self> {
        match arguments {
            ["text"] => Some(Self::Text),
            ["workbook"] => Some(Self::Workbook),
            ["pdf"] => Some(Self::Pdf),
            ["html", encoding] => Encoding::for_label(encoding.as_bytes()).map(Self::Html),
            _ => None,
        }
    }
}

/// Content type of a PDF.
pub const PDF: &str = "application/pdf";
/// Content type of an XLSX workbook.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// Why a document has no text: words that follow its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Unreadable {
    #[error("is no text in an encoding that could be told")]
    NoText,
    #[error("is protected by a password; save it without one")]
    Locked,
    #[error("is a workbook of the old binary form, or protected by a password; save it as .xlsx without one")]
    OldOrLocked,
    #[error(
        "holds no text, only pictures of pages: it may be a scan; it takes text recognition before it can be read"
    )]
    Scan,
    #[error("holds no text: its pages are empty, or it is damaged")]
    Empty,
    #[error("is damaged, or not what its name says")]
    Damaged,
    #[error("holds more text than is read of one document: over {} MiB", MAX_TEXT_BYTES / 1024 / 1024)]
    TooLong,
    #[error("takes too long to be read, which documents of people do not; it was given up")]
    TooSlow,
    #[error("takes more memory to be read than documents of people do; it was given up")]
    TooHungry,
    #[error("could not be read: something in it makes the reader fail")]
    Crashed,
}

impl Unreadable {
    // As the child names it.
    const SAID: [Self; 6] = [
        Self::Locked,
        Self::OldOrLocked,
        Self::Scan,
        Self::Empty,
        Self::Damaged,
        Self::TooLong,
    ];
}

/// The text of a document, in this very process: for the child, and for tests.
///
/// # Errors
/// [`Unreadable`].
pub fn extract(kind: Kind, bytes: Vec<u8>) -> Result<String, Unreadable> {
    match kind {
        Kind::Text => text::decode(bytes),
        Kind::Workbook => workbook::extract(bytes),
        Kind::Pdf => pdf::extract(bytes),
        Kind::Html(encoding) => html::extract(&bytes, encoding),
    }
}

/// Text that has a length to keep to.
#[derive(Default)]
struct Page(String);

impl Page {
    fn push(&mut self, text: &str) -> Result<(), Unreadable> {
        if self.0.len() + text.len() > MAX_TEXT_BYTES {
            return Err(Unreadable::TooLong);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_survive_the_command_line_and_others_are_none() {
        let pages = [encoding_rs::UTF_8, encoding_rs::WINDOWS_1252, encoding_rs::EUC_KR].map(Kind::Html);
        for kind in [Kind::Text, Kind::Workbook, Kind::Pdf].into_iter().chain(pages) {
            assert_eq!(Kind::from_arguments(&kind.to_arguments()), Some(kind));
        }
        for none in [&["html"][..], &["html", "x"], &["pdf", "utf-8"], &[]] {
            assert_eq!(Kind::from_arguments(none), None, "{none:?}");
        }
    }
}
