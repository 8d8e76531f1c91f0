//! Who gets what: every root field and every subscription, asked by everyone. A root field that
//! the schema has and this table has not fails the test.
//!
//! To add a field: a row in the file of its noun, with its document and what stranger, member, owner
//! and admin get. Nobody (no token) gets 401 everywhere, but for what `WITHOUT_CREDENTIAL` names. Each
//! person has a stage of their own, for what one of them may change must be as it was for the next; a
//! row that uses something up has something of its own to use up.

/// A mutation of one field, asked for nothing but its refusals.
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

// After the macro, which their rows are written with.
mod conversations;
mod data_sets;
mod executions;
mod people;

use serde_json::{Value, json};

use crate::both;
use crate::support::client::Client;
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
const WAYS: [(Way, &[Row]); 11] = [
    (Way::Request, executions::QUERIES),
    (Way::Request, conversations::QUERIES),
    (Way::Request, data_sets::QUERIES),
    (Way::Request, people::QUERIES),
    (Way::Subscription, executions::SUBSCRIPTIONS),
    (Way::Subscription, conversations::SUBSCRIPTIONS),
    (Way::Request, executions::MUTATIONS),
    (Way::Request, conversations::MUTATIONS),
    (Way::Request, data_sets::MUTATIONS),
    (Way::Request, people::MUTATIONS),
    (Way::Upload, executions::UPLOADS),
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
        // It may start over before it is closed.
        while let Some(frame) = socket.next().await {
            assert_eq!(frame["executionsChanged"]["resync"], true);
        }
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
