//! The story of the README, on the shipped definitions: launch with a document, watch, read the
//! result and the conversation, see the refusal.

use std::net::SocketAddr;

use axum::response::{Html, Redirect};
use axum::routing::get;
use serde_json::{Value, json};

use crate::both;
use crate::support::client::{Client, LAUNCH};

fn sample(agent_type: &str, name: &str) -> Vec<u8> {
    let path = format!(
        "{}/definitions/{agent_type}/executions/{agent_type}/samples/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

async fn launch_with(client: &Client, agent_type: &str, input: Value, name: &str, bytes: &[u8]) -> Value {
    let agent = client.agent(agent_type).await;
    let variables = json!({ "input": { "agentId": agent, "executionKey": agent_type, "input": input } });
    let (_, body) = client.upload(LAUNCH, variables, &[(name, bytes)]).await;
    let id = body["data"]["launchExecution"]["execution"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{body}"))
        .to_owned();
    client.ended(&id).await
}

async fn record(client: &Client, collection: &str, key: &str) -> Value {
    let set =
        client.data("{ dataSets { nodes { id } } }", json!({})).await["dataSets"]["nodes"][0]["id"].clone();
    let query = "query($set: ID!, $collection: String!, $key: String!) { record(dataSetId: $set, collection: $collection, key: $key) { document } }";
    client
        .data(query, json!({ "set": set, "collection": collection, "key": key }))
        .await["record"]["document"]
        .clone()
}

/// A shop with a product's page, a page that moved, one that nobody can lay out, and nothing else.
async fn pages() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let mug = "<html><head><title>Mug</title></head><body><nav>Home: here</nav><h1>Mug</h1>\
        <p>SKU: WEB-001<br>Name: Mug <i>from the web</i><br>Price EUR: 12.5</p></body></html>";
    let shop = axum::Router::new()
        .route("/mug", get(async move || Html(mug)))
        .route("/moved", get(async || Redirect::permanent("/mug")))
        .route("/endless", get(async || Html("<div></x>".repeat(500_000))));
    tokio::spawn(async move { axum::serve(listener, shop).await });
    address
}

async fn import(client: &Client, urls: &Value) -> Value {
    let agent = client.agent("catalog-web-import").await;
    let id = client
        .launch(&agent, "catalog-web-import", json!({ "urls": urls }))
        .await;
    client.ended(&id).await
}

both! {
    async fn an_invoice_is_scanned_and_its_conversation_can_only_be_read(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        let bytes = b"Quantity;SKU;Note\r\n3;NEW-1;\"first; with a semicolon\"\r\n4;NEW-2;\r\n".as_slice();
        let ended = launch_with(&client, "invoice-scanning", json!({}), "odd.csv", bytes).await;
        assert_eq!(ended["status"], "FINISHED", "{ended}");
        let mut skus: Vec<&String> = ended["result"].as_object().expect("an object").keys().collect();
        skus.sort();
        assert_eq!(skus, ["NEW-1", "NEW-2"], "an outcome for each SKU");
        assert_eq!(record(&client, "products", "NEW-2").await["stock"], 4);
        let transcript = "query($id: ID!) { conversation(id: $id) { readOnly readOnlyReason execution { id } messages(first: 50) { nodes { role model parts { __typename ... on ToolCallPart { tool } } } } } }";
        let conversation = client.data(transcript, json!({ "id": ended["conversation"]["id"] })).await["conversation"].clone();
        assert_eq!((&conversation["readOnly"], &conversation["readOnlyReason"]), (&json!(true), &json!("EXECUTION")));
        let messages = conversation["messages"]["nodes"].as_array().expect("messages");
        assert_eq!(messages[0]["role"], "SYSTEM");
        assert_eq!(messages[1]["role"], "USER");
        assert!(messages.iter().any(|message| message["role"] == "ASSISTANT" && message["model"] == "rehearsal"), "named for what it is");
        let send = "mutation($id: ID!) { sendMessage(input: {conversationId: $id, text: \"thanks\"}) { errors { __typename ... on UserError { code message } } } }";
        let refused = client.data(send, json!({ "id": conversation["execution"]["id"] })).await;
        assert_eq!(refused["sendMessage"]["errors"][0]["__typename"], "NotFoundError", "an execution is no conversation");
        let refused = client.data(send, json!({ "id": ended["conversation"]["id"] })).await["sendMessage"]["errors"][0].clone();
        assert_eq!((&refused["code"], &refused["message"]), (&json!("CONVERSATION_READ_ONLY"), &json!("This conversation is read-only.")));
        assert_eq!(client.data("{ conversations { totalCount } }", json!({})).await["conversations"]["totalCount"], 0, "never among people's");
    }

    async fn every_shipped_type_does_its_work_on_its_samples(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        for (agent_type, samples) in [
            ("invoice-scanning", ["invoice.csv", "invoice.txt"]),
            ("catalog-enrichment", ["data-sheet.csv", "data-sheet.txt"]),
            ("order-intake", ["order.csv", "order.txt"]),
        ] {
            for name in samples {
                let ended = launch_with(&client, agent_type, json!({}), name, &sample(agent_type, name)).await;
                assert_eq!(ended["status"], "FINISHED", "{agent_type} {name}: {ended}");
                assert!(ended["result"].as_object().is_some_and(|result| !result.is_empty()), "{ended}");
                if agent_type == "order-intake" {
                    let order = record(&client, "orders", ended["result"]["order_id"].as_str().expect("an id")).await;
                    assert!(order["lines"].as_array().is_some_and(|lines| !lines.is_empty()), "{order}");
                    assert!(ended["result"]["order_url"].is_string());
                }
            }
        }
    }

    async fn product_pages_become_products_and_each_page_is_accounted_for(site: Site) {
        let mut site = site;
        let shop = pages().await;
        let url = |path: &str| format!("http://{shop}{path}");
        let urls = json!([url("/mug"), url("/gone"), url("/moved"), format!("http://127.0.0.2:{}/mug", shop.port()), url("/endless")]);
        let closed = site.serve(&[]).await;
        let ended = import(&closed.admin(), &urls).await;
        assert_eq!(
            (&ended["failure"]["code"], &ended["failure"]["explanationSource"]),
            (&json!("no_page_read"), &json!("AGENT")),
            "private addresses are closed: {ended}"
        );
        assert!(ended["failure"]["explanation"].as_str().is_some_and(|text| text.contains("keeps closed")), "{ended}");
        drop(closed);

        site.set("AGENTIC_FETCH_ALLOW", "127.0.0.1/32,::1");
        let server = site.serve(&[]).await;
        let client = server.admin();
        let ended = import(&client, &urls).await;
        assert_eq!(ended["status"], "FINISHED", "{ended}");
        let result = |at: usize| ended["result"][urls[at].as_str().expect("text")].as_str().unwrap_or_default();
        assert_eq!(result(0), "WEB-001 created", "{ended}");
        assert!(result(1).ends_with("/gone answered 404 Not Found"), "{ended}");
        assert_eq!(result(2), "WEB-001 created", "{ended}");
        assert!(result(3).contains("keeps closed"), "{ended}");
        assert!(result(4).contains("/endless has markup that"), "{ended}");
        let product = record(&client, "products", "WEB-001").await;
        assert_eq!(product, json!({ "name": "Mug from the web", "price_eur": 12.5 }));
    }

    async fn a_document_without_a_usable_line_makes_the_agent_stop_with_its_reason(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        for agent_type in ["invoice-scanning", "order-intake", "catalog-enrichment"] {
            let ended = launch_with(&client, agent_type, json!({}), "empty.csv", b"colour,size\nred,3\n").await;
            assert_eq!(ended["failure"]["category"], "STOPPED_BY_AGENT", "{agent_type}: {ended}");
            assert_eq!(ended["failure"]["code"], "no_usable_lines", "{ended}");
            assert!(ended["failure"]["explanation"].as_str().is_some_and(|text| text.contains("empty.csv")), "{ended}");
        }
    }
}
