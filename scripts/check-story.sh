#!/usr/bin/env bash
# Runs the README's five minutes with curl as they are written, on a fresh database, and looks for
# what the README promises. Only the port is another, for 8000 may be taken.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=$PWD/target/debug/agentic-executions
home=$(mktemp -d "${TMPDIR:-/tmp}/agentic-story.XXXXXX")
server=
clean_up() {
    if [ -n "$server" ]; then
        kill -KILL "$server" 2>/dev/null || true
        # Or the shell says itself that it was killed.
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$home"
}
trap clean_up EXIT

export DATABASE_URL=sqlite://$home/story.db AGENTIC_FILES_URL=file://$home/files
AGENTIC_LISTEN=127.0.0.1:0 "$binary" >"$home/address" 2>"$home/log" &
server=$!
for _ in $(seq 300); do
    [ -s "$home/address" ] && break
    sleep 0.1
done
address=$(cat "$home/address")
[ -n "$address" ] || {
    cat "$home/log" >&2
    exit 1
}

# The indented lines of the section are the commands.
awk '/^## /{ inside = /Five minutes with curl/ } inside && /^    /{ print substr($0, 5) }' README.md |
    sed -e "s|http://127.0.0.1:8000|$address|g" -e "s|cargo run -q --|$binary|g" >"$home/story.sh"
timeout 60 bash -eu "$home/story.sh" >"$home/said" 2>&1 || {
    echo "the README's story failed:" >&2
    cat "$home/said" >&2
    exit 1
}
for promise in '"status":"PENDING"' '"status":"FINISHED"' 'event: complete' 'stock raised by' '"role":"ASSISTANT","model":"rehearsal"' \
    '"code":"CONVERSATION_READ_ONLY","message":"This conversation is read-only."' '"pointer":"/skus"' '"property":"colour"'; do
    grep -qF "$promise" "$home/said" || {
        echo "the README's story does not say $promise:" >&2
        cat "$home/said" >&2
        exit 1
    }
done
echo "the README's story works as written" >&2
