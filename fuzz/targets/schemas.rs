//! A JSON Schema, and an instance after a line of dashes.
#![no_main]

use agentic_executions::base::json_schema::Schema;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let (schema, instance) = text.split_once("\n---\n").unwrap_or((text, "null"));
    let Ok(schema) = serde_json::from_str::<Value>(schema) else { return };
    let instance: Value = serde_json::from_str(instance).unwrap_or_default();
    for compiled in [Schema::compile(schema.clone()), Schema::compile_foreign(schema)].into_iter().flatten() {
        for issue in compiled.check(&instance) {
            assert!(issue.pointer.is_empty() || issue.pointer.starts_with('/'), "{issue:?}");
        }
    }
});
