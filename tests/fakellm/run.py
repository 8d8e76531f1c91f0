"""A whole invoice run on each of the two big APIs, as the package `fakellm` speaks them: the real binary reads a real
invoice by tool calls that the mock asks for, and books it. Usage: run.py SERVER TOKEN FAKELLM RULES

Besides what is streamed, one model is not; each provider fails at first; and one turn asks for a tool that there is not.
"""
import json
import sys
import time
import urllib.error
import urllib.request
import uuid

server, token, mock, rules_file = sys.argv[1:]
INVOICE = "definitions/invoice-scanning/executions/invoice-scanning/samples/invoice.csv"


def post(url, body, headers=None, plain=False):
    data = body if plain else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{url} answered {error.code}: {error.read().decode()}")


def ask(query, **variables):
    body = post(f"{server}/graphql", {"query": query, "variables": variables}, {"Authorization": f"Bearer {token}"})
    if "errors" in body:
        sys.exit(f"{query}\n{json.dumps(body['errors'], indent=1)}")
    return body["data"]


def mutate(name, selection, /, **given):
    kind = name[0].upper() + name[1:] + "Input"
    query = "mutation($input: %s!) { %s(input: $input) { %s errors { ... on UserError { code message } } } }"
    payload = ask(query % (kind, name, selection), input=given)[name]
    if payload["errors"]:
        sys.exit(f"{name}: {payload['errors']}")
    return payload


def upload(agent):
    """By the multipart request specification."""
    query = ("mutation($input: UploadFileInput!) { uploadFile(input: $input)"
             " { file { id } errors { ... on UserError { code message } } } }")
    variables = {"input": {"agentId": agent, "file": None}}
    parts = {
        "operations": json.dumps({"query": query, "variables": variables}),
        "map": json.dumps({"0": ["variables.input.file"]}),
    }
    boundary = uuid.uuid4().hex
    body = b""
    for name, text in parts.items():
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
    body += f'--{boundary}\r\nContent-Disposition: form-data; name="0"; filename="invoice.csv"\r\n\r\n'.encode()
    with open(INVOICE, "rb") as invoice:
        body += invoice.read() + f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Authorization": f"Bearer {token}",
        "GraphQL-Require-Preflight": "1",
    }
    payload = post(f"{server}/graphql", body, headers, plain=True)["data"]["uploadFile"]
    if payload["errors"]:
        sys.exit(f"uploadFile: {payload['errors']}")
    return payload["file"]["id"]


def load(rules):
    """JSON is YAML too."""
    with open(rules_file, "w", encoding="utf-8") as out:
        json.dump({"rules": rules}, out)
    post(f"{mock}/_fakellm/reload", {})


def call(tool, **arguments):
    return {"name": tool, "arguments": arguments}


def script(model, file):
    """What the mock says, by what our results have brought it: the farthest first, for it forgets none."""
    steps = [
        ("", "begin", [call("open_the_vault", n=1)]),
        ("there is no tool open_the_vault", "vault", [call("read_file", file_id=file)]),
        ("Stoneware mug", "invoice", [call("search_records", collection="products", keys=["MUG-001"])]),
        ('"stock":100', "stock", [
            call("upsert_records", collection="products", records=[{"key": "MUG-001", "document": {"stock": 124}}]),
            call("report_progress", done=1, total=1, note="booked"),
        ]),
    ]
    rules = [{
        "name": f"{model} booked",
        "when": {"model_matches": model, "tool_result_contains": "updated"},
        "respond": {"content": '{"MUG-001": "stock raised by 24 to 124"}'},
    }]
    for needle, name, calls in reversed(steps):
        when = {"model_matches": model}
        if needle:
            when["tool_result_contains"] = needle
        rules.append({"name": f"{model} {name}", "when": when, "respond": {"tool_calls": calls}})
    return rules


def asked():
    with urllib.request.urlopen(f"{mock}/_fakellm/stats", timeout=120) as answer:
        return json.load(answer)["by_rule"]


def wait_until(holds, what):
    end = time.monotonic() + 120
    while not (found := holds()):
        if time.monotonic() > end:
            sys.exit(f"waited in vain: {what}")
        time.sleep(0.1)
    return found


def run(data_set, name, model):
    mutate("upsertRecords", "records { id }", dataSetId=data_set, collection="products",
           records=[{"key": "MUG-001", "document": {"stock": 100}}])
    agent = mutate("createAgent", "agent { id }", dataSetId=data_set, agentTypeKey="invoice-scanning", name=name,
                   configuration={"model": name})["agent"]["id"]
    file = upload(agent)
    # The invoice's id in the execution is known only when that is there: until then the mock bides its time. By a fault,
    # of which a run takes few: by answers a run that we are slow to interrupt would come to its limits.
    load([{"name": f"{model} bides", "respond": {"status": 500, "error": "down for a moment"}}])
    execution = mutate("launchExecution", "execution { id files { id } }", agentId=agent,
                       executionKey="invoice-scanning", fileIds=[file])["execution"]
    rules = script(model, execution["files"][0]["id"])
    wait_until(lambda: asked().get(f"{model} bides"), f"{name} is asked")
    load(rules)
    execution = execution["id"]
    query = """query($id: ID!) { execution(id: $id) { status result failure { code explanation }
      conversation { messages(last: 50) { nodes { role model parts { __typename
        ... on ToolCallPart { tool } ... on ToolResultPart { tool isError } } } } } } }"""
    def ended():
        found = ask(query, id=execution)["execution"]
        return found if found["status"] in ("FINISHED", "FAILED") else None

    found = wait_until(ended, f"{name} ends")
    expected = {"MUG-001": "stock raised by 24 to 124"}
    if found["status"] != "FINISHED" or found["result"] != expected:
        sys.exit(f"{name}: {json.dumps(found, indent=1)}")
    messages = found["conversation"]["messages"]["nodes"]
    models = {message["model"] for message in messages if message["role"] == "ASSISTANT"}
    results = [part for message in messages for part in message["parts"] if part["__typename"] == "ToolResultPart"]
    errors = [part["tool"] for part in results if part["isError"]]
    made = [part["tool"] for part in results]
    expected = ["open_the_vault", "read_file", "search_records", "upsert_records", "report_progress"]
    if models != {name} or sorted(made) != sorted(expected) or errors != ["open_the_vault"]:
        sys.exit(f"{name}: {models} {results}")
    records = ask("""query($id: ID!) { dataSet(id: $id) { records(collection: "products", first: 10)
      { nodes { key document } } } }""", id=data_set)["dataSet"]["records"]["nodes"]
    if [record["document"]["stock"] for record in records] != [124]:
        sys.exit(f"{name}: {records}")
    by_rule = asked()
    of_model = {rule["name"]: by_rule.get(rule["name"], 0) for rule in rules}
    if set(of_model.values()) != {1} or "<fallthrough>" in by_rule:
        sys.exit(f"{name}: each turn once, and nothing else: {by_rule}")
    print(f"{name}: the invoice is booked", file=sys.stderr)


data_set = mutate("createDataSet", "dataSet { id }", name="fakellm")["dataSet"]["id"]
run(data_set, "streamed-openai", "gpt-fake")
run(data_set, "streamed-anthropic", "claude-fake")
run(data_set, "whole-openai", "gpt-whole")
run(data_set, "whole-anthropic", "claude-whole")
