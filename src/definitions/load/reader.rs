//! Reads the files of one folder and notes what is wrong with them.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::base::json_schema::Schema;
use crate::base::toml_text;
use crate::definitions::source::Folder;

use super::Mistake;

pub(super) struct Reader<'a> {
    pub folder: &'a Folder,
    pub mistakes: Vec<Mistake>,
    taken: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub fn new(folder: &'a Folder) -> Self {
        Self {
            folder,
            mistakes: Vec::new(),
            taken: BTreeSet::new(),
        }
    }

    /// How mistakes call a file of this folder.
    pub fn shown(&self, path: &str) -> String {
        format!("{}/{path}", self.folder.name)
    }

    pub fn note(&mut self, path: &str, pointer: &str, message: impl AsRef<str>) {
        let mistake = Mistake::new(&self.shown(path), pointer, message.as_ref());
        self.mistakes.push(mistake);
    }

    pub fn has(&self, path: &str) -> bool {
        self.folder.files.contains_key(path)
    }

    /// A file's text; a missing file is a mistake.
    pub fn text(&mut self, path: &str) -> Option<&'a str> {
        self.taken.insert(path.to_owned());
        let Some(bytes) = self.folder.files.get(path) else {
            if !self.folder.unreadable.contains(path) {
                self.note(path, "", "the file is missing");
            }
            return None;
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => Some(text.trim_start_matches('\u{FEFF}')),
            Err(_) => {
                self.note(path, "", "is no UTF-8 text");
                None
            }
        }
    }

    /// A file's bytes.
    pub fn bytes(&mut self, path: &str) -> Option<&'a [u8]> {
        self.taken.insert(path.to_owned());
        self.folder.files.get(path).map(Vec::as_slice)
    }

    /// A prompt: text with something in it.
    pub fn prompt(&mut self, path: &str) -> Option<String> {
        let text = self.text(path)?.trim();
        if text.is_empty() {
            self.note(path, "", "is empty");
        }
        Some(text.to_owned())
    }

    /// A TOML file as JSON, whether or not it fits its schema.
    pub fn toml(&mut self, path: &str, schema: &Schema) -> Option<Value> {
        let document = match toml_text::to_json(self.text(path)?) {
            Ok(document) => document,
            Err(error) => {
                self.note(path, "", error.to_string());
                return None;
            }
        };
        self.check(path, "", schema, &document);
        Some(document)
    }

    /// A JSON file.
    pub fn json(&mut self, path: &str) -> Option<Value> {
        match serde_json::from_str(self.text(path)?) {
            Ok(document) => Some(document),
            Err(error) => {
                self.note(path, "", error.to_string());
                None
            }
        }
    }

    /// A JSON Schema.
    pub fn schema(&mut self, path: &str) -> Option<Schema> {
        match Schema::compile_all(self.json(path)?) {
            Ok(schema) => Some(schema),
            Err(mistakes) => {
                for mistake in mistakes {
                    self.note(path, &mistake.pointer, &mistake.message);
                }
                None
            }
        }
    }

    /// Notes each violation; true when there is none.
    pub fn check(&mut self, path: &str, at: &str, schema: &Schema, value: &Value) -> bool {
        let issues = schema.check(value);
        for issue in &issues {
            self.note(path, &format!("{at}{}", issue.place()), &issue.message);
        }
        issues.is_empty()
    }

    /// The structure behind a document that was checked; none if it did not fit.
    pub fn structure<T: DeserializeOwned>(&mut self, path: &str, document: Value) -> Option<T> {
        match serde_json::from_value(document) {
            Ok(structure) => Some(structure),
            Err(error) => {
                // The schema says more, and in the author's words; this is for what it let pass.
                let shown = self.shown(path);
                if !self.mistakes.iter().any(|mistake| mistake.file == shown) {
                    self.note(path, "", error.to_string());
                }
                None
            }
        }
    }

    /// The tables of one name that fit, each with its place, so that a mistake in one hides none
    /// in the others.
    pub fn tables<T: DeserializeOwned>(document: Option<&Value>, name: &str) -> Vec<(usize, T)> {
        let tables = document.and_then(|document| document[name].as_array());
        tables
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(place, table)| Some((place, serde_json::from_value(table.clone()).ok()?)))
            .collect()
    }

    /// The files directly in a folder.
    pub fn files_in(&self, path: &str) -> Vec<String> {
        let inside = |file: &&String| {
            file.strip_prefix(path)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|name| !name.contains('/'))
        };
        self.folder.files.keys().filter(inside).cloned().collect()
    }

    /// Notes every file that nothing has read: most often a misspelt name.
    pub fn note_unknown_files(&mut self) {
        let is_free = |path: &str| {
            let name = path.rsplit('/').next().unwrap_or_default();
            name.eq_ignore_ascii_case("readme.md") || path.contains("/samples/")
        };
        let unknown: Vec<String> = self
            .folder
            .files
            .keys()
            .filter(|path| !self.taken.contains(*path) && !is_free(path))
            .cloned()
            .collect();
        for path in unknown {
            self.note(&path, "", "is no file of a definition");
        }
    }
}
