//! What bad input gets: a clear error, nothing stored, and a server that stays up.

use serde_json::{Value, json};

use crate::both;
use crate::support::client::{Client, EXECUTION, LAUNCH};

const SCANNING: &str = "invoice-scanning";

async fn launch(client: &Client, mut input: Value) -> Value {
    if input["agentId"].is_null() {
        input["agentId"] = json!(client.agent(SCANNING).await);
    }
    if input["executionKey"].is_null() {
        input["executionKey"] = json!(SCANNING);
    }
    let (status, body) = client.post(LAUNCH, json!({ "input": input })).await;
    assert_eq!(status, 200, "{body}");
    assert!(body["errors"].is_null(), "{body}");
    body["data"]["launchExecution"].clone()
}

async fn refusal(client: &Client, input: Value) -> Value {
    let payload = launch(client, input).await;
    assert!(
        payload["execution"].is_null() && payload["created"] == false,
        "{payload}"
    );
    assert_eq!(payload["errors"].as_array().map(Vec::len), Some(1), "{payload}");
    payload["errors"][0].clone()
}

/// Rule, agent, execution type, files, and the position of the one refused.
type FileCase<'a> = (&'a str, &'a str, &'a str, Vec<(&'a str, &'a [u8])>, Option<u64>);

async fn stored(site: &crate::support::Site) -> Vec<i64> {
    use sea_orm::ConnectionTrait;
    let db = site.database.db.read();
    let mut counts = Vec::new();
    for table in [
        "execution",
        "conversation",
        "run",
        "file",
        "blob",
        "event",
        "change",
        "idempotency_key",
    ] {
        let count = sea_orm::Statement::from_string(
            db.get_database_backend(),
            format!("SELECT COUNT(*) AS n FROM {table}"),
        );
        counts.push(
            db.query_one_raw(count)
                .await
                .expect("reads")
                .expect("a row")
                .try_get("", "n")
                .expect("a number"),
        );
    }
    counts
}

both! {
    async fn an_input_that_breaks_its_schema_in_three_places_is_told_all_three(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        let error = refusal(&client, json!({ "agentId": agent, "executionKey": "ledger", "input": { "rounds": 99, "name": 7, "extra": true } })).await;
        assert_eq!(error["__typename"], "InputValidationError");
        let mut issues: Vec<_> = error["issues"].as_array().expect("issues").iter().map(|issue| (issue["pointer"].clone(), issue["property"].clone(), issue["keyword"].clone())).collect();
        issues.sort_by_key(|issue| issue.0.to_string());
        assert_eq!(issues, [
            (json!(""), json!("extra"), json!("additionalProperties")),
            (json!("/name"), Value::Null, json!("type")),
            (json!("/rounds"), Value::Null, json!("maximum")),
        ]);
        let check = "query($id: ID!, $input: JSON!) { validateExecutionInput(agentId: $id, executionKey: \"ledger\", input: $input) { valid issues { pointer } errors { __typename } } }";
        let dry = client.data(check, json!({ "id": agent, "input": { "rounds": 0 } })).await;
        assert_eq!(dry["validateExecutionInput"], json!({ "valid": false, "issues": [{ "pointer": "/rounds" }], "errors": [] }));
    }

    async fn what_names_no_agent_of_the_viewer_answers_alike(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let client = server.admin();
        client.agent(SCANNING).await;
        let set = client.data("{ dataSets { nodes { id } } }", json!({})).await["dataSets"]["nodes"][0]["id"].clone();
        let before = stored(&site).await;
        for id in [json!("agt_0192f3c1000070008000000000000000"), set, json!("rubbish"), json!(""), json!("agt_\u{1F600}")] {
            let error = refusal(&client, json!({ "agentId": id })).await;
            assert_eq!((&error["__typename"], &error["code"], &error["path"]), (&json!("NotFoundError"), &json!("NOT_FOUND"), &json!(["input", "agentId"])), "{id}");
        }
        let error = refusal(&client, json!({ "executionKey": "noop" })).await;
        assert_eq!((&error["__typename"], &error["availableKeys"]), (&json!("ExecutionTypeMismatchError"), &json!([SCANNING])));
        assert_eq!(stored(&site).await, before, "nothing is stored");
    }

    async fn files_that_break_a_rule_are_named_with_it_and_nothing_of_them_stays(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let client = server.admin();
        let (scanner, web) = (client.agent(SCANNING).await, client.agent("catalog-web-import").await);
        let before = stored(&site).await;
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(4096, 0);
        let big = vec![b'a'; 6_000_000];
        let large = vec![b'a'; 4_900_000];
        let good = b"sku,quantity\nMUG-001,2\n".as_slice();
        let many: Vec<(&str, &[u8])> = vec![("a.csv", good); 12];
        let cases: Vec<FileCase> = vec![
            ("NOT_ACCEPTED", &web, "catalog-web-import", vec![("lines.csv", good)], None),
            ("EXTENSION", &scanner, SCANNING, vec![("good.csv", good), ("lines.exe", good)], Some(1)),
            ("CONTENT", &scanner, SCANNING, vec![("good.csv", good), ("lines.csv", &elf)], Some(1)),
            ("TOO_LARGE", &scanner, SCANNING, vec![("lines.csv", &big)], Some(0)),
            ("TOO_MANY", &scanner, SCANNING, many, None),
("TOTAL_TOO_LARGE", &scanner, SCANNING, vec![("lines.csv", &large); 5], None),
                        ("EMPTY", &scanner, SCANNING, vec![("lines.csv", b"")], Some(0)),
        ];
        for (rule, agent, key, files, index) in cases {
            let input = if key == SCANNING { json!({}) } else { json!({ "urls": ["https://example.com/"] }) };
            let variables = json!({ "input": { "agentId": agent, "executionKey": key, "input": input } });
            let (_, body) = client.upload(LAUNCH, variables, &files).await;
            let error = &body["data"]["launchExecution"]["errors"][0];
            assert_eq!((&error["__typename"], &error["rule"]), (&json!("FileRejectedError"), &json!(rule)), "{body}");
            assert_eq!(error["index"].as_u64(), index, "{rule}: {error}");
            if let Some(index) = index {
                assert_eq!(error["filename"], files[usize::try_from(index).expect("small")].0);
            }
        }
        assert_eq!(stored(&site).await, before, "nothing is stored");
        assert_eq!(site.stored_files(), 0, "nor are bytes");
    }

    async fn a_file_is_launched_with_read_back_and_served_in_ranges_to_those_who_may(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let client = server.admin();
        let agent = client.agent(SCANNING).await;
        let bytes = b"sku,quantity\nMUG-001,2\n".as_slice();
        let variables = json!({ "input": { "agentId": agent, "executionKey": SCANNING } });
        let (_, body) = client.upload(LAUNCH, variables, &[("in voice.csv", bytes)]).await;
        let id = body["data"]["launchExecution"]["execution"]["id"].clone();
        let file = client.data(EXECUTION, json!({ "id": id })).await["execution"]["files"][0].clone();
        assert_eq!((&file["filename"], &file["contentType"], &file["sizeBytes"]), (&json!("in voice.csv"), &json!("text/csv"), &json!(23)));
        let path = file["downloadUrl"].as_str().expect("a path");
        let whole = client.get(path).send().await.expect("answers");
        assert_eq!(whole.status(), 200);
        assert!(whole.headers()["content-disposition"].to_str().expect("text").starts_with("attachment"));
        assert_eq!(whole.headers()["x-content-type-options"], "nosniff");
        assert_eq!(whole.bytes().await.expect("bytes").as_ref(), bytes);
        let part = client.get(path).header("range", "bytes=4-11").send().await.expect("answers");
        assert_eq!((part.status().as_u16(), part.bytes().await.expect("bytes").as_ref()), (206, &bytes[4..12]));
        let beyond = client.get(path).header("range", "bytes=100-").send().await.expect("answers");
        assert_eq!(beyond.status(), 416);
        assert_eq!(server.client("").get(path).send().await.expect("answers").status(), 401);
        let again = json!({ "input": { "agentId": agent, "executionKey": SCANNING, "fileIds": [file["id"]] } });
        let made = client.data(LAUNCH, again).await["launchExecution"].clone();
        assert_eq!(made["created"], true, "{made}");
        let unknown = refusal(&client, json!({ "fileIds": ["fil_0192f3c1000070008000000000000000"] })).await;
        assert_eq!((&unknown["__typename"], &unknown["path"]), (&json!("NotFoundError"), &json!(["input", "fileIds", "0"])));
    }

    async fn pages_and_cursors_out_of_their_limits_are_top_level_errors(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        for _ in 0..3 {
            client.launch(&agent, "noop", json!({})).await;
        }
        let cursor = client.data("{ executions(first: 1) { pageInfo { endCursor } } }", json!({})).await["executions"]["pageInfo"]["endCursor"].clone();
        for (arguments, code) in [
            ("first: 1000", "BAD_USER_INPUT"),
            ("first: 2, last: 2", "BAD_USER_INPUT"),
            ("first: -1", "BAD_USER_INPUT"),
            ("after: \"rubbish\"", "BAD_CURSOR"),
        ] {
            assert_eq!(client.error_code(&format!("{{ executions({arguments}) {{ nodes {{ id }} }} }}"), json!({})).await, code, "{arguments}");
        }
        let other = "query($after: String) { executions(orderBy: {field: DURATION, direction: ASC}, after: $after) { nodes { id } } }";
        assert_eq!(client.error_code(other, json!({ "after": cursor })).await, "BAD_CURSOR");
        let mut socket = client.socket().await;
        socket.subscribe("subscription($after: StreamCursor) { executionsChanged(after: $after) { resync } }", json!({ "after": cursor })).await;
        assert_eq!(socket.first().await["errors"][0]["extensions"]["code"], "BAD_CURSOR");
    }

    async fn arguments_out_of_their_limits_are_refused_by_path(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let client = server.admin();
        let before = stored(&site).await;
        for (input, path) in [
            (json!({ "labels": ["x".repeat(1024 * 1024)] }), json!(["input", "labels", "0"])),
            (json!({ "labels": ["a\u{0}b"] }), json!(["input", "labels", "0"])),
            (json!({ "labels": (0..50).map(|n| n.to_string()).collect::<Vec<_>>() }), json!(["input", "labels"])),
            (json!({ "idempotency": { "key": "k".repeat(300) } }), json!(["input", "idempotency", "key"])),
            (json!({ "idempotency": { "key": "" } }), json!(["input", "idempotency", "key"])),
            (json!({ "ttlSeconds": -5 }), json!(["input", "ttlSeconds"])),
            (json!({ "maxDurationSeconds": 0 }), json!(["input", "maxDurationSeconds"])),
        ] {
            let error = refusal(&client, input).await;
            assert_eq!((&error["__typename"], &error["path"]), (&json!("InvalidArgumentError"), &path), "{error}");
        }
        let agent = client.agent(SCANNING).await;
        let hostile = json!({ "input": { "agentId": agent, "executionKey": SCANNING, "input": { "additional_instructions": "a\u{0}b" } } });
        assert_eq!(client.error_code(LAUNCH, hostile).await, "BAD_USER_INPUT");
        assert_eq!(stored(&site).await[0], before[0], "nothing is stored");
    }

    async fn rubbish_on_the_wire_gets_an_error_and_the_server_stays_up(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let client = server.admin();
        let agent = client.agent(SCANNING).await;
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let variables = format!("{{\"input\":{{\"agentId\":\"{agent}\",\"executionKey\":\"{SCANNING}\",\"input\":{{\"skus\":{deep}}}}}}}");
        let body = |variables: &str| format!("{{\"query\":{},\"variables\":{variables}}}", json!(LAUNCH));
        let lone = format!("{{\"input\":{{\"agentId\":\"{agent}\",\"executionKey\":\"{SCANNING}\",\"labels\":[\"\\ud800\"]}}}}");
        let literal = format!("mutation {{ launchExecution(input: {{agentId: \"{agent}\", executionKey: \"{SCANNING}\", input: {{skus: {deep}}}}}) {{ created }} }}");
        for text in [
            body(&variables),
            body(&lone),
            json!({ "query": literal }).to_string(),
            "{".to_owned(),
            "[]".to_owned(),
            "null".to_owned(),
            "\u{0}\u{1}".to_owned(),
            json!({ "query": "{" }).to_string(),
            json!({ "query": "{ nothing }" }).to_string(),
            json!({ "query": "query { ...a } fragment a on Query { ...a }" }).to_string(),
            json!({ "variables": {} }).to_string(),
        ] {
            let request = client.request().header("content-type", "application/json").body(text.clone());
            let (status, answer) = client.send(request).await;
            let errors = answer["errors"].as_array().is_some_and(|errors| !errors.is_empty());
            assert!(status < 500 && errors, "{status} {answer} for {}", text.chars().take(100).collect::<String>());
        }
        assert_eq!(client.data("{ viewer { id } }", json!({})).await["viewer"]["id"].as_str().map(|id| id.len()), Some(36));
    }

    async fn an_unknown_agent_type_or_a_retired_agent_takes_no_launch(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        client.data("mutation($id: ID!) { retireAgent(input: {id: $id}) { errors { __typename } } }", json!({ "id": agent })).await;
        let error = refusal(&client, json!({ "agentId": agent, "executionKey": "noop" })).await;
        assert_eq!(error["__typename"], "AgentRetiredError");
        let set = client.data("{ dataSets { nodes { id } } }", json!({})).await["dataSets"]["nodes"][0]["id"].clone();
        let create = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } errors { ... on UserError { code path } } } }";
        let made = client.data(create, json!({ "input": { "dataSetId": set, "agentTypeKey": "none-such", "name": "x" } })).await;
        assert_eq!(made["createAgent"]["errors"][0]["path"], json!(["input", "agentTypeKey"]), "{made}");
    }

    async fn eight_racing_launches_with_one_key_make_one(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let client = server.admin();
        let agent = client.agent(SCANNING).await;
        let race = (0..8).map(|_| {
            let variables = json!({ "input": { "agentId": agent, "executionKey": SCANNING, "idempotency": { "key": "once" } } });
            client.upload(LAUNCH, variables, &[("lines.csv", b"sku,quantity\nMUG-001,2\n")])
        });
        let answers = futures::future::join_all(race).await;
        let ids: std::collections::HashSet<String> = answers.iter().map(|(_, body)| body["data"]["launchExecution"]["execution"]["id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "{answers:?}");
        let created = answers.iter().filter(|(_, body)| body["data"]["launchExecution"]["created"] == true).count();
        assert_eq!(created, 1);
        assert_eq!(site.stored_files(), 1, "the losers' uploads are gone");
    }
}
