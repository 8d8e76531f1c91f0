//! STAND-INS until `runner` and `graphql` are merged: delete this file, its line
//! in `lib.rs`, and turn every `crate::stand_in::{..}` import into the real module.

#![allow(missing_docs, clippy::unused_async, dead_code)]

pub mod graphql {
    use async_graphql::{EmptyMutation, Object, SDLExportOptions, Subscription};
    use futures::Stream;

    use crate::definitions::Catalog;
    use crate::domain::Store;
    use crate::domain::access::Renewal;
    use crate::storage::Storage;

    pub struct Deps {
        pub store: Store,
        pub catalog: Catalog,
        pub storage: Storage,
        pub hub: crate::domain::watch::Hub,
        pub renewal: Renewal,
        pub limits: Limits,
    }

    #[derive(Debug, Clone)]
    pub struct Limits {
        pub max_depth: usize,
        pub max_complexity: usize,
        pub introspection: bool,
    }

    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RequestId(pub String);

    pub struct Query;

    #[Object]
    impl Query {
        async fn ok(&self) -> bool {
            true
        }

        async fn panics(&self) -> bool {
            assert!(self.is_sound(), "as asked");
            true
        }
    }

    impl Query {
        fn is_sound(&self) -> bool {
            false
        }
    }

    pub struct Subscriptions;

    #[Subscription]
    impl Subscriptions {
        async fn silence(&self) -> impl Stream<Item = bool> {
            futures::stream::pending()
        }
    }

    pub type Schema = async_graphql::Schema<Query, EmptyMutation, Subscriptions>;

    pub fn build(deps: Deps) -> Schema {
        Schema::build(Query, EmptyMutation, Subscriptions)
            .limit_depth(deps.limits.max_depth)
            .limit_complexity(deps.limits.max_complexity)
            .finish()
    }

    pub fn sdl() -> String {
        let schema = Schema::build(Query, EmptyMutation, Subscriptions).finish();
        schema.sdl_with_options(SDLExportOptions::new().sorted_fields())
    }
}

pub mod runner {
    use std::time::Duration;

    use crate::definitions::{Catalog, CheckSettings, Known};
    use crate::domain::Store;
    use crate::model::Models;
    use crate::storage::Storage;

    #[derive(Clone, Default)]
    pub struct Registry;

    impl Registry {
        pub fn built_in() -> Self {
            Self
        }

        pub fn names<'a>(&'a self, models: &'a Models) -> Names<'a> {
            let any: CheckSettings = |_| Ok(());
            Names {
                tools: vec![
                    "list_files",
                    "read_file",
                    "search_records",
                    "upsert_records",
                    "report_progress",
                    "stop_execution",
                ],
                validators: [
                    "stopped_by_agent",
                    "json",
                    "output_schema",
                    "tool_succeeded",
                    "covers",
                ]
                .map(|name| (name, any))
                .to_vec(),
                models: models.names(),
            }
        }
    }

    pub struct Names<'a> {
        tools: Vec<&'a str>,
        validators: Vec<(&'a str, CheckSettings)>,
        models: Vec<&'a str>,
    }

    impl Names<'_> {
        pub fn known(&self) -> Known<'_> {
            Known {
                tools: &self.tools,
                validators: &self.validators,
                models: &self.models,
            }
        }
    }

    pub struct Deps {
        pub store: Store,
        pub catalog: Catalog,
        pub storage: Storage,
        pub models: Models,
        pub registry: Registry,
    }

    pub struct Settings {
        pub name: String,
        pub concurrency: usize,
        pub lease: Duration,
        pub heartbeat: Duration,
        pub lease_margin: Duration,
        pub max_stalls: i32,
        pub poll: Duration,
    }

    pub struct Worker;

    impl Worker {
        pub fn start(_: Deps, _: Settings) -> Handle {
            Handle
        }
    }

    pub struct Handle;

    impl Handle {
        pub async fn stop(self, _grace: Duration) {}
    }

    pub mod sweeper {
        use tokio_util::sync::CancellationToken;

        use crate::domain::Store;
        use crate::domain::sweep::Retention;
        use crate::storage::Storage;

        #[derive(Default)]
        pub struct Settings {
            pub retention: Retention,
        }

        pub async fn run(_: Store, _: Storage, _: Settings, stop: CancellationToken) {
            stop.cancelled().await;
        }
    }
}
