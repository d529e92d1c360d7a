//! What accesses consume is noted in the ledger, if there is one; see [`ledger`](crate::ledger).

use super::{
    catalog::{TableSlot, TableState},
    engine::Engine,
    throughput::{ReadAccess, place, tokens},
};
use crate::{
    capacity::Rejected,
    error::{Error, Result},
    ledger::{Access, HeatReport, Ledger, Recorder, RequestLabel, SizedTable},
    partition::KeyRef,
    schema::IndexKind,
};
use std::sync::Arc;

/// Thousandths of units.
pub(super) fn milliunits(units: f64) -> u64 {
    u64::try_from(tokens(units)).unwrap_or(0)
}

impl Engine {
    /// Where accesses are noted, if they are.
    pub fn recorder(&self) -> Option<&Arc<Recorder>> {
        self.admission.ledger.as_ref()
    }

    /// A table is there, as it is now.
    pub(super) fn note_table(&self, slot: &TableSlot) {
        if let Some(ledger) = &self.admission.ledger {
            ledger.follow(&slot.state().definition, self.options.clock.now_millis());
        }
    }

    /// A table is gone.
    pub(super) fn note_dropped(&self, table: u32) {
        if let Some(ledger) = &self.admission.ledger {
            ledger.forget(table, self.options.clock.now_millis());
        }
    }

    /// An item was deleted since its time to live had ended.
    pub fn note_expired(&self, table: u32) {
        if let Some(ledger) = &self.admission.ledger {
            ledger.expired(table, self.options.clock.coarse_millis());
        }
    }

    #[cold]
    pub(super) fn note_read(&self, read: &ReadAccess<'_>, partition: Option<u64>, units: f64) {
        let Some(ledger) = &self.admission.ledger else { return };
        let (resource, ring) = match read.index {
            None => (read.state.definition.id, &read.state.ring),
            Some(at) => (read.state.definition.indexes[at].id, &read.state.index_rings[at]),
        };
        let partition = partition.unwrap_or_else(|| ring.find(read.key.token).first_token);
        let (place, is_whole_key) = (place(read.key), read.is_whole_key);
        let access = Access { resource, place, partition, is_whole_key, is_write: false };
        ledger.used(read.label, &access, milliunits(units), self.options.clock.coarse_millis());
    }

    #[cold]
    pub(super) fn note_throttled_read(&self, read: &ReadAccess<'_>, rejected: Rejected) {
        let Some(ledger) = &self.admission.ledger else { return };
        // A local index draws on its table.
        let global = read.index.filter(|at| read.state.definition.indexes[*at].kind == IndexKind::Global);
        let definition = &read.state.definition;
        let resource = global.map_or(definition.id, |at| definition.indexes[at].id);
        let (place, is_whole_key) = (place(read.key), read.is_whole_key);
        let access = Access { resource, place, partition: rejected.partition, is_whole_key, is_write: false };
        ledger.throttled(read.label, &access, rejected.limit, true, self.options.clock.coarse_millis());
    }

    /// A write of an item, or of the entry of an index at a position, consumed so many thousandths of a unit.
    pub(super) fn note_write(
        &self,
        label: RequestLabel,
        state: &TableState,
        index: Option<usize>,
        key: KeyRef<'_>,
        (partition, milliunits): (Option<u64>, u64),
    ) {
        let Some(ledger) = &self.admission.ledger else { return };
        let access = write_access(state, index, key, partition);
        ledger.used(label, &access, milliunits, self.options.clock.coarse_millis());
    }

    /// A write of an item, or of the entry of an index at a position, was throttled.
    #[cold]
    pub(super) fn note_throttled_write(
        &self,
        label: RequestLabel,
        state: &TableState,
        index: Option<usize>,
        key: KeyRef<'_>,
        rejected: Rejected,
    ) {
        let Some(ledger) = &self.admission.ledger else { return };
        let access = write_access(state, index, key, Some(rejected.partition));
        // What a global index rejects says nothing of the keys of its table, nor was its own key asked for.
        ledger.throttled(label, &access, rejected.limit, index.is_none(), self.options.clock.coarse_millis());
    }

    /// A copy of the ledger. Errors: the database keeps none.
    pub fn ledger(&self) -> Result<Ledger> {
        let recorder = self.admission.ledger.as_ref().ok_or_else(no_ledger)?;
        let mut sizes = SizedTable::new();
        for slot in self.tables.load().by_id.values() {
            sizes.extend(self.counts_of(&slot.state()));
        }
        Ok(recorder.ledger(&sizes, self.options.clock.now_millis()))
    }

    /// Which keys and partitions of a table are hot. Errors: the database keeps no ledger, or has no such table.
    pub fn heat(&self, table: &str) -> Result<HeatReport> {
        let recorder = self.admission.ledger.as_ref().ok_or_else(no_ledger)?;
        let slot = self.table(table).ok_or_else(|| Error::no_table_named(table))?;
        Ok(recorder.heat(&slot.state().definition))
    }
}

fn write_access<'a>(state: &TableState, index: Option<usize>, key: KeyRef<'a>, partition: Option<u64>) -> Access<'a> {
    let (resource, ring) = match index {
        None => (state.definition.id, &state.ring),
        Some(at) => (state.definition.indexes[at].id, &state.index_rings[at]),
    };
    let partition = partition.unwrap_or_else(|| ring.find(key.token).first_token);
    Access { resource, place: place(key), partition, is_whole_key: true, is_write: true }
}

fn no_ledger() -> Error {
    Error::validation("the database keeps no ledger; open it with OpenOptions::ledger")
}
