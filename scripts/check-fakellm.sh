#!/usr/bin/env bash
# Runs the invoice scanner on the two big APIs, as the mock `fakellm` from PyPI speaks them: the real binary, streamed
# and not, with a fault. Installs the mock under target/; needs Python 3.10 with venv, Debian's where there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.3.5
venv=$PWD/target/fakellm-$version
if [ ! -x "$venv/bin/fakellm" ]; then
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
        echo "fakellm: installing Debian's python3-venv" >&2
        if ! { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends python3-venv; } >&2; then
            echo "fakellm: could not be installed: install the package python3-venv" >&2
            exit 1
        fi
    fi
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "fakellm==$version" || {
        rm -rf "$venv"
        exit 1
    }
fi

binary=$PWD/target/debug/agentic-executions
home=$(mktemp -d "${TMPDIR:-/tmp}/agentic-fakellm.XXXXXX")
pids=()
clean_up() {
    local code=$?
    trap - EXIT INT TERM HUP
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$home"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

echo '{"rules": []}' >"$home/rules.yaml"
# The port is free when it is looked for: where somebody takes it before the mock does, that ends, and there are others.
mock=
for _ in 1 2 3; do
    port=$("$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    FAKELLM_CONFIG=$home/rules.yaml "$venv/bin/uvicorn" fakellm.server:app --host 127.0.0.1 --port "$port" \
        --log-level warning >"$home/mock.log" 2>&1 &
    pid=$!
    pids+=("$pid")
    for _ in $(seq 600); do
        kill -0 "$pid" 2>/dev/null || continue 2
        curl -sf -o /dev/null "http://127.0.0.1:$port/_fakellm/stats" && break
        sleep 0.1
    done
    mock=http://127.0.0.1:$port
    break
done
[ -n "$mock" ] || {
    cat "$home/mock.log" >&2
    exit 1
}

model() {
    printf '[[model]]\nname = "%s"\nprovider = "%s"\nmodel = "%s"\nbase_url = "%s/v1"\napi_key_env = "FAKE_KEY"\nstreaming = %s\n' \
        "$1" "$2" "$3" "$mock" "$4"
}
{
    model streamed-openai openai gpt-fake true
    model streamed-anthropic anthropic claude-fake true
    model whole-openai openai-compatible gpt-whole false
    model whole-anthropic anthropic claude-whole false
} >"$home/models.toml"

token=$("$venv/bin/python" -c 'import secrets; print(secrets.token_hex(32))')
FAKE_KEY=not-used AGENTIC_BOOTSTRAP_TOKEN=$token "$binary" --listen 127.0.0.1:0 --demo=false \
    --models "$home/models.toml" --database-url "sqlite://$home/rows.db" --files-url "file://$home/files" serve \
    >"$home/address" 2>"$home/log" &
pids+=($!)
server=$!
for _ in $(seq 1200); do
    [ ! -s "$home/address" ] || break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
[ -s "$home/address" ] || {
    cat "$home/log" >&2
    exit 1
}
timeout 900 "$venv/bin/python" tests/fakellm/run.py "$(head -n 1 "$home/address")" "$token" "$mock" "$home/rules.yaml" || {
    tail -n 20 "$home/log" "$home/mock.log" >&2
    exit 1
}
