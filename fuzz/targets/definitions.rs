//! A file of an agent type: the first byte says which; the others are as the template has them.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use agentic_executions::child::Launcher;
use agentic_executions::definitions::{Catalog, Sources};
use agentic_executions::documents::Reader;
use agentic_executions::fetch::{Fetcher, Rules};
use agentic_executions::model::Models;
use agentic_executions::runner::Registry;
use libfuzzer_sys::fuzz_target;

const FILES: [&str; 9] = [
    "agent.toml",
    "configuration.schema.json",
    "rehearsal.toml",
    "prompts/execution.md",
    "executions/order-intake/execution.toml",
    "executions/order-intake/input.schema.json",
    "executions/order-intake/output.schema.json",
    "executions/order-intake/message.md.j2",
    "executions/order-intake/rehearsal.toml",
];

struct Stage {
    folder: PathBuf,
    template: PathBuf,
    registry: Registry,
    models: Models,
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copies");
        }
    }
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../definitions/order-intake");
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = place.join(format!("fuzz-definitions-{}", std::process::id()));
    copy(&template, &folder.join("order-intake"));
    for unneeded in ["cases", "samples"] {
        let _ = std::fs::remove_dir_all(folder.join("order-intake/executions/order-intake").join(unneeded));
    }
    let documents = Reader::new(Launcher::this_program());
    Stage {
        folder,
        template,
        registry: Registry::built_in(Fetcher::new(Rules::default()), documents),
        models: Models::rehearsal_only(),
    }
});

fuzz_target!(|data: &[u8]| {
    let [which, text @ ..] = data else { return };
    let stage = &*STAGE;
    let file = FILES[usize::from(*which) % FILES.len()];
    let target = stage.folder.join("order-intake").join(file);
    std::fs::write(&target, text).expect("writes");
    let names = stage.registry.names(&stage.models);
    if let Err(mistakes) = Catalog::load(&Sources::only(&stage.folder), &names.known()) {
        assert!(!mistakes.is_empty());
    }
    match std::fs::read(stage.template.join(file)) {
        Ok(before) => std::fs::write(&target, before).expect("writes"),
        Err(_) => std::fs::remove_file(&target).expect("removes"),
    }
});
