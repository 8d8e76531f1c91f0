//! What the gate adds to a request: `cargo bench -p wire`. Wanted: under 20 µs for a document that it has seen, under
//! 200 µs for one that it has not.

#![allow(missing_docs)] // criterion's macros write functions without any

use std::{hint::black_box, time::Duration};

use async_graphql::Variables;
use criterion::{Criterion, criterion_group, criterion_main};
use wire::{DocumentLimits, Gate};

const SDL: &str = r#"
    interface Node { id: ID! }
    type Query { node(id: ID!): Node orders(first: Int = 25, after: String, filter: OrderFilter, sort: Sort! = NEWEST): OrderConnection! }
    input OrderFilter { states: [State!] placedAfter: DateTime placedBefore: DateTime customer: ID }
    enum State { OPEN PAID SENT RETURNED }
    enum Sort { NEWEST OLDEST }
    scalar DateTime
    type OrderConnection { edges: [OrderEdge!]! nodes: [Order!]! pageInfo: PageInfo! totalCount: Int! }
    type OrderEdge { cursor: String! node: Order! }
    type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
    type Order implements Node { id: ID! number: String! state: State! placedAt: DateTime! sentAt: DateTime customer: Customer! lines(first: Int): [Line!]! total: Money! note: String }
    type Customer implements Node { id: ID! name: String! email: String }
    type Line { product: Product! quantity: Int! price: Money! }
    type Product implements Node { id: ID! sku: String! title: String! }
    type Money { amount: String! currency: String! }
    schema { query: Query }
"#;

/// A list page as a client with collocated fragments writes it: 37 fields after merging.
const PAGE: &str = r#"
    query OrdersPage($first: Int!, $after: String, $filter: OrderFilter, $withNote: Boolean = false) {
      orders(first: $first, after: $after, filter: $filter, sort: NEWEST) {
        __typename
        totalCount
        pageInfo { __typename hasNextPage hasPreviousPage startCursor endCursor }
        edges { __typename cursor node { __typename id ...OrderRow ...OrderState note @include(if: $withNote) } }
      }
    }
    fragment OrderRow on Order {
      __typename id number placedAt ...OrderState
      customer { __typename id ...CustomerName }
      total { __typename ...MoneyText }
      lines(first: 3) { __typename quantity price { __typename ...MoneyText } product { __typename id sku title } }
    }
    fragment OrderState on Order { __typename id state placedAt sentAt }
    fragment CustomerName on Customer { __typename id name email }
    fragment MoneyText on Money { __typename amount currency }
"#;

fn variables() -> Variables {
    Variables::from_json(serde_json::json!({
        "first": 25,
        "after": "b2Zmc2V0OjI1",
        "filter": { "states": ["OPEN", "PAID"], "placedAfter": "2026-01-01T00:00:00Z" },
    }))
}

fn gate(c: &mut Criterion) {
    let remembering = Gate::new(SDL, DocumentLimits::default()).expect("the SDL is valid");
    let forgetting = Gate::new(
        SDL,
        DocumentLimits {
            cached_documents: 0,
            ..DocumentLimits::default()
        },
    )
    .expect("the SDL is valid");
    let mut group = c.benchmark_group("gate");
    group
        .measurement_time(Duration::from_secs(3))
        .warm_up_time(Duration::from_secs(1));
    for (name, gate) in [("cached", &remembering), ("uncached", &forgetting)] {
        group.bench_function(name, |b| {
            b.iter_batched(
                variables,
                |variables| {
                    gate.pass(black_box(PAGE), None, variables)
                        .expect("the document is valid")
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, gate);
criterion_main!(benches);
