//! Follows an execution over server-sent events, and goes on where a connection broke off. Reads what our server
//! writes, line by line; a program that speaks to many servers takes a library for it.

use futures::StreamExt;
use graphql_client::{GraphQLQuery, Response};
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use crate::{Api, Follow, Outcome, data, follow};

/// An update of the execution.
pub(crate) type Update = follow::FollowExecutionStatus;

/// All that came until the end.
pub(crate) struct Followed {
    pub(crate) updates: Vec<Update>,
    pub(crate) connections: usize,
}

/// How many connections may be made for one execution before something is wrong.
const CONNECTIONS: usize = 100;

/// Follows an execution to its end from a position on. Each connection is dropped after so many updates, as a bad
/// network would do it, and the next one goes on behind the last cursor.
pub(crate) async fn follow(api: &Api, id: &str, after: String, cut_after: usize) -> Outcome<Followed> {
    let (mut updates, mut after) = (Vec::new(), after);
    for connections in 1..=CONNECTIONS {
        let body = Follow::build_query(follow::Variables {
            id: id.into(),
            after: Some(after.clone()),
        });
        let answer = api
            .post()
            .header(ACCEPT, "text/event-stream")
            .json(&body)
            .send()
            .await?;
        let media = (answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok()))
        .map(str::to_owned);
        if !(media.as_deref()).is_some_and(|media| media.starts_with("text/event-stream")) {
            return Err(format!("no stream but {media:?}: {}", answer.text().await?).into());
        }
        let mut chunks = answer.bytes_stream();
        let (mut rest, mut seen) = (String::new(), 0);
        while let Some(chunk) = chunks.next().await {
            rest.push_str(std::str::from_utf8(&chunk?)?);
            while let Some((event, tail)) = rest.split_once("\n\n") {
                let (event, tail) = (event.to_owned(), tail.to_owned());
                rest = tail;
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                match field("event: ") {
                    Some("complete") => return Ok(Followed { updates, connections }),
                    Some("next") => {
                        let response: Response<follow::ResponseData> =
                            serde_json::from_str(field("data: ").ok_or("an event without data")?)?;
                        let update = data(response)?.execution_status;
                        after.clone_from(&update.cursor);
                        updates.push(update);
                        seen += 1;
                    }
                    // A comment: the server is alive.
                    _ => {}
                }
            }
            if seen >= cut_after {
                break;
            }
        }
    }
    Err(format!("not over after {CONNECTIONS} connections").into())
}
