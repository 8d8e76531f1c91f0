//! One run's session: its definition, its model, its tools, and the model call with its retries.
//! Shared by executions and replies, which differ in what they do with an answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex};
use std::time::Duration;

use bytes::Bytes;
use entity::{agent, file};
use serde_json::Value;
use tokio::sync::Mutex;
use tracing::Instrument;
use tracing::field::Empty;
use uuid::Uuid;

use crate::base::chain::Chain;
use crate::base::image;
use crate::base::message::{Message, Part};
use crate::bus::answers::{Kind, Writing};
use crate::db;
use crate::definitions::{AgentType, ExecutionType, McpServer};
use crate::domain::budgets::Subject;
use crate::domain::explanation::{Cause, NoAnswer};
use crate::domain::journal::{Entry, Tokens};
use crate::domain::{Fault, files};
use crate::model::circuit::{Circuit, Permit};
use crate::model::{self, Attachment, Delta, DeltaKind, Error, Model, Reply, Request, ToolSpec, Usage};
use crate::telemetry::traces;

use super::budget::{self, Allowance};
use super::drive::Job;
use super::exit::Exit;
use super::held::Held;
use super::mcp::Offered;
use super::outage::{self, Tries};
use super::registry::Registered;
use super::tools::{self, Context};

/// Of all pictures of one request: providers refuse requests of 20 MB and more, and a third is
/// added on the way.
const MAX_IMAGE_BYTES: u64 = 12 * 1024 * 1024;

/// Tries to reach an MCP server before its tools are given up: with the waits between them ten seconds
/// and more, in which a server that was just started anew is there.
const REACH_TRIES: u32 = 4;
const REACH_WAIT: Duration = Duration::from_secs(1);

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
    /// The agent type's, or the agent's own.
    pub settings: model::Settings,
    /// What its calls are reserved in.
    pub allowance: Allowance,
    pub agent_id: Uuid,
    /// Files that messages name; of pictures, the bytes of those that were sent last.
    attached: Mutex<HashMap<Uuid, Attached>>,
}

/// A model's answer, and its being written: that ends when this is dropped, once it is stored.
pub(super) struct Answered {
    pub reply: Reply,
    pub writing: Writing,
}

/// A file that a message names.
struct Attached {
    row: file::Model,
    picture: Picture,
}

/// What a model is shown of a file.
enum Picture {
    /// Nothing: it is none, or cannot be shown.
    None,
    /// It was not read yet, or newer ones have taken its place.
    Away,
    Read(Bytes),
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
        let model = deps.models.find(name).ok_or_else(|| {
            tracing::error!(run.id = %job.lease.run, model = name, "a run cannot start: there is no such model");
            Exit::from(Cause::NoAnswer {
                model: name.to_owned(),
                why: NoAnswer::Missing,
                tries: 1,
                waited_ms: 0,
            })
        })?;
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
        let answering = answering(&agent_type, &settings, name);
        let subject = Subject {
            data_set: about.agent.data_set_id,
            agent: about.agent.id,
            agent_type: &agent_type.key,
            model: name,
        };
        let profile = model.profile();
        let allowance = Allowance::new(
            agent_type.limits,
            deps.budgets.of(&subject),
            profile,
            answering.max_output_tokens,
        );
        allowance.look_at_tools(tools.iter().map(|tool| &tool.spec));
        Ok(Self {
            job,
            agent_type,
            model,
            own_tools: tools.len(),
            tools,
            offered: Vec::new(),
            context,
            writing: Arc::default(),
            settings: answering,
            allowance,
            agent_id: about.agent.id,
            attached: Mutex::default(),
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
        let specs = self.tools.iter().map(|tool| &tool.spec);
        self.allowance.look_at_tools(specs);
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
                    error = %Chain(&error),
                    server = server.name,
                    tries,
                    "an MCP server is not to be had"
                );
                return Err(Exit::from(Cause::ToolsGone {
                    server: server.name.clone(),
                }));
            }
            tracing::warn!(
                error = %Chain(&error),
                server = server.name,
                tries,
                "an MCP server is not to be had yet"
            );
            self.job.lease.wait(REACH_WAIT * tries).await?;
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

    /// The files that messages name; pictures with their bytes, where the model sees.
    async fn attachments(&self, messages: &[Message]) -> Result<Vec<Attachment>, Exit> {
        let parts = messages.iter().flat_map(|message| &message.parts);
        let mut named: Vec<Uuid> = parts
            .flat_map(|part| match part {
                Part::File { file_id } => std::slice::from_ref(file_id),
                Part::ToolResult { files, .. } => files,
                _ => &[],
            })
            .copied()
            .collect();
        named.sort_unstable();
        named.dedup();
        let mut known = self.attached.lock().await;
        let missing: Vec<Uuid> = named
            .iter()
            .filter(|id| !known.contains_key(id))
            .copied()
            .collect();
        if !missing.is_empty() {
            // Not the context's: tools make files too.
            for row in db::files::find_many(self.job.deps.store.db.read(), &missing).await? {
                let picture = if self.model.sees_images() && image::is_shown(&row.content_type) {
                    Picture::Away
                } else {
                    Picture::None
                };
                known.insert(row.id, Attached { row, picture });
            }
        }
        let mut left = MAX_IMAGE_BYTES;
        let mut attached: Vec<Attachment> = Vec::with_capacity(named.len());
        // The newest first, for they are what it is about.
        for id in named.iter().rev() {
            if let Some(file) = known.get_mut(id) {
                attached.push(self.attach(file, &mut left).await?);
            }
        }
        Ok(attached)
    }

    /// A file as it is sent; a picture takes its bytes of what is `left`, and is let go when there is no
    /// room for it.
    async fn attach(&self, file: &mut Attached, left: &mut u64) -> Result<Attachment, Exit> {
        let rest = left.checked_sub(u64::try_from(file.row.size_bytes).unwrap_or(0));
        if let (Picture::Away, Some(_)) = (&file.picture, rest) {
            file.picture = self.look(&file.row).await?;
        }
        let mut image = None;
        match (&file.picture, rest) {
            (Picture::Read(bytes), Some(rest)) => {
                *left = rest;
                image = Some(bytes.clone());
            }
            (Picture::Read(_), None) => file.picture = Picture::Away,
            (Picture::None | Picture::Away, _) => {}
        }
        Ok(Attachment {
            id: file.row.id,
            info: tools::info(&file.row),
            image,
        })
    }

    async fn look(&self, row: &file::Model) -> Result<Picture, Exit> {
        let size = u64::try_from(row.size_bytes).unwrap_or(0);
        let mut checked = image::check_size(size);
        let mut bytes = Vec::new();
        if checked.is_ok() {
            let read = files::read_all(&self.context.storage, row, image::MAX_BYTES).await;
            bytes = read.map_err(Fault::from)?.unwrap_or_default();
            checked = image::check(&row.content_type, &bytes);
        }
        Ok(match checked {
            Ok(()) => Picture::Read(bytes.into()),
            Err(why) => {
                tracing::info!(file.id = %row.id, reason = %why, "an image is not shown to the model");
                Picture::None
            }
        })
    }

    /// Asks the model; asks again when that may help. Aborted when the run is cut.
    pub async fn ask(&self, mut request: Request) -> Result<Answered, Exit> {
        request.files = self.attachments(&request.messages).await?;
        request.settings = self.settings;
        let mut tries = Tries::default();
        let mut outage = None;
        loop {
            self.job.lease.check()?;
            let permit = self.permit(&mut outage, &tries).await?;
            // A message of its own for each try: what was heard of one that broke off is not gone on
            // with.
            let store = &self.job.deps.store;
            let conversation = self.job.run.conversation_id;
            let writing = store.bus.answers().begin(conversation, store.ids.next());
            self.job.next_call.begin();
            let permit = SyncMutex::new(permit);
            let answer = self.ask_once(&request, tries.all(), &writing, &permit).await?;
            if let Some(permit) = permit.into_inner().expect("no holder panics") {
                outage::tell(permit, &answer, store.clock.monotonic());
            }
            let error = match answer {
                Ok(reply) => return Ok(Answered { reply, writing }),
                Err(error) => error,
            };
            if outage::is_unread(&error) {
                // Turned away: what is reserved is there for the next try.
                self.job.next_call.reserve();
            }
            // Whoever waits for an endpoint that is down has not used up a try.
            if self.model.circuit().is_some_and(Circuit::is_open) && matches!(error, Error::Down { .. }) {
                continue;
            }
            match tries.after(&error, self.chance()) {
                Some(wait) => {
                    tracing::warn!(
                        error = %Chain(&error),
                        model = self.model.name(),
                        tries = tries.all(),
                        wait_ms = crate::base::clock::ms(wait),
                        "no answer, asking again"
                    );
                    self.job.lease.wait(wait).await?;
                    if matches!(error, Error::Interrupted { .. }) {
                        budget::reserve_again(self, self.tokens(error.usage())).await?;
                    }
                }
                None => {
                    tracing::error!(
                        error = %Chain(&error),
                        model = self.model.name(),
                        tries = tries.all(),
                        "no answer"
                    );
                    budget::settle_unanswered(self, self.tokens(error.usage())).await?;
                    return Err(outage::cause(&error, self.model.name(), &tries).into());
                }
            }
        }
    }

    /// Between 0 and 1.
    fn chance(&self) -> f64 {
        let bits = self.job.deps.store.ids.next().as_u128() as u16;
        f64::from(bits) / f64::from(u16::MAX)
    }

    /// Waits until the model's endpoint may be called. `outage` is since when it is waited for.
    async fn permit(&self, outage: &mut Option<Duration>, tries: &Tries) -> Result<Option<Permit>, Exit> {
        let Some(circuit) = self.model.circuit() else {
            return Ok(None);
        };
        let clock = &self.job.deps.store.clock;
        loop {
            let now = clock.monotonic();
            let wait = match circuit.admit(now) {
                Ok(permit) => return Ok(Some(permit)),
                Err(wait) => wait,
            };
            let since = *outage.get_or_insert(now);
            let waited = now.saturating_sub(since);
            if waited >= circuit.patience() && !circuit.is_trying() {
                let why = if circuit.is_open() {
                    NoAnswer::Down
                } else {
                    NoAnswer::Overloaded { for_ms: None }
                };
                return Err(outage::waited_in_vain(self.model.name(), why, tries, waited).into());
            }
            self.job.lease.wait(outage::spread(wait, self.chance())).await?;
        }
    }

    async fn ask_once(
        &self,
        request: &Request,
        tries: u32,
        writing: &Writing,
        permit: &SyncMutex<Option<Permit>>,
    ) -> Result<Result<Reply, Error>, Exit> {
        let clock = &self.job.deps.store.clock;
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
        let live = |delta: Delta| {
            if let Some(permit) = permit.lock().expect("no holder panics").as_mut() {
                permit.heard();
            }
            let kind = match delta.kind {
                DeltaKind::Text => Kind::Text,
                DeltaKind::Reasoning => Kind::Reasoning,
                DeltaKind::ToolArguments => Kind::ToolArguments,
            };
            writing.say(delta.part, kind, &delta.text);
        };
        let answer = self.model.complete(request, &live).instrument(trace.clone());
        let answer = self.job.lease.or_cut(answer).await?;
        let seconds = clock.monotonic().saturating_sub(asked_at).as_secs_f64();
        let outcome = answer.as_ref().map_or_else(Error::outcome, |_| "answered");
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
        let model = self.model.name().to_owned();
        metrics::histogram!("agentic_model_call_seconds", "model" => model, "outcome" => outcome)
            .record(seconds);
        Ok(answer)
    }

    /// What a provider counted, with what it costs.
    fn tokens(&self, usage: Usage) -> Tokens {
        let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        self.allowance.priced(Tokens {
            input: count(usage.input_tokens),
            output: count(usage.output_tokens),
            cached_input: count(usage.cached_input_tokens),
            cost_micro_usd: None,
        })
    }

    /// A model's turn as an entry, and its tokens with what they cost.
    pub fn entry(&self, message: Message, reply: &Reply) -> (Entry, Tokens) {
        let usage = self.tokens(reply.usage);
        let entry = Entry::Message {
            message,
            model: Some(self.model.name().to_owned()),
            usage: Some(usage),
        };
        (entry, usage)
    }
}

/// How the model is to answer. What the agent type says is about its own model, and no other.
fn answering(agent_type: &AgentType, chosen: &Value, model: &str) -> model::Settings {
    let standard = if model == agent_type.model {
        agent_type.model_settings
    } else {
        model::Settings::default()
    };
    let most = chosen["max_output_tokens"].as_u64();
    model::Settings {
        temperature: chosen["temperature"].as_f64().or(standard.temperature),
        max_output_tokens: most
            .and_then(|most| u32::try_from(most).ok())
            .or(standard.max_output_tokens),
        timeout: standard.timeout,
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
