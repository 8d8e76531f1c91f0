//! Introspection (spec, section 4), answered from the same SDL that documents are judged by, so that the two cannot
//! differ. async-graphql's own answer says of no interface which interfaces it implements.
//!
//! It works on merged selections, which for these types are plain fields. How much an answer can hold is bounded
//! before: by [`crate::DocumentLimits::introspection_lists`] and the depth.

use apollo_compiler::{
    Name, Node, Schema,
    ast::{Directive, DirectiveList, Type},
    schema::{
        Component, DirectiveDefinition, EnumValueDefinition, ExtendedType, FieldDefinition,
        InputValueDefinition,
    },
};
use async_graphql::{
    Positioned, Value, Variables,
    indexmap::IndexMap,
    parser::types::{Field, Selection, SelectionSet},
};
use async_graphql_value::Value as Argument;

use super::types::Types;

/// Answers by response key.
pub(crate) type Introspected = IndexMap<async_graphql::Name, Value>;

pub(super) struct Introspect<'s> {
    pub(super) schema: &'s Schema,
    pub(super) types: &'s Types,
    pub(super) variables: &'s Variables,
}

/// What can be asked: the objects of section 4.2.
#[derive(Clone, Copy)]
enum Element<'s> {
    Schema,
    Type(&'s ExtendedType),
    /// A list, or what may not be null.
    Wrapper(Reference<'s>),
    Field(&'s FieldDefinition),
    Input(&'s InputValueDefinition),
    EnumValue(&'s EnumValueDefinition),
    Directive(&'s DirectiveDefinition),
}

/// A type as a field or argument names it.
#[derive(Clone, Copy)]
struct Reference<'s> {
    ty: &'s Type,
    /// Its outermost `!` was looked through.
    is_nullable: bool,
}

enum Told<'s> {
    Leaf(Value),
    One(Option<Element<'s>>),
    Many(Vec<Element<'s>>),
}

impl<'s> Introspect<'s> {
    /// Takes `__schema` and `__type` out of the root of a query and answers them; `__typename` too, if nothing else
    /// is left for the library to do.
    pub(super) fn take(&self, root: &mut SelectionSet) -> Introspected {
        // A name that a variable made null is an error of that field, and the library tells it as it does any.
        let has_name = |field: &Field| {
            field.name.node.as_str() != "__type" || self.argument(field, "name") != Some(Value::Null)
        };
        let is = |item: &Positioned<Selection>, names: &[&str]| match &item.node {
            Selection::Field(field) => {
                names.contains(&field.node.name.node.as_str()) && has_name(&field.node)
            }
            _ => false,
        };
        let mut names: &[&str] = &["__schema", "__type"];
        if !root.items.iter().any(|item| is(item, names)) {
            return Introspected::new();
        }
        let all = &["__schema", "__type", "__typename"];
        if root.items.iter().all(|item| is(item, all)) {
            names = all;
        }
        let (ours, rest) = std::mem::take(&mut root.items)
            .into_iter()
            .partition(|item| is(item, names));
        root.items = rest;
        fields(&SelectionSet { items: ours })
            .map(|field| {
                let told = match field.name.node.as_str() {
                    "__schema" => Told::One(Some(Element::Schema)),
                    "__type" => Told::One(self.argument(field, "name").and_then(|name| match name {
                        Value::String(name) => self.named(&name),
                        _ => None,
                    })),
                    _ => leaf(
                        self.schema
                            .schema_definition
                            .query
                            .as_ref()
                            .map(|root| root.as_str()),
                    ),
                };
                (field.response_key().node.clone(), self.write(told, field))
            })
            .collect()
    }

    fn write(&self, told: Told<'s>, field: &Field) -> Value {
        let set = &field.selection_set.node;
        match told {
            Told::Leaf(value) => value,
            Told::One(element) => element.map_or(Value::Null, |element| self.object(element, set)),
            Told::Many(elements) => elements
                .into_iter()
                .map(|element| self.object(element, set))
                .collect::<Vec<_>>()
                .into(),
        }
    }

    fn object(&self, element: Element<'s>, set: &SelectionSet) -> Value {
        let told = fields(set).map(|field| {
            let told = match field.name.node.as_str() {
                "__typename" => leaf(Some(element.type_name())),
                name => self.tell(element, name, field),
            };
            (field.response_key().node.clone(), self.write(told, field))
        });
        Value::Object(told.collect())
    }

    fn tell(&self, element: Element<'s>, name: &str, field: &Field) -> Told<'s> {
        match element {
            Element::Schema => self.tell_schema(name),
            Element::Type(ty) => self.tell_type(ty, name, field),
            Element::Wrapper(reference) => match name {
                "kind" if reference.is_nullable => leaf(Some("LIST")),
                "kind" => leaf(Some("NON_NULL")),
                "ofType" => Told::One(self.within(reference)),
                _ => Told::Leaf(Value::Null),
            },
            Element::Field(definition) => match name {
                "name" => leaf(Some(&definition.name)),
                "description" => leaf(definition.description.as_deref()),
                "args" => self.inputs(&definition.arguments, field),
                "type" => Told::One(self.reference(&definition.ty)),
                _ => deprecation(&definition.directives, name),
            },
            Element::Input(definition) => match name {
                "name" => leaf(Some(&definition.name)),
                "description" => leaf(definition.description.as_deref()),
                "type" => Told::One(self.reference(&definition.ty)),
                "defaultValue" => {
                    let written = definition.default_value.as_ref();
                    leaf(
                        written
                            .map(|value| value.serialize().no_indent().to_string())
                            .as_deref(),
                    )
                }
                _ => deprecation(&definition.directives, name),
            },
            Element::EnumValue(definition) => match name {
                "name" => leaf(Some(&definition.value)),
                "description" => leaf(definition.description.as_deref()),
                _ => deprecation(&definition.directives, name),
            },
            Element::Directive(definition) => match name {
                "name" => leaf(Some(&definition.name)),
                "description" => leaf(definition.description.as_deref()),
                "isRepeatable" => Told::Leaf(definition.repeatable.into()),
                "locations" => Told::Leaf(
                    definition
                        .locations
                        .iter()
                        .map(|location| Value::Enum(async_graphql::Name::new(location.name())))
                        .collect::<Vec<_>>()
                        .into(),
                ),
                "args" => self.inputs(&definition.arguments, field),
                _ => Told::Leaf(Value::Null),
            },
        }
    }

    fn tell_schema(&self, name: &str) -> Told<'s> {
        let schema = &self.schema.schema_definition;
        let root = |root: &'s Option<_>| {
            Told::One(
                root.as_ref()
                    .and_then(|root: &apollo_compiler::schema::ComponentName| self.named(root)),
            )
        };
        match name {
            "description" => leaf(schema.description.as_deref()),
            "types" => Told::Many(self.schema.types.values().map(Element::Type).collect()),
            "directives" => Told::Many(
                self.schema
                    .directive_definitions
                    .values()
                    .map(|definition| Element::Directive(definition))
                    .collect(),
            ),
            "queryType" => root(&schema.query),
            "mutationType" => root(&schema.mutation),
            "subscriptionType" => root(&schema.subscription),
            _ => Told::Leaf(Value::Null),
        }
    }

    fn tell_type(&self, ty: &'s ExtendedType, name: &str, field: &Field) -> Told<'s> {
        match (name, ty) {
            ("kind", _) => leaf(Some(kind(ty))),
            ("name", _) => leaf(Some(ty.name())),
            ("description", _) => leaf(ty.description().map(|words| words.as_str())),
            ("fields", ExtendedType::Object(object)) => self.fields(object.fields.values(), field),
            ("fields", ExtendedType::Interface(interface)) => self.fields(interface.fields.values(), field),
            ("interfaces", ExtendedType::Object(object)) => {
                self.many(object.implements_interfaces.iter().map(|name| &name.name))
            }
            ("interfaces", ExtendedType::Interface(interface)) => {
                self.many(interface.implements_interfaces.iter().map(|name| &name.name))
            }
            ("possibleTypes", ExtendedType::Interface(_) | ExtendedType::Union(_)) => {
                self.many(self.types.possible(ty.name()).into_iter().flatten())
            }
            ("enumValues", ExtendedType::Enum(definition)) => {
                let values = definition.values.values();
                let wanted = self.wanted(values, field, |value| &value.directives);
                Told::Many(wanted.map(|value| Element::EnumValue(value)).collect())
            }
            ("inputFields", ExtendedType::InputObject(object)) => {
                let inputs = object.fields.values();
                let wanted = self.wanted(inputs, field, |input| &input.directives);
                Told::Many(wanted.map(|input| Element::Input(input)).collect())
            }
            ("isOneOf", ExtendedType::InputObject(object)) => {
                Told::Leaf(object.directives.get("oneOf").is_some().into())
            }
            ("specifiedByURL", ExtendedType::Scalar(scalar)) => {
                let directive = scalar.directives.get("specifiedBy");
                leaf(
                    directive
                        .and_then(|directive| directive.specified_argument_by_name("url"))
                        .and_then(|url| url.as_str()),
                )
            }
            _ => Told::Leaf(Value::Null),
        }
    }

    fn fields(
        &self,
        definitions: impl Iterator<Item = &'s Component<FieldDefinition>>,
        field: &Field,
    ) -> Told<'s> {
        let wanted = self.wanted(definitions, field, |definition| &definition.directives);
        Told::Many(wanted.map(|definition| Element::Field(definition)).collect())
    }

    fn inputs(&self, definitions: &'s [Node<InputValueDefinition>], field: &Field) -> Told<'s> {
        let wanted = self.wanted(definitions.iter(), field, |definition| &definition.directives);
        Told::Many(wanted.map(|definition| Element::Input(definition)).collect())
    }

    /// Without what is deprecated, unless the field asks for that.
    fn wanted<D: 's>(
        &self,
        definitions: impl Iterator<Item = &'s D>,
        field: &Field,
        directives: impl Fn(&'s D) -> &'s DirectiveList,
    ) -> impl Iterator<Item = &'s D> {
        let all = self.argument(field, "includeDeprecated") == Some(Value::Boolean(true));
        definitions.filter(move |definition| all || directives(definition).get("deprecated").is_none())
    }

    fn many<'n>(&self, names: impl Iterator<Item = &'n Name>) -> Told<'s> {
        Told::Many(names.filter_map(|name| self.named(name)).collect())
    }

    fn named(&self, name: &str) -> Option<Element<'s>> {
        self.schema.types.get(name).map(Element::Type)
    }

    fn reference(&self, ty: &'s Type) -> Option<Element<'s>> {
        match ty {
            Type::Named(name) => self.named(name),
            Type::List(_) => Some(Element::Wrapper(Reference {
                ty,
                is_nullable: true,
            })),
            Type::NonNullNamed(_) | Type::NonNullList(_) => Some(Element::Wrapper(Reference {
                ty,
                is_nullable: false,
            })),
        }
    }

    fn within(&self, Reference { ty, is_nullable }: Reference<'s>) -> Option<Element<'s>> {
        match ty {
            Type::Named(name) | Type::NonNullNamed(name) => self.named(name),
            Type::List(item) | Type::NonNullList(item) if is_nullable => self.reference(item),
            Type::List(_) | Type::NonNullList(_) => Some(Element::Wrapper(Reference {
                ty,
                is_nullable: true,
            })),
        }
    }

    fn argument(&self, field: &Field, name: &str) -> Option<Value> {
        match field.get_argument(name)?.node.clone() {
            Argument::Variable(name) => self.variables.get(&name).cloned(),
            value => value.into_const(),
        }
    }
}

impl Element<'_> {
    fn type_name(self) -> &'static str {
        match self {
            Element::Schema => "__Schema",
            Element::Type(_) | Element::Wrapper(_) => "__Type",
            Element::Field(_) => "__Field",
            Element::Input(_) => "__InputValue",
            Element::EnumValue(_) => "__EnumValue",
            Element::Directive(_) => "__Directive",
        }
    }
}

fn kind(ty: &ExtendedType) -> &'static str {
    match ty {
        ExtendedType::Scalar(_) => "SCALAR",
        ExtendedType::Object(_) => "OBJECT",
        ExtendedType::Interface(_) => "INTERFACE",
        ExtendedType::Union(_) => "UNION",
        ExtendedType::Enum(_) => "ENUM",
        ExtendedType::InputObject(_) => "INPUT_OBJECT",
    }
}

/// `isDeprecated` and `deprecationReason`.
fn deprecation<'s>(directives: &DirectiveList, name: &str) -> Told<'s> {
    let deprecated = directives.get("deprecated");
    match name {
        "isDeprecated" => Told::Leaf(deprecated.is_some().into()),
        "deprecationReason" => leaf(deprecated.map(reason)),
        _ => Told::Leaf(Value::Null),
    }
}

/// The default is that of section 3.13.3.
fn reason(deprecated: &Node<Directive>) -> &str {
    deprecated
        .specified_argument_by_name("reason")
        .and_then(|reason| reason.as_str())
        .unwrap_or("No longer supported")
}

fn leaf<'s>(text: Option<&str>) -> Told<'s> {
    Told::Leaf(text.map_or(Value::Null, |text| Value::String(text.to_owned())))
}

/// Merged selections on objects are nothing else.
fn fields(set: &SelectionSet) -> impl Iterator<Item = &Field> {
    set.items.iter().filter_map(|item| match &item.node {
        Selection::Field(field) => Some(&field.node),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::{Extras, Gate};
    use crate::DocumentLimits;

    const SDL: &str = r#"
        "Has an id." interface Node { id: ID! }
        interface Event implements Node { id: ID! at(zone: String = "UTC", old: Int @deprecated): [[Instant!]]! }
        type Start implements Node & Event { id: ID! at(zone: String = "UTC", old: Int @deprecated): [[Instant!]]! was: Int @deprecated(reason: "Use at.") }
        union Any = Start
        enum Colour { RED GREEN @deprecated }
        input Pick @oneOf { name: String colours: [Colour!] }
        scalar Instant @specifiedBy(url: "https://instants.test")
        directive @beta("Since when." since: Int) repeatable on FIELD | QUERY
        type Query { node(pick: Pick, in: [Colour!] = [RED, GREEN]): Node }
    "#;

    fn ask(source: &str, variables: Json) -> (Json, bool) {
        let gate = Gate::new(SDL, DocumentLimits::default()).unwrap();
        let prepared = gate.prepare(source).ok().unwrap();
        let operation = prepared.operation(None).ok().unwrap();
        let variables = async_graphql::Variables::from_json(variables);
        let mut bound = gate.bind(&operation, variables, &Extras::default()).ok().unwrap();
        let told = gate.introspect(&mut bound);
        (serde_json::to_value(told).unwrap(), bound.is_empty())
    }

    fn of_type(name: &str, fields: &str) -> Json {
        let source = format!("query($name: String!) {{ __type(name: $name) {{ {fields} }} }}");
        ask(&source, json!({ "name": name })).0["__type"].take()
    }

    #[test]
    fn an_interface_tells_what_it_implements_and_what_can_be_one() {
        assert_eq!(
            of_type(
                "Event",
                "kind description interfaces { name } possibleTypes { name } ofType { name }"
            ),
            json!({"kind": "INTERFACE", "description": null, "interfaces": [{"name": "Node"}], "possibleTypes": [{"name": "Start"}], "ofType": null})
        );
        assert_eq!(
            of_type(
                "Node",
                "description interfaces { name } possibleTypes { name } enumValues { name }"
            ),
            json!({"description": "Has an id.", "interfaces": [], "possibleTypes": [{"name": "Start"}], "enumValues": null})
        );
        assert_eq!(
            of_type(
                "Any",
                "kind possibleTypes { name } fields { name } interfaces { name }"
            ),
            json!({"kind": "UNION", "possibleTypes": [{"name": "Start"}], "fields": null, "interfaces": null})
        );
    }

    #[test]
    fn wrappers_are_told_from_the_outside_in() {
        assert_eq!(
            of_type(
                "Start",
                "fields { name type { kind name ofType { kind name fields { name } ofType { kind ofType { kind ofType { kind name specifiedByURL } } } } } }"
            ),
            json!({"fields": [
                {"name": "id", "type": {"kind": "NON_NULL", "name": null, "ofType": {"kind": "SCALAR", "name": "ID", "fields": null, "ofType": null}}},
                {"name": "at", "type": {"kind": "NON_NULL", "name": null, "ofType": {"kind": "LIST", "name": null, "fields": null, "ofType":
                    {"kind": "LIST", "ofType": {"kind": "NON_NULL", "ofType": {"kind": "SCALAR", "name": "Instant", "specifiedByURL": "https://instants.test"}}}}}},
            ]})
        );
    }

    #[test]
    fn what_is_deprecated_is_told_when_asked_for() {
        let fields = "fields(includeDeprecated: $all) { name isDeprecated deprecationReason args(includeDeprecated: $all) { name defaultValue isDeprecated deprecationReason } }";
        let source = format!("query($all: Boolean) {{ __type(name: \"Start\") {{ {fields} }} }}");
        let (few, _) = ask(&source, json!({}));
        let zone = json!({"name": "zone", "defaultValue": "\"UTC\"", "isDeprecated": false, "deprecationReason": null});
        let id = json!({"name": "id", "isDeprecated": false, "deprecationReason": null, "args": []});
        assert_eq!(
            few["__type"]["fields"],
            json!([id, {"name": "at", "isDeprecated": false, "deprecationReason": null, "args": [zone]}])
        );
        let (all, _) = ask(&source, json!({ "all": true }));
        let old = json!({"name": "old", "defaultValue": null, "isDeprecated": true, "deprecationReason": "No longer supported"});
        assert_eq!(
            all["__type"]["fields"],
            json!([
                id,
                {"name": "at", "isDeprecated": false, "deprecationReason": null, "args": [zone, old]},
                {"name": "was", "isDeprecated": true, "deprecationReason": "Use at.", "args": []},
            ])
        );
        assert_eq!(
            of_type("Colour", "enumValues { name }"),
            json!({"enumValues": [{"name": "RED"}]})
        );
    }

    #[test]
    fn inputs_tell_their_defaults_and_whether_one_of_them_is_wanted() {
        assert_eq!(
            of_type("Pick", "isOneOf inputFields { name type { name kind } }"),
            json!({"isOneOf": true, "inputFields": [
                {"name": "name", "type": {"name": "String", "kind": "SCALAR"}},
                {"name": "colours", "type": {"name": null, "kind": "LIST"}},
            ]})
        );
        assert_eq!(
            of_type("Query", "isOneOf fields { args { defaultValue } }"),
            json!({"isOneOf": null, "fields": [{"args": [{"defaultValue": null}, {"defaultValue": "[RED, GREEN]"}]}]})
        );
    }

    #[test]
    fn the_schema_tells_its_roots_types_and_directives() {
        let (told, is_whole) = ask(
            "{ __typename s: __schema { __typename description queryType { name } mutationType { name } types { name } directives { name description isRepeatable locations args { name description } } } }",
            json!({}),
        );
        assert!(is_whole);
        assert_eq!(told["__typename"], "Query");
        let schema = &told["s"];
        assert_eq!(
            [
                &schema["__typename"],
                &schema["description"],
                &schema["mutationType"]
            ],
            [&json!("__Schema"), &Json::Null, &Json::Null]
        );
        assert_eq!(schema["queryType"], json!({ "name": "Query" }));
        let named = |list: &Json, name: &str| {
            let all = list.as_array().unwrap().iter();
            all.filter(|one| one["name"] == name).cloned().collect::<Vec<_>>()
        };
        for name in ["Query", "Boolean", "__Type", "Colour", "__DirectiveLocation"] {
            assert_eq!(named(&schema["types"], name).len(), 1, "{name}");
        }
        assert_eq!(
            named(&schema["directives"], "beta"),
            [json!({
                "name": "beta", "description": null, "isRepeatable": true, "locations": ["FIELD", "QUERY"],
                "args": [{"name": "since", "description": "Since when."}],
            })]
        );
        for name in ["skip", "include", "deprecated", "specifiedBy", "oneOf"] {
            assert_eq!(named(&schema["directives"], name).len(), 1, "{name}");
        }
    }

    #[test]
    fn what_is_no_introspection_is_left_to_the_executor() {
        let (told, is_whole) = ask(
            "{ __typename node { id } __type(name: \"Nope\") { name } }",
            json!({}),
        );
        assert_eq!((told, is_whole), (json!({ "__type": null }), false));
        let nullable = "query($name: String = \"Start\") { __type(name: $name) { name } }";
        assert_eq!(ask(nullable, json!({ "name": null })), (json!({}), false));
        assert!(ask(nullable, json!({})).1);
    }
}
