//! A Rust program as a user of the API would write it: types generated from `schema.graphql`, a launch with a file,
//! its state followed over server-sent events that are cut and resumed, refusals told apart. It shares nothing with
//! the server's code. To add an operation: `operations.graphql`, and a struct that derives `GraphQLQuery`.

mod events;

use std::{env, error::Error, path::PathBuf, process::ExitCode};

use graphql_client::{GraphQLQuery, QueryBody, Response};
use reqwest::{Client, RequestBuilder, multipart};
use serde::{Serialize, de::DeserializeOwned};

use self::events::Followed;

/// Anything that goes wrong here is a bug of the server's or of this program's.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// The schema's scalars, as they are in JSON.
mod scalars {
    /// An instant, RFC 3339.
    pub type DateTime = String;
    /// Any JSON.
    #[expect(clippy::upper_case_acronyms, reason = "the schema calls it so")]
    pub type JSON = serde_json::Value;
    /// Opaque.
    pub type StreamCursor = String;
    /// A file: null where it stands, and the bytes in a part of their own.
    pub type Upload = ();
}

macro_rules! operations {
    ($($name:ident),*) => {$(
        #[derive(GraphQLQuery)]
        #[graphql(
            schema_path = "../../../schema.graphql",
            query_path = "src/operations.graphql",
            response_derives = "Debug, Clone, PartialEq",
            variables_derives = "Debug, Clone, Default",
            fragments_other_variant = "true",
            custom_scalars_module = "crate::scalars",
            skip_serializing_none
        )]
        struct $name;
    )*};
}

operations!(Agents, Launch, Follow, ReadOutcome);

const USAGE: &str = "rust-client <address of /graphql> <token> <path of an invoice>";

/// A server and a credential.
struct Api {
    url: String,
    token: String,
    http: Client,
}

impl Api {
    fn post(&self) -> RequestBuilder {
        self.http.post(&self.url).bearer_auth(&self.token)
    }

    async fn ask<Data: DeserializeOwned, Variables: Serialize>(
        &self,
        body: &QueryBody<Variables>,
    ) -> Outcome<Data> {
        data(self.post().json(body).send().await?.json().await?)
    }

    /// By the multipart request specification: `operations`, `map`, then the file.
    async fn launch_with_file(
        &self,
        variables: launch::Variables,
        file: (String, Vec<u8>),
    ) -> Outcome<launch::LaunchLaunchExecution> {
        let form = multipart::Form::new()
            .text(
                "operations",
                serde_json::to_string(&Launch::build_query(variables))?,
            )
            .text("map", r#"{"0": ["variables.input.files.0"]}"#)
            .part("0", multipart::Part::bytes(file.1).file_name(file.0));
        let request = self
            .post()
            .header("graphql-require-preflight", "1")
            .multipart(form);
        let answer: launch::ResponseData = data(request.send().await?.json().await?)?;
        Ok(answer.launch_execution)
    }
}

fn data<Data>(response: Response<Data>) -> Outcome<Data> {
    match (response.data, response.errors) {
        (Some(data), None) => Ok(data),
        (_, errors) => Err(format!("the server answered errors: {errors:?}").into()),
    }
}

/// What a user would be told. The compiler asks for a case of each member; one that the server gained since is unknown.
fn reason(error: &launch::LaunchLaunchExecutionErrors) -> String {
    use launch::LaunchLaunchExecutionErrors as E;
    match error {
        E::InputValidationError(wrong) => {
            let places = (wrong.issues.iter()).map(|issue| format!("{} {}", issue.pointer, issue.keyword));
            format!("input: {}", places.collect::<Vec<_>>().join(", "))
        }
        E::ExecutionTypeMismatchError(other) => format!("has {}", other.available_keys.join(", ")),
        E::AgentRetiredError(other) => other.message.clone(),
        E::FileRejectedError(other) => other.message.clone(),
        E::IdempotencyConflictError(other) => other.message.clone(),
        E::InvalidArgumentError(other) => other.message.clone(),
        E::NotAllowedError(other) => other.message.clone(),
        E::NotFoundError(other) => other.message.clone(),
        E::SchemaVersionConflictError(other) => other.message.clone(),
        E::Unknown => "of a kind that is new".into(),
    }
}

async fn run() -> Outcome<()> {
    let [url, token, invoice] = env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| USAGE)?;
    let invoice = PathBuf::from(invoice);
    // Once a process, as reqwest wants it, though nothing here goes over TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Client::new();
    let api = Api { url, token, http };

    let agents: agents::ResponseData = api.ask(&Agents::build_query(agents::Variables)).await?;
    let scanner = (agents.agents.nodes.into_iter())
        .find(|agent| agent.agent_type_key == "invoice-scanning")
        .ok_or("the demo has no invoice scanner")?;
    let input = launch::LaunchExecutionInput {
        agent_id: scanner.id,
        execution_key: "invoice-scanning".into(),
        ..Default::default()
    };

    let refused: launch::ResponseData = api
        .ask(&Launch::build_query(launch::Variables {
            input: launch::LaunchExecutionInput {
                input: Some(serde_json::json!({ "skus": 3 })),
                ..input.clone()
            },
        }))
        .await?;
    let reasons: Vec<_> = refused.launch_execution.errors.iter().map(reason).collect();
    expect(reasons == ["input: /skus type"], || {
        format!("refused for {reasons:?}")
    })?;
    let mismatched: launch::ResponseData = api
        .ask(&Launch::build_query(launch::Variables {
            input: launch::LaunchExecutionInput {
                execution_key: "nope".into(),
                ..input.clone()
            },
        }))
        .await?;
    let reasons: Vec<_> = mismatched.launch_execution.errors.iter().map(reason).collect();
    expect(reasons == ["has invoice-scanning"], || {
        format!("refused for {reasons:?}")
    })?;

    let bytes = tokio::fs::read(&invoice).await?;
    let size = i64::try_from(bytes.len())?;
    let variables = launch::Variables {
        input: launch::LaunchExecutionInput {
            files: Some(vec![()]),
            labels: Some(vec!["from Rust".into()]),
            ..input
        },
    };
    let launched = api
        .launch_with_file(variables, ("invoice.csv".into(), bytes))
        .await?;
    let execution = launched
        .execution
        .ok_or_else(|| format!("not launched: {:?}", launched.errors))?;
    expect(execution.status == launch::ExecutionStatus::PENDING, || {
        format!("{execution:?}")
    })?;
    expect(
        execution.files.len() == 1 && execution.files[0].size_bytes == size,
        || format!("{execution:?}"),
    )?;

    // From the launch on, cut after each second update, and resumed.
    let followed = events::follow(&api, &execution.id, execution.stream_cursor, 2).await?;
    let Followed { updates, connections } = followed;
    expect(connections > 1, || "the stream was not cut".into())?;
    let revisions: Vec<_> = updates.iter().map(|update| update.execution.revision).collect();
    expect(revisions.is_sorted(), || {
        format!("revisions go back: {revisions:?}")
    })?;
    let last = updates.last().ok_or("no update came")?;
    expect(
        last.is_terminal && last.status == follow::ExecutionStatus::FINISHED,
        || format!("{last:?}"),
    )?;

    let outcome: read_outcome::ResponseData = api
        .ask(&ReadOutcome::build_query(read_outcome::Variables {
            id: execution.id,
        }))
        .await?;
    let ended = outcome.execution.ok_or("it cannot be read")?;
    expect(ended.failure.is_none() && ended.result.is_some(), || {
        format!("{ended:?}")
    })?;
    println!(
        "launched with a file, followed in {} updates over {connections} connections, finished in {} ms",
        updates.len(),
        ended.duration_ms.unwrap_or_default(),
    );
    Ok(())
}

fn expect(holds: bool, else_what: impl FnOnce() -> String) -> Outcome<()> {
    if holds { Ok(()) } else { Err(else_what().into()) }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
