//! Data sets, who is a member of them, and what they hold.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use entity::{data_set, member};
use uuid::Uuid;

use super::agent::{self, AgentConnection};
use super::definition::ExecutionType;
use super::deps;
use super::errors::{self, Result, viewer};
use super::filter::{self, check_text};
use super::loaders::{self, CollectionsIn, DataSetOf, TypeKeysIn, UserOf};
use super::page::{self, Args, Sort, Total, connection, exactly};
use super::record::{DataRecord, DataRecordConnection};
use super::scalar::{DateTime, int};
use super::usage::{self, DataSetUsage};
use super::user::User;
use crate::base::id::Kind;
use crate::base::page::Page;
use crate::db;
use crate::domain::access::Role;

/// What a member may do in a data set.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "Role")]
pub enum DataSetRole {
    /// Launches executions and holds conversations, and sees their own.
    Member,
    /// Sees all of the data set's, and manages its agents, members and records.
    Admin,
}

/// A data set.
#[derive(Clone, Debug)]
pub struct DataSet(pub data_set::Model);

/// A membership.
#[derive(Clone, Debug)]
pub struct DataSetMember(pub member::Model);

connection!(
    DataSetConnection,
    DataSetEdge,
    DataSet,
    "A page of data sets, by name.",
    "The data set."
);
connection!(
    DataSetMemberConnection,
    DataSetMemberEdge,
    DataSetMember,
    "A page of a data set's members, the first to join first.",
    "The membership."
);

/// What the viewer may do in a data set, as things stand now.
#[derive(SimpleObject, Clone, Copy, Debug)]
pub struct DataSetPermissions {
    /// Launch executions and hold conversations.
    pub launch: bool,
    /// Create, update and retire agents: its admins.
    pub manage_agents: bool,
    /// Add and remove members, change roles: its admins.
    pub manage_members: bool,
    /// Write and delete records by hand: its admins.
    pub write_records: bool,
}

/// A named collection of records.
#[derive(SimpleObject, Clone, Debug)]
pub struct DataRecordCollection {
    /// For example "products".
    pub name: String,
    /// How many records it has; a collection without any is none.
    pub record_count: i32,
}

/// What agents work on and what access is granted to: records, agents and executions.
#[Object]
impl DataSet {
    /// Opaque; refetch with node.
    pub async fn id(&self) -> ID {
        Kind::DataSet.format(self.0.id).into()
    }

    /// Unique on the server.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The viewer's membership. Null for a server admin who is no member.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Result<Option<DataSetRole>> {
        Ok(viewer(ctx)?.membership(self.0.id).map(Into::into))
    }

    /// What the viewer may do here.
    async fn viewer_can(&self, ctx: &Context<'_>) -> Result<DataSetPermissions> {
        let viewer = viewer(ctx)?;
        let is_admin = viewer.administers(self.0.id);
        Ok(DataSetPermissions {
            launch: viewer.role(self.0.id).is_some(),
            manage_agents: is_admin,
            manage_members: is_admin,
            write_records: is_admin,
        })
    }

    /// Who has access besides server admins, the first to join first.
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<DataSetMemberConnection> {
        let args = Args {
            first,
            after,
            last,
            before,
        };
        let sort = Sort::number(db::people::MEMBER_ORDER);
        let window = args.window(ctx, &sort)?;
        let (db, set) = (deps(ctx).store.db.clone(), self.0.id);
        let page = db::people::page_members(db.read(), set, &window)
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?;
        let total = Total::by(move || {
            let db = db.clone();
            async move { Ok(exactly(db::people::count_members(db.read(), set).await?)) }
        });
        Ok(DataSetMemberConnection::of(page, total, |row| {
            (sort.cursor(row.created_at, row.id), DataSetMember(row))
        }))
    }

    /// Every execution type that its agents offer, each once, retired agents' too: a filter's
    /// menu.
    async fn execution_types(&self, ctx: &Context<'_>) -> Result<Vec<ExecutionType>> {
        let catalog = &deps(ctx).catalog;
        let mut keys = loaders::find(ctx, TypeKeysIn(self.0.id))
            .await?
            .unwrap_or_default();
        keys.sort();
        let known = keys.iter().filter_map(|key| catalog.agent_type(key));
        Ok(known
            .flat_map(|known| known.execution_types.iter().cloned().map(ExecutionType))
            .collect())
    }

    /// The collections that have records, by name.
    #[graphql(complexity = "100 + child_complexity")]
    async fn collections(&self, ctx: &Context<'_>) -> Result<Vec<DataRecordCollection>> {
        let rows = loaders::find(ctx, CollectionsIn(self.0.id)).await?;
        let collection = |(name, records)| DataRecordCollection {
            name,
            record_count: int(records),
        };
        Ok(rows.unwrap_or_default().into_iter().map(collection).collect())
    }

    /// Its agents, the oldest first, without retired ones.
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn agents(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<AgentConnection> {
        let args = Args {
            first,
            after,
            last,
            before,
        };
        agent::list(ctx, Some(vec![self.0.id]), false, &args).await
    }

    /// The JSON records that this data set's agents read and write, such as products or orders, by
    /// key.
    #[allow(clippy::too_many_arguments)] // they are the field's
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn records(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this collection.")] collection: Option<String>,
        #[graphql(desc = "Start of a key, letter case ignored.")] search: Option<String>,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<DataRecordConnection> {
        let args = Args {
            first,
            after,
            last,
            before,
        };
        if let Some(collection) = &collection {
            check_text("collection", collection)?;
        }
        let search = filter::search(search)?;
        let filter = db::records::Filter { collection, search };
        let sort = Sort::text(db::records::ORDER);
        let window = args.window(ctx, &sort)?;
        let (db, set) = (deps(ctx).store.db.clone(), self.0.id);
        let page = db::records::page(db.read(), set, &filter, &window)
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?;
        let total = Total::by(move || {
            let (db, filter) = (db.clone(), filter.clone());
            async move { Ok(db::records::count(db.read(), set, &filter).await?) }
        });
        Ok(DataRecordConnection::of(page, total, |row| {
            (sort.cursor(&row.key_folded, row.id), DataRecord(row))
        }))
    }

    /// What its agents used of models, in executions and in people's conversations. For its admins;
    /// null for others. Costs go by the days: name both ends of a range.
    #[graphql(complexity = "usage::cost(from, to, child_complexity)")]
    async fn usage(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The first day (UTC); the 30th of the days that end with `to` when left out. 366 days at most."
        )]
        from: Option<DateTime>,
        #[graphql(desc = "The last day (UTC), included; today when left out.")] to: Option<DateTime>,
        #[graphql(desc = "Only of this agent.")] agent_id: Option<ID>,
    ) -> Result<Option<DataSetUsage>> {
        if !viewer(ctx)?.administers(self.0.id) {
            return Ok(None);
        }
        let used = usage::of_data_set(ctx, self.0.id, from, to, agent_id.as_ref()).await?;
        Ok(Some(used))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

/// Someone's membership of a data set.
#[Object]
impl DataSetMember {
    /// Opaque; refetch with node.
    pub async fn id(&self) -> ID {
        Kind::Member.format(self.0.id).into()
    }

    /// Who.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(User(loaders::get(ctx, UserOf(self.0.user_id)).await?))
    }

    /// What they may do.
    async fn role(&self) -> DataSetRole {
        // A role that this version does not know grants the least.
        Role::from_stored(&self.0.role).unwrap_or(Role::Member).into()
    }

    /// Since when they are a member.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

/// The data set of a client's id; none where there is none to the viewer. It need not exist for
/// server admins.
pub(super) fn visible_id(ctx: &Context<'_>, id: &ID) -> Result<Option<Uuid>> {
    let viewer = viewer(ctx)?;
    let id = Kind::DataSet.parse(id).ok();
    Ok(id.filter(|id| viewer.role(*id).is_some()))
}

/// Root fields about data sets.
#[derive(Default)]
pub struct DataSetQuery;

#[Object]
impl DataSetQuery {
    /// The data sets that the viewer is a member of, by name; all of them for server admins.
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn data_sets(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many of the first rows, 0 to the server's maxPageSize. 25 when neither first nor last is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many of the last rows instead; not together with first.")] last: Option<i32>,
        #[graphql(desc = "Only rows before this cursor.")] before: Option<String>,
    ) -> Result<DataSetConnection> {
        let args = Args {
            first,
            after,
            last,
            before,
        };
        let ids = viewer(ctx)?.data_sets();
        let sort = Sort::text(db::people::DATA_SET_ORDER);
        let window = args.window(ctx, &sort)?;
        let db = deps(ctx).store.db.clone();
        let page = if ids.as_ref().is_some_and(Vec::is_empty) {
            Page::empty()
        } else {
            db::people::page_data_sets(db.read(), ids.as_deref(), &window)
                .await
                .map_err(|failed| errors::internal(ctx, &failed.into()))?
        };
        let total = Total::by(move || {
            let (db, ids) = (db.clone(), ids.clone());
            async move {
                Ok(exactly(
                    db::people::count_data_sets(db.read(), ids.as_deref()).await?,
                ))
            }
        });
        Ok(DataSetConnection::of(page, total, |row| {
            (sort.cursor(&row.name, row.id), DataSet(row))
        }))
    }

    /// A data set. Null when it does not exist or the viewer is no member: the two look the same.
    async fn data_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A data set's id.")] id: ID,
    ) -> Result<Option<DataSet>> {
        match visible_id(ctx, &id)? {
            Some(id) => Ok(loaders::find(ctx, DataSetOf(id)).await?.map(DataSet)),
            None => Ok(None),
        }
    }
}
