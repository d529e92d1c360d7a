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
        KeyPosition, ReadStrength, Resource, ResourceLimits, TOKENS_PER_UNIT, TableCapacity, TableLimits,
        ThroughputMode, ThroughputReport, Ticket, Use, VirtualPartitionReport, throttled,
    },
    error::{Error, Result, ThrottledLimit, ThrottlingReason},
    ledger::RequestLabel,
    partition::KeyRef,
    schema::{BillingMode, IndexDefinition, IndexKind, ProvisionedThroughput, TableDefinition, UnitPair},
};
use std::sync::Arc;

/// What a table or index on demand is ready for from its beginning, in read and write units a second.
const ON_DEMAND_READY: (u64, u64) = (12_000, 4_000);

/// A read of an item or of a range, as the model and the ledger see it.
#[derive(Clone, Copy)]
pub struct ReadAccess<'a> {
    /// The table.
    pub slot: &'a TableSlot,
    /// The table's definition.
    pub state: &'a TableState,
    /// Position of the index that is read.
    pub index: Option<usize>,
    /// The item, or where the range begins.
    pub key: KeyRef<'a>,
    /// Whether it is one item.
    pub is_whole_key: bool,
    /// How strong the read is.
    pub strength: ReadStrength,
    /// Whose request it is part of.
    pub label: RequestLabel,
}

impl<'a> ReadAccess<'a> {
    /// A read of an item of a table.
    pub fn of_item(
        slot: &'a TableSlot,
        state: &'a TableState,
        key: KeyRef<'a>,
        strength: ReadStrength,
        label: RequestLabel,
    ) -> Self {
        Self { slot, state, index: None, key, is_whole_key: true, strength, label }
    }
    /// How it uses a partition.
    fn use_of_table(&self) -> Use {
        if self.strength == ReadStrength::Eventual { Use::EventualRead } else { Use::StrongRead }
    }
    /// The global index that is read; a local one draws on its table.
    fn global_index(&self) -> Option<&'a IndexDefinition> {
        let index = self.index.map(|at| &self.state.definition.indexes[at]);
        index.filter(|index| index.kind == IndexKind::Global)
    }
}

/// A read that was admitted, and has to pay.
pub struct ReadTicket(Ticket);

impl ReadTicket {
    /// The read cost so many units at a place.
    fn debit(&self, units: f64, key: KeyRef<'_>) {
        self.0.debit(tokens(units), place(key));
    }
    /// First token of the virtual partition that admitted it.
    fn partition(&self) -> u64 {
        self.0.start().map_or(0, |start| start.token)
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

pub(super) fn place(key: KeyRef<'_>) -> KeyPosition<'_> {
    KeyPosition { token: key.token, collection: key.collection, sort: key.sort }
}

impl Engine {
    /// Whether requests ask for throughput, or what they consume is noted.
    #[inline]
    pub fn is_metered(&self) -> bool {
        self.admission.is_metered
    }

    /// Admits a read that is expected to cost so many units. `None` if there is no model, or none for this table. Errors:
    /// throttled.
    #[inline]
    pub fn admit_read(&self, read: &ReadAccess<'_>, units: f64) -> Result<Option<ReadTicket>> {
        match &self.admission.throughput {
            None => Ok(None),
            Some(model) => self.admit_modelled_read(model, read, units),
        }
    }

    fn admit_modelled_read(&self, model: &Throughput, read: &ReadAccess<'_>, units: f64) -> Result<Option<ReadTicket>> {
        let ReadAccess { slot, state, key, .. } = *read;
        let definition = &*state.definition;
        let now_millis = model.now_millis(&self.options.clock);
        let Some(capacity) = self.capacity_of(model, slot, state, now_millis) else { return Ok(None) };
        let of = read.use_of_table();
        let index = read.global_index();
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
            Err(rejected) => {
                self.note_throttled_read(read, rejected);
                Err(self.throttled(model, definition, vec![reason(definition, index, false, rejected.limit)]))
            }
        }
    }

    /// A read that was admitted, if it had to be, cost so many units.
    #[inline]
    pub fn pay_read(&self, read: &ReadAccess<'_>, ticket: Option<&ReadTicket>, units: f64) {
        if let Some(ticket) = ticket {
            ticket.debit(units, read.key);
        }
        if self.admission.ledger.is_some() {
            self.note_read(read, ticket.map(ReadTicket::partition), units);
        }
    }

    /// Admits a read that has been done, and makes it pay. Errors: throttled.
    #[inline]
    pub fn charge_read(&self, read: &ReadAccess<'_>, units: f64) -> Result<()> {
        if let Some(model) = &self.admission.throughput
            && model.gives_leases
            && let Some(capacity) = read.slot.capacity.get()
            && let Some(partition) = capacity.table.pay_leased(read.use_of_table(), read.key.token, tokens(units))
        {
            if self.admission.ledger.is_some() {
                self.note_read(read, Some(partition), units);
            }
            return Ok(());
        }
        self.ask_for_read(read, units)
    }

    /// The same for a read that the thread has taken nothing ahead for. Its next ones may have it.
    fn ask_for_read(&self, read: &ReadAccess<'_>, units: f64) -> Result<()> {
        let ticket = self.admit_read(read, units)?;
        self.pay_read(read, ticket.as_ref(), units);
        if let (Some(model), Some(ReadTicket(ticket))) = (&self.admission.throughput, &ticket)
            && model.gives_leases
            && let Some(capacity) = read.slot.capacity.get()
        {
            capacity.table.lease(ticket, read.key.token);
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
        let limits = self.limits_of(state, now_millis.saturating_add(model.model().update_millis));
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
        self.note_table(slot);
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

    /// What a table, or the global index with a number, may use.
    pub fn resource_limits(&self, state: &TableState, index: Option<u32>) -> ResourceLimits {
        let limits = self.limits_of(state, 0);
        let of_index =
            |number: u32| limits.indexes.iter().find(|(known, _)| *known == number).map(|(_, limits)| *limits);
        index.and_then(of_index).unwrap_or(limits.table)
    }

    /// First tokens of the partitions of a table, or of the index at a position: of virtual ones where throughput is modelled,
    /// else of those that hold the items.
    pub fn partition_starts(&self, slot: &TableSlot, state: &TableState, index: Option<usize>) -> Vec<u64> {
        let ring = index.map_or(&state.ring, |at| &state.index_rings[at]);
        let held = || ring.all().iter().map(|partition| partition.first_token).collect();
        let Some(model) = &self.admission.throughput else { return held() };
        let now_millis = model.now_millis(&self.options.clock);
        let Some(capacity) = self.capacity_of(model, slot, state, now_millis) else { return held() };
        let global = index.map(|at| &state.definition.indexes[at]).filter(|index| index.kind == IndexKind::Global);
        let report = match global {
            None => Some(capacity.table.report(None, now_millis)),
            Some(index) => capacity.index(index.id).map(|resource| resource.report(None, now_millis)),
        };
        let starts = |partitions: Vec<VirtualPartitionReport>| -> Vec<u64> {
            let mut starts: Vec<u64> = partitions.iter().map(|partition| partition.first_token).collect();
            starts.dedup(); // a collection that was cut has several at its token
            starts
        };
        report.map_or_else(held, |report| starts(report.partitions))
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
