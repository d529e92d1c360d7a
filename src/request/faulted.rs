//! What a request is about, as rules of faults see it, and how a fault rejects it.

use super::{
    BatchWriteItem, TransactGetItems, TransactWriteItem, TransactWriteItems, WriteRequest, any::RequestRef,
    asks::key_text, hook::Call, key::RequestKey, table_ref::TableRef, transact_write_items::throttling_reason,
};
use crate::{
    error::{CancellationReason, Error},
    faults::{FaultSubject, Faults, Plan},
    item::Item,
    schema::TableDefinition,
};

/// What a model of faults has for a request.
pub fn plan(faults: &Faults, call: &Call<'_>) -> Plan {
    let places = FaultSubjects { call, with_keys: faults.asks_for_keys() }.all();
    let by_item = matches!(
        call.request,
        RequestRef::BatchGetItem(_)
            | RequestRef::BatchWriteItem(_)
            | RequestRef::TransactGetItems(_)
            | RequestRef::TransactWriteItems(_)
    );
    faults.plan(call.request.operation(), &places, by_item)
}

/// Why a request is not carried out at all. Items of a batch that are throttled leave the others to be done.
pub fn refusal(plan: &mut Plan, call: &Call<'_>) -> Option<Error> {
    if let Some(error) = plan.failure.take() {
        return Some(error);
    }
    let actions = match call.request {
        RequestRef::TransactGetItems(transaction) => transaction.gets.len(),
        RequestRef::TransactWriteItems(transaction) => transaction.actions.len(),
        _ => return None,
    };
    if plan.throttled.is_empty() {
        return None;
    }
    let reason = |at: usize| {
        let error = plan.throttled.iter().find(|(known, _)| *known == at).map(|(_, error)| error);
        error.and_then(throttling_reason).unwrap_or_else(CancellationReason::none)
    };
    Some(Error::transaction_canceled((0..actions).map(reason).collect()))
}

/// Where a request is at.
struct FaultSubjects<'c> {
    call: &'c Call<'c>,
    /// Whether keys are wanted as text, which costs an allocation each.
    with_keys: bool,
}

impl FaultSubjects<'_> {
    fn all(&self) -> Vec<FaultSubject> {
        let page = |table: &TableRef<'_>, key: Option<String>| vec![self.place(table, key, false)];
        match self.call.request {
            RequestRef::GetItem(get) => vec![self.of_key(&get.table, &get.key, false)],
            RequestRef::PutItem(put) => vec![self.of_item(&put.table, &put.item)],
            RequestRef::UpdateItem(update) => vec![self.of_key(&update.table, &update.key, true)],
            RequestRef::DeleteItem(delete) => vec![self.of_key(&delete.table, &delete.key, true)],
            RequestRef::Query(query) => {
                let values = self.definition(&query.table).filter(|_| self.with_keys).and_then(|definition| {
                    let index = query.options.index.as_deref().and_then(|name| definition.index(name));
                    let hash = match index {
                        Some(index) if !index.hash.is_empty() => index.hash.as_slice(),
                        _ => std::slice::from_ref(&definition.key.hash),
                    };
                    let sort = index.map_or(definition.key.range.as_slice(), |index| &index.range);
                    query.key.partition_values(hash, sort)
                });
                page(&query.table, values.and_then(|values| values.first().and_then(key_text)))
            }
            RequestRef::Scan(scan) => page(&scan.table, None),
            RequestRef::BatchGetItem(batch) => {
                let of_table = batch.tables.iter();
                let keys =
                    of_table.flat_map(|entry| entry.keys.iter().map(|key| self.of_key(&entry.table, key, false)));
                keys.collect()
            }
            RequestRef::BatchWriteItem(BatchWriteItem { writes, .. }) => {
                let place = |(table, write): &(TableRef<'_>, WriteRequest<'_>)| match write {
                    WriteRequest::Put(item) => self.of_item(table, item),
                    WriteRequest::Delete(key) => self.of_key(table, key, true),
                };
                writes.iter().map(place).collect()
            }
            RequestRef::TransactGetItems(TransactGetItems { gets }) => {
                gets.iter().map(|get| self.of_key(&get.table, &get.key, false)).collect()
            }
            RequestRef::TransactWriteItems(TransactWriteItems { actions, .. }) => {
                let place = |action: &TransactWriteItem<'_>| match action {
                    TransactWriteItem::ConditionCheck(check) => self.of_key(&check.table, &check.key, true),
                    TransactWriteItem::Put(put) => self.of_item(&put.table, &put.item),
                    TransactWriteItem::Update(update) => self.of_key(&update.table, &update.key, true),
                    TransactWriteItem::Delete(delete) => self.of_key(&delete.table, &delete.key, true),
                };
                actions.iter().map(place).collect()
            }
        }
    }

    fn definition(&self, table: &TableRef<'_>) -> Option<&TableDefinition> {
        let name = table.name();
        self.call.tables.iter().find(|definition| definition.name == *name).map(|definition| &**definition)
    }
    fn place(&self, table: &TableRef<'_>, key: Option<String>, is_write: bool) -> FaultSubject {
        FaultSubject { table: table.name().into_owned(), key, is_write }
    }
    fn of_key(&self, table: &TableRef<'_>, key: &RequestKey<'_>, is_write: bool) -> FaultSubject {
        let definition = self.definition(table).filter(|_| self.with_keys);
        let text = definition.and_then(|definition| {
            let attributes = key.attributes(definition).ok()?;
            attributes.get(&definition.key.hash.name).and_then(key_text)
        });
        self.place(table, text, is_write)
    }
    fn of_item(&self, table: &TableRef<'_>, item: &Item) -> FaultSubject {
        let definition = self.definition(table).filter(|_| self.with_keys);
        let text = definition.and_then(|definition| item.get(&definition.key.hash.name).and_then(key_text));
        self.place(table, text, true)
    }
}
