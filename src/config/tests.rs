use super::*;

fn settings() -> Settings {
    let day = Duration::from_secs(24 * 60 * 60);
    Settings {
        database: Database {
            url: "sqlite://data/a.db".into(),
            connections: 10,
        },
        files_url: "file:///data/files".to_owned(),
        definitions: None,
        budgets: None,
        models: None,
        http: Http {
            listen: "127.0.0.1:8000".parse().expect("an address"),
            public_url: None,
            allowed_origins: Vec::new(),
            max_body_bytes: 1024,
            max_upload_bytes: 1024,
            max_upload_files: 1,
            request_timeout: Duration::from_secs(60),
            failures_per_minute: 600,
            session: day * 7,
        },
        graphql: Graphql {
            introspection: true,
            max_depth: 20,
            max_complexity: 1000,
            requests_per_minute: 0,
            cost_per_minute: 1000,
        },
        worker: Worker {
            concurrency: 16,
            lease: Duration::from_secs(45),
            heartbeat: Duration::from_secs(10),
            lease_margin: Duration::from_secs(5),
            max_stalls: 3,
            poll: Duration::from_secs(1),
            listen: None,
        },
        fetch: Fetch::default(),
        retention: Retention {
            changes: day * 7,
            idempotency_keys: day * 2,
            staged_files: day,
        },
        bootstrap_token: None,
        demo: true,
        grace: Duration::from_secs(30),
        drain: Duration::ZERO,
        log: "info".to_owned(),
        traces_endpoint: None,
    }
}

fn refused(change: impl FnOnce(&mut Settings)) -> String {
    let mut settings = settings();
    change(&mut settings);
    let mistakes = settings.check().expect_err("refused");
    mistakes
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_defaults_are_fine() {
    assert_eq!(settings().check(), Ok(()));
}

#[test]
fn a_mistake_names_its_setting_and_what_would_be_right() {
    insta::assert_snapshot!(
        refused(|settings| settings.database.url = "mysql://root:hidden@db".into()),
        @"DATABASE_URL names no database that is known; use sqlite://PATH or postgres://USER@HOST/NAME"
    );
    for (url, word) in [
        ("sqlite://data/a.db?mode=ro", "behind a `?`"),
        ("sqlite://~/a.db", "begins with `~`"),
        ("sqlite:~me/a.db", "begins with `~`"),
    ] {
        let said = refused(|settings| settings.database.url = url.into());
        assert!(
            said.starts_with("DATABASE_URL ") && said.contains(word),
            "{url}: {said}"
        );
    }
    for url in [
        "sqlite:",
        "sqlite://",
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite://a?mode=memory",
    ] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(
                refused(|settings| settings.database.url = url.into()),
                @"DATABASE_URL names no file; use sqlite://PATH, for a database in memory cannot be shared by connections"
            );
        }
    }
    insta::assert_snapshot!(
        refused(|settings| settings.database.connections = u32::MAX),
        @"AGENTIC_DATABASE_CONNECTIONS is 4294967295; use 10000 or fewer"
    );
    insta::assert_snapshot!(
        refused(|settings| settings.database.connections = 1),
        @"AGENTIC_DATABASE_CONNECTIONS is 1; use 2 or more"
    );
    insta::assert_snapshot!(
        refused(|settings| settings.graphql.max_depth = usize::MAX),
        @"AGENTIC_MAX_QUERY_DEPTH is 18446744073709551615; use 200 or less"
    );
    insta::assert_snapshot!(
        refused(|settings| settings.files_url = "s3://bucket".to_owned()),
        @"AGENTIC_FILES_URL is `s3://bucket`; use file:///ABSOLUTE/PATH"
    );
    insta::assert_snapshot!(
        refused(|settings| settings.bootstrap_token = Some("short".into())),
        @"AGENTIC_BOOTSTRAP_TOKEN is too short; use 32 characters or more"
    );
    insta::assert_snapshot!(
        refused(|settings| settings.http.public_url = Some("https://host/path".to_owned())),
        @"AGENTIC_PUBLIC_URL is `https://host/path`; use https://HOST or http://HOST:PORT, without a path"
    );
    insta::assert_snapshot!(
        refused(|settings| settings.http.allowed_origins = vec!["http://a.example".to_owned(), "*".to_owned()]),
        @"AGENTIC_ALLOWED_ORIGINS names `*`; use https://HOST or http://HOST:PORT, without a path"
    );
    for url in [
        "https://collector:4318",
        "http://name:hidden@collector",
        "collector:4318",
    ] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(
                refused(|settings| settings.traces_endpoint = Some(url.to_owned())),
                @"OTEL_EXPORTER_OTLP_ENDPOINT names no collector; use http://HOST:PORT, which takes OTLP over HTTP without TLS"
            );
        }
    }
    insta::assert_snapshot!(
        refused(|settings| settings.worker.lease = Duration::from_secs(20)),
        @"AGENTIC_LEASE is 20s; it must cover two heartbeats (10s) and the margin (5s)"
    );
    insta::assert_snapshot!(
        refused(|settings| settings.worker.concurrency = 0),
        @"AGENTIC_WORKER_CONCURRENCY is 0; use 1 or more"
    );
    insta::assert_snapshot!(
        refused(|settings| settings.worker.concurrency = 1_000_000),
        @"AGENTIC_WORKER_CONCURRENCY is 1000000; use 10000 or fewer, and more workers"
    );
    insta::assert_snapshot!(
        refused(|settings| settings.graphql.cost_per_minute = 999),
        @"AGENTIC_COST_PER_MINUTE is 999; use 0 for no limit, or at least the 1000 points that one operation may cost (AGENTIC_MAX_QUERY_COMPLEXITY)"
    );
    insta::assert_snapshot!(
        refused(|settings| settings.worker.poll = Duration::from_nanos(1)),
        @"AGENTIC_POLL is shorter than a millisecond"
    );
}

#[test]
fn secrets_are_never_shown() {
    let mut settings = settings();
    settings.database.url = "postgres://user:password-1@db/x".into();
    settings.bootstrap_token = Some("token-token-token-token-token-token".into());
    let shown = format!("{settings:?}");
    assert!(
        !shown.contains("password-1") && !shown.contains("token-token"),
        "{shown}"
    );
}

#[test]
fn the_file_of_a_sqlite_address_is_found_whichever_way_it_is_written() {
    let file = |url: &str| {
        Database {
            url: url.into(),
            connections: 1,
        }
        .sqlite_file()
    };
    assert_eq!(file("sqlite://data/a.db"), Some("data/a.db".into()));
    assert_eq!(file("sqlite:///var/a.db?mode=rw"), Some("/var/a.db".into()));
    assert_eq!(file("sqlite:a.db"), Some("a.db".into()));
    assert_eq!(file("sqlite::memory:"), None);
    assert_eq!(file("postgres://host/a"), None);
}

#[test]
fn all_that_is_wrong_comes_at_once() {
    let said = refused(|settings| {
        settings.files_url = "files".to_owned();
        settings.http.max_upload_files = 0;
        settings.worker.poll = Duration::ZERO;
    });
    insta::assert_snapshot!(said, @r"
    AGENTIC_FILES_URL is `files`; use file:///ABSOLUTE/PATH
    AGENTIC_MAX_UPLOAD_FILES is 0; use 1 or more
    AGENTIC_POLL is shorter than a millisecond
    ");
}
