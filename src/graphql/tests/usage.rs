//! What models were used for, and the budgets that executions share.

use entity::usage_day;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::mutations::tests::world::{START, World};
use super::super::{Deps, build};
use super::Api;
use crate::base::id::Kind;
use crate::base::message::{Message, Role};
use crate::base::period::{DAY_MS, Period};
use crate::db;
use crate::db::budgets::{Amount, Most};
use crate::domain::budgets::{self, Budget, Budgets, Scope};
use crate::domain::journal::{self, Entry, Tokens};

const TODAY: i64 = START / DAY_MS;

async fn db_use(api: &Api, conversation: Uuid, is_chat: bool, day: i64, model: &str) {
    let row = usage_day::Model {
        conversation_id: conversation,
        day,
        model: model.to_owned(),
        execution_id: (!is_chat).then(|| Uuid::from_u128(7)),
        data_set_id: api.world.set,
        agent_id: api.world.paper,
        model_calls: 2,
        unpriced_calls: i64::from(model == "local"),
        input_tokens: 3_000_000_000,
        cached_input_tokens: 5,
        output_tokens: 10,
        cost_micro_usd: if model == "local" { 0 } else { 40 },
    };
    let db = &api.world.store.db;
    let tx = db.begin().await.expect("begins");
    db::usage::add(&tx, row).await.expect("writes");
    db.commit(tx).await.expect("commits");
}

fn totals(rows: f64, unpriced: f64, cost: f64) -> Value {
    json!({
        "answers": rows * 2.0,
        "unpricedAnswers": unpriced,
        "inputTokens": rows * 3_000_000_000.0,
        "cachedInputTokens": rows * 5.0,
        "outputTokens": rows * 10.0,
        "costMicroUsd": cost,
    })
}

const FIELDS: &str = "answers unpricedAnswers inputTokens cachedInputTokens outputTokens costMicroUsd";

#[tokio::test]
async fn usage_is_summed_by_day_agent_model_and_kind_for_admins_of_the_data_set() {
    let api = Api::new().await;
    let (job, chat) = (Uuid::from_u128(1), Uuid::from_u128(2));
    db_use(&api, job, false, TODAY, "fast").await;
    db_use(&api, job, false, TODAY, "fast").await;
    db_use(&api, job, false, TODAY - 29, "local").await;
    db_use(&api, job, false, TODAY - 30, "fast").await;
    db_use(&api, chat, true, TODAY, "fast").await;
    let query = format!(
        "query($set: ID!, $agent: ID) {{ dataSet(id: $set) {{ usage(agentId: $agent) {{ total {{ {FIELDS} }} executions {{ {FIELDS} }}
            conversations {{ {FIELDS} }} days {{ day usage {{ {FIELDS} }} }} agents {{ agent {{ id }} usage {{ {FIELDS} }} }} models {{ model usage {{ {FIELDS} }} }} }} }} }}"
    );
    let set = Kind::DataSet.format(api.world.set);
    let paper = Kind::Agent.format(api.world.paper);
    let all = totals(4.0, 1.0, 120.0);
    let expected = json!({
        "total": all,
        "executions": totals(3.0, 1.0, 80.0),
        "conversations": totals(1.0, 0.0, 40.0),
        "days": [
            {"day": day(TODAY - 29), "usage": totals(1.0, 1.0, 0.0)},
            {"day": day(TODAY), "usage": totals(3.0, 0.0, 120.0)},
        ],
        "agents": [{"agent": {"id": paper}, "usage": all}],
        "models": [
            {"model": "fast", "usage": totals(3.0, 0.0, 120.0)},
            {"model": "local", "usage": totals(1.0, 1.0, 0.0)},
        ],
    });
    let read = api
        .ask(&api.world.admin, &query, json!({"set": set, "agent": paper}))
        .await;
    assert_eq!(read["dataSet"]["usage"], expected);
    let plain = Kind::Agent.format(api.world.plain);
    let none = api
        .ask(&api.world.admin, &query, json!({"set": set, "agent": plain}))
        .await;
    assert_eq!(none["dataSet"]["usage"]["days"], json!([]));
    let hidden = api.ask(&api.world.member, &query, json!({"set": set})).await;
    assert_eq!(hidden["dataSet"]["usage"], Value::Null);
    let long = "query($set: ID!) { dataSet(id: $set) { usage(from: \"2001-01-01T00:00:00Z\") { total { answers } } } }";
    let refused = api.refused(&api.world.admin, long, json!({"set": set})).await;
    assert_eq!(refused, "BAD_USER_INPUT");
}

#[tokio::test]
async fn usage_costs_by_its_days_and_waits_for_its_turn() {
    let api = Api::new().await;
    let admin = &api.world.admin;
    let variables = json!({ "set": Kind::DataSet.format(api.world.set) });
    let asked = |times: usize, range: &str| {
        let fields: String = (0..times)
            .map(|number| format!("a{number}: usage{range} {{ total {{ answers }} }} "))
            .collect();
        format!("query($set: ID!) {{ dataSet(id: $set) {{ {fields} }} }}")
    };
    let year = "(from: \"2026-01-01T00:00:00Z\", to: \"2026-12-31T00:00:00Z\")";
    let month = "(from: \"2026-12-01T00:00:00Z\", to: \"2026-12-31T00:00:00Z\")";
    for (times, range) in [(1, year), (1, ""), (10, month)] {
        api.ask(admin, &asked(times, range), variables.clone()).await;
    }
    for (times, range) in [(3, year), (100, "")] {
        let code = api.refused(admin, &asked(times, range), variables.clone()).await;
        assert_eq!(code, "LIMIT_EXCEEDED", "{times} of {range}");
    }
    let mut taken = Vec::new();
    while let Some(leave) = futures::FutureExt::now_or_never(api.world.store.db.read_wide()) {
        taken.push(leave);
    }
    let query = asked(1, "");
    let mut usage = Box::pin(api.ask(admin, &query, variables.clone()));
    tokio::select! {
        biased;
        _ = &mut usage => panic!("usage does not wait"),
        _ = api.ask(admin, "{ executions { nodes { id } } }", json!({})) => {}
    }
    drop(taken);
    assert_eq!(usage.await["dataSet"]["a0"]["total"]["answers"], 0.0);
}

#[tokio::test]
async fn a_first_day_after_the_last_is_said_to_be_that() {
    let api = Api::new().await;
    let query = "query($set: ID!) { dataSet(id: $set) { usage(from: \"2037-01-01T00:00:00Z\") { total { answers } } } }";
    let set = json!({ "set": Kind::DataSet.format(api.world.set) });
    let refused = api.respond(&api.world.admin, query, set).await;
    assert_eq!(
        refused.errors[0].message,
        "`from` is a day after `to`, which is today when left out"
    );
}

fn day(days: i64) -> String {
    crate::base::clock::to_rfc3339(days * DAY_MS)
}

#[tokio::test]
async fn a_message_and_its_conversation_say_what_they_used() {
    let api = Api::new().await;
    let member = &api.world.member;
    let launched = api.world.launch(member).await;
    let id = Kind::Execution.parse(&launched).expect("an id");
    let db = &api.world.store.db;
    let row = db::executions::find(db.read(), id)
        .await
        .expect("reads")
        .expect("a row");
    let mut work = api.world.store.begin().await.expect("begins");
    let entry = Entry::Message {
        message: Message::text(Role::Assistant, "Done."),
        model: Some("fast".to_owned()),
        usage: Some(Tokens {
            input: 100,
            output: 7,
            cached_input: 90,
            cost_micro_usd: Some(12),
        }),
    };
    journal::append(&mut work, row.conversation_id, Some(1), vec![entry])
        .await
        .expect("appends");
    work.commit().await.expect("commits");
    db_use(&api, row.conversation_id, false, TODAY, "fast").await;
    db_use(&api, row.conversation_id, false, TODAY, "local").await;
    let query = format!(
        "query($id: ID!) {{ execution(id: $id) {{ conversation {{ usage {{ {FIELDS} }}
            messages(last: 1) {{ nodes {{ usage {{ inputTokens cachedInputTokens outputTokens costMicroUsd }} }} }} }} }} }}"
    );
    let read = api.ask(member, &query, json!({ "id": launched })).await;
    let conversation = &read["execution"]["conversation"];
    assert_eq!(conversation["usage"], totals(2.0, 1.0, 40.0));
    assert_eq!(
        conversation["messages"]["nodes"][0]["usage"],
        json!({"inputTokens": 100, "cachedInputTokens": 90, "outputTokens": 7, "costMicroUsd": 12})
    );
}

#[tokio::test]
async fn budgets_are_shown_to_who_administers_what_they_are_for() {
    let world = World::new().await;
    let mut deps = world.schema.data::<Deps>().expect("the world has them").clone();
    let budget = |name: &str, data_set| Budget {
        name: name.to_owned(),
        scope: Scope {
            data_set,
            ..Scope::default()
        },
        period: Period::Month,
        most: Most {
            model_calls: Some(10),
            ..Most::default()
        },
    };
    let of_agent = |name: &str, agent| Budget {
        scope: Scope {
            agent: Some(agent),
            ..Scope::default()
        },
        ..budget(name, None)
    };
    deps.budgets = Budgets::new(vec![
        budget("shop", Some(world.set)),
        budget("everything", None),
        of_agent("the paper", world.paper),
        of_agent("unknown", Uuid::from_u128(404)),
    ]);
    let work = world.store.begin().await.expect("begins");
    let wanted = Amount {
        model_calls: 4,
        cost_micro_usd: 9,
        ..Amount::default()
    };
    let taken = budgets::take(&work, &deps.budgets.all()[1..2], wanted).await;
    taken.expect("works").expect("has room");
    work.commit().await.expect("commits");
    let api = Api {
        schema: build(deps),
        world,
    };
    let names = async |viewer| {
        let read = api.ask(viewer, "{ budgets { name } }", json!({})).await;
        let names = read["budgets"].as_array().expect("a list").iter();
        names
            .map(|it| it["name"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&api.world.server_admin).await,
        ["everything", "shop", "the paper", "unknown"]
    );
    assert_eq!(names(&api.world.admin).await, ["shop", "the paper"]);
    assert_eq!(names(&api.world.member).await, [""; 0]);
    let whole = "{ budgets { name dataSetId agentId agentTypeKey model period renewsAt limits { modelCalls tokens } used { modelCalls toolCalls tokens costMicroUsd } } }";
    let read = api.ask(&api.world.admin, whole, json!({})).await;
    assert_eq!(
        read["budgets"][0],
        json!({
            "name": "shop",
            "dataSetId": Kind::DataSet.format(api.world.set),
            "agentId": null,
            "agentTypeKey": null,
            "model": null,
            "period": "MONTH",
            "renewsAt": Period::Month.ends(START).map(crate::base::clock::to_rfc3339),
            "limits": {"modelCalls": 10.0, "tokens": null},
            "used": {"modelCalls": 4.0, "toolCalls": 0.0, "tokens": 0.0, "costMicroUsd": 9.0}
        })
    );
}
