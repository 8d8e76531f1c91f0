//! Whole runs on a database of their own, with a model that a test plays and tools that it gates.

mod budgets;
mod executions;
mod explanations;
mod failures;
mod leases;
mod providers;
mod replies;
mod stage;
