//! Conditions on the sort key of a query.

use crate::{expression::RangeCondition, item::AttributeValue, request::SortCondition};

/// The sort key equals a value.
pub fn eq(value: impl Into<AttributeValue>) -> SortCondition {
    SortCondition::Equal(value.into())
}
/// The sort key is below a value.
pub fn lt(value: impl Into<AttributeValue>) -> SortCondition {
    SortCondition::Range(RangeCondition::Less(value.into()))
}
/// The sort key is at most a value.
pub fn le(value: impl Into<AttributeValue>) -> SortCondition {
    SortCondition::Range(RangeCondition::LessOrEqual(value.into()))
}
/// The sort key is above a value.
pub fn gt(value: impl Into<AttributeValue>) -> SortCondition {
    SortCondition::Range(RangeCondition::Greater(value.into()))
}
/// The sort key is at least a value.
pub fn ge(value: impl Into<AttributeValue>) -> SortCondition {
    SortCondition::Range(RangeCondition::GreaterOrEqual(value.into()))
}
/// The sort key is between two values, both included.
pub fn between(low: impl Into<AttributeValue>, high: impl Into<AttributeValue>) -> SortCondition {
    SortCondition::Range(RangeCondition::Between(low.into(), high.into()))
}
/// The sort key, a string or binary, begins with a prefix.
pub fn begins_with(prefix: impl Into<AttributeValue>) -> SortCondition {
    SortCondition::Range(RangeCondition::BeginsWith(prefix.into()))
}
