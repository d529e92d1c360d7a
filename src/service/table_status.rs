//! The time that a new table takes to become usable.

use crate::schema::{IndexStatus, TableDefinition, TableStatus};

/// Whether a table is being created: it is being filled, or new tables take `creating_millis` to become usable and this one is
/// younger. The time is asked for in the second case only.
#[inline]
pub fn is_creating(table: &TableDefinition, creating_millis: u64, now_millis: impl FnOnce() -> u64) -> bool {
    // A clock that was set back behind the creation hides no table.
    let is_young =
        || now_millis().checked_sub(table.created_millis).is_some_and(|age_millis| age_millis < creating_millis);
    table.status == TableStatus::Creating || (creating_millis > 0 && is_young())
}

/// The status of a table at a moment, if new tables take `creating_millis` to become usable.
pub fn status_at(table: &TableDefinition, creating_millis: u64, now_millis: impl FnOnce() -> u64) -> TableStatus {
    if is_creating(table, creating_millis, now_millis) {
        TableStatus::Creating
    } else if table.indexes.iter().any(|index| index.status != IndexStatus::Active) {
        TableStatus::Updating
    } else {
        table.status
    }
}
