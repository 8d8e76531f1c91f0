//! The library under the `agentic-executions` binary.
