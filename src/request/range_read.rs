//! Queries of a transaction that runs as a closure: what is newest is read, and read again at the commit.
//!
//! Not only the items count as read, but the range: the commit holds the lock of its partition, reads the range again and
//! compares. An item that another writer put between two others meanwhile is a conflict, as one that was changed or
//! deleted is. What the closure itself wrote in the range is laid over what was read, and is not compared.
//!
//! A local index has its entries in the partitions of their items, and a commit writes both under one lock: a range of such
//! an index is read and compared as a range of the table is. The entries of a global index are written after the locks of
//! their items are released, so that no lock tells what the index holds at one moment: it is not read.

use super::{
    any::RequestRef,
    executor::{Executor, Request, Run},
    get_item::projected,
    page::{Page, PageOptions},
    page_charge::PageCharge,
    query::{Query, as_slice},
    sort_range::RangeBounds,
    table_ref::TableRef,
    target::Target,
    transact_write_items::MAX_TRANSACTION_BYTES,
    transaction::is_same,
};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    engine::{Engine, TableSlot, WriteAction},
    error::{Error, Result},
    index,
    item::ItemRef,
    partition::CollectionRange,
    schema::{EncodedKey, IndexKind, TableDefinition},
    service::{hides_expired, is_hidden},
};
use std::{collections::BTreeMap, sync::Arc};

/// A range of a table that a closure read.
#[derive(Debug)]
pub(crate) struct RangeRead {
    pub slot: Arc<TableSlot>,
    /// The place before the items of the partition key: what the commit locks.
    pub place: EncodedKey,
    query: Query<'static>,
    bounds: RangeBounds,
    /// Items that were asked for, deleted ones of the transaction included and hidden ones not.
    limit: usize,
    /// What the table had.
    items: Vec<ItemRef>,
}

impl RangeRead {
    /// Reads a range. `written` is the number of items that the closure has written so far: as many more are read as these may
    /// take away.
    pub fn new(executor: &Executor<'_>, query: Query<'static>, written: usize) -> Result<Self> {
        let slot = Arc::clone(&*query.table.resolve(executor.engine)?);
        let limit = match (query.options.limit, &query.options.filter) {
            (Some(limit), None) => limit.saturating_add(written),
            _ => usize::MAX, // with a filter, the limit is on what passes it
        };
        let (place, bounds) = {
            let target = Target::find(&slot, &query.options)?;
            check_transactional(&target, &query.options)?;
            let selection = query.selection(&target)?;
            (EncodedKey::from_parts(&selection.collection, &[]), selection.bounds)
        };
        let items = executor.execute(&QueryNewest { query: &query, limit })?.items;
        Ok(Self { slot, place, query, bounds, limit, items })
    }

    /// Whether the range still has what was read; the caller holds the lock of its partition.
    pub fn still_holds(&self, engine: &Engine) -> Result<bool> {
        let now = read(engine, &self.slot, &self.query, self.limit)?;
        let same = |(read, now): (&ItemRef, &ItemRef)| is_same(Some(read), Some(now));
        Ok(now.len() == self.items.len() && self.items.iter().zip(&now).all(same))
    }

    /// The range as the closure sees it: with what it wrote, filtered, projected and cut.
    pub fn present<'w>(
        &self,
        engine: &Engine,
        table: &TableDefinition,
        written: impl Iterator<Item = (&'w EncodedKey, &'w WriteAction)>,
    ) -> Result<Vec<ItemRef>> {
        let index = self.query.options.index.as_ref();
        let index = index.and_then(|name| table.indexes.iter().find(|index| index.name == *name));
        // Where an item is in the range, by its own key or by that of its entry.
        let place_of = |item: &ItemRef| match index {
            None => table.key_of_encoded(item),
            Some(index) => table.index_key(index, item),
        };
        let mut items: BTreeMap<Vec<u8>, (ItemRef, EncodedKey)> = BTreeMap::new();
        for item in &self.items {
            if let Some((place, key)) = place_of(item).zip(table.key_of_encoded(item)) {
                items.insert(place.sort().to_vec(), (item.clone(), key));
            }
        }
        for (key, action) in written.filter(|(_, action)| !matches!(action, WriteAction::Keep)) {
            items.retain(|_, (_, of_item)| of_item != key);
            let WriteAction::Put(bytes) = action else { continue };
            let item = ItemRef::from_bytes(bytes.clone());
            let entry = match index {
                None => Some((key.clone(), item)),
                Some(index) => {
                    index::entry(table, index, &item).map(|entry| (entry.key, ItemRef::from_bytes(entry.bytes)))
                }
            };
            if let Some((place, item)) = entry
                && *place.collection() == *self.place.collection()
                && self.bounds.contains(place.sort())
            {
                items.insert(place.sort().to_vec(), (item, key.clone()));
            }
        }
        let PageOptions { filter, projection, limit, .. } = &self.query.options;
        let seen = |item: &ItemRef| {
            !is_hidden(engine.options(), table, item) && filter.as_ref().is_none_or(|filter| filter.matches(Some(item)))
        };
        let mut in_order: Vec<ItemRef> = items.into_values().map(|(item, _)| item).filter(seen).collect();
        if !self.query.scan_index_forward {
            in_order.reverse();
        }
        in_order.truncate(limit.unwrap_or(usize::MAX));
        Ok(in_order.into_iter().map(|item| projected(item, projection.as_ref())).collect())
    }
}

/// Reads the newest versions of the items of a range, durable or not, expired or not. Expired ones that the database hides are
/// compared at the commit as others are, and do not count for the limit.
struct QueryNewest<'a> {
    query: &'a Query<'static>,
    limit: usize,
}

impl Request for QueryNewest<'_> {}
impl Run for QueryNewest<'_> {
    type Response = Page;
    fn run(&self, executor: &Executor<'_>) -> Result<Page> {
        let slot = self.query.table.resolve(executor.engine)?;
        let strength = ReadStrength::Transactional;
        let target = Target::find(&slot, &self.query.options)?;
        let selection = self.query.selection(&target)?;
        let charge = match executor.is_metered() {
            true => PageCharge::begin(executor, &slot, &target, strength, self.query.begin(&selection))?,
            false => None,
        };
        let items = read(executor.engine, &slot, self.query, self.limit)?;
        let bytes = items.iter().map(ItemRef::size_bytes).sum();
        let units = read_units(bytes, strength);
        if let Some(charge) = &charge {
            charge.pay(units, 0.0);
        }
        let consumed = match &self.query.options.index {
            None => Consumed::of_table(units),
            Some(index) => {
                let mut consumed = Consumed::of_table(0.0);
                consumed.local_indexes.push((index.clone().into_owned(), units));
                consumed
            }
        };
        Ok(Page::of(items, consumed))
    }
    fn is_in_transaction(&self) -> bool {
        true
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::Query(self.query)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        vec![&self.query.table]
    }
}

/// Rejects what no lock gives one moment of: a global index, and items of which a local index carries a part only.
fn check_transactional(target: &Target, options: &PageOptions<'_>) -> Result<()> {
    let Some(index) = target.definition() else { return Ok(()) };
    let name = &index.name;
    if index.kind == IndexKind::Global {
        return Err(Error::validation(format!(
            "a transaction cannot read the global secondary index {name}, whose entries follow their items; query the table \
             or a local secondary index"
        )));
    }
    if target.reads_whole_items(options) {
        return Err(Error::validation(format!(
            "a transaction reads from the index {name} what the index projects; get the rest by the keys of the items"
        )));
    }
    Ok(())
}

fn read(engine: &Engine, slot: &TableSlot, query: &Query<'_>, limit: usize) -> Result<Vec<ItemRef>> {
    let target = Target::find(slot, &query.options)?;
    let selection = query.selection(&target)?;
    target.check_paths(&query.options)?;
    target.check_filter_reads_no_key(query.options.filter.as_ref())?;
    let partition = target.ring().find(selection.token);
    let view = partition.pin();
    let descending = !query.scan_index_forward;
    let (lower, upper) = (as_slice(&selection.bounds.lower), as_slice(&selection.bounds.upper));
    let range = CollectionRange { token: selection.token, collection: &selection.collection, lower, upper, descending };
    let (mut items, mut bytes) = (Vec::new(), 0);
    let Some(mut cursor) = view.query_newest(&range, engine.wal().visible())? else { return Ok(items) };
    let (options, definition) = (engine.options(), &target.state.definition);
    let hides_expired = hides_expired(options, definition);
    let mut shown = 0;
    while shown < limit
        && let Some(item) = cursor.item()
    {
        shown += usize::from(!(hides_expired && is_hidden(options, definition, &item)));
        bytes += item.size_bytes();
        if bytes > MAX_TRANSACTION_BYTES {
            return Err(Error::validation(format!(
                "a query of a transaction reads at most {MAX_TRANSACTION_BYTES} bytes; give it a limit or a smaller range"
            )));
        }
        items.push(item);
        cursor.advance()?;
    }
    Ok(items)
}
