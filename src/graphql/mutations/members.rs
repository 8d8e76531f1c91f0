//! setDataSetMember and removeDataSetMember.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::data_set;
use uuid::Uuid;

use super::refusals::{NotFoundError, Place, read_id};
use super::{AdminError, admin_refused};
use crate::base::id::Kind;
use crate::domain::access::Viewer;
use crate::domain::administration::data_sets;
use crate::graphql::data_set::{DataSet, DataSetMember, DataSetRole};
use crate::graphql::deps;
use crate::graphql::errors::{Result, viewer};

/// Who is to be what.
#[derive(InputObject)]
pub struct SetDataSetMemberInput {
    /// The data set.
    data_set_id: ID,
    /// The user: from users, which server admins list, or from themselves, who read it as viewer.id.
    user_id: ID,
    /// What they are to be.
    role: DataSetRole,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct SetDataSetMemberPayload {
    /// The membership as it is now; null exactly when errors is not empty.
    member: Option<DataSetMember>,
    /// The data set; null when errors is not empty, and when the viewer changed their own
    /// membership: query it again then, for what they may do there has changed.
    data_set: Option<DataSet>,
    /// Why nothing was changed.
    errors: Vec<AdminError>,
}

/// Whose membership is to end.
#[derive(InputObject)]
pub struct RemoveDataSetMemberInput {
    /// The data set.
    data_set_id: ID,
    /// The user.
    user_id: ID,
}

/// What became of it.
#[derive(SimpleObject)]
pub struct RemoveDataSetMemberPayload {
    /// The id of the DataSetMember that is no more; null exactly when errors is not empty.
    removed_member_id: Option<ID>,
    /// The data set; null when errors is not empty, and when the viewer ended their own
    /// membership.
    data_set: Option<DataSet>,
    /// Why nothing was changed.
    errors: Vec<AdminError>,
}

/// Resolves them.
#[derive(Default)]
pub struct Members;

#[Object]
impl Members {
    /// Adds a member, or changes their role. For admins of the data set. Its last admin is demoted
    /// by server admins only.
    async fn set_data_set_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who is to be what in which data set.")] input: SetDataSetMemberInput,
    ) -> Result<SetDataSetMemberPayload> {
        let viewer = viewer(ctx)?;
        let refuse = |error| SetDataSetMemberPayload {
            member: None,
            data_set: None,
            errors: vec![error],
        };
        let (set, user) = match read(&input.data_set_id, &input.user_id) {
            Ok(ids) => ids,
            Err(error) => return Ok(refuse(error.into())),
        };
        let ids = [
            ("dataSetId", input.data_set_id.as_str()),
            ("userId", input.user_id.as_str()),
        ];
        let store = &deps(ctx).store;
        Ok(
            match data_sets::set_member(store, viewer, set, user, input.role.into()).await {
                Ok((member, set)) => SetDataSetMemberPayload {
                    member: Some(DataSetMember(member)),
                    data_set: unless_own(viewer, user, set),
                    errors: Vec::new(),
                },
                Err(error) => refuse(admin_refused(ctx, error, &ids, Place::Input)?),
            },
        )
    }

    /// Ends a membership: what the user launched stays, and they no longer see it; their open
    /// streams end within five seconds. For admins of the data set. Its last admin is removed by
    /// server admins only.
    async fn remove_data_set_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who leaves which data set.")] input: RemoveDataSetMemberInput,
    ) -> Result<RemoveDataSetMemberPayload> {
        let viewer = viewer(ctx)?;
        let refuse = |error| RemoveDataSetMemberPayload {
            removed_member_id: None,
            data_set: None,
            errors: vec![error],
        };
        let (set, user) = match read(&input.data_set_id, &input.user_id) {
            Ok(ids) => ids,
            Err(error) => return Ok(refuse(error.into())),
        };
        let ids = [
            ("dataSetId", input.data_set_id.as_str()),
            ("userId", input.user_id.as_str()),
        ];
        Ok(
            match data_sets::remove_member(&deps(ctx).store, viewer, set, user).await {
                Ok((member, set)) => RemoveDataSetMemberPayload {
                    removed_member_id: Some(Kind::Member.format(member.id).into()),
                    data_set: unless_own(viewer, user, set),
                    errors: Vec::new(),
                },
                Err(error) => refuse(admin_refused(ctx, error, &ids, Place::Input)?),
            },
        )
    }
}

fn read(data_set: &ID, user: &ID) -> std::result::Result<(Uuid, Uuid), NotFoundError> {
    Ok((
        read_id(Kind::DataSet, data_set, Place::Input, "dataSetId")?,
        read_id(Kind::User, user, Place::Input, "userId")?,
    ))
}

// What the viewer may do is known from before this change: a data set resolved now would put
// their old role into the client's cache.
fn unless_own(viewer: &Viewer, user: Uuid, set: data_set::Model) -> Option<DataSet> {
    (user != viewer.user_id).then_some(DataSet(set))
}
