//! The schema, step by step. A migration works for the code before it and the code after it, and
//! is never edited once it has been released.
//!
//! To add one: a file named by date, and a line in [`Migrator::migrations`].

use sea_orm_migration::{MigrationTrait, async_trait};
pub use sea_orm_migration::{MigratorTrait, MigratorTraitSelf};

mod m20261124_000001_first;
mod m20261125_000001_sessions;
mod m20261125_000002_usage;
mod m20261125_000003_run_model;
mod m20261126_000001_chats;
mod m20261126_000002_file_store;

/// All migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_first::Migration),
            Box::new(m20261125_000001_sessions::Migration),
            Box::new(m20261125_000002_usage::Migration),
            Box::new(m20261125_000003_run_model::Migration),
            Box::new(m20261126_000001_chats::Migration),
            Box::new(m20261126_000002_file_store::Migration),
        ]
    }
}
