//! Tables that no schema change touches for the time of a request.

use super::{
    catalog::{TableSlot, TableState},
    engine::Engine,
    lock_set::PerItem,
};
use crate::{error::Result, schema::TableDefinition, sync::OrderedReadGuard};
use std::sync::Arc;

/// A table at one moment, borrowed.
pub(super) type TableStateGuard = arc_swap::Guard<Arc<TableState>>;

/// The tables of a commit as they are, and stay until this is dropped: a schema change waits for it. So what a request was
/// checked against is what it is logged under.
pub struct HeldTables<'s> {
    pub(super) gate: OrderedReadGuard<'s, ()>,
    pub(super) states: PerItem<TableStateGuard>,
}

impl HeldTables<'_> {
    /// The definition of a table, by its position.
    #[inline]
    pub fn definition(&self, at: usize) -> &Arc<TableDefinition> {
        &self.states[at].definition
    }
}

impl Engine {
    /// Holds tables for a commit, once there is room for one in memory. Errors: a table was deleted; the database was closed;
    /// there is no room since flushes fail.
    pub fn hold_tables<'t>(&self, slots: impl IntoIterator<Item = &'t TableSlot>) -> Result<HeldTables<'_>> {
        self.begin_session()?;
        self.apply_backpressure()?;
        let gate = self.tables.schema_gate.read();
        let mut states = PerItem::new();
        for slot in slots {
            slot.check_alive()?;
            states.push(slot.state());
        }
        Ok(HeldTables { gate, states })
    }
}
