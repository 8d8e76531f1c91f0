//! A client of the API: plain GraphQL over HTTP, and graphql-transport-ws.

use agentic_executions::base::tls;
use futures::{SinkExt, StreamExt};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;

use super::site::PATIENCE;

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    pub base: String,
    pub token: String,
}

impl Client {
    pub fn new(base: &str, token: &str) -> Self {
        tls::use_ring();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self {
            http,
            base: base.to_owned(),
            token: token.to_owned(),
        }
    }

    /// The whole answer: status and body.
    pub async fn post(&self, query: &str, variables: Value) -> (u16, Value) {
        self.send(
            self.request()
                .json(&json!({ "query": query, "variables": variables })),
        )
        .await
    }

    pub fn request(&self) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}/graphql", self.base))
            .bearer_auth(&self.token)
            .timeout(PATIENCE)
    }

    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http
            .get(format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .timeout(PATIENCE)
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.expect("answers");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (status, body)
    }

    /// The data of an answer without errors.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let (_, body) = self.post(query, variables).await;
        assert!(body["errors"].is_null(), "{}", body["errors"]);
        body["data"].clone()
    }

    /// The code of the first top-level error.
    pub async fn error_code(&self, query: &str, variables: Value) -> String {
        let (_, body) = self.post(query, variables).await;
        body["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("no code: {body}"))
            .to_owned()
    }

    /// A request with files, by the multipart request specification. `files` go to
    /// `variables.input.files`.
    pub async fn upload(&self, query: &str, mut variables: Value, files: &[(&str, &[u8])]) -> (u16, Value) {
        variables["input"]["files"] = files.iter().map(|_| Value::Null).collect();
        let map: serde_json::Map<String, Value> = (0..files.len())
            .map(|n| (n.to_string(), json!([format!("variables.input.files.{n}")])))
            .collect();
        let mut form = Form::new()
            .text(
                "operations",
                json!({ "query": query, "variables": variables }).to_string(),
            )
            .text("map", Value::Object(map).to_string());
        for (n, (name, bytes)) in files.iter().enumerate() {
            form = form.part(
                n.to_string(),
                Part::bytes(bytes.to_vec()).file_name((*name).to_owned()),
            );
        }
        self.send(
            self.request()
                .header("apollo-require-preflight", "1")
                .multipart(form),
        )
        .await
    }

    /// A request with one file at `variables.input.file`.
    pub async fn upload_one(&self, query: &str, variables: Value, name: &str, bytes: &[u8]) -> (u16, Value) {
        let form = Form::new()
            .text(
                "operations",
                json!({ "query": query, "variables": variables }).to_string(),
            )
            .text("map", json!({ "0": ["variables.input.file"] }).to_string())
            .part("0", Part::bytes(bytes.to_vec()).file_name(name.to_owned()));
        self.send(
            self.request()
                .header("apollo-require-preflight", "1")
                .multipart(form),
        )
        .await
    }

    /// The close code of a socket whose credential is refused.
    pub async fn refused_socket(&self) -> Option<u16> {
        let mut socket = self.open_socket().await;
        assert!(socket.receive().await.is_none(), "it is not acknowledged");
        socket.closed
    }

    /// The id of the data set and of the agent of a type, made when they are not there.
    pub async fn agent(&self, agent_type: &str) -> String {
        let sets = self.data("{ dataSets { nodes { id } } }", json!({})).await;
        let set = match sets["dataSets"]["nodes"][0]["id"].as_str() {
            Some(id) => id.to_owned(),
            None => {
                let made = self
                    .data(
                        "mutation { createDataSet(input: {name: \"shop\"}) { dataSet { id } } }",
                        json!({}),
                    )
                    .await;
                made["createDataSet"]["dataSet"]["id"]
                    .as_str()
                    .expect("an id")
                    .to_owned()
            }
        };
        let agents = self
            .data(
                "query($set: ID) { agents(dataSetId: $set) { nodes { id agentTypeKey } } }",
                json!({ "set": set }),
            )
            .await;
        let known = agents["agents"]["nodes"]
            .as_array()
            .expect("agents")
            .iter()
            .find(|agent| agent["agentTypeKey"] == agent_type);
        if let Some(agent) = known {
            return agent["id"].as_str().expect("an id").to_owned();
        }
        let create = "mutation($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } errors { ... on UserError { message } } } }";
        let input = json!({ "dataSetId": set, "agentTypeKey": agent_type, "name": agent_type });
        let made = self.data(create, json!({ "input": input })).await;
        made["createAgent"]["agent"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{made}"))
            .to_owned()
    }

    /// Launches, and gives the execution's id.
    pub async fn launch(&self, agent: &str, key: &str, input: Value) -> String {
        let data = self
            .data(
                LAUNCH,
                json!({ "input": { "agentId": agent, "executionKey": key, "input": input } }),
            )
            .await;
        let payload = &data["launchExecution"];
        payload["execution"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{payload}"))
            .to_owned()
    }

    pub async fn execution(&self, id: &str) -> Value {
        self.data(EXECUTION, json!({ "id": id })).await["execution"].clone()
    }

    /// Waits for the end, by subscription.
    pub async fn ended(&self, id: &str) -> Value {
        let mut socket = self.socket().await;
        socket
            .subscribe(
                "subscription($id: ID!) { executionStatus(id: $id) { isTerminal } }",
                json!({ "id": id }),
            )
            .await;
        while let Some(data) = socket.next().await {
            if data["executionStatus"]["isTerminal"] == true {
                break;
            }
        }
        self.execution(id).await
    }

    pub async fn socket(&self) -> Socket {
        let mut socket = self.open_socket().await;
        let ack = socket.receive().await.expect("an answer");
        assert_eq!(ack["type"], "connection_ack", "{ack}");
        socket
    }

    async fn open_socket(&self) -> Socket {
        let url = format!("{}/graphql", self.base.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("a request");
        request.headers_mut().insert(
            "sec-websocket-protocol",
            "graphql-transport-ws".parse().expect("a header"),
        );
        let payload = json!({ "Authorization": format!("Bearer {}", self.token) });
        Socket::open(request, json!({ "type": "connection_init", "payload": payload })).await
    }
}

pub const LAUNCH: &str = "mutation($input: LaunchExecutionInput!) { launchExecution(input: $input) { created execution { id status }
    errors { __typename ... on UserError { code message path } ... on InputValidationError { issues { pointer property keyword message } }
      ... on ExecutionTypeMismatchError { availableKeys } ... on FileRejectedError { rule index filename } } } }";

pub const EXECUTION: &str = "query($id: ID!) { execution(id: $id) { id status isTerminal result attempt
    failure { category code explanation explanationSource retryable } cancellation { reason confirmedAt }
    progress { done total note } usage { modelCalls toolCalls } conversation { id } files { id filename downloadUrl sha256 sizeBytes contentType } } }";

type Stream = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A socket with at most one subscription at a time.
pub struct Socket {
    stream: Stream,
    /// The close code, once closed.
    pub closed: Option<u16>,
}

impl Socket {
    /// Opens one and sends the first message; the answer is still to be received.
    pub async fn open(request: Request, init: Value) -> Self {
        let (stream, _) = tokio_tungstenite::connect_async(request).await.expect("connects");
        let mut socket = Self { stream, closed: None };
        socket.send(init).await;
        socket
    }

    async fn send(&mut self, message: Value) {
        self.stream
            .send(Message::text(message.to_string()))
            .await
            .expect("sends");
    }

    /// The next message of whatever kind; none when the socket closed. Pings are none, and a stream
    /// that has nothing else to say is waited for no longer than one that is silent.
    pub async fn receive(&mut self) -> Option<Value> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let frame = tokio::time::timeout_at(deadline, self.stream.next())
                .await
                .expect("the socket says something");
            match frame {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).expect("JSON");
                    if message["type"] == "ping" {
                        self.send(json!({ "type": "pong" })).await;
                        continue;
                    }
                    return Some(message);
                }
                Some(Ok(Message::Close(frame))) => {
                    self.closed = frame.map(|frame| frame.code.into());
                    return None;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    pub async fn subscribe(&mut self, query: &str, variables: Value) {
        self.send(
            json!({ "type": "subscribe", "id": "1", "payload": { "query": query, "variables": variables } }),
        )
        .await;
    }

    /// The first answer whatever it is: a payload, or errors in one's shape.
    pub async fn first(&mut self) -> Value {
        let message = self.receive().await.expect("an answer");
        if message["type"] == "error" {
            return json!({ "errors": message["payload"] });
        }
        message["payload"].clone()
    }

    /// The next data; none when the subscription completed or the socket closed.
    pub async fn next(&mut self) -> Option<Value> {
        let message = self.receive().await?;
        match message["type"].as_str() {
            Some("next") => {
                assert!(
                    message["payload"]["errors"].is_null(),
                    "{}",
                    message["payload"]["errors"]
                );
                Some(message["payload"]["data"].clone())
            }
            Some("complete") => None,
            _ => panic!("{message}"),
        }
    }
}
