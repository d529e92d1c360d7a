//! What query and scan have in common: a page is cut after a number of evaluated items or 1 MB of them, then
//! filtered, then projected; what was evaluated last says where the next page begins.

use super::{
    KeyShape, Table,
    get::{projected, read},
    into_expression::{and_also, only_projection},
};
use crate::{
    capacity::{Consumed, ReadStrength, read_units},
    engine::{TableState, TokenRing},
    error::{Detail, Error, Result},
    expression::{Condition, Projection},
    item::{Item, ItemRef},
    schema::{EncodedKey, IndexDefinition, IndexKind, IndexStatus, Projection as Projected, key_attributes},
    service::{hides_expired, is_hidden},
};
use std::sync::Arc;

/// Bytes of items after which a page ends, by DynamoDB's size rule and before filter and projection.
pub const MAX_PAGE_BYTES: usize = 1 << 20;

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
    end: Option<End>,
}

/// What a page ended with, as long as nobody asks for its key.
#[derive(Clone, Debug)]
struct End {
    item: ItemRef,
    state: Arc<TableState>,
    index: Option<usize>,
}

impl Page {
    /// The key that the page ended with: give it to `start_after` to read the next one. `None` if this was the last one.
    pub fn last_evaluated_key(&self) -> Option<Item> {
        let End { item, state, index } = self.end.as_ref()?;
        let table = state.definition.key.attributes();
        Some(match index {
            None => key_attributes(table, item),
            Some(index) => key_attributes(table.chain(state.definition.indexes[*index].attributes()), item),
        })
    }
}

/// What shall be read and how it is presented.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadOptions {
    pub index: Option<String>,
    pub filter: Option<Condition>,
    pub projection: Option<Projection>,
    pub limit: Option<usize>,
    pub consistent: bool,
    pub count_only: bool,
    /// All attributes of the table, also from an index that does not carry them.
    pub all_attributes: bool,
    pub start_after: Option<Item>,
    /// What was wrong with a filter or projection; reported when the read begins.
    pub fault: Option<Error>,
}

impl ReadOptions {
    /// The read will fail with this, if nothing was wrong with it before.
    pub fn refuse(&mut self, fault: Error) {
        self.fault.get_or_insert(fault);
    }
    /// A filter besides those that were given before.
    pub fn filter(&mut self, filter: Result<Condition>) {
        match and_also(Ok(self.filter.take()), filter) {
            Ok(filter) => self.filter = filter,
            Err(fault) => self.refuse(fault),
        }
    }
    /// The projection.
    pub fn project(&mut self, projection: Result<Projection>) {
        match only_projection(Ok(self.projection.take()), projection) {
            Ok(projection) => self.projection = projection,
            Err(fault) => self.refuse(fault),
        }
    }
    /// Refuses settings that contradict each other.
    fn check(&self) -> Result<()> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let whole = if self.count_only { "COUNT" } else { "ALL_ATTRIBUTES" };
        if self.projection.is_some() && (self.count_only || self.all_attributes) {
            let text = format!("Cannot specify the ProjectionExpression when choosing to get {whole}");
            return Err(Error::validation(text));
        }
        Ok(())
    }
}

/// The table or index that is read.
pub(super) struct Target {
    pub state: Arc<TableState>,
    /// Position of the index in the definition.
    pub index: Option<usize>,
}

impl Target {
    pub fn find<K: KeyShape>(table: &Table<K>, options: &ReadOptions) -> Result<Self> {
        table.slot.check_alive()?;
        options.check()?;
        let state = arc_swap::Guard::into_inner(table.slot.state());
        let Some(name) = &options.index else { return Ok(Self { state, index: None }) };
        let is_it = |index: &IndexDefinition| index.name == *name && index.kind != IndexKind::Expiry;
        let position = state.definition.indexes.iter().position(is_it);
        let Some(position) = position else {
            let text = format!("The table does not have the specified index: {name}");
            return Err(Error::validation(text).with_detail(Detail::NoIndex { index: name.clone() }));
        };
        let index = &state.definition.indexes[position];
        if index.status == IndexStatus::Creating {
            let text = format!("Cannot read from backfilling global secondary index: {name}");
            return Err(Error::validation(text).with_detail(Detail::IndexCreating { index: name.clone() }));
        }
        if index.kind == IndexKind::Global && options.consistent {
            return Err(Error::validation("Consistent reads are not supported on global secondary indexes"));
        }
        if index.kind == IndexKind::Global && options.all_attributes && index.projection != Projected::All {
            return Err(Error::invalid_parameter(format!(
                "Select type ALL_ATTRIBUTES is not supported for global secondary index {name} because its projection \
                 type is not ALL"
            )));
        }
        Ok(Self { state, index: Some(position) })
    }
    pub fn definition(&self) -> Option<&IndexDefinition> {
        self.index.map(|position| &self.state.definition.indexes[position])
    }
    pub fn ring(&self) -> &Arc<TokenRing> {
        self.index.map_or(&self.state.ring, |position| &self.state.index_rings[position])
    }
    /// First byte of the collections that belong to the target.
    pub fn space(&self) -> u8 {
        self.definition().map_or(crate::schema::ITEM_SPACE, |index| self.state.definition.local_space(index))
    }
    /// The place that a `LastEvaluatedKey` names.
    pub fn place_of(&self, key: &Item) -> Result<EncodedKey> {
        let invalid = || Error::validation("The provided starting key is invalid");
        match self.definition() {
            None => self.state.definition.key_of_attributes(key).map_err(|error| {
                if matches!(error.detail(), Some(Detail::KeyMismatch { .. })) {
                    invalid()
                } else {
                    Error::validation(format!("The provided starting key is invalid: {}", error.message()))
                }
            }),
            Some(index) => self.state.definition.index_key_of_attributes(index, key).ok_or_else(invalid),
        }
    }
    /// A filter may not test the attributes that a query selects by.
    pub fn check_filter(&self, filter: Option<&Condition>) -> Result<()> {
        let Some(filter) = filter else { return Ok(()) };
        match self.definition() {
            None => filter.check_reads_no_key(self.state.definition.key.attributes().map(|key| key.name.as_str())),
            Some(index) => filter.check_reads_no_key(index.attributes().map(|key| key.name.as_str())),
        }
    }
}

/// A page that is being filled.
pub(super) struct PageBuilder<'a, K> {
    table: &'a Table<K>,
    target: &'a Target,
    options: &'a ReadOptions,
    page: Page,
    bytes: usize,
    fetched_units: f64,
    /// What was evaluated last, if the page ends with it.
    last: Option<ItemRef>,
    /// What most reads do not do, found out once for the page.
    hides_expired: bool,
    fetches_whole: bool,
    /// Whether each item is returned as it is.
    is_plain: bool,
}

/// Items that a page has room for from the beginning; most have no more.
const USUAL_ITEMS: usize = 16;

impl<'a, K: KeyShape> PageBuilder<'a, K> {
    pub fn new(table: &'a Table<K>, target: &'a Target, options: &'a ReadOptions) -> Self {
        let room = if options.count_only { 0 } else { options.limit.unwrap_or(USUAL_ITEMS).min(USUAL_ITEMS) };
        let mut builder = Self {
            table,
            target,
            options,
            page: Page { items: Vec::with_capacity(room), ..Page::default() },
            bytes: 0,
            fetched_units: 0.0,
            last: None,
            hides_expired: hides_expired(table.engine.options(), &target.state.definition),
            fetches_whole: false,
            is_plain: false,
        };
        builder.fetches_whole = builder.needs_whole_items();
        let changes = options.filter.is_some() || options.projection.is_some() || options.count_only;
        builder.is_plain = !(changes || builder.hides_expired || builder.fetches_whole);
        builder
    }

    /// Takes the next item in order; `false` if the page is full with it.
    #[inline(always)]
    pub fn push(&mut self, item: ItemRef) -> Result<bool> {
        self.page.scanned_count += 1;
        self.bytes += item.size_bytes();
        let full = self.bytes >= MAX_PAGE_BYTES || Some(self.page.scanned_count) == self.options.limit;
        if full {
            self.last = Some(item.clone());
        }
        if self.is_plain {
            self.page.count += 1;
            self.page.items.push(item);
        } else {
            self.push_evaluated(item)?;
        }
        Ok(!full)
    }

    #[inline(never)]
    fn push_evaluated(&mut self, item: ItemRef) -> Result<()> {
        let item = if self.fetches_whole { self.fetch_whole(item)? } else { item };
        let hidden = self.hides_expired && is_hidden(self.table.engine.options(), &self.target.state.definition, &item);
        if !hidden && self.options.filter.as_ref().is_none_or(|filter| filter.matches(Some(&item))) {
            self.page.count += 1;
            if !self.options.count_only {
                self.page.items.push(projected(item, self.options.projection.as_ref()));
            }
        }
        Ok(())
    }

    /// Whether entries of a local index stand for their items, because more is asked for than the index carries.
    fn needs_whole_items(&self) -> bool {
        let Some(index) = self.target.definition().filter(|index| index.kind == IndexKind::Local) else { return false };
        let lacks = |name: &&str| !index.projects(&self.target.state.definition.key, name);
        let wanted = self.options.projection.as_ref().map(Projection::top_level_attributes).unwrap_or_default();
        index.projection != Projected::All && (self.options.all_attributes || wanted.iter().any(lacks))
    }

    /// The item that an entry of a local index stands for.
    fn fetch_whole(&mut self, entry: ItemRef) -> Result<ItemRef> {
        let table = &self.target.state.definition;
        let key = table.key_of_attributes(&table.key_attributes_of(&entry))?;
        let item = read(&self.table.engine, &self.table.slot, &key)?;
        let size = item.as_ref().map_or(0, ItemRef::size_bytes);
        self.fetched_units += read_units(size, ReadStrength::of(self.options.consistent));
        Ok(item.unwrap_or(entry))
    }

    pub fn finish(mut self) -> Page {
        let units = read_units(self.bytes, ReadStrength::of(self.options.consistent));
        self.page.consumed = match self.target.definition() {
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
        let Target { state, index } = self.target;
        self.page.end = self.last.map(|item| End { item, state: state.clone(), index: *index });
        self.page
    }
}

/// Pages one after the other, each read when it is asked for. No lock or snapshot is held between them.
pub struct Pages<F> {
    next_page: F,
    start: Option<Item>,
    done: bool,
}

impl<F: FnMut(Option<Item>) -> Result<Page>> Pages<F> {
    pub(super) fn new(start: Option<Item>, next_page: F) -> Self {
        Self { next_page, start, done: false }
    }
}

impl<F: FnMut(Option<Item>) -> Result<Page>> Iterator for Pages<F> {
    type Item = Result<Page>;
    fn next(&mut self) -> Option<Result<Page>> {
        if self.done {
            return None;
        }
        let page = (self.next_page)(self.start.take());
        match &page {
            Ok(page) => {
                self.start = page.last_evaluated_key();
                self.done = self.start.is_none();
            }
            Err(_) => self.done = true,
        }
        Some(page)
    }
}

/// Items one after the other, read page by page.
pub struct Items<P> {
    pages: P,
    page: std::vec::IntoIter<ItemRef>,
    left: usize,
}

impl<P: Iterator<Item = Result<Page>>> Items<P> {
    pub(super) fn new(pages: P, limit: Option<usize>) -> Self {
        Self { pages, page: Vec::new().into_iter(), left: limit.unwrap_or(usize::MAX) }
    }
}

impl<P: Iterator<Item = Result<Page>>> Iterator for Items<P> {
    type Item = Result<ItemRef>;
    fn next(&mut self) -> Option<Result<ItemRef>> {
        if self.left == 0 {
            return None;
        }
        loop {
            if let Some(item) = self.page.next() {
                self.left -= 1;
                return Some(Ok(item));
            }
            match self.pages.next()? {
                Ok(page) => self.page = page.items.into_iter(),
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
    }
}
