//! `fetch_page`: the text of a page of the web, a part at a time. Which addresses it may ask, and
//! how much a page may cost, is `fetch`'s; what a page says is [`text`]'s.

mod text;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::chain::Chain;
use crate::fetch::{self, Fetcher};
use crate::model::ToolSpec;

use super::part::Part;
use super::{Context, Effect, Error, Output, Outside, Tool, arguments};

/// Characters at once, as of `read_file`.
const MOST: u64 = 100_000;

pub(super) struct FetchPage {
    fetcher: Fetcher,
}

impl FetchPage {
    pub fn new(fetcher: Fetcher) -> Self {
        Self { fetcher }
    }
}

#[derive(Deserialize)]
struct Arguments {
    url: String,
    #[serde(default)]
    offset: u64,
    limit: Option<u64>,
}

impl Tool for FetchPage {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "fetch_page".to_owned(),
            description: format!(
                "Fetches a page of the web and returns its text, at most {MOST} characters at a time: HTML without its markup; plain text, JSON and XML as they are. While next_offset is not null there is more: call again with it as offset. Pages inside private networks cannot be fetched."
            ),
            parameters: json!({
                "type": "object",
                "properties": {
                    "url": {"type": "string", "minLength": 1, "maxLength": 2000, "description": "http:// or https:// address of the page."},
                    "offset": {"type": "integer", "minimum": 0, "description": "Characters to skip; 0 when left out."},
                    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "Characters to return at most."},
                },
                "required": ["url"],
                "additionalProperties": false,
            }),
        }
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }
}

impl Outside for FetchPage {
    fn is_idempotent(&self) -> bool {
        // A GET changes nothing (RFC 9110, section 9.2.1).
        true
    }

    fn call<'a>(&'a self, _: &'a Context, given: &'a Value) -> BoxFuture<'a, Result<Output, Error>> {
        async move {
            let wanted: Arguments = arguments(given)?;
            let page = self.fetcher.get(&wanted.url).await.map_err(refused)?;
            let url = page.url.clone();
            // A long page takes longer to lay out than other runs should wait.
            let read = tokio::task::spawn_blocking(move || text::read(&page)).await;
            let text = read
                .unwrap_or(Err(text::Unreadable::Broken))
                .map_err(|why| Error::Refused(format!("{url} {why}")))?;
            let part = Part::of(&text.text, wanted.offset, wanted.limit.unwrap_or(MOST).min(MOST));
            Ok(json!({
                "url": url,
                "title": text.title,
                "text": part.text,
                "offset": part.offset,
                "next_offset": part.next_offset,
                "total_characters": part.total_characters,
            })
            .into())
        }
        .boxed()
    }
}

fn refused(error: fetch::Error) -> Error {
    if let fetch::Error::Unavailable(_) = error {
        tracing::error!(
            error = %Chain(&error),
            "pages cannot be fetched"
        );
    }
    Error::Refused(error.to_string())
}
