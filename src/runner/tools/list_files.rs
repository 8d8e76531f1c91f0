//! `list_files`: what came with the job.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::model::{FileInfo, ToolSpec};

use super::{Context, Effect, Error, Output, Outside, Tool};

pub(super) struct ListFiles;

impl Tool for ListFiles {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "list_files".to_owned(),
            description: "Lists the attached files with their ids, names, types and sizes.".to_owned(),
            parameters: json!({"type": "object", "properties": {}, "additionalProperties": false}),
        }
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }

    fn is_ours(&self) -> bool {
        true
    }
}

impl Outside for ListFiles {
    fn is_idempotent(&self) -> bool {
        true
    }

    fn call<'a>(&'a self, context: &'a Context, _: &'a Value) -> BoxFuture<'a, Result<Output, Error>> {
        async move {
            let files: Vec<Value> = context.file_infos().iter().map(FileInfo::to_json).collect();
            Ok(json!({"files": files}).into())
        }
        .boxed()
    }
}
