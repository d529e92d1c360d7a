//! The byte ranges that conditions on sort keys select.

use crate::{
    error::{Error, Result},
    expression::RangeCondition,
    item::{
        AttributeValue, KeyType,
        key::{encode_component, encode_last, successor},
    },
    schema::KeyAttribute,
};
use std::ops::Bound;

/// Bytes of sort keys between two bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeBounds {
    /// Lower bound.
    pub lower: Bound<Vec<u8>>,
    /// Upper bound.
    pub upper: Bound<Vec<u8>>,
}

impl RangeBounds {
    /// Whether a sort key is between the bounds.
    pub fn contains(&self, sort: &[u8]) -> bool {
        let above = match &self.lower {
            Bound::Unbounded => true,
            Bound::Included(low) => sort >= low.as_slice(),
            Bound::Excluded(low) => sort > low.as_slice(),
        };
        let below = match &self.upper {
            Bound::Unbounded => true,
            Bound::Included(high) => sort <= high.as_slice(),
            Bound::Excluded(high) => sort < high.as_slice(),
        };
        above && below
    }

    /// Leaves out a sort key that is between the bounds, and what a reader comes to behind it.
    pub fn end_before(&mut self, sort: &[u8], ascending: bool) {
        let bound = if ascending { &mut self.upper } else { &mut self.lower };
        *bound = Bound::Excluded(sort.to_vec());
    }

    /// Everything that begins with a prefix.
    fn with_prefix(prefix: Vec<u8>) -> Self {
        let upper = successor(prefix.clone()).map_or(Bound::Unbounded, Bound::Excluded);
        Self { lower: Bound::Included(prefix), upper }
    }
}

/// The sort keys that conditions on the sort key attributes select. `is_last` tells whether the attributes end the
/// sort key (a table) or are followed by more (an index entry, which the table's key follows).
pub fn bounds(
    attributes: &[KeyAttribute],
    equal: &[AttributeValue],
    last: Option<&RangeCondition>,
    is_last: bool,
) -> Result<RangeBounds> {
    if equal.is_empty() && last.is_none() {
        return Ok(RangeBounds { lower: Bound::Unbounded, upper: Bound::Unbounded });
    }
    let whole = is_last && attributes.len() == 1;
    let mut prefix = Vec::new();
    for value in equal {
        encode(value, whole, &mut prefix)?;
    }
    let Some(last) = last else {
        if whole && !equal.is_empty() {
            return Ok(RangeBounds { lower: Bound::Included(prefix.clone()), upper: Bound::Included(prefix) });
        }
        return Ok(RangeBounds::with_prefix(prefix));
    };
    let all = RangeBounds::with_prefix(prefix.clone());
    let at = |value: &AttributeValue| -> Result<Vec<u8>> {
        let mut bytes = prefix.clone();
        encode(value, whole, &mut bytes)?;
        Ok(bytes)
    };
    // Below a component's successor are exactly the keys that begin with the component.
    let past = |bytes: Vec<u8>| successor(bytes).map_or(Bound::Unbounded, Bound::Included);
    let before_past = |bytes: Vec<u8>| successor(bytes).map_or(Bound::Unbounded, Bound::Excluded);
    let after = |value| -> Result<_> { Ok(if whole { Bound::Excluded(at(value)?) } else { past(at(value)?) }) };
    let up_to = |value| -> Result<_> { Ok(if whole { Bound::Included(at(value)?) } else { before_past(at(value)?) }) };
    Ok(match last {
        RangeCondition::Less(value) => RangeBounds { lower: all.lower, upper: Bound::Excluded(at(value)?) },
        RangeCondition::LessOrEqual(value) => RangeBounds { lower: all.lower, upper: up_to(value)? },
        RangeCondition::Greater(value) => RangeBounds { lower: after(value)?, upper: all.upper },
        RangeCondition::GreaterOrEqual(value) => RangeBounds { lower: Bound::Included(at(value)?), upper: all.upper },
        RangeCondition::Between(low, high) => RangeBounds { lower: Bound::Included(at(low)?), upper: up_to(high)? },
        RangeCondition::BeginsWith(value) => {
            let start = prefix.len();
            let mut bytes = at(value)?;
            if !whole {
                // A component ends with two bytes that say so; a prefix of one has no end.
                bytes.truncate(bytes.len().saturating_sub(2).max(start));
            }
            RangeBounds::with_prefix(bytes)
        }
    })
}

fn encode(value: &AttributeValue, whole: bool, out: &mut Vec<u8>) -> Result<()> {
    let is_key = if whole { encode_last(value, out) } else { encode_component(value, out) };
    if is_key { Ok(()) } else { Err(Error::invalid_parameter("Condition parameter type does not match schema type")) }
}

/// Whether a condition's values have the attribute's type, and the condition makes sense for it.
pub fn check_types(attribute: &KeyAttribute, condition: &RangeCondition) -> Result<()> {
    let values = match condition {
        RangeCondition::Less(value)
        | RangeCondition::LessOrEqual(value)
        | RangeCondition::Greater(value)
        | RangeCondition::GreaterOrEqual(value)
        | RangeCondition::BeginsWith(value) => [Some(value), None],
        RangeCondition::Between(low, high) => [Some(low), Some(high)],
    };
    let numeric_prefix = matches!(condition, RangeCondition::BeginsWith(_)) && attribute.kind == KeyType::N;
    match values.into_iter().flatten().find(|value| numeric_prefix || !attribute.kind.matches(value)) {
        Some(value) => Err(Error::key_condition_type(&attribute.name, attribute.kind.name(), value.type_name())),
        None => Ok(()),
    }
}
