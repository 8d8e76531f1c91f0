//! Child processes: what they get, what they may use, and that none is left behind, however the
//! process that started them ends. Unix tools stand in for programs.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agentic_executions::child::{Bounds, Exit, Launcher, Limits, Program, RunError};
use tokio::time::Instant;

const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(60),
    output_bytes: 10_000_000,
};

fn launcher() -> Launcher {
    Launcher::of(env!("CARGO_BIN_EXE_agentic-executions"))
}

fn shell(script: &str) -> Program {
    Program {
        file: "sh".into(),
        arguments: ["-c", script].map(Into::into).to_vec(),
        ..Program::default()
    }
}

/// Processes whose command line holds this.
fn count(marker: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("a /proc").flatten();
    let is_marked = |entry: &std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        // The shell's own line holds all of its script.
        line.contains(marker) && line.starts_with("sleep")
    };
    processes.filter(is_marked).count()
}

/// Looks again and again, twenty seconds at most.
fn wait_for(marker: &str, wanted: usize) {
    let begun_at = Instant::now();
    while count(marker) != wanted {
        assert!(
            begun_at.elapsed() < Duration::from_secs(20),
            "{} of {marker}, and not {wanted}",
            count(marker)
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A family of four: a child, one in a session of its own, one whose parents are gone, and a last
/// one that ignores what can be ignored.
fn family(marker: &str) -> Program {
    shell(&format!(
        "sleep {marker} & setsid sleep {marker} & (setsid sh -c 'sleep {marker} & exit' &) \
         ; trap '' TERM INT HUP; setsid setsid sleep {marker} & wait; sleep 600"
    ))
}

/// A number of seconds that no other process sleeps.
fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("1{}.{number}1", std::process::id())
}

const ROLE: &str = "CHILDREN_OF_A_WORKER";

/// Plays the worker itself when it is started as one: kept in a test of its own so that this
/// binary can be both.
#[tokio::test]
async fn a_worker_that_is_killed_leaves_no_descendant_behind() {
    if let Some(marker) = std::env::var_os(ROLE) {
        let program = family(marker.to_str().expect("a number"));
        let mut child = launcher().start(&program).expect("starts");
        child.wait().await.expect("is killed before");
        return;
    }
    let marker = marker();
    let own = std::env::current_exe().expect("this binary");
    let name = "children::a_worker_that_is_killed_leaves_no_descendant_behind";
    let mut worker = Command::new(own)
        .args(["--exact", name])
        .env(ROLE, &marker)
        .stdout(Stdio::null())
        .spawn()
        .expect("a worker");
    wait_for(&marker, 4);
    worker.kill().expect("SIGKILL");
    worker.wait().expect("is gone");
    wait_for(&marker, 0);
}

#[tokio::test]
async fn a_child_that_is_let_go_takes_its_descendants_along_and_so_does_one_that_ends() {
    let marker = marker();
    let child = launcher().start(&family(&marker)).expect("starts");
    wait_for(&marker, 4);
    drop(child);
    wait_for(&marker, 0);

    // Ending means waiting until all are gone.
    let child = launcher().start(&family(&marker)).expect("starts");
    wait_for(&marker, 4);
    child.end().await;
    assert_eq!(count(&marker), 0);

    let script = format!("setsid sleep {marker} & sleep 0.1; echo done");
    let output = launcher().run(&shell(&script), b"", BOUNDS).await;
    assert_eq!(output.expect("ends"), b"done\n");
    assert_eq!(count(&marker), 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_does_not_outlive_its_supervisor() {
    let marker = marker();
    let script = format!("echo $PPID; exec sleep {marker}");
    let mut child = launcher().start(&shell(&script)).expect("starts");
    let mut supervisor = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    let mut lines = tokio::io::BufReader::new(stdout);
    tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut supervisor)
        .await
        .expect("a line");
    wait_for(&marker, 1);
    let killed = Command::new("kill").args(["-9", supervisor.trim()]).status();
    assert!(killed.expect("kill").success());
    wait_for(&marker, 0);
    assert_eq!(child.wait().await.expect("ends"), Exit::Signal(9));
}

#[tokio::test]
async fn a_child_gets_the_named_environment_the_given_input_and_nothing_else() {
    let named = [("GREETING", "hello"), ("PATH", "/usr/bin:/bin")];
    let program = Program {
        file: "env".into(),
        environment: named
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect::<BTreeMap<_, _>>(),
        ..Program::default()
    };
    let output = launcher().run(&program, b"", BOUNDS).await.expect("ends");
    assert_eq!(
        String::from_utf8_lossy(&output),
        "GREETING=hello\nPATH=/usr/bin:/bin\n"
    );

    // More than a pipe holds, both ways.
    let long = b"0123456789abcdef".repeat(200_000);
    let cat = Program {
        file: "cat".into(),
        ..Program::default()
    };
    let output = launcher().run(&cat, &long, BOUNDS).await.expect("ends");
    assert!(output == long);

    // Of this process a child gets no descriptor but those that any child would get.
    let output = launcher()
        .run(&shell("ls /proc/self/fd"), b"", BOUNDS)
        .await
        .expect("ends");
    let plain = Command::new("ls").arg("/proc/self/fd").output().expect("runs");
    assert_eq!(
        String::from_utf8_lossy(&output),
        String::from_utf8_lossy(&plain.stdout)
    );
}

#[tokio::test]
async fn how_a_program_ended_is_told_with_its_last_words() {
    let failed = launcher()
        .run(&shell("echo so; echo why >&2; exit 7"), b"", BOUNDS)
        .await;
    let Err(RunError::Failed { exit, output, said }) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(
        (exit, output.as_slice(), said.as_str()),
        (Exit::Code(7), &b"so\n"[..], "why")
    );

    let missing = Program {
        file: "/no/such/program".into(),
        ..Program::default()
    };
    let Err(RunError::Failed { exit, said, .. }) = launcher().run(&missing, b"", BOUNDS).await else {
        panic!("it cannot be started");
    };
    assert_eq!(exit, Exit::Code(127));
    assert!(said.starts_with("/no/such/program cannot be started: "), "{said}");
}

#[tokio::test]
async fn limits_hold() {
    let marker = marker();
    let hurried = Bounds {
        time: Duration::from_millis(300),
        ..BOUNDS
    };
    let slow = launcher().run(&family(&marker), b"", hurried).await;
    assert!(matches!(slow, Err(RunError::TooSlow(_))), "{slow:?}");
    assert_eq!(count(&marker), 0);

    let short = Bounds {
        output_bytes: 1000,
        ..BOUNDS
    };
    let long = launcher().run(&shell("yes"), b"", short).await;
    assert!(matches!(long, Err(RunError::TooLong(1000))), "{long:?}");

    let limited = |script: &str, limits: Limits| Program {
        limits,
        ..shell(script)
    };
    let lines_without_end = limited(
        "head -c 300000000 /dev/zero | tail",
        Limits {
            memory_bytes: Some(64 << 20),
            ..Limits::default()
        },
    );
    let hungry = launcher().run(&lines_without_end, b"", BOUNDS).await;
    assert!(
        matches!(&hungry, Err(RunError::Failed { said, .. }) if said.contains("memory")),
        "{hungry:?}"
    );

    let cpu = Some(Duration::from_secs(1));
    let busy = limited(
        "while :; do :; done",
        Limits {
            cpu,
            ..Limits::default()
        },
    );
    let busy = launcher().run(&busy, b"", BOUNDS).await;
    let xcpu = Exit::Signal(24);
    assert!(
        matches!(busy, Err(RunError::Failed { exit, .. }) if exit == xcpu),
        "{busy:?}"
    );

    let file = tempfile::NamedTempFile::new().expect("a file");
    let writing = limited(
        &format!("echo words > {}", file.path().display()),
        Limits {
            file_bytes: Some(0),
            ..Limits::default()
        },
    );
    assert!(launcher().run(&writing, b"", BOUNDS).await.is_err());
    assert_eq!(file.as_file().metadata().expect("is there").len(), 0);
}
