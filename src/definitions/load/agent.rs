//! One folder: an agent type.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::base::json_schema::Schema;
use crate::definitions::catalog::{AgentType, FileRules, Limits};
use crate::definitions::format::{self, AgentFile, FilesTable};
use crate::definitions::source::Folder;
use crate::model;
use crate::model::rehearsal::{self, Script};

use super::reader::Reader;
use super::{Known, Mistake, execution};

/// A folder read: what came of it, and what is known even if nothing did.
pub(super) struct Draft {
    /// The folder's name where `agent.toml` gives none.
    pub key: String,
    /// `agent.toml`, as mistakes call it.
    pub file: String,
    /// Each with its `execution.toml`.
    pub execution_keys: Vec<(String, String)>,
    pub agent_type: Option<AgentType>,
    pub mistakes: Vec<Mistake>,
}

const AGENT: &str = "agent.toml";
const CONFIGURATION: &str = "configuration.schema.json";
const REHEARSAL: &str = "rehearsal.toml";

pub(super) fn read(folder: &Folder, known: &Known<'_>) -> Draft {
    let mut reader = Reader::new(folder);
    let document = reader.toml(AGENT, &format::AGENT);
    let key = document
        .as_ref()
        .and_then(|document| document["key"].as_str())
        .unwrap_or(&folder.name)
        .to_owned();
    if !reader.has(AGENT) && folder.folders("executions").is_empty() {
        // Some other folder: what else it lacks helps nobody.
        return Draft {
            key,
            file: reader.shown(AGENT),
            execution_keys: Vec::new(),
            agent_type: None,
            mistakes: reader.mistakes,
        };
    }
    if let Some(document) = &document {
        note_names(&mut reader, document, known);
    }
    let tables = Reader::tables(document.as_ref(), "mcp");
    let mcp = super::mcp::read(&mut reader, AGENT, tables);
    let file: Option<AgentFile> = document.and_then(|document| reader.structure(AGENT, document));

    let execution_prompt = reader.prompt("prompts/execution.md");
    let conversation_prompt = reader.prompt("prompts/conversation.md");
    // A limit on cost holds on those alone whose cost is known: no agent chooses another.
    let is_limited = file.as_ref().is_some_and(|file| file.limits.max_cost.is_some());
    let mut choice = known.models.to_vec();
    choice.retain(|model| !is_limited || !known.unpriced_models.contains(model));
    let configuration_schema = if reader.has(CONFIGURATION) {
        let schema = reader.schema(CONFIGURATION);
        schema.and_then(|schema| offering_models(&mut reader, schema, &choice))
    } else {
        Some(standard_configuration(&choice))
    };
    let wants_script = file.as_ref().is_none_or(|file| file.model == rehearsal::NAME);
    let conversation_rehearsal = script(&mut reader, REHEARSAL, wants_script);

    let context = execution::Context {
        agent_type_key: &key,
        file_rules: file.as_ref().and_then(|file| file.files.as_ref()).map(file_rules),
        tools: file.as_ref().map(|file| file.tools.as_slice()),
        mcp: &mcp,
        wants_script,
        known,
    };
    let folders = reader.folder.folders("executions");
    if folders.is_empty() {
        reader.note(
            "executions",
            "",
            "there is no execution type, and an agent type has one at least",
        );
    }
    let mut execution_keys = Vec::new();
    let mut execution_types = Vec::new();
    for name in &folders {
        let (key, file) = execution::key(&reader, name);
        execution_keys.push((key, file));
        execution_types.extend(execution::read(&mut reader, name, &context).map(Arc::new));
    }
    execution_types.sort_by(|one, other| one.key.cmp(&other.key));
    reader.note_unknown_files();

    let agent_type = (|| {
        let file = file?;
        Some(AgentType {
            key: file.key,
            name: file.name,
            description: file.description,
            model: file.model,
            model_settings: model::Settings {
                temperature: file.model_settings.temperature,
                max_output_tokens: file.model_settings.max_output_tokens,
                timeout: file.model_settings.timeout_seconds.map(Duration::from_secs_f64),
            },
            tools: file.tools,
            mcp,
            limits: Limits {
                max_model_calls: file.limits.max_model_calls,
                max_tool_calls: file.limits.max_tool_calls,
                max_tokens: file.limits.max_tokens,
                max_cost_micro_usd: file.limits.max_cost.map(micro_usd),
                max_duration_seconds: file.limits.max_duration_seconds,
            },
            file_rules: file.files.as_ref().map(file_rules),
            execution_prompt: execution_prompt?,
            conversation_prompt: conversation_prompt?,
            conversation_rehearsal: conversation_rehearsal?,
            configuration_schema: configuration_schema?,
            execution_types,
        })
    })();
    Draft {
        key,
        file: reader.shown(AGENT),
        execution_keys,
        agent_type,
        mistakes: reader.mistakes,
    }
}

/// A rehearsal script, or the one that says that there is none where none is needed.
pub(super) fn script(reader: &mut Reader<'_>, path: &str, is_wanted: bool) -> Option<Arc<Script>> {
    let shown = reader.shown(path);
    if !is_wanted && !reader.has(path) {
        return Some(Arc::new(Script::absent(&shown)));
    }
    match Script::parse(&shown, reader.text(path)?) {
        Ok(script) => Some(Arc::new(script)),
        Err(mistakes) => {
            for mistake in mistakes {
                reader.note(path, &mistake.pointer, &mistake.message);
            }
            None
        }
    }
}

// From the document, for one wrong member must not hide what else is wrong.
fn note_names(reader: &mut Reader<'_>, document: &Value, known: &Known<'_>) {
    // The demo calls an agent so, and an agent may not be called this.
    if let Some(name) = document["name"].as_str()
        && !name.is_empty()
        && (name.trim().is_empty() || name.chars().any(char::is_control))
    {
        let message = "must have more in it than blanks, and no control characters";
        reader.note(AGENT, "/name", message);
    }
    if let Some(model) = document["model"].as_str()
        && !known.models.contains(&model)
    {
        let names = known.models.join(", ");
        let message = format!("there is no model {model:?}; known are {names}");
        reader.note(AGENT, "/model", message);
    }
    if let (Some(model), Some(_)) = (document["model"].as_str(), document["limits"].get("max_cost"))
        && known.unpriced_models.contains(&model)
    {
        let message = format!(
            "can never be kept: the model {model:?} has no price, so no cost of its calls is known; declare it ([model.price], zeros where it costs nothing), or limit max_tokens instead"
        );
        reader.note(AGENT, "/limits/max_cost", message);
    }
    let servers = document["mcp"].as_array().into_iter().flatten();
    let mut taken = BTreeSet::new();
    for (place, server) in servers.enumerate() {
        if let Some(name) = server["name"].as_str()
            && !taken.insert(name)
        {
            let message = "the name is taken by another server of this agent type";
            reader.note(AGENT, &format!("/mcp/{place}/name"), message);
        }
    }
    let tools = document["tools"].as_array().into_iter().flatten();
    for (place, tool) in tools.enumerate() {
        if let Some(tool) = tool.as_str()
            && !known.tools.contains(&tool)
        {
            let names = known.tools.join(", ");
            let message = format!("there is no tool {tool:?}; known are {names}");
            reader.note(AGENT, &format!("/tools/{place}"), message);
        }
    }
}

// At most a billion dollars, as the schema says: far from what either number holds.
#[allow(clippy::cast_possible_truncation)]
fn micro_usd(dollars: f64) -> i64 {
    (dollars * 1_000_000.0).round() as i64
}

fn file_rules(table: &FilesTable) -> FileRules {
    FileRules {
        max_files: table.max_files,
        max_bytes_per_file: table.max_bytes_per_file,
        max_bytes_total: table.max_bytes_total,
        extensions: table.extensions.clone(),
        content_types: table.content_types.clone(),
    }
}

/// A schema that lets an agent choose its model offers those that there are, unless it names them
/// itself.
fn offering_models(reader: &mut Reader<'_>, schema: Schema, choice: &[&str]) -> Option<Schema> {
    let mut document = schema.document().clone();
    let Some(model) = document
        .pointer_mut("/properties/model")
        .and_then(Value::as_object_mut)
    else {
        return Some(schema);
    };
    match model.get("enum").and_then(Value::as_array) {
        Some(named) => {
            for (place, name) in named.iter().enumerate() {
                if !name.as_str().is_some_and(|name| choice.contains(&name)) {
                    let names = choice.join(", ");
                    let message = format!(
                        "there is no model {name} to choose; there are {names}, and under a max_cost only models with a price"
                    );
                    reader.note(CONFIGURATION, &format!("/properties/model/enum/{place}"), message);
                }
            }
            Some(schema)
        }
        None => {
            model.insert("enum".to_owned(), json!(choice));
            Some(Schema::compile(document).expect("a list of names more leaves it a schema"))
        }
    }
}

/// What an agent type without a schema of its own lets its agents set.
fn standard_configuration(choice: &[&str]) -> Schema {
    let document: Value = json!({
        "type": "object",
        "properties": {
            "model": {
                "title": "Model",
                "description": "The model to run on, instead of the agent type's.",
                "enum": choice,
            },
            "temperature": {
                "title": "Temperature",
                "description": "0 for the likeliest words; more for more variety.",
                "type": "number",
                "minimum": 0,
                "maximum": 2,
            },
            "max_output_tokens": {
                "title": "Most tokens of an answer",
                "type": "integer",
                "minimum": 1,
                "maximum": 10_000_000,
            },
            "additional_instructions": {
                "title": "Additional instructions",
                "description": "Added to the prompts of the agent type.",
                "type": "string",
                "maxLength": 20_000,
            },
        },
        "additionalProperties": false,
    });
    Schema::compile(document).expect("the standard settings are a schema")
}
