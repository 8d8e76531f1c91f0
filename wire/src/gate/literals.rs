//! Rules on literals that `apollo-compiler` 1.33 does not have: unique input fields (spec, section 5.6.3), `@oneOf` input
//! objects (section 5.6.5, September 2025), and that a file cannot be written into a document.

use apollo_compiler::{
    ExecutableDocument, Node, Schema,
    ast::{Argument, Type, Value, VariableDefinition},
    executable::{Selection, SelectionSet},
    parser::SourceSpan,
    schema::{ExtendedType, InputValueDefinition},
};

pub(super) struct Literals<'s> {
    schema: &'s Schema,
    /// Of every operation: a fragment may be used by several, and the strictest declaration decides.
    variables: Vec<&'s Node<VariableDefinition>>,
    pub(super) faults: Vec<(Option<SourceSpan>, String)>,
}

impl<'s> Literals<'s> {
    /// All breaches in the document, each definition read once.
    pub(super) fn check(
        schema: &'s Schema,
        document: &'s ExecutableDocument,
    ) -> Vec<(Option<SourceSpan>, String)> {
        let variables = document
            .operations
            .iter()
            .flat_map(|operation| &operation.variables)
            .collect();
        let mut literals = Self {
            schema,
            variables,
            faults: Vec::new(),
        };
        for operation in document.operations.iter() {
            for variable in &operation.variables {
                if let Some(default) = &variable.default_value {
                    literals.value(&variable.ty, default);
                }
            }
            literals.selection_set(&operation.selection_set);
        }
        for fragment in document.fragments.values() {
            literals.selection_set(&fragment.selection_set);
        }
        literals.faults
    }

    fn selection_set(&mut self, set: &SelectionSet) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.definition.arguments, &field.arguments);
                    self.selection_set(&field.selection_set);
                }
                Selection::InlineFragment(inline) => self.selection_set(&inline.selection_set),
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn arguments(&mut self, known: &[Node<InputValueDefinition>], given: &[Node<Argument>]) {
        for argument in given {
            if let Some(definition) = known.iter().find(|definition| definition.name == argument.name) {
                self.value(&definition.ty, &argument.value);
            }
        }
    }

    fn value(&mut self, ty: &Type, value: &Node<Value>) {
        if let Value::List(items) = &**value {
            for item in items {
                self.value(ty.item_type(), item);
            }
            return;
        }
        match (self.schema.types.get(ty.inner_named_type()), &**value) {
            (Some(ExtendedType::Scalar(scalar)), Value::String(_)) if scalar.name == "Upload" => {
                self.faults.push((
                    value.location(),
                    "a file cannot be written into the document".into(),
                ));
            }
            (Some(ExtendedType::InputObject(known)), Value::Object(fields)) => {
                if known.directives.has("oneOf") {
                    let is_one = match fields.as_slice() {
                        [(_, only)] => match &**only {
                            Value::Null => false,
                            Value::Variable(name) => self
                                .variables
                                .iter()
                                .filter(|definition| definition.name == *name)
                                .all(|definition| definition.ty.is_non_null()),
                            _ => true,
                        },
                        _ => false,
                    };
                    if !is_one {
                        self.faults.push((
                            value.location(),
                            format!("{} takes exactly one field, not null", known.name),
                        ));
                    }
                }
                let mut names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
                names.sort_unstable();
                if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
                    self.faults.push((
                        value.location(),
                        format!("the input field `{}` is given more than once", twice[0]),
                    ));
                }
                for (name, value) in fields {
                    if let Some(field) = known.fields.get(name) {
                        self.value(&field.ty, value);
                    }
                }
            }
            _ => {}
        }
    }
}
