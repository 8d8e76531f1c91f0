//! Holds the sources to the table of floors in `ARCHITECTURE.md`: imports go down only, and each
//! library is known where it belongs.

use std::fs;
use std::path::{Path, PathBuf};

/// Floors from the ground up; those of one row do not know each other, but for what is named.
const FLOORS: [&[&str]; 9] = [
    &["base"],
    &["config"],
    &["child"],
    &["db", "bus", "storage", "model", "fetch", "mcp", "telemetry"],
    &["definitions", "documents"],
    &["domain"],
    &["runner", "graphql"],
    &["http", "rehearse"],
    &["cli"],
];

/// Who may name a library.
const LIBRARIES: [(&str, &[&str]); 11] = [
    ("sea_orm", &["db"]),
    ("async_graphql", &["graphql", "http"]),
    ("axum", &["http", "cli"]),
    ("object_store", &["storage"]),
    ("opentelemetry", &["telemetry"]),
    ("reqwest", &["fetch", "mcp", "model"]),
    ("rmcp", &["mcp"]),
    ("rustix", &["child", "cli", "http"]),
    ("calamine", &["documents"]),
    ("hayro_interpret", &["documents"]),
    ("html2text", &["documents"]),
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn height(floor: &str) -> Option<usize> {
    FLOORS.iter().position(|row| row.contains(&floor))
}

#[test]
fn imports_go_down_only_and_every_library_stays_where_it_belongs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).expect("below src").display().to_string();
        let floor = path.split(['/', '.']).next().unwrap_or_default().to_owned();
        let Some(own) = height(&floor) else {
            if !matches!(path.as_str(), "lib.rs" | "main.rs") {
                wrong.push(format!("{path} stands on no floor"));
            }
            continue;
        };
        let text = fs::read_to_string(&file).expect("readable");
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        for (row, other) in FLOORS
            .iter()
            .enumerate()
            .flat_map(|(row, names)| names.iter().map(move |name| (row, *name)))
        {
            if other != floor && row >= own && code.contains(&format!("crate::{other}")) {
                wrong.push(format!("{path} of {floor} knows {other}"));
            }
        }
        // Tests may look past the floors at what was stored.
        if path.contains("/tests/") || path.ends_with("/tests.rs") {
            continue;
        }
        for (library, floors) in LIBRARIES {
            if code.contains(&format!("{library}::")) && !floors.contains(&floor.as_str()) {
                wrong.push(format!("{path} of {floor} names {library}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn migrations_never_import_entities() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        assert!(!text.contains("entity::"), "{} knows entities", file.display());
    }
}
