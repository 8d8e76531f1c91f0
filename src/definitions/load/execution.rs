//! One folder below `executions/`: an execution type.

use std::sync::Arc;

use serde_json::Value;

use crate::base::failure::{self, FailureCategory, FailureCode};
use crate::base::json_schema::Schema;
use crate::base::toml_text;
use crate::definitions::catalog::{
    Example, ExecutionType, FileRules, McpServer, STOPPED_BY_AGENT, ValidatorSpec, schema_version,
};
use crate::definitions::format::{self, ExampleTable, ExecutionFile};
use crate::definitions::message::MessageTemplate;

use super::agent::script;
use super::reader::Reader;
use super::{Known, case};

/// What the agent type says about its execution types.
pub(super) struct Context<'a> {
    pub agent_type_key: &'a str,
    pub file_rules: Option<FileRules>,
    /// None where `agent.toml` could not be read.
    pub tools: Option<&'a [String]>,
    pub mcp: &'a [McpServer],
    pub wants_script: bool,
    pub known: &'a Known<'a>,
}

/// The key of the execution type in this folder, as well as it can be told, and its file.
pub(super) fn key(reader: &Reader<'_>, name: &str) -> (String, String) {
    let path = format!("executions/{name}/execution.toml");
    let text = reader.folder.files.get(&path);
    let key = text
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| toml_text::to_json(text).ok())
        .and_then(|document| document["key"].as_str().map(str::to_owned));
    (key.unwrap_or_else(|| name.to_owned()), reader.shown(&path))
}

pub(super) fn read(reader: &mut Reader<'_>, name: &str, context: &Context<'_>) -> Option<ExecutionType> {
    let at = |file: &str| format!("executions/{name}/{file}");
    let path = at("execution.toml");
    let document = reader.toml(&path, &format::EXECUTION);
    let input_schema = reader.schema(&at("input.schema.json"));
    if let Some(schema) = &input_schema
        && schema.document()["type"] != "object"
    {
        let message = "the input of an execution is an object: \"type\" must be \"object\"";
        reader.note(&at("input.schema.json"), "/type", message);
    }
    let output = at("output.schema.json");
    let output_schema = if reader.has(&output) {
        Some(reader.schema(&output))
    } else {
        None
    };
    let message = message(reader, &at("message.md.j2"));
    let script = script(reader, &at("rehearsal.toml"), context.wants_script);
    let mut examples = example_files(reader, &at("examples"));

    let in_file = Reader::tables(document.as_ref(), "example")
        .into_iter()
        .map(|(place, table)| {
            let pointer = format!("/example/{place}/input");
            (path.clone(), pointer, example(table))
        });
    examples.splice(0..0, in_file.collect::<Vec<_>>());
    if let Some(schema) = &input_schema {
        check_examples(reader, &examples, schema, message.as_ref(), &at("message.md.j2"));
    }
    let tables = Reader::tables(document.as_ref(), "validator");
    let validators = validators(reader, &path, tables, output.as_str(), context);
    let tables = Reader::tables(document.as_ref(), "failure_code");
    let failure_codes = failure_codes(reader, &path, tables);
    let takes_files = document.as_ref().and_then(|it| it["takes_files"].as_bool());
    let file_rules = match (takes_files, &context.file_rules) {
        (Some(true), None) if context.tools.is_some() => {
            let message = "it takes files, and its agent type has no [files]";
            reader.note(&path, "/takes_files", message);
            None
        }
        (Some(false), _) => None,
        (_, rules) => rules.clone(),
    };
    let about = case::Context {
        folder: &format!("executions/{name}"),
        input_schema: input_schema.as_ref(),
        failure_codes: &failure_codes,
        // Without its agent.toml nobody knows.
        takes_files: file_rules.is_some() || context.tools.is_none(),
        has_script: reader.has(&at("rehearsal.toml")),
    };
    let mut cases = Vec::new();
    for name in reader.folder.folders(&at("cases")) {
        cases.extend(case::read(reader, &name, &about).map(Arc::new));
    }
    let file: ExecutionFile = reader.structure(&path, document?)?;
    let output_schema = match output_schema {
        Some(None) => return None,
        Some(Some(schema)) => Some(schema),
        None => None,
    };
    let input_schema = input_schema?;
    Some(ExecutionType {
        key: file.key,
        agent_type_key: context.agent_type_key.to_owned(),
        name: file.name,
        description: file.description,
        schema_version: schema_version(&input_schema, output_schema.as_ref()),
        input_schema,
        output_schema,
        examples: examples.into_iter().map(|(_, _, example)| example).collect(),
        file_rules,
        message: message?,
        validators,
        max_retries: file.max_retries,
        failure_codes,
        script: script?,
        cases,
        directory: reader
            .folder
            .directory
            .as_ref()
            .map(|it| it.join("executions").join(name)),
    })
}

fn message(reader: &mut Reader<'_>, path: &str) -> Option<MessageTemplate> {
    match MessageTemplate::parse(reader.text(path)?) {
        Ok(template) => Some(template),
        Err(error) => {
            reader.note(path, "", error.to_string());
            None
        }
    }
}

fn example(table: ExampleTable) -> Example {
    Example {
        name: table.name,
        description: table.description,
        input: table.input,
    }
}

// Each with the file and the place of its input.
type Located = (String, String, Example);

fn example_files(reader: &mut Reader<'_>, folder: &str) -> Vec<Located> {
    let mut examples = Vec::new();
    for path in reader.files_in(folder) {
        if !path.ends_with(".json") {
            continue;
        }
        let Some(document) = reader.json(&path) else {
            continue;
        };
        if reader.check(&path, "", &format::EXAMPLE, &document)
            && let Some(table) = reader.structure(&path, document)
        {
            examples.push((path, "/input".to_owned(), example(table)));
        }
    }
    examples
}

fn check_examples(
    reader: &mut Reader<'_>,
    examples: &[Located],
    schema: &Schema,
    message: Option<&MessageTemplate>,
    message_path: &str,
) {
    for (path, pointer, example) in examples {
        let is_valid = reader.check(path, pointer, schema, &example.input);
        // The message of a valid input without files is the least that a template must do.
        if let (true, Some(message)) = (is_valid, message)
            && let Err(error) = message.render(&example.input, &[])
        {
            let text = format!("fails on the example {:?}: {error}", example.name);
            reader.note(message_path, "", text);
        }
    }
}

fn validators(
    reader: &mut Reader<'_>,
    path: &str,
    tables: Vec<(usize, format::ValidatorTable)>,
    output_schema: &str,
    context: &Context<'_>,
) -> Vec<ValidatorSpec> {
    let mut validators = vec![ValidatorSpec {
        name: STOPPED_BY_AGENT.to_owned(),
        settings: Value::Object(serde_json::Map::new()),
    }];
    for (place, table) in tables {
        let at = |what: &str| format!("/validator/{place}/{what}");
        let settings = Value::Object(table.settings);
        if table.name == STOPPED_BY_AGENT {
            let message = format!("{STOPPED_BY_AGENT} is always first and need not be named");
            reader.note(path, &at("name"), message);
            continue;
        }
        let known = context.known.validators;
        match known.iter().find(|(name, _)| *name == table.name) {
            None => {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let message = format!(
                    "there is no validator {:?}; known are {}",
                    table.name,
                    names.join(", ")
                );
                reader.note(path, &at("name"), message);
            }
            Some((_, check)) => {
                if let Err(message) = check(&settings) {
                    reader.note(path, &at("settings"), message);
                }
            }
        }
        if table.name == "output_schema" && !reader.has(output_schema) {
            reader.note(path, &at("name"), "there is no output.schema.json");
        }
        // A validator that waits for a tool which the agent lacks would pass or refuse for ever.
        if let (Some(tool), Some(tools)) = (settings["tool"].as_str(), context.tools)
            && !tools.iter().any(|known| known == tool)
            && !context.mcp.iter().any(|server| server.may_have(tool))
        {
            let message = format!("the agent type has no tool {tool:?}");
            reader.note(path, &at("settings/tool"), message);
        }
        validators.push(ValidatorSpec {
            name: table.name,
            settings,
        });
    }
    validators
}

fn failure_codes(
    reader: &mut Reader<'_>,
    path: &str,
    tables: Vec<(usize, format::FailureCodeTable)>,
) -> Vec<FailureCode> {
    let built_in = failure::built_in();
    let mut codes = built_in.clone();
    for (place, table) in tables {
        // Another category was noted when the file was checked.
        let Some(category) = FailureCategory::from_stored(&table.category) else {
            continue;
        };
        if let Some(taken) = codes.iter().position(|known| known.code == table.code) {
            let owner = if taken < built_in.len() {
                "every execution type has this code already"
            } else {
                "the code is defined twice"
            };
            reader.note(path, &format!("/failure_code/{place}/code"), owner);
            continue;
        }
        codes.push(FailureCode {
            code: table.code,
            category,
            description: table.description,
            retryable: table.retryable.unwrap_or(category.is_retryable()),
        });
    }
    codes
}
