//! Query: the items of one collection in the order of their sort keys.

use super::{
    HashKey, IntoCondition, IntoProjection, Items, KeyShape, Page, Pages, Table, into_expression,
    lagged_read::LaggedRead,
    page::{PageBuilder, ReadOptions, Target},
    range::{self, RangeBounds, SortCondition},
};
use crate::{
    error::{Error, Result},
    expression::{BoundKey, ExpressionKind, KeyCondition, Placeholders, RangeCondition},
    item::{
        AttributeValue, Item, KeyScalar, KeyType,
        key::{KeyBuf, KeySink, encode_last, token},
    },
    partition::MergeCursor,
    schema::{EncodedKey, KeyAttribute, refuse_empty},
};
use std::ops::Bound;

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
    /// The value of one partition key attribute in its last form, and its type; `None` if it cannot be a key.
    Typed(Option<(KeyType, KeyBuf)>, SortConditions),
    Bound(BoundKey),
    Expression(KeyCondition),
}

/// Conditions on the sort key.
#[derive(Clone, Debug, Default)]
struct SortConditions {
    equal: Vec<AttributeValue>,
    last: Option<RangeCondition>,
}

/// What a query selects, in bytes.
struct Selection {
    token: u64,
    collection: KeyBuf,
    bounds: RangeBounds,
    /// The sort key is given whole: there is at most one item.
    single: bool,
}

impl<K: KeyShape> Table<K> {
    /// The items of a partition key, in ascending order of the sort key until said otherwise.
    pub fn query(&self, hash: impl HashKey<K>) -> Query<K> {
        let encoded = hash.hash_scalar().map(|scalar| {
            let mut bytes = KeyBuf::new();
            scalar.encode_last(&mut bytes);
            (scalar.kind(), bytes)
        });
        let key = QueryKey::Typed(encoded, SortConditions::default());
        Query { table: self.clone(), key, options: ReadOptions::default(), descending: false }
    }

    /// A query by a key condition expression: `query_expr("cust = :c AND total < :t", values! {":c" => "c#1", ":t" => 9})`.
    pub fn query_expr(&self, text: &str, placeholders: Placeholders) -> Query<K> {
        let parsed = into_expression::parse(&placeholders, |scope| KeyCondition::parse(text, scope));
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
    /// Only items whose sort key fulfils a condition: `begins_with("o#")`, `between(1, 9)`, ... An index whose sort key has
    /// several parts takes a condition for each, in their order; only the last may be other than an equality. A key
    /// condition has one range in DynamoDB, so that a second one is refused by the read.
    pub fn range(mut self, condition: SortCondition) -> Self {
        let has_range = match &self.key {
            QueryKey::Typed(_, sort) => sort.last.is_some(),
            QueryKey::Bound(key) => key.last.is_some(),
            QueryKey::Expression(_) => false,
        };
        if has_range {
            let text =
                "the query has a range of its sort key already; use `between`, or a filter for anything but keys";
            self.options.refuse(Error::validation(text));
            return self;
        }
        match (&mut self.key, condition) {
            (QueryKey::Typed(_, sort), SortCondition::Equal(value)) => sort.equal.push(value),
            (QueryKey::Typed(_, sort), SortCondition::Range(condition)) => sort.last = Some(condition),
            (QueryKey::Bound(key), SortCondition::Equal(value)) => key.range.push(value),
            (QueryKey::Bound(key), SortCondition::Range(condition)) => key.last = Some(condition),
            (QueryKey::Expression(_), _) => {
                let text = "the key condition expression has the condition on the sort key already";
                self.options.refuse(Error::validation(text));
            }
        }
        self
    }
    /// Reads an index instead of the table.
    pub fn index(mut self, name: impl Into<String>) -> Self {
        self.options.index = Some(name.into());
        self
    }
    /// Returns only items that fulfil a condition; what is filtered out is read and paid for all the same. Several filters
    /// must all hold.
    pub fn filter(mut self, condition: impl IntoCondition) -> Self {
        self.options.filter(condition.into_condition(ExpressionKind::Filter));
        self
    }
    /// Returns only these paths of each item. Comes once, or the read is refused.
    pub fn project(mut self, projection: impl IntoProjection) -> Self {
        self.options.project(projection.into_projection());
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
        if self.options.count_only {
            self.options.refuse(Error::validation("a read that counts only has no items; read its pages"));
        }
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
        let view = target.ring().find(selection.token).pin();
        let cursor = view.query(
            selection.token,
            &selection.collection,
            as_slice(&selection.bounds.lower),
            as_slice(&selection.bounds.upper),
            self.descending,
            self.table.engine.wal().visible(),
        )?;
        let selects =
            |key: &EncodedKey| key.collection() == &*selection.collection && selection.bounds.contains(key.sort());
        if let Some(lagged) = LaggedRead::of(&self.table.engine, &target, self.descending, selects) {
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
        let bound;
        let mut collection = KeyBuf::beginning_with(target.space());
        let (equal, last) = match &self.key {
            QueryKey::Typed(value, conditions) => {
                check_counts(1, hash, conditions.equal.len() + usize::from(conditions.last.is_some()), sort)?;
                match value {
                    Some((kind, bytes)) if *kind == hash[0].kind => {
                        if bytes.is_empty() {
                            let value = if *kind == KeyType::S { KeyScalar::S("") } else { KeyScalar::B(&[]) };
                            refuse_empty(value, &hash[0].name)?;
                        }
                        collection.put(bytes);
                    }
                    _ => {
                        let actual = value.as_ref().map_or("no key type", |(kind, _)| kind.name());
                        return Err(Error::key_condition_type(&hash[0].name, hash[0].kind.name(), actual));
                    }
                }
                (&conditions.equal, &conditions.last)
            }
            QueryKey::Bound(key) => {
                encode_hash(key, hash, sort, &mut collection)?;
                (&key.range, &key.last)
            }
            QueryKey::Expression(expression) => {
                bound = expression.bind(hash, sort)?;
                encode_hash(&bound, hash, sort, &mut collection)?;
                (&bound.range, &bound.last)
            }
        };
        check_sort(equal, last.as_ref(), sort)?;
        let is_table = target.index.is_none();
        let bounds = range::bounds(sort, equal, last.as_ref(), is_table)?;
        let single = is_table && equal.len() == sort.len();
        Ok(Selection { token: token(&collection[1..]), collection, bounds, single })
    }

    fn continue_after(&self, target: &Target, selection: &mut Selection, start: &Item) -> Result<()> {
        let place = target.place_of(start)?;
        if selection.single {
            return Err(Error::validation("The query can return at most one row and cannot be restarted"));
        }
        if place.collection() != &*selection.collection {
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

/// Checks how many values and conditions are given for a key.
fn check_counts(hashes: usize, hash: &[KeyAttribute], ranges: usize, sort: &[KeyAttribute]) -> Result<()> {
    if hashes != hash.len() {
        let missing = hash.get(hashes).map_or("", |part| part.name.as_str());
        return Err(Error::validation(format!("Query condition missed key schema element: {missing}")));
    }
    if ranges > sort.len() {
        return Err(Error::validation("Query key condition not supported"));
    }
    Ok(())
}

/// Checks and encodes the values of the partition key.
fn encode_hash(key: &BoundKey, hash: &[KeyAttribute], sort: &[KeyAttribute], collection: &mut KeyBuf) -> Result<()> {
    check_counts(key.hash.len(), hash, key.range.len() + usize::from(key.last.is_some()), sort)?;
    for (attribute, value) in hash.iter().zip(&key.hash) {
        let scalar = check_value(attribute, value)?;
        if hash.len() == 1 { scalar.encode_last(collection) } else { scalar.encode_component(collection) }
    }
    Ok(())
}

fn check_sort(equal: &[AttributeValue], last: Option<&RangeCondition>, sort: &[KeyAttribute]) -> Result<()> {
    for (attribute, value) in sort.iter().zip(equal) {
        check_value(attribute, value)?;
    }
    if let Some(last) = last {
        range::check_types(&sort[equal.len()], last)?;
        check_order(last)?;
    }
    Ok(())
}

fn check_value<'v>(attribute: &KeyAttribute, value: &'v AttributeValue) -> Result<KeyScalar<'v>> {
    let scalar = KeyScalar::of(value)
        .filter(|scalar| scalar.kind() == attribute.kind)
        .ok_or_else(|| Error::key_condition_type(&attribute.name, attribute.kind.name(), value.type_name()))?;
    refuse_empty(scalar, &attribute.name)?;
    Ok(scalar)
}

fn check_order(condition: &RangeCondition) -> Result<()> {
    let RangeCondition::Between(low, high) = condition else { return Ok(()) };
    let (mut a, mut b) = (KeyBuf::new(), KeyBuf::new());
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
