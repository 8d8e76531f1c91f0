//! The parameters of a GraphQL request (GraphQL over HTTP, section 5.1), as they come in JSON, in a query string or
//! in a `subscribe` message. `null` is the same as absent; unknown parameters are ignored.

use async_graphql::{UploadValue, Value, Variables};
use serde::Deserialize;

/// One operation to run.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Params {
    pub(crate) query: Option<String>,
    pub(crate) operation_name: Option<String>,
    pub(crate) variables: Option<Map>,
    pub(crate) extensions: Option<Map>,
    /// Files that the variables refer to by number.
    #[serde(skip)]
    pub(crate) uploads: Vec<UploadValue>,
}

/// An object and nothing else.
#[derive(Default)]
pub(crate) struct Map(pub(crate) Variables);

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Map;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Map, A::Error> {
                let mut entries = Variables::default();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    entries.insert(async_graphql::Name::new(key), value);
                }
                Ok(Map(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// One request or a batch.
pub(crate) enum Body {
    One(Box<Params>),
    Batch(Vec<Params>),
}

impl Body {
    /// Reads a JSON body; the error is a sentence for the client.
    pub(crate) fn from_json(bytes: &[u8], max_batch: Option<usize>) -> Result<Self, String> {
        let parse = |error: serde_json::Error| format!("the body is not a GraphQL request: {error}");
        match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            // Derived code would take an array for a struct.
            Some(b'{') => serde_json::from_slice(bytes)
                .map(|params| Self::One(Box::new(params)))
                .map_err(parse),
            Some(b'[') => {
                let Some(max) = max_batch else {
                    return Err("batches are not accepted".into());
                };
                let batch: Vec<&serde_json::value::RawValue> =
                    serde_json::from_slice(bytes).map_err(parse)?;
                if batch.is_empty() {
                    return Err("the batch is empty".into());
                }
                if batch.len() > max {
                    return Err(format!("a batch holds at most {max} requests"));
                }
                batch
                    .iter()
                    .map(|one| match Self::from_json(one.get().as_bytes(), None)? {
                        Self::One(params) => Ok(*params),
                        Self::Batch(_) => Err("a batch in a batch".into()),
                    })
                    .collect::<Result<_, _>>()
                    .map(Self::Batch)
            }
            _ => Err("the body is not a JSON object".into()),
        }
    }
}

impl Params {
    /// Reads a query string; an empty value is the same as none.
    pub(crate) fn from_query(query: &str) -> Result<Self, String> {
        let mut params = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if value.is_empty() {
                continue;
            }
            let map = |what: &str| {
                serde_json::from_str::<Option<Map>>(&value)
                    .map_err(|error| format!("{what} is not a JSON object: {error}"))
            };
            match &*name {
                "query" => params.query = Some(value.into_owned()),
                "operationName" => params.operation_name = Some(value.into_owned()),
                "variables" => params.variables = map("variables")?,
                "extensions" => params.extensions = map("extensions")?,
                _ => {}
            }
        }
        Ok(params)
    }

    /// Hash of the automatic persisted query, if it is one: `extensions.persistedQuery`, version 1.
    pub(crate) fn persisted(&self) -> Option<&str> {
        let Some(Value::Object(persisted)) = self.extensions.as_ref()?.0.get("persistedQuery") else {
            return None;
        };
        match persisted.get("sha256Hash") {
            Some(Value::String(hash)) => Some(hash),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Params, String> {
        match Body::from_json(text.as_bytes(), Some(2))? {
            Body::One(params) => Ok(*params),
            Body::Batch(batch) => Err(format!("a batch of {}", batch.len())),
        }
    }

    #[test]
    fn only_objects_of_the_right_shape_are_requests() {
        assert_eq!(
            one(r#" {"query":"{a}","x":1,"variables":null} "#)
                .unwrap()
                .query
                .as_deref(),
            Some("{a}")
        );
        for bad in [
            "",
            "null",
            "1",
            "\"x\"",
            "{",
            r#"{"query":1}"#,
            r#"{"operationName":[]}"#,
            r#"{"variables":[1]}"#,
            r#"{"variables":"x"}"#,
            r#"{"extensions":1}"#,
            "[]",
            "[1]",
            "[[]]",
            r#"[{},{},{}]"#,
        ] {
            assert!(one(bad).is_err(), "{bad}");
        }
        assert_eq!(one("[{},{}]").err().as_deref(), Some("a batch of 2"));
        assert!(Body::from_json(b"[{}]", None).is_err());
    }

    #[test]
    fn empty_parameters_of_a_query_string_are_absent() {
        let params = Params::from_query("query=%7Ba%7D&operationName=&variables=&extensions=&x=1").unwrap();
        assert_eq!(params.query.as_deref(), Some("{a}"));
        assert!(params.operation_name.is_none() && params.variables.is_none());
        assert!(Params::from_query("variables={x").is_err());
        assert!(Params::from_query("variables=null").unwrap().variables.is_none());
    }
}
