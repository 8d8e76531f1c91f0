//! Lists of executions: pages, filters, counts, and what they cost.

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Api, START, exe};
use crate::base::page::Window;
use crate::db::executions::filter::{Filter, Range, Reach};
use crate::db::executions::page::{Order, OrderField, Plan};
use crate::domain::access::Viewer;

const PAGE: &str = "query($first: Int, $after: String, $last: Int, $before: String, $orderBy: ExecutionOrder, $filter: ExecutionFilter) {
    executions(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy, filter: $filter) {
        nodes { id } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
}";

fn ids(page: &Value) -> Vec<String> {
    let nodes = page["executions"]["nodes"].as_array().expect("nodes");
    nodes
        .iter()
        .map(|node| node["id"].as_str().expect("an id").to_owned())
        .collect()
}

async fn all_pages(api: &Api, viewer: &Viewer, forward: bool, order: &Value) -> Vec<String> {
    let (size, position, more, edge) = if forward {
        ("first", "after", "hasNextPage", "endCursor")
    } else {
        ("last", "before", "hasPreviousPage", "startCursor")
    };
    let mut all: Vec<String> = Vec::new();
    let mut at = Value::Null;
    loop {
        let mut variables = json!({ "orderBy": order });
        variables[size] = json!(2);
        variables[position] = at;
        let page = api.ask(viewer, PAGE, variables).await;
        let read = ids(&page);
        all = if forward {
            [all, read].concat()
        } else {
            [read, all].concat()
        };
        let info = &page["executions"]["pageInfo"];
        if info[more] == json!(false) {
            return all;
        }
        at = info[edge].clone();
    }
}

#[tokio::test]
async fn pages_meet_both_ways_and_what_has_no_key_comes_last() {
    let api = Api::new().await;
    for number in 1..=7_u128 {
        let at = i64::try_from(number % 3).expect("small");
        api.db_insert(
            number,
            |row| row.started_at = (number > 3).then_some(START + at),
            &[],
        )
        .await;
    }
    let member = &api.world.member;
    // 4 and 7 started at 1, 5 at 2, 6 at 0; 1, 2 and 3 never.
    for (direction, expected) in [("ASC", [6, 4, 7, 5, 1, 2, 3]), ("DESC", [5, 7, 4, 6, 3, 2, 1])] {
        let order = json!({ "field": "STARTED_AT", "direction": direction });
        let expected: Vec<String> = expected
            .iter()
            .map(|number| exe(Uuid::from_u128(*number)))
            .collect();
        assert_eq!(
            all_pages(&api, member, true, &order).await,
            expected,
            "{direction}"
        );
        assert_eq!(
            all_pages(&api, member, false, &order).await,
            expected,
            "{direction} backwards"
        );
    }
}

#[tokio::test]
async fn bad_pages_are_refused_with_their_code() {
    let api = Api::new().await;
    api.db_insert(1, |_| {}, &[]).await;
    let member = &api.world.member;
    let page = api.ask(member, PAGE, json!({})).await;
    let cursor = page["executions"]["edges"][0]["cursor"].clone();
    let other = json!({ "field": "STARTED_AT", "direction": "ASC" });
    for (variables, code) in [
        (json!({ "first": 1000 }), "BAD_USER_INPUT"),
        (json!({ "first": -1 }), "BAD_USER_INPUT"),
        (json!({ "first": 1, "last": 1 }), "BAD_USER_INPUT"),
        (json!({ "after": "nonsense" }), "BAD_CURSOR"),
        (json!({ "after": cursor, "orderBy": other }), "BAD_CURSOR"),
        (json!({ "filter": { "search": "a\u{0}" } }), "BAD_USER_INPUT"),
        (
            json!({ "filter": { "labels": vec!["a"; 3], "executionKeys": (0..300).map(|n| n.to_string()).collect::<Vec<_>>() } }),
            "LIMIT_EXCEEDED",
        ),
        (
            json!({ "filter": { "createdAt": { "from": "yesterday" } } }),
            "BAD_USER_INPUT",
        ),
    ] {
        assert_eq!(
            api.refused(member, PAGE, variables.clone()).await,
            code,
            "{variables}"
        );
    }
    let none = api.ask(member, PAGE, json!({ "first": 0 })).await;
    assert_eq!(none["executions"]["nodes"], json!([]));
    assert_eq!(none["executions"]["pageInfo"]["hasNextPage"], json!(true));
}

#[tokio::test]
async fn an_id_of_another_kind_or_none_at_all_matches_nothing() {
    let api = Api::new().await;
    let id = api.db_insert(1, |_| {}, &[]).await;
    let member = &api.world.member;
    let wrong = crate::base::id::Kind::Agent.format(id);
    for ids in [json!([wrong]), json!(["garbage"]), json!([])] {
        let page = api.ask(member, PAGE, json!({ "filter": { "ids": ids } })).await;
        assert_eq!(page["executions"]["nodes"], json!([]));
    }
    let page = api
        .ask(member, PAGE, json!({ "filter": { "ids": [wrong, exe(id)] } }))
        .await;
    assert_eq!(ids(&page), [exe(id)]);
    assert_eq!(
        api.ask(
            member,
            "query($id: ID!) { execution(id: $id) { id } }",
            json!({ "id": wrong })
        )
        .await["execution"],
        Value::Null
    );
}

#[tokio::test]
async fn members_see_their_own_and_admins_all() {
    let api = Api::new().await;
    let id = api.db_insert(1, |_| {}, &[]).await;
    let world = &api.world;
    for (viewer, sees) in [
        (&world.member, true),
        (&world.admin, true),
        (&world.server_admin, true),
        (&world.other, false),
        (&world.stranger, false),
    ] {
        let expected = if sees { vec![exe(id)] } else { vec![] };
        assert_eq!(
            ids(&api.ask(viewer, PAGE, json!({})).await),
            expected,
            "{}",
            viewer.name
        );
    }
}

#[tokio::test]
async fn nothing_is_counted_that_is_not_selected() {
    let api = Api::new().await;
    api.db_insert(1, |_| {}, &[]).await;
    api.db_insert(2, |row| row.status = "failed".to_owned(), &[])
        .await;
    let member = &api.world.member;
    // The least of a few: the hub looks at the change log by itself, which can only add.
    let cost = async |selection: &str| {
        let mut least = u64::MAX;
        let mut data = json!(null);
        for _ in 0..5 {
            let before = api.world.store.db.statements();
            let query = format!("{{ executions {{ {selection} }} }}");
            data = api.ask(member, &query, json!({})).await;
            least = least.min(api.world.store.db.statements() - before);
        }
        (least, data["executions"].clone())
    };
    let (page, _) = cost("nodes { id }").await;
    assert_eq!(page, 1);
    let (counted, answer) = cost("nodes { id } totalCount totalCountIsExact").await;
    assert_eq!(
        (counted, &answer["totalCount"], &answer["totalCountIsExact"]),
        (page + 1, &json!(2), &json!(true))
    );
    let (by_status, answer) = cost("nodes { id } statusCounts { status count isExact }").await;
    assert_eq!(by_status, page + 4);
    assert_eq!(
        answer["statusCounts"][0],
        json!({ "status": "PENDING", "count": 1, "isExact": true })
    );
    assert_eq!(
        answer["statusCounts"][3],
        json!({ "status": "FAILED", "count": 1, "isExact": true })
    );
    let (with_cursor, _) = cost("nodes { id } streamCursor").await;
    assert_eq!(with_cursor, page + 1);
}

#[tokio::test]
async fn a_page_costs_a_constant_number_of_statements() {
    const DETAILS: &str = "query($first: Int) { executions(first: $first) { nodes {
        id labels input result failure { explanation } rejections { feedback } viewerCan { cancel retry }
        agent { name agentType { key } dataSet { name } } executionType { name } dataSet { name collections { name } executionTypes { key } }
        conversation { id readOnly agent { name } startedBy { name } } files { filename } launchedBy { name } retryOf { id }
        cancellation { requestedBy { name } }
    } } }";
    let api = Api::new().await;
    for number in 1..=25_u128 {
        api.db_insert(
            number,
            |row| {
                row.status = "failed".to_owned();
                row.failure_category = Some("canceled".to_owned());
                row.cancel_requested_at = Some(START);
                row.cancel_requested_by = Some(row.launched_by);
                row.retry_of = (number > 1).then(|| Uuid::from_u128(1));
            },
            &["a", "b"],
        )
        .await;
    }
    let member = &api.world.member;
    let once = async |first: i32| {
        let before = api.world.store.db.statements();
        let answer = api.ask(member, DETAILS, json!({ "first": first })).await;
        let nodes = answer["executions"]["nodes"].as_array().expect("nodes").clone();
        assert_eq!(nodes.len(), usize::try_from(first).expect("positive"));
        assert_eq!(nodes[0]["labels"], json!(["a", "b"]));
        assert_eq!(nodes[0]["executionType"]["name"], json!("musing"));
        api.world.store.db.statements() - before
    };
    // The least of a few: the hub looks at the change log by itself, and a machine that stands still for longer than
    // loaders gather splits what they read. Both can only add.
    let cost = async |first: i32| {
        let mut least = u64::MAX;
        for _ in 0..5 {
            least = least.min(once(first).await);
        }
        least
    };
    let few = cost(2).await;
    let many = cost(25).await;
    // One that is read for each row costs 23 more.
    assert!(many <= few + 3, "{few} for two, {many} for 25");
}

fn subset(size: usize) -> impl Strategy<Value = Option<Vec<usize>>> {
    prop_oneof![2 => Just(None), 1 => proptest::collection::vec(0..size, 0..3).prop_map(Some)]
}

fn span() -> impl Strategy<Value = Range> {
    let end = || prop_oneof![2 => Just(None), 1 => (0..6_i64).prop_map(|at| Some(START + at))];
    (end(), end()).prop_map(|(from, to)| Range { from, to })
}

const STATUSES: [&str; 4] = ["pending", "in_progress", "finished", "failed"];
const LABELS: [&str; 4] = ["Urgent", "urgent-2", "Übung", "other"];
const SEARCHES: [&str; 5] = [
    "urg",
    "ÜB",
    "exe_0000",
    "00000000000000000000000000000004",
    "nothing",
];

#[tokio::test(flavor = "multi_thread")]
async fn filters_match_in_sql_as_they_match_in_memory() {
    let api = Api::new().await;
    for number in 1..=24_u128 {
        let n = usize::try_from(number).expect("small");
        let at = |step: usize| START + i64::try_from(n * step % 6).expect("small");
        let labels: Vec<&str> = LABELS
            .iter()
            .enumerate()
            .filter(|(bit, _)| n >> bit & 1 == 1)
            .map(|(_, label)| *label)
            .collect();
        let (paper, plain) = (api.world.paper, api.world.plain);
        let (member, other) = (api.world.member.user_id, api.world.other.user_id);
        api.db_insert(
            number,
            |row| {
                row.status = STATUSES[n % 4].to_owned();
                row.agent_id = if n % 3 == 0 { plain } else { paper };
                row.execution_key = if n % 5 == 0 { "sorting" } else { "musing" }.to_owned();
                row.launched_by = if n % 2 == 0 { member } else { other };
                row.created_at = at(1);
                row.started_at = (n % 4 > 0).then(|| at(2));
                row.finished_at = (n % 4 > 1).then(|| at(5));
                row.duration_ms = (n % 4 > 1).then(|| at(7) - START);
                row.failure_category =
                    (n % 4 == 3).then(|| if n % 8 == 3 { "canceled" } else { "unknown" }.to_owned());
                row.failure_code = row.failure_category.clone();
                row.retry_of = (n % 6 == 0).then(|| Uuid::from_u128(1 + number % 2));
            },
            &labels,
        )
        .await;
    }
    let db = &api.world.store.db;
    let everything: Vec<Uuid> = (1..=24).map(Uuid::from_u128).collect();
    let rows = crate::db::executions::find_many(db.read(), &everything)
        .await
        .expect("reads");
    let stored = crate::db::executions::labels(db.read(), &everything)
        .await
        .expect("reads");
    let labels_of = |id: Uuid| {
        stored
            .iter()
            .filter(|row| row.execution_id == id)
            .map(|row| row.label.clone())
            .collect::<Vec<_>>()
    };
    let world = &api.world;
    let pick = |list: &Option<Vec<usize>>, of: &[Uuid]| {
        list.as_ref().map(|list| list.iter().map(|n| of[*n]).collect())
    };
    let named = |list: &Option<Vec<usize>>, of: &[&str]| {
        list.as_ref()
            .map(|list| list.iter().map(|n| of[*n].to_owned()).collect())
    };
    let members = [world.member.user_id, world.other.user_id, world.admin.user_id];
    let strategy = (
        (subset(24), subset(2), subset(2), subset(4), subset(2), subset(3)),
        (
            proptest::collection::vec(0..4_usize, 0..3),
            span(),
            span(),
            span(),
            proptest::option::of(any::<bool>()),
            subset(3),
        ),
        (
            proptest::option::of(0..5_usize),
            0..3_usize,
            0..4_usize,
            any::<bool>(),
        ),
    );
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..300 {
        let tree = strategy.new_tree(&mut runner).expect("a value");
        let (first, second, (search, viewer, field, descending)) =
            proptest::strategy::ValueTree::current(&tree);
        let filter = Filter {
            ids: pick(&first.0, &everything),
            data_set_ids: pick(&first.1, &[world.set, Uuid::from_u128(99)]),
            agent_ids: pick(&first.2, &[world.paper, world.plain]),
            execution_keys: named(&first.4, &["musing", "sorting"]),
            statuses: named(&first.3, &STATUSES),
            failure_categories: named(&second.5, &["canceled", "unknown", "expired"]),
            failure_codes: None,
            launched_by_ids: pick(&first.5, &members),
            labels: second.0.iter().map(|n| LABELS[*n].to_owned()).collect(),
            created_at: second.1,
            started_at: second.2,
            finished_at: second.3,
            is_retry: second.4,
            retry_of_ids: second
                .5
                .as_ref()
                .map(|list| list.iter().map(|n| everything[*n]).collect()),
            search: search.map(|n| SEARCHES[n].to_owned()),
        };
        let reach: Reach = [&world.member, &world.admin, &world.server_admin][viewer].reach();
        let field = [
            OrderField::CreatedAt,
            OrderField::StartedAt,
            OrderField::FinishedAt,
            OrderField::Duration,
        ][field];
        let order = Order { field, descending };
        let plan = Plan::new(&reach, &filter).expect("few branches");
        let mut read: Vec<Uuid> = plan
            .page(db.read(), order, &Window::first(100))
            .await
            .expect("reads")
            .rows
            .iter()
            .map(|row| row.id)
            .collect();
        read.sort();
        let mut judged: Vec<Uuid> = rows
            .iter()
            .filter(|row| {
                reach.sees(row.data_set_id, row.launched_by) && filter.matches(row, &labels_of(row.id))
            })
            .map(|row| row.id)
            .collect();
        judged.sort();
        assert_eq!(read, judged, "{filter:?} {order:?}");
        assert_eq!(
            plan.count(db.read()).await.expect("counts").count,
            judged.len() as u64,
            "{filter:?}"
        );
    }
}
