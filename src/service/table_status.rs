//! The time that a new table takes to become usable.

use crate::schema::{IndexStatus, TableDefinition, TableStatus};

/// The status of a table at a moment, if new tables take `creating_millis` to become usable.
pub fn status_at(table: &TableDefinition, now_millis: u64, creating_millis: u64) -> TableStatus {
    // A clock that was set back behind the creation hides no table.
    let age_millis = now_millis.checked_sub(table.created_millis);
    if table.status == TableStatus::Creating || age_millis.is_some_and(|age_millis| age_millis < creating_millis) {
        TableStatus::Creating
    } else if table.indexes.iter().any(|index| index.status != IndexStatus::Active) {
        TableStatus::Updating
    } else {
        table.status
    }
}
