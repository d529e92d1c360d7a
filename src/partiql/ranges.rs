//! Which ranges of keys a query reads, one after the other.

use super::{
    bind::BoundOrder,
    key_terms::{Alternative, KeyNames, SortTerm},
};
use crate::{
    error::{Error, Result},
    expression::{BoundKey, RangeCondition, check::MAX_IN_OPERANDS},
    item::{
        AttributeValue, KeyScalar,
        key::{MAX_HASH_KEY_BYTES, MAX_RANGE_KEY_BYTES, encode_last},
    },
    request::{RangeBounds, sort_bounds},
    schema::KeyAttribute,
};
use std::{cmp::Ordering, collections::HashSet, ops::Bound};

/// Most partition keys of one query.
const MAX_PARTITIONS: usize = 50;
/// Most ranges that are read one by one: as many as one alternative may have. Of what has more, whole partitions are read.
const MAX_RANGES: usize = MAX_IN_OPERANDS * MAX_IN_OPERANDS;

/// Items of one partition key between two sort keys.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyRange {
    /// The partition key.
    pub hash: AttributeValue,
    /// Which sort keys.
    pub sort: SortRange,
}

/// Which sort keys of a partition are read.
#[derive(Clone, Debug, PartialEq)]
pub enum SortRange {
    /// All of them, or the only item where there is no sort key.
    All,
    /// This one.
    Equal(AttributeValue),
    /// Those in a range.
    Range(RangeCondition),
}

impl KeyRange {
    /// The same as a query takes it.
    pub(super) fn bound_key(&self) -> BoundKey {
        let (range, last) = match &self.sort {
            SortRange::All => (Vec::new(), None),
            SortRange::Equal(value) => (vec![value.clone()], None),
            SortRange::Range(range) => (Vec::new(), Some(range.clone())),
        };
        BoundKey { hash: vec![self.hash.clone()], range, last }
    }

    fn bounds(&self, key: KeyNames<'_>) -> Result<RangeBounds> {
        let bound = self.bound_key();
        let attributes: Vec<KeyAttribute> = key.range.cloned().into_iter().collect();
        sort_bounds(&attributes, &bound.range, bound.last.as_ref(), true)
    }
}

/// A direction for each half of the key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Direction {
    /// Whether partitions come in a certain order, and whether that is descending.
    pub partitions: Option<bool>,
    /// Whether sort keys descend.
    pub descending: bool,
}

/// Checks the values that key attributes are compared with, up to the first alternative that names no key;
/// `allows_scalars` of other types.
pub(super) fn check_types(alternatives: &[Alternative], key: KeyNames<'_>, allows_scalars: bool) -> Result<()> {
    let check_type = |value: &AttributeValue, attribute: &KeyAttribute| {
        if allows_scalars && KeyScalar::of(value).is_some() { Ok(()) } else { check_type(value, attribute) }
    };
    for alternative in alternatives {
        if alternative.hash.is_empty() {
            return Ok(());
        }
        for value in alternative.hash.iter().flatten() {
            check_type(value, key.hash)?;
        }
        for term in &alternative.sort {
            let Some(range) = key.range else { continue };
            term.values().into_iter().try_for_each(|value| check_type(value, range))?;
        }
    }
    Ok(())
}

/// Rejects a value that the attribute of a key cannot have.
pub(super) fn check_type(value: &AttributeValue, attribute: &KeyAttribute) -> Result<()> {
    let name = &attribute.name;
    match KeyScalar::of(value) {
        None => Err(Error::validation(format!(
            "Key value must be of type S, N, or B. Key name: {name}, Key type: {}",
            value.type_name()
        ))),
        Some(scalar) if scalar.kind() != attribute.kind => Err(Error::validation(format!(
            "Key attribute's data type should match its data type in table's schema: Key {name}"
        ))),
        Some(_) => Ok(()),
    }
}

/// The ranges of a query, in the order of the text; `None` if an alternative may have any partition key, so that all must
/// be read.
///
/// # Errors
/// Too many partition keys; ranges that have keys in common. Where DynamoDB does not look for those, ranges that do are
/// widened to one.
pub(super) fn ranges(alternatives: &[Alternative], key: KeyNames<'_>) -> Result<Option<Vec<KeyRange>>> {
    let mut parts = Vec::with_capacity(alternatives.len());
    for alternative in alternatives {
        let Some(hashes) = alternative.hash_values() else { return Ok(None) };
        parts.push((hashes, sort_ranges(alternative)));
    }
    let partitions = distinct(parts.iter().flat_map(|(hashes, _)| hashes));
    if partitions.len() > MAX_PARTITIONS {
        let count = partitions.len();
        return Err(Error::validation(format!(
            "The IN operator is provided with too many operands; number of operands: {count}"
        )));
    }
    let count: usize = parts.iter().map(|(hashes, sorts)| hashes.len() * sorts.len()).sum();
    // The filter of several alternatives is the whole condition.
    if parts.len() > 1 && count > MAX_RANGES {
        let whole = |hash: &AttributeValue| KeyRange { hash: hash.clone(), sort: SortRange::All };
        return Ok(Some(partitions.into_iter().map(whole).collect()));
    }
    let mut ranges = Vec::with_capacity(count);
    for (hashes, sorts) in parts {
        for hash in hashes {
            ranges.extend(sorts.iter().map(|sort| KeyRange { hash: hash.clone(), sort: sort.clone() }));
        }
    }
    let is_checked = !alternatives.iter().any(|one| one.is_loose || one.sort.len() > 1);
    separate(ranges, key, is_checked).map(Some)
}

/// The ranges of sort keys that an alternative reads of each of its partitions.
fn sort_ranges(alternative: &Alternative) -> Vec<SortRange> {
    match alternative.sort.iter().find(|term| matches!(term, SortTerm::In(_))) {
        Some(SortTerm::In(values)) => values.iter().cloned().map(SortRange::Equal).collect(),
        _ => match alternative.sort.first() {
            Some(SortTerm::Range(range)) => vec![SortRange::Range(range.clone())],
            _ => vec![SortRange::All],
        },
    }
}

/// Partition keys, each once, in their order.
fn distinct<'v>(hashes: impl Iterator<Item = &'v AttributeValue>) -> Vec<&'v AttributeValue> {
    let mut known = HashSet::new();
    hashes.filter(|hash| known.insert(encoded(hash))).collect()
}

fn encoded(hash: &AttributeValue) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_last(hash, &mut bytes);
    bytes
}

/// Whether there is more than one partition key.
pub(super) fn has_several_partitions(ranges: &[KeyRange]) -> bool {
    ranges.windows(2).any(|pair| pair[0].hash != pair[1].hash)
}

/// Finds ranges with keys in common: rejects them, or takes the whole partition instead.
fn separate(ranges: Vec<KeyRange>, key: KeyNames<'_>, is_checked: bool) -> Result<Vec<KeyRange>> {
    let mut placed = Vec::with_capacity(ranges.len());
    for range in ranges {
        let bounds = range.bounds(key)?;
        placed.push((encoded(&range.hash), bounds, range));
    }
    let mut order: Vec<usize> = (0..placed.len()).collect();
    order.sort_by(|one, two| {
        let (one, two) = (&placed[*one], &placed[*two]);
        one.0.cmp(&two.0).then_with(|| compare_lower(&one.1.lower, &two.1.lower))
    });
    let mut widened = Vec::new();
    // Of those that begin before, the one that reaches furthest.
    let mut reach: Option<usize> = None;
    for &next in &order {
        let other = reach.filter(|at| placed[*at].0 == placed[next].0);
        let overlaps = other.is_some_and(|at| meets(&placed[at].1.upper, &placed[next].1.lower));
        if overlaps && is_checked {
            return Err(Error::validation("Overlapping conditions with range keys are not supported in where clause"));
        }
        if overlaps && !widened.contains(&placed[next].0) {
            widened.push(placed[next].0.clone());
        }
        let is_further = other.is_none_or(|at| compare_upper(&placed[next].1.upper, &placed[at].1.upper).is_gt());
        if is_further {
            reach = Some(next);
        }
    }
    let mut separated: Vec<KeyRange> = Vec::with_capacity(placed.len());
    let mut done: Vec<Vec<u8>> = Vec::new();
    for (hash, _, range) in placed {
        if !widened.contains(&hash) {
            separated.push(range);
        } else if !done.contains(&hash) {
            separated.push(KeyRange { hash: range.hash, sort: SortRange::All });
            done.push(hash);
        }
    }
    Ok(separated)
}

fn compare_lower(one: &Bound<Vec<u8>>, two: &Bound<Vec<u8>>) -> Ordering {
    match (one, two) {
        (Bound::Unbounded, Bound::Unbounded) => Ordering::Equal,
        (Bound::Unbounded, _) => Ordering::Less,
        (_, Bound::Unbounded) => Ordering::Greater,
        (Bound::Included(one) | Bound::Excluded(one), Bound::Included(two) | Bound::Excluded(two)) => one.cmp(two),
    }
    .then_with(|| matches!(one, Bound::Excluded(_)).cmp(&matches!(two, Bound::Excluded(_))))
}

fn compare_upper(one: &Bound<Vec<u8>>, two: &Bound<Vec<u8>>) -> Ordering {
    match (one, two) {
        (Bound::Unbounded, Bound::Unbounded) => Ordering::Equal,
        (Bound::Unbounded, _) => Ordering::Greater,
        (_, Bound::Unbounded) => Ordering::Less,
        (Bound::Included(one), Bound::Excluded(two)) => one.cmp(two).then(Ordering::Greater),
        (Bound::Excluded(one), Bound::Included(two)) => one.cmp(two).then(Ordering::Less),
        (Bound::Included(one), Bound::Included(two)) | (Bound::Excluded(one), Bound::Excluded(two)) => one.cmp(two),
    }
}

/// Whether a range up to `upper` has a key of one from `lower` that begins no earlier.
fn meets(upper: &Bound<Vec<u8>>, lower: &Bound<Vec<u8>>) -> bool {
    match (upper, lower) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => true,
        (Bound::Included(upper), Bound::Included(lower)) => upper >= lower,
        (Bound::Included(upper) | Bound::Excluded(upper), Bound::Included(lower) | Bound::Excluded(lower)) => {
            upper > lower
        }
    }
}

/// The direction that `ORDER BY` asks for. A term for the partition key alone puts sort keys in descending order,
/// whichever way it is written.
pub(super) fn direction(order: &[BoundOrder], key: KeyNames<'_>) -> Direction {
    if order.is_empty() {
        return Direction::default();
    }
    let term = |name: &str| order.iter().find(|term| term.name.as_deref() == Ok(name));
    let partitions = term(&key.hash.name).map(|term| term.descending);
    let sort = key.range.and_then(|range| term(&range.name));
    Direction { partitions, descending: sort.is_none_or(|term| term.descending) }
}

/// Ranges in the order in which they are read: of one partition ascending, unless `ORDER BY` says otherwise. Several
/// partitions without an order come as they are written.
pub(super) fn arrange(ranges: Vec<KeyRange>, key: KeyNames<'_>, direction: Direction) -> Vec<KeyRange> {
    let is_ordered = direction.partitions.is_some() || !has_several_partitions(&ranges);
    if ranges.len() < 2 || !is_ordered {
        return ranges;
    }
    let turned = |order: Ordering, turn: bool| if turn { order.reverse() } else { order };
    let lower = |range: &KeyRange| range.bounds(key).map_or(Bound::Unbounded, |bounds| bounds.lower);
    let mut placed: Vec<_> = ranges.into_iter().map(|range| (encoded(&range.hash), lower(&range), range)).collect();
    placed.sort_by(|(hash, lower, _), (other_hash, other_lower, _)| {
        turned(hash.cmp(other_hash), direction.partitions.unwrap_or(false))
            .then_with(|| turned(compare_lower(lower, other_lower), direction.descending))
    });
    placed.into_iter().map(|(.., range)| range).collect()
}

/// Rejects keys that are too long.
pub(super) fn check_sizes(range: &KeyRange) -> Result<()> {
    let bytes = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        _ => 0,
    };
    if bytes(&range.hash) > MAX_HASH_KEY_BYTES {
        return Err(Error::invalid_parameter("Size of hashkey has exceeded the maximum size limit of2048 bytes"));
    }
    let sort = match &range.sort {
        SortRange::All => 0,
        SortRange::Equal(value) => bytes(value),
        SortRange::Range(range) => range.values().into_iter().map(bytes).max().unwrap_or(0),
    };
    if sort > MAX_RANGE_KEY_BYTES {
        let text = "Aggregated size of all range keys has exceeded the size limit of 1024 bytes";
        return Err(Error::invalid_parameter(text));
    }
    Ok(())
}
