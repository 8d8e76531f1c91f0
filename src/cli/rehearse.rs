//! `rehearse`: executions recorded as cases, and cases played.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::flags::{RecordCase, TestCases};
use super::report::Failure;
use super::{print, wiring};
use crate::base::id::Kind;
use crate::config::Settings;
use crate::definitions::{Case, Catalog, ExecutionType};
use crate::rehearse::diff::differences;
use crate::rehearse::play::{self, Setup};
use crate::rehearse::record::{self, Recorded};
use crate::runner::Registry;

fn setup(settings: &Settings) -> Result<Setup, Failure> {
    let registry = Registry::built_in(wiring::fetcher(settings), wiring::documents());
    let catalog = wiring::catalog(settings, &registry, &wiring::models(settings)?)?;
    Ok(Setup { catalog, registry })
}

pub(super) async fn test(settings: &Settings, wanted: TestCases) -> Result<(), Failure> {
    let setup = setup(settings)?;
    let execution_types = chosen(&setup.catalog, wanted.definition.as_deref())?;
    let (mut passed, mut failed) = (0, 0);
    for execution_type in execution_types {
        for case in &execution_type.cases {
            if passes(&setup, &execution_type, case).await? {
                passed += 1;
            } else {
                failed += 1;
            }
        }
    }
    match (passed, failed) {
        (0, 0) => Err(Failure::said(
            "there is no case to play: `agentic-executions rehearse record` makes one of an execution",
        )),
        (_, 0) => print(&format!("{} passed", cases(passed))),
        _ => Err(Failure::said(format!(
            "{} of {} failed",
            failed,
            cases(passed + failed)
        ))),
    }
}

fn cases(count: usize) -> String {
    format!("{count} case{}", if count == 1 { "" } else { "s" })
}

fn chosen(catalog: &Catalog, key: Option<&str>) -> Result<Vec<Arc<ExecutionType>>, Failure> {
    let Some(key) = key else {
        return Ok(catalog.execution_types().cloned().collect());
    };
    if let Some(agent_type) = catalog.agent_type(key) {
        return Ok(agent_type.execution_types.clone());
    }
    match catalog.execution_type(key) {
        Some(execution_type) => Ok(vec![Arc::clone(execution_type)]),
        None => {
            let keys: Vec<&str> = catalog.execution_types().map(|it| it.key.as_str()).collect();
            Err(Failure::said(format!(
                "there is no agent type or execution type {key:?}; there are {}",
                keys.join(", ")
            )))
        }
    }
}

/// Plays a case and says how it went.
async fn passes(setup: &Setup, execution_type: &ExecutionType, case: &Case) -> Result<bool, Failure> {
    let name = format!("{}/{}", execution_type.key, case.name);
    let played = match play::play(setup, &execution_type.key, case).await {
        Ok(played) => played,
        Err(play::Error::Refused(reason)) => {
            print(&format!("FAIL  {name}\n      it could not be launched: {reason}"))?;
            return Ok(false);
        }
        Err(error) => return Err(Failure::chain(format!("{name} could not be played"), error)),
    };
    let differences = differences(&case.story.expect, &played);
    if differences.is_empty() {
        print(&format!("pass  {name}"))?;
        return Ok(true);
    }
    print(&format!("FAIL  {name}"))?;
    for difference in &differences {
        for line in difference.to_string().lines() {
            print(&format!("      {line}"))?;
        }
    }
    Ok(false)
}

pub(super) async fn record(settings: &Settings, wanted: RecordCase) -> Result<(), Failure> {
    let id = Kind::Execution
        .parse(&wanted.id)
        .map_err(|_| Failure::said(format!("{:?} is not the id of an execution", wanted.id)))?;
    let name = wanted.name.unwrap_or_else(|| wanted.id.clone());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 100 || !name.chars().all(is_plain) {
        return Err(Failure::said(format!(
            "{name:?} cannot be the name of a case: it has 1 to 100 letters, digits, hyphens and underscores"
        )));
    }
    let setup = setup(settings)?;
    let sources = record::Sources {
        store: wiring::local_store(settings).await?,
        storage: wiring::storage(settings)?,
        catalog: setup.catalog.clone(),
        registry: setup.registry.clone(),
    };
    let recorded = record::record(&sources, id, &name).await;
    sources.store.db.close().await;
    let recorded = recorded?;
    let execution_type = setup
        .catalog
        .execution_type(&recorded.execution_key)
        .cloned()
        .ok_or_else(|| Failure::said("its execution type is not known"))?;
    let into = match (wanted.into, &execution_type.directory) {
        (Some(directory), _) => directory,
        (None, Some(directory)) => directory.join("cases"),
        (None, None) => {
            return Err(Failure::said(format!(
                "{} is compiled in, so its case has no folder to go to: name one with --into",
                execution_type.key
            )));
        }
    };
    let folder = into.join(&name);
    write(&folder, &recorded)?;
    print(&folder.display().to_string())?;
    if !passes(&setup, &execution_type, &recorded.case).await? {
        return Err(Failure::said(
            "the case does not play back as the execution went; what differs is above",
        ));
    }
    Ok(())
}

fn write(folder: &Path, recorded: &Recorded) -> Result<(), Failure> {
    let doing = |path: &Path| format!("{} cannot be written", path.display());
    if folder.exists() {
        return Err(Failure::said(format!("{} is there already", folder.display())));
    }
    let make = |path: PathBuf| {
        std::fs::create_dir_all(&path).map_err(|error| Failure::chain(doing(&path), error))?;
        Ok::<_, Failure>(path)
    };
    make(folder.to_owned())?;
    let Recorded { case, .. } = recorded;
    if !case.files.is_empty() {
        make(folder.join("files"))?;
    }
    for (attachment, file) in case.story.files.iter().zip(&case.files) {
        let path = folder.join(&attachment.path);
        std::fs::write(&path, &file.bytes).map_err(|error| Failure::chain(doing(&path), error))?;
    }
    let path = folder.join("case.json");
    let mut text = serde_json::to_string_pretty(&case.story)?;
    text.push('\n');
    std::fs::write(&path, text).map_err(|error| Failure::chain(doing(&path), error))
}
