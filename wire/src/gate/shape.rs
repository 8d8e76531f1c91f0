//! Response keys in the order in which the operation names them first (spec, section 7.2.2). async-graphql writes
//! them in the order in which resolvers finish.

use apollo_compiler::Name as Key;
use async_graphql::{Name, Value, indexmap::IndexMap};

/// The keys of a selection set and of what is below them. A leaf has none: values of custom scalars stay untouched.
#[derive(Debug, Default)]
pub(crate) struct Order {
    keys: Vec<(Name, Order)>,
}

impl Order {
    pub(super) fn with_capacity(keys: usize) -> Self {
        Self {
            keys: Vec::with_capacity(keys),
        }
    }

    /// Adds a key; the same key again, for other objects, adds to what is below it.
    pub(super) fn push(&mut self, key: &Key, below: Order) {
        // Only neighbours can be equal: keys come grouped.
        match self.keys.last_mut() {
            Some((last, known)) if last.as_str() == key.as_str() => known.join(below),
            _ => self.keys.push((Name::new(key), below)),
        }
    }

    fn join(&mut self, other: Order) {
        for (key, below) in other.keys {
            match self.keys.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => known.join(below),
                None => self.keys.push((key, below)),
            }
        }
    }

    /// Puts the keys of an answer in order. Linear where they already are.
    pub(crate) fn arrange(&self, value: &mut Value) {
        match value {
            Value::List(items) if !self.keys.is_empty() => {
                for item in items {
                    self.arrange(item);
                }
            }
            Value::Object(map) if !self.keys.is_empty() => self.arrange_object(map),
            _ => {}
        }
    }

    fn arrange_object(&self, map: &mut IndexMap<Name, Value>) {
        let mut at = 0;
        let mut in_order = true;
        for (key, value) in map.iter_mut() {
            // Keys of other objects of an abstract type are passed over.
            let found = match self.keys[at..].iter().position(|(name, _)| name == key) {
                Some(ahead) => at + ahead,
                None => {
                    in_order = false;
                    match self.keys.iter().position(|(name, _)| name == key) {
                        Some(behind) => behind,
                        None => continue,
                    }
                }
            };
            self.keys[found].1.arrange(value);
            if in_order {
                at = found + 1;
            }
        }
        if !in_order {
            let mut sorted = IndexMap::with_capacity(map.len());
            for (key, _) in &self.keys {
                if let Some(value) = map.swap_remove(key) {
                    sorted.insert(key.clone(), value);
                }
            }
            sorted.extend(map.drain(..));
            *map = sorted;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_operation_and_scalars_keep_theirs() {
        let key = Key::new_unchecked;
        let mut below = Order::default();
        below.push(&key("x"), Order::default());
        below.push(&key("y"), Order::default());
        let mut order = Order::default();
        order.push(&key("b"), below);
        order.push(&key("json"), Order::default());
        order.push(&key("a"), Order::default());
        let parse = |text: &str| Value::from_json(serde_json::from_str(text).unwrap()).unwrap();
        let mut value = parse(r#"{"a":1,"json":{"z":1,"c":2},"b":[{"y":1,"x":2},null]}"#);
        order.arrange(&mut value);
        assert_eq!(
            serde_json::to_string(&value).unwrap(),
            r#"{"b":[{"x":2,"y":1},null],"json":{"z":1,"c":2},"a":1}"#
        );
    }
}
