//! Journal entries, and the marks that precede tool calls. Append only.

use entity::{event, tool_start};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{Conn, Result};
use crate::base::page::{Page, Window};

/// Appends entries whose sequence numbers were reserved by `conversations::advance` in the same
/// transaction.
///
/// # Errors
/// When the statement fails.
pub async fn insert(db: &impl Conn, rows: Vec<event::Model>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    event::Entity::insert_many(rows)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Up to `limit` entries after a sequence number, in order.
///
/// # Errors
/// When the statement fails.
pub async fn after(
    db: &impl Conn,
    conversation: Uuid,
    sequence: i64,
    limit: u64,
) -> Result<Vec<event::Model>> {
    Ok(event::Entity::find()
        .filter(event::Column::ConversationId.eq(conversation))
        .filter(event::Column::Sequence.gt(sequence))
        .order_by_asc(event::Column::Sequence)
        .limit(limit)
        .all(db)
        .await?)
}

/// Entries by id, in no order.
///
/// # Errors
/// When the statement fails.
pub async fn find_many(db: &impl Conn, ids: &[Uuid]) -> Result<Vec<event::Model>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(event::Entity::find()
        .filter(event::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?)
}

/// The entries of one kind in these conversations, in order within each.
///
/// # Errors
/// When the statement fails.
pub async fn find_of_kind(
    db: &impl Conn,
    conversations: &[Uuid],
    kind: &'static str,
) -> Result<Vec<event::Model>> {
    if conversations.is_empty() {
        return Ok(Vec::new());
    }
    Ok(event::Entity::find()
        .filter(event::Column::ConversationId.is_in(conversations.iter().copied()))
        .filter(event::Column::Kind.eq(kind))
        .order_by_asc(event::Column::Sequence)
        .all(db)
        .await?)
}

/// Which entries of a journal are meant.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this kind.
    pub kind: Option<&'static str>,
    /// Messages of these roles (stored forms).
    pub roles: Option<Vec<String>>,
}

/// A page of a journal, oldest first; cursors carry the sequence number as key.
///
/// # Errors
/// When the statement fails.
pub async fn page(
    db: &impl Conn,
    conversation: Uuid,
    filter: &Filter,
    window: &Window,
) -> Result<Page<event::Model>> {
    let mut query = filtered(conversation, filter);
    // The sequence number is unique, so it alone is the key.
    let sequence = |cursor: &Option<crate::base::cursor::PageCursor>| {
        cursor
            .as_ref()
            .and_then(|cursor| cursor.key.as_ref())
            .and_then(|key| key.parse::<i64>().ok())
    };
    if let Some(after) = sequence(&window.after) {
        query = query.filter(event::Column::Sequence.gt(after));
    }
    if let Some(before) = sequence(&window.before) {
        query = query.filter(event::Column::Sequence.lt(before));
    }
    query = if window.from_end {
        query.order_by_desc(event::Column::Sequence)
    } else {
        query.order_by_asc(event::Column::Sequence)
    };
    Ok(Page::cut(query.limit(window.limit + 1).all(db).await?, window))
}

/// Counts them, up to the server's limit.
///
/// # Errors
/// When the statement fails.
pub async fn count(db: &impl Conn, conversation: Uuid, filter: &Filter) -> Result<crate::base::page::Count> {
    let rows: Vec<i64> = filtered(conversation, filter)
        .select_only()
        .column(event::Column::Sequence)
        .limit(crate::base::page::COUNT_LIMIT + 1)
        .into_tuple()
        .all(db)
        .await?;
    Ok(crate::base::page::Count::capped(rows.len() as u64))
}

fn filtered(conversation: Uuid, filter: &Filter) -> sea_orm::Select<event::Entity> {
    let mut query = event::Entity::find().filter(event::Column::ConversationId.eq(conversation));
    if let Some(kind) = filter.kind {
        query = query.filter(event::Column::Kind.eq(kind));
    }
    if let Some(roles) = &filter.roles {
        query = query.filter(event::Column::Role.is_in(roles));
    }
    query
}

/// Marks the start of tool calls.
///
/// # Errors
/// When the statement fails.
pub async fn mark_started(db: &impl Conn, rows: Vec<tool_start::Model>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    // A call that is repeated after a crash was marked before.
    let again = sea_orm::sea_query::OnConflict::columns([
        tool_start::Column::ConversationId,
        tool_start::Column::CallId,
    ])
    .update_columns([tool_start::Column::Fence, tool_start::Column::StartedAt])
    .to_owned();
    let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
    tool_start::Entity::insert_many(rows)
        .on_conflict(again)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// The marks of a conversation.
///
/// # Errors
/// When the statement fails.
pub async fn started(db: &impl Conn, conversation: Uuid) -> Result<Vec<tool_start::Model>> {
    let of = tool_start::Column::ConversationId.eq(conversation);
    Ok(tool_start::Entity::find().filter(of).all(db).await?)
}

/// Forgets the marks of a run that has ended.
///
/// # Errors
/// When the statement fails.
pub async fn clear_started(db: &impl Conn, conversation: Uuid) -> Result<()> {
    let of = tool_start::Column::ConversationId.eq(conversation);
    tool_start::Entity::delete_many().filter(of).exec(db).await?;
    Ok(())
}
