//! One run's session: its definition, its model, its tools, and the model call with its retries.
//! Shared by executions and replies, which differ in what they do with an answer.

use std::sync::Arc;
use std::time::Duration;

use entity::{agent, file};
use serde_json::Value;
use tokio::sync::Mutex;
use tracing::Instrument;
use tracing::field::Empty;

use crate::base::failure::FailureCategory;
use crate::base::message::{Message, Part};
use crate::db;
use crate::definitions::{AgentType, ExecutionType, McpServer};
use crate::domain::explanation::Cause;
use crate::domain::journal::{Entry, Tokens};
use crate::model::{Error, Model, Reply, Request, ToolSpec};
use crate::telemetry::traces;

use super::drive::Job;
use super::exit::Exit;
use super::held::Held;
use super::mcp::Offered;
use super::registry::Registered;
use super::tools::Context;

/// Tries of one model call: with the waits below they span half a minute, which most overloads do
/// not outlast; the worker that comes next would find the rest no better.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Providers ask for minutes at times; more is another execution's business.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// Tries to reach an MCP server before its tools are given up: with the waits between them ten seconds
/// and more, in which a server that was just started anew is there.
const REACH_TRIES: u32 = 4;

/// For a look at whether a list has changed, which most often costs nothing.
const LOOK_WITHIN: Duration = Duration::from_secs(5);

pub(super) struct Session<'a> {
    pub job: &'a Job,
    pub agent_type: Arc<AgentType>,
    pub model: Arc<dyn Model>,
    /// What agents may call now: its own tools, then those of its MCP servers.
    pub tools: Vec<Arc<Registered>>,
    /// Those that were listed last, by server.
    offered: Vec<Option<Offered>>,
    own_tools: usize,
    pub context: Context,
    writing: Arc<Mutex<()>>,
    /// The agent's own addition to the prompts.
    instructions: Option<String>,
}

/// What a session is about.
pub(super) struct About {
    pub agent: agent::Model,
    pub files: Vec<file::Model>,
    /// None in a person's conversation.
    pub execution_type: Option<Arc<ExecutionType>>,
}

impl<'a> Session<'a> {
    pub fn new(job: &'a Job, about: About) -> Result<Self, Exit> {
        let deps = &job.deps;
        let unable = |what: String| {
            tracing::error!(run.id = %job.lease.run, "a run cannot start: {what}");
            Exit::from(Cause::DefinitionGone)
        };
        let agent_type = deps
            .catalog
            .agent_type(&about.agent.agent_type_key)
            .cloned()
            .ok_or_else(|| unable(format!("there is no agent type {}", about.agent.agent_type_key)))?;
        let settings: Value = serde_json::from_str(&about.agent.configuration).unwrap_or(Value::Null);
        let name = settings["model"].as_str().unwrap_or(&agent_type.model);
        let model = deps
            .models
            .find(name)
            .ok_or_else(|| unable(format!("there is no model {name}")))?;
        let is_chat = about.execution_type.is_none();
        let tools: Vec<Arc<Registered>> = agent_type
            .tools
            .iter()
            .filter_map(|name| deps.registry.find_tool(name).cloned())
            .filter(|known| !is_chat || known.tool.is_for_conversations())
            .collect();
        let context = Context {
            store: deps.store.clone(),
            storage: deps.storage.clone(),
            data_set_id: about.agent.data_set_id,
            conversation_id: job.run.conversation_id,
            execution_id: job.run.execution_id,
            execution_type: about.execution_type,
            files: about.files.into(),
            model_sees_images: model.sees_images(),
        };
        let instructions = settings["additional_instructions"].as_str();
        Ok(Self {
            job,
            agent_type,
            model,
            own_tools: tools.len(),
            tools,
            offered: Vec::new(),
            context,
            writing: Arc::default(),
            instructions: instructions
                .filter(|text| !text.trim().is_empty())
                .map(str::to_owned),
        })
    }

    /// Asks the MCP servers of the agent type what they have to offer; to be called before each turn.
    /// A server that offered something before and is away now keeps its tools: calling them says so.
    pub async fn refresh_tools(&mut self) -> Result<(), Exit> {
        let agent_type = Arc::clone(&self.agent_type);
        if agent_type.mcp.is_empty() {
            return Ok(());
        }
        self.offered.resize(agent_type.mcp.len(), None);
        for (place, server) in agent_type.mcp.iter().enumerate() {
            let offered = match self.offered[place].take() {
                Some(before) => self.look_again(server, before).await?,
                None => self.reach(server).await?,
            };
            self.offered[place] = Some(offered);
        }
        self.tools.truncate(self.own_tools);
        // An own tool of this name is the one that is meant.
        let own: Vec<String> = self.tools.iter().map(|tool| tool.spec.name.clone()).collect();
        let offered = self.offered.iter().flatten().flat_map(|tools| tools.iter());
        let offered = offered.filter(|tool| !own.contains(&tool.spec.name));
        self.tools.extend(offered.cloned());
        Ok(())
    }

    async fn look_again(&self, server: &McpServer, before: Offered) -> Result<Offered, Exit> {
        let asked = self.job.deps.registry.offered(&self.agent_type.key, server);
        let asked = tokio::time::timeout(LOOK_WITHIN, asked);
        Ok(match self.job.lease.or_cut(asked).await? {
            Ok(Ok(offered)) => offered,
            _ => before,
        })
    }

    async fn reach(&self, server: &McpServer) -> Result<Offered, Exit> {
        let mut tries = 1;
        loop {
            let asked = self.job.deps.registry.offered(&self.agent_type.key, server);
            let error = match self.job.lease.or_cut(asked).await? {
                Ok(offered) => return Ok(offered),
                Err(error) => error,
            };
            if tries == REACH_TRIES {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    server = server.name,
                    tries,
                    "an MCP server is not to be had"
                );
                return Err(Exit::from(Cause::ToolsGone {
                    server: server.name.clone(),
                }));
            }
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                server = server.name,
                tries,
                "an MCP server is not to be had yet"
            );
            self.job.lease.wait(FIRST_WAIT * tries).await?;
            tries += 1;
        }
    }

    /// A prompt of the definition, with the agent's own addition.
    pub fn prompt(&self, text: &str) -> String {
        match &self.instructions {
            Some(more) => format!("{text}\n\nAdditional instructions:\n\n{more}"),
            None => text.to_owned(),
        }
    }

    pub fn tool_specs(&self) -> Vec<ToolSpec> {
        self.tools.iter().map(|tool| tool.spec.clone()).collect()
    }

    /// Opens a write. Those of one run wait for each other here: at the run's row each would wait
    /// with a connection in hand, and a turn of many calls would take all there are.
    pub async fn hold(&self) -> Result<Held, Exit> {
        let turn = Arc::clone(&self.writing).lock_owned().await;
        let held = Held::open(&self.job.deps.store, &self.job.lease).await?;
        Ok(held.in_turn(turn))
    }

    /// Asks the model; asks again when that may help. Aborted when the run is cut.
    pub async fn ask(&self, request: &Request) -> Result<Reply, Exit> {
        let clock = &self.job.deps.store.clock;
        let mut tries = 1;
        loop {
            self.job.lease.check()?;
            let asked_at = clock.monotonic();
            // Names of OpenTelemetry's semantic conventions for generative AI.
            let trace = tracing::info_span!(
                target: traces::TARGET,
                "model call",
                otel.kind = "client",
                otel.status_code = Empty,
                gen_ai.operation.name = "chat",
                gen_ai.request.model = self.model.name(),
                gen_ai.usage.input_tokens = Empty,
                gen_ai.usage.output_tokens = Empty,
                tries,
                outcome = Empty,
            );
            let answer = self.model.complete(request).instrument(trace.clone());
            let answer = self.job.lease.or_cut(answer).await?;
            let seconds = clock.monotonic().saturating_sub(asked_at).as_secs_f64();
            let outcome = match &answer {
                Ok(_) => "answered",
                Err(Error::Unavailable { .. }) => "unavailable",
                Err(Error::Refused { .. }) => "refused",
                Err(Error::Broken { .. }) => "broken",
            };
            trace.record("outcome", outcome);
            match &answer {
                Ok(reply) => {
                    trace.record("gen_ai.usage.input_tokens", reply.usage.input_tokens);
                    trace.record("gen_ai.usage.output_tokens", reply.usage.output_tokens);
                }
                Err(_) => {
                    trace.record("otel.status_code", "ERROR");
                }
            }
            drop(trace);
            let model = self.model.name().to_owned();
            metrics::histogram!("agentic_model_call_seconds", "model" => model, "outcome" => outcome)
                .record(seconds);
            let (error, words) = match answer {
                Ok(reply) => return Ok(reply),
                Err(Error::Unavailable { reason, retry_after }) if tries < TRIES => {
                    let wait = retry_after.unwrap_or(FIRST_WAIT * 2_u32.pow(tries - 1));
                    tracing::warn!(tries, reason, "the model is unavailable, asking again");
                    self.job.lease.wait(wait.min(LONGEST_WAIT)).await?;
                    tries += 1;
                    continue;
                }
                Err(error @ Error::Unavailable { .. }) => (error, "The model could not be reached."),
                Err(error @ Error::Refused { .. }) => (error, "The model refused to answer."),
                Err(error @ Error::Broken { .. }) => (error, "The model gave no usable answer."),
            };
            tracing::error!(
                error = &error as &dyn std::error::Error,
                model = self.model.name(),
                "no answer"
            );
            return Err(Exit::failed(FailureCategory::RuntimeError, words));
        }
    }

    /// A model's turn as an entry, and its tokens.
    pub fn entry(&self, message: Message, reply: &Reply) -> (Entry, Tokens) {
        let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        let usage = Tokens {
            input: count(reply.usage.input_tokens),
            output: count(reply.usage.output_tokens),
        };
        let entry = Entry::Message {
            message,
            model: Some(self.model.name().to_owned()),
            usage: Some(usage),
        };
        (entry, usage)
    }
}

/// The agent of a run, and the ids of files as parts of its first message.
pub(super) async fn get_agent(job: &Job, id: uuid::Uuid) -> Result<agent::Model, Exit> {
    let agent = db::agents::find(job.deps.store.db.read(), id).await?;
    // Agents are retired, not deleted: with its agent the run would be gone too.
    agent.ok_or(Exit::Lost)
}

pub(super) fn file_parts(files: &[file::Model]) -> impl Iterator<Item = Part> + '_ {
    files.iter().map(|file| Part::File { file_id: file.id })
}
