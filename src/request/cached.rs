//! Requests that a cache may answer: what is looked up, what is stored, and what a write replaces.
//!
//! The door asks here once policies have decided, so that a cache shows no principal what it may not see. What no cache
//! answers goes on to faults, hooks and the database. Strongly consistent reads and transactions that read pass through:
//! they neither look nor store. A write goes to the database first; if it succeeds, the item is read again and replaces
//! what the cache had of it. What a transaction wrote is read by a transaction of its own, which costs units.

use super::{
    BatchGetItem, BatchGetOutput, GetItem, GetOutput, KeysAndAttributes, MAX_BATCH_GET_KEYS, Page, PageOptions, Query,
    RequestKey, Scan, Select, TransactGetItem, TransactGetItems, TransactWriteItem, TransactWriteItems,
    batch_get_item::MAX_BATCH_BYTES,
    executor::{Executor, Run},
    fingerprint::Encoder,
    get_item::{projected, read},
    key_paths::check_projection_paths,
    query::as_slice,
    table_ref::TableRef,
    target::Target,
    write_output::add_consumed,
};
use crate::{
    cache::{CacheUse, Cluster, Found, ItemKey, Miss, ResultKind},
    capacity::{Consumed, ReadStrength},
    engine::TableSlot,
    error::{ErrorKind, Result},
    expression::ProjectionExpression,
    item::{Item, ItemRef, encode_item},
    schema::{EncodedKey, TableDefinition},
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{collections::HashSet, ops::Bound, sync::Arc};

/// The cache in front of a database, as a handle reaches it.
#[derive(Clone)]
pub(crate) struct CacheAccess {
    pub cluster: Arc<Cluster<Page>>,
    /// The node that all requests go to; if absent, each goes to one by chance.
    pub node: Option<usize>,
    /// Where it is noted how the cache answered.
    pub seen: Option<Arc<Mutex<CacheUse>>>,
}

/// A request on its way: what is in front of it and what is behind.
pub struct Behind<'a> {
    executor: &'a Executor<'a>,
    access: &'a CacheAccess,
    node: usize,
    now_millis: u64,
}

impl<'a> Behind<'a> {
    pub(super) fn new(executor: &'a Executor<'a>, access: &'a CacheAccess) -> Self {
        let node = access.node.unwrap_or_else(|| access.cluster.choose());
        let now_millis = access.cluster.now_millis(&executor.engine.options().clock);
        Self { executor, access, node, now_millis }
    }
    /// Carries out what the cache did not answer.
    pub(super) fn pass<R: Run + ?Sized>(&self, request: &R) -> Result<R::Response> {
        self.executor.execute_behind_cache(request)
    }
    /// Carries out what is not for the cache.
    pub(super) fn pass_through<R: Run + ?Sized>(&self, request: &R) -> Result<R::Response> {
        self.access.cluster.note_passed_through();
        self.pass(request)
    }
    /// Looks for an item; `live` reads what the database has, where that is wanted.
    fn item(
        &self,
        key: &ItemKey,
        projection: &[u8],
        live: impl FnOnce() -> Option<ItemRef>,
    ) -> std::result::Result<Option<ItemRef>, Miss> {
        let (found, miss) = match self.access.cluster.item(self.node, key, projection, self.now_millis) {
            Ok(found) => (Some(found), Miss::default()),
            Err(miss) => (None, miss),
        };
        self.see(found, |value| live() != *value).ok_or(miss)
    }
    /// Stores what was read after a miss.
    fn fill(&self, miss: Miss, place: (ItemKey, Vec<u8>), item: Option<&ItemRef>) {
        self.access.cluster.fill_item((self.node, miss), place, item.map(own), self.now_millis);
    }
    fn see<T>(&self, found: Option<Found<T>>, is_stale: impl FnOnce(&T) -> bool) -> Option<T> {
        if let Some(seen) = &self.access.seen {
            let is_stale = found.as_ref().is_some_and(|found| is_stale(&found.value));
            let mut seen = seen.lock();
            seen.hits += u32::from(found.is_some());
            seen.misses += u32::from(found.is_none());
            seen.stale += u32::from(is_stale);
            seen.oldest_millis = seen.oldest_millis.max(found.as_ref().map_or(0, |found| found.age_millis));
        }
        found.map(|found| found.value)
    }
    /// What the database has at a place now, as far as it was asked for.
    fn live(&self, table: &TableRef<'_>, key: &ItemKey, wanted: Option<&ProjectionExpression>) -> Option<ItemRef> {
        let slot = table.resolve(self.executor.engine).ok()?;
        let item = read(self.executor.engine, &slot, &key.key).ok().flatten()?;
        Some(projected(item, wanted))
    }
    /// An item was written: what the database has now replaces what the cache had.
    pub(super) fn replace(&self, table: &TableRef<'_>, key_of: impl FnOnce(&TableDefinition) -> Result<EncodedKey>) {
        self.learn(table, true, key_of);
    }
    /// An item was written, or may have been: what the database has now replaces what the cache had, or nothing does.
    pub(super) fn learn(
        &self,
        table: &TableRef<'_>,
        is_read: bool,
        key_of: impl FnOnce(&TableDefinition) -> Result<EncodedKey>,
    ) {
        let Ok(slot) = table.resolve(self.executor.engine) else { return };
        let (table, key) = {
            let state = slot.state();
            let Ok(key) = key_of(&state.definition) else { return };
            (state.definition.id, key)
        };
        let key = ItemKey { table, key };
        let cluster = &self.access.cluster;
        let storing = cluster.storing([&key]);
        // What cannot be read now is asked for again by the next reader.
        let found = is_read.then(|| read(self.executor.engine, &slot, &key.key).ok()).flatten();
        let item = found.map(|item| item.as_ref().map(own));
        cluster.replace_item((Some(self.node), &storing), key, item, self.now_millis);
    }
}

/// The same item in memory of its own. One that was read shares a page of a run or a part of the log, which the cache would
/// keep in memory as a whole.
fn own(item: &ItemRef) -> ItemRef {
    ItemRef::from_bytes(Bytes::copy_from_slice(&item.to_inline_bytes()))
}

/// The place of an item, and what its entry is found by besides: the paths that are wanted.
fn item_key(
    executor: &Executor<'_>,
    table: &TableRef<'_>,
    key: &RequestKey<'_>,
    projection: Option<&ProjectionExpression>,
) -> Result<(ItemKey, Vec<u8>)> {
    let slot = table.resolve(executor.engine)?;
    slot.check_alive()?;
    let definition = slot.key_definition();
    let mut out = Encoder(Vec::new());
    if projection.is_some() {
        check_projection_paths(&slot.state().definition, projection)?;
        paths(&mut out, projection);
    }
    Ok((ItemKey { table: definition.id, key: key.encode(definition)? }, out.0))
}

/// The paths of a projection in an order of their own: two that name the same in another order ask for the same.
fn paths(out: &mut Encoder, projection: Option<&ProjectionExpression>) {
    let Some(projection) = projection else { return };
    let mut paths: Vec<_> = projection.paths().iter().collect();
    paths.sort_unstable();
    out.list(paths, Encoder::path);
}

/// The item with a key, if a cache answers for it and nothing else wants to see the request: what [`get`] does where it finds the
/// whole item, without the request. A key that is not sound finds nothing here; the request that follows rejects it.
#[inline]
pub(crate) fn hit_by_key(
    executor: &Executor<'_>,
    slot: &TableSlot,
    encode: impl FnOnce(&TableDefinition) -> Result<EncodedKey>,
) -> Option<Option<ItemRef>> {
    let access = executor.cache_alone()?;
    slot.check_alive().ok()?;
    let definition = slot.key_definition();
    let key = ItemKey { table: definition.id, key: encode(definition).ok()? };
    let now_millis = access.cluster.now_millis(&executor.engine.options().clock);
    access.cluster.hit(&key, now_millis)
}

/// Gets an item from the cache, or through it.
pub(super) fn get(request: &GetItem<'_>, behind: &Behind<'_>) -> Result<GetOutput> {
    if request.consistent_read {
        return behind.pass_through(request);
    }
    let GetItem { table, key, projection, .. } = request;
    let projection = projection.as_ref();
    // A request that is wrong is rejected behind the cache, by all of its checks in their order.
    let Ok((key, wanted)) = item_key(behind.executor, table, key, projection) else { return behind.pass(request) };
    let miss = match behind.item(&key, &wanted, || behind.live(table, &key, projection)) {
        Ok(item) => return Ok(GetOutput::of(item, ReadStrength::Cached)),
        Err(miss) => miss,
    };
    let output = behind.pass(request)?;
    behind.fill(miss, (key, wanted), output.item.as_ref());
    Ok(output)
}

/// Reads a page of a query from the cache, or through it.
pub(super) fn query(request: &Query<'_>, behind: &Behind<'_>) -> Result<Page> {
    let key = || {
        let slot = request.table.resolve(behind.executor.engine)?;
        let target = Target::find(&slot, &request.options)?;
        let selection = request.selection(&target)?;
        let mut out = page_key(&target, &request.options);
        out.bytes(&selection.collection);
        for bound in [&selection.bounds.lower, &selection.bounds.upper] {
            match as_slice(bound) {
                Bound::Unbounded => out.tag(0),
                Bound::Included(bytes) => {
                    out.tag(1);
                    out.bytes(bytes);
                }
                Bound::Excluded(bytes) => {
                    out.tag(2);
                    out.bytes(bytes);
                }
            }
        }
        out.tag(u8::from(request.scan_index_forward));
        Ok(out.0)
    };
    page(request, &request.options, ResultKind::Query, key, behind)
}

/// Reads a page of a scan from the cache, or through it.
pub(super) fn scan(request: &Scan<'_>, behind: &Behind<'_>) -> Result<Page> {
    let key = || {
        let slot = request.table.resolve(behind.executor.engine)?;
        let target = Target::find(&slot, &request.options)?;
        let mut out = page_key(&target, &request.options);
        let (segment, of) = request.segment.unwrap_or((0, 0));
        out.bytes(&[segment.to_le_bytes(), of.to_le_bytes()].concat());
        Ok(out.0)
    };
    page(request, &request.options, ResultKind::Scan, key, behind)
}

/// What a page is found by: everything that decides what is in it. A scan's begins like a query's, and never equals one.
fn page_key(target: &Target, options: &PageOptions<'_>) -> Encoder {
    let definition = &target.state.definition;
    let mut out = Encoder(definition.id.to_le_bytes().to_vec());
    out.0.extend_from_slice(&target.definition().map_or(0, |index| index.id).to_le_bytes());
    out.tag(match options.select {
        Select::Default => 0,
        Select::AllAttributes => 1,
        Select::Count => 2,
    });
    out.bytes(&options.limit.unwrap_or(0).to_le_bytes());
    out.list(options.filter.as_ref().map(crate::expression::Condition::tree), Encoder::condition);
    out.tag(u8::from(options.projection.is_some()));
    paths(&mut out, options.projection.as_ref());
    for key in [&options.exclusive_start_key, &options.exclusive_end_key] {
        out.list(key.as_deref(), |out, key: &Item| out.bytes(&encode_item(key)));
    }
    out
}

/// Bytes that a page takes besides its items, about.
const PAGE_BYTES: usize = 240;

fn page<R: Run<Response = Page>>(
    request: &R,
    options: &PageOptions<'_>,
    kind: ResultKind,
    key: impl FnOnce() -> Result<Vec<u8>>,
    behind: &Behind<'_>,
) -> Result<Page> {
    if options.consistent_read {
        return behind.pass_through(request);
    }
    let Ok(mut key) = key() else { return behind.pass(request) };
    key.push(kind as u8);
    let cluster = &behind.access.cluster;
    let found = cluster.page(behind.node, kind, &key, behind.now_millis);
    let is_other = |page: &Page| {
        let live = request.run(&behind.executor.for_dry_run());
        live.is_ok_and(|live| (live.count, live.items) != (page.count, page.items.clone()))
    };
    if let Some(mut page) = behind.see(found, is_other) {
        page.consumed = Consumed::of_table(0.0);
        return Ok(page);
    }
    let page = behind.pass(request)?;
    let bytes = page.items.iter().map(ItemRef::size_bytes).sum::<usize>() + PAGE_BYTES;
    cluster.fill_page(behind.node, key, page.with_items(own), bytes, behind.now_millis);
    Ok(page)
}

/// A key of a batch: what its entry is found by, if it may come from the cache, and what came from there.
struct Wanted {
    cached_as: Option<(Miss, (ItemKey, Vec<u8>))>,
    found: Option<Option<ItemRef>>,
}

/// Gets the items of a batch from the cache, and what is not there through it.
pub(super) fn batch_get(request: &BatchGetItem<'_>, behind: &Behind<'_>) -> Result<BatchGetOutput> {
    let Some(mut wanted) = look_up(request, behind)? else { return behind.pass(request) };
    let positions = wanted.iter().enumerate().flat_map(|(at, keys)| (0..keys.len()).map(move |key| (at, key)));
    let missing: Vec<(usize, usize)> = positions.filter(|(at, key)| wanted[*at][*key].found.is_none()).collect();
    let mut output = BatchGetOutput::default();
    for entry in &request.tables {
        output.items.push((entry.table.name().into_owned(), Vec::new()));
        output.unprocessed.push(Vec::new());
        add_consumed(&mut output.consumed, &entry.table.name(), &Consumed::of_table(0.0));
    }
    if !missing.is_empty() {
        let one = |(at, key): &(usize, usize)| {
            let KeysAndAttributes { table, keys, projection, consistent_read } = &request.tables[*at];
            let (table, keys, projection) = (table.clone(), vec![keys[*key].clone()], projection.clone());
            KeysAndAttributes { table, keys, projection, consistent_read: *consistent_read }
        };
        let rest = BatchGetItem::new(missing.iter().map(one));
        let has_hits = wanted.iter().flatten().any(|key| key.found.is_some());
        match behind.pass(&rest) {
            Ok(read) => take_in(read, &missing, &mut wanted, &mut output, behind),
            // What the cache has is answered all the same.
            Err(error) if error.kind() == ErrorKind::Throttled && has_hits => {
                missing.iter().for_each(|(at, key)| output.unprocessed[*at].push(*key));
            }
            Err(error) => return Err(error),
        }
    }
    fit(wanted, &mut output);
    Ok(output)
}

/// Takes items while there is room for them in the response, as a batch does that no cache answers.
fn fit(wanted: Vec<Vec<Wanted>>, output: &mut BatchGetOutput) {
    let mut room = MAX_BATCH_BYTES;
    let of_tables = output.items.iter_mut().zip(&mut output.unprocessed);
    for (keys, ((_, items), unprocessed)) in wanted.into_iter().zip(of_tables) {
        for (at, item) in keys.into_iter().enumerate().filter_map(|(at, key)| Some((at, key.found??))) {
            if item.size_bytes() > room {
                room = 0;
                unprocessed.push(at);
                continue;
            }
            room -= item.size_bytes();
            items.push(item);
        }
        unprocessed.sort_unstable();
    }
}

/// What the cache has of a batch. `None` if the batch is wrong: it is rejected behind the cache.
fn look_up(request: &BatchGetItem<'_>, behind: &Behind<'_>) -> Result<Option<Vec<Vec<Wanted>>>> {
    let count: usize = request.tables.iter().map(|entry| entry.keys.len()).sum();
    if count == 0 || count > MAX_BATCH_GET_KEYS {
        return Ok(None);
    }
    let mut known = HashSet::new();
    let mut places = Vec::new();
    for entry in &request.tables {
        for key in &entry.keys {
            match item_key(behind.executor, &entry.table, key, entry.projection.as_ref()) {
                Ok(place) if known.insert((place.0.table, place.0.key.clone())) => places.push(place),
                _ => return Ok(None),
            }
        }
    }
    let mut places = places.into_iter();
    let mut all = Vec::new();
    for entry in &request.tables {
        let mut keys = Vec::new();
        if entry.consistent_read {
            behind.access.cluster.note_passed_through();
        }
        for (key, projection) in places.by_ref().take(entry.keys.len()) {
            if entry.consistent_read {
                keys.push(Wanted { cached_as: None, found: None });
                continue;
            }
            let live = || behind.live(&entry.table, &key, entry.projection.as_ref());
            let found = behind.item(&key, &projection, live);
            let miss = found.as_ref().err().copied().unwrap_or_default();
            keys.push(Wanted { cached_as: Some((miss, (key, projection))), found: found.ok() });
        }
        all.push(keys);
    }
    Ok(Some(all))
}

/// Takes in what was read behind the cache, one entry a key.
fn take_in(
    read: BatchGetOutput,
    missing: &[(usize, usize)],
    wanted: &mut [Vec<Wanted>],
    output: &mut BatchGetOutput,
    behind: &Behind<'_>,
) {
    for (name, consumed) in &read.consumed {
        add_consumed(&mut output.consumed, name, consumed);
    }
    for (((_, items), left_over), (at, key)) in read.items.into_iter().zip(&read.unprocessed).zip(missing) {
        if !left_over.is_empty() {
            output.unprocessed[*at].push(*key);
            continue;
        }
        let (item, wanted) = (items.into_iter().next(), &mut wanted[*at][*key]);
        if let Some((miss, place)) = wanted.cached_as.take() {
            behind.fill(miss, place, item.as_ref());
        }
        wanted.found = Some(item);
    }
}

/// Carries out a transaction that writes, and then reads what it wrote, for the cache.
pub(super) fn transact_write(request: &TransactWriteItems<'_>, behind: &Behind<'_>) -> Result<super::TransactOutput> {
    let output = behind.pass(request)?;
    let engine = behind.executor.engine;
    let (mut gets, mut keys) = (Vec::new(), Vec::new());
    for action in &request.actions {
        let (table, key): (&TableRef<'_>, Result<EncodedKey>) = match action {
            TransactWriteItem::ConditionCheck(_) => continue,
            TransactWriteItem::Put(put) => (&put.table, encode(engine, &put.table, |of| of.key_of_item(&put.item))),
            TransactWriteItem::Update(update) => {
                (&update.table, encode(engine, &update.table, |of| update.key.encode(of)))
            }
            TransactWriteItem::Delete(delete) => {
                (&delete.table, encode(engine, &delete.table, |of| delete.key.encode(of)))
            }
        };
        let (Ok(key), Ok(slot)) = (key, table.resolve(engine)) else { continue };
        keys.push(ItemKey { table: slot.state().definition.id, key: key.clone() });
        gets.push(TransactGetItem::new(table.clone(), RequestKey::encoded(key)));
    }
    if keys.is_empty() {
        return Ok(output);
    }
    let cluster = &behind.access.cluster;
    let storing = cluster.storing(&keys);
    let mut items =
        behind.pass(&TransactGetItems::new(gets)).map_or_else(|_| Vec::new(), |read| read.items).into_iter();
    for key in keys {
        // What cannot be read now is asked for again by the next reader.
        let item = items.next().map(|item| item.as_ref().map(own));
        cluster.replace_item((None, &storing), key, item, behind.now_millis);
    }
    Ok(output)
}

fn encode(
    engine: &crate::engine::Engine,
    table: &TableRef<'_>,
    key_of: impl FnOnce(&TableDefinition) -> Result<EncodedKey>,
) -> Result<EncodedKey> {
    key_of(&table.resolve(engine)?.state().definition)
}
