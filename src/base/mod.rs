//! The ground floor: plain values that every other floor may use. No I/O, no async, no
//! knowledge of executions.

pub mod buckets;
pub mod chain;
pub mod clock;
pub mod cookie;
pub mod cursor;
pub mod failure;
pub mod id;
pub mod image;
pub mod intervals;
pub mod json_schema;
pub mod message;
pub mod network;
pub mod page;
pub mod period;
pub mod template;
pub mod text;
pub mod tls;
pub mod toml_text;
