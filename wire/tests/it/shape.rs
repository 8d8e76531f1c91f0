//! The shape of answers: what the library leaves out, and what it makes null, is put right on the way out.

use crate::{http::ask, schema};

async fn data(source: &str) -> String {
    let (executor, sdl) = schema::build();
    let wire = wire::Wire::builder(executor, sdl).build().unwrap();
    let body = ask(&wire, source).await;
    let at = body.find("\"data\":").expect("an answer with data");
    body[at + "\"data\":".len()..body.len() - 1].to_owned()
}

#[tokio::test]
async fn an_object_of_which_nothing_is_wanted_is_there() {
    for (source, answer) in [
        (
            "{ found { ... on Cat { meows } } }",
            r#"{"found":[{"meows":true},{}]}"#,
        ),
        (
            "{ found { ... on Cat { meows } __typename } }",
            r#"{"found":[{"meows":true,"__typename":"Cat"},{"__typename":"Owner"}]}"#,
        ),
        (
            "{ pets { ... on Cat { owner { name } } } }",
            r#"{"pets":[{"owner":{"name":"o"}},{}]}"#,
        ),
        (
            "{ pets { __type: id ... on Cat { meows } } }",
            r#"{"pets":[{"__type":"cat","meows":true},{"__type":"dog"}]}"#,
        ),
        ("{ only { ... on Pet { id } } }", r#"{"only":{"id":"cat"}}"#),
        (
            "{ only { __typename ... on Cat { meows } ... on Pet { id } } }",
            r#"{"only":{"__typename":"Cat","meows":true,"id":"cat"}}"#,
        ),
        (
            "{ only { ... on Pet { ... on Cat { id } } } }",
            r#"{"only":{"id":"cat"}}"#,
        ),
        ("{ pets { id @skip(if: true) } }", r#"{"pets":[{},{}]}"#),
        (
            "{ __schema { queryType @skip(if: true) { name } } }",
            r#"{"__schema":{}}"#,
        ),
        ("{ hello @skip(if: true) }", "{}"),
        ("mutation { noop @skip(if: true) }", "{}"),
    ] {
        assert_eq!(data(source).await, answer, "{source}");
    }
}

#[tokio::test]
async fn what_fails_is_null_or_takes_its_object_with_it() {
    for (source, answer) in [
        ("{ boom hello }", r#"{"boom":null,"hello":"hello"}"#),
        ("{ boom }", r#"{"boom":null}"#),
        ("{ hello boomNn }", "null"),
        ("{ boomNn }", "null"),
        (
            "{ trouble { may fine } }",
            r#"{"trouble":{"may":null,"fine":"fine"}}"#,
        ),
        (
            "{ trouble { a: may } hello }",
            r#"{"trouble":{"a":null},"hello":"hello"}"#,
        ),
        ("{ trouble { fine must } hello }", "null"),
        (
            "{ maybeTroubles { fine must } hello }",
            r#"{"maybeTroubles":[null,null],"hello":"hello"}"#,
        ),
        (
            "{ maybeTroubles { may } }",
            r#"{"maybeTroubles":[{"may":null},null]}"#,
        ),
        // What another type of object wants is not missed.
        (
            "{ trouble { may found { ... on Cat { meows } ... on Owner { name } } } }",
            r#"{"trouble":{"may":null,"found":[{"meows":true},{"name":"o"}]}}"#,
        ),
    ] {
        assert_eq!(data(source).await, answer, "{source}");
    }
}
