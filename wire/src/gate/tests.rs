//! What leaves the gate, written out as GraphQL again.

use async_graphql::{Value, Variables, parser::types::*};

use super::*;
use crate::fault::code;

const SDL: &str = r#"
    interface Node { id: ID! }
    interface Named { name: String! }
    type Cat implements Node & Named { id: ID! name: String! owner: Owner! meows: Boolean! lives(of: Int = 9): Int! }
    type Dog implements Node & Named { id: ID! name: String! owner: Owner! barks: Boolean! }
    type Fish implements Node { id: ID! owner: Owner! }
    type Owner { name: String! email: String! pet: Node! }
    union Pet = Cat | Dog | Fish
    enum Colour { RED GREEN }
    input Filter { colours: [Colour!] atLeast: Int! = 7 ratio: Float inner: Filter name: String! }
    input Pick @oneOf { name: String number: Int }
    scalar JSON
    scalar Upload
    type Query {
        node: Node! pet: Pet! cat: Cat! named: Named!
        find(by: Filter, ids: [ID!], pick: Pick, any: JSON): Int!
    }
    type Mutation { upload(file: Upload, files: [Upload!]): Int! }
    type Subscription { news(after: String): Int! plain: Int! }
    schema { query: Query mutation: Mutation subscription: Subscription }
"#;

fn gate() -> Gate {
    Gate::new(SDL, DocumentLimits::default()).unwrap()
}

fn variables(json: serde_json::Value) -> Variables {
    Variables::from_json(json)
}

fn bound(source: &str, given: serde_json::Value, extras: &Extras<'_>) -> Result<Bound, Vec<String>> {
    let gate = gate();
    let run = || {
        let prepared = gate.prepare(source)?;
        let operation = prepared.operation(None)?;
        gate.bind(&operation, variables(given), extras)
    };
    run().map_err(|fault: Fault| fault.errors.into_iter().map(|error| error.message).collect())
}

/// The merged document.
fn merged(source: &str, given: serde_json::Value) -> String {
    let bound = bound(source, given, &Extras::default()).unwrap();
    let (_, operation) = bound.document.operations.iter().next().unwrap();
    written(&operation.node.selection_set.node)
}

fn written(set: &SelectionSet) -> String {
    let items = set.items.iter().map(|item| match &item.node {
        Selection::Field(field) => {
            let field = &field.node;
            let alias = field
                .alias
                .as_ref()
                .map(|alias| format!("{alias}: "))
                .unwrap_or_default();
            let arguments: Vec<_> = field
                .arguments
                .iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect();
            let arguments = if arguments.is_empty() {
                String::new()
            } else {
                format!("({})", arguments.join(", "))
            };
            let below = written(&field.selection_set.node);
            format!(
                "{alias}{}{arguments}{}{below}",
                field.name,
                if below.is_empty() { "" } else { " " }
            )
        }
        Selection::InlineFragment(inline) => {
            let on = &inline.node.type_condition.as_ref().unwrap().node.on;
            format!("... on {on} {}", written(&inline.node.selection_set.node))
        }
        Selection::FragmentSpread(_) => panic!("a spread survived"),
    });
    let items: Vec<_> = items.collect();
    if items.is_empty() {
        String::new()
    } else {
        format!("{{ {} }}", items.join(" "))
    }
}

fn none() -> serde_json::Value {
    serde_json::json!({})
}

#[test]
fn fields_of_an_object_flatten_and_merge() {
    for (source, expected) in [
        ("{ cat { id } cat { name id } }", "{ cat { id name } }"),
        (
            "{ ...A cat { id } ...A } fragment A on Query { cat { ...B } } fragment B on Node { id ... on Cat { meows } }",
            "{ cat { id meows } }",
        ),
        (
            "{ a: cat { id } b: cat { id } }",
            "{ a: cat { id } b: cat { id } }",
        ),
        (
            "{ cat { ... on Named { name } ... on Node { id } } }",
            "{ cat { name id } }",
        ),
    ] {
        assert_eq!(merged(source, none()), expected, "{source}");
    }
}

#[test]
fn fields_of_abstract_types_are_wanted_once_for_each_object() {
    for (source, expected) in [
        // A leaf that all want covers those that want it again. Objects tell their type where it matters.
        (
            "{ node { id ... on Cat { id meows } } }",
            "{ node { id __type: __typename ... on Cat { meows } } }",
        ),
        (
            "{ node { ... on Cat { id } ... on Cat { id } } }",
            "{ node { __type: __typename ... on Cat { id } } }",
        ),
        // Nested conditions say the narrowest.
        (
            "{ node { ... on Named { name ... on Cat { meows name } } } }",
            "{ node { __type: __typename ... on Named { name } ... on Cat { meows } } }",
        ),
        // A union has no fields of its own.
        (
            "{ pet { ... on Node { id } ... on Cat { id owner { name } } ... on Dog { owner { name } } } }",
            "{ pet { __type: __typename ... on Node { id } ... on Cat { owner { name } } ... on Dog { owner { name } } } }",
        ),
        // Objects that want more of the same field get it apart.
        (
            "{ pet { ... on Cat { owner { name } } ... on Named { ... on Cat { owner { email } } ... on Dog { owner { email } } } } }",
            "{ pet { __type: __typename ... on Cat { owner { name email } } ... on Dog { owner { email } } } }",
        ),
        // A condition that all fulfil, of an interface that the parent does not have.
        (
            "{ pet { ... on Node { ... on Node { id } } } }",
            "{ pet { ... on Node { id } } }",
        ),
        // An interface within an interface it shares nothing with but objects.
        (
            "{ named { ... on Node { id } name } }",
            "{ named { name ... on Node { id } } }",
        ),
        // The type under a key of ours, unless it is asked for anyway.
        (
            "{ node { __type: id ... on Cat { meows } } }",
            "{ node { __type: id __type_: __typename ... on Cat { meows } } }",
        ),
        (
            "{ node { a: __typename ... on Cat { meows } } }",
            "{ node { a: __typename ... on Cat { meows } } }",
        ),
        // A condition on the type itself.
        ("{ node { ... on Node { id } } }", "{ node { id } }"),
        (
            "{ pet { __typename ... on Pet { __typename } } }",
            "{ pet { __typename } }",
        ),
    ] {
        assert_eq!(merged(source, none()), expected, "{source}");
    }
}

#[test]
fn the_same_composite_field_of_all_and_of_some_is_split_by_object() {
    let source = "{ named { ...N ...C } } fragment N on Named { ... on Cat { owner { name } } ... on Dog { owner { name } } }
        fragment C on Cat { owner { email } }";
    assert_eq!(
        merged(source, none()),
        "{ named { __type: __typename ... on Cat { owner { name email } } ... on Dog { owner { name } } } }"
    );
}

#[test]
fn skip_and_include_are_decided_here() {
    let source = "query($t: Boolean!, $f: Boolean! = false) {
        a: cat @skip(if: $t) { id } b: cat @include(if: $t) { id ... @include(if: $f) { name } ...F @skip(if: $f) }
    } fragment F on Cat { meows }";
    assert_eq!(
        merged(source, serde_json::json!({"t": true})),
        "{ b: cat { id meows } }"
    );
    let null = "query($a: Boolean = true) { cat @skip(if: $a) { id } }";
    assert!(bound(null, serde_json::json!({"a": null}), &Extras::default()).is_err());
}

#[test]
fn a_variable_without_a_value_is_an_argument_not_given() {
    let source = "query($of: Int, $n: Float) { cat { lives(of: $of) } find(by: {name: \"x\", ratio: $n}) }";
    assert_eq!(
        merged(source, none()),
        r#"{ cat { lives } find(by: {name: "x"}) }"#
    );
    assert_eq!(
        merged(source, serde_json::json!({"of": null, "n": 1})),
        r#"{ cat { lives(of: $of) } find(by: {name: "x", ratio: $n}) }"#
    );
}

#[test]
fn variables_are_coerced_with_defaults_and_single_values_become_lists() {
    let source =
        "query($by: Filter, $ids: [ID!], $n: Int = 3) { find(by: $by, ids: $ids) cat { lives(of: $n) } }";
    let given =
        serde_json::json!({"by": {"name": "x", "colours": "RED", "ratio": 1}, "ids": 7, "unknown": 1});
    let bound = bound(source, given, &Extras::default()).unwrap();
    assert_eq!(
        serde_json::to_value(&bound.variables).unwrap(),
        serde_json::json!({
            "by": {"name": "x", "colours": ["RED"], "ratio": 1, "atLeast": 7}, "ids": ["7"], "n": 3
        })
    );
    assert!(
        matches!(&bound.variables["by"], Value::Object(by) if matches!(&by["colours"], Value::List(c) if c[0] == Value::Enum(async_graphql::Name::new("RED"))))
    );
}

#[test]
fn all_faults_of_the_variables_come_at_once_with_their_paths() {
    let source = "query($by: Filter!, $ids: [ID!]!) { find(by: $by, ids: $ids) }";
    let given = serde_json::json!({
        "by": {"colours": ["RED", "BLUE"], "atLeast": 3_000_000_000_u32, "ratio": "1", "x": 1, "inner": {"name": null}},
    });
    let faults = bound(source, given, &Extras::default()).err().unwrap();
    for part in [
        "$by.colours[1]: expected a value of Colour!",
        "$by.atLeast: expected Int!, found 3000000000",
        "$by.ratio: expected Float, found \"1\"",
        "$by.inner.name: expected String!, found null",
        "$by.name: a value of type String! is required",
        "$by: Filter has no field `x`",
        "$ids: a value of type [ID!]! is required",
    ] {
        assert!(
            faults.iter().any(|fault| fault.contains(part)),
            "{part} in {faults:#?}"
        );
    }
    assert_eq!(faults.len(), 7, "{faults:#?}");
}

#[test]
fn numbers_without_a_fraction_are_integers_and_big_ones_are_not() {
    let source = "query($n: Int) { cat { lives(of: $n) } }";
    for (value, fits) in [
        (serde_json::json!(1.0), true),
        (serde_json::json!(1.5), false),
        (serde_json::json!(2_147_483_648_i64), false),
        (serde_json::json!(1e300), false),
        (serde_json::json!("1"), false),
        (serde_json::json!(true), false),
    ] {
        let given = serde_json::json!({ "n": value });
        assert_eq!(bound(source, given, &Extras::default()).is_ok(), fits, "{value}");
    }
}

#[test]
fn one_of_takes_one_in_variables_and_in_literals() {
    let with = "query($p: Pick) { find(pick: $p) }";
    for (value, fits) in [
        (serde_json::json!({"name": "x"}), true),
        (serde_json::json!({"name": "x", "number": 1}), false),
        (serde_json::json!({"name": null}), false),
        (serde_json::json!({}), false),
    ] {
        let given = serde_json::json!({ "p": value });
        assert_eq!(bound(with, given, &Extras::default()).is_ok(), fits, "{value}");
    }
    for (source, fits) in [
        ("{ find(pick: {number: 1}) }", true),
        ("{ find(pick: {number: 1, name: \"x\"}) }", false),
        ("{ find(pick: {number: null}) }", false),
        ("{ find(pick: {}) }", false),
        ("query($n: Int = 1) { find(pick: {number: $n}) }", false),
    ] {
        assert_eq!(gate().prepare(source).is_ok(), fits, "{source}");
    }
}

#[test]
fn an_input_field_is_given_once() {
    assert!(
        gate()
            .prepare("{ find(by: {name: \"x\", name: \"x\"}) }")
            .is_err()
    );
    assert!(
        gate()
            .prepare("{ find(by: {name: \"x\", inner: {name: \"x\"}}) }")
            .is_ok()
    );
}

#[test]
fn many_operations_are_bounded_together() {
    let fields = "cat { id } ".repeat(1_000);
    let operations: String = (0..20).map(|at| format!("query Q{at} {{ ...F }} ")).collect();
    assert!(
        gate()
            .prepare(&format!("{operations} fragment F on Query {{ {fields} }}"))
            .is_err()
    );
}

#[test]
fn a_file_cannot_be_forged() {
    let source = "mutation($f: Upload) { upload(file: $f) }";
    let mark = serde_json::json!({ "f": format!("{UPLOAD_MARK}0") });
    assert!(bound(source, mark.clone(), &Extras::default()).is_err());
    assert!(
        bound(
            source,
            mark,
            &Extras {
                uploads: 1,
                ..Extras::default()
            }
        )
        .is_ok()
    );
    assert!(
        bound(
            source,
            serde_json::json!({"f": "x"}),
            &Extras {
                uploads: 1,
                ..Extras::default()
            }
        )
        .is_err()
    );
    assert!(
        gate()
            .prepare(&format!("mutation {{ upload(file: \"{UPLOAD_MARK}0\") }}"))
            .is_err()
    );
    assert!(
        gate()
            .prepare(&format!("mutation {{ upload(files: [\"{UPLOAD_MARK}0\"]) }}"))
            .is_err()
    );
    assert!(
        gate()
            .prepare(&format!(
                "mutation($f: Upload = \"{UPLOAD_MARK}0\") {{ upload(file: $f) }}"
            ))
            .is_err()
    );
}

#[test]
fn a_cursor_replaces_what_the_document_says_where_the_field_takes_one() {
    let extras = Extras {
        uploads: 0,
        resume: Some(("after", "c7")),
    };
    let written = |source: &str| {
        let bound = bound(source, serde_json::json!({"a": "c1"}), &extras).unwrap();
        let (_, operation) = bound.document.operations.iter().next().unwrap();
        written(&operation.node.selection_set.node)
    };
    assert_eq!(
        written("subscription($a: String) { news(after: $a) }"),
        r#"{ news(after: "c7") }"#
    );
    assert_eq!(written("subscription { plain }"), "{ plain }");
}

#[test]
fn subscriptions_have_one_root_field_which_may_stand_in_a_fragment() {
    assert!(gate().prepare("subscription { news plain }").is_err());
    assert!(gate().prepare("subscription { __typename }").is_err());
    assert!(gate().prepare("subscription { news a: news }").is_err());
    assert_eq!(
        merged(
            "subscription { ...F } fragment F on Subscription { plain plain }",
            none()
        ),
        "{ plain }"
    );
}

#[test]
fn fragments_that_double_are_refused_in_linear_time() {
    // Walked as they are spread, forty levels would outlast the machine.
    let mut source = "{ ...F0 }".to_owned();
    for at in 0..40 {
        source += &format!(
            " fragment F{at} on Query {{ ...F{next} ...F{next} }}",
            next = at + 1
        );
    }
    source += " fragment F40 on Query { cat { id } }";
    let fault = gate().prepare(&source).err().unwrap();
    assert_eq!(
        fault.errors[0].extensions.as_ref().unwrap().get("code"),
        Some(&Value::from(code::LIMIT_EXCEEDED))
    );
}

#[test]
fn chains_cycles_and_deep_introspection_are_refused() {
    let chain: String = (0..200)
        .map(|at| format!(" fragment F{at} on Query {{ ...F{} }}", at + 1))
        .collect();
    let deep = |rounds| {
        format!(
            "{{ __schema {{ types {{ {} name {} }} }} }}",
            "fields { type { ".repeat(rounds),
            "} } ".repeat(rounds)
        )
    };
    for source in [
        format!("{{ ...F0 }} {chain} fragment F200 on Query {{ cat {{ id }} }}"),
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }".into(),
        deep(3),
    ] {
        assert!(gate().prepare(&source).is_err(), "{source}");
    }
    assert!(gate().prepare(&deep(2)).is_ok());
}

#[test]
fn errors_are_capped_and_the_rest_is_counted() {
    let source = format!(
        "{{ {} }}",
        (0..100).map(|at| format!("x{at} ")).collect::<String>()
    );
    let fault = gate().prepare(&source).err().unwrap();
    assert_eq!(fault.errors.len(), 21);
    assert_eq!(fault.errors[20].message, "80 more errors are left out");
    assert_eq!(fault.errors[1].locations, [Pos { line: 1, column: 6 }]);
}

#[test]
fn introspection_can_be_switched_off() {
    let gate = Gate::new(
        SDL,
        DocumentLimits {
            introspection: false,
            ..DocumentLimits::default()
        },
    )
    .unwrap();
    assert!(gate.prepare("{ __schema { types { name } } }").is_err());
    assert!(
        gate.prepare("{ ...F } fragment F on Query { __type(name: \"Cat\") { name } }")
            .is_err()
    );
    assert!(gate.prepare("{ __typename }").is_ok());
}

#[test]
fn a_document_is_checked_once() {
    let gate = gate();
    let first = gate.prepare("{ cat { id } }").unwrap();
    assert!(Arc::ptr_eq(&first, &gate.prepare("{ cat { id } }").unwrap()));
}

#[test]
fn the_operation_is_picked_by_name() {
    let gate = gate();
    let prepared = gate
        .prepare("query A { cat { id } } mutation B { upload }")
        .unwrap();
    assert_eq!(prepared.operation(Some("B")).ok().unwrap().kind(), Kind::Mutation);
    assert!(prepared.operation(None).is_err());
    assert!(prepared.operation(Some("C")).is_err());
    // An empty name is none.
    assert!(prepared.operation(Some("")).is_err());
    let single = gate.prepare("query A { cat { id } }").ok().unwrap();
    assert!(single.operation(Some("")).is_ok());
}

#[test]
fn an_sdl_that_is_no_schema_is_refused() {
    assert!(Gate::new("type Query { a: Nope }", DocumentLimits::default()).is_err());
}
