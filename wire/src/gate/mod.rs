//! The document gate: everything between a request's text and the library's executor.
//!
//! [`Gate::prepare`] bounds, parses and validates a document (remembered by its text); [`Prepared::operation`] picks
//! the operation; [`Gate::bind`] coerces the variables and merges the selections for this one request. What leaves
//! is handed over with [`async_graphql::Request::set_parsed_query`] and needs no validation: the embedding schema is
//! built with [`async_graphql::ValidationMode::Fast`].

mod cache;
mod check;
mod coerce;
mod collect;
mod introspect;
mod lines;
mod literals;
mod measure;
mod scan;
mod shape;
mod types;
mod values;

use std::sync::Arc;

use apollo_compiler::{
    ExecutableDocument, Node, Schema, ast::OperationType, executable::Operation as Definition,
    validation::Valid,
};
use async_graphql::{
    Pos, Positioned, Variables,
    parser::types::{self as library, DocumentOperations},
};

pub(crate) use self::{cache::Cache, coerce::UPLOAD_MARK, introspect::Introspected, shape::Shape};
use self::{collect::Collect, introspect::Introspect, lines::Lines, types::Types};
use crate::{fault::Fault, limits::DocumentLimits};

/// Judges documents against one schema.
pub struct Gate {
    schema: Valid<Schema>,
    types: Types,
    limits: DocumentLimits,
    cache: Cache<Arc<str>, Arc<Prepared>>,
}

/// The SDL is not a valid schema.
#[derive(Debug, thiserror::Error)]
#[error("the schema's SDL is invalid: {0}")]
pub struct InvalidSchema(String);

/// A document that passed. Immutable, shared by all requests that send the same text.
pub struct Prepared {
    source: String,
    document: Valid<ExecutableDocument>,
    lines: Lines,
}

/// One operation of a prepared document.
pub struct Operation<'p> {
    prepared: &'p Prepared,
    definition: &'p Node<Definition>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads.
    Query,
    /// Writes.
    Mutation,
    /// Streams.
    Subscription,
}

/// An operation with its variables, ready to execute.
pub(crate) struct Bound {
    pub(crate) document: library::ExecutableDocument,
    pub(crate) variables: Variables,
    pub(crate) shape: Shape,
    /// Fields after merging.
    pub(crate) fields: usize,
}

/// Beside the variables, what a request brings to its operation.
#[derive(Default)]
pub(crate) struct Extras<'r> {
    /// Files that came with the request.
    pub(crate) uploads: usize,
    /// Name and value of a string argument of the root field, put in place of what the document says.
    pub(crate) resume: Option<(&'r str, &'r str)>,
}

impl Gate {
    /// A gate for the schema with this SDL, as async-graphql prints it.
    pub fn new(sdl: &str, limits: DocumentLimits) -> Result<Self, InvalidSchema> {
        // The compiler's built-in types are those of October 2021.
        let mut builder = Schema::builder().parse(sdl, "schema.graphql").parse(
            "extend type __Type { isOneOf: Boolean }",
            "september_2025.graphql",
        );
        if !sdl.contains("directive @oneOf") {
            builder = builder.parse("directive @oneOf on INPUT_OBJECT", "one_of.graphql");
        }
        let schema = builder
            .build()
            .and_then(Schema::validate)
            .map_err(|invalid| InvalidSchema(invalid.errors.to_string()))?;
        let types = Types::new(&schema);
        let cache = Cache::new(limits.cached_documents, limits.cached_bytes);
        Ok(Self {
            schema,
            types,
            limits,
            cache,
        })
    }

    /// Bounds, parses and validates (spec, section 5), or remembers that it did.
    pub fn prepare(&self, source: &str) -> Result<Arc<Prepared>, Fault> {
        if let Some(known) = self.cache.get(source) {
            return Ok(known);
        }
        let prepared = Arc::new(self.check(source)?);
        self.cache.put(source.into(), source.len(), prepared.clone());
        Ok(prepared)
    }

    /// Like [`prepare`](Self::prepare) for a stranger, who must not fill the memory of others.
    pub(crate) fn judge(&self, source: &str) -> Result<Prepared, Fault> {
        self.check(source)
    }

    /// The whole way for a request without files: what comes out is ready for an executor. For callers inside the
    /// process, such as tests and benchmarks; the routes do the same. Answers are the executor's own, not yet put in
    /// shape: where an object's type decides what is wanted of it they tell it under a `__type` more.
    pub fn pass(
        &self,
        source: &str,
        operation_name: Option<&str>,
        variables: Variables,
    ) -> Result<async_graphql::Request, Fault> {
        let prepared = self.prepare(source)?;
        let bound = self.bind(
            &prepared.operation(operation_name)?,
            variables,
            &Extras::default(),
        )?;
        let mut request = async_graphql::Request::new(source).variables(bound.variables);
        request.set_parsed_query(bound.document);
        Ok(request)
    }

    /// Coerces the variables (section 6.1.2) and collects the fields (section 6.3.2) for one request.
    pub(crate) fn bind(
        &self,
        operation: &Operation<'_>,
        variables: Variables,
        extras: &Extras<'_>,
    ) -> Result<Bound, Fault> {
        let Operation { prepared, definition } = operation;
        let coerce = coerce::Coerce {
            schema: &self.schema,
            uploads: extras.uploads,
            max_errors: self.limits.errors,
            errors: Vec::new(),
        };
        let pos = |node: &Node<_>| {
            apollo_compiler::Node::location(node).map(|at| prepared.lines.pos(&prepared.source, at.offset()))
        };
        let variables = coerce
            .variables(&definition.variables, variables, pos)
            .map_err(Fault::document)?;
        let budget = self.limits.fields * 2;
        let mut collect = Collect {
            document: &prepared.document,
            source: &prepared.source,
            lines: &prepared.lines,
            types: &self.types,
            variables: &variables,
            subscription: self.schema.root_operation(OperationType::Subscription),
            budget,
        };
        let (mut selection_set, shape) =
            collect.merge(&definition.selection_set.ty, &[&definition.selection_set])?;
        let fields = budget - collect.budget;
        let here = collect.pos(definition);
        if let Some((name, value)) = extras.resume {
            self.resume(operation, &mut selection_set, name, value);
        }
        let operation = library::OperationDefinition {
            ty: match definition.operation_type {
                OperationType::Query => library::OperationType::Query,
                OperationType::Mutation => library::OperationType::Mutation,
                OperationType::Subscription => library::OperationType::Subscription,
            },
            variable_definitions: definition
                .variables
                .iter()
                .filter_map(|variable| declare(variable, here))
                .collect(),
            directives: Vec::new(),
            selection_set: Positioned::new(selection_set, here),
        };
        let operation = Positioned::new(operation, here);
        let operations = match &definition.name {
            None => DocumentOperations::Single(operation),
            Some(name) => DocumentOperations::Multiple(
                [(async_graphql::Name::new(name), operation)]
                    .into_iter()
                    .collect(),
            ),
        };
        let document = library::ExecutableDocument {
            operations,
            fragments: Default::default(),
        };
        Ok(Bound {
            document,
            variables,
            shape,
            fields,
        })
    }

    /// Takes what a query asks of the schema itself out of it and answers that. What is left is the executor's, unless
    /// that [is nothing](Bound::is_empty).
    pub(crate) fn introspect(&self, bound: &mut Bound) -> Introspected {
        let introspect = Introspect {
            schema: &self.schema,
            types: &self.types,
            variables: &bound.variables,
        };
        match operation_mut(&mut bound.document.operations) {
            Some(query) if query.ty == library::OperationType::Query => {
                introspect.take(&mut query.selection_set.node)
            }
            _ => Introspected::new(),
        }
    }

    /// Puts a cursor into the root field, if that takes one.
    fn resume(&self, operation: &Operation<'_>, set: &mut library::SelectionSet, name: &str, value: &str) {
        let parent = &operation.definition.selection_set.ty;
        for item in &mut set.items {
            let library::Selection::Field(field) = &mut item.node else {
                continue;
            };
            let takes = self
                .schema
                .type_field(parent, &field.node.name.node)
                .is_ok_and(|known| known.argument_by_name(name).is_some());
            if takes {
                let pos = field.pos;
                field
                    .node
                    .arguments
                    .retain(|(known, _)| known.node.as_str() != name);
                field.node.arguments.push((
                    Positioned::new(async_graphql::Name::new(name), pos),
                    Positioned::new(async_graphql_value::Value::String(value.to_owned()), pos),
                ));
            }
        }
    }
}

impl Bound {
    /// Whether nothing is left to execute.
    pub(crate) fn is_empty(&self) -> bool {
        let mut operations = self.document.operations.iter();
        operations.all(|(_, operation)| operation.node.selection_set.node.items.is_empty())
    }
}

/// The one operation of a document that was bound.
fn operation_mut(operations: &mut DocumentOperations) -> Option<&mut library::OperationDefinition> {
    let operation = match operations {
        DocumentOperations::Single(operation) => operation,
        DocumentOperations::Multiple(operations) => operations.values_mut().next()?,
    };
    Some(&mut operation.node)
}

/// The library looks at the type alone: values and defaults are in the coerced variables.
fn declare(
    variable: &Node<apollo_compiler::ast::VariableDefinition>,
    pos: Pos,
) -> Option<Positioned<library::VariableDefinition>> {
    let definition = library::VariableDefinition {
        name: Positioned::new(async_graphql::Name::new(&variable.name), pos),
        var_type: Positioned::new(library::Type::new(&variable.ty.to_string())?, pos),
        directives: Vec::new(),
        default_value: None,
    };
    Some(Positioned::new(definition, pos))
}

impl Prepared {
    /// The operation with this name, or the only one (section 6.1.1). No operation has an empty name, and some clients
    /// send one where they mean none.
    pub fn operation(&self, name: Option<&str>) -> Result<Operation<'_>, Fault> {
        let name = name.filter(|name| !name.is_empty());
        match self.document.operations.get(name) {
            Ok(definition) => Ok(Operation {
                prepared: self,
                definition,
            }),
            Err(_) => Err(Fault::bad(
                match name {
                    Some(name) => {
                        format!(
                            "the document has no operation named {:?}",
                            name.chars().take(80).collect::<String>()
                        )
                    }
                    None => "the document has several operations, and the request names none".into(),
                },
                None,
            )),
        }
    }
}

impl Operation<'_> {
    /// What it does.
    pub fn kind(&self) -> Kind {
        match self.definition.operation_type {
            OperationType::Query => Kind::Query,
            OperationType::Mutation => Kind::Mutation,
            OperationType::Subscription => Kind::Subscription,
        }
    }

    /// Its name in the document.
    pub fn name(&self) -> Option<&str> {
        self.definition.name.as_deref()
    }

    /// Whether it selects one of these root fields, under one response key, and nothing else but `__typename`.
    pub(crate) fn is_only(&self, root_fields: &[&str]) -> bool {
        let mut fields = self
            .definition
            .root_fields(&self.prepared.document)
            .filter(|field| field.name != "__typename");
        let Some(first) = fields.next() else {
            return false;
        };
        root_fields.contains(&first.name.as_str())
            && fields.all(|field| field.response_key() == first.response_key())
    }
}

#[cfg(test)]
mod tests;
