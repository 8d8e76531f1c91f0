use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::base::message::{Message, Part, Role};
use crate::model::{Error, FileInfo, Model, Models, Purpose, Reply, Request, Scene, Settings};

use super::{Mistake, Rehearsal, Script};

fn request(script: &str, messages: Vec<Message>) -> Request {
    let script = Script::parse("test.toml", script).expect("a script");
    let step = messages
        .iter()
        .filter(|message| message.role == Role::Assistant)
        .count();
    Request {
        system: "12345678".to_owned(),
        messages,
        tools: Vec::new(),
        purpose: Purpose::Turn,
        files: Vec::new(),
        output_schema: None,
        settings: Settings::default(),
        rehearsal: Scene {
            script: Arc::new(script),
            input: json!({"n": 3}),
            files: Vec::new(),
            attempt: 2,
            feedback: vec!["too short".to_owned()],
            step,
            turn_offset: 7,
        },
    }
}

fn assistant(parts: Vec<Part>) -> Message {
    Message {
        role: Role::Assistant,
        parts,
    }
}

fn result(call_id: &str, tool: &str, output: Value) -> Message {
    let part = Part::ToolResult {
        call_id: call_id.to_owned(),
        tool: tool.to_owned(),
        is_error: false,
        output,
        duration_ms: None,
        files: Vec::new(),
    };
    Message {
        role: Role::Tool,
        parts: vec![part],
    }
}

async fn reply(request: &Request) -> Result<Reply, Error> {
    Rehearsal::default().complete(request, &|_| {}).await
}

async fn said(request: &Request) -> String {
    assistant(reply(request).await.expect("a turn").parts).plain_text()
}

const IN_ORDER: &str = "
[[turn]]
text = 'one, attempt {{ attempt }}, {{ feedback|last }}'
[[turn.call]]
tool = 'a'
for_each = 'range(input.n)'
arguments = '{\"n\": {{ item }}, \"at\": {{ index }}}'
[[turn.call]]
tool = 'b'
[[turn]]
reasoning = 'hm'
text = 'two'
";

#[tokio::test]
async fn a_script_without_conditions_is_played_from_top_to_bottom() {
    let first = reply(&request(IN_ORDER, vec![Message::text(Role::User, "go")]))
        .await
        .expect("a turn");
    assert_eq!(first.parts[0], Part::text("one, attempt 2, too short"));
    let turn = assistant(first.parts);
    let calls: Vec<_> = turn.tool_calls().collect();
    assert_eq!(calls.len(), 4);
    assert_eq!(calls[2], ("call_2_0_2", "a", &json!({"n": 2, "at": 2})));
    assert_eq!(calls[3], ("call_2_0_3", "b", &json!({})));

    let second = reply(&request(IN_ORDER, vec![turn.clone()]))
        .await
        .expect("a turn");
    assert_eq!(
        second.parts,
        [
            Part::Reasoning {
                text: "hm".to_owned()
            },
            Part::text("two")
        ]
    );
    assert_eq!(
        (second.usage.input_tokens, second.usage.output_tokens > 0),
        (21, true)
    );

    let error = reply(&request(IN_ORDER, vec![turn.clone(), turn]))
        .await
        .expect_err("no third");
    let Error::Broken { reason } = error else {
        panic!("{error}")
    };
    assert!(
        reason.contains("test.toml") && reason.contains("step 2 of attempt 2"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_turn_without_condition_stands_for_its_own_place_alone() {
    let script = "[[turn]]\nwhen = 'attempt == 1'\ntext = 'a'\n[[turn]]\ntext = 'b'";
    assert!(reply(&request(script, Vec::new())).await.is_err());
    assert_eq!(said(&request(script, vec![assistant(Vec::new())])).await, "b");
}

#[tokio::test]
async fn a_script_with_conditions_repeats_a_turn_as_long_as_it_holds() {
    let script = "
given = '{% set done = called.a|default([])|length %}'
[[turn]]
when = 'done < 2'
text = 'again'
[[turn]]
when = 'true'
text = 'done {{ results|map(attribute=\"output\")|join }} {{ results[0].arguments.x }}'
";
    let call = |id: &str| {
        let (call_id, tool) = (id.to_owned(), "a".to_owned());
        assistant(vec![Part::ToolCall {
            call_id,
            tool,
            arguments: json!({"x": "y"}),
        }])
    };
    let mut messages = vec![
        result("0", "a", json!("an earlier attempt's")),
        Message::text(Role::Validator, "no"),
    ];
    for id in ["1", "2"] {
        assert_eq!(said(&request(script, messages.clone())).await, "again");
        messages.extend([call(id), result(id, "a", json!(id))]);
    }
    assert_eq!(said(&request(script, messages)).await, "done 12 y");
}

#[tokio::test]
async fn call_ids_differ_between_questions_of_one_conversation() {
    let mut request = request(IN_ORDER, Vec::new());
    request.purpose = Purpose::Conversation;
    let turn = assistant(reply(&request).await.expect("a turn").parts);
    assert_eq!(turn.tool_calls().next().map(|call| call.0), Some("call_m7_0_0"));
}

#[tokio::test]
async fn what_a_script_did_not_foresee_is_an_error_that_names_the_place() {
    let cases = [
        ("[[turn]]\ntext = '{{ nothing.here }}'", "#/turn/0/text at step 0"),
        ("[[turn]]\nwhen = 'nothing.here'\ntext = ''", "#/turn/0/when"),
        (
            "[[turn]]\n[[turn.call]]\ntool = 'a'\narguments = 'no json'",
            "#/turn/0/call/0/arguments",
        ),
        (
            "[[turn]]\n[[turn.call]]\ntool = 'a'\nfor_each = '3'",
            "#/turn/0/call/0/for_each",
        ),
        (
            "[[turn]]\n[[turn.call]]\ntool = 'a'\nfor_each = 'range(9999)'",
            "more than 500 calls",
        ),
        ("given = '{% set x = a.b %}'\n[[turn]]\ntext = ''", "#/given"),
        (
            "[[turn]]\ntext = '{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}'",
            "fuel",
        ),
    ];
    for (script, part) in cases {
        let error = reply(&request(script, Vec::new())).await.expect_err("unforeseen");
        assert!(error.to_string().contains(part), "{error}");
    }
    let mut absent = request(IN_ORDER, Vec::new());
    absent.rehearsal.script = Arc::new(Script::absent("gone.toml"));
    assert!(
        reply(&absent)
            .await
            .expect_err("no script")
            .to_string()
            .contains("gone.toml")
    );
}

#[tokio::test]
async fn a_script_can_fail_as_providers_do() {
    let script = "[[turn]]\nerror = {kind = 'unavailable', message = 'busy'}";
    let error = reply(&request(script, Vec::new())).await.expect_err("as written");
    assert_eq!(
        error,
        Error::Unavailable {
            reason: "busy".to_owned(),
            retry_after: None
        }
    );
}

#[tokio::test]
async fn an_explanation_is_the_scripts_or_tells_the_last_objection() {
    let mut explained = request(IN_ORDER, Vec::new());
    explained.purpose = Purpose::Explanation;
    assert!(said(&explained).await.contains("too short"));
    let script = "[[turn]]\ntext = ''\n[explanation]\ntext = 'after {{ attempt }}: {{ feedback|join }}'";
    let mut explained = request(script, Vec::new());
    explained.purpose = Purpose::Explanation;
    assert_eq!(said(&explained).await, "after 2: too short");
}

#[tokio::test(start_paused = true)]
async fn latency_is_simulated_and_ends_when_the_request_is_dropped() {
    let slow = request("[[turn]]\ntext = 'x'\ndelay_ms = 60000", Vec::new());
    let waited = tokio::time::timeout(Duration::from_secs(59), reply(&slow)).await;
    assert!(waited.is_err());
    let waited = tokio::time::timeout(Duration::from_secs(61), reply(&slow)).await;
    assert!(waited.is_ok());
}

#[tokio::test]
async fn documents_are_joined_from_pages_and_what_is_left_is_listed() {
    let script = "[[turn]]\nwhen = 'true'\ntext = '{{ documents|tojson }} {{ unread|tojson }}'";
    let read = |id: &str, file: &str, offset: u64| {
        let arguments = json!({"file_id": file, "offset": offset});
        let (call_id, tool) = (id.to_owned(), "read_file".to_owned());
        assistant(vec![Part::ToolCall {
            call_id,
            tool,
            arguments,
        }])
    };
    let page = |text: &str, next: Option<u64>| json!({"text": text, "next_offset": next});
    let mut request = request(
        script,
        vec![
            read("1", "a", 0),
            result("1", "read_file", page("A", Some(1))),
            read("2", "b", 0),
            result("2", "read_file", page("B", Some(1))),
            read("3", "a", 1),
            result("3", "read_file", page("AA", None)),
        ],
    );
    request.rehearsal.files = ["a", "b", "c"]
        .map(|id| FileInfo {
            file_id: id.to_owned(),
            filename: format!("{id}.txt"),
            content_type: "text/plain".to_owned(),
            size_bytes: 3,
        })
        .to_vec();
    let text = said(&request).await;
    let expected = concat!(
        r#"[{"file_id":"a","filename":"a.txt","text":"AAA"},{"file_id":"b","filename":"b.txt","text":"B"}]"#,
        r#" [{"file_id":"b","filename":"b.txt","offset":1},{"file_id":"c","filename":"c.txt","offset":0}]"#,
    );
    assert_eq!(text, expected);
}

#[test]
fn every_mistake_of_a_script_comes_at_once() {
    let pointers = |script: &str| -> Vec<String> {
        let mistakes: Vec<Mistake> = Script::parse("s", script).expect_err("wrong");
        mistakes.into_iter().map(|mistake| mistake.pointer).collect()
    };
    assert_eq!(
        pointers(
            "given = '{{'\n[[turn]]\nwhen = 'a b'\ntext = '{{ x|nope }}'\n[[turn.call]]\ntool = 'x'\narguments = '{%'"
        ),
        ["/given", "/turn/0/when", "/turn/0/call/0/arguments"]
    );
    assert_eq!(pointers("[[turn]]\ndelay_ms = -1\nwords = 'x'").len(), 2);
    assert_eq!(pointers("turn = ["), [""]);
}

#[test]
fn a_server_without_providers_has_the_rehearsal_model() {
    let models = Models::rehearsal_only();
    assert_eq!(models.names(), ["rehearsal"]);
    assert!(models.find("rehearsal").is_some() && models.find("other").is_none());
}
