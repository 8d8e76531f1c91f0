//! Who gets what: every root field and every subscription, asked by everyone. A root field that
//! the schema has and this table has not fails the test.
//!
//! To add a field: a row with its document and what stranger, member, owner and admin get. Nobody
//! (no token) gets 401 everywhere, but for what `WITHOUT_CREDENTIAL` names. Each person has a stage of
//! their own, for what one of them may change must be as it was for the next; a row that uses something
//! up has something of its own to use up.

use serde_json::{Value, json};

use crate::both;
use crate::support::client::{Client, LAUNCH};
use crate::support::site::Process;

/// Root fields that need no credential. The list only shrinks.
const WITHOUT_CREDENTIAL: [&str; 1] = ["signIn"];

/// The agent type of the test's agent.
const TYPE: &str = "trials";

/// What the documents are about. Whose it is says [`People::stage`].
struct Stage {
    set: String,
    agent: String,
    changed_agent: String,
    retired_agent: String,
    execution: String,
    canceled: String,
    canceled_in_bulk: String,
    /// An execution that is told of until it ends, and its conversation.
    told: String,
    transcript: String,
    ended: String,
    conversation: String,
    record: String,
    token: String,
    newcomer: String,
    leaver: String,
    number: usize,
}

type Document = fn(&Stage) -> (&'static str, Value);

/// Field, document, and what stranger, member, owner and admin get.
type Row = (&'static str, Document, [&'static str; 4]);

const NOT_FOUND: &str = "NotFoundError";
const NOT_ALLOWED: &str = "NotAllowedError";

fn input(value: Value) -> Value {
    json!({ "input": value })
}

macro_rules! mutation {
    ($field:literal, $input:literal) => {
        concat!(
            "mutation($input: ",
            $input,
            "!) { ",
            $field,
            "(input: $input) { errors { __typename } } }"
        )
    };
}

const QUERIES: &[Row] = &[
    ("viewer", |_| ("{ viewer { id } }", json!({})), ["ok"; 4]),
    ("session", |_| ("{ session { id } }", json!({})), ["ok"; 4]),
    ("server", |_| ("{ server { version } }", json!({})), ["ok"; 4]),
    ("agentTypes", |_| ("{ agentTypes { id } }", json!({})), ["ok"; 4]),
    (
        "accessTokens",
        |_| ("{ accessTokens { nodes { id } } }", json!({})),
        ["ok"; 4],
    ),
    (
        "users",
        |_| ("{ users { nodes { id } } }", json!({})),
        ["FORBIDDEN"; 4],
    ),
    (
        "node",
        |s| {
            (
                "query($id: ID!) { node(id: $id) { id } }",
                json!({ "id": s.execution }),
            )
        },
        ["null", "null", "ok", "ok"],
    ),
    (
        "nodes",
        |s| {
            (
                "query($id: ID!) { nodes(ids: [$id]) { id } }",
                json!({ "id": s.execution }),
            )
        },
        ["null", "null", "ok", "ok"],
    ),
    (
        "dataSets",
        |_| ("{ dataSets { nodes { id } } }", json!({})),
        ["empty", "ok", "ok", "ok"],
    ),
    (
        "budgets",
        // There are none here; which of them each would see, the field's own tests say.
        |_| ("{ budgets { name } }", json!({})),
        ["null", "null", "null", "null"],
    ),
    (
        "dataSet",
        |s| {
            (
                "query($id: ID!) { dataSet(id: $id) { id } }",
                json!({ "id": s.set }),
            )
        },
        ["null", "ok", "ok", "ok"],
    ),
    (
        "agents",
        |_| ("{ agents { nodes { id } } }", json!({})),
        ["empty", "ok", "ok", "ok"],
    ),
    (
        "agent",
        |s| {
            (
                "query($id: ID!) { agent(id: $id) { id } }",
                json!({ "id": s.agent }),
            )
        },
        ["null", "ok", "ok", "ok"],
    ),
    (
        "execution",
        |s| {
            (
                "query($id: ID!) { execution(id: $id) { id } }",
                json!({ "id": s.execution }),
            )
        },
        ["null", "null", "ok", "ok"],
    ),
    (
        "executions",
        |_| ("{ executions { nodes { id } } }", json!({})),
        ["empty", "empty", "ok", "ok"],
    ),
    (
        "executionFacets",
        |_| ("{ executionFacets { nodes: launchedBy { count } } }", json!({})),
        ["empty", "empty", "ok", "ok"],
    ),
    (
        "executionStats",
        |_| {
            (
                "{ executionStats(range: {}) { nodes: agents { usage { modelCalls } } } }",
                json!({}),
            )
        },
        ["empty", "empty", "ok", "ok"],
    ),
    (
        "validateExecutionInput",
        |s| {
            (
                "query($id: ID!) { validateExecutionInput(agentId: $id, executionKey: \"noop\", input: {}) { errors { __typename } } }",
                json!({ "id": s.agent }),
            )
        },
        [NOT_FOUND, "ok", "ok", "ok"],
    ),
    (
        "conversation",
        |s| {
            (
                "query($id: ID!) { conversation(id: $id) { id } }",
                json!({ "id": s.conversation }),
            )
        },
        ["null", "null", "ok", "ok"],
    ),
    (
        "conversations",
        |_| ("{ conversations { nodes { id } } }", json!({})),
        ["empty", "empty", "ok", "ok"],
    ),
    (
        "record",
        |s| {
            (
                "query($set: ID!, $key: String!) { record(dataSetId: $set, collection: \"products\", key: $key) { id } }",
                json!({ "set": s.set, "key": s.number.to_string() }),
            )
        },
        ["null", "ok", "ok", "ok"],
    ),
];

const MUTATIONS: &[Row] = &[
    (
        "launchExecution",
        |s| {
            (
                LAUNCH,
                input(json!({ "agentId": s.agent, "executionKey": "noop" })),
            )
        },
        [NOT_FOUND, "ok", "ok", "ok"],
    ),
    (
        "cancelExecution",
        |s| {
            (
                mutation!("cancelExecution", "CancelExecutionInput"),
                input(json!({ "id": s.canceled })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", "ok"],
    ),
    (
        "cancelExecutions",
        |s| {
            (
                mutation!("cancelExecutions", "CancelExecutionsInput"),
                input(json!({ "ids": [s.canceled_in_bulk] })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", "ok"],
    ),
    (
        "retryExecution",
        |s| {
            (
                mutation!("retryExecution", "RetryExecutionInput"),
                input(json!({ "id": s.ended })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", "ok"],
    ),
    (
        "retryExecutions",
        |s| {
            (
                mutation!("retryExecutions", "RetryExecutionsInput"),
                input(json!({ "ids": [s.ended] })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", "ok"],
    ),
    (
        "startConversation",
        |s| {
            (
                mutation!("startConversation", "StartConversationInput"),
                input(json!({ "agentId": s.agent })),
            )
        },
        [NOT_FOUND, "ok", "ok", "ok"],
    ),
    (
        "sendMessage",
        |s| {
            (
                mutation!("sendMessage", "SendMessageInput"),
                input(json!({ "conversationId": s.conversation, "text": "hello" })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", "ConversationReadOnlyError"],
    ),
    (
        "stopReply",
        |s| {
            (
                mutation!("stopReply", "StopReplyInput"),
                input(json!({ "conversationId": s.conversation })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", NOT_ALLOWED],
    ),
    (
        "signIn",
        |_| {
            (
                mutation!("signIn", "SignInInput"),
                input(json!({ "code": "no such code" })),
            )
        },
        ["InvalidCredentialError"; 4],
    ),
    (
        "signOut",
        |_| ("mutation { signOut(input: {}) { signedOut } }", json!({})),
        ["ok"; 4],
    ),
    (
        "createAccessToken",
        |s| {
            (
                mutation!("createAccessToken", "CreateAccessTokenInput"),
                input(json!({ "name": format!("t{}", s.number) })),
            )
        },
        ["ok"; 4],
    ),
    (
        "revokeAccessToken",
        |s| {
            (
                mutation!("revokeAccessToken", "RevokeAccessTokenInput"),
                input(json!({ "id": s.token })),
            )
        },
        [NOT_FOUND, NOT_FOUND, "ok", NOT_FOUND],
    ),
    (
        "createUser",
        |s| {
            (
                mutation!("createUser", "CreateUserInput"),
                input(json!({ "name": format!("u{}", s.number) })),
            )
        },
        [NOT_ALLOWED; 4],
    ),
    (
        "createDataSet",
        |s| {
            (
                mutation!("createDataSet", "CreateDataSetInput"),
                input(json!({ "name": format!("d{}", s.number) })),
            )
        },
        [NOT_ALLOWED; 4],
    ),
    (
        "updateDataSet",
        |s| {
            (
                mutation!("updateDataSet", "UpdateDataSetInput"),
                input(json!({ "id": s.set, "name": "shop" })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED],
    ),
    (
        "createAgent",
        |s| {
            (
                mutation!("createAgent", "CreateAgentInput"),
                input(json!({ "dataSetId": s.set, "agentTypeKey": TYPE, "name": format!("a{}", s.number) })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "updateAgent",
        |s| {
            (
                mutation!("updateAgent", "UpdateAgentInput"),
                input(json!({ "id": s.changed_agent, "description": "changed" })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "retireAgent",
        |s| {
            (
                mutation!("retireAgent", "RetireAgentInput"),
                input(json!({ "id": s.retired_agent })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "upsertRecords",
        |s| {
            (
                mutation!("upsertRecords", "UpsertRecordsInput"),
                input(
                    json!({ "dataSetId": s.set, "collection": "products", "records": [{ "key": "new", "document": {} }] }),
                ),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "deleteRecords",
        |s| {
            (
                mutation!("deleteRecords", "DeleteRecordsInput"),
                input(json!({ "ids": [s.record] })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "setDataSetMember",
        |s| {
            (
                mutation!("setDataSetMember", "SetDataSetMemberInput"),
                input(json!({ "dataSetId": s.set, "userId": s.newcomer, "role": "MEMBER" })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
    (
        "removeDataSetMember",
        |s| {
            (
                mutation!("removeDataSetMember", "RemoveDataSetMemberInput"),
                input(json!({ "dataSetId": s.set, "userId": s.leaver })),
            )
        },
        [NOT_FOUND, NOT_ALLOWED, NOT_ALLOWED, "ok"],
    ),
];

/// Asked with a file instead of variables alone.
const UPLOADS: &[Row] = &[(
    "uploadFile",
    |s| {
        (
            mutation!("uploadFile", "UploadFileInput"),
            input(json!({ "agentId": s.agent, "file": null })),
        )
    },
    [NOT_FOUND, "ok", "ok", "ok"],
)];

const SUBSCRIPTIONS: &[Row] = &[
    (
        "executionStatus",
        |s| {
            (
                "subscription($id: ID!) { executionStatus(id: $id) { status } }",
                json!({ "id": s.execution }),
            )
        },
        ["NOT_FOUND", "NOT_FOUND", "ok", "ok"],
    ),
    (
        "executionsChanged",
        |_| ("subscription { executionsChanged { resync } }", json!({})),
        ["ok"; 4],
    ),
    (
        "conversationEvents",
        |s| {
            (
                "subscription($id: ID!) { conversationEvents(id: $id) { sequence } }",
                json!({ "id": s.conversation }),
            )
        },
        ["NOT_FOUND", "NOT_FOUND", "ok", "ok"],
    ),
    (
        "messageDeltas",
        |s| {
            (
                "subscription($id: ID!) { messageDeltas(conversationId: $id) { text } }",
                json!({ "id": s.transcript }),
            )
        },
        // Whoever may see it is told nothing until it ends.
        ["NOT_FOUND", "NOT_FOUND", "null", "null"],
    ),
];

/// What someone gets, in a word.
fn outcome(status: u16, body: &Value, field: &str) -> String {
    if status == 401 {
        return "401".to_owned();
    }
    if let Some(code) = body["errors"][0]["extensions"]["code"].as_str() {
        return code.to_owned();
    }
    let got = &body["data"][field];
    if got.is_null() || got[0].is_null() && got.is_array() {
        return "null".to_owned();
    }
    if let Some(refusal) = got["errors"][0]["__typename"].as_str() {
        return refusal.to_owned();
    }
    if got["nodes"].as_array().is_some_and(Vec::is_empty) {
        return "empty".to_owned();
    }
    "ok".to_owned()
}

struct People {
    root: Client,
    /// Stranger, member, owner and admin.
    persons: [Client; 4],
    set: String,
    agent: String,
    admin_id: String,
}

impl People {
    async fn new(server: &Process) -> Self {
        let root = server.admin();
        let agent = root.agent(TYPE).await;
        let set = root.data("{ dataSets { nodes { id } } }", json!({})).await["dataSets"]["nodes"][0]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let mut persons = Vec::new();
        let mut last = String::new();
        for (name, role) in [
            ("stranger", None),
            ("member", Some("MEMBER")),
            ("owner", Some("MEMBER")),
            ("administrator", Some("ADMIN")),
        ] {
            let user = user(&root, name).await;
            if let Some(role) = role {
                join(&root, &set, &user, role).await;
            }
            let token = "mutation($input: CreateAccessTokenInput!) { createAccessToken(input: $input) { secret errors { __typename } } }";
            let made = root
                .data(token, input(json!({ "name": "test", "userId": user })))
                .await;
            let secret = made["createAccessToken"]["secret"].as_str();
            persons.push(server.client(secret.unwrap_or_else(|| panic!("{made}"))));
            last = user;
        }
        let Ok(persons) = persons.try_into() else {
            panic!("four persons")
        };
        Self {
            root,
            persons,
            set,
            agent,
            admin_id: last,
        }
    }

    /// Executions, conversation and token are the owner's, all else is the data set's.
    async fn stage(&self, number: usize) -> Stage {
        let owner = &self.persons[2];
        let launch = async || owner.launch(&self.agent, "noop", json!({})).await;
        let (execution, canceled, canceled_in_bulk) = (launch().await, launch().await, launch().await);
        let told = launch().await;
        let transcript = "query($id: ID!) { execution(id: $id) { conversation { id } } }";
        let transcript =
            owner.data(transcript, json!({ "id": told })).await["execution"]["conversation"]["id"].clone();
        let ended = launch().await;
        cancel(owner, &ended).await;
        let start = "mutation($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }";
        let conversation = owner.data(start, input(json!({ "agentId": self.agent }))).await["startConversation"]["conversation"]["id"].clone();
        let send = mutation!("sendMessage", "SendMessageInput");
        owner
            .data(
                send,
                input(json!({ "conversationId": conversation, "text": "first" })),
            )
            .await;
        let stop = mutation!("stopReply", "StopReplyInput");
        owner
            .data(stop, input(json!({ "conversationId": conversation })))
            .await;
        let token = "mutation($input: CreateAccessTokenInput!) { createAccessToken(input: $input) { accessToken { id } } }";
        let token = owner.data(token, input(json!({ "name": "spare" }))).await["createAccessToken"]["accessToken"]["id"].clone();
        let upsert = "mutation($input: UpsertRecordsInput!) { upsertRecords(input: $input) { records { id } errors { __typename } } }";
        let record = json!({ "dataSetId": self.set, "collection": "products", "records": [{ "key": number.to_string(), "document": {} }] });
        let record = self.root.data(upsert, input(record)).await["upsertRecords"]["records"][0]["id"].clone();
        let newcomer = user(&self.root, &format!("newcomer {number}")).await;
        let leaver = user(&self.root, &format!("leaver {number}")).await;
        join(&self.root, &self.set, &leaver, "MEMBER").await;
        let text = |id: Value| id.as_str().expect("an id").to_owned();
        Stage {
            set: self.set.clone(),
            agent: self.agent.clone(),
            changed_agent: self.spare_agent(&format!("changed {number}")).await,
            retired_agent: self.spare_agent(&format!("retired {number}")).await,
            execution,
            canceled,
            canceled_in_bulk,
            told,
            transcript: text(transcript),
            ended,
            conversation: text(conversation),
            record: text(record),
            token: text(token),
            newcomer,
            leaver,
            number,
        }
    }

    async fn spare_agent(&self, name: &str) -> String {
        let create = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } errors { __typename } } }";
        let spare = json!({ "dataSetId": self.set, "agentTypeKey": TYPE, "name": name });
        let made = self.root.data(create, input(spare)).await;
        made["createAgent"]["agent"]["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    /// Asks everything as one person, what changes nothing first. What is not as it should be.
    async fn ask(&self, place: usize) -> Vec<String> {
        let person = &self.persons[place];
        let stage = self.stage(place).await;
        let mut wrong = Vec::new();
        for (way, rows) in WAYS {
            for (field, document, expected) in rows {
                let (document, variables) = document(&stage);
                let (status, body) = match way {
                    Way::Subscription => {
                        let mut socket = person.socket().await;
                        socket.subscribe(document, variables).await;
                        if *field == "messageDeltas" {
                            // Nothing is written there: it ends with the execution.
                            cancel(&self.root, &stage.told).await;
                        }
                        (200, socket.first().await)
                    }
                    Way::Upload => {
                        person
                            .upload_one(document, variables, "lines.csv", b"sku,quantity\nA,1\n")
                            .await
                    }
                    Way::Request => person.post(document, variables).await,
                };
                let got = outcome(status, &body, field);
                if got != expected[place] {
                    let expected = expected[place];
                    wrong.push(format!(
                        "{field} for person {place}: expected {expected}, got {got}: {body}"
                    ));
                }
            }
        }
        wrong
    }
}

async fn user(root: &Client, name: &str) -> String {
    let create = "mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } errors { __typename } } }";
    let made = root.data(create, input(json!({ "name": name }))).await;
    made["createUser"]["user"]["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

async fn join(root: &Client, set: &str, user: &str, role: &str) {
    let member = json!({ "dataSetId": set, "userId": user, "role": role });
    root.data(
        mutation!("setDataSetMember", "SetDataSetMemberInput"),
        input(member),
    )
    .await;
}

async fn cancel(client: &Client, execution: &str) {
    client
        .data(
            mutation!("cancelExecution", "CancelExecutionInput"),
            input(json!({ "id": execution })),
        )
        .await;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Upload,
    Subscription,
}

/// What changes nothing first.
const WAYS: [(Way, &[Row]); 4] = [
    (Way::Request, QUERIES),
    (Way::Subscription, SUBSCRIPTIONS),
    (Way::Request, MUTATIONS),
    (Way::Upload, UPLOADS),
];

both! {
    async fn everyone_gets_from_every_root_field_what_they_should(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let people = People::new(&server).await;
        let everyone = (0..people.persons.len()).map(|place| people.ask(place));
        let wrong = futures::future::join_all(everyone).await.concat();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    async fn nobody_gets_anything_without_a_credential(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let stage = People::new(&server).await.stage(0).await;
        let nobody = server.client("");
        let rows = WAYS.iter().filter(|(way, _)| *way != Way::Subscription).flat_map(|(_, rows)| *rows);
        for (field, document, _) in rows.filter(|row| !WITHOUT_CREDENTIAL.contains(&row.0)) {
            let (document, variables) = document(&stage);
            let (status, body) = nobody.post(document, variables).await;
            assert_eq!(outcome(status, &body, field), "401", "{field}: {status} {body}");
        }
    }

    async fn every_root_field_has_its_row(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let roots = "{ __schema { queryType { fields { name } } mutationType { fields { name } } subscriptionType { fields { name } } } }";
        let schema = server.admin().data(roots, json!({})).await["__schema"].clone();
        let rows: Vec<&str> = WAYS.iter().flat_map(|(_, rows)| *rows).map(|row| row.0).collect();
        let fields = ["queryType", "mutationType", "subscriptionType"]
            .iter()
            .flat_map(|root| schema[root]["fields"].as_array().expect("fields").clone());
        let missing: Vec<String> = fields.map(|field| field["name"].as_str().expect("a name").to_owned()).filter(|name| !rows.contains(&name.as_str())).collect();
        assert!(missing.is_empty(), "no row for {missing:?}");
    }

    async fn a_socket_without_a_credential_is_refused(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let code = server.client("").refused_socket().await;
        assert!(matches!(code, Some(4401 | 4403)), "{code:?}");
    }

    async fn a_socket_ends_when_its_user_is_not_what_they_were_any_more(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let people = People::new(&server).await;
        let mut socket = people.persons[3].socket().await;
        socket.subscribe("subscription { executionsChanged { resync } }", json!({})).await;
        assert_eq!(socket.next().await.expect("a frame")["executionsChanged"]["resync"], true);
        join(&people.root, &people.set, &people.admin_id, "MEMBER").await;
        assert_eq!(socket.next().await.expect("starts over")["executionsChanged"]["resync"], true);
        assert!(socket.next().await.is_none());
        assert_eq!(socket.closed, Some(1012), "clients come back on it");
    }

    async fn a_token_works_until_it_is_revoked_or_expires(site: Site) {
        let server = site.serve(&["--no-worker"]).await;
        let run = |arguments: &[&str]| {
            let output = site.command(arguments).output().expect("runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("text").trim().to_owned()
        };
        let user = run(&["user", "create", "someone"]);
        assert!(user.starts_with("usr_"), "the id alone: {user}");
        let secret = run(&["token", "create", "--user", "someone"]);
        let client = server.client(&secret);
        assert_eq!(client.data("{ viewer { name } }", json!({})).await["viewer"]["name"], "someone");
        let id = client.data("{ accessTokens { nodes { id } } }", json!({})).await["accessTokens"]["nodes"][0]["id"].as_str().expect("an id").to_owned();
        assert!(run(&["token", "list"]).contains("someone"));
        run(&["token", "revoke", &id]);
        assert_eq!(client.post("{ viewer { name } }", json!({})).await.0, 401);
        let short = run(&["token", "create", "--user", "someone", "--expires", "1s"]);
        let client = server.client(&short);
        crate::support::eventually("it expires", async || client.post("{ viewer { id } }", json!({})).await.0 == 401).await;
    }
}
