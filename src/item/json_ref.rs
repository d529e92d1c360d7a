//! Both JSON forms printed straight from encoded bytes.
//!
//! The text is the same as that of the decoded item; only the decoding is spared.

use super::{
    ItemRef, ValueRef,
    codec::{MAX_DEPTH, Tag},
    json::{push_array, push_binary, push_members, push_string},
};
use std::fmt::Write;

/// Which of the two forms.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Plain,
    DynamoDb,
}

impl ItemRef {
    /// Prints the item as a plain JSON object; see [`Item::to_json`](super::Item::to_json).
    pub fn to_json(&self) -> String {
        members(self, Form::Plain)
    }
    /// Prints the item as DynamoDB JSON; see [`Item::to_dynamodb_json`](super::Item::to_dynamodb_json).
    pub fn to_dynamodb_json(&self) -> String {
        members(self, Form::DynamoDb)
    }
    /// Appends the item as DynamoDB JSON to a document.
    pub fn push_dynamodb_json(&self, out: &mut String) {
        push_members(self, out, |value, out| push(value, Form::DynamoDb, MAX_DEPTH, out));
    }
}

impl ValueRef<'_> {
    /// Prints the value as plain JSON; see [`AttributeValue::to_json`](super::AttributeValue::to_json).
    pub fn to_json(&self) -> String {
        value(*self, Form::Plain)
    }
    /// Prints the value as DynamoDB JSON; see
    /// [`AttributeValue::to_dynamodb_json`](super::AttributeValue::to_dynamodb_json).
    pub fn to_dynamodb_json(&self) -> String {
        value(*self, Form::DynamoDb)
    }
    /// Appends the value as DynamoDB JSON to a document.
    pub fn push_dynamodb_json(&self, out: &mut String) {
        push(*self, Form::DynamoDb, MAX_DEPTH, out);
    }
}

fn members(item: &ItemRef, form: Form) -> String {
    let mut out = String::with_capacity(item.encoded().len() * 2);
    push_members(item, &mut out, |value, out| push(value, form, MAX_DEPTH, out));
    out
}

fn value(value: ValueRef<'_>, form: Form) -> String {
    let mut out = String::new();
    push(value, form, MAX_DEPTH, &mut out);
    out
}

fn push(value: ValueRef<'_>, form: Form, depth: usize, out: &mut String) {
    if form == Form::Plain {
        return push_content(value, form, depth, out);
    }
    out.push_str("{\"");
    out.push_str(value.type_name());
    out.push_str("\":");
    push_content(value, form, depth, out);
    out.push('}');
}

fn push_content(value: ValueRef<'_>, form: Form, depth: usize, out: &mut String) {
    // Damaged bytes could be nested without end; what is too deep prints as empty.
    let inner = depth.saturating_sub(1);
    let element = |element: ValueRef<'_>, out: &mut String| push_content(element, form, inner, out);
    match value.tag {
        Tag::S => push_string(value.as_str().unwrap_or_default(), out),
        Tag::B => push_binary(value.payload, out),
        Tag::N => push_number(value, form, out),
        Tag::False => out.push_str("false"),
        Tag::True => out.push_str("true"),
        Tag::Null if form == Form::Plain => out.push_str("null"),
        Tag::Null => out.push_str("true"),
        Tag::Ss | Tag::Ns | Tag::Bs => push_array(value.set(), out, element),
        Tag::L if inner == 0 => out.push_str("[]"),
        Tag::M if inner == 0 => out.push_str("{}"),
        Tag::L => push_array(value.list(), out, |value, out| push(value, form, inner, out)),
        Tag::M => push_members(value.map(), out, |value, out| push(value, form, inner, out)),
    }
}

fn push_number(value: ValueRef<'_>, form: Form, out: &mut String) {
    let number = value.as_number().unwrap_or_default();
    let quote = if form == Form::Plain { "" } else { "\"" };
    // Writing to a string cannot fail.
    let _ = write!(out, "{quote}{number}{quote}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::arbitrary::any_item;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_text_is_that_of_the_decoded_item(item in any_item()) {
            let lazy = ItemRef::from(&item);
            prop_assert_eq!(lazy.to_json(), item.to_json());
            prop_assert_eq!(lazy.to_dynamodb_json(), item.to_dynamodb_json());
            for (name, value) in &lazy {
                prop_assert_eq!(value.to_json(), item[name].to_json());
                prop_assert_eq!(value.to_dynamodb_json(), item[name].to_dynamodb_json());
            }
        }
    }
}
