//! Encoding of items, straight from the engine's bytes: nothing is decoded into a tree on the way out.

use crate::json::Writer;
use hashrange::{AttributeValue, Item, ItemRef};

/// An item of the engine.
pub(crate) fn write_item(out: &mut Writer, item: &ItemRef) {
    out.value(|text| item.push_dynamodb_json(text));
}

/// A key, such as a `LastEvaluatedKey`.
pub(crate) fn write_key(out: &mut Writer, key: &Item) {
    out.value(|text| key.push_dynamodb_json(text));
}

/// A value that the protocol built itself.
pub(crate) fn write_owned_value(out: &mut Writer, value: &AttributeValue) {
    out.value(|text| value.push_dynamodb_json(text));
}
