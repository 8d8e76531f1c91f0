//! Text templates and expressions over JSON (minijinja), as prompts and scripts use them.
//!
//! Templates come from definitions and never from clients; what clients send is only ever data
//! in them. Every render runs with fuel and an output cap all the same, for it is the data that
//! decides how long a loop runs. Nothing here reads files, the clock or the environment.
//!
//! Beyond minijinja's built-ins: `tojson` (plain JSON, for no output here is HTML). A variable
//! that is missing reads as false in a condition and is an error anywhere else. A tag on a line of
//! its own leaves no line behind.

use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value as Json;

/// How much one render may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Instructions of the template engine, plus its charge for moved data.
    pub fuel: u64,
    /// Longest output.
    pub output_bytes: usize,
}

/// A template that does not parse, or a render that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct Error {
    /// Line of the template, from 1.
    pub line: Option<usize>,
    /// For the author of the template.
    pub message: String,
}

/// Named templates that share filters and limits.
pub struct Templates {
    environment: Environment<'static>,
    output_bytes: usize,
}

impl Templates {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(limits.fuel));
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .expect("no delimiter is changed");
        environment.set_syntax(syntax);
        environment.add_filter("tojson", |value: &Value| json_of(value).to_string());
        Self {
            environment,
            output_bytes: limits.output_bytes,
        }
    }

    /// To add filters and functions.
    pub fn environment_mut(&mut self) -> &mut Environment<'static> {
        &mut self.environment
    }

    /// Adds a template.
    ///
    /// # Errors
    /// It does not parse.
    pub fn add(&mut self, name: &str, source: &str) -> Result<(), Error> {
        self.environment
            .add_template_owned(name.to_owned(), source.to_owned())
            .map_err(Error::from)
    }

    /// Whether a template of this name was added.
    pub fn contains(&self, name: &str) -> bool {
        self.environment.get_template(name).is_ok()
    }

    /// Whether an expression parses, before it is [evaluated](Self::evaluate) again and again.
    ///
    /// # Errors
    /// It does not parse.
    pub fn check_expression(&self, expression: &str) -> Result<(), Error> {
        self.environment.compile_expression_owned(expression)?;
        Ok(())
    }

    /// Renders a template that was added.
    ///
    /// # Errors
    /// It fails, runs out of fuel or writes too much.
    pub fn render(&self, name: &str, context: &Value) -> Result<String, Error> {
        let mut output = Capped::new(self.output_bytes);
        self.environment
            .get_template(name)?
            .render_captured_to(context.clone(), &mut output)?;
        output.into_text()
    }

    /// Runs a template for the variables that it sets at its top level.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn variables(&self, name: &str, context: &Value) -> Result<Vec<(String, Value)>, Error> {
        let template = self.environment.get_template(name)?;
        let captured = template.render_captured_to(context.clone(), Capped::new(self.output_bytes))?;
        let state = captured.state();
        let variable = |name: &str| Some((name.to_owned(), state.lookup(name)?));
        Ok(state.exports().into_iter().filter_map(variable).collect())
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// It does not parse, fails or runs out of fuel.
    pub fn evaluate(&self, expression: &str, context: &Value) -> Result<Value, Error> {
        let compiled = self.environment.compile_expression_owned(expression)?;
        Ok(compiled.eval(context.clone())?)
    }
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.environment.templates().map(|(name, _)| name).collect();
        f.debug_tuple("Templates").field(&names).finish()
    }
}

impl Error {
    /// An error of no particular line.
    pub fn new(message: String) -> Self {
        Self { line: None, message }
    }
}

impl From<minijinja::Error> for Error {
    fn from(error: minijinja::Error) -> Self {
        let message = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        };
        Self {
            line: error.line(),
            message,
        }
    }
}

/// JSON as templates see it.
pub fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(fact) => Value::from(*fact),
        Json::Number(number) => {
            if let Some(whole) = number.as_i64() {
                Value::from(whole)
            } else if let Some(whole) = number.as_u64() {
                Value::from(whole)
            } else {
                Value::from(number.as_f64().unwrap_or_default())
            }
        }
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value_of).collect(),
        Json::Object(members) => Value::from_pairs(
            members
                .iter()
                .map(|(name, value)| (name.as_str(), value_of(value))),
        ),
    }
}

/// A template's value as JSON. What JSON does not have (undefined, infinite, functions) is null.
pub fn json_of(value: &Value) -> Json {
    match value.kind() {
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => value
            .as_i64()
            .map(Json::from)
            .or_else(|| u64::try_from(value.clone()).ok().map(Json::from))
            .or_else(|| f64::try_from(value.clone()).ok().map(Json::from))
            .unwrap_or(Json::Null),
        ValueKind::String => Json::from(value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => value
            .try_iter()
            .map(|items| items.map(|item| json_of(&item)).collect())
            .unwrap_or(Json::Null),
        ValueKind::Map => {
            let Ok(names) = value.try_iter() else {
                return Json::Null;
            };
            let member = |name: Value| {
                let item = value.get_item(&name).unwrap_or_default();
                (name.to_string(), json_of(&item))
            };
            Json::Object(names.map(member).collect())
        }
        _ => Json::Null,
    }
}

// Takes bytes until the cap and then refuses, which ends the render.
struct Capped {
    bytes: Vec<u8>,
    cap: usize,
}

impl Capped {
    fn new(cap: usize) -> Self {
        Self {
            bytes: Vec::new(),
            cap,
        }
    }

    fn into_text(self) -> Result<String, Error> {
        String::from_utf8(self.bytes).map_err(|_| Error::new("the output is not UTF-8".to_owned()))
    }
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.cap {
            let message = format!("the output is longer than {} bytes", self.cap);
            return Err(io::Error::other(message));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SMALL: Limits = Limits {
        fuel: 10_000,
        output_bytes: 1_000,
    };

    fn render(source: &str, context: &Json) -> Result<String, Error> {
        let mut templates = Templates::new(SMALL);
        templates.add("t", source)?;
        templates.render("t", &value_of(context))
    }

    #[test]
    fn json_goes_in_and_comes_out_with_its_order_and_its_characters() {
        let context = json!({"it": {"b": [1, -2, 2.5, u64::MAX, null, true], "a": "<'\"ü&\u{1}"}});
        let text = render("{{ it|tojson }}", &context).expect("renders");
        assert_eq!(text, context["it"].to_string());
    }

    #[test]
    fn a_render_that_runs_or_writes_too_long_is_ended() {
        let endless = "{% for a in range(5000) %}{% for b in range(5000) %}{% endfor %}{% endfor %}";
        let error = render(endless, &json!({})).expect_err("no fuel left");
        assert!(error.message.contains("fuel"), "{error}");
        let error = render("{{ x }}{{ x }}", &json!({"x": "y".repeat(600)})).expect_err("too long");
        assert!(error.message.contains("write"), "{error}");
    }

    #[test]
    fn a_missing_variable_is_false_in_a_condition_and_an_error_elsewhere() {
        assert_eq!(
            render("{% if not a %}no{% endif %}", &json!({})).as_deref(),
            Ok("no")
        );
        assert!(render("{{ a }}", &json!({})).is_err());
    }

    #[test]
    fn a_broken_template_names_its_line() {
        let error = render("one\n{% if %}", &json!({})).expect_err("does not parse");
        assert_eq!(error.line, Some(2));
    }
}
