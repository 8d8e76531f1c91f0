//! What `docs/` tells to do works as it stands there: the example of `definitions.md` loads, and its cases come out
//! as they say; the first steps of `operating.md` answer what they promise.

use std::path::Path;
use std::process::Command;

use crate::both;
use crate::commands::run;
use crate::support::site::{ADMIN_TOKEN, binary};

/// Blocks whose opening names a file, written below `folder`.
fn write_example(folder: &Path) -> usize {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/definitions.md");
    let page = std::fs::read_to_string(page).expect("is there");
    let mut written = 0;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(opening) = line.strip_prefix("```") else {
            continue;
        };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if let Some((_, path)) = opening.split_once(' ') {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            std::fs::write(path, text.join("\n") + "\n").expect("writes");
            written += 1;
        }
    }
    written
}

#[test]
fn the_example_of_the_reference_loads_and_its_cases_pass() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(write_example(folder.path()) >= 10);
    for arguments in [&["check"][..], &["rehearse", "test", "stock-count"]] {
        let mut command = binary();
        command.args(arguments).arg("--definitions").arg(folder.path());
        let (code, stdout, stderr) = run(command);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        if arguments[0] == "rehearse" {
            assert!(stdout.contains("2 cases passed"), "{stdout}");
        }
    }
}

both! {
    async fn the_first_steps_on_a_new_server_answer_what_the_page_promises(site: Site) {
        site.set("AGENTIC_DEFINITIONS", "");
        let server = site.serve(&["--no-worker"]).await;
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating.md");
        let page = std::fs::read_to_string(page).expect("is there");
        let block = page.split("```bash\n").nth(1).expect("steps");
        let block = block.split("```").next().expect("an end");
        let promises: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("# → ")).collect();
        assert!(promises.len() >= 6, "{promises:?}");
        let program = env!("CARGO_BIN_EXE_agentic-executions");
        let mut shell = Command::new("bash");
        // Of the settings that the commands want, those of the site.
        let given = site.command(&[]);
        shell.envs(given.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env("AGENTIC_BOOTSTRAP_TOKEN", ADMIN_TOKEN).env("URL", format!("{}/graphql", server.base));
        shell.args(["-eu", "-c", &format!("agentic-executions() {{ {program} \"$@\"; }}\n{block}")]);
        let (code, stdout, stderr) = run(shell);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        let mut rest = stdout.as_str();
        for promise in promises {
            let at = rest.find(promise).unwrap_or_else(|| panic!("{promise} does not follow in: {stdout}{stderr}"));
            rest = &rest[at..];
        }
    }
}
