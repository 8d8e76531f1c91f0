//! Files that come with a request. The library's own upload scalar panics on a file number that
//! no part of the request has, which any client can write; this one refuses it.

use async_graphql::{Context, InputValueError, InputValueResult, Scalar, ScalarType, Value};

use crate::domain::files::Incoming;
use crate::graphql::errors::{Result, bad_input};

/// What the library writes into a variable in place of a part, before its number.
const MARK: &str = "#__graphql_file__:";

/// A file part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload(usize);

/// A file part of a GraphQL multipart request. Elsewhere no value is one.
#[Scalar(
    name = "Upload",
    specified_by_url = "https://github.com/jaydenseric/graphql-multipart-request-spec"
)]
impl ScalarType for Upload {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = match &value {
            Value::String(text) => text.strip_prefix(MARK).and_then(|number| number.parse().ok()),
            _ => None,
        };
        number
            .map(Self)
            .ok_or_else(|| InputValueError::custom("a file is a part of a multipart request"))
    }

    fn to_value(&self) -> Value {
        Value::Null
    }
}

impl Upload {
    /// Opens the part.
    ///
    /// # Errors
    /// BAD_USER_INPUT when the request has no such part.
    pub fn open(self, ctx: &Context<'_>) -> Result<Incoming> {
        let part = ctx.query_env.uploads.get(self.0);
        let part = part.ok_or_else(|| bad_input("the request has no such file part"))?;
        let part = part
            .try_clone()
            .map_err(|_| bad_input("the file part cannot be read"))?;
        Ok(Incoming {
            filename: part.filename,
            content: tokio::fs::File::from_std(part.content),
        })
    }

    /// Opens several.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_all(parts: Option<Vec<Self>>, ctx: &Context<'_>) -> Result<Vec<Incoming>> {
        parts.into_iter().flatten().map(|part| part.open(ctx)).collect()
    }
}
