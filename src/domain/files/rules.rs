//! What a file has to be: its agent type's rules, and what is said of one that breaks them.

use super::{TakeError, sniff};
use crate::base::image::Unfit;
use crate::definitions::FileRules;

/// A file name's greatest length in characters.
pub const MAX_FILENAME: usize = 255;

/// Which rule a file broke: the API's `FileRule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Rule {
    NotAccepted,
    TooMany,
    TooLarge,
    TotalTooLarge,
    Empty,
    Extension,
    Content,
    Filename,
}

/// A refused file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The rule.
    pub rule: Rule,
    /// Position in files, then file ids; none when all are meant.
    pub index: Option<usize>,
    /// Its name.
    pub filename: Option<String>,
    /// What is taken; none where nothing is.
    pub rules: Option<FileRules>,
    /// For people.
    pub message: String,
    /// It is a file id that names nothing the viewer may see.
    pub is_unknown_id: bool,
}

pub(super) fn check_before(
    rules: &FileRules,
    index: usize,
    filename: &str,
    size: u64,
) -> Result<(), TakeError> {
    let refused = |rule, message| Err(refuse(rule, Some((index, filename)), Some(rules), message));
    let name = base_name(filename);
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| format!(".{}", extension.to_lowercase()));
    if !extension.is_some_and(|extension| rules.extensions.contains(&extension)) {
        return refused(
            Rule::Extension,
            format!("a file name ends in one of {}", rules.extensions.join(", ")),
        );
    }
    if name.chars().count() > MAX_FILENAME || name.contains('\0') {
        return refused(
            Rule::Filename,
            format!("a file name has {MAX_FILENAME} characters at most and no U+0000"),
        );
    }
    if size == 0 {
        return refused(Rule::Empty, "the file has no bytes".to_owned());
    }
    if size > rules.max_bytes_per_file {
        let message = format!(
            "the file has {size} bytes; {} are taken at most",
            rules.max_bytes_per_file
        );
        return refused(Rule::TooLarge, message);
    }
    Ok(())
}

pub(super) fn check_content(
    rules: &FileRules,
    index: usize,
    filename: &str,
    content_type: &str,
) -> Result<(), TakeError> {
    if rules.content_types.iter().any(|taken| taken == content_type) {
        return Ok(());
    }
    let message = match sniff::hint(content_type, filename) {
        Some(hint) => format!("the content is {hint}"),
        None => format!(
            "the content is {content_type}; what is taken is {}",
            rules.content_types.join(", ")
        ),
    };
    Err(refuse(
        Rule::Content,
        Some((index, filename)),
        Some(rules),
        message,
    ))
}

/// An image that no model can be shown is refused here, for later only the model is there to be told.
pub(super) fn check_image(
    rules: &FileRules,
    index: usize,
    filename: &str,
    checked: Result<(), Unfit>,
) -> Result<(), TakeError> {
    let Err(unfit) = checked else {
        return Ok(());
    };
    let rule = match unfit {
        Unfit::TooLarge(_) => Rule::TooLarge,
        Unfit::TooWide(..) | Unfit::Damaged => Rule::Content,
    };
    let message = format!("the image {unfit}");
    Err(refuse(rule, Some((index, filename)), Some(rules), message))
}

pub(super) fn refuse(
    rule: Rule,
    which: Option<(usize, &str)>,
    rules: Option<&FileRules>,
    message: String,
) -> TakeError {
    TakeError::Rejected(Box::new(Rejected {
        rule,
        index: which.map(|(index, _)| index),
        filename: which.map(|(_, filename)| filename.to_owned()),
        rules: rules.cloned(),
        message,
        is_unknown_id: false,
    }))
}

pub(super) fn base_name(filename: &str) -> &str {
    filename.rsplit(['/', '\\']).next().unwrap_or(filename)
}
