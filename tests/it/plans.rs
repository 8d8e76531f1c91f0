//! Which filters and orders an index serves: the table in `ARCHITECTURE.md`, read off the query
//! plans over 100,000 rows. No list may scan the table.

use agentic_executions::base::cursor::PageCursor;
use agentic_executions::base::page::Window;
use agentic_executions::db::conversations;
use agentic_executions::db::executions::facets::{self, Facet};
use agentic_executions::db::executions::filter::{Filter, Range, Reach};
use agentic_executions::db::executions::page::{Order, OrderField, Plan};
use agentic_executions::db::executions::stats::{self, Sample};
use sea_orm::sea_query::{PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use uuid::Uuid;

use crate::both;

/// 100,000 executions in ten data sets, by ten users, with a label on each tenth.
async fn db_fill(world: &crate::support::World) {
    let db = world.store.db.begin().await.expect("begins");
    let (set, agent, user) = (world.set, world.agent, world.owner.user_id);
    let is_postgres = db.get_database_backend() == DatabaseBackend::Postgres;
    if is_postgres {
        // On a busy machine this takes longer than any statement of the server may.
        db.execute_unprepared("SET LOCAL statement_timeout = 0")
            .await
            .expect("sets");
    }
    let id = |id: Uuid| {
        if is_postgres {
            format!("'{id}'::uuid")
        } else {
            format!("X'{}'", id.simple())
        }
    };
    let (row, numbers) = if is_postgres {
        ("md5(n::text)::uuid", "generate_series(1, 100000) AS t(n)")
    } else {
        (
            "randomblob(16)",
            "(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 100000) SELECT n FROM t)",
        )
    };
    let other_set = id(other(&db, world, 1).await);
    let other_agent = id(other_agent(&db, world).await);
    let columns = "id, revision, status, data_set_id, agent_id, execution_key, schema_version, conversation_id, \
        launched_by, attempt, max_attempts, input_tokens, output_tokens, model_calls, tool_calls, \
        created_at, started_at, finished_at, duration_ms, retry_of, updated_at";
    let fill = format!(
        "INSERT INTO execution ({columns}) SELECT {row}, 1, \
         CASE n % 4 WHEN 0 THEN 'pending' WHEN 1 THEN 'in_progress' WHEN 2 THEN 'finished' ELSE 'failed' END, \
         CASE WHEN n % 10 = 0 THEN {set} ELSE {other_set} END, CASE WHEN n % 20 = 0 THEN {agent} ELSE {other_agent} END, 'invoice-scanning', 'v', {row}, {user}, \
         1, 1, 0, 0, 0, 0, 1700000000000 + n * 7, \
         CASE WHEN n % 4 > 0 THEN 1700000000000 + n * 7 END, CASE WHEN n % 4 > 1 THEN 1700000000000 + n * 9 END, \
         CASE WHEN n % 4 > 1 THEN n % 977 END, CASE WHEN n % 50 = 0 THEN {row} END, 0 FROM {numbers}",
        set = id(set),
        agent = id(agent),
        user = id(user),
    );
    db.execute_unprepared(&fill).await.expect("executions");
    db.execute_unprepared(
        "INSERT INTO execution_label (execution_id, label, label_folded, position, data_set_id, created_at) \
         SELECT id, 'urgent', 'urgent', 0, data_set_id, created_at FROM execution WHERE created_at % 10 = 0",
    )
    .await
    .expect("labels");
    world.store.db.commit(db).await.expect("commits");
    db_analyze(world).await;
}

/// On a busy machine this, too, takes longer than any statement of the server may.
async fn db_analyze(world: &crate::support::World) {
    let db = world.store.db.begin().await.expect("begins");
    if world.store.db.is_postgres() {
        db.execute_unprepared("SET LOCAL statement_timeout = 0")
            .await
            .expect("sets");
    }
    db.execute_unprepared("ANALYZE").await.expect("analyzes");
    world.store.db.commit(db).await.expect("commits");
}

async fn other(db: &impl ConnectionTrait, world: &crate::support::World, number: u128) -> Uuid {
    let row = entity::data_set::Model {
        id: Uuid::from_u128(number),
        name: format!("other {number}"),
        created_at: world.store.clock.now(),
    };
    agentic_executions::db::people::insert_data_set(db, row.clone())
        .await
        .expect("a data set");
    row.id
}

async fn other_agent(db: &impl ConnectionTrait, world: &crate::support::World) -> Uuid {
    let known = agentic_executions::db::agents::find(db, world.agent)
        .await
        .expect("reads")
        .expect("is there");
    let row = entity::agent::Model {
        id: Uuid::from_u128(2),
        name: "other".to_owned(),
        ..known
    };
    agentic_executions::db::agents::insert(db, row.clone())
        .await
        .expect("an agent");
    row.id
}

struct Case {
    what: &'static str,
    reach: Reach,
    filter: Filter,
    order: Order,
    index: &'static str,
}

fn cases(world: &crate::support::World) -> Vec<Case> {
    let admin = Reach::Sets(vec![(world.set, None)]);
    let member = Reach::Sets(vec![(world.set, Some(world.owner.user_id))]);
    let newest = Order::default();
    let by = |field| Order {
        field,
        descending: true,
    };
    let case = |what, reach: &Reach, filter, order, index| Case {
        what,
        reach: reach.clone(),
        filter,
        order,
        index,
    };
    let statuses = || Some(vec!["pending".to_owned(), "failed".to_owned()]);
    let plain = Filter::default;
    vec![
        case(
            "all of the server",
            &Reach::Everything,
            plain(),
            newest,
            "execution_created_at_id",
        ),
        case(
            "a data set",
            &admin,
            plain(),
            newest,
            "execution_data_set_id_created_at_id",
        ),
        case(
            "by status",
            &admin,
            Filter {
                statuses: statuses(),
                ..plain()
            },
            newest,
            "execution_data_set_id_status_created_at_id",
        ),
        case(
            "one's own",
            &member,
            plain(),
            newest,
            "execution_launched_by_data_set_id_created_at_id",
        ),
        case(
            "one's own by status",
            &member,
            Filter {
                statuses: statuses(),
                ..plain()
            },
            newest,
            "execution_launched_by_data_set_id_status_created_at_id",
        ),
        case(
            "by agent",
            &Reach::Everything,
            Filter {
                agent_ids: Some(vec![world.agent]),
                ..plain()
            },
            newest,
            "execution_agent_id_created_at_id",
        ),
        case(
            "by agent and status",
            &Reach::Everything,
            Filter {
                agent_ids: Some(vec![world.agent]),
                statuses: statuses(),
                ..plain()
            },
            newest,
            "execution_agent_id_status_created_at_id",
        ),
        case(
            "in order of start",
            &admin,
            plain(),
            by(OrderField::StartedAt),
            "execution_data_set_id_started_at_id",
        ),
        case(
            "in order of finish",
            &admin,
            plain(),
            by(OrderField::FinishedAt),
            "execution_data_set_id_finished_at_id",
        ),
        case(
            "in order of duration",
            &admin,
            plain(),
            by(OrderField::Duration),
            "execution_data_set_id_duration_ms_id",
        ),
        case(
            "one's own in order of start",
            &member,
            plain(),
            by(OrderField::StartedAt),
            "execution_launched_by_data_set_id_started_at_id",
        ),
        case(
            "one's own in order of finish",
            &member,
            plain(),
            by(OrderField::FinishedAt),
            "execution_launched_by_data_set_id_finished_at_id",
        ),
        case(
            "one's own in order of duration",
            &member,
            plain(),
            by(OrderField::Duration),
            "execution_launched_by_data_set_id_duration_ms_id",
        ),
        case(
            "by label",
            &admin,
            Filter {
                labels: vec!["urgent".to_owned()],
                ..plain()
            },
            newest,
            "execution_label_data_set_id_label_created_at_execution_id",
        ),
        case(
            "retries of one",
            &admin,
            Filter {
                retry_of_ids: Some(vec![Uuid::from_u128(7)]),
                ..plain()
            },
            newest,
            "execution_retry_of_created_at_id",
        ),
        case(
            "by the start of a label",
            &admin,
            Filter {
                search: Some("nothing like it".to_owned()),
                ..plain()
            },
            newest,
            "execution_label_label_folded_execution_id",
        ),
        case(
            "by id",
            &admin,
            Filter {
                ids: Some(vec![Uuid::from_u128(7)]),
                ..plain()
            },
            newest,
            "PRIMARY",
        ),
    ]
}

async fn explain(world: &crate::support::World, case: &Case, window: &Window) -> String {
    let plan = Plan::new(&case.reach, &case.filter).expect("a plan");
    let statement = plan
        .page_statement(case.order, window)
        .expect("something can match");
    let db = world.store.db.read();
    let backend = db.get_database_backend();
    let sql = match backend {
        DatabaseBackend::Postgres => format!("EXPLAIN {}", statement.to_string(PostgresQueryBuilder)),
        _ => format!("EXPLAIN QUERY PLAN {}", statement.to_string(SqliteQueryBuilder)),
    };
    let column = if backend == DatabaseBackend::Postgres {
        "QUERY PLAN"
    } else {
        "detail"
    };
    let rows = db
        .query_all_raw(Statement::from_string(backend, sql))
        .await
        .expect("explains");
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", column).expect("a line"))
        .collect();
    lines.join("\n")
}

/// The plan of a statement.
async fn explain_statement(world: &crate::support::World, statement: &SelectStatement) -> String {
    let db = world.store.db.read();
    let is_postgres = world.store.db.is_postgres();
    let (sql, column) = if is_postgres {
        (
            format!("EXPLAIN {}", statement.to_string(PostgresQueryBuilder)),
            "QUERY PLAN",
        )
    } else {
        (
            format!("EXPLAIN QUERY PLAN {}", statement.to_string(SqliteQueryBuilder)),
            "detail",
        )
    };
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
        .await
        .expect("explains");
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", column).expect("a line"))
        .collect();
    lines.join("\n")
}

fn scans_all(plan: &str, is_postgres: bool) -> bool {
    if is_postgres {
        plan.contains("Seq Scan on execution ")
    } else {
        plan.lines()
            .any(|line| line.trim_start().starts_with("SCAN execution") && !line.contains("USING"))
    }
}

/// 100,000 conversations, each tenth a person's, in two data sets.
async fn db_fill_chats(world: &crate::support::World) {
    let db = world.store.db.begin().await.expect("begins");
    let is_postgres = world.store.db.is_postgres();
    let other_set = other(&db, world, 3).await;
    let id = |id: Uuid| {
        if is_postgres {
            format!("'{id}'::uuid")
        } else {
            format!("X'{}'", id.simple())
        }
    };
    let (row, numbers) = if is_postgres {
        db.execute_unprepared("SET LOCAL statement_timeout = 0")
            .await
            .expect("sets");
        ("md5(n::text)::uuid", "generate_series(1, 100000) AS t(n)")
    } else {
        (
            "randomblob(16)",
            "(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 100000) SELECT n FROM t)",
        )
    };
    let fill = format!(
        "INSERT INTO conversation (id, data_set_id, agent_id, started_by, is_chat, last_sequence, created_at, updated_at) \
         SELECT {row}, CASE WHEN n % 20 = 0 THEN {set} ELSE {other} END, {agent}, {user}, n % 10 = 0, 0, 0, \
         1700000000000 + n * 7 FROM {numbers}",
        set = id(world.set),
        other = id(other_set),
        agent = id(world.agent),
        user = id(world.owner.user_id),
    );
    db.execute_unprepared(&fill).await.expect("conversations");
    world.store.db.commit(db).await.expect("commits");
    db_analyze(world).await;
}

both! {
    async fn peoples_conversations_are_listed_by_an_index_over_100_000_rows(world: World) {
        db_fill_chats(&world).await;
        let user = world.owner.user_id;
        let far = PageCursor { key: Some("1700000350000".to_owned()), id: Uuid::from_u128(9) };
        let windows = [
            Window::first(25),
            Window { after: Some(far.clone()), before: None, limit: 25, from_end: false },
            Window { after: None, before: Some(far), limit: 25, from_end: true },
        ];
        let of_agent = conversations::Filter { agent_id: Some(world.agent), ..Default::default() };
        for (reach, filter, indexes) in [
            (Reach::Everything, conversations::Filter::default(), &["conversation_is_chat_updated_at_id"][..]),
            (Reach::Sets(vec![(world.set, None)]), conversations::Filter::default(), &["conversation_is_chat_data_set_id_updated_at_id"]),
            (Reach::Sets(vec![(world.set, Some(user))]), conversations::Filter::default(),
                // Everything here is one user's: either is as good.
                &["conversation_is_chat_started_by_data_set_id_updated_at_id", "conversation_is_chat_data_set_id_updated_at_id"]),
            (Reach::Everything, of_agent,
                &["conversation_is_chat_agent_id_updated_at_id", "conversation_is_chat_updated_at_id"]),
        ] {
            for window in &windows {
                let plan = conversations::Plan::new(&reach, &filter).expect("a plan");
                let shown = explain_statement(&world, &plan.page_statement(window).expect("rows")).await;
                // What is sorted is the page, never what an index gives in order.
                let sorts = shown.matches("TEMP B-TREE").count() + shown.matches("Sort Key").count();
                assert!(indexes.iter().any(|index| shown.contains(index)) && sorts <= 1, "{indexes:?}\n{shown}");
            }
        }
    }

    async fn figures_and_facets_read_the_newest_by_the_index_of_their_list(world: World) {
        db_fill(&world).await;
        let is_postgres = world.store.db.is_postgres();
        let range = Range { from: Some(1_700_000_300_000), to: Some(1_700_000_350_000) };
        for case in cases(&world).into_iter().filter(|case| case.order == Order::default()) {
            // Ids and retries are few: they are read and then sorted.
            if matches!(case.what, "by id" | "retries of one" | "by the start of a label") {
                continue;
            }
            for filter in [case.filter.clone(), Filter { created_at: range, ..case.filter.clone() }] {
                let plan = Plan::new(&case.reach, &filter).expect("a plan");
                let sample = Sample { plan: &plan, rows: 200 };
                let bounds: Vec<i64> = (0..=500).map(|at| 1_700_000_300_000 + at * 100).collect();
                for statement in [
                    stats::overall_statement(sample),
                    stats::span_statement(sample, &bounds),
                    facets::statement(&plan, Facet::Label, 200, 50),
                    facets::statement(&plan, Facet::FailureCode, 200, 50),
                ] {
                    let shown = explain_statement(&world, &statement.expect("something can match")).await;
                    assert!(!scans_all(&shown, is_postgres), "{}: reads the table\n{shown}", case.what);
                    // Within a range the index by creation alone may be as good.
                    let is_served = shown.contains(case.index) || filter.created_at == range;
                    assert!(is_served, "{}: expected {}\n{shown}", case.what, case.index);
                }
            }
        }
    }

    async fn every_list_is_served_by_its_index_over_100_000_rows(world: World) {
        db_fill(&world).await;
        let is_postgres = world.store.db.is_postgres();
        let far = PageCursor { key: Some("1700000350000".to_owned()), id: Uuid::from_u128(9) };
        let windows = [
            Window::first(25),
            Window { after: Some(far.clone()), before: None, limit: 25, from_end: false },
            Window { after: None, before: Some(far), limit: 25, from_end: true },
        ];
        for case in cases(&world) {
            for window in &windows {
                let plan = explain(&world, &case, window).await;
                let index = match (case.index, is_postgres) {
                    ("PRIMARY", true) => "execution_pkey",
                    ("PRIMARY", false) => "sqlite_autoindex_execution_1",
                    (index, _) => index,
                };
                let scans = if is_postgres { plan.contains("Seq Scan on execution") } else {
                    plan.lines().any(|line| line.starts_with("SCAN execution") && !line.contains("USING"))
                };
                assert!(plan.contains(index) && !scans, "{}: expected {index}\n{plan}", case.what);
            }
        }
    }
}
