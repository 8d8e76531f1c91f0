//! Yesterday's execution is today's test: recorded from a server's database, played from nothing but
//! the case.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::both;
use crate::support::client::LAUNCH;
use crate::support::site::binary;

fn run(mut command: Command) -> (bool, String) {
    let output = command.output().expect("runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    (output.status.success(), said)
}

/// The shipped folder of an agent type, copied so that cases can be added to it.
fn copy_definition(agent_type: &str, to: &Path) {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("a folder");
        for entry in std::fs::read_dir(from).expect("a folder") {
            let from = entry.expect("an entry").path();
            let to = to.join(from.file_name().expect("a name"));
            if from.is_dir() {
                copy(&from, &to);
            } else {
                std::fs::copy(&from, &to).expect("copies");
            }
        }
    }
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("definitions");
    copy(&shipped.join(agent_type), &to.join(agent_type));
}

both! {
    async fn an_execution_is_recorded_and_plays_back_and_a_change_is_told(site: Site) {
        let directory = tempfile::tempdir().expect("a directory");
        copy_definition("invoice-scanning", directory.path());
        site.set("AGENTIC_DEFINITIONS", &directory.path().display().to_string());
        let server = site.serve(&[]).await;
        let admin = server.admin();
        let agent = admin.agent("invoice-scanning").await;
        // It meets a product, makes another, and the file's name is no plain one.
        let upsert = "mutation($input: UpsertRecordsInput!) { upsertRecords(input: $input) { errors { ... on UserError { code message } } } }";
        let set = admin.data("{ dataSets { nodes { id } } }", json!({})).await["dataSets"]["nodes"][0]["id"].clone();
        let record = json!({"key": "MUG-001", "document": {"stock": 100, "name": "{{ mug }}"}});
        let input = json!({"input": {"dataSetId": set, "collection": "products", "records": [record]}});
        let written = admin.data(upsert, input).await;
        assert_eq!(written["upsertRecords"]["errors"], json!([]), "{written}");
        let csv = b"sku,quantity\nMUG-001,24\nNEW-1,3\n";
        let variables = json!({"input": {"agentId": agent, "executionKey": "invoice-scanning", "input": {}}});
        let (_, body) = admin.upload(LAUNCH, variables, &[("{{ in voice }}.csv", csv)]).await;
        let id = body["data"]["launchExecution"]["execution"]["id"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned();
        let ended = admin.ended(&id).await;
        assert_eq!(ended["status"], "FINISHED", "{ended}");

        let (recorded, said) = run(site.command(&["rehearse", "record", &id, "--name", "first"]));
        assert!(recorded && said.contains("pass  invoice-scanning/first"), "{said}");
        let folder = directory.path().join("invoice-scanning/executions/invoice-scanning/cases/first");
        let text = std::fs::read_to_string(folder.join("case.json")).expect("a case");
        let case: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(case["files"], json!([{"path": "files/1", "filename": "{{ in voice }}.csv"}]));
        assert_eq!(std::fs::read(folder.join("files/1")).expect("a file"), csv);
        assert_eq!(case["records"], json!({"products": [{"key": "MUG-001", "document": {"stock": 100, "name": "{{ mug }}"}}]}));
        assert_eq!(case["expect"]["result"]["NEW-1"], "new product with a stock of 3", "{text}");
        assert_eq!(case["expect"]["records"]["products"]["MUG-001"]["stock"], 124, "{text}");
        assert!(case["expect"]["calls"].as_array().is_some_and(|calls| calls.len() >= 5), "{text}");
        assert!(!text.contains("fil_01"), "ids of the server are no part of a case: {text}");

        // Nothing of the server is needed to play it.
        let mut alone = binary();
        alone.args(["rehearse", "test", "invoice-scanning", "--definitions"]).arg(directory.path());
        alone.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
        let (passed, said) = run(alone);
        assert!(passed && said.contains("pass  invoice-scanning/first"), "{said}");

        // Another answer than yesterday's is told, and the command fails.
        let mut other = case.clone();
        other["expect"]["result"]["MUG-001"] = json!("stock raised by 20 to 120");
        std::fs::write(folder.join("case.json"), other.to_string()).expect("writes");
        let (passed, said) = run(site.command(&["rehearse", "test", "invoice-scanning"]));
        assert!(!passed, "{said}");
        for line in ["FAIL  invoice-scanning/first", "/result/MUG-001", "raised by 20 to 120", "raised by 24 to 124", "1 of "] {
            assert!(said.contains(line), "{line}: {said}");
        }
        // Nothing is overwritten, and what no model said cannot be recorded.
        let (recorded, said) = run(site.command(&["rehearse", "record", &id, "--name", "first"]));
        assert!(!recorded && said.contains("is there already"), "{said}");
    }
}

both! {
    async fn what_cannot_be_recorded_or_played_says_why(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let admin = server.admin();
        let agent = admin.agent("trials").await;
        let id = admin.launch(&agent, "noop", json!({})).await;
        let into = tempfile::tempdir().expect("a directory");
        let into = into.path().display().to_string();
        let mut refused = async |arguments: &[&str], says: &str| {
            let (done, said) = run(site.command(arguments));
            assert!(!done && said.contains(says), "{arguments:?}: {said}");
        };
        refused(&["rehearse", "record", &id, "--into", &into], "has not ended").await;
        let cancel = "mutation($input: CancelExecutionInput!) { cancelExecution(input: $input) { errors { ... on UserError { code } } } }";
        admin.data(cancel, json!({"input": {"id": id}})).await;
        refused(&["rehearse", "record", &id, "--into", &into], "canceled").await;
        refused(&["rehearse", "record", "con_1", "--into", &into], "not the id of an execution").await;
        refused(&["rehearse", "record", &id.replace("exe_0", "exe_1"), "--into", &into], "there is no execution").await;
        refused(&["rehearse", "record", &id, "--name", "../up", "--into", &into], "cannot be the name").await;
        refused(&["rehearse", "test", "no-such"], "there is no agent type").await;
        refused(&["rehearse", "test", "trials"], "there is no case").await;
    }
}
