//! The `[[mcp]]` tables of an agent type. Its servers are not started for it: which tools they have
//! and what these take is known when they run.

use crate::definitions::catalog::{McpReach, McpServer};
use crate::definitions::format::McpTable;

use super::reader::Reader;

pub(super) fn read(reader: &mut Reader<'_>, path: &str, tables: Vec<(usize, McpTable)>) -> Vec<McpServer> {
    let mut servers: Vec<McpServer> = Vec::new();
    for (place, table) in tables {
        let at = |what: &str| format!("/mcp/{place}/{what}");
        for (number, tool) in table.idempotent.iter().enumerate() {
            if !table
                .tools
                .iter()
                .any(|allowed| allowed == "*" || allowed == tool)
            {
                let message = format!("{tool:?} is not among its tools");
                reader.note(path, &at(&format!("idempotent/{number}")), message);
            }
        }
        let reach = match (table.command, table.url) {
            (Some(command), None) => {
                if !table.headers.is_empty() {
                    reader.note(path, &at("headers"), "only a server with a url is sent headers");
                }
                McpReach::Child {
                    command,
                    arguments: table.args,
                    environment: table.env,
                }
            }
            (None, Some(url)) => {
                for (what, is_there) in [("args", !table.args.is_empty()), ("env", !table.env.is_empty())] {
                    if is_there {
                        reader.note(path, &at(what), "only a server with a command has these");
                    }
                }
                match url::Url::parse(&url) {
                    Err(error) => reader.note(path, &at("url"), format!("is no address: {error}")),
                    // Not the address: whoever reads along must not read the password.
                    Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                        let message = "holds a name or a password before the @: put it into a variable of the environment and name that, headers = { Authorization = \"VARIABLE\" }";
                        reader.note(path, &at("url"), message);
                    }
                    Ok(_) => {}
                }
                McpReach::Http {
                    url,
                    headers: table.headers.into_iter().collect(),
                }
            }
            (None, None) => {
                let message = "a server has a command, or a url";
                reader.note(path, &format!("/mcp/{place}"), message);
                continue;
            }
            (Some(_), Some(_)) => {
                let message = "a server has a command or a url, not both";
                reader.note(path, &at("url"), message);
                continue;
            }
        };
        servers.push(McpServer {
            name: table.name,
            reach,
            tools: table.tools,
            idempotent: table.idempotent,
            timeout_seconds: table.timeout_seconds,
        });
    }
    servers
}
