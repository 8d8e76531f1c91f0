#!/usr/bin/env bash
# The dashboard in a real browser, against the real binary on fresh databases: builds the page, the binary that serves
# it, and runs tests/browser. What is given is handed on to Playwright: `scripts/browser.sh story`.
#
# Pictures of every page are kept in target/browser/screens, for whoever changed one to look at.
set -euo pipefail
cd "$(dirname "$0")/.."

CHROMIUM=$(scripts/chromium.sh)
npm --prefix web ci --loglevel=error
npm --prefix web run --silent check
npm --prefix web run --silent build
# After the page, which is part of the binary.
cargo build --quiet --locked
target=$(cargo metadata --no-deps --locked --format-version 1 |
    node -p 'JSON.parse(require("fs").readFileSync(0)).target_directory')
npm --prefix tests/browser ci --no-audit --no-fund --loglevel=error
npm --prefix tests/browser run --silent check
export CHROMIUM BINARY=$target/debug/agentic-executions BROWSER_ARTEFACTS=$target/browser
npm --prefix tests/browser run --silent test -- "$@"
