//! Merging, seen from the answers.

use async_graphql::{Executor, Request, Variables};
use serde_json::Value as Json;
use wire::{DocumentLimits, Gate};

use crate::schema;

async fn answer(executor: &impl Executor, request: Request) -> Json {
    serde_json::to_value(executor.execute(request).await).unwrap()
}

#[tokio::test]
async fn a_field_wanted_twice_is_resolved_once_on_objects_and_on_interfaces() {
    let (executor, sdl) = schema::build();
    let gate = Gate::new(&sdl, DocumentLimits::default()).unwrap();
    let ask = async |source: &str| {
        answer(
            &executor,
            gate.pass(source, None, Variables::default()).ok().unwrap(),
        )
        .await["data"]
            .clone()
    };
    let count = async || ask("{ names }").await["names"].as_i64().unwrap();
    for (source, runs) in [
        ("{ pets { id ... on Cat { id meows } ... on Dog { id } } }", 2),
        (
            "{ pets { owner { name } ... on Cat { owner { name email } } ...D } } fragment D on Dog { owner { name } }",
            2,
        ),
        (
            "{ pets { ...A } pets { ...A id } } fragment A on Pet { id owner { name } }",
            4,
        ),
    ] {
        let before = count().await;
        ask(source).await;
        assert_eq!(count().await - before, runs, "{source}");
    }
}

#[tokio::test]
async fn keys_come_in_the_order_of_the_operation_however_long_each_takes() {
    let (executor, sdl) = schema::build();
    let wire = wire::Wire::builder(executor, sdl).build().unwrap();
    let body = crate::http::ask(
        &wire,
        "{ slow(ms: 30) a: slow(ms: 10) hello pets { owner { name } __typename } }",
    )
    .await;
    assert_eq!(
        body,
        r#"{"data":{"slow":30,"a":10,"hello":"hello","pets":[{"owner":{"name":"o"},"__typename":"Cat"},{"owner":{"name":"o"},"__typename":"Dog"}]}}"#
    );
}

/// A small generator of valid documents: the same seed, the same documents.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn selections(&mut self, on: &str, depth: u64) -> String {
        let count = 1 + self.below(4);
        (0..count)
            .map(|_| self.selection(on, depth))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn selection(&mut self, on: &str, depth: u64) -> String {
        let directive = [
            "",
            "",
            "",
            "@include(if: true)",
            "@skip(if: true)",
            "@include(if: $f)",
            "@skip(if: $f)",
        ][self.below(7) as usize];
        if depth > 0 && self.below(3) == 0 {
            let conditions: &[&str] = match on {
                "Pet" => &["Pet", "Cat", "Dog", ""],
                "Cat" => &["Pet", "Cat", ""],
                "Dog" => &["Pet", "Dog", ""],
                other => &[other, ""],
            };
            let condition = conditions[self.below(conditions.len() as u64) as usize];
            let within = if condition.is_empty() || on == "Cat" || on == "Dog" {
                on
            } else {
                condition
            };
            let within = if condition == "Pet" { "Pet" } else { within };
            let on = if condition.is_empty() {
                String::new()
            } else {
                format!("on {condition}")
            };
            return format!(
                "... {on} {directive} {{ {} }}",
                self.selections(within, depth - 1)
            );
        }
        let fields: &[&str] = match on {
            "Query" => &["hello", "pets", "__typename", "pets"],
            "Pet" => &["id", "owner", "__typename"],
            "Cat" => &["id", "owner", "meows", "__typename"],
            "Dog" => &["id", "owner", "barks", "__typename"],
            _ => &["name", "email", "__typename"],
        };
        match fields[self.below(fields.len() as u64) as usize] {
            "pets" => format!(
                "pets {directive} {{ __typename {} }}",
                self.selections("Pet", depth.saturating_sub(1))
            ),
            "owner" => format!(
                "owner {directive} {{ __typename {} }}",
                self.selections("Owner", depth.saturating_sub(1))
            ),
            leaf => format!("{leaf} {directive}"),
        }
    }
}

/// The library merges answers where we merge questions; both are the same.
#[tokio::test]
async fn merging_changes_no_answer() {
    let (executor, sdl) = schema::build();
    let gate = Gate::new(&sdl, DocumentLimits::default()).unwrap();
    let mut random = Random(7);
    for _ in 0..300 {
        let source = format!(
            "query($f: Boolean!) {{ __typename {} }}",
            random.selections("Query", 5)
        );
        let source = if source.contains("$f)") {
            source
        } else {
            source.replace("($f: Boolean!)", "")
        };
        for f in [true, false] {
            let variables = Variables::from_json(serde_json::json!({ "f": f }));
            let merged = match gate.pass(&source, None, variables.clone()) {
                Ok(request) => request,
                Err(fault) => panic!("{source}: {:?}", fault.errors),
            };
            let plain = Request::new(source.as_str()).variables(variables);
            assert_eq!(
                answer(&executor, merged).await,
                answer(&executor, plain).await,
                "{source}"
            );
        }
    }
}
