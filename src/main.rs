//! The binary: everything is in the library, so that others can build on the parts.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentic_executions::cli::main(std::env::args_os())
}
