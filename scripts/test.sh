#!/usr/bin/env bash
# Everything that must hold, cheapest first. Called by `make test`, beside a PostgreSQL.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*" >&2; }

if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    step "Rust's own tools"
    rustup component add rustfmt clippy
fi
step format
cargo fmt --all --check
step lint
cargo clippy --workspace --all-targets --locked -- -D warnings
step docs
# With private items, for a file's opening words point at the parts that it is made of.
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
if cargo deny --version >/dev/null 2>&1; then
    step dependencies
    cargo deny check
else
    echo "cargo-deny is not installed: licences and advisories were not checked" >&2
fi
step build
cargo build --locked
step schema
scripts/check-schema.sh
step contract
scripts/check-contract.sh
step "the README's story"
scripts/check-story.sh
step "the shipped cases"
target/debug/agentic-executions rehearse test
step "a real run on a mock of the big APIs"
scripts/check-fakellm.sh
step "MCP servers for the tests"
npm --prefix tests/mcp ci --no-audit --no-fund --loglevel=error
step tests
# Once more on PostgreSQL: the unit tests that touch a database. The others choose for themselves.
# One at a time, for an open transaction of another test holds the change log back on the whole server,
# and these look at single frames.
UNIT_TESTS_ON=postgres cargo test --lib --locked -- --test-threads=1 graphql:: http:: runner::
cargo test --workspace --locked
step conformance
scripts/conformance.sh
step "the dashboard in a browser"
scripts/browser.sh
step clients
scripts/clients.sh
