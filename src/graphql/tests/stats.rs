//! executionStats and executionFacets as clients ask for them: whose figures, over which range, and
//! what is refused. That the figures are those of the rows is tested in `tests/it/stats.rs`.

use serde_json::{Value, json};

use super::{Api, START};
use crate::base::clock::to_rfc3339;

const HOUR: i64 = 3_600_000;

async fn fill(api: &Api) {
    let other = api.world.other.user_id;
    let plain = api.world.plain;
    for (number, hours, status) in [
        (1, 0, "finished"),
        (2, 1, "failed"),
        (3, 3, "finished"),
        (4, 3, "pending"),
    ] {
        let change = |row: &mut entity::execution::Model| {
            row.status = status.to_owned();
            row.created_at = START + hours * HOUR;
            row.input_tokens = 10;
            if status == "finished" {
                row.started_at = Some(row.created_at + 500);
                row.duration_ms = Some(hours * 1000 + 100);
            }
            if status == "failed" {
                row.failure_category = Some("validation_failed".to_owned());
                row.failure_code = Some("no_such_sku".to_owned());
                row.agent_id = plain;
                row.execution_key = "pondering".to_owned();
            }
            if number == 3 {
                row.launched_by = other;
            }
        };
        let labels: &[&str] = if number < 3 { &["urgent"] } else { &[] };
        api.db_insert(number, change, labels).await;
    }
    api.world
        .store
        .clock
        .advance(std::time::Duration::from_millis(5 * HOUR as u64));
}

fn at(hours: i64) -> String {
    to_rfc3339(START + hours * HOUR)
}

const STATS: &str = "query($filter: ExecutionFilter, $range: DateTimeRange!, $interval: StatsInterval!, $zone: String) {
    executionStats(filter: $filter, range: $range) { asOf isExact from to totalCount statusCounts { status count isExact }
        series(interval: $interval, timeZone: $zone) { from to statusCounts { count } duration { maxMs } usage { inputTokens } }
        duration { p50Ms p90Ms p99Ms maxMs } queueTime { p50Ms maxMs } failures { category code count }
        agents { agent { name } statusCounts { count } duration { maxMs } usage { inputTokens } }
        usage { inputTokens outputTokens modelCalls toolCalls costMicroUsd } oldestPendingMs } }";

fn asked(range: Value, interval: &str) -> Value {
    json!({ "range": range, "interval": interval })
}

#[tokio::test]
async fn an_admin_gets_the_figures_of_all_and_a_member_of_their_own() {
    let api = Api::new().await;
    fill(&api).await;
    let all = api.ask(&api.world.admin, STATS, asked(json!({}), "HOUR")).await["executionStats"].clone();
    let counts = |counts: [i64; 4]| counts.map(|count| json!({ "count": count })).to_vec();
    assert_eq!(all["asOf"], json!(at(5)));
    assert_eq!(
        (&all["isExact"], &all["from"]),
        (&json!(true), &json!(at(0))),
        "the first execution"
    );
    assert_eq!(all["totalCount"], 4);
    assert_eq!(
        all["statusCounts"][2],
        json!({ "status": "FINISHED", "count": 2, "isExact": true })
    );
    let series: Vec<(Value, Value, Value)> = all["series"]
        .as_array()
        .expect("points")
        .iter()
        .map(|point| {
            (
                point["from"].clone(),
                point["statusCounts"].clone(),
                point["duration"].clone(),
            )
        })
        .collect();
    let expected: Vec<(Value, Value, Value)> = [
        ([0, 0, 1, 0], json!({ "maxMs": 100.0 })),
        ([0, 0, 0, 1], Value::Null),
        ([0, 0, 0, 0], Value::Null),
        ([1, 0, 1, 0], json!({ "maxMs": 3100.0 })),
        ([0, 0, 0, 0], Value::Null),
        ([0, 0, 0, 0], Value::Null),
    ]
    .into_iter()
    .zip(0..)
    .map(|((of, duration), hour)| (json!(at(hour)), counts(of).into(), duration))
    .collect();
    assert_eq!(series, expected, "every hour until now, empty ones too");
    assert_eq!(
        all["duration"],
        json!({ "p50Ms": 100.0, "p90Ms": 3100.0, "p99Ms": 3100.0, "maxMs": 3100.0 })
    );
    assert_eq!(all["queueTime"], json!({ "p50Ms": 500.0, "maxMs": 500.0 }));
    assert_eq!(
        all["failures"],
        json!([{ "category": "VALIDATION_FAILED", "code": "no_such_sku", "count": 1 }])
    );
    assert_eq!(all["agents"][0]["agent"]["name"], "paper");
    assert_eq!(all["agents"][1]["statusCounts"], json!(counts([0, 0, 0, 1])));
    assert_eq!(all["usage"]["inputTokens"], 40.0);
    assert_eq!(all["oldestPendingMs"], 2.0 * HOUR as f64);

    let own = api.ask(&api.world.member, STATS, asked(json!({}), "DAY")).await["executionStats"].clone();
    assert_eq!(own["totalCount"], 3);
    assert_eq!(own["duration"]["maxMs"], 100.0);
    let none = api.ask(&api.world.stranger, STATS, asked(json!({}), "DAY")).await["executionStats"].clone();
    assert_eq!(
        (&none["totalCount"], &none["series"], &none["from"]),
        (&json!(0), &json!([]), &Value::Null)
    );
    assert_eq!(
        (&none["duration"], &none["oldestPendingMs"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn the_range_cuts_the_filter_but_not_what_is_pending() {
    let api = Api::new().await;
    fill(&api).await;
    let admin = &api.world.admin;
    let mut variables = asked(json!({ "from": at(0), "to": at(3) }), "HOUR");
    variables["filter"] = json!({ "createdAt": { "from": at(1) } });
    let cut = api.ask(admin, STATS, variables.clone()).await["executionStats"].clone();
    assert_eq!(
        (&cut["totalCount"], &cut["from"], &cut["to"]),
        (&json!(1), &json!(at(1)), &json!(at(3)))
    );
    assert_eq!(cut["oldestPendingMs"], 2.0 * HOUR as f64);
    variables["filter"] = json!({ "statuses": ["FAILED"] });
    let failed = api.ask(admin, STATS, variables).await["executionStats"].clone();
    assert_eq!(
        (&failed["totalCount"], &failed["oldestPendingMs"]),
        (&json!(1), &Value::Null)
    );
    let empty = asked(json!({ "from": at(3), "to": at(3) }), "MINUTE");
    let empty = api.ask(admin, STATS, empty).await["executionStats"].clone();
    assert_eq!((&empty["totalCount"], &empty["series"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn of_more_than_the_server_computes_over_the_newest_count_and_that_is_said() {
    let mut api = Api::new().await;
    fill(&api).await;
    api.limit(|limits| limits.max_stats_rows = 2);
    let stats = api
        .ask(&api.world.admin, STATS, asked(json!({ "from": at(0) }), "HOUR"))
        .await["executionStats"]
        .clone();
    assert_eq!(stats["isExact"], false);
    assert_eq!(stats["from"], json!(at(1)), "the oldest of those that count");
    assert_eq!(stats["totalCount"], 3);
    assert_eq!(stats["statusCounts"][0]["isExact"], false);
    assert_eq!(stats["series"][0]["from"], json!(at(1)));
}

#[tokio::test]
async fn zones_and_intervals_that_cannot_be_are_refused() {
    let api = Api::new().await;
    fill(&api).await;
    let admin = &api.world.admin;
    let mut unknown = asked(json!({}), "DAY");
    unknown["zone"] = json!("Mars/Olympus");
    assert_eq!(api.refused(admin, STATS, unknown).await, "BAD_USER_INPUT");
    let minutes = asked(json!({ "from": at(-24), "to": at(0) }), "MINUTE");
    assert_eq!(api.refused(admin, STATS, minutes).await, "LIMIT_EXCEEDED");
    let mut wide = asked(json!({}), "DAY");
    let many: Vec<String> = (0..201).map(|number| format!("key {number}")).collect();
    wide["filter"] = json!({ "executionKeys": many });
    assert_eq!(api.refused(admin, STATS, wide).await, "LIMIT_EXCEEDED");
    let mut vienna = asked(json!({ "from": at(0), "to": at(1) }), "DAY");
    vienna["zone"] = json!("Europe/Vienna");
    let day = api.ask(admin, STATS, vienna).await["executionStats"]["series"][0].clone();
    // START is 08:00 UTC on 15 January 2027.
    assert_eq!(
        (&day["from"], &day["to"]),
        (
            &json!("2027-01-14T23:00:00.000Z"),
            &json!("2027-01-15T23:00:00.000Z")
        )
    );
}

const FACETS: &str =
    "query($filter: ExecutionFilter, $limit: Int) { executionFacets(filter: $filter, limit: $limit) { isExact
    agents { agent { name } count } executionKeys { value label count } labels { value label count }
    failureCodes { value label count } launchedBy { user { name } count } } }";

#[tokio::test]
async fn each_list_is_counted_without_the_filters_own_condition_on_it() {
    let api = Api::new().await;
    fill(&api).await;
    let admin = &api.world.admin;
    let ask = async |filter: Value| {
        api.ask(admin, FACETS, json!({ "filter": filter })).await["executionFacets"].clone()
    };
    let all = ask(json!({})).await;
    assert_eq!(
        all["agents"],
        json!([{ "agent": { "name": "paper" }, "count": 3 }, { "agent": { "name": "plain" }, "count": 1 }])
    );
    assert_eq!(
        all["executionKeys"][0],
        json!({ "value": "musing", "label": "musing", "count": 3 })
    );
    assert_eq!(
        all["labels"],
        json!([{ "value": "urgent", "label": "urgent", "count": 2 }])
    );
    assert_eq!(
        all["failureCodes"],
        json!([{ "value": "no_such_sku", "label": "no_such_sku", "count": 1 }])
    );
    assert_eq!(
        all["launchedBy"][0],
        json!({ "user": { "name": "member" }, "count": 3 })
    );
    let filtered = ask(json!({ "executionKeys": ["pondering"] })).await;
    assert_eq!(
        filtered["executionKeys"], all["executionKeys"],
        "as if it were not there"
    );
    assert_eq!(
        filtered["agents"],
        json!([{ "agent": { "name": "plain" }, "count": 1 }])
    );
    let filtered = ask(json!({ "labels": ["urgent"], "failureCodes": ["no_such_sku"] })).await;
    assert_eq!(filtered["labels"][0]["count"], 1);
    assert_eq!(filtered["failureCodes"][0]["count"], 1);
    let own = api.ask(&api.world.other, FACETS, json!({})).await["executionFacets"].clone();
    assert_eq!(
        own["launchedBy"],
        json!([{ "user": { "name": "other" }, "count": 1 }])
    );
    for limit in [0, -1, 101] {
        assert_eq!(
            api.refused(admin, FACETS, json!({ "limit": limit })).await,
            "BAD_USER_INPUT"
        );
    }
    let one = api.ask(admin, FACETS, json!({ "limit": 1 })).await["executionFacets"].clone();
    assert_eq!(one["agents"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn lists_over_the_newest_alone_say_so_whichever_of_them_it_is() {
    let mut api = Api::new().await;
    fill(&api).await;
    api.limit(|limits| limits.max_facet_rows = 3);
    let ask = async |filter: Value| {
        api.ask(&api.world.admin, FACETS, json!({ "filter": filter }))
            .await["executionFacets"]
            .clone()
    };
    let all = ask(json!({})).await;
    assert_eq!(
        (&all["isExact"], &all["agents"][0]["count"]),
        (&json!(false), &json!(2))
    );
    let failed = ask(json!({ "statuses": ["FAILED"] })).await;
    assert_eq!(failed["isExact"], true);
    // One failed so, and of the other lists that is all; codes are counted as if nothing were asked of them.
    let coded = ask(json!({ "failureCodes": ["no_such_sku"] })).await;
    assert_eq!(coded["isExact"], false);
    let within = json!({ "failureCodes": ["no_such_sku"], "statuses": ["FAILED"] });
    assert_eq!(ask(within).await["isExact"], true);
}

/// As the dashboard's overview asks.
const OVERVIEW: &str = "query($range: DateTimeRange!) {
    executionStats(range: $range) { asOf isExact from totalCount statusCounts { status count }
        series(interval: DAY, timeZone: \"UTC\") { from to statusCounts { status count } duration { p50Ms p90Ms p99Ms } }
        duration { p50Ms p90Ms p99Ms maxMs } queueTime { p50Ms p90Ms maxMs } failures { category code count }
        agents { agent { id name } statusCounts { status count } duration { p50Ms }
            usage { inputTokens outputTokens modelCalls toolCalls costMicroUsd } }
        usage { inputTokens outputTokens modelCalls toolCalls costMicroUsd } oldestPendingMs }
    executions(first: 0) { streamCursor }
    executionFacets(limit: 50) { isExact agents { agent { id name } count } executionKeys { value label count }
        labels { value label count } launchedBy { user { id name } count } failureCodes { value count } } }";

#[tokio::test]
async fn what_reads_very_many_rows_costs_accordingly_and_the_overview_is_within_what_may_be_asked() {
    let api = Api::new().await;
    let admin = &api.world.admin;
    api.ask(admin, OVERVIEW, json!({ "range": {} })).await;
    let aliases = |count: usize, field: &str| -> String {
        (0..count).map(|number| format!("a{number}: {field} ")).collect()
    };
    for many in [
        format!(
            "{{ {} }}",
            aliases(50, "executionStats(range: {}) { totalCount }")
        ),
        format!(
            "{{ executionStats(range: {{}}) {{ {} }} }}",
            aliases(50, "failures { count }")
        ),
        format!("{{ {} }}", aliases(100, "executionFacets(limit: 1) { isExact }")),
        format!(
            "{{ x: executionFacets(limit: 10) {{ {0} }} y: executionFacets(limit: 10) {{ {0} }} }}",
            aliases(300, "labels { count }")
        ),
    ] {
        assert_eq!(
            api.refused(admin, &many, json!({})).await,
            "LIMIT_EXCEEDED",
            "{many}"
        );
    }
}

#[tokio::test]
async fn lists_are_read_while_figures_wait_for_their_turn() {
    let api = Api::new().await;
    fill(&api).await;
    let admin = &api.world.admin;
    let db = &api.world.store.db;
    let connections = crate::db::Options::default().connections as usize;
    let mut taken = Vec::new();
    while let Some(leave) = futures::FutureExt::now_or_never(db.read_wide()) {
        taken.push(leave);
    }
    assert!(
        !taken.is_empty() && taken.len() * 2 < connections,
        "{}",
        taken.len()
    );
    let figures = "{ executionStats(range: {}) { totalCount failures { count } } executionFacets { isExact labels { value } } }";
    let mut figures = Box::pin(api.ask(admin, figures, json!({})));
    let list = api.ask(admin, "{ executions { totalCount nodes { id } } }", json!({}));
    let list = tokio::select! {
        biased;
        _ = &mut figures => panic!("figures do not wait"),
        list = list => list,
    };
    assert_eq!(list["executions"]["totalCount"], 4);
    drop(taken);
    assert_eq!(figures.await["executionStats"]["totalCount"], 4);
}
