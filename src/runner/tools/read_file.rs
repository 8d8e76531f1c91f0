//! `read_file`: the text of an attached file, a part at a time; an image is named instead, to be
//! shown. How a document becomes text is `documents`'. Offsets count characters, not bytes, so that
//! a part never ends within one.

use entity::file;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::base::chain::Chain;
use crate::base::{id, image};
use crate::db;
use crate::documents::{self, Kind, Reader};
use crate::domain::files;
use crate::model::ToolSpec;

use super::part::Part;
use super::{Context, Effect, Error, Output, Outside, Tool, arguments};

/// Characters at once: some 25,000 tokens, which every current model takes.
const MOST: u64 = 100_000;

/// A longer file does not fit into the memory, also where only a few are read at once.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Images at once that are looked at before a model is shown them.
const IMAGES_AT_ONCE: usize = 4;

pub(super) struct ReadFile {
    documents: Reader,
    images: Semaphore,
}

impl ReadFile {
    pub fn new(documents: Reader) -> Self {
        Self {
            documents,
            images: Semaphore::new(IMAGES_AT_ONCE),
        }
    }

    /// The result names the image, so that a model that sees is shown it beside these words.
    async fn show(&self, context: &Context, file: &file::Model) -> Result<Output, Error> {
        let (name, kind) = (&file.filename, &file.content_type);
        if !context.model_sees_images {
            return Err(Error::Refused(format!(
                "{name} is an image ({kind}), and this agent's model cannot look at images; it takes a model that sees, or the same content as text"
            )));
        }
        let unfit = |why: image::Unfit| Error::Refused(format!("{name} {why}"));
        image::check_size(u64::try_from(file.size_bytes).unwrap_or(0)).map_err(unfit)?;
        {
            // It is never closed.
            let _slot = self.images.acquire().await;
            let bytes = files::read_all(&context.storage, file, image::MAX_BYTES).await?;
            image::check(kind, &bytes.unwrap_or_default()).map_err(unfit)?;
        }
        Ok(Output {
            value: json!({"filename": name, "content_type": kind, "text": "The image is shown with this result."}),
            files: vec![file.id],
            new_files: Vec::new(),
        })
    }
}

#[derive(Deserialize)]
struct Arguments {
    file_id: String,
    #[serde(default)]
    offset: u64,
    limit: Option<u64>,
}

impl Tool for ReadFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "read_file".to_owned(),
            description: format!(
                "Reads the text of an attached file (text, CSV, Markdown, JSON, XLSX, PDF), at most {MOST} characters at a time. While next_offset is not null there is more: call again with it as offset. Each page of a PDF and each sheet of a workbook stands under a line such as === Page 1 of 2 ===; sheets are CSV, and cells of tables in a PDF are divided by tabs. An image is shown instead."
            ),
            parameters: json!({
                "type": "object",
                "properties": {
                    "file_id": {"type": "string", "description": "As list_files gives it."},
                    "offset": {"type": "integer", "minimum": 0, "description": "Characters to skip; 0 when left out."},
                    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "Characters to return at most."},
                },
                "required": ["file_id"],
                "additionalProperties": false,
            }),
        }
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }

    fn is_ours(&self) -> bool {
        true
    }
}

impl Outside for ReadFile {
    fn is_idempotent(&self) -> bool {
        true
    }

    fn call<'a>(&'a self, context: &'a Context, given: &'a Value) -> BoxFuture<'a, Result<Output, Error>> {
        async move {
            let wanted: Arguments = arguments(given)?;
            let id = id::Kind::File.parse(&wanted.file_id).ok();
            let attached = context.files.iter().find(|file| Some(file.id) == id).cloned();
            let found = match (attached, id) {
                (None, Some(id)) => brought(context, id).await?,
                (attached, _) => attached,
            };
            let Some(file) = &found else {
                let message = "there is no such file here; list_files says which came with the job, and results name those that tools brought";
                return Err(Error::Refused(message.to_owned()));
            };
            let name = &file.filename;
            if image::is_shown(&file.content_type) {
                return self.show(context, file).await;
            }
            let Some(kind) = Kind::of(&file.content_type) else {
                let message = format!("{name} is {}, which holds no text to read", file.content_type);
                return Err(Error::Refused(message));
            };
            let bytes = load(context, file);
            let read = self.documents.read(file.blob_id, kind, bytes).await?;
            let text = read.map_err(|error| refused(name, &error))?;
            let limit = wanted.limit.unwrap_or(MOST).min(MOST);
            Ok(page(name, &text, wanted.offset, limit).into())
        }
        .boxed()
    }
}

/// A file that a tool brought meanwhile. Those of other conversations are not there.
async fn brought(context: &Context, id: Uuid) -> Result<Option<file::Model>, Error> {
    let found = db::files::find_many(context.store.db.read(), &[id]).await?.pop();
    Ok(found.filter(|file| file.conversation_id == Some(context.conversation_id)))
}

async fn load(context: &Context, file: &file::Model) -> Result<Vec<u8>, Error> {
    let too_long = || {
        let name = &file.filename;
        Error::Refused(format!(
            "{name} is too long to be read: more than {MAX_BYTES} bytes"
        ))
    };
    // Before a byte of it is read.
    if u64::try_from(file.size_bytes).is_ok_and(|size| size > MAX_BYTES) {
        return Err(too_long());
    }
    let bytes = files::read_all(&context.storage, file, MAX_BYTES).await?;
    bytes.ok_or_else(too_long)
}

fn refused(name: &str, error: &documents::Error) -> Error {
    match error {
        documents::Error::Unreadable(why) => Error::Refused(format!("{name} {why}")),
        documents::Error::Start(_) => {
            tracing::error!(error = %Chain(error), "no document can be read");
            Error::Refused(format!(
                "{name} cannot be read: this server fails to start what reads documents"
            ))
        }
    }
}

fn page(filename: &str, text: &str, offset: u64, limit: u64) -> Value {
    let part = Part::of(text, offset, limit);
    json!({
        "filename": filename,
        "text": part.text,
        "offset": part.offset,
        "next_offset": part.next_offset,
        "total_characters": part.total_characters,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_in_parts_of_characters() {
        let first = page("a.txt", "größer", 0, 4);
        assert_eq!(
            (&first["text"], &first["next_offset"]),
            (&json!("größ"), &json!(4))
        );
        assert_eq!(first["total_characters"], 6);
    }
}
