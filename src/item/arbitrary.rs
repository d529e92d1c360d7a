//! Random items for tests.

use super::{AttributeValue, Item};
use proptest::{collection::*, prelude::*};

pub(crate) use super::number::tests::any_number;

/// Names of which some come often.
pub(crate) fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-d]", "[a-z]{1,12}", "\\PC{1,4}", "[x]{130}"]
}

fn any_scalar() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        Just(AttributeValue::Null),
        any::<bool>().prop_map(AttributeValue::Bool),
        "[ab]{0,2}|.*|[y]{100,200}".prop_map(AttributeValue::S),
        any_number().prop_map(AttributeValue::N),
        (0..4i64).prop_map(AttributeValue::from),
        vec(any::<u8>(), 0..5).prop_map(|bytes| AttributeValue::B(bytes.into())),
        btree_set("[a-c]{0,3}|.*", 1..4).prop_map(AttributeValue::Ss),
        btree_set(any_number(), 1..4).prop_map(AttributeValue::Ns),
        btree_set(vec(any::<u8>(), 0..3).prop_map(Into::into), 1..4).prop_map(AttributeValue::Bs),
    ]
}

/// A value of any type, nested up to three deep.
pub(crate) fn any_value() -> impl Strategy<Value = AttributeValue> {
    any_scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
            btree_map(any_name(), inner, 0..4).prop_map(AttributeValue::M),
        ]
    })
}

/// An item of up to seven attributes.
pub(crate) fn any_item() -> impl Strategy<Value = Item> {
    btree_map(any_name(), any_value(), 0..8).prop_map(Item)
}
