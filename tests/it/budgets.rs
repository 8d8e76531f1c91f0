//! Budgets that executions share, across processes that share nothing but the database.

use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::both;
use crate::support::client::{Client, LAUNCH};
use crate::support::eventually;
use crate::support::site::Process;

const EXECUTIONS: usize = 1000;
const CALLS: i64 = 300;

/// Runs of one worker at once: so many calls may be lost with it.
const CONCURRENCY: i64 = 16;

async fn count(client: &Client, filter: Value) -> i64 {
    let query = "query($filter: ExecutionFilter) { executions(filter: $filter, first: 0) { totalCount } }";
    let counted = client.data(query, json!({ "filter": filter })).await;
    counted["executions"]["totalCount"].as_i64().expect("a count")
}

/// Waits for all of them, however long a busy machine takes, as long as now and then one ends.
async fn all_end(client: &Client) {
    let mut left = EXECUTIONS as i64 + 1;
    while left > 0 {
        let before = left;
        eventually("another has ended", async || {
            tokio::time::sleep(Duration::from_millis(200)).await;
            left = count(client, json!({"statuses": ["PENDING", "IN_PROGRESS"]})).await;
            left < before
        })
        .await;
    }
}

both! {
    /// Each answers with one model call. On PostgreSQL three workers draw on the budget, and one of them is killed.
    async fn a_thousand_executions_never_overspend_a_shared_budget_by_one_call(site: Site) {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("budgets.toml");
        let text = format!("[[budget]]\nname = \"shop\"\nperiod = \"total\"\nscope = {{ agent_type = \"trials\" }}\nmax_model_calls = {CALLS}\n");
        std::fs::write(&file, text).expect("a file");
        site.set("AGENTIC_BUDGETS", &file.display().to_string());
        // On a busy machine no lease runs out but that of the worker which is killed.
        site.set("AGENTIC_LEASE", "15s");
        site.set("AGENTIC_HEARTBEAT", "3s");
        let is_shared = site.database.db.is_postgres();
        let server = site.serve(if is_shared { &["--no-worker"] } else { &[] }).await;
        let client = server.admin();
        let agent = client.agent("trials").await;
        let launches = (0..EXECUTIONS).map(|_| {
            let input = json!({"input": {"agentId": agent, "executionKey": "noop"}});
            let client = &client;
            async move { client.data(LAUNCH, input).await }
        });
        stream::iter(launches).buffer_unordered(16).for_each(|_| async {}).await;
        let mut killed = 0;
        let workers: Vec<Process> = if is_shared {
            let victim = site.worker();
            let others = [site.worker(), site.worker()];
            eventually("some have ended", async || count(&client, json!({"statuses": ["FINISHED"]})).await > 20).await;
            victim.kill();
            killed = 1;
            others.into()
        } else {
            Vec::new()
        };
        all_end(&client).await;
        drop(workers);
        let finished = count(&client, json!({"statuses": ["FINISHED"]})).await;
        let refused = count(&client, json!({"failureCategories": ["BUDGET_EXCEEDED"]})).await;
        assert_eq!(finished + refused, EXECUTIONS as i64);
        // What was reserved by the one that was killed counts, whether or not it was used.
        assert!((CALLS - killed * CONCURRENCY..=CALLS).contains(&finished), "{finished}");
        let read = client
            .data(
                "{ budgets { name used { modelCalls } limits { modelCalls } } dataSets { nodes { usage { total { answers } } } }
                   executions(filter: {failureCategories: [BUDGET_EXCEEDED]}, first: 1) { nodes { failure { explanation } usage { modelCalls } } } }",
                json!({}),
            )
            .await;
        let spent = json!([{"name": "shop", "used": {"modelCalls": CALLS as f64}, "limits": {"modelCalls": CALLS as f64}}]);
        assert_eq!(read["budgets"], spent);
        assert_eq!(read["dataSets"]["nodes"][0]["usage"]["total"]["answers"].as_f64(), Some(finished as f64));
        let failure = &read["executions"]["nodes"][0];
        assert_eq!(failure["usage"]["modelCalls"], 0);
        assert!(failure["failure"]["explanation"].as_str().expect("words").contains("`shop`"), "{failure}");
    }
}
