//! What scripts can do with text, beyond minijinja's built-ins. Every function is total: text that
//! is not what it expects gives nothing, never an error, and never a panic.
//!
//! | function | gives |
//! |---|---|
//! | `text\|csv("sku", …)` | rows under a header row, as maps; none if the header lacks a named column |
//! | `text\|table({"sku": ["item no", …], …}, ["total", …])` | rows of all tables that have these columns under one of their headings, as maps by the columns' names; none of those whose first column begins with one of the last words |
//! | `text\|scan("{sku} x {quantity}")` | a map for each line of that form |
//! | `text\|blocks` | a map for each paragraph of `name: value` lines |
//! | `text\|json` | the JSON value, or none |
//! | `text\|number` | the number, whole where it can be, or none |
//! | `rows\|decimal_mark` | `,` or `.`, whichever the numbers in the cells have, or nothing |
//! | `text\|number(mark)` | the number as people write it, by that mark, or none if it could be two |
//! | `text\|scalar` | the number if it is a short one, else the text |
//! | `text\|record_keys` | the words that look like a record's key, such as `MUG-001` |
//! | `text\|digest` | 12 hexadecimal digits that stand for the text |
//! | `list\|flatten` | the items of a list's lists |
//! | `list\|by("key")` | a map of the items by that member, or by themselves without one; to look up in, for `in` a list walks it |
//! | `bag()` | a list that grows: `{% do bag.add(item) %}` |
//!
//! Names of columns and fields are trimmed and in lower case.

use std::sync::{Arc, Mutex};

use minijinja::value::{Enumerator, Object, ObjectRepr, Rest, Value};
use minijinja::{Environment, Error, ErrorKind, State};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::table::{self, Row};
use crate::base::template::{json_of, value_of};

/// Registers all of them.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_filter("csv", |text: &str, columns: Rest<String>| {
        rows_value(csv_rows(text, &columns))
    });
    environment.add_filter("scan", |text: &str, form: &str| rows_value(scan(text, form)));
    environment.add_filter("blocks", |text: &str| rows_value(blocks(text)));
    environment.add_filter("json", |text: &str| {
        serde_json::from_str(text).map_or(Value::from(()), |json| value_of(&json))
    });
    environment.add_filter("number", |value: &Value, mark: Option<&str>| number(value, mark));
    environment.add_filter("decimal_mark", |rows: &Value| {
        let cells = items(rows).flat_map(|row| {
            let names: Vec<Value> = items(&row).collect();
            names.into_iter().filter_map(move |name| row.get_item(&name).ok())
        });
        let cells: Vec<String> = cells.map(|cell| cell.to_string()).collect();
        table::decimal_mark(&cells.join(" "))
    });
    environment.add_filter(
        "table",
        |text: &str, columns: &Value, totals: Option<Vec<String>>| {
            let headings = |name: &Value| {
                let headings = columns.get_item(name).unwrap_or_default();
                items(&headings).map(|heading| heading.to_string()).collect()
            };
            let columns = items(columns)
                .map(|name| (name.to_string(), headings(&name)))
                .collect();
            rows_value(table::rows(text, &columns, &totals.unwrap_or_default()))
        },
    );
    environment.add_filter("scalar", |text: &str| scalar(text));
    environment.add_filter("record_keys", |text: &str| -> Value {
        record_keys(text).into_iter().collect()
    });
    environment.add_filter("digest", |text: &str| digest(text));
    environment.add_function("bag", || Value::from_object(Bag::default()));
    environment.add_filter("flatten", |lists: &Value| -> Value {
        items(lists).flat_map(|list| items(&list)).collect()
    });
    environment.add_filter("by", |list: &Value, member: Option<&str>| {
        let key = |item: &Value| match member {
            Some(member) => item.get_attr(member).ok().filter(|key| !key.is_undefined()),
            None => Some(item.clone()),
        };
        Value::from_pairs(items(list).filter_map(|item| Some((key(&item)?, item))))
    });
}

// `list + [item]` in a loop copies the list each time, which at some thousand lines takes seconds.
#[derive(Debug, Default)]
struct Bag(Mutex<Vec<Value>>);

impl Bag {
    fn items(&self) -> Vec<Value> {
        self.0.lock().expect("no holder panics").clone()
    }
}

impl Object for Bag {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, place: &Value) -> Option<Value> {
        let items = self.0.lock().expect("no holder panics");
        items.get(place.as_usize()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.lock().expect("no holder panics").len())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, Error> {
        match (method, arguments) {
            ("add", [item]) => {
                // A copy, paid for: a bag put into itself would otherwise never end, or grow
                // without a charge.
                let copy = json_of(item);
                state.consume_fuel(weight(&copy))?;
                let mut items = self.0.lock().expect("no holder panics");
                items.push(value_of(&copy));
                Ok(Value::from(()))
            }
            _ => Err(Error::new(
                ErrorKind::UnknownMethod,
                "a bag has one method, add(item)",
            )),
        }
    }
}

// About one for each value and for every 64 bytes of text, as minijinja charges.
fn weight(json: &Json) -> u64 {
    let text = |text: &str| text.len() as u64 / 64;
    1 + match json {
        Json::String(value) => text(value),
        Json::Array(items) => items.iter().map(weight).sum(),
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| text(name) + weight(value))
            .sum(),
        _ => 0,
    }
}

fn items(list: &Value) -> impl Iterator<Item = Value> + use<> {
    list.try_iter().into_iter().flatten()
}

fn rows_value(rows: Vec<Row>) -> Value {
    rows.into_iter().map(Value::from_pairs).collect()
}

fn csv_rows(text: &str, required: &[String]) -> Vec<Row> {
    let text = text.trim_start_matches('\u{FEFF}');
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimiter(text))
        .from_reader(text.as_bytes())
        .into_records()
        .map_while(Result::ok)
        .filter(|record| record.iter().any(|field| !field.is_empty()));
    let Some(header) = records.next() else {
        return Vec::new();
    };
    let names: Vec<String> = header.iter().map(str::to_lowercase).collect();
    if required.iter().any(|column| !names.contains(column)) {
        return Vec::new();
    }
    let row = |record: csv::StringRecord| {
        let mut row = Row::new();
        for (place, name) in names.iter().enumerate() {
            // Of two columns with one name the first counts.
            if !name.is_empty() && row.iter().all(|(taken, _)| taken != name) {
                let field = record.get(place).unwrap_or_default();
                row.push((name.clone(), field.to_owned()));
            }
        }
        row
    };
    records.map(row).collect()
}

// The separator that the first line with anything in it has most of, outside quotes.
fn delimiter(text: &str) -> u8 {
    let header = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let count = |delimiter: u8| {
        let mut is_quoted = false;
        let counted = header.bytes().filter(|byte| {
            is_quoted ^= *byte == b'"';
            !is_quoted && *byte == delimiter
        });
        counted.count()
    };
    // The last of equals wins: a comma where there is no separator at all.
    *b"|\t;,"
        .iter()
        .max_by_key(|delimiter| count(**delimiter))
        .expect("four delimiters")
}

enum Piece {
    Name(String),
    Literal(String),
}

// `{name}` takes what is not blank, a blank takes any run of blanks, the rest stands for itself.
fn scan(text: &str, form: &str) -> Vec<Row> {
    let form: Vec<Piece> = form
        .split_whitespace()
        .map(|word| {
            let name = word.strip_prefix('{').and_then(|word| word.strip_suffix('}'));
            name.map_or_else(
                || Piece::Literal(word.to_owned()),
                |name| Piece::Name(name.to_owned()),
            )
        })
        .collect();
    let read = |line: &str| -> Option<Row> {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.len() != form.len() || words.is_empty() {
            return None;
        }
        let mut row = Row::new();
        for (piece, word) in form.iter().zip(words) {
            match piece {
                Piece::Name(name) => row.push((name.clone(), word.to_owned())),
                Piece::Literal(literal) if literal == word => {}
                Piece::Literal(_) => return None,
            }
        }
        Some(row)
    };
    text.trim_start_matches('\u{FEFF}')
        .lines()
        .filter_map(read)
        .collect()
}

fn blocks(text: &str) -> Vec<Row> {
    let mut rows = vec![Row::new()];
    for line in text.trim_start_matches('\u{FEFF}').lines() {
        if line.trim().is_empty() {
            rows.push(Row::new());
        } else if let (Some((name, value)), Some(row)) = (line.split_once(':'), rows.last_mut()) {
            let name = name.trim().to_lowercase();
            if !name.is_empty() && row.iter().all(|(taken, _)| *taken != name) {
                row.push((name, value.trim().to_owned()));
            }
        }
    }
    rows.retain(|row| !row.is_empty());
    rows
}

fn number(value: &Value, mark: Option<&str>) -> Value {
    if value.is_number() {
        return value.clone();
    }
    let text = value.as_str().unwrap_or_default().trim();
    let plain = mark.map(|mark| table::plain_number(text, mark).unwrap_or_default());
    let text = plain.as_deref().unwrap_or(text);
    if let Ok(whole) = text.parse::<i64>() {
        return Value::from(whole);
    }
    match text.parse::<f64>() {
        // Beyond 2^53 a float no longer tells whole numbers apart.
        Ok(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 =>
        {
            #[allow(clippy::cast_possible_truncation)]
            Value::from(number as i64)
        }
        Ok(number) if number.is_finite() => Value::from(number),
        _ => Value::from(()),
    }
}

// Quantities and prices are short and start with no zero; what is longer is an EAN, a telephone
// number or another name made of digits.
fn scalar(text: &str) -> Value {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_plain = all_digits(whole) && all_digits(fraction) && digits.len() <= 9;
    let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
    if is_plain && !has_leading_zero {
        number(&Value::from(text), None)
    } else {
        Value::from(text)
    }
}

fn record_keys(text: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    for word in text.split(|c| !is_part(c)) {
        let word = word.trim_matches(|c| c == '-' || c == '_');
        let is_key = word.contains('-') && word.contains(|c: char| c.is_ascii_digit());
        if is_key && !keys.iter().any(|key| key == word) {
            keys.push(word.to_owned());
        }
    }
    keys.truncate(20);
    keys
}

fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::template::{Limits, Templates};
    use proptest::prelude::*;
    use serde_json::json;

    fn eval(expression: &str, text: &str) -> Json {
        let mut environment = Environment::new();
        add(&mut environment);
        let expression = environment.compile_expression(expression).expect("parses");
        let value = expression
            .eval(Value::from_pairs([("text", text)]))
            .expect("evaluates");
        json_of(&value)
    }

    #[test]
    fn csv_understands_what_spreadsheets_write() {
        let rows = json!([{"sku": "A", "name": "x;\"y\"\nz"}, {"sku": "B", "name": ""}]);
        assert_eq!(
            eval("text|csv", "SKU;Name\r\nA;\"x;\"\"y\"\"\nz\"\r\n;\r\nB\r\n"),
            rows
        );
        assert_eq!(eval("text|csv('sku')", "\u{FEFF}sku\nA"), json!([{"sku": "A"}]));
        assert_eq!(eval("text|csv('sku')", "name,price\nx,1"), json!([]));
        assert_eq!(eval("text|csv", "a,a,\n1,2,3"), json!([{"a": "1"}]));
        assert_eq!(eval("text|csv", ""), json!([]));
    }

    #[test]
    fn a_separator_inside_quotes_does_not_count() {
        let text = "\"a,b,c\";d\n1;2";
        assert_eq!(eval("text|csv", text), json!([{"a,b,c": "1", "d": "2"}]));
    }

    #[test]
    fn numbers_are_whole_where_they_can_be_and_long_digits_stay_names() {
        for (text, number, scalar) in [
            ("12", json!(12), json!(12)),
            (" 3.0 ", json!(3), json!(" 3.0 ")),
            ("-2.5", json!(-2.5), json!(-2.5)),
            ("007", json!(7), json!("007")),
            (
                "4006381333931",
                json!(4_006_381_333_931_i64),
                json!("4006381333931"),
            ),
            ("1,5", Json::Null, json!("1,5")),
            ("inf", Json::Null, json!("inf")),
            ("", Json::Null, json!("")),
        ] {
            assert_eq!(eval("text|number", text), number, "{text}");
            assert_eq!(eval("text|scalar", text), scalar, "{text}");
        }
    }

    #[test]
    fn lists_become_maps_and_lists_of_lists_one_list() {
        assert_eq!(
            eval("[{'k': 'a', 'n': 1}, {'n': 2}, {'k': 'a', 'n': 3}]|by('k')", ""),
            json!({"a": {"k": "a", "n": 3}})
        );
        assert_eq!(eval("[[1, 2], [], [3]]|flatten", ""), json!([1, 2, 3]));
    }

    #[test]
    fn a_bag_grows_and_one_put_into_itself_comes_to_an_end() {
        let render = |source: &str| {
            let mut templates = Templates::new(Limits {
                fuel: 10_000,
                output_bytes: 1_000,
            });
            add(templates.environment_mut());
            templates.add("t", source).expect("parses");
            templates.render("t", &Value::from(()))
        };
        let grow = "{% set b = bag() %}{% do b.add(1) %}{% do b.add(b) %}";
        let shown = render(&format!("{grow}{{{{ b|tojson }}}} {{{{ b|length }}}}"));
        assert_eq!(shown.as_deref(), Ok("[1,[1]] 2"));
        let bomb = format!("{grow}{{% for n in range(60) %}}{{% do b.add(b) %}}{{% endfor %}}");
        assert!(render(&bomb).expect_err("no fuel").message.contains("fuel"));
    }

    #[test]
    fn keys_are_found_in_what_people_write() {
        let text = "How many MUG-001, \"tea-2\" or well-known MUG-001s? ORD-12AB!";
        assert_eq!(
            eval("text|record_keys", text),
            json!(["MUG-001", "tea-2", "MUG-001s", "ORD-12AB"])
        );
    }

    #[test]
    fn paragraphs_of_named_values_become_maps() {
        assert_eq!(
            eval(
                "text|blocks",
                "Title\n\nSKU: A\nurl: http://x\nsku: B\n\n\nsku: C"
            ),
            json!([{"sku": "A", "url": "http://x"}, {"sku": "C"}])
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_a_filter_panic(text in "(\\PC|[\"',;|\t\r\n\u{FEFF}:x ]){0,200}") {
            for filter in ["csv", "csv('a')", "scan('{a} x {b}')", "blocks", "json", "number", "scalar", "record_keys", "digest"] {
                eval(&format!("text|{filter}"), &text);
            }
        }
    }
}
