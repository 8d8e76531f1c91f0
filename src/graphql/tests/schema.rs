//! The printed schema: checked in, complete, and a superset of the contract's types that exist.

use crate::graphql::sdl;

#[test]
fn schema_graphql_is_the_printed_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == sdl(),
        "schema.graphql is not what the server prints; run `make schema`"
    );
}

#[test]
fn the_directives_that_the_language_brings_are_not_printed() {
    let ours = r#"
"""
A.
"""
type A {
  """
  One.
  """
  one: Int
}

"""
Ours.
"""
directive @includes on FIELD
"#;
    let theirs = r#""""
Theirs.
"""
directive @include(if: Boolean!) on FIELD
directive @skip(if: Boolean!) on FIELD
"#;
    let roots = "schema {\n  query: A\n}\n";
    let kept = crate::graphql::without_specified_directives(&format!("{ours}{theirs}{roots}"));
    assert_eq!(kept, format!("{ours}{roots}"));
}

#[test]
fn everything_has_a_description() {
    let printed = sdl();
    let (mut is_documented, mut in_text, mut is_ours, mut missing) = (false, false, true, Vec::new());
    for line in printed.lines() {
        let text = line.trim();
        if in_text || text.starts_with("\"\"\"") {
            in_text ^= text.matches("\"\"\"").count() % 2 == 1;
            is_documented = true;
            continue;
        }
        // What the language itself brings needs no words of ours.
        is_ours &= !text.starts_with("schema {") && !text.starts_with("directive ");
        let declares = !text.is_empty() && text != "}" && !text.starts_with(')');
        // Arguments without a description are printed on the line of their field. The one argument
        // of a mutation is called input, and its type says what it is.
        let hides_arguments =
            text.contains('(') && !text.ends_with('(') && !text.contains(" @") && !text.contains("(input: ");
        if is_ours && declares && (!is_documented || hides_arguments) {
            missing.push(text.to_owned());
        }
        is_ours |= text == "}";
        is_documented = false;
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[tokio::test]
async fn interfaces_are_told_alike_by_introspection() {
    let api = super::Api::new().await;
    let query = "{ node: __type(name: \"Node\") { possibleTypes { name kind } } event: __type(name: \"ConversationEvent\") { possibleTypes { name } } error: __type(name: \"UserError\") { possibleTypes { name } } }";
    let answer = api.ask(&api.world.member, query, serde_json::json!({})).await;
    let nodes = answer["node"]["possibleTypes"].as_array().expect("types");
    assert_eq!(nodes.len(), 19);
    assert!(nodes.iter().all(|node| node["kind"] == "OBJECT"));
    assert_eq!(
        answer["event"]["possibleTypes"].as_array().expect("types").len(),
        7
    );
    assert!(answer["error"]["possibleTypes"].as_array().expect("types").len() > 10);
}
