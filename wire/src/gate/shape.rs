//! The shape that an operation's answer must have (spec, sections 6.4.4 and 7.2). async-graphql leaves three things
//! to whoever asks it:
//!
//! - Response keys come in the order in which resolvers finish, and not in the operation's.
//! - A field that fails is left out, and the other fields of its object stay (since 7.1.0). It must be null, or where
//!   it may not be null its object must be, and so on upwards.
//! - An object of which nothing is wanted, or all of whose fields failed, is null, and not `{}`.
//!
//! [`Shape::arrange`] puts all three right. It walks an answer once, and looks at nullability only where something
//! failed. An answer says of which type an object is where that decides what is wanted of it: the merge adds a
//! `__typename` of its own there, which is taken out again.

use std::borrow::Cow;

use apollo_compiler::{Name as Key, ast::Type};
use async_graphql::{Name, PathSegment, ServerError, Value, indexmap::IndexMap};

/// What is wanted of an object. A leaf has no keys: values of custom scalars stay untouched.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    keys: Vec<Wanted>,
    type_key: Option<TypeKey>,
}

/// The key under which an object tells its type.
#[derive(Debug)]
struct TypeKey {
    name: Name,
    /// Nobody asked for it but the merge.
    is_ours: bool,
}

#[derive(Debug)]
struct Wanted {
    name: Name,
    ty: Type,
    /// For an abstract type, by the objects that want different things below this key.
    variants: Vec<Variant>,
}

#[derive(Debug)]
struct Variant {
    /// `None`: all.
    objects: Option<Vec<Key>>,
    below: Shape,
}

/// One step of an error's path.
#[derive(Clone, Copy)]
enum Step<'s> {
    Field(&'s str),
    Index(usize),
}

impl Shape {
    pub(super) fn with_capacity(keys: usize) -> Self {
        Self {
            keys: Vec::with_capacity(keys),
            type_key: None,
        }
    }

    /// Adds a key that all objects want, or these; the same key again is for other objects.
    pub(super) fn push(&mut self, key: &Key, ty: &Type, objects: Option<Vec<Key>>, below: Shape) {
        let variant = Variant { objects, below };
        // Only neighbours can be equal: keys come grouped.
        match self.keys.last_mut() {
            Some(last) if last.name.as_str() == key.as_str() => last.variants.push(variant),
            _ => self.keys.push(Wanted {
                name: Name::new(key),
                ty: ty.clone(),
                variants: vec![variant],
            }),
        }
    }

    /// Objects tell their type under this key.
    pub(super) fn typed_by(&mut self, key: &str, is_ours: bool) {
        self.type_key = Some(TypeKey {
            name: Name::new(key),
            is_ours,
        });
    }

    /// Puts an answer's data into its shape.
    pub(crate) fn arrange(&self, data: &mut Value, errors: &[ServerError]) {
        let failed = errors.iter().any(|error| !error.path.is_empty());
        if failed && *data == Value::Null {
            *data = Value::Object(IndexMap::new());
        }
        if let Value::Object(map) = data
            && !self.arrange_object(map, if failed { errors } else { &[] }, &mut Vec::new())
        {
            *data = Value::Null;
        }
    }

    /// Whether the value may stand at a place of this type; else what holds it must be null.
    fn arrange_value<'s>(
        &'s self,
        ty: &Type,
        value: &mut Value,
        errors: &[ServerError],
        path: &mut Vec<Step<'s>>,
    ) -> bool {
        let is_leaf = self.keys.is_empty() && self.type_key.is_none();
        if is_leaf && errors.is_empty() {
            return true;
        }
        let fits = match (&mut *value, ty) {
            (Value::List(items), Type::List(item) | Type::NonNullList(item)) => {
                let mut fit = true;
                for (at, value) in items.iter_mut().enumerate() {
                    path.push(Step::Index(at));
                    fit &= self.arrange_value(item, value, errors, path);
                    path.pop();
                }
                fit
            }
            (Value::Object(map), Type::Named(_) | Type::NonNullNamed(_)) if !is_leaf => {
                self.arrange_object(map, errors, path)
            }
            // The object was there: something below it failed.
            (Value::Null, Type::Named(_) | Type::NonNullNamed(_))
                if !is_leaf && errors.iter().any(|error| is_below(&error.path, path)) =>
            {
                let mut map = IndexMap::new();
                let fits = self.arrange_object(&mut map, errors, path);
                *value = Value::Object(map);
                fits
            }
            // Without an error it is the resolver's word.
            (Value::Null, _) => errors.is_empty() || !ty.is_non_null(),
            _ => true,
        };
        if fits {
            return true;
        }
        *value = Value::Null;
        !ty.is_non_null()
    }

    fn arrange_object<'s>(
        &'s self,
        map: &mut IndexMap<Name, Value>,
        errors: &[ServerError],
        path: &mut Vec<Step<'s>>,
    ) -> bool {
        let object = self.type_key.as_ref().and_then(|key| {
            let told = if key.is_ours {
                map.shift_remove(&key.name).map(Cow::Owned)
            } else {
                map.get(&key.name).map(Cow::Borrowed)
            };
            match told.as_deref() {
                Some(Value::String(name)) => Some(name.clone()),
                _ => None,
            }
        });
        let object = object.as_deref();

        let mut at = 0;
        let mut in_order = true;
        for (key, value) in map.iter_mut() {
            // Keys of other objects of an abstract type are passed over.
            let found = match self.keys[at..].iter().position(|wanted| wanted.name == *key) {
                Some(ahead) => at + ahead,
                None => {
                    in_order = false;
                    match self.keys.iter().position(|wanted| wanted.name == *key) {
                        Some(behind) => behind,
                        None => continue,
                    }
                }
            };
            if in_order {
                at = found + 1;
            }
            let wanted = &self.keys[found];
            if let Some(below) = wanted.of(object) {
                path.push(Step::Field(&wanted.name));
                let fits = below.arrange_value(&wanted.ty, value, errors, path);
                path.pop();
                if !fits {
                    return false;
                }
            }
        }
        if !errors.is_empty() {
            for wanted in &self.keys {
                if wanted.of(object).is_none() || map.contains_key(&wanted.name) {
                    continue;
                }
                if wanted.ty.is_non_null() {
                    return false;
                }
                map.insert(wanted.name.clone(), Value::Null);
                in_order = false;
            }
        }
        if !in_order {
            let mut sorted = IndexMap::with_capacity(map.len());
            for wanted in &self.keys {
                if let Some(value) = map.swap_remove(&wanted.name) {
                    sorted.insert(wanted.name.clone(), value);
                }
            }
            sorted.extend(map.drain(..));
            *map = sorted;
        }
        true
    }
}

impl Wanted {
    /// What this object wants below the key; `None` if it does not want the key.
    fn of(&self, object: Option<&str>) -> Option<&Shape> {
        self.variants
            .iter()
            .find(|variant| match (&variant.objects, object) {
                (None, _) => true,
                (Some(objects), Some(object)) => objects.iter().any(|name| name.as_str() == object),
                (Some(_), None) => false,
            })
            .map(|variant| &variant.below)
    }
}

fn is_below(error: &[PathSegment], path: &[Step<'_>]) -> bool {
    error.len() > path.len()
        && path
            .iter()
            .zip(error)
            .all(|(step, segment)| match (step, segment) {
                (Step::Field(step), PathSegment::Field(segment)) => step == segment,
                (Step::Index(step), PathSegment::Index(segment)) => step == segment,
                _ => false,
            })
}

#[cfg(test)]
mod tests {
    use apollo_compiler::{name, ty};

    use super::*;

    fn parse(text: &str) -> Value {
        Value::from_json(serde_json::from_str(text).unwrap()).unwrap()
    }

    fn error(path: &str) -> ServerError {
        let mut error = ServerError::new("failed", None);
        error.path = path
            .split('.')
            .map(|step| match step.parse() {
                Ok(index) => PathSegment::Index(index),
                Err(_) => PathSegment::Field(step.to_owned()),
            })
            .collect();
        error
    }

    fn arranged(shape: &Shape, data: &str, errors: &[&str]) -> String {
        let mut data = parse(data);
        let errors: Vec<_> = errors.iter().map(|path| error(path)).collect();
        shape.arrange(&mut data, &errors);
        serde_json::to_string(&data).unwrap()
    }

    #[test]
    fn keys_follow_the_operation_and_scalars_keep_theirs() {
        let mut below = Shape::default();
        below.push(&name!("x"), &ty!(Int), None, Shape::default());
        below.push(&name!("y"), &ty!(Int), None, Shape::default());
        let mut shape = Shape::default();
        shape.push(&name!("b"), &ty!([B]), None, below);
        shape.push(&name!("json"), &ty!(JSON), None, Shape::default());
        shape.push(&name!("a"), &ty!(Int), None, Shape::default());
        assert_eq!(
            arranged(
                &shape,
                r#"{"a":1,"json":{"z":1,"c":2},"b":[{"y":1,"x":2},null]}"#,
                &[]
            ),
            r#"{"b":[{"x":2,"y":1},null],"json":{"z":1,"c":2},"a":1}"#
        );
    }

    /// `{ list { may must } other }`, with the item's type given.
    fn list(ty: Type) -> Shape {
        let mut item = Shape::default();
        item.push(&name!("may"), &ty!(Int), None, Shape::default());
        item.push(&name!("must"), &ty!(Int!), None, Shape::default());
        let mut shape = Shape::default();
        shape.push(&name!("list"), &ty, None, item);
        shape.push(&name!("other"), &ty!(Int), None, Shape::default());
        shape
    }

    #[test]
    fn what_failed_is_null_and_takes_with_it_what_cannot_be_without_it() {
        // A nullable field.
        assert_eq!(
            arranged(
                &list(ty!([Item!]!)),
                r#"{"list":[{"must":1}],"other":1}"#,
                &["list.0.may"]
            ),
            r#"{"list":[{"may":null,"must":1}],"other":1}"#
        );
        // One that must be there.
        let data = r#"{"other":1,"list":[{"may":1,"must":1},{"may":1}]}"#;
        for (ty, answer) in [
            (ty!([Item]!), r#"{"list":[{"may":1,"must":1},null],"other":1}"#),
            (ty!([Item!]), r#"{"list":null,"other":1}"#),
            (ty!([Item!]!), "null"),
        ] {
            assert_eq!(arranged(&list(ty), data, &["list.1.must"]), answer);
        }
        // All fields of an object.
        assert_eq!(
            arranged(
                &list(ty!([Item])),
                r#"{"list":[null,null],"other":1}"#,
                &["list.1.may", "list.1.must"]
            ),
            r#"{"list":[null,null],"other":1}"#
        );
        // All fields of the operation.
        assert_eq!(
            arranged(&list(ty!([Item!])), "null", &["list", "other"]),
            r#"{"list":null,"other":null}"#
        );
    }

    #[test]
    fn an_object_all_of_whose_nullable_fields_failed_is_there() {
        let mut item = Shape::default();
        item.push(&name!("may"), &ty!(Int), None, Shape::default());
        let mut shape = Shape::default();
        shape.push(&name!("list"), &ty!([Item]), None, item);
        assert_eq!(
            arranged(&shape, r#"{"list":[null,null]}"#, &["list.1.may"]),
            r#"{"list":[null,{"may":null}]}"#
        );
    }
}
