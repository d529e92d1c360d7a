//! What a commit asks of the model of throughput before it is logged, and what it pays.
//!
//! Each item asks its table before it is looked at, so that a throttled write says nothing of its condition. A write whose
//! index entries change asks their global indexes once the changes are known: an index without capacity rejects the write,
//! although it is served apart from the table. What is throttled pays nothing; a failed condition pays for the item that
//! it was tested on, or for the one that was to be put, if that is larger.

use super::{
    catalog::TableState,
    engine::Engine,
    held::TableStateGuard,
    lock_set::PerItem,
    ring::key_ref,
    staged_write::StagedWrite,
    throughput::{place, reason, tokens},
    write::{WriteOp, WriteOptions},
};
use crate::{
    admission::Throughput,
    capacity::{Rejected, TOKENS_PER_UNIT, TableCapacity, Ticket, Use, write_units},
    error::{Detail, Error, ErrorKind, Result},
    item::ItemRef,
    ledger::RequestLabel,
    schema::{EncodedKey, IndexKind},
    wal::record::Origin,
};

/// How the items of a commit are paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charge {
    /// Each by itself.
    #[default]
    Single,
    /// Each by itself, once more: where there is no capacity, that was noted before.
    Again,
    /// As parts of a transaction, which cost twice as much.
    Transaction,
    /// Each by itself, though there is no capacity: what has to be written now, and is only noted.
    Unasked,
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
    /// `None` if what is consumed is only noted.
    model: Option<&'a Throughput>,
    charge: Charge,
    label: RequestLabel,
    now_millis: u64,
    items: PerItem<ItemCharge>,
}

/// What an item of a commit pays.
#[derive(Default)]
struct ItemCharge {
    ticket: Option<Ticket>,
    /// Tokens of the table, entries of local indexes included.
    cost: i64,
    /// Tokens of the table if the condition fails.
    cost_of_failure: i64,
    entries: Vec<EntryCharge>,
}

/// What an index entry of an item pays: a global index's by itself, a local one's as a part of what its table pays.
struct EntryCharge {
    ticket: Option<Ticket>,
    /// Position of the index.
    index: usize,
    is_local: bool,
    key: EncodedKey,
    cost: i64,
}

impl<'a> WriteCharge<'a> {
    /// What a commit asks; `None` if there is neither a model nor a ledger, or the commit is not a user's.
    #[inline]
    pub fn begin(engine: &'a Engine, options: &WriteOptions) -> Option<Self> {
        if !engine.admission.is_metered {
            return None;
        }
        if options.charge == Charge::Free || options.origin != Origin::User || options.is_dry_run {
            return None;
        }
        let model = engine.admission.throughput.as_ref().filter(|_| options.charge != Charge::Unasked);
        let now_millis = model.map_or(0, |model| model.now_millis(&engine.options.clock));
        let (charge, label) = (options.charge, options.label);
        Some(Self { engine, model, charge, label, now_millis, items: PerItem::new() })
    }

    fn capacity<'s>(&self, op: &WriteOp<'s>, state: &TableState) -> Option<(&'a Throughput, &'s TableCapacity)> {
        let model = self.model?;
        Some((model, self.engine.capacity_of(model, op.slot, state, self.now_millis)?))
    }

    fn note_throttled(&self, state: &TableState, index: Option<usize>, key: &EncodedKey, rejected: Rejected) {
        if self.charge != Charge::Again {
            self.engine.note_throttled_write(self.label, state, index, key_ref(key), rejected);
        }
    }

    /// The next item asks its table. Errors: throttled.
    pub fn admit(&mut self, op: &WriteOp<'_>, state: &TableState) -> Result<()> {
        let mut item = ItemCharge::default();
        if let Some((model, capacity)) = self.capacity(op, state) {
            let expected = tokens(self.charge.factor());
            match capacity.table.admit(Use::Write, place(key_ref(op.key)), expected, self.now_millis) {
                Ok(ticket) => item.ticket = Some(ticket),
                Err(rejected) => {
                    self.items.push(item);
                    self.note_throttled(state, None, op.key, rejected);
                    let reasons = vec![reason(&state.definition, None, true, rejected.limit)];
                    return Err(self.engine.throttled(model, &state.definition, reasons));
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
            let wanted = match planned.as_ref().err().and_then(Error::detail) {
                Some(Detail::ConditionFailed { put_bytes, .. }) => put_bytes.unwrap_or(0),
                _ => 0,
            };
            item.cost_of_failure = tokens(self.charge.factor() * write_units(bytes, wanted));
        }
        let staged = planned?;
        self.admit_staged(op, state, &staged).map(|()| staged)
    }

    /// The last item asks the global indexes whose entries it changes. Errors: throttled.
    fn admit_staged(&mut self, op: &WriteOp<'_>, state: &TableState, staged: &StagedWrite) -> Result<()> {
        let old_bytes = staged.old.as_ref().map_or(0, ItemRef::size_bytes);
        let new_bytes = staged.new.clone().map_or(0, |new| ItemRef::from_bytes(new).size_bytes());
        let mut cost = tokens(self.charge.factor() * write_units(old_bytes, new_bytes));
        let (mut entries, mut reasons) = (Vec::new(), Vec::new());
        if !staged.indexes.is_empty() {
            let capacity = self.capacity(op, state);
            for change in &staged.indexes {
                let index = &state.definition.indexes[change.index];
                if index.kind == IndexKind::Expiry {
                    continue;
                }
                let is_local = index.kind == IndexKind::Local;
                let put = change.put.as_ref().map(|(key, _)| (key, change.units - change.removed_units));
                let removed = change.remove.as_ref().map(|key| (key, change.removed_units));
                for (key, units) in put.into_iter().chain(removed) {
                    let of_entry = i64::from(units) * TOKENS_PER_UNIT;
                    if is_local {
                        cost += of_entry;
                    }
                    let resource = capacity.filter(|_| !is_local).map(|(_, capacity)| capacity.index(index.id));
                    let ticket = match resource
                        .flatten()
                        .map(|resource| resource.admit(Use::Write, place(key_ref(key)), of_entry, self.now_millis))
                    {
                        None => None,
                        Some(Ok(ticket)) => Some(ticket),
                        Some(Err(rejected)) => {
                            self.note_throttled(state, Some(change.index), key, rejected);
                            reasons.push(reason(&state.definition, Some(index), true, rejected.limit));
                            break;
                        }
                    };
                    let key = key.clone();
                    entries.push(EntryCharge { ticket, index: change.index, is_local, key, cost: of_entry });
                }
            }
        }
        if let (false, Some(model)) = (reasons.is_empty(), self.model) {
            return Err(self.engine.throttled(model, &state.definition, reasons));
        }
        if let Some(item) = self.items.last_mut() {
            (item.cost, item.entries) = (cost, entries);
        }
        Ok(())
    }

    /// The commit has been logged: every item pays.
    pub fn pay(&self, ops: &[WriteOp<'_>], states: &[TableStateGuard]) {
        for ((item, op), state) in self.items.iter().zip(ops).zip(states) {
            let mut own_cost = item.cost;
            for entry in &item.entries {
                if let Some(ticket) = &entry.ticket {
                    ticket.debit(entry.cost, place(key_ref(&entry.key)));
                }
                if entry.is_local {
                    own_cost -= entry.cost;
                }
                self.note(state, Some(entry.index), &entry.key, entry.ticket.as_ref(), entry.cost);
            }
            if let Some(ticket) = &item.ticket {
                ticket.debit(item.cost, place(key_ref(op.key)));
            }
            self.note(state, None, op.key, item.ticket.as_ref(), own_cost);
        }
    }

    /// Nothing was written. Where it was for conditions that failed, each item pays what it would have cost, or what its
    /// condition was tested on; where it was for a lack of throughput, or for a mistake of the request, none does.
    pub fn pay_for_nothing(&self, ops: &[WriteOp<'_>], states: &[TableStateGuard], results: &[Result<StagedWrite>]) {
        let is_other = |error: &&Error| error.kind() != ErrorKind::ConditionFailed;
        if results.iter().filter_map(|result| result.as_ref().err()).any(|error| is_other(&error)) {
            return;
        }
        for (((item, op), state), result) in self.items.iter().zip(ops).zip(states).zip(results) {
            let cost = if result.is_err() { item.cost_of_failure } else { item.cost };
            if let Some(ticket) = &item.ticket {
                ticket.debit(cost, place(key_ref(op.key)));
            }
            self.note(state, None, op.key, item.ticket.as_ref(), cost);
        }
    }

    /// Notes what was paid.
    #[inline]
    fn note(&self, state: &TableState, index: Option<usize>, key: &EncodedKey, ticket: Option<&Ticket>, cost: i64) {
        if self.engine.admission.ledger.is_some() && !state.definition.is_internal() {
            let partition = ticket.and_then(Ticket::start).map(|start| start.token);
            let milliunits = u64::try_from(cost).unwrap_or(0);
            self.engine.note_write(self.label, state, index, key_ref(key), (partition, milliunits));
        }
    }
}
