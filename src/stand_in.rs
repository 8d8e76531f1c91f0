//! STAND-INS until `runner`, `graphql` and `domain::watch` are merged: delete this file, its line
//! in `lib.rs`, and turn every `crate::stand_in::{..}` import into the real module.

#![allow(missing_docs, clippy::unused_async, dead_code)]

pub mod watch {
    use crate::domain::Store;

    #[derive(Clone, Debug)]
    pub struct Hub(Store);

    impl Hub {
        pub fn start(store: Store) -> Self {
            Self(store)
        }
    }
}

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
        pub hub: super::watch::Hub,
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

    use crate::definitions::{Catalog, CheckSettings};
    use crate::domain::Store;
    use crate::model::Models;
    use crate::storage::Storage;

    #[derive(Clone, Default)]
    pub struct Registry;

    impl Registry {
        pub fn built_in() -> Self {
            Self
        }

        pub fn tools(&self) -> Vec<&str> {
            vec![
                "list_files",
                "read_file",
                "search_records",
                "upsert_records",
                "report_progress",
                "stop_execution",
                "fetch_page",
            ]
        }

        pub fn validators(&self) -> Vec<(&str, CheckSettings)> {
            let any: CheckSettings = |_| Ok(());
            [
                "stopped_by_agent",
                "json",
                "output_schema",
                "tool_succeeded",
                "covers",
            ]
            .map(|name| (name, any))
            .to_vec()
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

        pub fn start(
            _: Store,
            _: Storage,
            _: Retention,
            cancel: CancellationToken,
        ) -> tokio::task::JoinHandle<()> {
            tokio::spawn(async move { cancel.cancelled().await })
        }
    }
}
