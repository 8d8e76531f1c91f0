//! agentic-executions: launch autonomous agent jobs, watch them live, read what they did.
//!
//! The modules are floors; imports go down only. `ARCHITECTURE.md` is the map, and
//! `tests/it/floors.rs` holds the sources to it.

pub mod base;
pub mod bus;
pub mod child;
pub mod cli;
pub mod config;
pub mod db;
pub mod definitions;
pub mod documents;
pub mod domain;
pub mod fetch;
pub mod graphql;
pub mod http;
pub mod mcp;
pub mod model;
pub mod rehearse;
pub mod runner;
pub mod storage;
pub mod telemetry;
