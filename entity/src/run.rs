//! What a worker leases: one execution, or one reply in a person's conversation. The row lives only while there is work: a finished run is deleted.

use sea_orm::entity::prelude::*;

/// A row of `run`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "run")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `execution` or `reply`.
    pub kind: String,
    /// The execution.
    pub execution_id: Option<Uuid>,
    /// The conversation.
    pub conversation_id: Uuid,
    /// What a worker must know to take it: `agent-type` for a reply, `agent-type/execution-type` for an execution.
    pub definition: String,
    /// When.
    pub queued_at: i64,
    /// When the queue gives up; not looked at once taken.
    pub expires_at: Option<i64>,
    /// When running gives up.
    pub deadline_at: Option<i64>,
    /// Who holds it, or held it when its lease ran out; none after a clean release.
    pub worker: Option<String>,
    /// Grows with each claim; every write of a run names it.
    pub fence: i64,
    /// 0 while nobody holds it.
    pub lease_expires_at: i64,
    /// Cancel or stop was asked for.
    pub stop_requested_at: Option<i64>,
    /// The journal's length at the last lease expiry.
    pub stall_sequence: i64,
    /// Lease expiries since the journal last grew.
    pub stalls: i32,
    /// The model that its agent chose; none: its agent type's.
    pub model: Option<String>,
    /// The trace that it was queued in, as a W3C `traceparent`.
    pub trace_parent: Option<String>,
    /// What a model call that is not settled has taken from shared budgets, as JSON.
    pub reservation: Option<String>,
}

/// It has no relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
