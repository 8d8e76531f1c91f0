//! From a claimed run to its journal entries: the agent loop, its tools and validators, the worker
//! that leases runs and the sweeper that ends what nobody works on.
//!
//! A [`Worker`] claims runs, keeps their leases and drives each in a task of its own. A run's whole
//! state is the fold of its journal ([`transcript`]), so resuming after a crash and going on after
//! a step are the same code. Every write goes through [`held::Held`]: fence and lease are checked in
//! the writing transaction, and what is written together is durable together.
//!
//! It never speaks to a client, never decides who may do what, and never writes without the lease.
//! To add a tool or a validator: `tools/` and `validators/` say how; a program that uses this crate
//! as a library registers its own in the same [`Registry`].

mod budget;
mod calls;
mod drive;
mod execution;
mod exit;
mod held;
mod lease;
mod mcp;
mod model;
mod outage;
mod registry;
mod reply;
pub mod strangers;
pub mod sweeper;
pub mod tools;
mod transcript;
pub mod validators;
mod worker;

pub use held::Held;
pub use registry::{Names, Registry};
pub use worker::{Deps, Handle, Settings, Worker};

#[cfg(test)]
mod tests;
