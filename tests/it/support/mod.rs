//! What tests stand on: a world with its own database, its own clock and seeded ids.

pub mod database;
pub mod world;

pub use world::World;

/// Runs each claim on SQLite and on PostgreSQL, as `<claim>::sqlite` and `<claim>::postgres`.
#[macro_export]
macro_rules! both {
    ($($(#[doc = $doc:literal])* async fn $name:ident($world:ident: World) $body:block)+) => {$(
        $(#[doc = $doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use $crate::support::{World, database::Kind};

            async fn claim($world: World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                claim(World::new(Kind::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                claim(World::new(Kind::Postgres).await).await;
            }
        }
    )+};
}
