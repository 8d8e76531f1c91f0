//! Where definition files come from: those compiled in, and a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::load::Mistake;
use super::shipped::Shipped;

/// What is loaded.
#[derive(Clone, Debug)]
pub struct Sources {
    is_shipped: bool,
    directory: Option<PathBuf>,
}

impl Sources {
    /// Those compiled in.
    pub fn shipped() -> Self {
        Self {
            is_shipped: true,
            directory: None,
        }
    }

    /// Those of a directory alone: for tests that want to know exactly what there is.
    pub fn only(directory: impl Into<PathBuf>) -> Self {
        Self {
            is_shipped: false,
            directory: Some(directory.into()),
        }
    }

    /// Adds a directory. An agent type in it stands instead of a shipped one of the same key,
    /// whole.
    #[must_use]
    pub fn and(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// The folders of agent types, source by source; a later source overrides an earlier one.
    pub(super) fn read(&self, mistakes: &mut Vec<Mistake>) -> Vec<Vec<Folder>> {
        let mut sources = Vec::new();
        if self.is_shipped {
            sources.push(shipped());
        }
        if let Some(directory) = &self.directory {
            sources.push(on_disk(directory, mistakes));
        }
        sources
    }
}

/// The files below one folder, by path with slashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    /// How mistakes call it.
    pub name: String,
    /// On disk; none for what is compiled in.
    pub directory: Option<PathBuf>,
    pub files: BTreeMap<String, Vec<u8>>,
    /// Paths of what is there and could not be read, which was noted then.
    pub unreadable: BTreeSet<String>,
}

impl Folder {
    /// The names of the folders directly below `path`.
    pub fn folders(&self, path: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .files
            .keys()
            .filter_map(|file| {
                let (name, _) = file.strip_prefix(path)?.strip_prefix('/')?.split_once('/')?;
                Some(name.to_owned())
            })
            .collect();
        names.dedup();
        names
    }
}

fn shipped() -> Vec<Folder> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    for path in Shipped::iter() {
        let (Some((name, rest)), Some(file)) = (path.split_once('/'), Shipped::get(&path)) else {
            continue;
        };
        let folder = folders.entry(name.to_owned()).or_default();
        folder.name = name.to_owned();
        folder.files.insert(rest.to_owned(), file.data.into_owned());
    }
    folders.into_values().collect()
}

/// More or larger files than these are no definition: the wrong directory was named.
const MAX_FILES: usize = 10_000;
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
const MAX_DEPTH: usize = 8;

fn on_disk(directory: &Path, mistakes: &mut Vec<Mistake>) -> Vec<Folder> {
    let found = entries(directory, "", mistakes);
    if found
        .iter()
        .any(|(name, path)| name == "agent.toml" && path.is_file())
    {
        // Its folders are no agent types, and each would be said to lack all that makes one.
        let message = "an agent type is a folder of the directory that is named: name the one above this";
        mistakes.push(Mistake::new("agent.toml", "", message));
        return Vec::new();
    }
    let mut folders = Vec::new();
    for (name, path) in found {
        if path.is_dir() {
            let mut folder = Folder {
                name: name.clone(),
                directory: Some(path.clone()),
                ..Folder::default()
            };
            walk(&path, &name, "", &mut folder, mistakes);
            folders.push(folder);
        }
    }
    folders
}

fn walk(directory: &Path, shown: &str, inside: &str, folder: &mut Folder, mistakes: &mut Vec<Mistake>) {
    for (name, path) in entries(directory, shown, mistakes) {
        let shown = format!("{shown}/{name}");
        let inside = if inside.is_empty() {
            name
        } else {
            format!("{inside}/{name}")
        };
        if path.is_dir() {
            if inside.matches('/').count() >= MAX_DEPTH {
                mistakes.push(Mistake::new(&shown, "", "folders are nested too deep"));
            } else {
                walk(&path, &shown, &inside, folder, mistakes);
            }
            continue;
        }
        if folder.files.len() == MAX_FILES {
            let message = format!("more than {MAX_FILES} files: this is no agent type");
            mistakes.push(Mistake::new(&shown, "", &message));
            return;
        }
        match read(&path) {
            Ok(bytes) => {
                folder.files.insert(inside, bytes);
            }
            Err(reason) => {
                mistakes.push(Mistake::new(&shown, "", &reason));
                folder.unreadable.insert(inside);
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let about = fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err("is neither a file nor a folder".to_owned());
    }
    if about.len() > MAX_FILE_BYTES {
        return Err(format!("is larger than {MAX_FILE_BYTES} bytes"));
    }
    fs::read(path).map_err(unreadable)
}

// Sorted, so that loading is the same everywhere; without hidden ones, which editors leave.
fn entries(directory: &Path, shown: &str, mistakes: &mut Vec<Mistake>) -> Vec<(String, PathBuf)> {
    let shown = if shown.is_empty() { "." } else { shown };
    let listing = match fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) => {
            let message = format!("{} cannot be read: {error}", directory.display());
            mistakes.push(Mistake::new(shown, "", &message));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for entry in listing {
        match entry {
            Ok(entry) => match entry.file_name().into_string() {
                Ok(name) if name.starts_with('.') => {}
                Ok(name) => found.push((name, entry.path())),
                Err(name) => {
                    let message = format!("{} is no UTF-8 name", name.display());
                    mistakes.push(Mistake::new(shown, "", &message));
                }
            },
            Err(error) => {
                let message = format!("cannot be read: {error}");
                mistakes.push(Mistake::new(shown, "", &message));
            }
        }
    }
    found.sort();
    found
}
