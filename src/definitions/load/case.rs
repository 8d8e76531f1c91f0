//! One folder below an execution type's `cases/`: a case.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::failure::FailureCode;
use crate::base::json_schema::Schema;
use crate::definitions::case::{Case, CaseFile, Story};
use crate::definitions::format;

use super::reader::Reader;

/// What the execution type says about its cases.
pub(super) struct Context<'a> {
    /// Its folder.
    pub folder: &'a str,
    pub input_schema: Option<&'a Schema>,
    pub failure_codes: &'a [FailureCode],
    pub takes_files: bool,
    /// Without one a case brings its own turns.
    pub has_script: bool,
}

pub(super) fn read(reader: &mut Reader<'_>, name: &str, context: &Context<'_>) -> Option<Case> {
    let folder = format!("{}/cases/{name}", context.folder);
    let path = format!("{folder}/case.json");
    let document = reader.json(&path)?;
    let fits = reader.check(&path, "", &format::CASE, &document);
    if let Some(schema) = context.input_schema
        && document["input"].is_object()
    {
        reader.check(&path, "/input", schema, &document["input"]);
    }
    // What does not fit is read no further: the mistakes that are noted say why.
    let story: Story = if fits {
        reader.structure(&path, document)?
    } else {
        return None;
    };
    if story.turns.is_none() && !context.has_script {
        let message = "turns is required: the execution type has no rehearsal.toml to play";
        reader.note(&path, "/turns", message);
    }
    let files = files(reader, &path, &folder, context, &story);
    check_expectation(reader, &path, context, &story);
    for (collection, records) in &story.records {
        let mut keys = BTreeSet::new();
        for (place, record) in records.iter().enumerate() {
            if !keys.insert(&record.key) {
                let message = format!("the key {:?} is there twice", record.key);
                let pointer = format!("/records/{collection}/{place}/key");
                reader.note(&path, &pointer, message);
            }
        }
    }
    Some(Case {
        name: name.to_owned(),
        story,
        files,
    })
}

fn files(
    reader: &mut Reader<'_>,
    path: &str,
    folder: &str,
    context: &Context<'_>,
    story: &Story,
) -> Vec<CaseFile> {
    if !story.files.is_empty() && !context.takes_files {
        reader.note(path, "/files", "the execution type takes no files");
    }
    let mut files = Vec::new();
    for (place, attachment) in story.files.iter().enumerate() {
        let place = format!("/files/{place}/path");
        let base = if attachment.path.starts_with("samples/") {
            context.folder
        } else {
            folder
        };
        let file = format!("{base}/{}", attachment.path);
        match reader.bytes(&file) {
            Some(bytes) => files.push(CaseFile {
                filename: attachment.filename().to_owned(),
                bytes: Arc::from(bytes),
            }),
            None => {
                let message = format!("there is no file {}", reader.shown(&file));
                reader.note(path, &place, message);
            }
        }
    }
    files
}

fn check_expectation(reader: &mut Reader<'_>, path: &str, context: &Context<'_>, story: &Story) {
    let expect = &story.expect;
    let is_finished = expect.status == "finished";
    if expect.result.is_some() && !is_finished {
        reader.note(path, "/expect/result", "what failed has no result");
    }
    let Some(failure) = &expect.failure else {
        return;
    };
    if is_finished {
        reader.note(path, "/expect/failure", "what finished has no failure");
    }
    let known = context
        .failure_codes
        .iter()
        .find(|known| known.code == failure.code);
    match (known, &failure.category) {
        (None, _) => {
            let codes: Vec<&str> = context
                .failure_codes
                .iter()
                .map(|known| known.code.as_str())
                .collect();
            let message = format!(
                "there is no failure code {:?}; there are {}",
                failure.code,
                codes.join(", ")
            );
            reader.note(path, "/expect/failure/code", message);
        }
        (Some(known), Some(category)) if known.category.as_str() != category => {
            let message = format!(
                "must be {}, for of that category is {}",
                known.category.as_str(),
                failure.code
            );
            reader.note(path, "/expect/failure/category", message);
        }
        _ => {}
    }
}
