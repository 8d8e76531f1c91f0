//! `report_progress`: tells people who watch how far the work is.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::journal::{Entry, Progress};
use crate::model::ToolSpec;
use crate::runner::Held;

use super::{Context, Effect, Error, InOurDatabase, Output, Tool, arguments};

pub(super) struct ReportProgress;

#[derive(Deserialize)]
struct Arguments {
    done: i32,
    total: Option<i32>,
    note: Option<String>,
}

impl Tool for ReportProgress {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "report_progress".to_owned(),
            description: "Tells whoever watches how much of the work is done. Call it now and then when there is much to do.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "done": {"type": "integer", "minimum": 0, "maximum": i32::MAX},
                    "total": {"type": ["integer", "null"], "minimum": 0, "maximum": i32::MAX},
                    "note": {"type": ["string", "null"], "maxLength": 500},
                },
                "required": ["done"],
                "additionalProperties": false,
            }),
        }
    }

    fn effect(&self) -> Effect<'_> {
        Effect::InOurDatabase(self)
    }

    fn is_for_conversations(&self) -> bool {
        false
    }
}

impl InOurDatabase for ReportProgress {
    fn call<'a>(
        &'a self,
        _: &'a Context,
        given: &'a Value,
        held: &'a mut Held,
    ) -> BoxFuture<'a, Result<Output, Error>> {
        async move {
            let Arguments { done, total, note } = arguments(given)?;
            let Some(execution) = held.execution().await? else {
                return Err(Error::Refused("there is no execution to report on".to_owned()));
            };
            execution.progress_done = Some(done);
            execution.progress_total = total;
            execution.progress_note.clone_from(&note);
            let attempt = execution.attempt;
            held.journal(Some(attempt), Entry::Progress(Progress { done, total, note }));
            Ok(json!({}).into())
        }
        .boxed()
    }
}
