//! What a request may ask for, and what hostile ones get.

use async_graphql::{Request, Variables};
use serde_json::{Value, json};

use super::Api;

/// As graphql-js asks, GraphiQL too.
const INTROSPECTION: &str = "query IntrospectionQuery { __schema { description queryType { name kind } mutationType { name kind } subscriptionType { name kind }
    types { ...FullType } directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } }
fragment FullType on __Type { kind name description specifiedByURL isOneOf
    fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
    inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef }
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";

const DETAIL: &str = "query($id: ID!) { execution(id: $id) { id status input result failure { code explanation } usage { inputTokens }
    conversation { messages(last: 100) { pageInfo { startCursor } nodes { id sequence role createdAt parts {
        ... on TextPart { id text } ... on ReasoningPart { id text } ... on ToolCallPart { id callId tool arguments }
        ... on ToolResultPart { id callId tool isError output outputBytes durationMs } ... on FilePart { id file { id filename downloadUrl } } } } }
        timeline(last: 100) { edges { cursor node { __typename id sequence occurredAt ... on ValidatorRejectedEvent { attempt validator feedback } ... on MessageAddedEvent { message { id role } } } } } }
    retries(first: 10) { nodes { id status } } rejections { validator feedback } files { id filename } } }";

#[tokio::test]
async fn introspection_and_a_detail_page_pass() {
    let api = Api::new().await;
    let member = &api.world.member;
    let schema = api.ask(member, INTROSPECTION, json!({})).await;
    assert!(
        schema["__schema"]["types"]
            .as_array()
            .is_some_and(|types| types.len() > 100)
    );
    let id = api.world.launch(member).await;
    let detail = api.ask(member, DETAIL, json!({ "id": id })).await;
    assert_eq!(detail["execution"]["id"], json!(id));
}

#[tokio::test]
async fn what_costs_too_much_is_refused() {
    let api = Api::new().await;
    let most = "agents(first: 2147483647) { nodes { id } }";
    let ids = ["\"a\""; 1000].join(", ");
    for wide in [
        "{ executions(first: 100) { nodes { retries(first: 100) { nodes { id status } } } } }".to_owned(),
        // Beyond what a number holds.
        format!(
            "{{ executionFacets(limit: 2147483647) {{ agents {{ agent {{ dataSet {{ {most} }} }} }} }} }}"
        ),
        format!("{{ nodes(ids: [{ids}]) {{ ... on DataSet {{ {most} }} }} }}"),
        // A list in an answer counts once for each thing that is named, as nodes does.
        format!(
            "mutation {{ cancelExecutions(input: {{ ids: [{ids}] }}) {{ executions {{ retries(first: 30) {{ nodes {{ id }} }} }} }} }}"
        ),
        format!(
            "mutation {{ retryExecutions(input: {{ ids: [{ids}] }}) {{ executions {{ retries(first: 30) {{ nodes {{ id }} }} }} }} }}"
        ),
        format!(
            "mutation {{ deleteRecords(input: {{ ids: [{ids}] }}) {{ deletedIds {} }} }}",
            (0..20)
                .map(|number| format!("e{number}: deletedIds "))
                .collect::<String>()
        ),
        format!(
            "mutation {{ upsertRecords(input: {{ dataSetId: \"a\", collection: \"b\", records: [{}] }}) {{ records {{ dataSet {{ {} }} }} }} }}",
            ["{ key: \"a\", document: {} }"; 1000].join(", "),
            (0..20)
                .map(|number| format!("e{number}: id "))
                .collect::<String>()
        ),
    ] {
        assert_eq!(
            api.refused(&api.world.member, &wide, json!({})).await,
            "LIMIT_EXCEEDED",
            "{wide}"
        );
    }
}

#[tokio::test]
async fn json_that_cannot_be_stored_is_refused() {
    let api = Api::new().await;
    let member = &api.world.member;
    let query = "query($input: JSON!) { validateExecutionInput(agentId: \"a\", executionKey: \"b\", input: $input) { valid } }";
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    for input in [deep, json!({ "a": "\u{0}" }), json!({ "\u{0}": 1 })] {
        assert_eq!(
            api.refused(member, query, json!({ "input": input })).await,
            "BAD_USER_INPUT"
        );
    }
    // Lone surrogates never become variables: no JSON reader here takes them. In a query they are an error.
    assert!(serde_json::from_str::<Value>(r#"{"input":"\ud800"}"#).is_err());
    let literal = r#"{ validateExecutionInput(agentId: "a", executionKey: "b", input: "\ud800") { valid } }"#;
    assert_eq!(api.refused(member, literal, json!({})).await, "BAD_USER_INPUT");
    let literal =
        "{ validateExecutionInput(agentId: \"a\", executionKey: \"b\", input: {a: RED}) { valid } }";
    assert_eq!(api.refused(member, literal, json!({})).await, "BAD_USER_INPUT");
}

#[tokio::test]
async fn members_of_json_keep_their_order() {
    let api = Api::new().await;
    let member = &api.world.member;
    let input: Value = serde_json::from_str(r#"{"b":1,"a":{"z":1,"y":2}}"#).expect("json");
    let mutation =
        "mutation($input: LaunchExecutionInput!) { launchExecution(input: $input) { execution { input } } }";
    let agent = super::super::mutations::tests::world::agent(api.world.paper);
    let answer = api
        .ask(
            member,
            mutation,
            json!({ "input": { "agentId": agent, "executionKey": "musing", "input": input } }),
        )
        .await;
    assert_eq!(
        answer["launchExecution"]["execution"]["input"].to_string(),
        r#"{"b":1,"a":{"z":1,"y":2}}"#
    );
}

#[tokio::test]
async fn without_a_viewer_nothing_is_answered() {
    let api = Api::new().await;
    let response = api
        .schema
        .execute(Request::new("{ viewer { id } }").variables(Variables::default()))
        .await;
    let extensions = serde_json::to_value(&response.errors[0].extensions).expect("json");
    assert_eq!(extensions["code"], json!("UNAUTHENTICATED"));
}
