#!/usr/bin/env bash
# Fuzzes one target for so many seconds: run.sh TARGET [SECONDS] [libFuzzer options]. Seeds come from the project; 0
# seconds fill the corpus alone.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:?which target? See fuzz/README.md}
seconds=${2:-300}
shift $(($# > 2 ? 2 : $#))
corpus=fuzz/corpus/$target
mkdir -p "$corpus"

# A seed begins with the byte that says what it is.
seed() {
    local name
    name=$(printf '%s-%s' "$1" "$(basename "$2")" | tr -c 'A-Za-z0-9.\n-' '_')
    { printf "\\x$(printf '%02x' "$1")"; cat "$2"; } >"$corpus/$name"
}
case $target in
documents)
    for file in tests/documents/*.{csv,json,md}; do seed 0 "$file"; done
    for file in tests/documents/*.xlsx; do seed 1 "$file"; done
    for file in tests/documents/*.pdf; do seed 3 "$file"; done
    for file in web/*.html src/http/tests/dist/*.html; do seed 4 "$file"; done
    printf '\x04<title>Mugs</title><p>A <b><i>mug</b>s</i><ul><li>blue</ul><table><tr><td rowspan=2>1<td colspan=3>2<tr><th>3</table>' >"$corpus/4-table"
    for file in tests/documents/*.xlsx; do
        python3 - "$file" "$corpus" <<'PYTHON'
import os, sys, zipfile
path, corpus = sys.argv[1:]
if zipfile.is_zipfile(path):
    parts = ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml",
             "xl/_rels/workbook.xml.rels", "_rels/.rels"]
    with zipfile.ZipFile(path) as pack:
        known = set(pack.namelist())
        texts = [pack.read(part).decode() if part in known else "" for part in parts]
    with open(os.path.join(corpus, "2-" + os.path.basename(path)), "wb") as out:
        out.write(b"\x02" + "\n---\n".join(texts).encode())
PYTHON
    done
    ;;
definitions)
    place=0
    for file in agent.toml configuration.schema.json rehearsal.toml prompts/execution.md \
        executions/TYPE/{execution.toml,input.schema.json,output.schema.json,message.md.j2,rehearsal.toml}; do
        for folder in definitions/*/; do
            path=$folder${file/TYPE/$(basename "$folder")}
            if [ -f "$path" ]; then seed "$place" "$path" && mv "$corpus/$place-$(basename "$path")" "$corpus/$place-$(basename "$folder")-$(basename "$path")"; fi
        done
        place=$((place + 1))
    done
    ;;
answers)
    answer() { printf "\\x$(printf '%02x' "$1")\\x07%b" "$2" >"$corpus/$1-$3"; }
    call='"tool_calls":[{"index":0,"id":"a","function":{"name":"count","arguments":"{}"}}]'
    usage='"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}'
    answer 0 'data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm","content":"hi"}}]}\n\ndata: {"choices":[{"delta":{},"finish_reason":"stop"}],'"$usage"'}\n\ndata: [DONE]\n\n' text
    answer 0 'data: {"choices":[{"index":0,"delta":{'"$call"'}}]}\n\ndata: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n' call
    answer 1 '{"choices":[{"message":{"content":"hi",'"$call"'},"finish_reason":"stop"}],'"$usage"'}' whole
    answer 2 'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":9}}}\n\nevent: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}\n\nevent: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n' text
    answer 3 '{"type":"message","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"tool_use","id":"a","name":"count","input":{"n":1}}],"stop_reason":"tool_use","usage":{"input_tokens":9,"output_tokens":2}}' whole
    answer 4 'data: {"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"functionCall":{"name":"count","args":{"n":1}},"thoughtSignature":"s"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9}}\r\n\r\n' call
    answer 5 '[{"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}]}]' whole
    answer 6 '{"message":{"content":"hi","tool_calls":[{"function":{"name":"count","arguments":{"n":1}}}]},"done":false}\n{"message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":9}\n' text
    ;;
gate)
    find web/src clients docs tests -name node_modules -prune -o -name '*.graphql' -size -20k -exec cp {} "$corpus/" \;
    ;;
schemas)
    find definitions src -name '*.schema.json' -size -20k | while read -r file; do
        { cat "$file"; printf '\n---\n{"a": 1}'; } >"$corpus/$(echo "$file" | tr / _)"
    done
    ;;
tokens)
    printf 'exe_0190163d8694739db90f1d2ac7a1ff06' >"$corpus/id"
    ;;
esac

[ "$seconds" -gt 0 ] || exit 0
options=()
cargo fuzz --version >/dev/null 2>&1 || { echo "cargo install cargo-fuzz" >&2; exit 1; }
if ! rustc --version | grep -q nightly; then
    export RUSTC_BOOTSTRAP=1
    options=(--sanitizer none)
fi
# Documents are taken apart in a child with limits: what takes long or much there is that child's end.
exec cargo fuzz run "${options[@]}" "$target" "$corpus" -- -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096 \
    -max_len=65536 -print_final_stats=1 "$@"
