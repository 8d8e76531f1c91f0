//! The file in which the operator declares budgets: TOML, checked whole, so that all mistakes come
//! at once, each with its place.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::{Budget, Scope};
use crate::base::id::Kind;
use crate::base::json_schema::Schema;
use crate::base::period::Period;
use crate::base::toml_text;
use crate::db::budgets::Most;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let document = serde_json::from_str(include_str!("budgets.schema.json"));
    Schema::compile(document.expect("the schema beside this file is JSON"))
        .expect("the schema beside this file is a schema")
});

/// What budgets may be for.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Known<'a> {
    pub agent_types: &'a [&'a str],
    pub models: &'a [&'a str],
    /// Those of the models that cost something which nobody declared.
    pub unpriced_models: &'a [&'a str],
}

/// Something wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Mistake {
    /// RFC 6901; empty for the whole.
    pub pointer: String,
    pub message: String,
}

/// What was read; with a mistake, nothing of it is to be used.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Declared {
    pub budgets: Vec<Budget>,
    pub mistakes: Vec<Mistake>,
}

#[derive(Deserialize)]
struct Table {
    name: String,
    period: Period,
    #[serde(default)]
    scope: ScopeTable,
    max_model_calls: Option<i64>,
    max_tool_calls: Option<i64>,
    max_tokens: Option<i64>,
    max_cost: Option<f64>,
}

#[derive(Default, Deserialize)]
struct ScopeTable {
    data_set: Option<String>,
    agent: Option<String>,
    agent_type: Option<String>,
    model: Option<String>,
}

/// Reads and checks the file's text.
pub fn read(text: &str, known: &Known<'_>) -> Declared {
    let mut declared = Declared::default();
    let document = match toml_text::to_json(text) {
        Ok(document) => document,
        Err(error) => {
            declared.note("", error.to_string());
            return declared;
        }
    };
    for issue in SCHEMA.check(&document) {
        declared.note(&issue.place(), issue.message);
    }
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, table) in document["budget"].as_array().into_iter().flatten().enumerate() {
        let at = format!("/budget/{place}");
        if let Some(name) = table["name"].as_str()
            && let Some(first) = taken.insert(name, place)
        {
            let message = format!("the name {name} is taken by /budget/{first}");
            declared.note(&format!("{at}/name"), message);
        }
        declared.check(&at, table, known);
        if declared.mistakes.is_empty()
            && let Ok(table) = serde_json::from_value(table.clone())
        {
            declared.budgets.extend(budget(table));
        }
    }
    declared
}

impl Declared {
    fn note(&mut self, pointer: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake {
            pointer: pointer.to_owned(),
            message: message.into(),
        });
    }

    fn check(&mut self, at: &str, table: &Value, known: &Known<'_>) {
        let limits = ["max_model_calls", "max_tool_calls", "max_tokens", "max_cost"];
        if table.is_object() && limits.iter().all(|limit| table[*limit].is_null()) {
            let message = format!("a budget limits something: set one of {}", limits.join(", "));
            self.note(at, message);
        }
        let scope = &table["scope"];
        for (member, kind) in [("data_set", Kind::DataSet), ("agent", Kind::Agent)] {
            if let Some(id) = scope[member].as_str()
                && kind.parse(id).is_err()
            {
                let example = kind.format(uuid::Uuid::nil());
                let message = format!("{id:?} is no id; one reads like {example}, as the API gives it");
                self.note(&format!("{at}/scope/{member}"), message);
            }
        }
        for (member, names, noun) in [
            ("agent_type", known.agent_types, "agent type"),
            ("model", known.models, "model"),
        ] {
            if let Some(name) = scope[member].as_str()
                && !names.contains(&name)
            {
                let message = format!("there is no {noun} {name:?}; known are {}", names.join(", "));
                self.note(&format!("{at}/scope/{member}"), message);
            }
        }
        let mut unknown = known.unpriced_models.to_vec();
        unknown.retain(|model| scope["model"].as_str().is_none_or(|named| named == *model));
        if !table["max_cost"].is_null() && !unknown.is_empty() {
            let message = format!(
                "can not be kept on {}, whose calls cost nobody knows what: declare the price ([model.price], zeros where it costs nothing), or name a model with a price in the scope",
                unknown.join(", ")
            );
            self.note(&format!("{at}/max_cost"), message);
        }
    }
}

fn budget(table: Table) -> Option<Budget> {
    let ScopeTable {
        data_set,
        agent,
        agent_type,
        model,
    } = table.scope;
    Some(Budget {
        name: table.name,
        scope: Scope {
            data_set: data_set.map(|id| Kind::DataSet.parse(&id)).transpose().ok()?,
            agent: agent.map(|id| Kind::Agent.parse(&id)).transpose().ok()?,
            agent_type,
            model,
        },
        period: table.period,
        most: Most {
            model_calls: table.max_model_calls,
            tool_calls: table.max_tool_calls,
            tokens: table.max_tokens,
            cost_micro_usd: table.max_cost.map(micro_usd),
        },
    })
}

// At most a billion dollars, as the schema says: far from what either number holds.
#[allow(clippy::cast_possible_truncation)]
fn micro_usd(dollars: f64) -> i64 {
    (dollars * 1_000_000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known<'static> = Known {
        agent_types: &["order-intake"],
        models: &["fast", "local", "rehearsal"],
        unpriced_models: &["local"],
    };

    #[test]
    fn a_file_without_mistakes_gives_budgets() {
        let set = uuid::Uuid::from_u128(1);
        let text = format!(
            r#"
            [[budget]]
            name = "shop"
            period = "month"
            scope = {{ data_set = "{}", agent_type = "order-intake", model = "fast" }}
            max_cost = 12.345678
            max_model_calls = 500

            [[budget]]
            name = "everything"
            period = "total"
            max_tokens = 9
            max_tool_calls = 8
            "#,
            Kind::DataSet.format(set)
        );
        let declared = read(&text, &KNOWN);
        assert_eq!(declared.mistakes, []);
        let shop = Budget {
            name: "shop".to_owned(),
            scope: Scope {
                data_set: Some(set),
                agent: None,
                agent_type: Some("order-intake".to_owned()),
                model: Some("fast".to_owned()),
            },
            period: Period::Month,
            most: Most {
                model_calls: Some(500),
                cost_micro_usd: Some(12_345_678),
                ..Most::default()
            },
        };
        let everything = Budget {
            name: "everything".to_owned(),
            scope: Scope::default(),
            period: Period::Total,
            most: Most {
                tokens: Some(9),
                tool_calls: Some(8),
                ..Most::default()
            },
        };
        assert_eq!(declared.budgets, [shop, everything]);
    }

    #[test]
    fn every_mistake_is_reported_at_once_with_its_place() {
        let text = r#"
            colour = "red"
            [[budget]]
            name = "a"
            period = "year"
            max_tokens = 0
            [[budget]]
            name = "b"
            period = "day"
            max_cost = 5
            [[budget]]
            name = "c"
            period = "day"
            scope = { model = "local" }
            max_cost = 5
            [[budget]]
            name = "a"
            period = "day"
            scope = { data_set = "shop", agent = "agt_", agent_type = "x", model = "y", user = "z" }
        "#;
        let mut said = read(text, &KNOWN).mistakes;
        said.sort_by(|one, other| one.pointer.cmp(&other.pointer));
        let pointers: Vec<&str> = said.iter().map(|mistake| mistake.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/budget/0/max_tokens",
                "/budget/0/period",
                "/budget/1/max_cost",
                "/budget/2/max_cost",
                "/budget/3",
                "/budget/3/name",
                "/budget/3/scope/agent",
                "/budget/3/scope/agent_type",
                "/budget/3/scope/data_set",
                "/budget/3/scope/model",
                "/budget/3/scope/user",
                "/colour"
            ]
        );
        let of = |place: usize| said[place].message.as_str();
        assert!(of(2).starts_with("can not be kept on local, "), "{}", of(2));
        assert_eq!(
            of(4),
            "a budget limits something: set one of max_model_calls, max_tool_calls, max_tokens, max_cost"
        );
        assert_eq!(of(5), "the name a is taken by /budget/0");
        assert_eq!(of(7), "there is no agent type \"x\"; known are order-intake");
        assert_eq!(
            of(8),
            "\"shop\" is no id; one reads like set_00000000000000000000000000000000, as the API gives it"
        );
        assert_eq!(read("[[budget", &KNOWN).mistakes.len(), 1);
    }
}
