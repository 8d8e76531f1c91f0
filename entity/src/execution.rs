//! One job: the narrow row that lists and the hub read. Input and result lie in `execution_payload`.

use sea_orm::entity::prelude::*;

/// A row of `execution`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "execution")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Grows with every change of any field.
    pub revision: i64,
    /// `pending`, `in_progress`, `finished` or `failed`.
    pub status: String,
    /// The data set.
    pub data_set_id: Uuid,
    /// The agent.
    pub agent_id: Uuid,
    /// Of the execution type.
    pub execution_key: String,
    /// Of the type at launch.
    pub schema_version: String,
    /// The conversation.
    pub conversation_id: Uuid,
    /// The user.
    pub launched_by: Uuid,
    /// From 1.
    pub attempt: i32,
    /// Max attempts.
    pub max_attempts: i32,
    /// Failure category.
    pub failure_category: Option<String>,
    /// Failure code.
    pub failure_code: Option<String>,
    /// Failure retryable.
    pub failure_retryable: Option<bool>,
    /// When; null until then.
    pub cancel_requested_at: Option<i64>,
    /// Cancel requested by.
    pub cancel_requested_by: Option<Uuid>,
    /// Cancel reason.
    pub cancel_reason: Option<String>,
    /// When; null until then.
    pub cancel_confirmed_at: Option<i64>,
    /// Progress done.
    pub progress_done: Option<i32>,
    /// Progress total.
    pub progress_total: Option<i32>,
    /// Progress note.
    pub progress_note: Option<String>,
    /// Input tokens.
    pub input_tokens: i64,
    /// Those of the input tokens that providers had kept.
    pub cached_input_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// Reserved before the call.
    pub model_calls: i32,
    /// Reserved before the call.
    pub tool_calls: i32,
    /// Cost micro usd.
    pub cost_micro_usd: Option<i64>,
    /// Retry of.
    pub retry_of: Option<Uuid>,
    /// Of running; the deadline is set from it at the start.
    pub max_duration_ms: Option<i64>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When; null until then.
    pub started_at: Option<i64>,
    /// When; null until then.
    pub finished_at: Option<i64>,
    /// Duration ms.
    pub duration_ms: Option<i64>,
    /// When the queue gives up.
    pub expires_at: Option<i64>,
    /// When running gives up.
    pub deadline_at: Option<i64>,
    /// Milliseconds since 1970.
    pub updated_at: i64,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
