//! Anything by its id alone: `node` and `nodes`. Each kind is judged by its own noun's rule of who
//! may see it; what may not be seen is null, like what is not there.
//!
//! To add a kind: a variant of [`Node`] and a branch of `find`.

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextSelectionSet, ID, Interface, Object, OutputType, Positioned, ServerResult, Value,
};
use futures::future::try_join_all;
use std::borrow::Cow;
use uuid::Uuid;

use super::access_token::AccessToken;
use super::agent::{self, Agent};
use super::conversation::{self, Conversation};
use super::data_set::{DataSet, DataSetMember};
use super::definition::{AgentType, ExecutionType};
use super::deps;
use super::errors::{self, Code, Result, error, viewer};
use super::event::{
    AttemptStartedEvent, ConversationEvent, MessageAddedEvent, ProgressEvent, ReplyEndedEvent,
    ReplyStartedEvent, StatusChangedEvent, ValidatorRejectedEvent,
};
use super::execution::{self, Execution};
use super::file::FileAttachment;
use super::loaders::{self, DataSetOf, EventOf, FileOf, MemberOf, MembershipsOf, RecordOf, TokenOf, UserOf};
use super::message::Message;
use super::page;
use super::record::DataRecord;
use super::user::User;
use crate::base::id::{Kind, parse_any};
use crate::domain::MAX_BULK_IDS;
use crate::domain::access::Viewer;
use crate::domain::journal::Event;

/// Anything that can be fetched again by its id alone.
#[derive(Interface, Clone, Debug)]
#[graphql(field(name = "id", ty = "ID", desc = "Opaque; unique among all kinds."))]
#[allow(missing_docs)]
pub enum Node {
    Execution(Box<Execution>),
    Conversation(Box<Conversation>),
    Message(Message),
    Agent(Agent),
    AgentType(AgentType),
    ExecutionType(ExecutionType),
    DataSet(DataSet),
    DataSetMember(DataSetMember),
    DataRecord(DataRecord),
    FileAttachment(FileAttachment),
    User(User),
    AccessToken(AccessToken),
    MessageAdded(MessageAddedEvent),
    StatusChanged(StatusChangedEvent),
    AttemptStarted(AttemptStartedEvent),
    ValidatorRejected(ValidatorRejectedEvent),
    Progress(ProgressEvent),
    ReplyStarted(ReplyStartedEvent),
    ReplyEnded(ReplyEndedEvent),
}

impl From<ConversationEvent> for Node {
    fn from(event: ConversationEvent) -> Self {
        match event {
            ConversationEvent::MessageAdded(event) => event.into(),
            ConversationEvent::StatusChanged(event) => event.into(),
            ConversationEvent::AttemptStarted(event) => event.into(),
            ConversationEvent::ValidatorRejected(event) => event.into(),
            ConversationEvent::Progress(event) => event.into(),
            ConversationEvent::ReplyStarted(event) => event.into(),
            ConversationEvent::ReplyEnded(event) => event.into(),
        }
    }
}

/// A [`Node`] as resolvers return it. The library derives that objects implement an interface;
/// that the interface ConversationEvent implements Node too is said here.
pub struct Found(Node);

impl OutputType for Found {
    fn type_name() -> Cow<'static, str> {
        Node::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        ConversationEvent::create_type_info(registry);
        registry.add_implements(&ConversationEvent::type_name(), &Node::type_name());
        Node::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        self.0.resolve(ctx, field).await
    }
}

async fn find(ctx: &Context<'_>, text: &str) -> Result<Option<Node>> {
    let viewer = viewer(ctx)?;
    let catalog = &deps(ctx).catalog;
    if let Some(key) = text.strip_prefix("typ_") {
        let known = catalog.execution_type(key).cloned();
        return Ok(known.map(|known| ExecutionType(known).into()));
    }
    if let Some(key) = text.strip_prefix("aty_") {
        let known = catalog.agent_type(key).cloned();
        return Ok(known.map(|known| AgentType(known).into()));
    }
    let Some((kind, id)) = parse_any(text) else {
        return Ok(None);
    };
    Ok(match kind {
        Kind::Execution => execution::find(ctx, id)
            .await?
            .map(|found| Box::new(found).into()),
        Kind::Conversation => conversation::find(ctx, id)
            .await?
            .map(|found| Box::new(found).into()),
        Kind::Agent => agent::find(ctx, id).await?.map(Into::into),
        Kind::Message => {
            let event = find_event(ctx, id).await?;
            event.and_then(Message::of).map(Into::into)
        }
        Kind::Event => {
            let event = find_event(ctx, id).await?;
            event.map(|event| ConversationEvent::of(event).into())
        }
        Kind::DataSet => {
            if !viewer.sees_data_set(id) {
                return Ok(None);
            }
            let row = loaders::find(ctx, DataSetOf(id)).await?;
            row.map(|row| DataSet(row).into())
        }
        Kind::File => {
            let row = loaders::find(ctx, FileOf(id)).await?;
            row.filter(|row| viewer.sees_file(row))
                .map(|row| FileAttachment(row).into())
        }
        Kind::Record => {
            let row = loaders::find(ctx, RecordOf(id)).await?;
            row.filter(|row| viewer.sees_data_set(row.data_set_id))
                .map(|row| DataRecord(row).into())
        }
        Kind::Member => {
            let row = loaders::find(ctx, MemberOf(id)).await?;
            row.filter(|row| viewer.sees_data_set(row.data_set_id))
                .map(|row| DataSetMember(row).into())
        }
        Kind::Token => {
            let row = loaders::find(ctx, TokenOf(id)).await?;
            row.filter(|row| viewer.is_server_admin || row.user_id == viewer.user_id)
                .map(|row| AccessToken(row).into())
        }
        Kind::User => find_user(ctx, viewer, id).await?.map(Into::into),
        Kind::AgentType | Kind::ExecutionType | Kind::Session => None,
    })
}

/// Whoever shares a data set with the viewer is theirs to see; server admins see everyone.
async fn find_user(ctx: &Context<'_>, viewer: &Viewer, id: Uuid) -> Result<Option<User>> {
    if id != viewer.user_id && !viewer.is_server_admin {
        let memberships = loaders::find(ctx, MembershipsOf(id)).await?.unwrap_or_default();
        let shares = memberships
            .iter()
            .any(|row| viewer.membership(row.data_set_id).is_some());
        if !shares {
            return Ok(None);
        }
    }
    Ok(loaders::find(ctx, UserOf(id)).await?.map(User))
}

async fn find_event(ctx: &Context<'_>, id: Uuid) -> Result<Option<Event>> {
    let Some(row) = loaders::find(ctx, EventOf(id)).await? else {
        return Ok(None);
    };
    if conversation::find(ctx, row.conversation_id).await?.is_none() {
        return Ok(None);
    }
    let event = Event::from_row(row).map_err(|fault| errors::internal(ctx, &fault))?;
    Ok(Some(event))
}

/// Root fields about anything.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Whatever the id names. Null when it does not exist or the viewer may not see it: the two
    /// look the same.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of anything that implements Node.")] id: ID,
    ) -> Result<Option<Found>> {
        Ok(find(ctx, &id).await?.map(Found))
    }

    /// Whatever the ids name, in their order, null in the place of what node would not give. At
    /// most 100 ids; more is refused with LIMIT_EXCEEDED.
    #[graphql(complexity = "page::times(ids.len(), child_complexity)")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Ids of anything that implements Node.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Found>>> {
        viewer(ctx)?;
        if ids.len() > MAX_BULK_IDS {
            let message = format!("{} ids were given; {MAX_BULK_IDS} are taken at most", ids.len());
            return Err(error(Code::LimitExceeded, message));
        }
        let found = try_join_all(ids.iter().map(|id| find(ctx, id))).await?;
        Ok(found.into_iter().map(|found| found.map(Found)).collect())
    }
}
