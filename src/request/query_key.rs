//! Which items a query selects: by values of the key attributes, or by a key condition that is bound to the attributes
//! once the table or index is known.

use super::sort_range::{self, RangeBounds};
use crate::{
    error::{Error, Result},
    expression::{BoundKey, KeyCondition, RangeCondition},
    item::{
        AttributeValue, KeyScalar, KeyType,
        key::{KeyBuf, KeySink, decode_last, encode_last, token},
    },
    schema::{ITEM_SPACE, KeyAttribute, refuse_empty},
};
use std::borrow::Cow;

/// A condition on the sort key of a query: see [`eq`](crate::key::eq), [`lt`](crate::key::lt), [`between`](crate::key::between), [`begins_with`](crate::key::begins_with), ...
#[derive(Clone, Debug, PartialEq)]
pub enum SortCondition {
    /// Equality.
    Equal(AttributeValue),
    /// Anything else.
    Range(RangeCondition),
}

/// What the attributes of a key must be. It is made of a [`KeyCondition`], whose clauses name the attributes, or of a
/// [`BoundKey`], whose values are in the order of the key.
#[derive(Clone, Debug)]
pub struct QueryKey(Form);

#[derive(Clone, Debug)]
enum Form {
    /// The collection of a value of one partition key attribute among items and in global indexes, and the type of the
    /// value; `None` if it cannot be a key.
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
pub(super) struct Selection<'q> {
    pub token: u64,
    pub collection: Cow<'q, KeyBuf>,
    pub bounds: RangeBounds,
    /// The sort key is given whole: there is at most one item.
    pub single: bool,
}

impl From<KeyCondition> for QueryKey {
    fn from(condition: KeyCondition) -> Self {
        Self(Form::Expression(condition))
    }
}
impl From<BoundKey> for QueryKey {
    fn from(key: BoundKey) -> Self {
        Self(Form::Bound(key))
    }
}

impl QueryKey {
    /// A value of a partition key of one attribute; `None` if it cannot be a key.
    #[inline]
    pub(crate) fn of_scalar(value: Option<KeyScalar<'_>>) -> Self {
        let encoded = value.map(|scalar| {
            let mut bytes = KeyBuf::beginning_with(ITEM_SPACE);
            scalar.encode_last(&mut bytes);
            (scalar.kind(), bytes)
        });
        Self(Form::Typed(encoded, SortConditions::default()))
    }

    /// Adds a condition on the sort key. An index whose sort key has several parts takes one for each, in their order, of
    /// which only the last may be other than an equality. Errors: there was such a last one, or a key condition.
    pub fn and_sort(&mut self, condition: SortCondition) -> Result<()> {
        let (equal, last) = match &mut self.0 {
            Form::Typed(_, sort) => (&mut sort.equal, &mut sort.last),
            Form::Bound(key) => (&mut key.range, &mut key.last),
            Form::Expression(_) => {
                let text = "the key condition expression has the condition on the sort key already";
                return Err(Error::validation(text));
            }
        };
        if last.is_some() {
            let text =
                "the query has a range of its sort key already; use `between`, or a filter for anything but keys";
            return Err(Error::validation(text));
        }
        match condition {
            SortCondition::Equal(value) => equal.push(value),
            SortCondition::Range(condition) => *last = Some(condition),
        }
        Ok(())
    }

    /// The conditions on the attributes of a key, as a text.
    pub(super) fn describe(&self, hash: &[KeyAttribute], sort: &[KeyAttribute]) -> String {
        let values = self.partition_values(hash, sort).unwrap_or_default();
        let bound;
        let (equal, last) = match &self.0 {
            Form::Typed(_, conditions) => (&conditions.equal, &conditions.last),
            Form::Bound(key) => (&key.range, &key.last),
            Form::Expression(expression) => match expression.bind(hash, sort) {
                Ok(key) => {
                    bound = key;
                    (&bound.range, &bound.last)
                }
                Err(_) => return String::new(),
            },
        };
        let equalities = hash.iter().zip(&values).chain(sort.iter().zip(equal));
        let mut texts: Vec<String> =
            equalities.map(|(attribute, value)| format!("{} = {}", attribute.name, value.to_json())).collect();
        if let (Some(attribute), Some(condition)) = (sort.get(equal.len()), last) {
            texts.push(condition.describe(&attribute.name));
        }
        texts.join(" AND ")
    }

    /// The values of the partition key attributes `hash`; `None` if the key does not fit them.
    pub(crate) fn partition_values(&self, hash: &[KeyAttribute], sort: &[KeyAttribute]) -> Option<Vec<AttributeValue>> {
        match &self.0 {
            Form::Typed(value, _) => {
                let (kind, bytes) = value.as_ref()?;
                // The first byte is the space of the table's items.
                Some(vec![decode_last(*kind, bytes.get(1..)?)?])
            }
            Form::Bound(key) => Some(key.hash.clone()),
            Form::Expression(expression) => Some(expression.bind(hash, sort).ok()?.hash),
        }
    }

    /// What the key selects in a table or index with these key attributes, whose collections begin with `space`.
    #[inline(always)]
    pub(super) fn select(
        &self,
        space: u8,
        hash: &[KeyAttribute],
        sort: &[KeyAttribute],
        is_table: bool,
    ) -> Result<Selection<'_>> {
        let bound;
        let collection;
        let (equal, last) = match &self.0 {
            Form::Typed(value, conditions) => {
                check_counts(1, hash, conditions.equal.len() + usize::from(conditions.last.is_some()), sort)?;
                match value {
                    Some((kind, bytes)) if *kind == hash[0].kind => {
                        if bytes.len() == 1 {
                            let value = if *kind == KeyType::S { KeyScalar::S("") } else { KeyScalar::B(&[]) };
                            refuse_empty(value, &hash[0].name)?;
                        }
                        collection =
                            if space == ITEM_SPACE { Cow::Borrowed(bytes) } else { Cow::Owned(moved(space, bytes)) };
                    }
                    _ => {
                        let actual = value.as_ref().map_or("no key type", |(kind, _)| kind.name());
                        return Err(Error::key_condition_type(&hash[0].name, hash[0].kind.name(), actual));
                    }
                }
                (&conditions.equal, &conditions.last)
            }
            Form::Bound(key) => {
                collection = Cow::Owned(encode_hash(key, hash, sort, space)?);
                (&key.range, &key.last)
            }
            Form::Expression(expression) => match only_partition_key(expression, hash) {
                Some(value) => {
                    let mut bytes = KeyBuf::beginning_with(space);
                    value.encode_last(&mut bytes);
                    collection = Cow::Owned(bytes);
                    (NO_VALUES, NO_RANGE)
                }
                None => {
                    bound = expression.bind(hash, sort)?;
                    collection = Cow::Owned(encode_hash(&bound, hash, sort, space)?);
                    (&bound.range, &bound.last)
                }
            },
        };
        check_sort(equal, last.as_ref(), sort)?;
        let bounds = sort_range::bounds(sort, equal, last.as_ref(), is_table)?;
        let single = is_table && equal.len() == sort.len();
        Ok(Selection { token: token(&collection[1..]), collection, bounds, single })
    }
}

const NO_VALUES: &Vec<AttributeValue> = &Vec::new();
const NO_RANGE: &Option<RangeCondition> = &None;
/// A value of so many bytes is within the limits of any key, however it is encoded.
const SURELY_FITS_BYTES: usize = 512;

/// The value of the partition key, if the condition gives no other one, and there is nothing to say against it.
fn only_partition_key<'k>(condition: &'k KeyCondition, hash: &[KeyAttribute]) -> Option<KeyScalar<'k>> {
    let [attribute] = hash else { return None };
    let (_, value) = condition.only_equality().filter(|(name, _)| *name == attribute.name)?;
    let scalar = KeyScalar::of(value).filter(|scalar| scalar.kind() == attribute.kind)?;
    let fits = match value {
        AttributeValue::S(text) => text.len() <= SURELY_FITS_BYTES,
        AttributeValue::B(bytes) => bytes.len() <= SURELY_FITS_BYTES,
        _ => true,
    };
    (fits && scalar.emptiness().is_none()).then_some(scalar)
}

/// Checks how many values and conditions are given for a key.
fn check_counts(hashes: usize, hash: &[KeyAttribute], ranges: usize, sort: &[KeyAttribute]) -> Result<()> {
    if hashes != hash.len() {
        return Err(Error::validation(match hash.get(hashes) {
            Some(missing) => format!("Query condition missed key schema element: {}", missing.name),
            None => {
                let names: Vec<_> = hash.iter().map(|part| part.name.as_str()).collect();
                format!("{hashes} values are given for the partition key, which is {} alone", names.join(", "))
            }
        }));
    }
    if ranges > sort.len() {
        return Err(Error::validation("Query key condition not supported"));
    }
    Ok(())
}

/// The same collection in another key space.
fn moved(space: u8, collection: &KeyBuf) -> KeyBuf {
    let mut moved = KeyBuf::beginning_with(space);
    moved.put(collection.get(1..).unwrap_or_default());
    moved
}

/// Checks the values of the partition key; the collection that they stand for.
fn encode_hash(key: &BoundKey, hash: &[KeyAttribute], sort: &[KeyAttribute], space: u8) -> Result<KeyBuf> {
    let mut collection = KeyBuf::beginning_with(space);
    check_counts(key.hash.len(), hash, key.range.len() + usize::from(key.last.is_some()), sort)?;
    for (attribute, value) in hash.iter().zip(&key.hash) {
        let scalar = check_value(attribute, value)?;
        if hash.len() == 1 { scalar.encode_last(&mut collection) } else { scalar.encode_component(&mut collection) }
    }
    Ok(collection)
}

fn check_sort(equal: &[AttributeValue], last: Option<&RangeCondition>, sort: &[KeyAttribute]) -> Result<()> {
    for (attribute, value) in sort.iter().zip(equal) {
        check_value(attribute, value)?;
    }
    if let Some(last) = last {
        sort_range::check_types(&sort[equal.len()], last)?;
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
