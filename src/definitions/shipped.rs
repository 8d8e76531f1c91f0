//! The definitions that come with the binary, and the records of the demo data set. They are files
//! like any other, in `definitions/` at the top of the project; a debug build reads them from
//! there at start.

use rust_embed::RustEmbed;
use serde_json::{Map, Value};

#[derive(RustEmbed)]
#[folder = "definitions"]
pub(super) struct Shipped;

/// What the demo data set starts with: for each collection, `{key, document}` for each record.
pub fn demo_records() -> Map<String, Value> {
    let file = Shipped::get("demo.json").expect("definitions/demo.json is shipped");
    serde_json::from_slice(&file.data).expect("definitions/demo.json is an object")
}
