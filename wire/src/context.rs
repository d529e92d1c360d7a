//! What an operation works on, and as whom.

use crate::{arn::Owner, profile::Profile, timing::Timing};
use hashrange::{Database, capacity::Quotas};

/// What operations need besides the request.
pub(crate) struct Context<'p> {
    pub(crate) database: &'p Database,
    pub(crate) owner: &'p Owner,
    pub(crate) profile: Profile,
    pub(crate) timing: Timing,
}

impl Context<'_> {
    /// The time, in milliseconds since 1970.
    pub(crate) fn now_millis(&self) -> u64 {
        self.database.clock().now_millis()
    }

    /// Quotas of the account.
    pub(crate) fn quotas(&self) -> Quotas {
        self.database.opened_with().capacity.map_or_else(Quotas::default, |model| model.quotas)
    }

    /// Whether a change that began at a moment, if it did, and takes so long goes on.
    pub(crate) fn is_under_way(&self, began_millis: impl Into<Option<u64>>, takes_millis: u64) -> bool {
        self.timing.is_under_way(began_millis, takes_millis, self.now_millis())
    }
}
