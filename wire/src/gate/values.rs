//! Literals of a document as values of async-graphql.

use apollo_compiler::{Node, ast};
use async_graphql::{Name, Value as ConstValue, indexmap::IndexMap};
use async_graphql_value::Value;

/// A literal; a variable without a value falls out of objects and arguments as if it were not written
/// (spec, section 6.4.1) and is null in a list.
pub(super) fn literal(value: &ast::Value, is_given: &dyn Fn(&str) -> bool) -> Option<Value> {
    Some(match value {
        ast::Value::Variable(name) if is_given(name) => Value::Variable(Name::new(name)),
        ast::Value::Variable(_) => return None,
        ast::Value::Null => Value::Null,
        ast::Value::Enum(name) => Value::Enum(Name::new(name)),
        ast::Value::String(text) => Value::String(text.clone()),
        ast::Value::Boolean(is) => Value::Boolean(*is),
        ast::Value::Int(int) => Value::Number(number(int.as_str())),
        ast::Value::Float(float) => Value::Number(number(float.as_str())),
        ast::Value::List(items) => Value::List(
            items
                .iter()
                .map(|item| literal(item, is_given).unwrap_or(Value::Null))
                .collect(),
        ),
        ast::Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter_map(|(name, value)| Some((Name::new(name), literal(value, is_given)?)))
                .collect::<IndexMap<_, _>>(),
        ),
    })
}

/// A default, which holds no variables.
pub(super) fn constant(value: &Node<ast::Value>) -> ConstValue {
    literal(value, &|_| false)
        .and_then(Value::into_const)
        .unwrap_or(ConstValue::Null)
}

/// Whole numbers beyond 64 bits and fractions become the nearest double; validation has judged the range.
fn number(text: &str) -> async_graphql::Number {
    text.parse::<i64>()
        .map(Into::into)
        .or_else(|_| text.parse::<u64>().map(Into::into))
        .ok()
        .or_else(|| text.parse::<f64>().ok().and_then(async_graphql::Number::from_f64))
        .unwrap_or_else(|| 0.into())
}
