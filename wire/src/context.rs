//! What an operation works on, and as whom.

use crate::{
    arn::Owner,
    jobs::{JobBoard, Jobs},
    kms::{Availability, KeyService},
    objects::ObjectStore,
    profile::Profile,
    timing::Timing,
};
use hashrange::{Database, RestrictedDatabase, capacity::Quotas, regions::World, schema::TableDefinition};
use std::sync::Arc;

/// What operations need besides the request.
pub(crate) struct Context<'p> {
    /// Policies decide on its requests for items, if there is a principal.
    pub(crate) database: &'p Database,
    /// The same database without policies, for what is done on behalf of the account.
    pub(crate) root: &'p Database,
    /// Where exports go and imports come from.
    pub(crate) objects: Option<&'p Arc<dyn ObjectStore>>,
    /// The jobs of this process.
    pub(crate) board: &'p Arc<JobBoard>,
    /// The database as the principal sees it, if policies decide.
    pub(crate) restricted: Option<&'p RestrictedDatabase>,
    pub(crate) owner: &'p Owner,
    pub(crate) profile: Profile,
    pub(crate) timing: Timing,
    /// The keys that tables can be encrypted with, if they are modelled.
    pub(crate) keys: Option<&'p KeyService>,
    /// The regions that the database is one of, if there are several.
    pub(crate) world: Option<&'p World>,
}

impl Context<'_> {
    /// The time, in milliseconds since 1970.
    pub(crate) fn now_millis(&self) -> u64 {
        self.database.clock().now_millis()
    }

    /// Backups and jobs, with what they need.
    pub(crate) fn jobs(&self) -> Jobs {
        Jobs {
            database: self.root.clone(),
            objects: self.objects.cloned(),
            timing: self.timing,
            board: self.board.clone(),
        }
    }

    /// Quotas of the account.
    pub(crate) fn quotas(&self) -> Quotas {
        self.database.opened_with().capacity.map_or_else(Quotas::default, |model| model.quotas)
    }

    /// What the state of its key means for a table.
    pub(crate) fn availability(&self, table: &TableDefinition) -> Availability {
        self.keys.map_or_else(Availability::default, |keys| keys.availability(table))
    }

    /// Whether a change of a table that began at a moment, if it did, and takes so long goes on, or for as long as a model of
    /// faults wants it.
    pub(crate) fn is_changing(&self, table: &str, began_millis: Option<u64>, takes_millis: u64) -> bool {
        let faulty_millis = self.database.updating_millis(table);
        let age_millis = began_millis.and_then(|began_millis| self.now_millis().checked_sub(began_millis));
        age_millis.is_some_and(|age_millis| age_millis < faulty_millis) || self.is_under_way(began_millis, takes_millis)
    }

    /// Whether a change that began at a moment, if it did, and takes so long goes on.
    pub(crate) fn is_under_way(&self, began_millis: impl Into<Option<u64>>, takes_millis: u64) -> bool {
        self.timing.is_under_way(began_millis, takes_millis, self.now_millis())
    }
}
