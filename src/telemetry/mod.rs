//! What the server says about itself: log lines on standard error, and numbers for `/metrics`,
//! and traces to a collector where there is one.
//! Anyone may count with the `metrics` macros and log with those of `tracing`; this installs what
//! collects them, once a process, and knows nobody who does.
//!
//! To add a number: count where it happens, and describe it in `metrics`, so that
//! operators can read what it means.

pub mod log;
pub mod metrics;
pub mod traces;
