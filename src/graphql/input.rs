//! What is wrong with an input.

use async_graphql::SimpleObject;

use super::scalar::Json;
use crate::base::json_schema::Issue;

/// One violation of an input schema. All violations are reported at once.
#[derive(SimpleObject, Clone, Debug)]
pub struct InputIssue {
    /// RFC 6901 pointer into the input; empty for the whole.
    pub pointer: String,
    /// The member of the object at pointer that is meant, for required, additionalProperties and
    /// the like: a form marks pointer/property. Null for all other keywords.
    pub property: Option<String>,
    /// The JSON Schema keyword that failed, for example required, type, enum,
    /// additionalProperties.
    pub keyword: String,
    /// The keyword's value in the schema, for own wordings: 10 for maxLength, the list for enum.
    /// Null where it cannot be told.
    pub expected: Option<Json>,
    /// For people.
    pub message: String,
}

impl From<Issue> for InputIssue {
    fn from(issue: Issue) -> Self {
        Self {
            pointer: issue.pointer,
            property: issue.property,
            keyword: issue.keyword,
            expected: issue.expected.map(Json),
            message: issue.message,
        }
    }
}
