#!/usr/bin/env bash
# Figures of this machine. Called by `make bench`, beside a PostgreSQL.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -d benches ]; then
    echo "there is nothing to measure yet" >&2
    exit 1
fi
cargo bench --locked
