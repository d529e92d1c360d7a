//! Query: the items of one collection in the order of their sort keys.

use super::{
    HashKey, IntoCondition, IntoProjection, Items, KeyShape, Page, Pages, Table, describe,
    lagged::Lagged,
    page::{PageBuilder, ReadOptions, Target},
    range::{self, RangeBounds, SortCondition},
};
use crate::{
    error::{Error, Result},
    expression::{BoundKey, ExpressionKind, KeyCondition, Placeholders, RangeCondition},
    item::{
        AttributeValue, Item,
        key::{encode_component, encode_last, token},
    },
    partition::MergeCursor,
    schema::{EncodedKey, KeyAttribute},
};
use std::{borrow::Cow, ops::Bound};

/// A query that is being described; [`Query::page`], [`Query::pages`] or [`Query::items`] read.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `page`, `pages` or `items`"]
pub struct Query<K> {
    table: Table<K>,
    key: QueryKey,
    options: ReadOptions,
    descending: bool,
}

/// The key that a query asks for: bound to attributes already, or once the index is known.
#[derive(Clone, Debug)]
enum QueryKey {
    Bound(BoundKey),
    Expression(KeyCondition),
}

/// What a query selects, in bytes.
struct Selection {
    token: u64,
    collection: Vec<u8>,
    bounds: RangeBounds,
    /// The sort key is given whole: there is at most one item.
    single: bool,
}

impl<K: KeyShape> Table<K> {
    /// The items of a partition key, in ascending order of the sort key until said otherwise.
    pub fn query(&self, hash: impl HashKey<K>) -> Query<K> {
        self.query_bound(BoundKey { hash: vec![hash.hash_value()], range: Vec::new(), last: None })
    }

    /// A query by a key condition expression: `query_expr("cust = :c AND total < :t", values! {":c" => "c#1", ":t" => 9})`.
    pub fn query_expr(&self, text: &str, placeholders: Placeholders) -> Query<K> {
        let parsed = describe::parse(&placeholders, |scope| KeyCondition::parse(text, scope));
        let (key, fault) = match parsed {
            Ok(key) => (QueryKey::Expression(key), None),
            Err(error) => (QueryKey::Bound(BoundKey { hash: Vec::new(), range: Vec::new(), last: None }), Some(error)),
        };
        let options = ReadOptions { fault, ..ReadOptions::default() };
        Query { table: self.clone(), key, options, descending: false }
    }

    /// The entries of an index that have these values of its partition key, one for each of its parts; ascending by the
    /// index's sort key until said otherwise. They carry what the index projects: `item.de::<T>()` makes them a type with
    /// those fields.
    ///
    /// ```
    /// use hashrange::{Database, Item, N, S, ge, index};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// let by_status = index("by_status").hash::<S>("status").range::<N>("total").keys_only();
    /// let orders = db.create_table("orders").hash::<S>("id").gsi(by_status).create()?;
    /// orders.put(&Item::new().with("id", "o1").with("status", "OPEN").with("total", 7).with("note", "fragile"))?;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct ByStatus {
    ///     id: String,
    ///     total: u32,
    /// }
    /// for entry in orders.query_index("by_status", ["OPEN"]).range(ge(5)).items() {
    ///     let entry: ByStatus = entry?.de()?;
    ///     assert_eq!((entry.id.as_str(), entry.total), ("o1", 7));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn query_index<V: Into<AttributeValue>>(
        &self,
        name: impl Into<String>,
        hash: impl IntoIterator<Item = V>,
    ) -> Query<K> {
        let hash = hash.into_iter().map(Into::into).collect();
        self.query_bound(BoundKey { hash, range: Vec::new(), last: None }).index(name)
    }

    /// A query by values for the key attributes, as a key condition expression binds them.
    pub fn query_bound(&self, key: BoundKey) -> Query<K> {
        let options = ReadOptions::default();
        Query { table: self.clone(), key: QueryKey::Bound(key), options, descending: false }
    }
}

impl<K: KeyShape> Query<K> {
    /// Only items whose sort key fulfils a condition: `begins_with("o#")`, `between(1, 9)`, ...
    pub fn range(mut self, condition: SortCondition) -> Self {
        match (&mut self.key, condition) {
            (QueryKey::Bound(key), SortCondition::Equal(value)) => key.range.push(value),
            (QueryKey::Bound(key), SortCondition::Range(condition)) => key.last = Some(condition),
            (QueryKey::Expression(_), _) => {
                let text = "the key condition expression has the condition on the sort key already";
                self.options.fault = Some(Error::validation(text));
            }
        }
        self
    }
    /// Reads an index instead of the table.
    pub fn index(mut self, name: impl Into<String>) -> Self {
        self.options.index = Some(name.into());
        self
    }
    /// Returns only items that fulfil a condition; what is filtered out is read and paid for all the same.
    pub fn filter(mut self, condition: impl IntoCondition) -> Self {
        match condition.into_condition(ExpressionKind::Filter) {
            Ok(filter) => self.options.filter = Some(filter),
            Err(error) => self.options.fault = Some(error),
        }
        self
    }
    /// Returns only these paths of each item.
    pub fn project(mut self, projection: impl IntoProjection) -> Self {
        match projection.into_projection() {
            Ok(projection) => self.options.projection = Some(projection),
            Err(error) => self.options.fault = Some(error),
        }
        self
    }
    /// Evaluates at most so many items a page; [`Query::items`] returns at most so many in all.
    pub fn limit(mut self, items: usize) -> Self {
        self.options.limit = Some(items);
        self
    }
    /// Descending order of the sort key.
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }
    /// Whether the read must be strongly consistent: refused for global indexes, costs twice as much elsewhere.
    pub fn consistent(mut self, consistent: bool) -> Self {
        self.options.consistent = consistent;
        self
    }
    /// Counts without returning items.
    pub fn count_only(mut self) -> Self {
        self.options.count_only = true;
        self
    }
    /// All attributes of the items, also where a local index does not carry them.
    pub fn all_attributes(mut self) -> Self {
        self.options.all_attributes = true;
        self
    }
    /// Continues after the key that a page ended with.
    pub fn start_after(mut self, key: Item) -> Self {
        self.options.start_after = Some(key);
        self
    }

    /// Reads one page.
    pub fn page(&self) -> Result<Page> {
        self.page_after(self.options.start_after.as_ref())
    }

    /// Reads page after page.
    pub fn pages(self) -> impl Iterator<Item = Result<Page>> {
        let start = self.options.start_after.clone();
        Pages::new(start, move |start| self.page_after(start.as_ref()))
    }

    /// Reads item after item.
    pub fn items(mut self) -> impl Iterator<Item = Result<crate::item::ItemRef>> {
        let limit = self.options.limit;
        if self.options.filter.is_some() {
            self.options.limit = None; // the limit is on what is returned, not on what is evaluated
        }
        Items::new(self.pages(), limit)
    }

    fn page_after(&self, start: Option<&Item>) -> Result<Page> {
        let target = Target::find(&self.table, &self.options)?;
        if self.options.limit == Some(0) {
            return Err(Error::validation(
                "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have \
                 value greater than or equal to 1",
            ));
        }
        let mut selection = self.select(&target)?;
        target.check_filter(self.options.filter.as_ref())?;
        if let Some(start) = start {
            self.continue_after(&target, &mut selection, start)?;
        }
        let mut builder = PageBuilder::new(&self.table, &target, &self.options);
        let partition = target.ring().find(selection.token);
        let cursor = partition.query(
            selection.token,
            &selection.collection,
            as_slice(&selection.bounds.lower),
            as_slice(&selection.bounds.upper),
            self.descending,
            self.table.store.wal().visible(),
        )?;
        let selects =
            |key: &EncodedKey| key.collection() == selection.collection && selection.bounds.contains(key.sort());
        if let Some(lagged) = Lagged::of(&self.table.store, &target, self.descending, selects) {
            push_lagged(&mut builder, &target, lagged, cursor)?;
        } else if let Some(mut cursor) = cursor {
            while let Some(item) = cursor.item() {
                if !builder.push(item)? {
                    break;
                }
                cursor.advance()?;
            }
        }
        Ok(builder.finish())
    }

    fn select(&self, target: &Target) -> Result<Selection> {
        let definition = &target.state.definition;
        let (hash, sort): (&[KeyAttribute], &[KeyAttribute]) = match target.definition() {
            Some(index) => (&index.hash, &index.range),
            None => (std::slice::from_ref(&definition.key.hash), definition.key.range.as_slice()),
        };
        let key = match &self.key {
            QueryKey::Bound(key) => Cow::Borrowed(key),
            QueryKey::Expression(expression) => Cow::Owned(expression.bind(hash, sort)?),
        };
        check_key(&key, hash, sort)?;
        let mut collection = vec![target.space()];
        for value in &key.hash {
            let encoded = if hash.len() == 1 {
                encode_last(value, &mut collection)
            } else {
                encode_component(value, &mut collection)
            };
            if !encoded {
                return Err(type_mismatch());
            }
        }
        let is_table = target.index.is_none();
        let bounds = range::bounds(sort, &key.range, key.last.as_ref(), is_table)?;
        let single = is_table && key.range.len() == sort.len();
        Ok(Selection { token: token(&collection[1..]), collection, bounds, single })
    }

    fn continue_after(&self, target: &Target, selection: &mut Selection, start: &Item) -> Result<()> {
        let place = target.place_of(start)?;
        if selection.single {
            return Err(Error::validation("The query can return at most one row and cannot be restarted"));
        }
        if place.collection() != selection.collection {
            return Err(Error::validation(
                "The provided starting key is outside query boundaries based on provided conditions",
            ));
        }
        if !selection.bounds.contains(place.sort()) {
            return Err(Error::validation("The provided starting key does not match the range key predicate"));
        }
        let bound = Bound::Excluded(place.sort().to_vec());
        if self.descending {
            selection.bounds.upper = bound;
        } else {
            selection.bounds.lower = bound;
        }
        Ok(())
    }
}

/// Fills a page from an index whose changes take time to arrive.
fn push_lagged<K: KeyShape>(
    builder: &mut PageBuilder<'_, K>,
    target: &Target,
    mut lagged: Lagged,
    mut cursor: Option<MergeCursor>,
) -> Result<()> {
    loop {
        let next = cursor.as_ref().filter(|cursor| cursor.valid());
        let before = lagged.next_before(next.map(MergeCursor::key));
        let (item, is_indexed) = match (before, next.and_then(MergeCursor::item)) {
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

fn check_key(key: &BoundKey, hash: &[KeyAttribute], sort: &[KeyAttribute]) -> Result<()> {
    if key.hash.len() != hash.len() {
        let names: Vec<&str> = hash.iter().map(|part| part.name.as_str()).collect();
        let missing = names.get(key.hash.len()).copied().unwrap_or_default();
        return Err(Error::validation(format!("Query condition missed key schema element: {missing}")));
    }
    let ranges = key.range.len() + usize::from(key.last.is_some());
    if ranges > sort.len() {
        return Err(Error::validation("Query key condition not supported"));
    }
    let equal = hash.iter().zip(&key.hash).chain(sort.iter().zip(&key.range));
    for (attribute, value) in equal {
        check_value(attribute, value)?;
    }
    if let Some(last) = &key.last {
        range::check_types(&sort[key.range.len()], last)?;
        check_order(last)?;
    }
    Ok(())
}

fn type_mismatch() -> Error {
    Error::invalid_parameter("Condition parameter type does not match schema type")
}

fn check_value(attribute: &KeyAttribute, value: &AttributeValue) -> Result<()> {
    if !attribute.kind.matches(value) {
        return Err(type_mismatch());
    }
    let empty = match value {
        AttributeValue::S(s) => s.is_empty().then_some("string"),
        AttributeValue::B(b) => b.is_empty().then_some("binary"),
        _ => None,
    };
    empty.map_or(Ok(()), |kind| {
        Err(Error::validation(format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
             {kind} value. Key: {}",
            attribute.name
        )))
    })
}

fn check_order(condition: &RangeCondition) -> Result<()> {
    let RangeCondition::Between(low, high) = condition else { return Ok(()) };
    let (mut a, mut b) = (Vec::new(), Vec::new());
    if encode_last(low, &mut a) && encode_last(high, &mut b) && a > b {
        return Err(Error::validation(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
        ));
    }
    Ok(())
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(bytes) => Bound::Included(bytes),
        Bound::Excluded(bytes) => Bound::Excluded(bytes),
    }
}
