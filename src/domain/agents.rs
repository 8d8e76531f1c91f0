//! Whether an agent takes new work: the one answer for launches, messages, files and what viewers
//! are told that they may do.

use std::sync::Arc;

use entity::agent;

use crate::definitions::{AgentType, Catalog};

/// The definition by which an agent takes new work. None where it takes none: it is retired, or its
/// agent type is no longer registered.
pub fn find_working<'c>(catalog: &'c Catalog, agent: &agent::Model) -> Option<&'c Arc<AgentType>> {
    if agent.retired_at.is_some() {
        return None;
    }
    catalog.agent_type(&agent.agent_type_key)
}
