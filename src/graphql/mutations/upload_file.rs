//! uploadFile.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};

use super::refusals::{AgentRetiredError, FileRejectedError, NotAllowedError, NotFoundError, Place, read_id};
use super::upload::Upload;
use crate::base::id::Kind;
use crate::domain::files::{self, UploadError};
use crate::graphql::deps;
use crate::graphql::errors::{Result, internal, viewer};
use crate::graphql::file::FileAttachment;

/// A file to store for later.
#[derive(InputObject)]
pub struct UploadFileInput {
    /// The agent whose executions or conversations are to take it: its rules apply.
    agent_id: ID,
    /// The file.
    file: Upload,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct UploadFilePayload {
    /// The stored file, its id good for fileIds in the agent's data set; null exactly when errors
    /// is not empty.
    file: Option<FileAttachment>,
    /// Why it was not stored.
    errors: Vec<UploadFileError>,
}

/// Why a file was not stored. Members may be added: handle the ones you know, and fall back on
/// UserError.message.
#[derive(Union)]
#[allow(missing_docs)] // each is the type it holds
pub enum UploadFileError {
    NotFound(NotFoundError),
    NotAllowed(NotAllowedError),
    AgentRetired(AgentRetiredError),
    FileRejected(FileRejectedError),
}

/// Resolves it.
#[derive(Default)]
pub struct UploadFile;

#[Object]
impl UploadFile {
    /// Stores a file for a later fileIds, so that a form uploads it once, however often its launch
    /// is refused. The id is good for 24 hours at least, however often it is taken: what takes it has
    /// a file of its own, with an id of its own, which stays.
    async fn upload_file(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file, and for which agent.")] input: UploadFileInput,
    ) -> Result<UploadFilePayload> {
        let viewer = viewer(ctx)?;
        let deps = deps(ctx);
        let given = &input.agent_id;
        let refuse = |error| UploadFilePayload {
            file: None,
            errors: vec![error],
        };
        let id = match read_id(Kind::Agent, given, Place::Input, "agentId") {
            Ok(id) => id,
            Err(error) => return Ok(refuse(error.into())),
        };
        let incoming = input.file.open(ctx)?;
        let (store, catalog, storage) = (&deps.store, &deps.catalog, &deps.storage);
        let at_agent = Place::Input.path("agentId");
        Ok(
            match files::upload(store, catalog, storage, viewer, id, incoming).await {
                Ok(row) => UploadFilePayload {
                    file: Some(FileAttachment(row)),
                    errors: Vec::new(),
                },
                Err(UploadError::AgentNotFound) => {
                    refuse(NotFoundError::of(Kind::Agent, given, at_agent).into())
                }
                Err(UploadError::AgentRetired(agent)) => {
                    refuse(AgentRetiredError::of(*agent, at_agent).into())
                }
                Err(UploadError::File(mut rejected)) => {
                    // There is one file and no list that it has a place in.
                    rejected.index = None;
                    refuse(FileRejectedError::of(*rejected, Place::Input.path("file")).into())
                }
                Err(UploadError::Fault(fault)) => return Err(internal(ctx, &fault)),
            },
        )
    }
}
