//! Coercion of variable values (spec, section 6.1.2) against the schema's own types. All errors come at once, each
//! with the path inside the variable. Custom scalars pass as they are; the schema's own parser judges them.

use apollo_compiler::{
    Node, Schema,
    ast::{Type, VariableDefinition},
    schema::{ExtendedType, InputObjectType},
};
use async_graphql::{Name, Number, ServerError, Value, Variables, indexmap::IndexMap};

use super::values::constant;
use crate::fault::{code, error};

/// How async-graphql marks the place of a file in the variables.
pub(crate) const UPLOAD_MARK: &str = "#__graphql_file__:";

pub(super) struct Coerce<'s> {
    pub(super) schema: &'s Schema,
    /// Files that came with the request; a mark beyond them is a forgery.
    pub(super) uploads: usize,
    pub(super) max_errors: usize,
    pub(super) errors: Vec<String>,
}

enum Step<'p> {
    Field(&'p str),
    Item(usize),
}

struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step<'p>,
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Field(name) if self.parent.is_none() => write!(f, "${name}"),
            Step::Field(name) => write!(f, ".{name}"),
            Step::Item(index) => write!(f, "[{index}]"),
        }
    }
}

impl Coerce<'_> {
    /// The variables the operation declares, defaults filled in; undeclared ones are dropped.
    pub(super) fn variables(
        mut self,
        definitions: &[Node<VariableDefinition>],
        mut given: Variables,
        pos: impl Fn(&Node<VariableDefinition>) -> Option<async_graphql::Pos>,
    ) -> Result<Variables, Vec<ServerError>> {
        let mut coerced = Variables::default();
        let mut faults = Vec::new();
        for definition in definitions {
            let path = Path {
                parent: None,
                step: Step::Field(&definition.name),
            };
            let value = match given.remove(definition.name.as_str()) {
                Some(value) => self.value(&definition.ty, value, &path),
                None => match &definition.default_value {
                    Some(default) => self.value(&definition.ty, constant(default), &path),
                    None => {
                        if definition.ty.is_non_null() {
                            self.refuse(
                                &path,
                                format_args!("a value of type {} is required", definition.ty),
                            );
                        }
                        continue;
                    }
                },
            };
            coerced.insert(Name::new(&definition.name), value);
            let here = pos(definition);
            faults.extend(
                self.errors
                    .drain(..)
                    .map(|message| error(code::BAD_USER_INPUT, message, here)),
            );
        }
        faults.extend(
            self.errors
                .drain(..)
                .map(|message| error(code::BAD_USER_INPUT, message, None)),
        );
        faults.truncate(self.max_errors);
        if faults.is_empty() {
            Ok(coerced)
        } else {
            Err(faults)
        }
    }

    fn refuse(&mut self, path: &Path<'_>, why: std::fmt::Arguments<'_>) -> Value {
        if self.errors.len() < self.max_errors {
            self.errors.push(format!("variable {path}: {why}"));
        }
        Value::Null
    }

    fn value(&mut self, ty: &Type, value: Value, path: &Path<'_>) -> Value {
        if matches!(value, Value::Null) {
            if ty.is_non_null() {
                self.refuse(path, format_args!("expected {ty}, found null"));
            }
            return Value::Null;
        }
        let name = match ty {
            Type::List(inner) | Type::NonNullList(inner) => {
                return Value::List(match value {
                    Value::List(items) => items
                        .into_iter()
                        .enumerate()
                        .map(|(index, item)| {
                            self.value(
                                inner,
                                item,
                                &Path {
                                    parent: Some(path),
                                    step: Step::Item(index),
                                },
                            )
                        })
                        .collect(),
                    // A single value is a list of one (section 3.11).
                    single => vec![self.value(inner, single, path)],
                });
            }
            Type::Named(name) | Type::NonNullNamed(name) => name,
        };
        match self.schema.types.get(name) {
            Some(ExtendedType::Scalar(_)) => match self.scalar(name, &value) {
                Some(coerced) => coerced,
                None => self.refuse(path, format_args!("expected {ty}, found {}", Shown(&value))),
            },
            Some(ExtendedType::Enum(known)) => match &value {
                Value::String(text) if known.values.contains_key(text.as_str()) => {
                    Value::Enum(Name::new(text))
                }
                Value::Enum(text) if known.values.contains_key(text.as_str()) => value,
                _ => self.refuse(
                    path,
                    format_args!("expected a value of {ty}, found {}", Shown(&value)),
                ),
            },
            Some(ExtendedType::InputObject(known)) => match value {
                Value::Object(fields) => self.object(known, fields, path),
                other => self.refuse(path, format_args!("expected {ty}, found {}", Shown(&other))),
            },
            _ => self.refuse(path, format_args!("{name} is no input type")),
        }
    }

    /// Sections 3.5.1 to 3.5.5.
    fn scalar(&self, name: &str, value: &Value) -> Option<Value> {
        match (name, value) {
            ("Int", Value::Number(number)) => {
                let int = number.as_i64().or_else(|| {
                    // 1.0 from a client whose numbers are all doubles is an integer.
                    number
                        .as_f64()
                        .filter(|float| float.fract() == 0.0)
                        .map(|float| float as i64)
                })?;
                i32::try_from(int).ok().map(|int| Value::Number(int.into()))
            }
            ("Float", Value::Number(number)) => {
                number
                    .as_f64()
                    .filter(|float| float.is_finite())
                    .and_then(Number::from_f64)?;
                Some(value.clone())
            }
            ("String", Value::String(_)) | ("Boolean", Value::Boolean(_)) | ("ID", Value::String(_)) => {
                Some(value.clone())
            }
            ("ID", Value::Number(number)) if number.is_i64() || number.is_u64() => {
                Some(Value::String(number.to_string()))
            }
            ("Int" | "Float" | "String" | "Boolean" | "ID", _) => None,
            ("Upload", Value::String(mark)) => {
                let index: usize = mark.strip_prefix(UPLOAD_MARK)?.parse().ok()?;
                (index < self.uploads).then(|| value.clone())
            }
            ("Upload", _) => None,
            _ => Some(value.clone()),
        }
    }

    /// Section 3.10, with `@oneOf`.
    fn object(
        &mut self,
        known: &InputObjectType,
        mut given: IndexMap<Name, Value>,
        path: &Path<'_>,
    ) -> Value {
        if known.directives.has("oneOf")
            && (given.len() != 1 || given.values().any(|value| *value == Value::Null))
        {
            return self.refuse(
                path,
                format_args!("{} takes exactly one field, not null", known.name),
            );
        }
        let mut coerced = IndexMap::with_capacity(known.fields.len());
        for (name, field) in &known.fields {
            let path = Path {
                parent: Some(path),
                step: Step::Field(name),
            };
            let value = match given.shift_remove(name.as_str()) {
                Some(value) => self.value(&field.ty, value, &path),
                None => match &field.default_value {
                    Some(default) => self.value(&field.ty, constant(default), &path),
                    None => {
                        if field.ty.is_non_null() {
                            self.refuse(&path, format_args!("a value of type {} is required", field.ty));
                        }
                        continue;
                    }
                },
            };
            coerced.insert(Name::new(name), value);
        }
        for unknown in given.keys() {
            self.refuse(
                path,
                format_args!(
                    "{} has no field `{}`",
                    known.name,
                    Shown(&Value::Enum(unknown.clone()))
                ),
            );
        }
        Value::Object(coerced)
    }
}

/// A value in a message: short, whatever the client sent.
struct Shown<'v>(&'v Value);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Value::List(_) => f.write_str("a list"),
            Value::Object(_) => f.write_str("an object"),
            Value::String(text) if text.chars().count() > 40 => {
                write!(f, "{:?}…", text.chars().take(40).collect::<String>())
            }
            Value::Enum(name) => f.write_str(&name.chars().take(40).collect::<String>()),
            other => write!(f, "{other}"),
        }
    }
}
