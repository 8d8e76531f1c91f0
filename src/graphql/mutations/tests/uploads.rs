//! Files: every rule, and nothing left of what was refused.

use serde_json::{Value, json};

use super::world::{World, agent, refusal};
use crate::base::id::Kind;
use crate::domain::files;

const LAUNCH: &str = "launchExecution";
const RULE: &str = "execution { files { id filename sizeBytes contentType sha256 } } \
                    errors { ... on FileRejectedError { rule index filename rules { maxFiles } } }";

const CSV: &[u8] = b"sku,quantity\na,1\n";

fn job(agent_id: String, files: usize) -> Value {
    let key = "musing";
    json!({ "agentId": agent_id, "executionKey": key, "files": vec![Value::Null; files] })
}

/// Files by name, the rule that is broken, the path to the file that breaks it.
type Row<'a> = (Vec<(&'a str, &'a [u8])>, &'a str, &'a str);

#[tokio::test]
async fn every_file_rule_is_named_and_nothing_of_a_refused_request_stays() {
    let world = World::new().await;
    let before = world.stored().await;
    let long = format!("{}.csv", "a".repeat(252));
    let rows: Vec<Row<'_>> = vec![
        (vec![(&long, CSV)], "FILENAME", "input.files.0"),
        (
            vec![("a.csv", CSV), ("b.csv", CSV), ("c.csv", CSV)],
            "TOO_MANY",
            "input.files",
        ),
        (vec![("a.csv", CSV), ("b.exe", CSV)], "EXTENSION", "input.files.1"),
        (
            vec![("a.csv", CSV), ("noextension", CSV)],
            "EXTENSION",
            "input.files.1",
        ),
        (vec![("a.csv", CSV), ("b.csv", b"")], "EMPTY", "input.files.1"),
        (vec![("a.csv", &[b'a'; 65])], "TOO_LARGE", "input.files.0"),
        (
            vec![("a.csv", &[b'a'; 60]), ("b.csv", &[b'a'; 60])],
            "TOTAL_TOO_LARGE",
            "input.files",
        ),
        (
            vec![
                ("a.csv", CSV),
                ("b.csv", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0"),
            ],
            "CONTENT",
            "input.files.1",
        ),
    ];
    for (files, rule, path) in rows {
        let parts: Vec<(String, &str, Vec<u8>)> = files
            .iter()
            .enumerate()
            .map(|(index, (name, bytes))| (format!("files.{index}"), *name, bytes.to_vec()))
            .collect();
        let parts = parts
            .iter()
            .map(|(place, name, bytes)| (place.as_str(), *name, bytes.clone()))
            .collect();
        let input = job(agent(world.paper), files.len());
        let payload = world.run_with(&world.member, LAUNCH, RULE, input, parts).await;
        assert_eq!(
            refusal(&payload),
            format!("FileRejectedError FILE_REJECTED {path}"),
            "{rule}"
        );
        assert_eq!(payload["errors"][0]["rule"], rule);
        assert_eq!(payload["errors"][0]["rules"]["maxFiles"], 2);
        let index: Option<usize> = path.rsplit('.').next().and_then(|last| last.parse().ok());
        assert_eq!(payload["errors"][0]["index"], json!(index));
        assert_eq!(
            payload["errors"][0]["filename"],
            json!(index.map(|index| files[index].0))
        );
        assert_eq!(world.stored().await, before, "{rule}");
    }
    let mut none = job(agent(world.plain), 1);
    none["executionKey"] = json!("pondering");
    let parts = vec![("files.0", "a.csv", CSV.to_vec())];
    let payload = world.run_with(&world.member, LAUNCH, RULE, none, parts).await;
    assert_eq!(payload["errors"][0]["rule"], "NOT_ACCEPTED");
    assert_eq!(payload["errors"][0]["rules"], Value::Null);
    // A file id that names nothing takes the uploads along.
    let mut late = job(agent(world.paper), 1);
    late["fileIds"] = json!([Kind::File.format(world.set)]);
    let parts = vec![("files.0", "a.csv", CSV.to_vec())];
    let payload = world.run_with(&world.member, LAUNCH, RULE, late, parts).await;
    assert_eq!(refusal(&payload), "NotFoundError NOT_FOUND input.fileIds.0");
    assert_eq!(world.stored().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_racing_launches_with_one_key_only_the_winners_file_stays() {
    let world = World::new().await;
    let mut input = job(agent(world.paper), 1);
    input["idempotency"] = json!({ "key": "race" });
    let parts = || vec![("files.0", "a.csv", CSV.to_vec())];
    let racing = (0..6).map(|_| world.run_with(&world.member, LAUNCH, RULE, input.clone(), parts()));
    let answers = futures::future::join_all(racing).await;
    assert!(
        answers.iter().all(|answer| answer["errors"] == json!([])),
        "{answers:?}"
    );
    let (rows, files) = world.stored().await;
    for table in ["execution", "file", "blob"] {
        assert!(rows.contains(&(table.to_owned(), 1)), "{rows:?}");
    }
    assert_eq!(files, 1);
}

#[tokio::test]
async fn a_file_goes_up_with_a_launch_byte_for_byte() {
    let world = World::new().await;
    let parts = vec![
        ("files.0", "dir/a.csv", CSV.to_vec()),
        ("files.1", "b.txt", b"hello".to_vec()),
    ];
    let payload = world
        .run_with(&world.member, LAUNCH, RULE, job(agent(world.paper), 2), parts)
        .await;
    let files = payload["execution"]["files"].as_array().expect("files");
    assert_eq!(files[0]["filename"], "a.csv");
    assert_eq!(files[0]["sizeBytes"], 17);
    let id = Kind::File
        .parse(files[1]["id"].as_str().expect("an id"))
        .expect("an id");
    let row = files::find(&world.store, &world.member, id)
        .await
        .expect("answers")
        .expect("a file");
    let bytes = files::read_all(&world.storage, &row, 100).await.expect("reads");
    assert_eq!(bytes.as_deref(), Some(b"hello".as_slice()));
}

#[tokio::test]
async fn an_uploaded_file_serves_later_launches_and_only_those_who_may_see_it() {
    let world = World::new().await;
    let upload = "uploadFile";
    let selection = "file { id filename } errors { ... on FileRejectedError { rule index } }";
    let given = |agent_id: String| json!({ "agentId": agent_id, "file": null });
    let csv = || vec![("file", "a.csv", CSV.to_vec())];
    let before = world.stored().await;
    for (viewer, input, files, expected) in [
        (
            &world.member,
            given("x".to_owned()),
            csv(),
            "NotFoundError NOT_FOUND input.agentId",
        ),
        (
            &world.stranger,
            given(agent(world.paper)),
            csv(),
            "NotFoundError NOT_FOUND input.agentId",
        ),
        (
            &world.member,
            given(agent(world.plain)),
            csv(),
            "FileRejectedError FILE_REJECTED input.file",
        ),
        (
            &world.member,
            given(agent(world.paper)),
            vec![("file", "a.csv", Vec::new())],
            "FileRejectedError FILE_REJECTED input.file",
        ),
    ] {
        let payload = world.run_with(viewer, upload, selection, input, files).await;
        assert_eq!(refusal(&payload), expected);
        assert_eq!(world.stored().await, before);
    }
    let payload = world
        .run_with(&world.member, upload, selection, given(agent(world.paper)), csv())
        .await;
    let id = payload["file"]["id"].as_str().expect("an id").to_owned();
    let mut input = job(agent(world.paper), 0);
    input["fileIds"] = json!([id]);
    let refused = world.run(&world.other, LAUNCH, RULE, input.clone()).await;
    assert_eq!(refusal(&refused), "NotFoundError NOT_FOUND input.fileIds.0");
    let launched = world.run(&world.member, LAUNCH, RULE, input).await;
    assert_eq!(launched["execution"]["files"][0]["filename"], "a.csv");
    // One part that is named twice is read whole both times.
    let twice = "mutation($input: LaunchExecutionInput!, $part: Upload!) { launchExecution(input: $input) { \
                 execution { files { sizeBytes } } errors { __typename } } other: uploadFile(input: { agentId: \"A\", file: $part }) { \
                 file { sizeBytes } errors { __typename } } }"
        .replace("\"A\"", &format!("\"{}\"", agent(world.paper)));
    let mut request = world.request(
        &world.member,
        &twice,
        json!({ "input": job(agent(world.paper), 1), "part": null }),
    );
    let mut content = tempfile::tempfile().expect("a file");
    std::io::Write::write_all(&mut content, CSV).expect("writes");
    let part = async_graphql::UploadValue {
        filename: "a.csv".to_owned(),
        content_type: None,
        content,
    };
    request.set_upload("variables.input.files.0", part.try_clone().expect("clones"));
    request.set_upload("variables.part", part);
    let answer = world.schema.execute(request).await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    let answer = answer.data.into_json().expect("json");
    assert_eq!(
        answer["launchExecution"]["execution"]["files"][0]["sizeBytes"],
        17
    );
    assert_eq!(answer["other"]["file"]["sizeBytes"], 17);

    let retire = json!({ "id": agent(world.paper) });
    world
        .run(&world.admin, "retireAgent", "agent { id }", retire)
        .await;
    let payload = world
        .run_with(&world.member, upload, selection, given(agent(world.paper)), csv())
        .await;
    assert_eq!(refusal(&payload), "AgentRetiredError AGENT_RETIRED input.agentId");
}
