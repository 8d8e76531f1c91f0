//! What tests stand on: a world with its own database, its own clock and seeded ids.

pub mod client;
pub mod database;
pub mod site;
pub mod world;

pub use site::Site;
pub use world::World;

/// Waits until something holds that nothing signals.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + site::PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "it never came: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Runs each claim on SQLite and on PostgreSQL, as `<claim>::sqlite` and `<claim>::postgres`.
#[macro_export]
macro_rules! both {
    ($($(#[doc = $doc:literal])* async fn $name:ident($stage:ident: $Stage:ident) $body:block)+) => {$(
        $(#[doc = $doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use $crate::support::database::Kind;

            #[allow(unused_mut)]
            async fn claim(mut $stage: $crate::support::$Stage) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                claim($crate::support::$Stage::new(Kind::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                claim($crate::support::$Stage::new(Kind::Postgres).await).await;
            }
        }
    )+};
}
