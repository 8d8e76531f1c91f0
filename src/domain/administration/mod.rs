//! Administration: what people set up through the API. Server admins make users and data sets;
//! the admins of a data set manage its members, agents and records; everyone manages their own
//! tokens. What the viewer may not see answers like what is not there; what they see and may not
//! do is [`Error::NotAllowed`].
//!
//! The rules of names and limits stand in `people` and `records`, which the command line and the
//! agents' tools share. To add an operation: a function here that takes the viewer first.

pub mod agents;
pub mod data_sets;
pub mod records;
pub mod tokens;
pub mod users;

use uuid::Uuid;

use super::BadArgument;
use super::access::{Role, Viewer};
use super::{Fault, faults, people};
use crate::base::id::Kind;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not there, or not the viewer's to see.
    #[error("there is no such {argument}")]
    NotFound {
        /// Which argument named it.
        argument: &'static str,
        /// What was to be named.
        kind: Kind,
    },
    /// The user is no member of the data set, whether or not there is such a user.
    #[error("the user is no member of the data set")]
    NotMember,
    /// The viewer may not do that.
    #[error("{message}")]
    NotAllowed {
        /// Which argument asks for it; none where the whole is not theirs to do.
        argument: Option<&'static str>,
        /// Who may.
        message: &'static str,
    },
    /// An argument out of its limits.
    #[error(transparent)]
    Argument(#[from] BadArgument),
    /// The name is used already.
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    /// A fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

faults!(Error);

impl From<people::Error> for Error {
    fn from(error: people::Error) -> Self {
        match error {
            people::Error::NameTaken(name) => Self::NameTaken(name),
            people::Error::Fault(fault) => Self::Fault(fault),
            bad @ (people::Error::BadName | people::Error::NotFound(_)) => {
                Self::Argument(BadArgument::new("name", bad.to_string()))
            }
        }
    }
}

/// What only server admins do.
fn require_server_admin(viewer: &Viewer, message: &'static str) -> Result<(), Error> {
    if viewer.is_server_admin {
        Ok(())
    } else {
        Err(Error::NotAllowed {
            argument: None,
            message,
        })
    }
}

/// What only the admins of a data set do: not found for those who do not see it.
fn require_admin(
    viewer: &Viewer,
    data_set: Uuid,
    argument: &'static str,
    kind: Kind,
    message: &'static str,
) -> Result<(), Error> {
    match viewer.role(data_set) {
        Some(Role::Admin) => Ok(()),
        Some(Role::Member) => Err(Error::NotAllowed {
            argument: Some(argument),
            message,
        }),
        None => Err(Error::NotFound { argument, kind }),
    }
}
