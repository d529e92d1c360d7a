//! What an operation works on, and as whom.

use crate::{arn::Owner, profile::Profile};
use hashrange::Database;

/// What operations need besides the request.
pub(crate) struct Context<'p> {
    pub(crate) database: &'p Database,
    pub(crate) owner: &'p Owner,
    pub(crate) profile: Profile,
}
