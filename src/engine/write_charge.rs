//! What a commit asks of the model of throughput before it is logged, and what it pays.
//!
//! Each item asks its table before it is looked at, so that a throttled write says nothing of its condition. A write whose
//! index entries change asks their global indexes once the changes are known: an index without capacity rejects the write,
//! although it is served apart from the table. What is throttled pays nothing; a failed condition pays for the item that
//! it was tested on.

use super::{
    catalog::TableState,
    engine::Engine,
    lock_set::PerItem,
    ring::key_ref,
    throughput::{place, reason, tokens},
    write::{StagedWrite, WriteOp, WriteOptions},
};
use crate::{
    admission::Throughput,
    capacity::{TOKENS_PER_UNIT, TableCapacity, Ticket, Use, write_units},
    error::{Error, ErrorKind, Result},
    item::ItemRef,
    schema::{EncodedKey, IndexKind},
    wal::record::Origin,
};

/// How the items of a commit are paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charge {
    /// Each by itself.
    #[default]
    Single,
    /// As parts of a transaction, which cost twice as much.
    Transaction,
    /// Not at all.
    Free,
}

impl Charge {
    fn factor(self) -> f64 {
        if self == Self::Transaction { 2.0 } else { 1.0 }
    }
}

/// What a commit pays, if it does.
pub(super) struct WriteCharge<'a> {
    engine: &'a Engine,
    model: &'a Throughput,
    charge: Charge,
    now_millis: u64,
    items: PerItem<ItemCharge>,
}

/// What an item of a commit pays.
#[derive(Default)]
struct ItemCharge {
    ticket: Option<Ticket>,
    /// Tokens of the table.
    cost: i64,
    /// Tokens of the table if the condition fails.
    cost_of_failure: i64,
    /// Tokens of global indexes, at the places of their entries.
    entries: Vec<(Ticket, EncodedKey, i64)>,
}

impl<'a> WriteCharge<'a> {
    /// What a commit asks; `None` if there is no model, or the commit is not a user's.
    #[inline]
    pub fn begin(engine: &'a Engine, options: &WriteOptions) -> Option<Self> {
        let model = engine.admission.throughput.as_ref()?;
        if options.charge == Charge::Free || options.origin != Origin::User {
            return None;
        }
        let now_millis = model.now_millis(&engine.options.clock);
        Some(Self { engine, model, charge: options.charge, now_millis, items: PerItem::new() })
    }

    fn capacity<'s>(&self, op: &WriteOp<'s>, state: &TableState) -> Option<&'s TableCapacity> {
        self.engine.capacity_of(self.model, op.slot, state, self.now_millis)
    }

    /// The next item asks its table. Errors: throttled.
    pub fn admit(&mut self, op: &WriteOp<'_>, state: &TableState) -> Result<()> {
        let mut item = ItemCharge::default();
        if let Some(capacity) = self.capacity(op, state) {
            let expected = tokens(self.charge.factor());
            match capacity.table.admit(Use::Write, place(key_ref(op.key)), expected, self.now_millis) {
                Ok(ticket) => item.ticket = Some(ticket),
                Err(limit) => {
                    self.items.push(item);
                    let reasons = vec![reason(&state.definition, None, true, limit)];
                    return Err(self.engine.throttled(self.model, &state.definition, reasons));
                }
            }
        }
        self.items.push(item);
        Ok(())
    }

    /// What was decided of the last item, which was `old`, unless a global index whose entries it changes has no throughput.
    pub fn admit_planned(
        &mut self,
        op: &WriteOp<'_>,
        state: &TableState,
        old: Option<&ItemRef>,
        planned: Result<StagedWrite>,
    ) -> Result<StagedWrite> {
        if let Some(item) = self.items.last_mut() {
            let bytes = old.map_or(0, ItemRef::size_bytes);
            item.cost_of_failure = tokens(self.charge.factor() * write_units(bytes, bytes));
        }
        let staged = planned?;
        self.admit_staged(op, state, &staged).map(|()| staged)
    }

    /// The last item asks the global indexes whose entries it changes. Errors: throttled.
    fn admit_staged(&mut self, op: &WriteOp<'_>, state: &TableState, staged: &StagedWrite) -> Result<()> {
        let Some(capacity) = self.capacity(op, state) else { return Ok(()) };
        let old_bytes = staged.old.as_ref().map_or(0, ItemRef::size_bytes);
        let new_bytes = staged.new.clone().map_or(0, |new| ItemRef::from_bytes(new).size_bytes());
        let mut cost = tokens(self.charge.factor() * write_units(old_bytes, new_bytes));
        let (mut entries, mut reasons) = (Vec::new(), Vec::new());
        let indexes = capacity.indexes();
        for change in &staged.indexes {
            let index = &state.definition.indexes[change.index];
            match index.kind {
                IndexKind::Local => cost += i64::from(change.units) * TOKENS_PER_UNIT,
                IndexKind::Expiry => {}
                IndexKind::Global => {
                    let Some((_, resource)) = indexes.iter().find(|(number, _)| *number == index.id) else { continue };
                    let put = change.put.as_ref().map(|(key, _)| (key, change.units - change.removed_units));
                    let removed = change.remove.as_ref().map(|key| (key, change.removed_units));
                    for (key, units) in put.into_iter().chain(removed) {
                        let cost = i64::from(units) * TOKENS_PER_UNIT;
                        match resource.admit(Use::Write, place(key_ref(key)), cost, self.now_millis) {
                            Ok(ticket) => entries.push((ticket, key.clone(), cost)),
                            Err(limit) => {
                                reasons.push(reason(&state.definition, Some(index), true, limit));
                                break;
                            }
                        }
                    }
                }
            }
        }
        if !reasons.is_empty() {
            return Err(self.engine.throttled(self.model, &state.definition, reasons));
        }
        if let Some(item) = self.items.last_mut() {
            (item.cost, item.entries) = (cost, entries);
        }
        Ok(())
    }

    /// The commit has been logged: every item pays.
    pub fn pay(&self, ops: &[WriteOp<'_>]) {
        for (item, op) in self.items.iter().zip(ops) {
            if let Some(ticket) = &item.ticket {
                ticket.debit(item.cost, place(key_ref(op.key)));
            }
            for (ticket, key, cost) in &item.entries {
                ticket.debit(*cost, place(key_ref(key)));
            }
        }
    }

    /// Nothing was written. Where it was for conditions that failed, each item pays what it would have cost, or what its
    /// condition was tested on; where it was for a lack of throughput, or for a mistake of the request, none does.
    pub fn pay_for_nothing(&self, ops: &[WriteOp<'_>], results: &[Result<StagedWrite>]) {
        let is_other = |error: &&Error| error.kind() != ErrorKind::ConditionFailed;
        if results.iter().filter_map(|result| result.as_ref().err()).any(|error| is_other(&error)) {
            return;
        }
        for ((item, op), result) in self.items.iter().zip(ops).zip(results) {
            if let Some(ticket) = &item.ticket {
                let cost = if result.is_err() { item.cost_of_failure } else { item.cost };
                ticket.debit(cost, place(key_ref(op.key)));
            }
        }
    }
}
