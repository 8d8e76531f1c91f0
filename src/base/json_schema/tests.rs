use serde_json::json;

use super::*;

fn schema(document: Value) -> Schema {
    Schema::compile(document).expect("a good schema")
}

fn seen(issues: &[Issue]) -> Vec<(&str, Option<&str>, &str)> {
    issues
        .iter()
        .map(|issue| {
            (
                issue.pointer.as_str(),
                issue.property.as_deref(),
                issue.keyword.as_str(),
            )
        })
        .collect()
}

#[test]
fn all_violations_come_at_once_with_pointer_keyword_and_expectation() {
    let schema = schema(json!({
        "type": "object",
        "properties": {
            "skus": {"type": "array", "items": {"type": "string", "maxLength": 3}},
            "mode": {"enum": ["fast", "slow"]},
            "url": {"type": "string", "format": "uri"},
        },
        "required": ["skus", "mode"],
        "additionalProperties": false,
    }));
    let mut issues = schema.check(&json!({
        "skus": ["AB", 7, "ABCD"], "url": "no uri", "x/y": 1, "z": 2,
    }));
    issues.sort_by_key(|issue| (issue.pointer.clone(), issue.property.clone()));
    assert_eq!(
        seen(&issues),
        [
            ("", Some("mode"), "required"),
            ("", Some("x/y"), "additionalProperties"),
            ("", Some("z"), "additionalProperties"),
            ("/skus/1", None, "type"),
            ("/skus/2", None, "maxLength"),
            ("/url", None, "format"),
        ]
    );
    let expected: Vec<Option<Value>> = issues.iter().map(|issue| issue.expected.clone()).collect();
    assert_eq!(
        expected,
        [
            Some(json!(["skus", "mode"])),
            Some(json!(false)),
            Some(json!(false)),
            Some(json!("string")),
            Some(json!(3)),
            Some(json!("uri")),
        ]
    );
    assert_eq!(issues[0].message, "mode is required");
    assert_eq!(issues[4].message, "must have at most 3 characters");
}

#[test]
fn members_that_another_member_requires_are_named() {
    let schema = schema(json!({"dependentRequired": {"a": ["b", "c"]}}));
    let issues = schema.check(&json!({"a": 1}));
    let properties: Vec<_> = issues.iter().map(|issue| issue.property.as_deref()).collect();
    assert_eq!(properties, [Some("b"), Some("c")]);
}

#[test]
fn a_bad_member_name_is_named() {
    let schema = schema(json!({"propertyNames": {"maxLength": 2}}));
    let issues = schema.check(&json!({"abc": 1}));
    assert_eq!(seen(&issues), [("", Some("abc"), "propertyNames")]);
}

#[test]
fn a_keyword_behind_a_local_reference_still_tells_what_it_expected() {
    let schema = schema(json!({
        "$defs": {"sku": {"type": "string", "minLength": 2}},
        "items": {"$ref": "#/$defs/sku"},
    }));
    let issues = schema.check(&json!(["A"]));
    assert_eq!(seen(&issues), [("/0", None, "minLength")]);
    assert_eq!(issues[0].expected, Some(json!(2)));
}

#[test]
fn what_was_sent_is_not_echoed() {
    let schema = schema(json!({"properties": {"a": {"type": "string", "pattern": "^x"}}}));
    let secret = "hunter2".repeat(1_000);
    for issue in schema.check(&json!({"a": secret})) {
        assert!(!issue.message.contains("hunter2"), "{}", issue.message);
    }
}

#[test]
fn an_answer_does_not_outgrow_its_question() {
    let schema = schema(json!({"items": {"type": "string"}}));
    let many: Value = (0..5_000).collect();
    assert_eq!(schema.check(&many).len(), MAX_ISSUES);
}

#[test]
fn references_to_elsewhere_are_refused_and_nothing_is_fetched() {
    for reference in [
        "https://example.com/s.json",
        "http://127.0.0.1:1/s",
        "file:///etc/passwd",
        "other.json",
        "#/nowhere",
    ] {
        let refusal = Schema::compile(json!({"properties": {"a": {"$ref": reference}}}));
        assert!(refusal.is_err(), "{reference}");
    }
}

#[test]
fn patterns_that_could_run_forever_are_refused_or_run_in_linear_time() {
    for pattern in ["(?=a)b", r"(a)\1", "("] {
        let refusal = Schema::compile(json!({"properties": {"a": {"pattern": pattern}}}))
            .expect_err("beyond the engine");
        assert_eq!(refusal.pointer, "/properties/a/pattern", "{pattern}: {refusal}");
    }
    let schema = schema(json!({"pattern": "^(a+)+$"}));
    let hostile = format!("{}!", "a".repeat(100_000));
    assert_eq!(schema.check(&json!(hostile)).len(), 1);
}

#[test]
fn a_broken_schema_says_where() {
    let refusal = Schema::compile(json!({"properties": {"a": {"type": "strin"}}})).expect_err("no such type");
    assert_eq!(refusal.pointer, "/properties/a/type");
    let refusal = Schema::compile(json!({"$schema": "http://json-schema.org/draft-07/schema#"}))
        .expect_err("another draft");
    assert_eq!(refusal.pointer, "/$schema");
    assert!(Schema::compile(json!("text")).is_err());
    let mistakes = Schema::compile_all(json!({"minItems": -1, "required": 3, "not": {"pattern": 1}}))
        .expect_err("three mistakes");
    let mut pointers: Vec<&str> = mistakes.iter().map(|it| it.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/minItems", "/not/pattern", "/required"]);
    let outside = Schema::compile(json!({"items": {"$ref": "a.json"}})).expect_err("elsewhere");
    assert_eq!(outside.pointer, "/items/$ref");
}

#[test]
fn a_schema_that_refers_to_itself_comes_to_an_end() {
    let schema = schema(json!({"properties": {"next": {"$ref": "#"}}, "type": "object"}));
    assert_eq!(
        seen(&schema.check(&json!({"next": {"next": 1}}))),
        [("/next/next", None, "type")]
    );
    if let Ok(schema) = Schema::compile(json!({"$ref": "#"})) {
        schema.check(&json!(1));
    }
}

#[test]
fn schemas_of_others_are_read_by_the_draft_that_they_name() {
    let seventh = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"pair": {"type": "array", "items": [{"type": "integer"}, {"type": "string"}], "additionalItems": false}},
        "required": ["pair"],
    });
    assert!(Schema::compile(seventh.clone()).is_err(), "ours are of one draft");
    let schema = Schema::compile_foreign(seventh).expect("draft 7");
    assert_eq!(schema.check(&json!({"pair": [1, "a"]})), []);
    let issues = schema.check(&json!({"pair": ["a", "a", 1]}));
    assert_eq!(issues.len(), 2, "{issues:?}");
    assert!(Schema::compile_foreign(json!({"type": "object"})).is_ok());
    for broken in [
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": 7}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "http://127.0.0.1:1/a.json"}),
        json!({"$schema": "https://example.com/mine", "type": "object"}),
        json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}),
    ] {
        assert!(Schema::compile_foreign(broken.clone()).is_err(), "{broken}");
    }
}

#[test]
fn a_type_that_there_is_not_is_told_with_those_that_there_are() {
    let document = json!({"properties": {"a": {"type": "objct"}, "type": {"type": ["string", "no"]}}});
    let mistakes = Schema::compile_all(document).expect_err("no types");
    for (mistake, pointer) in mistakes
        .iter()
        .zip(["/properties/a/type", "/properties/type/type"])
    {
        assert_eq!(mistake.pointer, pointer);
        assert!(
            mistake.message.contains("\"object\"") && mistake.message.contains("\"integer\""),
            "{mistake}"
        );
    }
    assert_eq!(mistakes.len(), 2);
}
