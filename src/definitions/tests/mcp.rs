//! The `[[mcp]]` tables are checked without a server.

use std::fs;

use tempfile::TempDir;

use crate::definitions::{Catalog, McpReach, Sources};

use super::KNOWN;
use super::mistakes::{agent, mistakes, write};

fn with_tables(tables: &str) -> TempDir {
    let root = TempDir::new().expect("a directory");
    agent(root.path(), "a", "job");
    let text = fs::read_to_string(root.path().join("a/agent.toml")).expect("is there");
    write(root.path(), "a/agent.toml", text + tables);
    root
}

#[test]
fn servers_load_with_what_agents_may_call_of_them() {
    let root = with_tables(
        "[[mcp]]\nname = 'files'\ncommand = 'node'\nargs = ['x.js', '/srv']\nenv = ['PATH']\ntools = ['read', 'write']\nidempotent = ['write']\n\
         [[mcp]]\nname = 'all'\nurl = 'http://127.0.0.1:3001/mcp'\nheaders = {Authorization = 'TOKEN'}\ntools = ['*']\ntimeout_seconds = 5\n",
    );
    write(
        root.path(),
        "a/executions/job/execution.toml",
        "key = 'job'\nname = 'E'\n[[validator]]\nname = 'tool_succeeded'\nsettings = {tool = 'all__anything'}\n[[validator]]\nname = 'tool_succeeded'\nsettings = {tool = 'files__read'}\n",
    );
    let catalog = Catalog::load(&Sources::only(root.path()), &KNOWN).expect("loads");
    let agent_type = catalog.agent_type("a").expect("there");
    assert_eq!(
        agent_type.tool_names(),
        ["read_file", "files__read", "files__write", "all__*"]
    );
    let [files, all] = &agent_type.mcp[..] else {
        panic!("{:?}", agent_type.mcp)
    };
    assert_eq!((files.timeout_seconds, all.timeout_seconds), (60, 5));
    assert_eq!(
        (files.variables(), all.variables()),
        (vec!["PATH"], vec!["TOKEN"])
    );
    assert!(files.allows("read") && !files.allows("delete") && all.allows("delete"));
    assert!(matches!(&all.reach, McpReach::Http { url, .. } if url.ends_with("/mcp")));
}

#[test]
fn a_name_is_taken_by_a_table_with_mistakes_too_and_no_password_stands_in_an_address() {
    let root = with_tables(
        "[[mcp]]\nname = 'one'\ncommand = 'x'\nurl = 'http://x/'\ntools = ['a']\n\
         [[mcp]]\nname = 'one'\ncommand = 'x'\ntools = ['a']\n\
         [[mcp]]\nname = 'one'\nurl = 'https://me:hidden-word@x/mcp'\ntools = ['a']\n",
    );
    let found = mistakes(&Sources::only(root.path()), &KNOWN).join("\n");
    for begin in [
        "a/agent.toml#/mcp/0/url: a server has a command or a url, not both",
        "a/agent.toml#/mcp/1/name: the name is taken",
        "a/agent.toml#/mcp/2/name: the name is taken",
        "a/agent.toml#/mcp/2/url: holds a name or a password",
    ] {
        assert!(found.contains(begin), "{begin} is not in: {found}");
    }
    assert!(!found.contains("hidden-word"), "{found}");
}

#[test]
fn every_mistake_in_a_table_is_reported_with_its_place() {
    let root = with_tables(
        "[[mcp]]\nname = 'One_Two'\ncommand = 'x'\ntools = []\nenv = ['NOT A NAME']\n\
         [[mcp]]\nname = 'two'\ncommand = 'x'\nurl = 'http://x/'\ntools = ['a']\n\
         [[mcp]]\nname = 'three'\ntools = ['a']\n\
         [[mcp]]\nname = 'four'\nurl = 'ftp://x/'\ntools = ['a']\n\
         [[mcp]]\nname = 'five'\nurl = 'http://[x/'\nenv = ['A']\ntools = ['a']\nidempotent = ['b']\n\
         [[mcp]]\nname = 'five'\ncommand = 'x'\nheaders = {A = 'B'}\ntools = ['a']\ntimeout_seconds = 0\n",
    );
    write(
        root.path(),
        "a/executions/job/execution.toml",
        "key = 'job'\nname = 'E'\n[[validator]]\nname = 'tool_succeeded'\nsettings = {tool = 'five__other'}\n",
    );
    let found = mistakes(&Sources::only(root.path()), &KNOWN);
    insta::assert_snapshot!(found.join("\n"));
}
