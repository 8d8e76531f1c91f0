//! The tools and validators that this process has, by name. Definitions name them; loading checks
//! the names against [`Registry::names`]. The built-in ones are registered like any other.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::json_schema::{Schema, SchemaError};
use crate::definitions::case::OutsideResult;
use crate::definitions::{CheckSettings, Known, McpServer};
use crate::documents;
use crate::fetch::Fetcher;
use crate::mcp::{self, Servers};
use crate::model::{Models, ToolSpec};

use super::mcp::{McpTools, Offered};
use super::tools::{self, FromCase, Tool};
use super::validators::{self, Validator};

/// Tools and validators by name. Clones share them.
#[derive(Clone, Default)]
pub struct Registry {
    tools: BTreeMap<String, Arc<Registered>>,
    validators: BTreeMap<String, Arc<dyn Validator>>,
    mcp: McpTools,
}

/// A tool with what the runner asks for at every call.
pub(super) struct Registered {
    pub spec: ToolSpec,
    /// The compiled form of its parameters.
    pub parameters: Schema,
    pub tool: Arc<dyn Tool>,
}

impl Registry {
    /// The tools and validators that come with the server; pages of the web come through `fetcher`,
    /// the text of files through `documents`.
    ///
    /// # Panics
    /// Never: the built-in tools' schemas are schemas.
    pub fn built_in(fetcher: Fetcher, documents: documents::Reader) -> Self {
        let mut registry = Self::default();
        for tool in tools::built_in(fetcher, documents) {
            registry
                .tool(tool)
                .expect("a built-in tool's parameters are a schema");
        }
        for validator in validators::built_in() {
            registry.validator(validator);
        }
        registry
    }

    /// Adds a tool, or replaces the one of the same name.
    ///
    /// # Errors
    /// When its parameters are no JSON Schema.
    pub fn tool(&mut self, tool: Arc<dyn Tool>) -> Result<&mut Self, SchemaError> {
        let spec = tool.spec();
        let parameters = Schema::compile(spec.parameters.clone())?;
        let registered = Registered {
            spec,
            parameters,
            tool,
        };
        self.tools
            .insert(registered.spec.name.clone(), Arc::new(registered));
        Ok(self)
    }

    /// The same for a case that is played: what reaches outside this server is answered with the
    /// results that the case holds.
    #[must_use]
    pub fn for_case(&self, results: &[OutsideResult]) -> Self {
        let mut registry = self.clone();
        registry.mcp = McpTools::default();
        for result in results {
            if registry.find_tool(&result.tool).is_none() {
                let tool: Arc<dyn Tool> = Arc::new(FromCase::named(&result.tool, results));
                registry.tool(tool).expect("an empty schema is one");
            }
        }
        for known in registry.tools.values_mut() {
            if !known.tool.is_ours() {
                *known = Arc::new(Registered {
                    spec: known.spec.clone(),
                    parameters: known.parameters.clone(),
                    tool: Arc::new(FromCase::instead_of(&known.tool, results)),
                });
            }
        }
        registry
    }

    /// Whether this is a tool whose reads and writes are all this server's own.
    pub fn is_ours(&self, tool: &str) -> bool {
        self.find_tool(tool).is_some_and(|known| known.tool.is_ours())
    }

    /// Takes the MCP servers that the agent types name.
    pub fn mcp_servers(&mut self, servers: Servers) -> &mut Self {
        self.mcp = McpTools::new(servers);
        self
    }

    /// What a server of an agent type has to offer now.
    pub(super) async fn offered(&self, agent_type: &str, server: &McpServer) -> Result<Offered, mcp::Error> {
        self.mcp.of(agent_type, server).await
    }

    /// Adds a validator, or replaces the one of the same name.
    pub fn validator(&mut self, validator: Arc<dyn Validator>) -> &mut Self {
        self.validators.insert(validator.name().to_owned(), validator);
        self
    }

    /// The names that definitions may use: `Catalog::load(&sources, &registry.names(&models).known())`.
    pub fn names<'a>(&'a self, models: &'a Models) -> Names<'a> {
        let checks = self.validators.iter();
        Names {
            tools: self.tools.keys().map(String::as_str).collect(),
            validators: checks
                .map(|(name, validator)| (name.as_str(), validator.settings_check()))
                .collect(),
            models: models.names(),
            unpriced_models: models.unpriced(),
        }
    }

    pub(super) fn find_tool(&self, name: &str) -> Option<&Arc<Registered>> {
        self.tools.get(name)
    }

    pub(super) fn find_validator(&self, name: &str) -> Option<&Arc<dyn Validator>> {
        self.validators.get(name)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("tools", &self.tools.keys())
            .field("validators", &self.validators.keys())
            .finish()
    }
}

/// What [`Known`] borrows from.
#[derive(Debug)]
pub struct Names<'a> {
    tools: Vec<&'a str>,
    validators: Vec<(&'a str, CheckSettings)>,
    models: Vec<&'a str>,
    unpriced_models: Vec<&'a str>,
}

impl<'a> Names<'a> {
    /// With further models, whether or not they are there already.
    #[must_use]
    pub fn and_models(mut self, more: &'a [String]) -> Self {
        for name in more {
            if !self.models.contains(&name.as_str()) {
                self.models.push(name);
            }
        }
        self
    }
}

impl Names<'_> {
    /// For `Catalog::load`.
    pub fn known(&self) -> Known<'_> {
        Known {
            tools: &self.tools,
            validators: &self.validators,
            models: &self.models,
            unpriced_models: &self.unpriced_models,
        }
    }
}
