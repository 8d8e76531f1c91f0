#!/usr/bin/env bash
# Clients of other people against the real binary: what clients/ holds for client authors, Apollo, urql, generated
# types, curl and a Rust client. Each starts a server of its own on a fresh database with the demo.
set -euo pipefail
cd "$(dirname "$0")/.."

# In the workspace's features, in which the tests have built it already.
[ "${1:-}" = --built ] || cargo build --quiet --locked --workspace --bins --example probe
PROJECT=$PWD
BINARY=$(cargo metadata --no-deps --locked --format-version 1 |
    node -p 'JSON.parse(require("fs").readFileSync(0)).target_directory')/debug/agentic-executions
export PROJECT BINARY

install() { npm --prefix "$1" ci --no-audit --no-fund --loglevel=error; }

printf '\n== for client authors\n'
install clients
npm --prefix clients test --silent

printf '\n== clients\n'
install tests/clients
npm --prefix tests/clients run --silent docs
npm --prefix tests/clients run --silent codegen >/dev/null
npm --prefix tests/clients run --silent compile
# One file at a time: each holds up sockets and clocks, and two servers beside them are enough for two cores. The limit
# is for a whole file, and tells what hangs from a slow machine: each wait within has one of its own.
(cd tests/clients && node --test --test-concurrency=1 --test-timeout=900000 --test-reporter=spec dist/tests/clients/src/)
