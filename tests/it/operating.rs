//! What an operator meets who follows the documents: first starts, workers of their own, and what is
//! said where something was forgotten.

use std::path::Path;

use serde_json::json;

use crate::both;
use crate::commands::run;

/// A shipped agent type copied as "Add an execution type" in `README.md` says, with its two keys changed
/// and nothing else.
fn copy_order_intake(to: &Path) {
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
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("definitions/order-intake");
    copy(&shipped, to);
    for file in ["agent.toml", "executions/order-intake/execution.toml"] {
        let file = to.join(file);
        let text = std::fs::read_to_string(&file).expect("is there");
        let changed = text.replacen("key = \"order-intake\"", "key = \"returns-intake\"", 1);
        assert_ne!(text, changed);
        std::fs::write(file, changed).expect("writes");
    }
}

both! {
    /// Agents of one data set have names of their own; agent types need not.
    async fn the_first_start_makes_the_demo_also_of_agent_types_that_share_a_name(site: Site) {
        let folder = tempfile::tempdir().expect("a folder");
        copy_order_intake(&folder.path().join("returns-intake"));
        site.set("AGENTIC_DEFINITIONS", &folder.path().display().to_string());
        site.set("AGENTIC_DEMO", "true");
        let (code, stdout, stderr) = run(site.command(&["check"]));
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        let server = site.serve(&["--no-worker"]).await;
        let found = server.admin().data("{ agents { nodes { name agentTypeKey } } }", json!({})).await;
        let agents = found["agents"]["nodes"].as_array().expect("a list");
        let name = |key: &str| &agents.iter().find(|agent| agent["agentTypeKey"] == key).expect("is there")["name"];
        assert_eq!(name("order-intake"), "Order intake (order-intake)");
        assert_eq!(name("returns-intake"), "Order intake (returns-intake)");
        assert_eq!(name("invoice-scanning"), "Invoice scanning");
    }
}
