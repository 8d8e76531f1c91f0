//! The tables as sea-orm entities: one file a table, plain rows, no rules.
//!
//! Instants are milliseconds since 1970 (UTC), JSON is text with member order kept, enums are
//! lower-case text: SQLite and PostgreSQL then store, sort and compare alike. API types are never
//! derived here. To add a table: a migration, a file here, a query module in `db`.

pub mod access_token;
pub mod agent;
pub mod blob;
pub mod budget_use;
pub mod change;
pub mod conversation;
pub mod data_set;
pub mod event;
pub mod execution;
pub mod execution_label;
pub mod execution_payload;
pub mod file;
pub mod file_store;
pub mod idempotency_key;
pub mod member;
pub mod record;
pub mod run;
pub mod session;
pub mod sign_in_code;
pub mod tool_start;
pub mod usage_day;
pub mod user;
