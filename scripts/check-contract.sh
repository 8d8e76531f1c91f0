#!/usr/bin/env bash
# Fails when schema.graphql breaks a client of the contract in tests/contract/.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -f tests/contract/package.json ]; then
    echo "tests/contract/ is not there yet: nothing to compare" >&2
    exit 0
fi
npm --prefix tests/contract ci --no-audit --no-fund --loglevel=error
npm --prefix tests/contract test --silent
