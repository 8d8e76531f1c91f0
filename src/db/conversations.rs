//! Conversations: the row whose lock makes a journal's sequences dense.

use entity::conversation::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IdenStatic, IntoActiveModel, Iterable, QueryFilter,
    QuerySelect,
};
use uuid::Uuid;

use super::executions::filter::Reach;
use super::executions::page::{MAX_BRANCHES, TooManyBranches};
use super::keyset::{self, Keyset};
use super::{Conn, Result};
use crate::base::page::{Count, Page, Window};
use crate::base::text;

/// Stores a new conversation.
///
/// # Errors
/// When the statement fails.
pub async fn insert(db: &impl Conn, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// One conversation, whoever it belongs to: the caller checks access.
///
/// # Errors
/// When the statement fails.
pub async fn find(db: &impl Conn, id: Uuid) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).one(db).await?)
}

/// One conversation, locked until the transaction ends.
///
/// # Errors
/// When the statement fails.
pub async fn find_locked(db: &impl Conn, id: Uuid) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(db).await?)
}

/// Those of the ids that exist, in no order.
///
/// # Errors
/// When the statement fails.
pub async fn find_many(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?)
}

/// Reserves `count` sequence numbers under the row's lock and gives the last of them.
///
/// # Errors
/// When the statement fails, or the conversation is gone.
pub async fn advance(db: &impl Conn, id: Uuid, count: i64, now: i64) -> Result<i64> {
    let rows = Entity::update_many()
        .col_expr(Column::LastSequence, Expr::col(Column::LastSequence).add(count))
        .col_expr(Column::UpdatedAt, Expr::val(now))
        .filter(Column::Id.eq(id))
        .exec_with_returning(db)
        .await?;
    rows.first()
        .map(|row| row.last_sequence)
        .ok_or_else(|| super::Error::Corrupt {
            what: "conversation",
            id: id.to_string(),
        })
}

/// Says which run owes an answer, and why the last one failed.
///
/// # Errors
/// When the statement fails.
pub async fn set_reply(db: &impl Conn, id: Uuid, run: Option<Uuid>, failure: Option<String>) -> Result<()> {
    let row = ActiveModel {
        reply_run_id: Set(run),
        reply_failure: Set(failure),
        ..Default::default()
    };
    Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// Deletes a conversation; its events go with it.
///
/// # Errors
/// When the statement fails.
pub async fn delete(db: &impl Conn, id: Uuid) -> Result<()> {
    Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}

/// How far these journals are.
///
/// # Errors
/// When the statement fails.
pub async fn last_sequences(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<(Uuid, i64)>> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::LastSequence)
        .filter(Column::Id.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await?)
}

/// Which of people's conversations are meant.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Filter {
    pub data_set_id: Option<Uuid>,
    pub agent_id: Option<Uuid>,
    pub started_by: Option<Uuid>,
    /// Start of the title, letter case ignored.
    pub search: Option<String>,
}

/// Last written to first.
pub const ORDER: &str = "conversations.updated_at.desc";

const KEYSET: Keyset = Keyset {
    key: ("conversation", "updated_at"),
    id: ("conversation", "id"),
    descending: true,
    is_number: true,
};

/// A list of people's conversations that can be read and counted. Executions' are never among them.
#[derive(Debug, Clone)]
pub struct Plan {
    /// One for each data set that the viewer sees, so that an index serves each.
    branches: Vec<Condition>,
}

impl Plan {
    /// Expands what the viewer may see and asks for.
    ///
    /// # Errors
    /// [`TooManyBranches`], as lists of executions have; narrow the filter.
    pub fn new(reach: &Reach, filter: &Filter) -> std::result::Result<Self, TooManyBranches> {
        let branches = match reach {
            Reach::Everything => vec![condition(filter, filter.data_set_id, None)],
            Reach::Sets(sets) => sets
                .iter()
                .filter(|(set, _)| filter.data_set_id.is_none_or(|wanted| wanted == *set))
                .map(|(set, only)| condition(filter, Some(*set), *only))
                .collect(),
        };
        if branches.len() > MAX_BRANCHES {
            return Err(TooManyBranches(branches.len()));
        }
        Ok(Self { branches })
    }

    /// The statement that reads a page; none where nothing can match.
    pub fn page_statement(&self, window: &Window) -> Option<SelectStatement> {
        let names: Vec<&'static str> = Column::iter().map(|column| column.as_str()).collect();
        let runs: Vec<_> = self
            .select()
            .map(|mut run| {
                run.columns(names.iter().map(|name| ("conversation", Alias::new(*name))));
                KEYSET.apply(&mut run, window);
                run
            })
            .collect();
        (!runs.is_empty()).then(|| KEYSET.merge(runs, window, &names))
    }

    /// Reads a page.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn page(&self, db: &impl Conn, window: &Window) -> Result<Page<Model>> {
        let Some(statement) = self.page_statement(window) else {
            return Ok(Page::empty());
        };
        let statement = db.get_database_backend().build(&statement);
        let rows = Model::find_by_statement(statement).all(db).await?;
        Ok(Page::cut(rows, window))
    }

    /// Counts what the list holds, up to the server's limit.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn count(&self, db: &impl Conn) -> Result<Count> {
        let runs = self.select().map(|mut run| {
            run.expr_as(Expr::val(1), "one");
            run
        });
        keyset::count(db, runs.collect()).await
    }

    fn select(&self) -> impl Iterator<Item = SelectStatement> {
        self.branches.iter().map(|condition| {
            let mut run = Query::select();
            run.from("conversation").cond_where(condition.clone());
            run
        })
    }
}

fn condition(filter: &Filter, set: Option<Uuid>, user: Option<Uuid>) -> Condition {
    let mut all = Condition::all()
        .add(Column::IsChat.eq(true))
        .add_option(set.map(|set| Column::DataSetId.eq(set)))
        .add_option(user.map(|user| Column::StartedBy.eq(user)))
        .add_option(filter.agent_id.map(|agent| Column::AgentId.eq(agent)))
        .add_option(filter.started_by.map(|user| Column::StartedBy.eq(user)));
    if let Some(search) = &filter.search {
        let folded = text::fold(search);
        all = all.add(Column::TitleFolded.gte(folded.as_str()));
        all = all.add_option(text::prefix_upper_bound(&folded).map(|upper| Column::TitleFolded.lt(upper)));
    }
    all
}
