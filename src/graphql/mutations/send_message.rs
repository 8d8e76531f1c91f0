//! sendMessage.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};

use super::idempotency::IdempotencyInput;
use super::refusals::{
    ConversationBusyError, ConversationIdempotencyConflictError, ConversationReadOnlyError,
    FileRejectedError, InvalidArgumentError, NotFoundError, Place, file_refused, read_id,
};
use super::start_conversation::already;
use super::upload::Upload;
use crate::base::id::Kind;
use crate::domain::conversations::{self, Said, SendError};
use crate::graphql::conversation::Conversation;
use crate::graphql::deps;
use crate::graphql::errors::{Result, internal, viewer};
use crate::graphql::message::Message;

/// What someone says to an agent.
#[derive(InputObject)]
pub struct SendMessageInput {
    /// The conversation: one that the viewer started.
    conversation_id: ID,
    /// 1 to 100000 characters, not only blanks.
    text: String,
    /// Files that come with this request, in order. Only where Agent.fileRules is set.
    files: Option<Vec<Upload>>,
    /// Files stored before: by uploadFile, or of an execution that the viewer may see, in the
    /// same data set. They follow those in files.
    file_ids: Option<Vec<ID>>,
    /// Guards against saying it twice.
    idempotency: Option<IdempotencyInput>,
}

/// What became of a message.
#[derive(SimpleObject)]
pub struct SendMessagePayload {
    /// The stored message; the reply arrives through conversationEvents. Null exactly when errors
    /// is not empty.
    message: Option<Message>,
    /// As it is now, with its reply under way. Null exactly when errors is not empty.
    conversation: Option<Conversation>,
    /// False when an earlier request with this idempotency key sent it, and when nothing was sent.
    created: bool,
    /// Why nothing was sent, and nothing stored.
    errors: Vec<SendMessageError>,
}

/// Why a message was not taken. Members may be added: handle the ones you know, and fall back on
/// UserError.message.
#[derive(Union)]
#[allow(missing_docs)] // each is the type it holds
pub enum SendMessageError {
    NotFound(NotFoundError),
    ReadOnly(ConversationReadOnlyError),
    Busy(ConversationBusyError),
    FileRejected(FileRejectedError),
    InvalidArgument(InvalidArgumentError),
    IdempotencyConflict(ConversationIdempotencyConflictError),
}

/// Resolves it.
#[derive(Default)]
pub struct SendMessage;

#[Object]
impl SendMessage {
    /// Says something in the viewer's own conversation. The message is stored for good and the
    /// agent's reply is owed: it ends in a ReplyEndedEvent, whatever happens to the server. The
    /// conversation of an execution takes no messages.
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message, and to which conversation.")] input: SendMessageInput,
    ) -> Result<SendMessagePayload> {
        let viewer = viewer(ctx)?;
        let deps = deps(ctx);
        let given = &input.conversation_id;
        let refuse = |error| SendMessagePayload {
            message: None,
            conversation: None,
            created: false,
            errors: vec![error],
        };
        let argument = "conversationId";
        let conversation_id = match read_id(Kind::Conversation, given, Place::Input, argument) {
            Ok(id) => id,
            Err(error) => return Ok(refuse(error.into())),
        };
        let file_ids = input.file_ids.unwrap_or_default();
        let uploads = Upload::open_all(input.files, ctx)?;
        let uploaded = uploads.len();
        let said = Said {
            conversation_id,
            text: input.text,
            uploads,
            file_ids: file_ids.iter().map(|id| id.0.clone()).collect(),
            idempotency: input.idempotency.map(Into::into),
        };
        let (store, catalog, storage) = (&deps.store, &deps.catalog, &deps.storage);
        let sent = conversations::send_message(store, catalog, storage, viewer, said).await;
        let path = Place::Input.path(argument);
        Ok(match sent {
            Ok(sent) => SendMessagePayload {
                message: Message::of(sent.event),
                conversation: Some(Conversation(sent.conversation)),
                created: sent.created,
                errors: Vec::new(),
            },
            Err(SendError::NotFound) => refuse(NotFoundError::of(Kind::Conversation, given, path).into()),
            Err(SendError::ReadOnly(reason)) => refuse(
                ConversationReadOnlyError {
                    code: "CONVERSATION_READ_ONLY".to_owned(),
                    message: "This conversation is read-only.".to_owned(),
                    path,
                    reason: reason.into(),
                }
                .into(),
            ),
            Err(SendError::Busy(row)) => refuse(
                ConversationBusyError {
                    code: "CONVERSATION_BUSY".to_owned(),
                    message: "The agent is still answering.".to_owned(),
                    path,
                    conversation: Conversation(*row),
                }
                .into(),
            ),
            Err(SendError::File(rejected)) => {
                refuse(file_refused(*rejected, uploaded, &file_ids, Place::Input))
            }
            Err(SendError::Argument(bad)) => refuse(InvalidArgumentError::of(&bad, Place::Input).into()),
            Err(SendError::Conflict(row, conflict)) => refuse(already(*row, conflict).into()),
            Err(SendError::Fault(fault)) => return Err(internal(ctx, &fault)),
        })
    }
}
