//! JSON Schema, draft 2020-12, made safe for documents that others write: no reference is ever
//! fetched, patterns run on a linear-time engine (so without look-around and back-references),
//! formats are checked.
//!
//! Every violation is reported at once, each worded for people and without echoing what was
//! sent. To word another keyword, add it to `word`.

use std::sync::{Arc, LazyLock};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// The dialect, as `$schema` names it.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Nobody reads more, and an answer must not outgrow its question: one array of a million wrong
/// items would give a million issues.
const MAX_ISSUES: usize = 1_000;

// Bundled with the library, so nothing is fetched for it either.
static META_SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::build(serde_json::json!({"$ref": DIALECT})).expect("the dialect is a schema of itself")
});

/// A compiled schema. Cheap to clone.
#[derive(Clone)]
pub struct Schema(Arc<Compiled>);

struct Compiled {
    document: Value,
    validator: Validator,
}

/// A document that is no schema of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    /// RFC 6901, into the schema.
    pub pointer: String,
    /// For the schema's author.
    pub message: String,
}

/// One violation.
#[derive(Clone, Debug, PartialEq)]
pub struct Issue {
    /// RFC 6901, into the instance; empty for the whole.
    pub pointer: String,
    /// The member of the object at `pointer` that is meant, for keywords about members.
    pub property: Option<String>,
    /// The keyword that failed.
    pub keyword: String,
    /// The keyword's value in the schema.
    pub expected: Option<Value>,
    /// For people.
    pub message: String,
}

impl Issue {
    /// Where whoever wrote the instance has to look (RFC 6901): the member that is meant, or the object
    /// that lacks one, for what is missing has no place of its own.
    pub fn place(&self) -> String {
        match &self.property {
            Some(property) if self.keyword != "required" => {
                let token = property.replace('~', "~0").replace('/', "~1");
                format!("{}/{token}", self.pointer)
            }
            _ => self.pointer.clone(),
        }
    }
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// It is no schema of draft 2020-12, it refers to another document, or a pattern is beyond
    /// the linear-time engine. The first of its mistakes; [`compile_all`](Self::compile_all)
    /// tells the rest.
    pub fn compile(document: Value) -> Result<Self, SchemaError> {
        Self::compile_all(document).map_err(|mut mistakes| mistakes.swap_remove(0))
    }

    /// Compiles a schema, and tells everything that is wrong with it otherwise.
    ///
    /// # Errors
    /// As [`compile`](Self::compile); never an empty list.
    pub fn compile_all(document: Value) -> Result<Self, Vec<SchemaError>> {
        if let Some(dialect) = document.get("$schema")
            && dialect.as_str().map(|uri| uri.trim_end_matches('#')) != Some(DIALECT)
        {
            return Err(vec![SchemaError {
                pointer: "/$schema".to_owned(),
                message: format!("only {DIALECT} is understood"),
            }]);
        }
        let issues = META_SCHEMA.check(&document);
        if !issues.is_empty() {
            return Err(issues.into_iter().map(SchemaError::from).collect());
        }
        Self::build(document).map_err(|error| vec![error])
    }

    /// Compiles a schema that another system wrote: of the draft that it names, from draft 4 on, or
    /// of 2020-12 where it names none.
    ///
    /// # Errors
    /// As [`compile`](Self::compile), or when it names what is no draft.
    pub fn compile_foreign(document: Value) -> Result<Self, SchemaError> {
        let named = document.get("$schema").and_then(Value::as_str);
        let named = named.map(|uri| uri.trim_end_matches('#'));
        let number = named.and_then(|uri| {
            let uri = uri
                .strip_prefix("https://")
                .or_else(|| uri.strip_prefix("http://"))?;
            uri.strip_prefix("json-schema.org/draft")?.strip_suffix("/schema")
        });
        let draft = match number {
            Some("-04") => Draft::Draft4,
            Some("-06") => Draft::Draft6,
            Some("-07") => Draft::Draft7,
            Some("/2019-09") => Draft::Draft201909,
            _ => return Self::compile(document),
        };
        Self::build_as(document, draft)
    }

    fn build(document: Value) -> Result<Self, SchemaError> {
        Self::build_as(document, Draft::Draft202012)
    }

    fn build_as(document: Value, draft: Draft) -> Result<Self, SchemaError> {
        let built = jsonschema::options()
            .with_draft(draft)
            .offline()
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .build(&document);
        match built {
            Ok(validator) => Ok(Self(Arc::new(Compiled { document, validator }))),
            Err(error) => Err(explain(&document, &error)),
        }
    }

    /// The schema as it was written.
    pub fn document(&self) -> &Value {
        &self.0.document
    }

    /// All violations, in the schema's order, at most 1,000 of them; none if the instance is valid.
    pub fn check(&self, instance: &Value) -> Vec<Issue> {
        let mut issues = Vec::new();
        for error in self.0.validator.iter_errors(instance) {
            self.push(&error, &mut issues);
            if issues.len() >= MAX_ISSUES {
                issues.truncate(MAX_ISSUES);
                break;
            }
        }
        issues
    }

    fn push(&self, error: &ValidationError<'_>, issues: &mut Vec<Issue>) {
        let mut at = error.schema_path().to_string();
        let keyword = match error.kind() {
            // `false` as a schema stands where a name or an index does.
            ValidationErrorKind::FalseSchema => "false",
            // The path goes on into the schema of names, of which `word` tells.
            ValidationErrorKind::PropertyNames { .. } => {
                if let Some((before, _)) = at.rsplit_once("/propertyNames/") {
                    at = format!("{before}/propertyNames");
                }
                "propertyNames"
            }
            kind => match at.rsplit('/').next() {
                Some(last) if !last.is_empty() => last,
                _ => kind.keyword(),
            },
        }
        .to_owned();
        // Where the path cannot be followed (into another base URI), the keyword's value stays
        // unsaid rather than wrong.
        let expected = self.0.document.pointer(&at).cloned();
        let mut issue = |property: Option<String>, message: String| {
            issues.push(Issue {
                pointer: error.instance_path().to_string(),
                property,
                keyword: keyword.clone(),
                expected: expected.clone(),
                message,
            });
        };
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                issue(Some(name.to_owned()), format!("{name} is required"));
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                for name in unexpected {
                    let message = format!("{} is not known here", brief(name));
                    issue(Some(name.clone()), message);
                }
            }
            ValidationErrorKind::PropertyNames { error } => {
                let name = error.instance().as_str().unwrap_or_default();
                let message = format!("{} is no valid name here: it {}", brief(name), word(error));
                issue(Some(name.to_owned()), message);
            }
            _ => issue(None, word(error)),
        }
    }
}

impl From<Issue> for SchemaError {
    fn from(issue: Issue) -> Self {
        let message = match (issue.keyword.as_str(), issue.expected) {
            ("format", Some(format)) if format == "regex" => {
                "the pattern is no regular expression".to_owned()
            }
            // The dialect says it as alternatives: a name, or several.
            ("anyOf", _) if issue.pointer.ends_with("/type") => {
                "must be one of \"null\", \"boolean\", \"object\", \"array\", \"number\", \"string\" and \"integer\", or a list of them"
                    .to_owned()
            }
            _ => issue.message,
        };
        Self {
            pointer: issue.pointer,
            message,
        }
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schema({})", self.0.document)
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.0.document == other.0.document
    }
}

fn explain(document: &Value, error: &ValidationError<'_>) -> SchemaError {
    let (pointer, message) = match error.kind() {
        ValidationErrorKind::Referencing(_) => (
            find_reference(document).unwrap_or_default(),
            "the reference cannot be followed: only parts of this schema can be referred to".to_owned(),
        ),
        ValidationErrorKind::Format { format } if format == "regex" => (
            error.instance_path().to_string(),
            "the pattern is no regular expression that runs in linear time".to_owned(),
        ),
        _ => (error.instance_path().to_string(), error.to_string()),
    };
    SchemaError { pointer, message }
}

// The first reference that leads out of the document, or to where nothing is.
fn find_reference(schema: &Value) -> Option<String> {
    fn find(root: &Value, part: &Value, at: &str) -> Option<String> {
        match part {
            Value::Object(members) => members.iter().find_map(|(name, value)| {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                match value.as_str() {
                    Some(target) if name == "$ref" || name == "$dynamicRef" => {
                        let inside = target.strip_prefix('#');
                        let is_found = inside.is_some_and(|path| root.pointer(path).is_some());
                        (!is_found).then_some(at)
                    }
                    _ => find(root, value, &at),
                }
            }),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .find_map(|(place, item)| find(root, item, &format!("{at}/{place}"))),
            _ => None,
        }
    }
    find(schema, schema, "")
}

// A violation in words that go on from the name of what is wrong: "must be …".
fn word(error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    match error.kind() {
        Kind::Type { kind } => {
            let allowed: Vec<&str> = match kind {
                TypeKind::Single(one) => vec![one.as_str()],
                TypeKind::Multiple(several) => several.iter().map(|one| one.as_str()).collect(),
            };
            let allowed: Vec<String> = allowed.into_iter().map(with_article).collect();
            format!("must be {}", allowed.join(" or "))
        }
        Kind::Enum { options } => {
            let options: Vec<String> = options
                .as_array()
                .into_iter()
                .flatten()
                .map(Value::to_string)
                .collect();
            brief(&format!("must be one of {}", options.join(", ")))
        }
        Kind::Constant { expected_value } => brief(&format!("must be {expected_value}")),
        Kind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        Kind::MinLength { limit } => format!("must have at least {}", count(*limit, "character")),
        Kind::MaxLength { limit } => format!("must have at most {}", count(*limit, "character")),
        Kind::MinItems { limit } => format!("must have at least {}", count(*limit, "item")),
        Kind::MaxItems { limit } => format!("must have at most {}", count(*limit, "item")),
        Kind::AdditionalItems { limit } => {
            format!("must have at most {}", count(*limit as u64, "item"))
        }
        Kind::MinProperties { limit } => format!("must have at least {}", count(*limit, "member")),
        Kind::MaxProperties { limit } => format!("must have at most {}", count(*limit, "member")),
        Kind::UniqueItems => "must not hold the same item twice".to_owned(),
        Kind::Minimum { limit } => format!("must be {limit} or more"),
        Kind::Maximum { limit } => format!("must be {limit} or less"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::Format { format } => format!("must be a valid {format}"),
        Kind::Pattern { pattern } => brief(&format!("must match {pattern}")),
        Kind::AnyOf { .. } => "must satisfy at least one of the alternatives, and satisfies none".to_owned(),
        Kind::OneOfNotValid { .. } => "must satisfy one of the alternatives, and satisfies none".to_owned(),
        Kind::OneOfMultipleValid { .. } => {
            "must satisfy exactly one of the alternatives, and satisfies several".to_owned()
        }
        Kind::Not { .. } => "is what it must not be".to_owned(),
        Kind::FalseSchema => "is not allowed here".to_owned(),
        Kind::Contains => "must contain an item that it does not contain".to_owned(),
        Kind::UnevaluatedItems { .. } => "has items that are not allowed here".to_owned(),
        _ => brief(&error.masked().to_string()),
    }
}

fn with_article(kind: &str) -> String {
    match kind {
        "null" => "null".to_owned(),
        "array" | "object" | "integer" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

fn count(limit: u64, noun: &str) -> String {
    format!("{limit} {noun}{}", if limit == 1 { "" } else { "s" })
}

// A message stays readable whatever the schema or the client holds.
fn brief(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
