mod cases;
mod mcp;
mod mistakes;
mod reference;
mod shipped;
mod stage;

use serde_json::Value;

use super::{CheckSettings, Known};

fn any(_: &Value) -> Result<(), String> {
    Ok(())
}

fn wants_tool(settings: &Value) -> Result<(), String> {
    match settings["tool"].as_str() {
        Some(_) => Ok(()),
        None => Err("tool is required".to_owned()),
    }
}

const VALIDATORS: [(&str, CheckSettings); 5] = [
    ("json", any),
    ("output_schema", any),
    ("tool_succeeded", wants_tool),
    ("covers", wants_tool),
    ("accounts_for", wants_tool),
];

const KNOWN: Known<'static> = Known {
    tools: &[
        "list_files",
        "read_file",
        "search_records",
        "upsert_records",
        "fetch_page",
        "report_progress",
        "stop_execution",
    ],
    validators: &VALIDATORS,
    models: &["rehearsal"],
    unpriced_models: &[],
};
