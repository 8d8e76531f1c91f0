//! A GraphQL document for the project's own schema, and its variables after a line of dashes.
#![no_main]

use std::sync::LazyLock;

use async_graphql::Variables;
use libfuzzer_sys::fuzz_target;
use wire::{DocumentLimits, Gate};

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let limits = DocumentLimits {
        // Remembered ones would hide the way that is to be tried.
        cached_documents: 0,
        ..DocumentLimits::default()
    };
    Gate::new(include_str!("../../schema.graphql"), limits).expect("the schema is one")
});

fuzz_target!(|text: &str| {
    let (document, variables) = text.split_once("\n---\n").unwrap_or((text, "{}"));
    let variables = || Variables::from_json(serde_json::from_str(variables).unwrap_or_default());
    let first = GATE.pass(document, None, variables()).is_ok();
    assert_eq!(first, GATE.pass(document, None, variables()).is_ok());
});
