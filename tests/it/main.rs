//! The one integration-test binary: linking once is what keeps a change cheap to test.
//!
//! Every test that touches a database runs on SQLite and on PostgreSQL ([`support::both`]). To add
//! tests of a part: a module here, named after what it claims about.

mod access;
mod budgets;
mod children;
mod commands;
mod documents;
mod floors;
mod fuzz;
mod guarantees;
mod mcp;
mod mcp_servers;
mod migrations;
mod operating;
mod plans;
mod processes;
mod reference;
mod refusals;
mod rehearse;
mod sessions;
mod stats;
mod story;
mod support;
mod talks;
mod traces;
mod watching;
