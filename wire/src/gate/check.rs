//! Whether a document may run at all: bounds, syntax, and the validation of the specification's section 5. To add a
//! rule that the compiler lacks: `literals` for values, here for the rest.

use apollo_compiler::{
    ExecutableDocument,
    parser::{Parser, SourceSpan},
    validation::{DiagnosticList, Valid},
};
use async_graphql::ServerError;

use super::{Gate, Prepared, lines::Lines, literals::Literals, measure::Measure, scan};
use crate::fault::{Fault, code, error};

/// How many times the fields of the largest operation all operations of a document may have together. Some clients
/// send every operation they know with each request; 200 operations on the same 2,500 fields took 0.1 s to validate.
const OPERATIONS_FACTOR: usize = 4;

impl Gate {
    pub(super) fn check(&self, source: &str) -> Result<Prepared, Fault> {
        let source = scan::scan(source, &self.limits)?.into_owned();
        let lines = Lines::new(&source);
        let ast = Parser::new()
            .recursion_limit(self.limits.nesting * 4)
            .parse_ast(&source, "")
            .map_err(|invalid| self.refuse(&source, &lines, &invalid.errors))?;
        let (document, build_errors) = match ast.to_executable(&self.schema) {
            Ok(document) => (document, None),
            Err(invalid) => (invalid.partial, Some(invalid.errors)),
        };
        let mut measure = Measure::new(&document, &self.limits);
        let mut fields = 0_usize;
        for operation in document.operations.iter() {
            fields = fields.saturating_add(measure.operation(operation)?.fields);
        }
        // Validation walks the fragments of each operation anew.
        let max_fields = self.limits.fields.saturating_mul(OPERATIONS_FACTOR);
        if fields > max_fields {
            return Err(Fault::limit(
                format!("the document's operations have more than {max_fields} fields together"),
                None,
            ));
        }
        if let Some(errors) = build_errors {
            return Err(self.refuse(&source, &lines, &errors));
        }
        let document = match document.validate(&self.schema) {
            Ok(document) => document,
            Err(invalid) if is_single_root(&invalid.partial, &invalid.errors) => {
                Valid::assume_valid(invalid.partial)
            }
            Err(invalid) => return Err(self.refuse(&source, &lines, &invalid.errors)),
        };
        let mut faults = Literals::check(&self.schema, &document);
        if document.operations.is_empty() {
            faults.push((None, "the document has no operation".into()));
        }
        if !self.limits.introspection {
            let asks = document
                .operations
                .iter()
                .flat_map(|operation| operation.root_fields(&document));
            for field in asks.filter(|field| matches!(field.name.as_str(), "__schema" | "__type")) {
                faults.push((field.location(), "introspection is switched off".into()));
            }
        }
        if !faults.is_empty() {
            let pos = |at: SourceSpan| lines.pos(&source, at.offset());
            return Err(Fault::document(
                faults
                    .into_iter()
                    .take(self.limits.errors)
                    .map(|(at, message)| error(code::BAD_USER_INPUT, message, at.map(pos)))
                    .collect(),
            ));
        }
        Ok(Prepared {
            source,
            document,
            lines,
        })
    }

    fn refuse(&self, source: &str, lines: &Lines, errors: &DiagnosticList) -> Fault {
        let mut faults: Vec<ServerError> = errors
            .iter()
            .take(self.limits.errors)
            .map(|diagnostic| {
                let message = diagnostic
                    .error
                    .unstable_compat_message()
                    .unwrap_or_else(|| diagnostic.error.to_string());
                let at = apollo_compiler::diagnostic::ToCliReport::location(diagnostic.error);
                error(
                    code::BAD_USER_INPUT,
                    message.replace(['\n', '\r'], " "),
                    at.map(|at| lines.pos(source, at.offset())),
                )
            })
            .collect();
        if errors.len() > faults.len() {
            faults.push(error(
                code::LIMIT_EXCEEDED,
                format!("{} more errors are left out", errors.len() - faults.len()),
                None,
            ));
        }
        Fault::document(faults)
    }
}

/// Whether all that is wrong is that a subscription names its one root field more than once. The specification counts
/// response keys (section 5.2.4.1); the compiler counts fields.
fn is_single_root(document: &ExecutableDocument, errors: &DiagnosticList) -> bool {
    let only = errors
        .iter()
        .all(|diagnostic| diagnostic.error.unstable_error_name() == Some("SubscriptionUsesMultipleFields"));
    only && document
        .operations
        .iter()
        .filter(|operation| operation.is_subscription())
        .all(|operation| {
            let mut keys = operation.root_fields(document).map(|field| field.response_key());
            let first = keys.next();
            keys.all(|key| Some(key) == first)
        })
}
