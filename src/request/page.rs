//! What Query and Scan have in common: a page is cut after a number of evaluated items or 1 MB of them, then
//! filtered, then projected; what was evaluated last says where the next page begins.

use super::{
    any::ResponseRef,
    executor::{Executor, Response},
    get_item::{projected, read},
    page_charge::PageCharge,
    page_token::TokenScope,
    target::Target,
};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    engine::{Engine, TableSlot},
    error::{Error, Result},
    expression::{Condition, ProjectionExpression},
    item::{Item, ItemRef},
    partition::{KeyRef, TakeItem},
    schema::{IndexKind, TableDefinition, key_attributes},
    service::{hides_expired, is_hidden},
};
use serde::de::DeserializeOwned;
use std::{borrow::Cow, sync::Arc};

/// Bytes after which a page ends, by DynamoDB's size rule: of items before filter and projection, or of the keys and images of
/// stream records.
pub const MAX_PAGE_BYTES: usize = 1 << 20;

/// What a page returns of the items that pass its filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// What the table or index has, or what the projection names.
    #[default]
    Default,
    /// All attributes of the items, also where a local index does not carry them.
    AllAttributes,
    /// Nothing but how many there are.
    Count,
}

/// What shall be read by a [`Query`](super::Query) or [`Scan`](super::Scan), and how it is presented.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PageOptions<'a> {
    /// Reads this index instead of the table.
    pub index: Option<Cow<'a, str>>,
    /// Returns only items that meet this condition; what is filtered out is read and paid for all the same.
    pub filter: Option<Condition>,
    /// Returns only these paths of each item.
    pub projection: Option<ProjectionExpression>,
    /// What to return of each item.
    pub select: Select,
    /// Evaluates at most so many items.
    pub limit: Option<usize>,
    /// Whether the read must be strongly consistent: rejected for global indexes, costs twice as much elsewhere.
    pub consistent_read: bool,
    /// Continues after the key that a page ended with.
    pub exclusive_start_key: Option<Cow<'a, Item>>,
    /// Ends a query before this key, which a page in the other direction ended with. DynamoDB has no such member: it is how an
    /// iterator reads from both ends.
    pub(crate) exclusive_end_key: Option<Cow<'a, Item>>,
}

impl PageOptions<'_> {
    /// Everything that the table has, from the beginning.
    #[inline]
    pub(super) fn new() -> Self {
        Self {
            index: None,
            filter: None,
            projection: None,
            select: Select::Default,
            limit: None,
            consistent_read: false,
            exclusive_start_key: None,
            exclusive_end_key: None,
        }
    }
    /// Rejects settings that contradict each other.
    #[inline]
    pub(super) fn check(&self) -> Result<()> {
        if self.projection.is_some() && self.select != Select::Default {
            let whole = if self.select == Select::Count { "COUNT" } else { "ALL_ATTRIBUTES" };
            let text = format!("Cannot specify the ProjectionExpression when choosing to get {whole}");
            return Err(Error::validation(text));
        }
        if self.limit == Some(0) {
            return Err(Error::validation(
                "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have \
                 value greater than or equal to 1",
            ));
        }
        Ok(())
    }
}

impl Response for Page {
    fn as_response(&self) -> ResponseRef<'_> {
        ResponseRef::Page(self)
    }
    fn consumed_by_table(&self) -> Vec<(usize, Consumed)> {
        vec![(0, self.consumed.clone())]
    }
}

/// One page of a query or scan.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The items that passed the filter, as far as they were asked for.
    pub items: Vec<ItemRef>,
    /// How many passed the filter.
    pub count: usize,
    /// How many were evaluated.
    pub scanned_count: usize,
    /// Capacity in read units: of everything evaluated.
    pub consumed: Consumed,
    end: Option<Box<End>>,
}

/// What a page ended with, until a caller asks for its key.
#[derive(Clone, Debug)]
struct End {
    item: ItemRef,
    definition: Arc<TableDefinition>,
    index: Option<usize>,
    tokens: TokenScope,
}

impl Page {
    /// A page after which there is nothing.
    pub(super) fn of(items: Vec<ItemRef>, consumed: Consumed) -> Self {
        let count = items.len();
        Self { items, count, scanned_count: count, consumed, end: None }
    }
    /// Each item as a value of a type. Errors: kind [`Decode`](crate::ErrorKind::Decode), if one does not fit.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        self.items.iter().map(ItemRef::de).collect()
    }
    /// Where the page ended, as a text for a client: give it to `start_at` to read the next page. `None` if this was the
    /// last one. The text is bound to table, index and database, and a text that a client changed is rejected; see
    /// [`page_token_key`](crate::OpenOptions::page_token_key).
    pub fn next_token(&self) -> Option<String> {
        Some(self.end.as_ref()?.tokens.seal(&self.last_evaluated_key()?))
    }
    /// The key that the page ended with: give it to `start_after` to read the next one. `None` if this was the last one.
    pub fn last_evaluated_key(&self) -> Option<Item> {
        let End { item, definition, index, .. } = self.end.as_deref()?;
        let table = definition.key.attributes();
        Some(match index {
            None => key_attributes(table, item),
            Some(index) => key_attributes(table.chain(definition.indexes[*index].attributes()), item),
        })
    }
    /// The same page, each of its items made anew by `copy`: for one that is kept for long.
    pub(super) fn with_items(&self, copy: impl Fn(&ItemRef) -> ItemRef) -> Self {
        let copy_end = |end: &End| Box::new(End { item: copy(&end.item), ..end.clone() });
        let (items, end) = (self.items.iter().map(&copy).collect(), self.end.as_deref().map(copy_end));
        let Self { count, scanned_count, ref consumed, .. } = *self;
        Self { items, count, scanned_count, consumed: consumed.clone(), end }
    }
}

/// A page that is being filled.
pub(super) struct PageBuilder<'a> {
    executor: &'a Executor<'a>,
    engine: &'a Engine,
    slot: &'a TableSlot,
    target: &'a Target,
    options: &'a PageOptions<'a>,
    items: Vec<ItemRef>,
    count: usize,
    /// How many items may be evaluated at most, and how many of them are left.
    most: usize,
    left: usize,
    bytes: usize,
    fetched_units: f64,
    /// What was evaluated last, if the page ends with it.
    last: Option<ItemRef>,
    /// What the page asks of the model of throughput, if there is one, and what was evaluated last, in case it ends early.
    charge: Option<PageCharge<'a>>,
    previous: Option<ItemRef>,
    /// What most reads do not do, found out once for the page.
    hides_expired: bool,
    fetches_whole: bool,
    /// Whether each item is returned as it is.
    is_plain: bool,
}

impl TakeItem for PageBuilder<'_> {
    #[inline(always)]
    fn take(&mut self, item: ItemRef, size_bytes: usize) -> Result<bool> {
        self.left = self.left.saturating_sub(1);
        self.bytes += size_bytes;
        let full = self.bytes >= MAX_PAGE_BYTES || self.left == 0;
        if full {
            self.last = Some(item.clone());
        }
        if self.is_plain {
            self.items.push(item);
        } else {
            self.push_evaluated(item)?;
        }
        Ok(!full)
    }
    #[inline(always)]
    fn take_each(&mut self, items: &mut impl Iterator<Item = (ItemRef, usize)>) -> Result<bool> {
        // The compiler keeps local counters in registers.
        let (mut left, mut bytes, mut full) = (self.left, self.bytes, false);
        if !self.is_plain {
            for (item, size_bytes) in items {
                if !self.take(item, size_bytes)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        while !full && let Some((item, size_bytes)) = items.next() {
            left = left.saturating_sub(1);
            bytes += size_bytes;
            full = bytes >= MAX_PAGE_BYTES || left == 0;
            self.items.push(item);
        }
        (self.left, self.bytes) = (left, bytes);
        if full {
            self.last = self.items.last().cloned();
        }
        Ok(!full)
    }
}

/// Items that a page has room for from the beginning; most have no more.
const USUAL_ITEMS: usize = 16;

impl<'a> PageBuilder<'a> {
    #[inline(always)]
    pub fn new(
        executor: &'a Executor<'a>,
        slot: &'a TableSlot,
        target: &'a Target,
        options: &'a PageOptions<'a>,
    ) -> Self {
        let engine = executor.engine;
        let most = options.limit.unwrap_or(usize::MAX);
        let room = if options.select == Select::Count { 0 } else { most.min(USUAL_ITEMS) };
        let hides_expired = hides_expired(engine.options(), &target.state.definition);
        let fetches_whole = target.reads_whole_items(options);
        let changes = options.filter.is_some() || options.projection.is_some() || options.select == Select::Count;
        Self {
            executor,
            engine,
            slot,
            target,
            options,
            items: Vec::with_capacity(room),
            count: 0,
            most,
            left: most,
            bytes: 0,
            fetched_units: 0.0,
            last: None,
            charge: None,
            previous: None,
            hides_expired,
            fetches_whole,
            is_plain: !(changes || hides_expired || fetches_whole),
        }
    }

    /// The page begins at this place. Errors: there is no throughput for it.
    #[inline]
    pub fn begin_at(&mut self, place: KeyRef<'_>) -> Result<()> {
        if self.executor.is_metered() {
            let strength = ReadStrength::of(self.options.consistent_read);
            self.charge = PageCharge::begin(self.executor, self.slot, self.target, strength, place)?;
        }
        Ok(())
    }

    /// Begins behind earlier parts of the page, which have so many bytes.
    #[inline(always)]
    pub fn go_on_behind(&mut self, bytes: usize) {
        if bytes > 0 {
            self.bytes = bytes;
            if let Some(charge) = &mut self.charge {
                charge.bytes_before = bytes;
            }
        }
    }

    /// Bytes that count for the page.
    #[inline(always)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the page asks for throughput: then each item comes by [`push_at`](Self::push_at).
    #[inline]
    pub fn is_charged(&self) -> bool {
        self.charge.as_ref().is_some_and(PageCharge::is_bounded)
    }

    /// Takes the next item in order, which is at this place; `false` if the page is full with it, or ends before it for lack
    /// of throughput.
    pub fn push_at(&mut self, key: KeyRef<'_>, item: ItemRef) -> Result<bool> {
        if let Some(charge) = &mut self.charge {
            if !charge.comes_to(key, self.bytes)? {
                self.last = self.previous.take();
                return Ok(false);
            }
            self.previous = Some(item.clone());
        }
        self.push(item)
    }

    /// Takes the next item in order; `false` if the page is full with it.
    pub fn push(&mut self, item: ItemRef) -> Result<bool> {
        let size_bytes = item.size_bytes();
        self.take(item, size_bytes)
    }

    /// Whether the page has room for no more.
    pub fn is_full(&self) -> bool {
        self.last.is_some()
    }

    #[inline(never)]
    fn push_evaluated(&mut self, item: ItemRef) -> Result<()> {
        let item = if self.fetches_whole { self.fetch_whole(item)? } else { item };
        let hidden = self.hides_expired && is_hidden(self.engine.options(), &self.target.state.definition, &item);
        if !hidden && self.options.filter.as_ref().is_none_or(|filter| filter.matches(Some(&item))) {
            self.count += 1;
            if self.options.select != Select::Count {
                self.items.push(projected(item, self.options.projection.as_ref()));
            }
        }
        Ok(())
    }

    /// The item that an entry of a local index stands for.
    fn fetch_whole(&mut self, entry: ItemRef) -> Result<ItemRef> {
        let table = &self.target.state.definition;
        let key = table.key_of_attributes(&table.key_attributes_of(&entry))?;
        let item = read(self.engine, self.slot, &key)?;
        let size = item.as_ref().map_or(0, ItemRef::size_bytes);
        self.fetched_units += read_units(size, ReadStrength::of(self.options.consistent_read));
        Ok(item.unwrap_or(entry))
    }

    #[inline(always)] // or else the builder is copied
    pub fn finish(self) -> Page {
        self.finish_behind(0)
    }

    /// The page, of whose bytes so many were read by another request.
    #[inline(always)]
    pub fn finish_behind(self, before: usize) -> Page {
        let units = read_units(self.bytes - before, ReadStrength::of(self.options.consistent_read));
        if let Some(charge) = &self.charge {
            charge.pay(units, self.fetched_units);
        }
        let consumed = match self.target.definition() {
            None => Consumed::of_table(units),
            Some(index) => {
                let mut consumed = Consumed::of_table(self.fetched_units);
                match index.kind {
                    IndexKind::Local => consumed.local_indexes.push((index.name.clone(), units)),
                    IndexKind::Global => consumed.global_indexes.push((index.name.clone(), units)),
                    IndexKind::Expiry => {}
                }
                consumed
            }
        };
        let end = self.last.map(|item| {
            let (definition, tokens) =
                (Arc::clone(&self.target.state.definition), self.target.token_scope(self.engine));
            Box::new(End { item, definition, index: self.target.index, tokens })
        });
        let count = if self.is_plain { self.items.len() } else { self.count };
        Page { items: self.items, count, scanned_count: self.most - self.left, consumed, end }
    }
}
