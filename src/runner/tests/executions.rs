//! Executions that end well, and what the model and the journal see on the way.

use std::time::Duration;

use serde_json::{Value, json};

use crate::base::message::{Message, Part, Role};
use crate::domain::journal::{self, Entry};
use crate::model::{Purpose, Request};

use super::stage::{Act, Stage, call, say};

fn kinds(entries: &[Entry]) -> Vec<String> {
    let name = |entry: &Entry| match entry {
        Entry::Message { message, .. } => message.role.as_str().to_owned(),
        other => other.kind().to_owned(),
    };
    entries.iter().map(name).collect()
}

/// Tool results in a view, in the order shown.
fn results(request: &Request) -> Vec<(String, bool, Value)> {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    parts
        .filter_map(|part| match part {
            Part::ToolResult {
                call_id,
                is_error,
                output,
                ..
            } => Some((call_id.clone(), *is_error, output.clone())),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn an_answer_is_followed_while_it_is_written_and_stored_under_the_id_that_was_told() {
    let stage = Stage::gated(|_: &Request| Act::Tell("{\"ok\": true}")).await;
    let launched = stage.launch(json!({}), None).await;
    let conversation = launched.conversation_id;
    let mut following = stage.store.bus.answers().follow(conversation);
    let worker = stage.worker();
    stage.gate.let_through(1);
    stage.wait_until_begun("told").await;
    let told = following.take();
    assert_eq!(
        (told.len(), told[0].text.as_str(), told[0].is_all),
        (1, "{\"ok\": true}", true)
    );
    assert_eq!(stage.steps(conversation).await, 0, "nothing of it is stored yet");
    stage.gate.let_through(1);
    stage.ended(launched.id).await;
    let events = journal::read_all(stage.store.db.read(), conversation)
        .await
        .expect("reads");
    let answer = events.iter().find(
        |event| matches!(&event.entry, Entry::Message { message, .. } if message.role == Role::Assistant),
    );
    assert_eq!(answer.expect("an answer").id, told[0].message);
    worker.stop(Duration::from_secs(5)).await;
    assert_eq!(following.take(), [], "it is over");
}

#[tokio::test]
async fn an_execution_reads_its_file_writes_records_reports_and_ends_in_its_result() {
    let stage = Stage::new(|request: &Request| match request.rehearsal.step {
        0 => call(&[("a", "list_files", json!({}))]),
        1 => {
            let listed = &results(request)[0].2;
            call(&[(
                "b",
                "read_file",
                json!({"file_id": listed["files"][0]["file_id"], "limit": 3}),
            )])
        }
        2 => call(&[
            (
                "c",
                "upsert_records",
                json!({"collection": "products", "records": [{"key": "A", "document": {"stock": 1}}]}),
            ),
            ("d", "report_progress", json!({"done": 1, "total": 1})),
            (
                "e",
                "search_records",
                json!({"collection": "products", "keys": ["B"]}),
            ),
        ]),
        _ => say("```json\n{\"ok\": true}\n```"),
    })
    .await;
    let launched = stage
        .launch(json!({"skus": ["A"]}), Some("sku,quantity\nA,1\n"))
        .await;
    let worker = stage.worker();
    let ended = stage.ended(launched.id).await;
    worker.stop(std::time::Duration::from_secs(1)).await;

    assert_eq!(
        (ended.status.as_str(), ended.attempt),
        ("finished", 1),
        "{:?}",
        stage.payload(ended.id).await
    );
    assert_eq!((ended.model_calls, ended.tool_calls), (4, 5));
    assert_eq!((ended.input_tokens, ended.output_tokens), (40, 4));
    assert_eq!((ended.progress_done, ended.progress_total), (Some(1), Some(1)));
    assert_eq!(stage.payload(ended.id).await.0, Some(json!({"ok": true})));
    assert_eq!(stage.records().await, [("A".to_owned(), json!({"stock": 1}))]);
    let entries = stage.journal(ended.conversation_id).await;
    let first = [
        "status_changed",
        "status_changed",
        "system",
        "user",
        "attempt_started",
        "assistant",
        "tool",
    ];
    assert_eq!(kinds(&entries)[..7], first);
    assert_eq!(kinds(&entries).last().map(String::as_str), Some("status_changed"));

    let requests = stage.requests.lock().expect("no panic").clone();
    assert_eq!(
        requests[0].system,
        "Do the job.\n\nAdditional instructions:\n\nBe brief."
    );
    assert!(matches!(requests[0].messages[0].parts[1], Part::File { .. }));
    let last = results(&requests[3]);
    assert_eq!(last[1].2["text"], "sku");
    assert_eq!(last[1].2["next_offset"], 3);
    assert_eq!(
        last[2].2,
        json!({"results": [{"key": "A", "outcome": "created"}]})
    );
    assert_eq!(last[4].2, json!({"records": []}));
}

/// A picture of one pixel.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\xdac\xfc\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\xab\xce6\x89\0\0\0\0IEND\xaeB`\x82";

#[tokio::test]
async fn an_image_goes_with_its_result_to_a_model_that_sees_and_is_explained_to_one_that_does_not() {
    let stage = Stage::new(|request: &Request| match request.rehearsal.step {
        0 => {
            let file = &request.rehearsal.files[0].file_id;
            call(&[("a", "read_file", json!({"file_id": file}))])
        }
        _ => say("{\"ok\": true}"),
    })
    .await;
    let seeing = stage.seeing_agent().await;
    let worker = stage.worker();
    let mut read = Vec::new();
    for agent in [&seeing, &stage.agent] {
        let image = Some(("photo.png", PNG));
        let launched = stage.launch_with(agent, json!({}), image).await;
        stage.ended(launched.id).await;
        let files = crate::db::files::of_executions(stage.store.db.read(), &[launched.id]).await;
        let of_execution = files.expect("reads")[0].id;
        let messages = stage.messages(launched.conversation_id).await;
        let parts = messages.into_iter().flat_map(|message| message.parts);
        let mut result = parts.filter_map(|part| match part {
            Part::ToolResult {
                is_error,
                output,
                files,
                ..
            } => Some((is_error, output, files)),
            _ => None,
        });
        let (is_error, output, files) = result.next().expect("a result");
        read.push((is_error, output, files == [of_execution]));
    }
    worker.stop(std::time::Duration::from_secs(1)).await;
    let (is_error, output, names_it) = &read[0];
    assert!(!is_error && *names_it, "{output}");
    assert_eq!(output["content_type"], "image/png");
    let (is_error, output, names_it) = &read[1];
    assert!(*is_error && !names_it);
    let words = "photo.png is an image (image/png), and this agent's model cannot look at images; it takes a model that sees, or the same content as text";
    assert_eq!(*output, json!({"error": words}));
}

#[tokio::test]
async fn an_image_that_its_provider_would_refuse_is_not_sent_and_the_tool_says_why() {
    let stage = Stage::new(|request: &Request| match request.rehearsal.step {
        0 => {
            let file = &request.rehearsal.files[0].file_id;
            call(&[("a", "read_file", json!({"file_id": file}))])
        }
        _ => say("{\"ok\": true}"),
    })
    .await;
    let seeing = stage.seeing_agent().await;
    let half = PNG[..PNG.len() / 2].to_vec();
    // A chunk of text before the last twelve bytes, which are the end.
    let (pixels, end) = PNG.split_at(PNG.len() - 12);
    let text = vec![b'a'; 5_000_000];
    let large = [pixels, b"\x00\x4C\x4B\x40tEXt", &text, b"\0\0\0\0", end].concat();
    for (bytes, is_sent) in [(PNG.to_vec(), true), (half, false), (large, false)] {
        let image = Some(("photo.png", PNG));
        let launched = stage.launch_with(&seeing, json!({}), image).await;
        let files = crate::db::files::of_executions(stage.store.db.read(), &[launched.id]).await;
        let blob = files.expect("reads")[0].blob_id;
        // Uploads are looked at; what comes another way is not.
        let written = stage.deps.storage.write(blob, bytes.as_slice()).await;
        written.expect("writes");
        let worker = stage.worker();
        stage.ended(launched.id).await;
        worker.stop(Duration::from_secs(1)).await;
        let requests = std::mem::take(&mut *stage.requests.lock().expect("no panic"));
        for request in &requests {
            assert_eq!(request.files[0].image.is_some(), is_sent);
        }
        let (_, is_error, output) = &results(&requests[1])[0];
        assert_eq!(*is_error, !is_sent);
        let words = "photo.png is damaged or cut off, so no model can be shown it; open it and save it anew";
        assert!(is_sent || *output == json!({"error": words}), "{output}");
    }
}

#[tokio::test]
async fn an_answer_accounts_for_each_item_and_each_was_tried() {
    let search = |collection: &str| call(&[("a", "search_records", json!({"collection": collection}))]);
    let stage = Stage::new(move |request: &Request| {
        let scene = &request.rehearsal;
        match (scene.input["part"].as_str(), scene.attempt, scene.step) {
            (Some("untried"), 1, 0) | (Some("unnamed"), 1, 1) => search("cups"),
            (Some("untried"), 2, 0) | (Some("unnamed"), 1, 0) => search("pots"),
            (Some("unnamed"), 1, _) => say("{\"ok\": true, \"pots\": 1}"),
            _ => say("{\"ok\": true, \"pots\": 1, \"cups\": 2}"),
        }
    })
    .await;
    for (part, feedback) in [
        (
            "untried",
            "Not every item of /collections was tried with search_records. Missing: pots.",
        ),
        ("unnamed", "The answer has no member for cups."),
    ] {
        let ended = stage
            .run(json!({"part": part, "collections": ["cups", "pots"]}))
            .await;
        assert_eq!((ended.status.as_str(), ended.attempt), ("finished", 2), "{part}");
        let messages = stage.messages(ended.conversation_id).await;
        let refused = messages.iter().find(|message| message.role == Role::Validator);
        let refused = refused.expect("a refusal").plain_text();
        assert!(refused.starts_with(feedback), "{refused}");
    }
}

#[tokio::test]
async fn results_come_as_they_complete_and_are_shown_in_call_order() {
    let stage = Stage::gated(|request: &Request| match request.rehearsal.step {
        // One id twice: some providers count anew, and the journal needs them unique.
        0 => call(&[("x", "probe", json!({"n": 1})), ("x", "list_files", json!({}))]),
        _ => say("{\"ok\": true}"),
    })
    .await;
    let launched = stage.launch(json!({}), None).await;
    let _worker = stage.worker();
    stage.gate.let_through(1);
    stage.wait_until_begun("probe 1").await;
    stage.wait_for_steps(launched.conversation_id, 2).await;
    stage.gate.let_through(10);
    stage.ended(launched.id).await;
    let tools: Vec<Message> = stage.messages(launched.conversation_id).await;
    let tools: Vec<&Message> = tools
        .iter()
        .filter(|message| message.role == Role::Tool)
        .collect();
    assert!(matches!(&tools[0].parts[..], [Part::ToolResult { tool, .. }] if tool == "list_files"));
    let shown = results(&stage.requests.lock().expect("no panic")[1]);
    assert_eq!(shown[0].2, json!({"n": 1}));
    assert_ne!(shown[0].0, shown[1].0);
}

#[tokio::test]
async fn a_bad_call_goes_back_to_the_model_as_an_error_result() {
    let stage = Stage::new(|request: &Request| match request.rehearsal.step {
        0 => call(&[
            ("a", "search_records", json!({"limit": 0})),
            ("b", "rm", json!({})),
            (
                "c",
                "upsert_records",
                json!({"collection": "Bad Name", "records": [{"key": "A", "document": {}}]}),
            ),
        ]),
        1 => call(&[(
            "d",
            "upsert_records",
            json!({"collection": "products", "records": [{"key": "A", "document": {}}]}),
        )]),
        _ => say("{\"ok\": true}"),
    })
    .await;
    let ended = stage.run(json!({})).await;
    assert_eq!(ended.status, "finished");
    let shown = results(&stage.requests.lock().expect("no panic")[1]);
    assert!(shown.iter().all(|(_, is_error, _)| *is_error), "{shown:?}");
    assert_eq!(
        shown[0].2["issues"].as_array().map(Vec::len),
        Some(2),
        "{shown:?}"
    );
    let names = shown[1].2["error"].as_str().unwrap_or_default();
    assert!(
        names.starts_with("there is no tool rm; there are list_files"),
        "{names}"
    );
}

#[tokio::test]
async fn a_refusal_is_shown_to_the_next_attempt_and_its_scratchpad_is_not() {
    let stage = Stage::new(
        |request: &Request| match (request.rehearsal.attempt, request.rehearsal.step) {
            (1, 0) => call(&[("a", "probe", json!({"n": 1}))]),
            (1, _) => say("{\"ok\": 1, \"more\": {}}"),
            (2, 0) => {
                let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
                assert_eq!(roles, [Role::User, Role::Assistant, Role::Validator]);
                assert!(request.rehearsal.feedback[0].contains("/ok: must be a boolean"));
                say("{\"ok\": false}")
            }
            other => panic!("not expected: {other:?}"),
        },
    )
    .await;
    let ended = stage.run(json!({})).await;
    assert_eq!((ended.status.as_str(), ended.attempt), ("finished", 2));
    let entries = kinds(&stage.journal(ended.conversation_id).await);
    let end = [
        "assistant",
        "validator_rejected",
        "validator",
        "attempt_started",
        "assistant",
        "status_changed",
    ];
    assert_eq!(entries[entries.len() - 6..], end);
}

#[tokio::test]
async fn what_no_tool_has_handled_is_refused_until_the_model_handles_it() {
    let write = |key: &str| {
        call(&[(
            "w",
            "upsert_records",
            json!({"collection": "products", "records": [{"key": key, "document": {}}]}),
        )])
    };
    let stage =
        Stage::new(
            move |request: &Request| match (request.rehearsal.attempt, request.rehearsal.step) {
                (1, 0) => write("A"),
                (2, 0) => {
                    assert!(request.rehearsal.feedback[0].contains("Missing: B."));
                    write("B")
                }
                _ => say("{\"ok\": true}"),
            },
        )
        .await;
    assert_eq!(stage.run(json!({"skus": ["A", "B"]})).await.status, "finished");
}

#[tokio::test]
async fn after_the_last_refusal_the_model_explains_the_failure() {
    let stage = Stage::new(|request: &Request| match request.purpose {
        Purpose::Explanation => {
            assert!(request.tools.is_empty());
            say("I could not make JSON of it.")
        }
        _ => say("no JSON"),
    })
    .await;
    let ended = stage.run(json!({})).await;
    assert_eq!(ended.failure_category.as_deref(), Some("max_retries_exceeded"));
    assert_eq!((ended.attempt, ended.model_calls), (2, 3));
    let (result, explanation, source) = stage.payload(ended.id).await;
    assert_eq!(result, None);
    assert_eq!(explanation.as_deref(), Some("I could not make JSON of it."));
    assert_eq!(source.as_deref(), Some("model"));
}

#[tokio::test]
async fn a_model_that_cannot_explain_leaves_that_to_the_system() {
    let stage = Stage::new(|request: &Request| match request.purpose {
        Purpose::Explanation => Act::Fail(crate::model::Error::Refused {
            reason: "secret".to_owned(),
            usage: crate::model::Usage::default(),
        }),
        _ => say("no JSON"),
    })
    .await;
    let ended = stage.run(json!({})).await;
    assert_eq!(ended.failure_category.as_deref(), Some("max_retries_exceeded"));
    let (_, explanation, source) = stage.payload(ended.id).await;
    let explanation = explanation.unwrap_or_default();
    assert!(
        explanation.contains("refused by json") && !explanation.contains("secret"),
        "{explanation}"
    );
    assert_eq!(source.as_deref(), Some("system"));
}

#[tokio::test]
async fn an_agent_that_stops_is_asked_nothing_more() {
    let stage = Stage::new(|request: &Request| match request.rehearsal.step {
        0 => call(&[(
            "a",
            "stop_execution",
            json!({"reason": "no", "code": "worker_lost"}),
        )]),
        1 => call(&[(
            "b",
            "stop_execution",
            json!({"reason": "Nothing is here.", "code": "nothing_to_do"}),
        )]),
        _ => panic!("asked again"),
    })
    .await;
    let ended = stage.run(json!({})).await;
    assert_eq!(ended.failure_category.as_deref(), Some("stopped_by_agent"));
    assert_eq!(ended.failure_code.as_deref(), Some("nothing_to_do"));
    assert_eq!(ended.model_calls, 2);
    let (_, explanation, source) = stage.payload(ended.id).await;
    assert_eq!(
        (explanation.as_deref(), source.as_deref()),
        (Some("Nothing is here."), Some("agent"))
    );
}
