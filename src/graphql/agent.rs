//! Agents: configured instances of agent types, each in one data set.

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::agent;

use super::data_set::{self, DataSet};
use super::definition::{AgentType, ExecutionType, FileRules};
use super::deps;
use super::errors::{self, Result, viewer};
use super::loaders::{self, AgentOf, DataSetOf};
use super::page::{self, Args, Sort, Total, connection, exactly};
use super::record::stored_json;
use super::scalar::{DateTime, Json};
use crate::base::id::Kind;
use crate::base::page::Page;
use crate::db;
use crate::domain::agents;

/// An agent.
#[derive(Clone, Debug)]
pub struct Agent(pub agent::Model);

connection!(
    AgentConnection,
    AgentEdge,
    Agent,
    "A page of agents, oldest first.",
    "The agent."
);

/// What the viewer may do with an agent, as things stand now.
#[derive(SimpleObject, Clone, Copy, Debug)]
pub struct AgentPermissions {
    /// Launch executions. False for all once it is retired or its agent type is gone.
    pub launch: bool,
    /// Start conversations. False for all once it is retired or its agent type is gone.
    pub converse: bool,
    /// Change name, description and configuration: admins of its data set.
    pub update: bool,
    /// Retire it: admins of its data set, until it is retired.
    pub retire: bool,
}

impl Agent {
    fn definition<'a>(&self, ctx: &Context<'a>) -> Option<&'a std::sync::Arc<crate::definitions::AgentType>> {
        deps(ctx).catalog.agent_type(&self.0.agent_type_key)
    }
}

/// A configured instance of an agent type, at work in one data set.
#[Object]
impl Agent {
    /// Opaque; refetch with node.
    pub async fn id(&self) -> ID {
        Kind::Agent.format(self.0.id).into()
    }

    /// Unique in its data set.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// For people; null where nobody wrote one.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The key of its agent type; readable also when that is no longer registered.
    async fn agent_type_key(&self) -> &str {
        &self.0.agent_type_key
    }

    /// Brings the prompts, the tools and the execution types. Null when it is no longer
    /// registered.
    async fn agent_type(&self, ctx: &Context<'_>) -> Option<AgentType> {
        self.definition(ctx).cloned().map(AgentType)
    }

    /// The data set that it works on.
    async fn data_set(&self, ctx: &Context<'_>) -> Result<DataSet> {
        Ok(DataSet(loaders::get(ctx, DataSetOf(self.0.data_set_id)).await?))
    }

    /// Whether launches and messages may bring files. False when its agent type is no longer
    /// registered.
    async fn accepts_files(&self, ctx: &Context<'_>) -> bool {
        self.definition(ctx)
            .is_some_and(|known| known.file_rules.is_some())
    }

    /// Null where it takes no files. Those of executions and of conversations alike.
    async fn file_rules(&self, ctx: &Context<'_>) -> Option<FileRules> {
        self.definition(ctx)?.file_rules.as_ref().map(FileRules::of)
    }

    /// Overrides of the agent type, checked against AgentType.configurationSchema; {} where there
    /// are none.
    async fn configuration(&self, ctx: &Context<'_>) -> Result<Json> {
        stored_json(ctx, "agent.configuration", &self.0.id, &self.0.configuration)
    }

    /// Set: it takes no new work, and all that it did stays readable.
    async fn retired_at(&self) -> Option<DateTime> {
        self.0.retired_at.map(DateTime)
    }

    /// What the viewer may do with it.
    async fn viewer_can(&self, ctx: &Context<'_>) -> Result<AgentPermissions> {
        let viewer = viewer(ctx)?;
        let works = agents::find_working(&deps(ctx).catalog, &self.0).is_some();
        let is_member = viewer.role(self.0.data_set_id).is_some();
        let is_admin = viewer.administers(self.0.data_set_id);
        Ok(AgentPermissions {
            launch: works && is_member,
            converse: works && is_member,
            update: is_admin && self.0.retired_at.is_none(),
            retire: is_admin && self.0.retired_at.is_none(),
        })
    }

    /// The kinds of execution that this agent can run, as its definitions say, which are read when
    /// the server starts. Empty when its agent type is no longer registered.
    async fn execution_types(&self, ctx: &Context<'_>) -> Vec<ExecutionType> {
        let known = self.definition(ctx).into_iter();
        known
            .flat_map(|known| known.execution_types.iter().cloned().map(ExecutionType))
            .collect()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When name, description, configuration or retirement last changed.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// The agents of these data sets (none: of all) as a page.
pub(super) async fn list(
    ctx: &Context<'_>,
    data_sets: Option<Vec<uuid::Uuid>>,
    with_retired: bool,
    args: &Args,
) -> Result<AgentConnection> {
    let sort = Sort::number(db::agents::ORDER);
    let window = args.window(ctx, &sort)?;
    let db = deps(ctx).store.db.clone();
    let sees_nothing = data_sets.as_ref().is_some_and(Vec::is_empty);
    let page = if sees_nothing {
        Page::empty()
    } else {
        db::agents::page(db.read(), data_sets.as_deref(), with_retired, &window)
            .await
            .map_err(|failed| errors::internal(ctx, &failed.into()))?
    };
    let total = Total::by(move || {
        let (db, data_sets) = (db.clone(), data_sets.clone());
        async move {
            Ok(exactly(
                db::agents::count(db.read(), data_sets.as_deref(), with_retired).await?,
            ))
        }
    });
    Ok(AgentConnection::of(page, total, |row| {
        (sort.cursor(row.created_at, row.id), Agent(row))
    }))
}

/// An agent that the viewer may see.
pub(super) async fn find(ctx: &Context<'_>, id: uuid::Uuid) -> Result<Option<Agent>> {
    let viewer = viewer(ctx)?;
    let row = loaders::find(ctx, AgentOf(id)).await?;
    Ok(row.filter(|row| viewer.sees_data_set(row.data_set_id)).map(Agent))
}

/// Root fields about agents.
#[derive(Default)]
pub struct AgentQuery;

#[Object]
impl AgentQuery {
    /// Agents of the data sets that the viewer is a member of, oldest first.
    #[allow(clippy::too_many_arguments)] // they are the field's
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn agents(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only of this data set. One that does not exist, or not to the viewer, has no agents."
        )]
        data_set_id: Option<ID>,
        #[graphql(default_with = "Some(false)", desc = "Retired ones too.")] include_retired: Option<bool>,
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
        let data_sets = match &data_set_id {
            Some(id) => Some(data_set::visible_id(ctx, id)?.into_iter().collect()),
            None => viewer(ctx)?.data_sets(),
        };
        list(ctx, data_sets, include_retired.unwrap_or(false), &args).await
    }

    /// An agent. Null when it does not exist or the viewer may not see it: the two look the same.
    async fn agent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "An agent's id.")] id: ID,
    ) -> Result<Option<Agent>> {
        viewer(ctx)?;
        match Kind::Agent.parse(&id) {
            Ok(id) => find(ctx, id).await,
            Err(_) => Ok(None),
        }
    }
}
