//! `check`: the definitions, the models that they may use and the budgets over them, and nothing else.

use super::report::Failure;
use super::{print, wiring};
use crate::config::Settings;
use crate::runner::Registry;

pub(super) fn check(settings: &Settings) -> Result<(), Failure> {
    let registry = Registry::built_in(wiring::fetcher(settings), wiring::documents());
    let offered = wiring::models(settings)?;
    let loaded = wiring::catalog(settings, &registry, &offered);
    let loaded = loaded.and_then(|catalog| {
        wiring::budgets(settings, &catalog, &offered)?;
        Ok(catalog)
    });
    match loaded {
        Ok(catalog) => {
            let agents = catalog.agent_types().count();
            let executions = catalog.execution_types().count();
            print(&format!(
                "{agents} agent types with {executions} execution types are fine"
            ))?;
            for agent_type in catalog.agent_types() {
                for server in &agent_type.mcp {
                    print(&format!(
                        "not checked: the MCP server {} of {}, which only runs start: that it can be reached, which tools it has and what these take",
                        server.name, agent_type.key
                    ))?;
                }
            }
            // No mistake of the definitions: a worker's environment may be another than this one.
            for unset in wiring::unset_variables(&catalog) {
                print(&format!(
                    "not set here: {unset}; a worker does not start without it"
                ))?;
            }
            Ok(())
        }
        Err(Failure::Definitions(mistakes)) => {
            for mistake in &mistakes {
                print(&mistake.to_string())?;
            }
            let noun = if mistakes.len() == 1 {
                "mistake"
            } else {
                "mistakes"
            };
            Err(Failure::said(format!(
                "the definitions, models or budgets have {} {noun}",
                mistakes.len()
            )))
        }
        Err(other) => Err(other),
    }
}
