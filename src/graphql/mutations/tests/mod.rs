//! What every mutation does and refuses, at the schema. A refusal stores nothing: each row of a
//! table of refusals looks at all tables and files.

mod administration;
mod conversations;
mod executions;
mod uploads;
pub(in crate::graphql) mod world;
