//! createDataSet and updateDataSet.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::refusals::{Place, read_id};
use super::{AdminError, admin_refused};
use crate::base::id::Kind;
use crate::domain::administration::data_sets;
use crate::graphql::data_set::DataSet;
use crate::graphql::deps;
use crate::graphql::errors::{Result, viewer};

/// A data set to make.
#[derive(InputObject)]
pub struct CreateDataSetInput {
    /// Unique on the server; 1 to 100 characters.
    name: String,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct CreateDataSetPayload {
    /// The data set; null exactly when errors is not empty.
    data_set: Option<DataSet>,
    /// Why none was made.
    errors: Vec<AdminError>,
}

/// A data set to rename.
#[derive(InputObject)]
pub struct UpdateDataSetInput {
    /// The data set.
    id: ID,
    /// Its new name, unique on the server; 1 to 100 characters.
    name: String,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct UpdateDataSetPayload {
    /// As it is now; null exactly when errors is not empty.
    data_set: Option<DataSet>,
    /// Why it was not renamed.
    errors: Vec<AdminError>,
}

/// Resolves them.
#[derive(Default)]
pub struct DataSets;

#[Object]
impl DataSets {
    /// Makes a data set without members, agents or records. For server admins.
    async fn create_data_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The data set.")] input: CreateDataSetInput,
    ) -> Result<CreateDataSetPayload> {
        let viewer = viewer(ctx)?;
        let created = data_sets::create(&deps(ctx).store, viewer, &input.name).await;
        Ok(match created {
            Ok(row) => CreateDataSetPayload {
                data_set: Some(DataSet(row)),
                errors: Vec::new(),
            },
            Err(error) => CreateDataSetPayload {
                data_set: None,
                errors: vec![admin_refused(ctx, error, &[], Place::Input)?],
            },
        })
    }

    /// Gives a data set another name. For server admins.
    async fn update_data_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which data set, and its new name.")] input: UpdateDataSetInput,
    ) -> Result<UpdateDataSetPayload> {
        let viewer = viewer(ctx)?;
        let refuse = |error| UpdateDataSetPayload {
            data_set: None,
            errors: vec![error],
        };
        let id = match read_id(Kind::DataSet, &input.id, Place::Input, "id") {
            Ok(id) => id,
            Err(error) => return Ok(refuse(error.into())),
        };
        let renamed = data_sets::rename(&deps(ctx).store, viewer, id, &input.name).await;
        Ok(match renamed {
            Ok(row) => UpdateDataSetPayload {
                data_set: Some(DataSet(row)),
                errors: Vec::new(),
            },
            Err(error) => refuse(admin_refused(ctx, error, &[("id", &input.id)], Place::Input)?),
        })
    }
}
