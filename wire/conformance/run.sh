#!/usr/bin/env bash
# The conformance suite against the probe schema (examples/probe), proven on the reference server first.
#   wire/conformance/run.sh [--quick] [--debug]
# --quick leaves out what takes tens of seconds (ws.mjs --slow) and the proof on the reference.
# --debug runs an unoptimised probe; memory and times then say little.
# PROBE=<program> runs that one and builds none.
# CONFORMANCE_SLACK=<n> waits n times longer, for machines that others use too.
# Exits with 1 if a MUST or SHOULD fails, or a bound of memory or time is passed.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"
quick= profile=release
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    --debug) profile=debug ;;
    *) echo "unknown: $argument" >&2; exit 2 ;;
  esac
done

servers=()
trap 'for server in "${servers[@]}"; do kill "$server" 2>/dev/null; done' EXIT
failed=()
step() { # name command...
  local name=$1; shift
  echo; echo "== $name"
  "$@" || failed+=("$name")
}
free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
start() { # command...: runs it with a free port, in PORT and as its last word, and waits until it listens; sets pid and port
  for _ in 1 2 3; do
    port=$(free_port)
    PORT=$port "$@" "$port" >/dev/null & pid=$!; servers+=("$pid")
    for _ in $(seq 600); do
      # One that has ended was not the one that listens: somebody took the port in between, and there are others.
      kill -0 "$pid" 2>/dev/null || continue 2
      (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
      sleep 0.1
    done
  done
  echo "does not listen: $*" >&2
  return 1
}

[ -d node_modules ] && [ node_modules -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error || exit 1
# The lock file must work with any registry: `npm config set omit-lockfile-registry-resolved true` before it is made.
if grep -q '"resolved": "http' package-lock.json; then
  echo "package-lock.json names the registry that it was made with" >&2; exit 1
fi
if [ -n "${PROBE:-}" ]; then
  probe=$PROBE
else
  build=(cargo build --quiet --example probe)
  [ "$profile" = release ] && build+=(--release)
  (cd .. && "${build[@]}") || exit 1
  probe=$(cd .. && cargo metadata --no-deps --format-version 1 | node -p 'JSON.parse(require("fs").readFileSync(0)).target_directory')/$profile/examples/probe
fi

if [ -z "$quick" ]; then
  # What the reference lacks (limits, uploads, persisted queries, streams over HTTP, q-values) is not asked of it.
  lacks_http=accept-q,accept-q0,get-empty-params,err-coercion,err-codes,limit-body,limit-aliases,limit-directives
  lacks_http+=,limit-errors,compression,upload-one,upload-list,upload-limit,apq,apq-code,apq-mismatch,sse-subscription
  lacks_http+=,sse-query,sse-validation,sse-complete-data,sse-keepalive,multipart-subscription,multipart-apollo-accept
  start node reference-server.mjs 2>/dev/null || { echo "the reference does not listen" >&2; exit 1; }
  reference=(env HTTP_URL="http://127.0.0.1:$port/graphql" WS_URL="ws://127.0.0.1:$port/ws")
  step "reference: audit" "${reference[@]}" node audit.mjs "http://127.0.0.1:$port/graphql"
  step "reference: validate" "${reference[@]}" node validate.mjs
  step "reference: http" "${reference[@]}" node http.mjs --no-bomb --allow=$lacks_http
  step "reference: ws" "${reference[@]}" node ws.mjs --allow=hs-origin,err-parse,limit-ops
  step "reference: clients" "${reference[@]}" node clients.mjs --allow=apollo-apq,apollo-multipart,urql-fetch-subscription
fi

RUST_BACKTRACE=0 start "$probe" || exit 1
export HTTP_URL="http://127.0.0.1:$port/graphql" WS_URL="ws://127.0.0.1:$port/graphql" PID=$pid
step "memory" bash -c "ulimit -n \$(ulimit -Hn); node memory.mjs $WS_URL $pid 2000 1 20"
step "audit" node audit.mjs "$HTTP_URL"
step "http" node http.mjs
step "ws" node ws.mjs $([ -z "$quick" ] && echo --slow)
step "validate" node validate.mjs
step "clients" node clients.mjs
step "hostile" node hostile.mjs

echo
if [ ${#failed[@]} -gt 0 ]; then printf 'FAILED: %s\n' "${failed[*]}"; exit 1; fi
echo "all conform"
