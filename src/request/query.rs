//! Query: the items of one collection in the order of their sort keys.

use super::{
    any::RequestRef,
    cached::{self, Behind},
    executor::{Executor, Request, Run},
    lagged_read::LaggedRead,
    page::{Page, PageBuilder, PageOptions},
    query_key::{QueryKey, Selection},
    table_ref::TableRef,
    target::Target,
};
use crate::{
    error::{Error, Result},
    item::Item,
    partition::{CollectionRange, KeyRef, MergeCursor},
    schema::{EncodedKey, KeyAttribute},
};
use std::{cell::Cell, mem::replace, ops::Bound};

/// Reads a page of the items, or entries of an index, of one partition key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Query<'a> {
    /// The table.
    pub table: TableRef<'a>,
    /// Which items: what the attributes of the key must be.
    pub key: QueryKey,
    /// Ascending order of the sort key.
    pub scan_index_forward: bool,
    /// What shall be read, and how it is presented.
    pub options: PageOptions<'a>,
}

impl<'a> Query<'a> {
    /// Reads the items with these values of the key attributes.
    #[inline]
    pub fn new(table: impl Into<TableRef<'a>>, key: impl Into<QueryKey>) -> Self {
        Self { table: table.into(), key: key.into(), scan_index_forward: true, options: PageOptions::new() }
    }
}

impl Request for Query<'_> {}
impl Run for Query<'_> {
    type Response = Page;
    fn run(&self, executor: &Executor<'_>) -> Result<Page> {
        self.read::<false>(executor, &mut 0)
    }
    fn run_cached(&self, behind: &Behind<'_>) -> Result<Page> {
        cached::query(self, behind)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::Query(self)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        vec![&self.table]
    }
}

/// A query that reads a part of a page: the page ends after 1 MB of all its parts. The service's operation has no such member:
/// it is how statements read several ranges.
#[derive(Debug)]
pub(crate) struct PartQuery<'a> {
    query: Query<'a>,
    bytes: Cell<usize>,
}

impl<'a> PartQuery<'a> {
    /// A part behind others, which have so many bytes.
    pub fn new(query: Query<'a>, bytes: usize) -> Self {
        Self { query, bytes: Cell::new(bytes) }
    }
    /// Bytes of the parts, with this one once it was read.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }
}

impl Request for PartQuery<'_> {}
impl Run for PartQuery<'_> {
    type Response = Page;
    fn run(&self, executor: &Executor<'_>) -> Result<Page> {
        let mut bytes = self.bytes.get();
        let page = self.query.read::<true>(executor, &mut bytes)?;
        self.bytes.set(bytes);
        Ok(page)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::Query(&self.query)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        self.query.tables()
    }
}

/// Behind every sort key of a collection, as far as it matters which virtual partition that is in.
const LAST_SORT_KEY: [u8; 8] = [u8::MAX; 8];

impl Query<'_> {
    /// Reads a page. `bytes` is what earlier parts of the page have; this part adds its own. A part reads item after item: so the
    /// compiler makes the loop of whole pages for one caller only, and keeps it inline.
    #[inline(always)]
    fn read<const IS_PART: bool>(&self, executor: &Executor<'_>, bytes: &mut usize) -> Result<Page> {
        let (engine, options) = (executor.engine, &self.options);
        let slot = self.table.resolve(engine)?;
        let target = Target::find(&slot, options)?;
        // The order of the checks is DynamoDB's.
        target.check_readable(options)?;
        if let Some(start) = &options.exclusive_start_key {
            target.place_of(start)?;
        }
        let mut selection = self.select(&target)?;
        target.check_paths(options)?;
        self.narrow(&target, &mut selection)?;
        if options.filter.is_some() {
            target.check_filter_reads_no_key(options.filter.as_ref())?;
            target.check_filter_is_projected(options)?;
        }
        let mut builder = PageBuilder::new(executor, &slot, &target, options);
        builder.begin_at(self.begin(&selection))?;
        builder.go_on_behind(*bytes);
        let partition = target.ring().find(selection.token);
        let view = partition.pin();
        let (visible, descending) = (engine.wal().visible(), !self.scan_index_forward);
        let range = CollectionRange {
            token: selection.token,
            collection: &selection.collection,
            lower: as_slice(&selection.bounds.lower),
            upper: as_slice(&selection.bounds.upper),
            descending,
        };
        let selects = |key: &EncodedKey| key.collection() == range.collection && selection.bounds.contains(key.sort());
        if let Some(lagged) = LaggedRead::of(engine, &target, descending, selects) {
            push_lagged(&mut builder, &target, lagged, view.query(&range, visible)?)?;
        } else {
            let stepped_over = if IS_PART || builder.is_charged() {
                push_charged(&mut builder, view.query(&range, visible)?)?
            } else {
                view.query_each(&range, visible, &mut builder)?
            };
            if stepped_over > 0 {
                engine.stepped_over(target.ring(), &partition, stepped_over);
            }
        }
        let before = replace(bytes, builder.bytes());
        Ok(builder.finish_behind(before))
    }

    #[inline(always)]
    fn select(&self, target: &Target) -> Result<Selection<'_>> {
        let definition = &target.state.definition;
        let (hash, sort): (&[KeyAttribute], &[KeyAttribute]) = match target.definition() {
            Some(index) => (&index.hash, &index.range),
            None => (std::slice::from_ref(&definition.key.hash), definition.key.range.as_slice()),
        };
        self.key.select(target.space(), hash, sort, target.index.is_none())
    }

    /// What is selected, and has not been read by the pages before.
    pub(super) fn selection(&self, target: &Target) -> Result<Selection<'_>> {
        let mut selection = self.select(target)?;
        self.narrow(target, &mut selection)?;
        Ok(selection)
    }

    /// Where the page begins.
    pub(super) fn begin<'s>(&self, selection: &'s Selection<'_>) -> KeyRef<'s> {
        let (bound, open): (_, &[u8]) = match self.scan_index_forward {
            true => (&selection.bounds.lower, &[]),
            false => (&selection.bounds.upper, &LAST_SORT_KEY),
        };
        let sort = match bound {
            Bound::Included(sort) | Bound::Excluded(sort) => sort,
            Bound::Unbounded => open,
        };
        KeyRef { token: selection.token, collection: &selection.collection, sort }
    }

    /// Leaves out what other pages have read: what comes before the start key, and what comes behind the end key.
    #[inline(always)]
    fn narrow(&self, target: &Target, selection: &mut Selection<'_>) -> Result<()> {
        let PageOptions { exclusive_start_key: start, exclusive_end_key: end, .. } = &self.options;
        if let Some(start) = start {
            // To begin behind a key is to end before it in the other direction.
            end_before(target, selection, start, !self.scan_index_forward)?;
        }
        match end {
            Some(end) => end_before(target, selection, end, self.scan_index_forward),
            None => Ok(()),
        }
    }
}

/// Leaves out a key, and what a reader in this direction comes to behind it.
#[cold]
#[inline(never)]
fn end_before(target: &Target, selection: &mut Selection<'_>, key: &Item, ascending: bool) -> Result<()> {
    let place = target.place_of(key)?;
    if selection.single {
        return Err(Error::validation("The query can return at most one row and cannot be restarted"));
    }
    if *place.collection() != **selection.collection {
        return Err(Error::validation(
            "The provided starting key is outside query boundaries based on provided conditions",
        ));
    }
    if !selection.bounds.contains(place.sort()) {
        return Err(Error::validation("The provided starting key does not match the range key predicate"));
    }
    selection.bounds.end_before(place.sort(), ascending);
    Ok(())
}

/// Fills a page item after item: one that asks for throughput wherever it comes to.
fn push_charged(builder: &mut PageBuilder<'_>, cursor: Option<MergeCursor<'_>>) -> Result<u64> {
    let Some(mut cursor) = cursor else { return Ok(0) };
    while let Some(item) = cursor.item() {
        if !builder.push_at(cursor.key(), item)? {
            break;
        }
        cursor.advance()?;
    }
    Ok(cursor.stepped_over())
}

/// Fills a page from an index whose changes take time to arrive.
fn push_lagged(
    builder: &mut PageBuilder<'_>,
    target: &Target,
    mut lagged: LaggedRead,
    mut cursor: Option<MergeCursor<'_>>,
) -> Result<()> {
    loop {
        let mut next = cursor.as_mut().filter(|cursor| cursor.valid());
        let indexed = next.as_ref().and_then(|cursor| cursor.item());
        let before = lagged.next_before(next.as_mut().map(|cursor| cursor.key()));
        let (item, is_indexed) = match (before, indexed) {
            (Some(item), _) => (item, false),
            (None, Some(item)) => (item, true),
            (None, None) => return Ok(()),
        };
        let hidden = is_indexed && lagged.hides(target, &item)?;
        if !hidden && !builder.push(item)? {
            return Ok(());
        }
        if let Some(cursor) = cursor.as_mut().filter(|_| is_indexed) {
            cursor.advance()?;
        }
    }
}

pub(super) fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(bytes) => Bound::Included(bytes),
        Bound::Excluded(bytes) => Bound::Excluded(bytes),
    }
}
