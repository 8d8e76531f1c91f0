//! Cases of the shipped definitions play as they ought to; what differs is said; what an execution
//! met is told from its journal.

use serde_json::{Value, json};

use crate::child::Launcher;
use crate::definitions::case::{CaseFile, Expected, OutsideResult, Story};
use crate::definitions::{Case, Catalog, Sources};
use crate::documents::Reader;
use crate::fetch::{Fetcher, Rules};
use crate::model::Models;
use crate::model::rehearsal::recording::file_id;
use crate::runner::Registry;

use super::diff::{Difference, differences};
use super::play::{Error, Played, Setup, play};

fn setup() -> Setup {
    let registry = Registry::built_in(
        Fetcher::new(Rules::default()),
        Reader::new(Launcher::this_program()),
    );
    let models = Models::rehearsal_only();
    let catalog = Catalog::load(&Sources::shipped(), &registry.names(&models).known());
    let catalog = catalog.expect("the shipped definitions are right");
    Setup { catalog, registry }
}

fn case(story: Value) -> Case {
    Case {
        name: "test".to_owned(),
        story: serde_json::from_value::<Story>(story).expect("a story"),
        files: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shipped_type_has_cases_and_all_of_them_pass() {
    let setup = setup();
    for execution_type in setup.catalog.execution_types() {
        assert!(!execution_type.cases.is_empty(), "{}", execution_type.key);
        for case in &execution_type.cases {
            let expect = &case.story.expect;
            assert!(
                expect.result.is_some() || expect.failure.is_some(),
                "{} expects nothing",
                case.name
            );
            let played = play(&setup, &execution_type.key, case).await.expect("plays");
            assert_eq!(
                differences(expect, &played),
                [],
                "{}/{}",
                execution_type.key,
                case.name
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_turn_is_said_word_for_word_and_meets_the_case_alone() {
    let url = "https://shop.example/a";
    let call =
        |id: &str, url: &str| json!({"call": {"id": id, "tool": "fetch_page", "arguments": {"url": url}}});
    let story = json!({
        "input": {"urls": [url]},
        "turns": [
            {"attempt": 1, "parts": [{"reasoning": "{{ 1 + 1 }}"}, call("a", url), call("b", "https://shop.example/b")]},
            {"attempt": 1, "parts": [{"text": "{\"https://shop.example/a\": \"{{ 1 + 1 }}\"}"}], "usage": {"input": 7, "output": 5}},
        ],
        "results": [{"tool": "fetch_page", "arguments": {"url": url}, "output": {"text": "{% for %}"}}],
        "expect": {"status": "finished"},
    });
    let played = play(&setup(), "catalog-web-import", &case(story))
        .await
        .expect("plays");
    assert_eq!(played.status, "finished", "{played:?}");
    assert_eq!(played.result, Some(json!({url: "{{ 1 + 1 }}"})));
    assert_eq!(played.calls[0].output, Some(json!({"text": "{% for %}"})));
    let not_there = json!({"error": "the case has no result of fetch_page for these arguments"});
    assert_eq!(
        (played.calls[1].is_error, &played.calls[1].output),
        (Some(true), &Some(not_there))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_sees_is_shown_images_and_another_is_not() {
    let mut setup = setup();
    let directory = tempfile::tempdir().expect("a folder");
    let put = |path: &str, text: &str| {
        let path = directory.path().join("eye").join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    put(
        "agent.toml",
        "key = 'eye'\nname = 'E'\nmodel = 'rehearsal'\ntools = ['read_file']\n[files]\nmax_files = 1\nmax_bytes_per_file = 9999\nmax_bytes_total = 9999\nextensions = ['.png']\ncontent_types = ['image/png']\n",
    );
    put("prompts/execution.md", "Look.");
    put("prompts/conversation.md", "Look.");
    put("rehearsal.toml", "[[turn]]\ntext = 'hi'\n");
    put("executions/look/execution.toml", "key = 'look'\nname = 'L'\n");
    put("executions/look/input.schema.json", "{\"type\": \"object\"}");
    put("executions/look/message.md.j2", "Look.");
    put("executions/look/rehearsal.toml", "[[turn]]\ntext = 'hi'\n");
    let models = Models::rehearsal_only();
    let loaded = Catalog::load(
        &Sources::only(directory.path()),
        &setup.registry.names(&models).known(),
    );
    setup.catalog = loaded.expect("loads");
    let mut seen = Vec::new();
    for sees_images in [true, false] {
        let call = json!({"id": "a", "tool": "read_file", "arguments": {"file_id": file_id(1)}});
        let mut case = case(json!({
            "input": {},
            "files": [{"path": "files/a.png"}],
            "turns": [
                {"attempt": 1, "parts": [{"call": call}]},
                {"attempt": 1, "parts": [{"text": "done"}]},
            ],
            "sees_images": sees_images,
            "expect": {"status": "finished"},
        }));
        case.files = vec![CaseFile {
            filename: "a.png".to_owned(),
            bytes: std::fs::read("tests/documents/photo.png")
                .expect("a picture")
                .into(),
        }];
        let played = play(&setup, "look", &case).await.expect("plays");
        seen.push(played.calls[0].is_error);
    }
    assert_eq!(seen, [Some(false), Some(true)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_that_goes_on_otherwise_fails_and_a_launch_that_is_refused_says_why() {
    let story = json!({
        "input": {"urls": ["https://shop.example/a"]},
        "turns": [{"attempt": 1, "parts": [{"text": "no JSON"}]}],
        "expect": {"status": "finished", "result": {}},
    });
    let case = case(story);
    let played = play(&setup(), "catalog-web-import", &case).await.expect("plays");
    assert_eq!((played.status.as_str(), played.attempts), ("failed", 2));
    let pointers: Vec<String> = differences(&case.story.expect, &played)
        .into_iter()
        .map(|difference| difference.pointer)
        .collect();
    assert_eq!(pointers, ["/status", "/result", "/failure"]);

    let mut other = case;
    other.story.input = json!({"urls": 3});
    match play(&setup(), "catalog-web-import", &other).await {
        Err(Error::Refused(reason)) => assert!(reason.contains("/urls"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn differences_name_the_place_and_leave_out_what_the_case_does_not_say() {
    let expected: Expected = serde_json::from_value(json!({
        "status": "finished",
        "result": {"a": [1, 2], "b": 1},
        "calls": [{"tool": "x"}, {"tool": "y", "arguments": {"n": 1}}],
        "records": {"products": {"K": {"stock": 1}}},
    }))
    .expect("expected");
    let call = |tool: &str, n: i64| json!({"tool": tool, "arguments": {"n": n}});
    let calls = [call("x", 5), call("y", 2), call("z", 3)].map(|call| super::play::PlayedCall {
        tool: call["tool"].as_str().unwrap_or_default().to_owned(),
        arguments: call["arguments"].clone(),
        is_error: Some(false),
        output: Some(json!({})),
    });
    let played = Played {
        status: "finished".to_owned(),
        result: Some(json!({"a": [1, 3, 4], "c": 1})),
        failure: None,
        attempts: 4,
        calls: calls.to_vec(),
        records: [
            ("products".to_owned(), json!({"K": {"stock": 2}})),
            ("others".to_owned(), json!({})),
        ]
        .into_iter()
        .collect(),
    };
    let found = differences(&expected, &played);
    let pointers: Vec<&str> = found
        .iter()
        .map(|difference| difference.pointer.as_str())
        .collect();
    assert_eq!(
        pointers,
        [
            "/result/a/1",
            "/result/a/2",
            "/result/b",
            "/result/c",
            "/calls/1/arguments/n",
            "/calls/2",
            "/records/products/K/stock",
        ]
    );
    let long = |tail: &str| Some(Value::from(format!("{}{tail}", "x".repeat(500))));
    let difference = Difference {
        pointer: "/result".to_owned(),
        expected: long("one"),
        found: None,
    };
    let shown = Difference {
        found: long("other"),
        ..difference
    }
    .to_string();
    assert!(shown.contains("one") && shown.contains("other"), "{shown}");
    assert!(shown.len() < 600, "{shown}");
}

#[test]
fn a_story_reads_back_as_it_was_written() {
    let text = json!({
        "description": "d", "input": {"a": 1},
        "files": [{"path": "files/a.csv"}, {"path": "files/2", "filename": "ö.csv"}],
        "records": {"products": [{"key": "K", "document": {}}]},
        "turns": [
            {"attempt": 1, "parts": [{"text": file_id(1)}], "usage": {"input": 1, "output": 2}},
            {"attempt": 1, "parts": [{"reasoning": "r"}, {"opaque": {"provider": "anthropic", "data": {"signature": "s"}}}],
                "usage": {"input": 3, "cached_input": 2, "output": 2}},
        ],
        "explanation": {"parts": [{"text": "t"}]},
        "results": [{"tool": "t", "arguments": {}, "is_error": true, "output": {"error": "e"}}],
        "expect": {"status": "failed", "failure": {"code": "c"}, "attempts": 1, "calls": [{"tool": "t"}], "records": {"p": {"K": {}}}},
    });
    let story: Story = serde_json::from_value(text.clone()).expect("reads");
    assert_eq!(serde_json::to_value(&story).expect("writes"), text);
    let result = OutsideResult {
        tool: "t".to_owned(),
        arguments: json!({}),
        is_error: true,
        output: json!({"error": "e"}),
    };
    assert_eq!(story.results, [result]);
}
