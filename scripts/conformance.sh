#!/usr/bin/env bash
# GraphQL by the letter: the suite of wire/conformance on the probe schema, and what of it fits any schema on the server.
# Leaves out what takes minutes: wire/conformance/run.sh runs that too.
set -euo pipefail
cd "$(dirname "$0")/.."

# In the workspace's features, in which the tests have built it already.
cargo build --quiet --locked --workspace --bins --example probe
target=$(cargo metadata --no-deps --locked --format-version 1 |
    node -p 'JSON.parse(require("fs").readFileSync(0)).target_directory')
# Unoptimised and beside other work: a second still tells a bomb from a refusal; optimised the bound is 100 ms.
HOSTILE_MS=1000 CONFORMANCE_SLACK=10 PROBE=$target/debug/examples/probe wire/conformance/run.sh --quick

home=$(mktemp -d "${TMPDIR:-/tmp}/agentic-conformance.XXXXXX")
server=
clean_up() {
    local code=$?
    trap - EXIT INT TERM HUP
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$home"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

token=$(node -p 'require("crypto").randomBytes(32).toString("hex")')
AGENTIC_BOOTSTRAP_TOKEN=$token "$target/debug/agentic-executions" --listen 127.0.0.1:0 --demo=false \
    --database-url "sqlite://$home/rows.db" --files-url "file://$home/files" serve \
    >"$home/address" 2>"$home/log" &
server=$!
# It prints its address once it listens.
for _ in $(seq 1200); do
    [ ! -s "$home/address" ] || break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
if [ ! -s "$home/address" ]; then
    cat "$home/log" >&2
    exit 1
fi
# The probe stands in for these: our schema has no field that fails on purpose, and none that counts its calls.
echo '{"ops": {"mutationTwice": null, "mutationRuns": null, "partial": null, "nonNull": null}}' >"$home/config.json"
export CONFORMANCE_CONFIG=$home/config.json CONFORMANCE_SLACK=10 AUTHORIZATION="Bearer $token"
HTTP_URL=$(head -n 1 "$home/address")/graphql
export HTTP_URL
printf '\n== the server\n'
node wire/conformance/audit.mjs "$HTTP_URL"
# Passing checks are many: only what is not well is shown.
node wire/conformance/validate.mjs | { grep -v '^PASS' || true; }
node wire/conformance/sdl.mjs schema.graphql
