//! Damaged input, by chance: documents and definitions with bytes turned, cut, doubled and put in.
//! Whatever it is, it gives a result or a refusal, and never a panic in this process. Each run tries a
//! few dozen; `FUZZ_SECONDS=3600 cargo test --test it fuzz` tries for so long, and what fails is
//! shrunk and printed.

use std::cell::Cell;
use std::convert::Infallible;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentic_executions::child::Launcher;
use agentic_executions::definitions::{Catalog, Sources};
use agentic_executions::documents::{Error, Kind, Reader};
use agentic_executions::domain::files::sniff;
use agentic_executions::fetch::{Fetcher, Rules};
use agentic_executions::model::Models;
use agentic_executions::runner::Registry;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::time::Instant;
use uuid::Uuid;

/// Places are parts of the whole, so that they fit any length.
#[derive(Clone, Debug)]
enum Damage {
    Turn(f64, u8),
    Cut(f64),
    Drop(f64, usize),
    Double(f64, usize),
    Put(f64, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let at = || 0.0..1.0_f64;
    let words = prop::sample::select(vec![
        "[",
        "]]",
        "<<",
        ">>",
        "{{",
        "{%",
        "'",
        "\"",
        "\\",
        "\n",
        "\0",
        "-1",
        "99999999999",
        "1e308",
        "NaN",
        "/Length 0",
        "0 0 R",
        "endstream",
        "<!--",
        "<![CDATA[",
        "&#0;",
        "&x;",
        "=== Page 1 of 2 ===",
        "\u{FEFF}",
    ]);
    let one = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Turn(at, byte)),
        at().prop_map(Damage::Cut),
        (at(), 1..64_usize).prop_map(|(at, length)| Damage::Drop(at, length)),
        (at(), 1..512_usize).prop_map(|(at, length)| Damage::Double(at, length)),
        (at(), words).prop_map(|(at, word)| Damage::Put(at, word.as_bytes().to_vec())),
        (at(), prop::collection::vec(any::<u8>(), 1..16)).prop_map(|(at, bytes)| Damage::Put(at, bytes)),
    ];
    prop::collection::vec(one, 1..6)
}

fn apply(bytes: &mut Vec<u8>, damage: &[Damage]) {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let place = |at: f64, length: usize| (at * length as f64) as usize;
    for one in damage {
        let length = bytes.len();
        match one {
            Damage::Turn(at, byte) if length > 0 => bytes[place(*at, length)] ^= byte | 1,
            Damage::Turn(..) => {}
            // Mostly a little: a short rest has nothing left to go wrong.
            Damage::Cut(at) => bytes.truncate(length - place(*at, length / 4 + 1)),
            Damage::Drop(at, count) => {
                let start = place(*at, length);
                bytes.drain(start..(start + count).min(length));
            }
            Damage::Double(at, count) => {
                let start = place(*at, length);
                let piece = bytes[start..(start + count).min(length)].to_vec();
                bytes.splice(start..start, piece);
            }
            Damage::Put(at, piece) => {
                let start = place(*at, length + 1);
                bytes.splice(start..start, piece.iter().copied());
            }
        }
    }
}

/// Tries `cases`, or as many as there is time for.
fn fuzz<S: Strategy>(cases: u32, strategy: &S, check: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let seconds = std::env::var_os("FUZZ_SECONDS");
    let seconds = seconds.and_then(|text| text.to_str()?.parse().ok());
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut tried = 0;
    loop {
        let mut runner = TestRunner::new(Config {
            cases,
            failure_persistence: None,
            ..Config::default()
        });
        if let Err(failure) = runner.run(strategy, &check) {
            panic!("after {tried}: {failure}");
        }
        tried += cases;
        if until.is_none_or(|until| Instant::now() > until) {
            eprintln!("{tried} cases");
            return;
        }
    }
}

fn documents() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents");
    let mut found: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .expect("documents")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "py"))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("readable"))
        })
        .collect();
    found.sort();
    found
}

/// The parts of a workbook damaged before they are packed, for a damaged pack is seen at once.
fn damaged_inside(workbook: &[u8], which: f64, damage: &[Damage]) -> Option<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).ok()?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let chosen = (which * archive.len() as f64) as usize;
    let mut packed = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for place in 0..archive.len() {
        let mut part = archive.by_index(place).ok()?;
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).ok()?;
        if place == chosen {
            apply(&mut bytes, damage);
        }
        packed
            .start_file(
                part.name().ok()?.into_owned(),
                zip::write::SimpleFileOptions::default(),
            )
            .ok()?;
        packed.write_all(&bytes).ok()?;
    }
    Some(packed.finish().ok()?.into_inner())
}

#[test]
fn damaged_documents_are_read_or_refused() {
    let documents: Vec<(String, Vec<u8>)> = documents()
        .into_iter()
        .filter(|(name, _)| {
            [".pdf", ".xlsx", ".csv", ".json"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let reader = Reader::new(Launcher::of(env!("CARGO_BIN_EXE_agentic-executions")));
    let strategy = (0..documents.len(), 0.0..1.0_f64, any::<bool>(), damage());
    let next = Cell::new(0_u128);
    fuzz(48, &strategy, |(which, part, is_inside, damage)| {
        let (name, whole) = &documents[which];
        let inside = is_inside.then(|| damaged_inside(whole, part, &damage)).flatten();
        let bytes = inside.unwrap_or_else(|| {
            let mut bytes = whole.clone();
            apply(&mut bytes, &damage);
            bytes
        });
        let kind = match name.rsplit_once('.') {
            Some((_, "pdf")) => Kind::Pdf,
            Some((_, "xlsx")) => Kind::Workbook,
            _ => Kind::Text,
        };
        // What was read under an id before would be given again.
        next.set(next.get() + 1);
        let read = reader.read(Uuid::from_u128(next.get()), kind, async {
            Ok::<_, Infallible>(bytes)
        });
        let Ok(read) = runtime.block_on(read);
        match read {
            Ok(_) => Ok(()),
            // Which of the reasons is the child's to say; crashes are its own.
            Err(Error::Unreadable(_)) => Ok(()),
            Err(error) => Err(TestCaseError::fail(format!("{name}: {error:?}"))),
        }
    });
}

#[test]
fn damaged_beginnings_have_some_type() {
    let documents = documents();
    let strategy = (0..documents.len(), 0..documents.len(), damage());
    fuzz(512, &strategy, |(which, called, damage)| {
        let mut bytes = documents[which].1.clone();
        bytes.truncate(8 * 1024);
        apply(&mut bytes, &damage);
        prop_assert!(!sniff::content_type(&bytes, &documents[called].0).is_empty());
        Ok(())
    });
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn damaged_definitions_are_loaded_or_refused() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("definitions/invoice-scanning");
    let mut files = Vec::new();
    files_below(&root, &mut files);
    files.retain(|path| path.parent().is_some_and(|folder| !folder.ends_with("samples")));
    files.sort();
    let directory = tempfile::tempdir().expect("a directory");
    let copy = directory.path().join("invoice-scanning");
    let target = |file: &Path| copy.join(file.strip_prefix(&root).expect("below the root"));
    for file in &files {
        std::fs::create_dir_all(target(file).parent().expect("a folder")).expect("a folder");
        std::fs::copy(file, target(file)).expect("copies");
    }
    let documents = Reader::new(Launcher::this_program());
    let registry = Registry::built_in(Fetcher::new(Rules::default()), documents);
    let models = Models::rehearsal_only();
    let names = registry.names(&models);
    let sources = Sources::only(directory.path());
    let strategy = (0..files.len(), damage());
    fuzz(128, &strategy, |(which, damage)| {
        let mut bytes = std::fs::read(&files[which]).expect("readable");
        apply(&mut bytes, &damage);
        std::fs::write(target(&files[which]), &bytes).expect("writes");
        let loaded = Catalog::load(&sources, &names.known());
        std::fs::copy(&files[which], target(&files[which])).expect("copies");
        prop_assert!(loaded.is_ok() || loaded.is_err_and(|mistakes| !mistakes.is_empty()));
        Ok(())
    });
}
