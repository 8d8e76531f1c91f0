//! `fetch_page`: the text of a page of the web, a part at a time. Which addresses it may ask, and
//! how much a page may cost, is `fetch`'s; whether it is one that has text is [`text`]'s; what HTML
//! says is `documents`', in a child, for a page may be made to take all that there is.

mod text;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::base::chain::Chain;
use crate::documents::{self, Html, Reader, Unreadable};
use crate::fetch::{self, Fetcher};
use crate::model::ToolSpec;

use super::part::Part;
use super::{Context, Effect, Error, Output, Outside, Tool, arguments};
use text::Form;

/// Characters at once, as of `read_file`.
const MOST: u64 = 100_000;

/// Pages at once in this process, from the request to the text: each may be as large as `fetch` takes
/// them. Those of sixteen runs that each fetch as many would fill the memory while they wait to be laid
/// out.
const AT_ONCE: usize = 64;

pub(super) struct FetchPage {
    fetcher: Fetcher,
    documents: Reader,
    slots: Semaphore,
}

impl FetchPage {
    pub fn new(fetcher: Fetcher, documents: Reader) -> Self {
        Self {
            fetcher,
            documents,
            slots: Semaphore::new(AT_ONCE),
        }
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
            // It is never closed.
            let _slot = self.slots.acquire().await;
            let page = self.fetcher.get(&wanted.url).await.map_err(refused)?;
            let url = &page.url;
            let form = text::form(&page).map_err(|why| Error::Refused(format!("{url} {why}")))?;
            let says = match form {
                Form::Plain(encoding) => Html {
                    title: None,
                    text: documents::decode_page(&page.body, encoding),
                },
                Form::Html(encoding) => {
                    let laid_out = self.documents.lay_out(&page.body, encoding).await;
                    laid_out.map_err(|error| unreadable(url, &error))?
                }
            };
            let part = Part::of(&says.text, wanted.offset, wanted.limit.unwrap_or(MOST).min(MOST));
            Ok(json!({
                "url": url,
                "title": says.title,
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

fn unreadable(url: &str, error: &documents::Error) -> Error {
    let why = match error {
        documents::Error::Unreadable(Unreadable::TooHungry) => {
            "has markup that takes more memory to be laid out than pages for people do; it was given up"
        }
        documents::Error::Unreadable(Unreadable::TooSlow) => {
            "has markup that takes longer to be laid out than pages for people do; it was given up"
        }
        documents::Error::Unreadable(Unreadable::TooLong) => {
            "holds more text than is read of one page; it was given up"
        }
        documents::Error::Unreadable(_) => "has markup that cannot be laid out",
        documents::Error::Start(_) => {
            tracing::error!(error = %Chain(error), "no page can be laid out");
            "cannot be read: this server fails to start what lays out pages"
        }
    };
    Error::Refused(format!("{url} {why}"))
}
