//! The ground floor: plain values that every other floor may use. No I/O, no async, no
//! knowledge of executions.

pub mod clock;
pub mod cursor;
pub mod id;
pub mod message;
pub mod page;
pub mod text;
