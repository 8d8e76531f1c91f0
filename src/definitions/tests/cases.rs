//! Cases are checked like all else in a definition.

use std::fs;

use tempfile::TempDir;

use crate::definitions::{Catalog, Sources};

use super::KNOWN;
use super::mistakes::{agent, mistakes, write};

#[test]
fn a_case_loads_with_its_files_and_those_of_the_samples() {
    let root = TempDir::new().expect("a directory");
    agent(root.path(), "a", "job");
    let files = "\n[files]\nmax_files = 2\nmax_bytes_per_file = 100\nmax_bytes_total = 100\nextensions = ['.csv']\ncontent_types = ['text/csv']\n";
    let agent_toml = fs::read_to_string(root.path().join("a/agent.toml")).expect("is there");
    write(root.path(), "a/agent.toml", agent_toml + files);
    let at = |file: &str| format!("a/executions/job/{file}");
    write(root.path(), &at("samples/one.csv"), "1");
    write(root.path(), &at("cases/good/files/2"), "2");
    write(
        root.path(),
        &at("cases/good/case.json"),
        r#"{"input": {"n": 1}, "files": [{"path": "samples/one.csv"}, {"path": "files/2", "filename": "two.csv"}], "expect": {"status": "finished"}}"#,
    );
    assert_eq!(mistakes(&Sources::only(root.path()), &KNOWN), [""; 0]);
    let catalog = Catalog::load(&Sources::only(root.path()), &KNOWN).expect("loads");
    let job = catalog.execution_type("job").expect("there");
    assert_eq!(job.directory, Some(root.path().join("a/executions/job")));
    let files: Vec<(&str, &[u8])> = job.cases[0]
        .files
        .iter()
        .map(|file| (file.filename.as_str(), &*file.bytes))
        .collect();
    assert_eq!(files, [("one.csv", &b"1"[..]), ("two.csv", b"2")]);
    let catalog = catalog.without_cases();
    assert!(catalog.execution_type("job").expect("there").cases.is_empty());
}

#[test]
fn every_mistake_in_a_case_is_reported_with_its_place() {
    let root = TempDir::new().expect("a directory");
    agent(root.path(), "a", "job");
    fs::remove_file(root.path().join("a/executions/job/rehearsal.toml")).expect("removed");
    let agent_toml = fs::read_to_string(root.path().join("a/agent.toml")).expect("is there");
    write(
        root.path(),
        "a/agent.toml",
        agent_toml.replace("rehearsal", "real"),
    );
    let put = |name: &str, text: &str| {
        write(
            root.path(),
            &format!("a/executions/job/cases/{name}/case.json"),
            text,
        );
    };
    put("broken", "{");
    put(
        "form",
        r#"{"input": {"n": "one"}, "files": [{"path": "../secret"}], "expect": {"status": "done"}, "colour": 1}"#,
    );
    put(
        "sense",
        r#"{"input": {"n": 1}, "files": [{"path": "files/none.csv"}],
            "records": {"p": [{"key": "K", "document": {}}, {"key": "K", "document": {}}]},
            "expect": {"status": "finished", "failure": {"code": "bad_luck"}}}"#,
    );
    put(
        "category",
        r#"{"input": {"n": 1}, "turns": [{"attempt": 1, "parts": []}],
            "expect": {"status": "failed", "result": 1, "failure": {"code": "timed_out", "category": "expired"}}}"#,
    );
    write(root.path(), "a/executions/job/cases/empty/files/a", "");
    let known = crate::definitions::Known {
        models: &["real"],
        unpriced_models: &[],
        ..KNOWN
    };
    let found = mistakes(&Sources::only(root.path()), &known);
    insta::assert_snapshot!(found.join("\n"));
}
