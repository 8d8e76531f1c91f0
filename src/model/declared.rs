//! The models that the operator declares: a TOML file, checked whole, so that all mistakes come at
//! once, each with its place. It names where keys are, never a key; the keys themselves come through
//! a function and are held as secrets. Nothing here speaks to a provider.
//!
//! A new setting goes into `models.schema.json`, into the structures that it is read into, and into
//! [`Declaration`]; its row in the README is its manual.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::base::json_schema::Schema;
use crate::base::toml_text;

use super::{Price, Profile, rehearsal};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let document = serde_json::from_str(include_str!("models.schema.json"));
    Schema::compile(document.expect("the schema beside this file is JSON"))
        .expect("the schema beside this file is a schema")
});

/// The Messages API wants a number; every current model can write as much.
pub(super) const MESSAGES_OUTPUT_TOKENS: u32 = 16_000;

/// The protocol that an endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Chat Completions of OpenAI itself.
    #[serde(rename = "openai")]
    OpenAi,
    /// The Messages API.
    Anthropic,
    /// `streamGenerateContent`.
    Gemini,
    /// `/api/chat`.
    Ollama,
    /// Chat Completions as others serve it.
    #[serde(rename = "openai-compatible")]
    OpenAiCompatible,
}

impl Kind {
    /// As the file names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::OpenAiCompatible => "openai-compatible",
        }
    }

    /// Where it is unless the file says otherwise.
    fn default_url(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com/v1"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com/v1beta"),
            Self::Ollama => Some("http://127.0.0.1:11434"),
            Self::OpenAiCompatible => None,
        }
    }

    /// The most tokens of an answer where the file does not say: as that protocol asks for then.
    fn output_tokens(self) -> Option<u32> {
        (self == Self::Anthropic).then_some(MESSAGES_OUTPUT_TOKENS)
    }

    fn is_chat_completions(self) -> bool {
        matches!(self, Self::OpenAi | Self::OpenAiCompatible)
    }

    /// Whether the provider itself answers nobody without a key.
    fn wants_key(self) -> bool {
        matches!(self, Self::OpenAi | Self::Anthropic | Self::Gemini)
    }
}

/// How much a model is to think before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Effort {
    Low,
    Medium,
    High,
}

/// What a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Until there is a connection.
    pub connect: Duration,
    /// From the request until the first words: models that think are silent for long.
    pub first_token: Duration,
    /// Between two signs of life after that.
    pub idle: Duration,
    /// For the whole answer.
    pub answer: Duration,
    /// That a running call waits for an endpoint that is down.
    pub outage: Duration,
}

impl Default for Time {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_token: Duration::from_secs(180),
            idle: Duration::from_secs(60),
            answer: Duration::from_secs(600),
            outage: Duration::from_secs(300),
        }
    }
}

/// A declared model.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// As definitions and agents name it, and `Message.model` shows it.
    pub name: String,
    /// The protocol.
    pub kind: Kind,
    /// As the provider names it.
    pub model: String,
    /// Without a slash at its end.
    pub base_url: Url,
    /// None where the endpoint wants none.
    pub key: Option<SecretString>,
    /// Through which requests go; none: straight to the endpoint.
    pub proxy: Option<Url>,
    /// Name and password for it, with a colon between them.
    pub proxy_login: Option<SecretString>,
    /// What it can do and costs.
    pub profile: Profile,
    /// False for endpoints that answer whole or not at all.
    pub is_streaming: bool,
    /// False for endpoints of Chat Completions that refuse to be asked for usage in a stream.
    pub asks_stream_usage: bool,
    /// None: the provider's default.
    pub effort: Option<Effort>,
    /// None: the provider's default.
    pub temperature: Option<f64>,
    /// None: the provider's default.
    pub max_output_tokens: Option<u32>,
    /// What a request may take.
    pub time: Time,
    /// Members that are put into each request's body as they are, over those that an adapter sets.
    pub extra: Map<String, Value>,
}

/// Something wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Mistake {
    /// RFC 6901; empty for the whole.
    pub pointer: String,
    pub message: String,
}

/// What was read: with mistakes, for what it is worth.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Those without a mistake.
    pub models: Vec<Declaration>,
    /// Every name in the file: what refers to a broken one is no mistake of its own.
    pub names: Vec<String>,
    /// In the order of the file.
    pub mistakes: Vec<Mistake>,
}

#[derive(Deserialize)]
struct Table {
    name: String,
    provider: Kind,
    model: String,
    base_url: Option<String>,
    api_key_env: Option<String>,
    proxy: Option<String>,
    proxy_login_env: Option<String>,
    #[serde(default)]
    sees_images: bool,
    #[serde(default)]
    structured_output: bool,
    #[serde(default = "yes")]
    streaming: bool,
    #[serde(default = "yes")]
    stream_usage: bool,
    reasoning_effort: Option<Effort>,
    temperature: Option<f64>,
    max_output_tokens: Option<u32>,
    #[serde(default)]
    time: TimeTable,
    #[serde(default)]
    extra: Map<String, Value>,
    price: Option<PriceTable>,
}

#[derive(Default, Deserialize)]
struct TimeTable {
    connect_seconds: Option<f64>,
    first_token_seconds: Option<f64>,
    idle_seconds: Option<f64>,
    answer_seconds: Option<f64>,
    outage_seconds: Option<f64>,
}

#[derive(Deserialize)]
struct PriceTable {
    input: f64,
    cached_input: Option<f64>,
    output: f64,
}

fn yes() -> bool {
    true
}

/// Reads and checks the file's text. `key` gives the value of an environment variable.
pub fn read(text: &str, key: impl Fn(&str) -> Option<SecretString>) -> Declared {
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
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for (place, table) in document["model"].as_array().into_iter().flatten().enumerate() {
        let at = format!("/model/{place}");
        let Some(name) = table["name"].as_str() else {
            continue;
        };
        if name == rehearsal::NAME {
            let message = "this name is the built-in model's: use another";
            declared.note(&format!("{at}/name"), message);
        } else if let Some(first) = taken.insert(name.to_owned(), place) {
            let message = format!("the name {name} is taken by /model/{first}");
            declared.note(&format!("{at}/name"), message);
        }
        declared.names.push(name.to_owned());
        declared.check(&at, table, &key);
        let inside = format!("{at}/");
        let is_of_it = |it: &Mistake| it.pointer == at || it.pointer.starts_with(&inside);
        if !declared.mistakes.iter().any(is_of_it) {
            declared.take(table, &key);
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

    // From the document, for one wrong member must not hide what else is wrong.
    fn check(&mut self, at: &str, table: &Value, key: &impl Fn(&str) -> Option<SecretString>) {
        let kind: Option<Kind> = serde_json::from_value(table["provider"].clone()).ok();
        match (table["base_url"].as_str(), kind) {
            (Some(url), _) => {
                if let Err(problem) = base_url(url) {
                    self.note(&format!("{at}/base_url"), problem);
                }
            }
            (None, Some(kind)) if kind.default_url().is_none() && table["base_url"].is_null() => {
                let message = "base_url is missing: nobody else knows where this endpoint is";
                self.note(at, message);
            }
            _ => {}
        }
        if !table["stream_usage"].is_null() && kind.is_some_and(|kind| !kind.is_chat_completions()) {
            let message = "only openai and openai-compatible are asked for it: leave it out";
            self.note(&format!("{at}/stream_usage"), message);
        }
        for (member, setting) in [("model", "model"), ("stream", "streaming")] {
            if !table["extra"][member].is_null() {
                // Another model than the price, the limits and the messages say; or an answer that is read wrongly.
                let message = format!("the setting {setting} decides this: leave it out");
                self.note(&format!("{at}/extra/{member}"), message);
            }
        }
        match table["api_key_env"].as_str() {
            Some(variable) => {
                if let Err(problem) = usable_key(variable, key) {
                    self.note(&format!("{at}/api_key_env"), problem);
                }
            }
            // Behind a URL of its own stands whoever the operator put there.
            None if kind.is_some_and(Kind::wants_key) && table["base_url"].is_null() => {
                let message = "api_key_env is missing: this provider answers nobody without a key; name the variable that holds it";
                self.note(at, message);
            }
            None => {}
        }
        if let Some(url) = table["proxy"].as_str()
            && let Err(problem) = proxy_url(url)
        {
            self.note(&format!("{at}/proxy"), problem);
        }
        if let Some(variable) = table["proxy_login_env"].as_str() {
            if let Err(problem) = usable_login(variable, key) {
                self.note(&format!("{at}/proxy_login_env"), problem);
            }
            if table["proxy"].is_null() {
                let message = "proxy is missing: nobody is told this login without it";
                self.note(at, message);
            }
        }
    }

    fn take(&mut self, table: &Value, key: &impl Fn(&str) -> Option<SecretString>) {
        let Ok(table) = serde_json::from_value::<Table>(table.clone()) else {
            return;
        };
        let url = table.base_url.as_deref().or(table.provider.default_url());
        let Some(Ok(base_url)) = url.map(base_url) else {
            return;
        };
        let Ok(proxy) = table.proxy.as_deref().map(proxy_url).transpose() else {
            return;
        };
        let standard = Time::default();
        let seconds = |given: Option<f64>, standard| given.map_or(standard, Duration::from_secs_f64);
        self.models.push(Declaration {
            name: table.name,
            kind: table.provider,
            model: table.model,
            base_url,
            key: table.api_key_env.and_then(|variable| key(&variable)),
            proxy,
            proxy_login: table.proxy_login_env.and_then(|variable| key(&variable)),
            profile: Profile {
                sees_images: table.sees_images,
                has_structured_output: table.structured_output,
                price: table.price.map(|price| Price {
                    input: millionths(price.input),
                    // Who names no price for cached tokens charges them like others.
                    cached_input: millionths(price.cached_input.unwrap_or(price.input)),
                    output: millionths(price.output),
                }),
                max_output_tokens: table.max_output_tokens.or(table.provider.output_tokens()),
            },
            is_streaming: table.streaming,
            asks_stream_usage: table.stream_usage,
            extra: table.extra,
            effort: table.reasoning_effort,
            temperature: table.temperature,
            max_output_tokens: table.max_output_tokens,
            time: Time {
                connect: seconds(table.time.connect_seconds, standard.connect),
                first_token: seconds(table.time.first_token_seconds, standard.first_token),
                idle: seconds(table.time.idle_seconds, standard.idle),
                answer: seconds(table.time.answer_seconds, standard.answer),
                outage: seconds(table.time.outage_seconds, standard.outage),
            },
        });
    }
}

// At most a million dollars, as the schema says: far from what either number holds.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn millionths(dollars: f64) -> u64 {
    (dollars * 1_000_000.0).round() as u64
}

fn base_url(text: &str) -> Result<Url, &'static str> {
    const FORM: &str = "is no base URL: use http://HOST/PATH or https://HOST/PATH";
    let mut url = Url::parse(text).map_err(|_| FORM)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(FORM);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "holds a user name or password: a secret belongs into the variable that api_key_env names",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("holds a query or fragment, which no request would carry: leave it out");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn proxy_url(text: &str) -> Result<Url, &'static str> {
    const FORM: &str = "is no address of a proxy: use http://HOST:PORT or https://HOST:PORT";
    let url = Url::parse(text).map_err(|_| FORM)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "holds a user name or password: a secret belongs into the variable that proxy_login_env names",
        );
    }
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_bare {
        return Err(FORM);
    }
    Ok(url)
}

fn usable_login(variable: &str, key: &impl Fn(&str) -> Option<SecretString>) -> Result<(), String> {
    use secrecy::ExposeSecret;
    match key(variable) {
        None => Err(format!("the environment variable {variable} is not set or empty")),
        Some(login) if !login.expose_secret().contains(':') => Err(format!(
            "the environment variable {variable} holds no name and password with a colon between them"
        )),
        Some(_) => Ok(()),
    }
}

fn usable_key(variable: &str, key: &impl Fn(&str) -> Option<SecretString>) -> Result<(), String> {
    use secrecy::ExposeSecret;
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    match key(variable) {
        // Not repeated: it may be the key itself.
        None if !variable.chars().all(is_name) => Err(
            "is no variable that is set, and does not look like the name of one (A-Z, 0-9 and _): it names the variable \
             that holds the key, and is never the key"
                .to_owned(),
        ),
        None => Err(format!("the environment variable {variable} is not set or empty")),
        // It has to travel in a header.
        Some(key) if !key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) => Err(format!(
            "the environment variable {variable} holds blanks or characters beyond ASCII: no key has any"
        )),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variable: &str) -> Option<SecretString> {
        match variable {
            "GOOD_KEY" => Some(SecretString::from("sk-secret")),
            "BAD_KEY" => Some(SecretString::from("sk secret")),
            _ => None,
        }
    }

    #[test]
    fn a_file_without_mistakes_gives_models_with_defaults_and_prices_in_whole_numbers() {
        let declared = read(
            r#"
            [[model]]
            name = "fast"
            provider = "openai"
            model = "gpt-x"
            api_key_env = "GOOD_KEY"
            temperature = 0.2
            [model.time]
            first_token_seconds = 0.5
            [model.price]
            input = 0.25
            cached_input = 0.025
            output = 2
            [[model]]
            name = "local"
            provider = "ollama"
            model = "llama"
            base_url = "http://10.0.0.1:11434/"
            "#,
            environment,
        );
        assert_eq!(declared.mistakes, []);
        let [fast, local] = &declared.models[..] else {
            panic!("two models")
        };
        assert_eq!(
            fast.profile.price,
            Some(Price {
                input: 250_000,
                cached_input: 25_000,
                output: 2_000_000
            })
        );
        assert_eq!(fast.base_url.as_str(), "https://api.openai.com/v1");
        assert_eq!(fast.time.first_token, Duration::from_millis(500));
        assert_eq!(fast.time.idle, Time::default().idle);
        assert_eq!(local.base_url.path(), "/");
        assert!(local.key.is_none() && local.is_streaming);
        assert!(!format!("{declared:?}").contains("sk-secret"), "no key is shown");
    }

    #[test]
    fn every_mistake_comes_at_once_with_its_place_and_without_a_key() {
        let declared = read(
            r#"
            [[model]]
            name = "rehearsal"
            provider = "openai"
            model = "x"
            api_key_env = "MISSING"
            [[model]]
            name = "twice"
            provider = "anthropic"
            model = "x"
            [[model]]
            name = "twice"
            provider = "openai-compatible"
            model = "x"
            temperature = 3
            api_key_env = "BAD_KEY"
            [[model]]
            name = "url"
            provider = "nobody"
            base_url = "http://me:secret@host/v1"
            colour = "red"
            stream_usage = 1
            [[model]]
            name = "query"
            provider = "gemini"
            model = "x"
            base_url = "ftp://host"
            stream_usage = false
            proxy = "http://me:secret@proxy:3128"
            proxy_login_env = "GOOD_KEY"
            [[model]]
            name = "proxied"
            provider = "ollama"
            model = "x"
            proxy = "socks5://proxy:1080"
            [[model]]
            name = "unproxied"
            provider = "ollama"
            model = "x"
            proxy_login_env = "MISSING"
            "#,
            environment,
        );
        let mut found: Vec<String> = declared
            .mistakes
            .iter()
            .map(|it| format!("{}: {}", it.pointer, it.message))
            .collect();
        found.sort();
        let shown = found.join("\n");
        for part in [
            "/model/0/name: this name is the built-in model's",
            "/model/0/api_key_env: the environment variable MISSING is not set or empty",
            "/model/1: api_key_env is missing",
            "/model/2/name: the name twice is taken by /model/1",
            "/model/2: base_url is missing",
            "/model/2/temperature: ",
            "/model/2/api_key_env: the environment variable BAD_KEY holds blanks",
            "/model/3/provider: ",
            "/model/3/base_url: holds a user name or password",
            "/model/3/colour: ",
            "/model/3: ",
            "/model/3/stream_usage: ",
            "/model/4/base_url: is no base URL",
            "/model/4/stream_usage: only openai and openai-compatible",
            "/model/4/proxy: holds a user name or password",
            "/model/4/proxy_login_env: the environment variable GOOD_KEY holds no name and password",
            "/model/5/proxy: is no address of a proxy",
            "/model/6: proxy is missing",
            "/model/6/proxy_login_env: the environment variable MISSING is not set or empty",
        ] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
        assert!(
            !shown.contains("secret@") && !shown.contains("sk secret"),
            "{shown}"
        );
        assert!(declared.models.is_empty());
        assert_eq!(declared.names.len(), 7);
        assert_eq!(read("[[model", environment).mistakes[0].pointer, "");
    }

    #[test]
    fn a_key_in_place_of_its_name_is_not_repeated_and_extra_decides_nothing_that_has_a_setting() {
        let declared = read(
            r#"
            [[model]]
            name = "fast"
            provider = "openai"
            model = "gpt-x"
            api_key_env = "sk-secret-1234"
            [model.extra]
            model = "another"
            stream = false
            seed = 1
            "#,
            environment,
        );
        let shown: Vec<String> = declared
            .mistakes
            .iter()
            .map(|it| format!("{}: {}", it.pointer, it.message))
            .collect();
        let shown = shown.join("\n");
        for part in [
            "/model/0/api_key_env: is no variable that is set, and does not look like the name of one",
            "/model/0/extra/model: the setting model decides this",
            "/model/0/extra/stream: the setting streaming decides this",
        ] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
        assert!(
            !shown.contains("sk-secret") && !shown.contains("extra/seed"),
            "{shown}"
        );
    }
}
