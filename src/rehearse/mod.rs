//! Cases played and recorded: yesterday's execution as today's test. [`play`](play::play) launches
//! a case in a database and a file store of its own and lets a worker run it with the rehearsal
//! model; [`differences`](diff::differences) says where what came of it is not what ought to;
//! [`record`](record::record) makes a case of an execution that has ended.
//!
//! It runs executions as a server does, through `launch` and the worker, and has no loop of its own.
//! It never writes to the operator's database and never reaches another system: tools that would
//! are answered from the case. To add something that a case can expect: `definitions::case`, its
//! schema, and [`play::Played`].

pub mod diff;
mod met;
pub mod play;
pub mod record;

#[cfg(test)]
mod tests;
