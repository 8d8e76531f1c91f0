//! What the merge needs to know of the schema beyond `apollo_compiler::Schema`: which objects each type can be.

use apollo_compiler::{
    Name, Schema,
    collections::{HashMap, IndexSet},
    schema::ExtendedType,
};

/// Possible objects of every composite type, computed once.
pub(super) struct Types {
    possible: HashMap<Name, IndexSet<Name>>,
    /// Abstract types that have fields of their own.
    interfaces: std::collections::HashSet<Name>,
}

impl Types {
    pub(super) fn new(schema: &Schema) -> Self {
        let mut possible: HashMap<Name, IndexSet<Name>> = HashMap::default();
        let mut interfaces = std::collections::HashSet::new();
        for (name, ty) in &schema.types {
            match ty {
                ExtendedType::Object(object) => {
                    possible.entry(name.clone()).or_default().insert(name.clone());
                    for interface in &object.implements_interfaces {
                        possible
                            .entry(interface.name.clone())
                            .or_default()
                            .insert(name.clone());
                    }
                }
                ExtendedType::Interface(_) => {
                    possible.entry(name.clone()).or_default();
                    interfaces.insert(name.clone());
                }
                ExtendedType::Union(union) => {
                    possible
                        .entry(name.clone())
                        .or_default()
                        .extend(union.members.iter().map(|member| member.name.clone()));
                }
                _ => {}
            }
        }
        Self { possible, interfaces }
    }

    /// The objects a value of this type can be; a single one for an object type.
    pub(super) fn possible(&self, name: &Name) -> Option<&IndexSet<Name>> {
        self.possible.get(name)
    }

    pub(super) fn is_interface(&self, name: &Name) -> bool {
        self.interfaces.contains(name)
    }
}
