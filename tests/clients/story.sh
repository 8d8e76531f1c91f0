#!/usr/bin/env bash
# The API by curl alone: a launch with a file, its events as they come, a cut and where it goes on, refusals, pages,
# idempotency, the file downloaded. Wants URL (of /graphql) and TOKEN of a demo that serves tests/definitions too. Prints what it holds for true.
set -euo pipefail
: "${URL:?}" "${TOKEN:?}"
samples=${PROJECT:-$(cd "$(dirname "$0")/../.." && pwd)}/definitions/invoice-scanning/executions/invoice-scanning/samples
work=$(mktemp -d "${TMPDIR:-/tmp}/agentic-curl.XXXXXX")
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAIL: $1" >&2
    [ -z "${2:-}" ] || printf '%s\n' "$2" >&2
    exit 1
}
holds() { # holds CLAIM TEXT PATTERN
    grep -qE "$3" <<<"$2" || fail "$1: no match for $3" "$2"
    echo "ok   $1"
}
curl() { command curl --silent --show-error --max-time 120 "$@"; }
gql() { curl "$URL" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d "$1" "${@:2}"; }
status() { curl -o /dev/null -w '%{http_code}' "$URL" "$@"; }
# The value of a string member, the first one of that name.
value() { grep -oE "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d'"' -f4; }

holds 'no token is 401, before the body is read' "$(status -H 'Content-Type: application/json' -d '{')" '^401$'
holds 'a document that is not valid is 400 to whoever accepts GraphQL responses' \
    "$(status -H "Authorization: Bearer $TOKEN" -H 'Accept: application/graphql-response+json' -H 'Content-Type: application/json' -d '{"query": "{ nope }"}')" '^400$'
holds 'a mutation by GET is 405' \
    "$(status -G -H "Authorization: Bearer $TOKEN" --data-urlencode 'query=mutation { __typename }')" '^405$'
holds 'a query by GET is answered' \
    "$(curl -G "$URL" -H "Authorization: Bearer $TOKEN" --data-urlencode 'query={ viewer { name } }')" '"name":"demo"'

agents=$(gql '{"query": "{ agents { nodes { id agentTypeKey } } }"}')
agent_of() { grep -oE '"id":"agt_[0-9a-f]+","agentTypeKey":"'"$1"'"' <<<"$agents" | cut -d'"' -f4; }
agent=$(agent_of invoice-scanning)
launch='mutation ($input: LaunchExecutionInput!) { launchExecution(input: $input) { created execution { id status streamCursor files { filename downloadUrl } conversation { id } } errors { __typename ... on UserError { code message path } ... on InputValidationError { issues { pointer keyword } } ... on FileRejectedError { rule } } } }'
upload() { # upload FILE NAME [HEADER]
    curl "$URL" -H "Authorization: Bearer $TOKEN" ${3:+-H "$3"} \
        -F 'operations={"query": "'"$launch"'", "variables": {"input": {"agentId": "'"$agent"'", "executionKey": "invoice-scanning", "files": [null]}}}' \
        -F 'map={"0": ["variables.input.files.0"]}' -F "0=@$1;filename=$2"
}
holds 'an upload without a header that forces a preflight is refused' "$(upload "$samples/invoice.csv" invoice.csv)" 'BAD_USER_INPUT|FORBIDDEN'
launched=$(upload "$samples/invoice.csv" invoice.csv 'GraphQL-Require-Preflight: 1')
holds 'a launch with a file is accepted' "$launched" '"created":true.*"filename":"invoice.csv".*"errors":\[\]'
execution=$(value id <<<"$launched")
conversation=$(grep -oE 'con_[0-9a-f]+' <<<"$launched")
head -c 200000 /dev/zero >"$work/zero.csv"
holds 'a file that is not what its name says is refused by rule' "$(upload "$work/zero.csv" zero.csv 'GraphQL-Require-Preflight: 1')" '"code":"FILE_REJECTED".*"rule":"CONTENT"'

events='{"query": "subscription ($id: ID!, $after: StreamCursor) { conversationEvents(id: $id, after: $after) { __typename sequence cursor } }", "variables": {"id": "'"$conversation"'"}}'
stream() { # stream [HEADER]
    gql "$events" -N -H 'Accept: text/event-stream' ${1:+-H "$1"}
}
stream >"$work/all"
holds 'server-sent events end with the execution' "$(tail -n 3 "$work/all" | tr '\n' '|')" 'event: complete\|data:\|'
numbers() { grep -oE '"sequence":[0-9]+' "$1" | cut -d: -f2; }
last=$(numbers "$work/all" | tail -n 1)
[ "$(numbers "$work/all")" = "$(seq "$last")" ] || fail 'the events have no gap' "$(cat "$work/all")"
[ "$last" -ge 8 ] || fail "an invoice takes more than $last events"
echo "ok   $last events, none left out, none twice"
grep -qE '^id: .+' "$work/all" || fail 'events carry an id'

# Cut after the third event, and go on with its id.
third=$(grep -E '^id: ' "$work/all" | sed -n 3p | cut -d' ' -f2)
stream "Last-Event-ID: $third" >"$work/rest"
[ "$(numbers "$work/rest")" = "$(seq 4 "$last")" ] || fail 'Last-Event-ID goes on behind that event' "$(cat "$work/rest")"
echo 'ok   Last-Event-ID goes on behind that event'
holds "another stream's position is refused" \
    "$(gql '{"query": "subscription { executionStatus(id: \"'"$execution"'\") { cursor } }"}' -N -H 'Accept: text/event-stream' -H "Last-Event-ID: $third")" 'BAD_CURSOR'

result=$(gql '{"query": "{ execution(id: \"'"$execution"'\") { status result failure { code } files { downloadUrl } } }"}')
holds 'it is finished, with a result' "$result" '"status":"FINISHED","result":\{.*"failure":null'
curl "${URL%/graphql}$(value downloadUrl <<<"$result")" -H "Authorization: Bearer $TOKEN" -o "$work/back.csv"
cmp -s "$work/back.csv" "$samples/invoice.csv" || fail 'the file comes back as it was'
echo 'ok   the file comes back as it was'
holds 'its conversation can only be read' \
    "$(gql '{"query": "mutation { sendMessage(input: {conversationId: \"'"$conversation"'\", text: \"thanks\"}) { errors { ... on UserError { code message } } } }"}')" \
    '"CONVERSATION_READ_ONLY","message":"This conversation is read-only."'

start() { gql '{"query": "'"$launch"'", "variables": {"input": {"agentId": "'"$agent"'", "executionKey": "invoice-scanning", '"$1"'}}}'; }
holds 'an input that breaks the schema is told whole' "$(start '"input": {"skus": 3, "colour": 3}')" '"pointer":"/skus","keyword":"type".*"keyword":"additionalProperties"'
first=$(start '"idempotency": {"key": "story"}')
again=$(start '"idempotency": {"key": "story"}')
[ "$(value id <<<"$first")" = "$(value id <<<"$again")" ] || fail 'the same key launches once' "$first $again"
holds 'the same key launches once' "$again" '"created":false'
holds 'the same key with another payload is a conflict' "$(start '"idempotency": {"key": "story"}, "labels": ["x"]')" '"code":"IDEMPOTENCY_CONFLICT"'
slow=$(gql '{"query": "'"$launch"'", "variables": {"input": {"agentId": "'"$(agent_of trials)"'", "executionKey": "slow"}}}' | value id)
cancel='cancelExecution(input: {id: \"'"$slow"'\", reason: \"no longer wanted\"}) { errors { ... on UserError { code } } }'
holds 'a cancel is accepted at any time, twice too' \
    "$(gql '{"query": "mutation { a: '"$cancel"' b: '"$cancel"' }"}')" '"a":\{"errors":\[\]\},"b":\{"errors":\[\]\}'

page='query ($after: String) { executions(first: 1, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }'
answer=$(gql '{"query": "'"$page"'"}')
seen=$(value id <<<"$answer")
count=1
while grep -q '"hasNextPage":true' <<<"$answer"; do
    answer=$(gql '{"query": "'"$page"'", "variables": {"after": "'"$(value endCursor <<<"$answer")"'"}}')
    seen="$seen $(value id <<<"$answer")"
    count=$((count + 1))
done
[ "$(tr ' ' '\n' <<<"$seen" | sort -u | wc -l)" = "$count" ] || fail 'pages repeat nothing' "$seen"
echo "ok   $count executions in pages of one, each once"
holds 'more than a page may have is an error, not a cut' "$(gql '{"query": "{ executions(first: 101) { nodes { id } } }"}')" 'LIMIT_EXCEEDED|BAD_USER_INPUT'
