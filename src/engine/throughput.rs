//! Requests ask the model of throughput, if there is one, and pay what they cost; see [`capacity`](crate::capacity).
//!
//! Reads and writes of a table draw on the table, those of a local index too; a global index has throughput of its own. The
//! database's own tables, its sweeper and its replay ask nothing.

use super::{
    catalog::{TableSlot, TableState},
    engine::Engine,
};
use crate::{
    admission::Throughput,
    capacity::{
        Place, ReadStrength, Resource, ResourceLimits, TOKENS_PER_UNIT, TableCapacity, TableLimits, ThroughputMode,
        ThroughputReport, Ticket, Use, throttled,
    },
    error::{Error, Result, ThrottledLimit, ThrottlingReason},
    partition::KeyRef,
    schema::{BillingMode, IndexDefinition, IndexKind, ProvisionedThroughput, TableDefinition, UnitPair},
};
use std::sync::Arc;

/// What a table or index on demand is ready for from its beginning, in read and write units a second.
const ON_DEMAND_READY: (u64, u64) = (12_000, 4_000);

/// A read that was admitted, and has to pay.
pub struct ReadTicket(Ticket);

impl ReadTicket {
    /// The read cost so many units at a place.
    pub fn debit(&self, units: f64, key: KeyRef<'_>) {
        self.0.debit(tokens(units), place(key));
    }
    /// Whether a place belongs to the virtual partition that admitted the read.
    pub fn covers(&self, key: KeyRef<'_>) -> bool {
        let at = place(key);
        self.0.start().is_none_or(|start| start <= at) && self.0.next_start().is_none_or(|next| at < next)
    }
}

/// Tokens for units.
#[expect(clippy::cast_possible_truncation, reason = "an operation costs some thousand units at most, in halves")]
pub(super) fn tokens(units: f64) -> i64 {
    (units * TOKENS_PER_UNIT as f64) as i64
}

pub(super) fn place(key: KeyRef<'_>) -> Place<'_> {
    Place { token: key.token, collection: key.collection, sort: key.sort }
}

impl Engine {
    /// Whether there is a model of throughput.
    #[inline]
    pub fn models_throughput(&self) -> bool {
        self.admission.throughput.is_some()
    }

    /// Admits a read of a table, or of the index at a position, that is expected to cost so many units. `None` if there is
    /// no model, or none for this table. Errors: throttled.
    #[inline]
    pub fn admit_read(
        &self,
        slot: &TableSlot,
        state: &TableState,
        index: Option<usize>,
        key: KeyRef<'_>,
        (strength, units): (ReadStrength, f64),
    ) -> Result<Option<ReadTicket>> {
        match &self.admission.throughput {
            None => Ok(None),
            Some(model) => self.admit_modelled_read(model, slot, state, index, key, (strength, units)),
        }
    }

    fn admit_modelled_read(
        &self,
        model: &Throughput,
        slot: &TableSlot,
        state: &TableState,
        index: Option<usize>,
        key: KeyRef<'_>,
        (strength, units): (ReadStrength, f64),
    ) -> Result<Option<ReadTicket>> {
        let definition = &*state.definition;
        let now_millis = model.now_millis(&self.options.clock);
        let Some(capacity) = self.capacity_of(model, slot, state, now_millis) else { return Ok(None) };
        let of = if strength == ReadStrength::Eventual { Use::EventualRead } else { Use::StrongRead };
        let index = index.map(|at| &definition.indexes[at]).filter(|index| index.kind == IndexKind::Global);
        let admit = |resource: &Resource| resource.admit(of, place(key), tokens(units), now_millis);
        let admitted = match index {
            None => admit(&capacity.table),
            Some(index) => match capacity.indexes().iter().find(|(number, _)| *number == index.id) {
                Some((_, resource)) => admit(resource),
                None => return Ok(None),
            },
        };
        match admitted {
            Ok(ticket) => Ok(Some(ReadTicket(ticket))),
            Err(limit) => Err(self.throttled(model, definition, vec![reason(definition, index, false, limit)])),
        }
    }

    /// Admits a read that has been done, and makes it pay. Errors: throttled.
    #[inline]
    pub fn charge_read(
        &self,
        slot: &TableSlot,
        state: &TableState,
        key: KeyRef<'_>,
        (strength, units): (ReadStrength, f64),
    ) -> Result<()> {
        if let Some(ticket) = self.admit_read(slot, state, None, key, (strength, units))? {
            ticket.debit(units, key);
        }
        Ok(())
    }

    /// The error for reasons, of which there is at least one.
    pub(super) fn throttled(
        &self,
        model: &Throughput,
        table: &TableDefinition,
        reasons: Vec<ThrottlingReason>,
    ) -> Error {
        throttled(reasons, table.billing == BillingMode::PayPerRequest, model.model())
    }

    /// What the model has for a table, which follows the table's definition; `None` for the database's own tables.
    #[inline]
    pub(super) fn capacity_of<'s>(
        &self,
        model: &Throughput,
        slot: &'s TableSlot,
        state: &TableState,
        now_millis: u64,
    ) -> Option<&'s TableCapacity> {
        match slot.capacity.get() {
            Some(capacity) if capacity.is_of(state.definition.changed_seqno) => Some(capacity),
            _ => self.follow_definition(model, slot, state, now_millis),
        }
    }

    #[cold]
    fn follow_definition<'s>(
        &self,
        model: &Throughput,
        slot: &'s TableSlot,
        state: &TableState,
        now_millis: u64,
    ) -> Option<&'s TableCapacity> {
        if state.definition.is_internal() {
            return None;
        }
        let limits = self.limits_of(state, now_millis + model.model().update_millis);
        let make = || {
            let seed = model.model().seed ^ u64::from(state.definition.id);
            Box::new(TableCapacity::new(model.model().clone(), &limits, seed, now_millis))
        };
        let capacity = slot.capacity.get_or_init(make);
        capacity.set_limits(&limits, now_millis);
        Some(capacity)
    }

    /// A table has been created or changed: its throughput follows, from now or, if changes take time, from then on.
    pub(super) fn follow_table(&self, slot: &TableSlot) {
        if let Some(model) = &self.admission.throughput {
            let now_millis = model.now_millis(&self.options.clock);
            self.capacity_of(model, slot, &slot.state(), now_millis);
        }
    }

    fn limits_of(&self, state: &TableState, from_millis: u64) -> TableLimits {
        let table = &*state.definition;
        let keeps_collections = table.indexes.iter().any(|index| index.kind == IndexKind::Local);
        let settings = &table.settings;
        let mut of_table = limits(table.billing, table.throughput, settings.on_demand_limit, settings.warm_throughput);
        of_table.keeps_collections = keeps_collections;
        of_table.size_bytes = self.counts(&state.ring).1;
        let globals = table.indexes.iter().zip(&state.index_rings).filter(|(index, _)| index.kind == IndexKind::Global);
        let indexes = globals.map(|(index, ring)| {
            let settings = table.settings.index(&index.name);
            let throughput = index.throughput.unwrap_or(table.throughput);
            let mut of_index = limits(table.billing, throughput, settings.on_demand_limit, settings.warm_throughput);
            of_index.size_bytes = self.counts(ring).1;
            (index.id, of_index)
        });
        TableLimits { version: table.changed_seqno, table: of_table, indexes: indexes.collect(), from_millis }
    }

    /// Throughput of a table as the model has it; `None` without a model. Errors: there is no such table.
    pub fn throughput_report(&self, table: &str) -> Result<Option<ThroughputReport>> {
        let slot = self.table(table).ok_or_else(|| Error::no_table_named(table))?;
        let Some(model) = &self.admission.throughput else { return Ok(None) };
        let now_millis = model.now_millis(&self.options.clock);
        let state: Arc<TableState> = arc_swap::Guard::into_inner(slot.state());
        let Some(capacity) = self.capacity_of(model, &slot, &state, now_millis) else { return Ok(None) };
        let indexes = &state.definition.indexes;
        let name = |number: u32| indexes.iter().find(|index| index.id == number).map(|index| index.name.clone());
        Ok(Some(capacity.report(name, now_millis)))
    }
}

/// What has no capacity.
pub(super) fn reason(
    table: &TableDefinition,
    index: Option<&IndexDefinition>,
    is_write: bool,
    limit: ThrottledLimit,
) -> ThrottlingReason {
    ThrottlingReason::new(table.name.clone(), index.map(|index| index.name.clone()), is_write, limit)
}

fn limits(billing: BillingMode, throughput: ProvisionedThroughput, most: UnitPair, warm: UnitPair) -> ResourceLimits {
    let (mode, least) = match billing {
        BillingMode::Provisioned => {
            let (read_units, write_units) =
                (throughput.read_units_per_sec.max(1), throughput.write_units_per_sec.max(1));
            (ThroughputMode::Provisioned { read_units, write_units }, (read_units, write_units))
        }
        BillingMode::PayPerRequest => {
            let (max_read_units, max_write_units) = (most.read_units_per_sec, most.write_units_per_sec);
            (ThroughputMode::OnDemand { max_read_units, max_write_units }, ON_DEMAND_READY)
        }
    };
    ResourceLimits {
        mode,
        warm_read_units: warm.read_units_per_sec.unwrap_or(0).max(least.0),
        warm_write_units: warm.write_units_per_sec.unwrap_or(0).max(least.1),
        size_bytes: 0,
        keeps_collections: false,
    }
}
