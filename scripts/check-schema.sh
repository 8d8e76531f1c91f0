#!/usr/bin/env bash
# Fails when schema.graphql is not what the binary prints: `make schema` writes it.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -f schema.graphql ]; then
    echo "schema.graphql is not there yet: nothing to compare" >&2
    exit 0
fi
if ! cargo run --quiet -- schema | diff -u schema.graphql -; then
    echo "schema.graphql is stale: run 'make schema' and commit it" >&2
    exit 1
fi
