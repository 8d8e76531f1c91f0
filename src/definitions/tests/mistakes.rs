//! Every mistake is found, all at once, and nothing that people write makes the loader panic.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::definitions::{Catalog, Known, Sources};

use super::KNOWN;

const AGENT: &str = "key = 'KEY'\nname = 'A'\nmodel = 'rehearsal'\ntools = ['read_file']\n";
const EXECUTION: &str = "key = 'KEY'\nname = 'E'\n[[example]]\nname = 'x'\ninput = {n = 1}\n";
const INPUT: &str = r#"{"type": "object", "properties": {"n": {"type": "integer"}}}"#;
const SCRIPT: &str = "[[turn]]\ntext = '{}'\n";

pub(super) fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// A small agent type without mistakes, with one execution type.
pub(super) fn agent(root: &Path, folder: &str, execution: &str) {
    let at = |file: &str| format!("{folder}/{file}");
    write(root, &at("agent.toml"), AGENT.replace("KEY", folder));
    write(root, &at("prompts/execution.md"), "Work.");
    write(root, &at("prompts/conversation.md"), "Talk.");
    write(root, &at("rehearsal.toml"), SCRIPT);
    let at = |file: &str| format!("{folder}/executions/{execution}/{file}");
    write(root, &at("execution.toml"), EXECUTION.replace("KEY", execution));
    write(root, &at("input.schema.json"), INPUT);
    write(root, &at("message.md.j2"), "Do {{ input.n }}.");
    write(root, &at("rehearsal.toml"), SCRIPT);
}

pub(super) fn mistakes(sources: &Sources, known: &Known<'_>) -> Vec<String> {
    match Catalog::load(sources, known) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_directory_of_its_own_loads_and_adds_to_the_shipped_ones() {
    let root = TempDir::new().expect("a directory");
    agent(root.path(), "mine", "my-job");
    write(root.path(), "mine/README.md", "free");
    write(root.path(), "mine/executions/my-job/samples/a.csv", "free");
    write(root.path(), ".hidden/x", "free");
    assert_eq!(mistakes(&Sources::only(root.path()), &KNOWN), [""; 0]);
    let catalog = Catalog::load(&Sources::shipped().and(root.path()), &KNOWN).expect("loads");
    assert_eq!(catalog.agent_types().count(), 5);
    let mine = catalog.execution_type("my-job").expect("added");
    assert_eq!((mine.max_retries, mine.file_rules.as_ref()), (3, None));
}

#[test]
fn a_name_that_no_agent_may_have_is_refused() {
    for name in [" ", "A\tB", "A\u{85}"] {
        let root = TempDir::new().expect("a directory");
        agent(root.path(), "mine", "my-job");
        let text = AGENT.replace("KEY", "mine").replace("'A'", &format!("{name:?}"));
        write(root.path(), "mine/agent.toml", text.replace("\\u{85}", "\\u0085"));
        let found = mistakes(&Sources::only(root.path()), &KNOWN);
        assert_eq!(
            found,
            ["mine/agent.toml#/name: must have more in it than blanks, and no control characters"]
        );
    }
}

#[test]
fn a_limit_on_cost_that_could_never_be_kept_is_refused_and_no_agent_chooses_its_way_around_it() {
    let known = Known {
        models: &["rehearsal", "priced", "free"],
        unpriced_models: &["free"],
        ..KNOWN
    };
    let root = TempDir::new().expect("a directory");
    for (folder, model) in [("priced", "priced"), ("played", "rehearsal"), ("free", "free")] {
        agent(root.path(), folder, folder);
        let text = AGENT
            .replace("KEY", folder)
            .replace("'rehearsal'", &format!("{model:?}"));
        write(
            root.path(),
            &format!("{folder}/agent.toml"),
            format!("{text}\n[limits]\nmax_cost = 2.5\n"),
        );
    }
    let found = mistakes(&Sources::only(root.path()), &known);
    let [mistake] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(
        mistake.starts_with("free/agent.toml#/limits/max_cost: can never be kept"),
        "{mistake}"
    );
    fs::remove_dir_all(root.path().join("free")).expect("removes");
    let catalog = Catalog::load(&Sources::only(root.path()), &known).expect("loads");
    let schema = &catalog
        .agent_type("priced")
        .expect("is there")
        .configuration_schema;
    assert!(
        schema
            .check(&serde_json::json!({"model": "rehearsal"}))
            .is_empty()
    );
    assert!(!schema.check(&serde_json::json!({"model": "free"})).is_empty());
}

#[test]
fn an_agent_chooses_among_the_models_that_there_are_and_no_others() {
    let known = Known {
        models: &["rehearsal", "fast"],
        unpriced_models: &[],
        ..KNOWN
    };
    let root = TempDir::new().expect("a directory");
    for (folder, schema) in [
        ("standard", None),
        (
            "own",
            Some(r#"{"type": "object", "properties": {"model": {"type": "string"}}}"#),
        ),
        (
            "listed",
            Some(r#"{"type": "object", "properties": {"model": {"enum": ["fast"]}}}"#),
        ),
    ] {
        agent(root.path(), folder, &format!("{folder}-job"));
        if let Some(schema) = schema {
            write(
                root.path(),
                &format!("{folder}/configuration.schema.json"),
                schema,
            );
        }
    }
    let catalog = Catalog::load(&Sources::only(root.path()), &known).expect("loads");
    for (folder, offered) in [("standard", 2), ("own", 2), ("listed", 1)] {
        let schema = &catalog.agent_type(folder).expect("is there").configuration_schema;
        let listed = &schema.document()["properties"]["model"]["enum"];
        assert_eq!(listed.as_array().map(Vec::len), Some(offered), "{folder}");
        assert_eq!(
            schema.check(&serde_json::json!({"model": "fast"})),
            [],
            "{folder}"
        );
        let issues = schema.check(&serde_json::json!({"model": "slow"}));
        assert_eq!(issues.len(), 1, "{folder}");
        assert_eq!(issues[0].pointer, "/model");
    }
    let found = mistakes(&Sources::only(root.path()), &KNOWN);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("listed/configuration.schema.json#/properties/model/enum/0: "),
        "{found:?}"
    );
}

#[test]
fn a_directory_overrides_a_shipped_agent_type_whole() {
    let root = TempDir::new().expect("a directory");
    agent(root.path(), "order-intake", "orders-my-way");
    let catalog = Catalog::load(&Sources::shipped().and(root.path()), &KNOWN).expect("loads");
    assert_eq!(catalog.agent_types().count(), 4);
    assert!(catalog.execution_type("order-intake").is_none());
    assert!(catalog.execution_type("orders-my-way").is_some());
}

#[test]
fn the_schema_version_changes_exactly_when_a_schema_does() {
    let root = TempDir::new().expect("a directory");
    agent(root.path(), "a", "job");
    let version = || {
        let catalog = Catalog::load(&Sources::only(root.path()), &KNOWN).expect("loads");
        catalog
            .execution_type("job")
            .expect("there")
            .schema_version
            .clone()
    };
    let input = |text: &str| write(root.path(), "a/executions/job/input.schema.json", text);
    let first = version();
    input(r#"{ "properties": {"n": {"type":"integer"}},  "type":"object" }"#);
    write(root.path(), "a/executions/job/message.md.j2", "Another message.");
    assert_eq!(version(), first);
    input(r#"{"type": "object", "properties": {"n": {"type": "number"}}}"#);
    let second = version();
    assert_ne!(second, first);
    write(root.path(), "a/executions/job/output.schema.json", "{}");
    assert_ne!(version(), second);
}

#[test]
fn every_mistake_is_reported_at_once_with_file_and_pointer() {
    let root = TempDir::new().expect("a directory");
    let put = |path: &str, text: &str| write(root.path(), path, text);

    // Names, limits, keys and what is missing.
    agent(root.path(), "a", "taken");
    put(
        "a/agent.toml",
        "key = 'Not A Slug'\nname = ''\nmodel = 'gpt-0'\ntools = ['read_file', 'shell', 7]\ncolour = 1\n\
         [limits]\nmax_tokens = 0\nmax_model_calls = -3\nmax_duration_seconds = 2073601\n",
    );
    put("a/prompts/execution.md", " \n");
    fs::remove_file(root.path().join("a/prompts/conversation.md")).expect("removed");
    put("a/executions/taken/output.schem.json", "{}");

    // Broken syntax, in each kind of file.
    agent(root.path(), "b", "broken");
    put("b/agent.toml", "key = 'b'\nname = = 'B'\n");
    put(
        "b/executions/broken/execution.toml",
        "key = 'broken'\n[[example]\n",
    );
    put("b/executions/broken/input.schema.json", "{\n  \"type\": }");
    put("b/executions/broken/message.md.j2", "one\n{% if %}");
    put("b/executions/broken/rehearsal.toml", "[[turn]]\ntext = '''");

    // Well-formed and wrong.
    agent(root.path(), "c", "wrong");
    put(
        "c/executions/wrong/execution.toml",
        r#"
key = "wrong"
name = "W"
takes_files = true
max_retries = -1
[[validator]]
name = "stopped_by_agent"
[[validator]]
name = "magic"
[[validator]]
name = "output_schema"
[[validator]]
name = "tool_succeeded"
[[validator]]
name = "covers"
settings = {tool = "upsert_records"}
[[failure_code]]
code = "timed_out"
category = "timed_out"
description = "again"
[[failure_code]]
code = "mine"
category = "bad_luck"
description = "?"
[[example]]
name = "bad"
input = {n = "one"}
"#,
    );
    agent(root.path(), "d", "also-wrong");
    put(
        "d/executions/also-wrong/execution.toml",
        r#"
key = "taken"
name = "D"
takes_files = true
[[validator]]
name = "stopped_by_agent"
[[validator]]
name = "magic"
[[validator]]
name = "output_schema"
[[validator]]
name = "tool_succeeded"
[[validator]]
name = "covers"
settings = {tool = "upsert_records"}
[[failure_code]]
code = "timed_out"
category = "timed_out"
description = "again"
[[failure_code]]
code = "mine"
category = "unknown"
description = "once"
[[failure_code]]
code = "mine"
category = "unknown"
description = "twice"
[[example]]
name = "bad"
input = {n = "one"}
[[example]]
name = "good, but not for the message"
input = {}
"#,
    );
    put(
        "d/executions/also-wrong/examples/more.json",
        r#"{"name": "x", "input": {"n": 1.5}, "extra": 1}"#,
    );
    put(
        "d/executions/also-wrong/examples/other.json",
        r#"{"name": "x", "input": {"n": 1.5}}"#,
    );
    put(
        "d/executions/also-wrong/rehearsal.toml",
        "given = '{% set %}'\n[[turn]]\nwhen = 'a b'\ntext = '{{'\n[[turn.call]]\ntool = 'x'\narguments = '{% for %}'\nfor_each = '('\n",
    );
    put("d/rehearsal.toml", "[[turn]]\nwords = 1\ndelay_ms = -1\n");
    put(
        "d/configuration.schema.json",
        r#"{"properties": {"a": {"pattern": "(?=x)"}}}"#,
    );

    // An execution type that is a string, none at all, keys taken twice.
    agent(root.path(), "e", "e");
    fs::remove_dir_all(root.path().join("e/executions")).expect("removed");
    agent(root.path(), "f", "f");
    put("f/agent.toml", &AGENT.replace("KEY", "c"));
    put(
        "f/executions/f/input.schema.json",
        r#"{"type": "string", "required": 3}"#,
    );
    agent(root.path(), "g", "g");
    put(
        "g/executions/g/input.schema.json",
        r#"{"$ref": "https://example.com/a.json"}"#,
    );
    fs::remove_file(root.path().join("g/executions/g/message.md.j2")).expect("removed");
    write(root.path(), "g/prompts/execution.md", [0xFF, 0xFE]);
    put("h/notes.txt", "no agent type");

    let found = mistakes(&Sources::only(root.path()), &KNOWN);
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn sources_that_cannot_be_read_are_mistakes() {
    let root = TempDir::new().expect("a directory");
    agent(root.path(), "mine", "my-job");
    let found = mistakes(&Sources::only(root.path().join("mine")), &KNOWN);
    assert!(
        found.len() == 1 && found[0].contains("name the one above"),
        "{found:?}"
    );
    let root = TempDir::new().expect("a directory");
    let found = mistakes(&Sources::only(root.path().join("nowhere")), &KNOWN);
    assert!(found[0].contains("nowhere cannot be read"), "{found:?}");
    let found = mistakes(&Sources::only(root.path()), &KNOWN);
    assert_eq!(found, [".: there is no agent type"]);
    agent(root.path(), "a", "a");
    std::os::unix::fs::symlink("/dev/null", root.path().join("a/odd")).expect("a link");
    std::os::unix::fs::symlink(root.path(), root.path().join("a/loop")).expect("a link");
    let found = mistakes(&Sources::only(root.path()), &KNOWN);
    assert!(
        found.contains(&"a/odd: is neither a file nor a folder".to_owned()),
        "{found:?}"
    );
    assert!(
        found.iter().any(|mistake| mistake.contains("nested too deep")),
        "{found:?}"
    );
}

#[test]
fn a_file_that_is_there_and_cannot_be_read_is_not_said_to_be_missing() {
    let root = TempDir::new().expect("a directory");
    agent(root.path(), "a", "a");
    let file = root.path().join("a/agent.toml");
    fs::remove_file(&file).expect("removes");
    std::os::unix::fs::symlink(root.path().join("nowhere"), file).expect("a link");
    let found = mistakes(&Sources::only(root.path()), &KNOWN);
    let [mistake] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(mistake.starts_with("a/agent.toml: cannot be read"), "{mistake}");
}

#[test]
fn what_the_server_does_not_know_the_shipped_ones_may_not_use() {
    let none = Known {
        tools: &[],
        validators: &[],
        models: &[],
        unpriced_models: &[],
    };
    let found = mistakes(&Sources::shipped(), &none);
    assert!(
        found
            .iter()
            .any(|it| it.starts_with("order-intake/agent.toml#/model: ")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|it| it.starts_with("order-intake/agent.toml#/tools/0: ")),
        "{found:?}"
    );
}

#[test]
fn the_schema_of_execution_toml_knows_every_category() {
    let schema = crate::definitions::format::EXECUTION.document();
    let listed = &schema["properties"]["failure_code"]["items"]["properties"]["category"]["enum"];
    let all: serde_json::Value = crate::base::failure::FailureCategory::ALL
        .iter()
        .map(|category| category.as_str())
        .collect();
    assert_eq!(listed, &all);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_is_a_mistake_and_never_a_panic(
        agent_toml in "([a-z_\\[\\]= '\"{},.0-9\n-]|\\PC){0,120}",
        execution_toml in "(key|name|example|\\[\\[|\\]\\]|=|'x'|\\{|\\}|\n|[0-9]){0,40}",
        script in "(given|turn|text|when|\\[\\[|\\]\\]|=|'\\{\\{|\\}\\}'|\\{%|%\\}|\n|\\PC){0,40}",
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let root = TempDir::new().expect("a directory");
        agent(root.path(), "a", "a");
        agent(root.path(), "b", "b");
        write(root.path(), "a/agent.toml", agent_toml);
        write(root.path(), "b/executions/b/execution.toml", execution_toml);
        write(root.path(), "b/executions/b/rehearsal.toml", script);
        write(root.path(), "b/executions/b/input.schema.json", bytes);
        prop_assert!(!mistakes(&Sources::only(root.path()), &KNOWN).is_empty());
    }
}
