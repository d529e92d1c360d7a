//! Items as JSON, in two forms.
//!
//! ```text
//! plain      {"id":7,"tags":["a","b"]}                        what people write; types are guessed
//! DynamoDB   {"id":{"N":"7"},"tags":{"SS":["a","b"]}}         every value names its type; nothing is lost
//! ```
//!
//! - plain: sets become arrays and binaries become base64 texts; reading back gives lists and strings
//! - DynamoDB's: the form of the AWS command line, of exports and of the wire
//!
//! Numbers keep all their digits in both: their text is read as it is, never through a binary float. Names are
//! printed in the order of their bytes, without spaces. Where a name occurs twice in an object, the last one counts.
//! However deep a text is, reading descends only a fixed number of levels.
//!
//! DynamoDB's form has one decoder, [`ValueDecoder`], over a pull parser, [`Reader`], that builds no tree: for the methods here,
//! and for protocols that carry values inside of documents of their own, with bounds and wordings of their own.

mod decoder;
mod dynamodb;
mod plain;
mod reader;
mod typed;

pub use decoder::{LatestWording, ValueDecoder, Wording};
pub use reader::{Malformed, Reader, Token};
pub use typed::{JsonContext, blob, boolean, list, map, string, structure, wrong_scalar};

use super::{AttributeValue, Item, base64, size};
use crate::error::{Error, ErrorKind, Result};
use serde::de::Deserialize;
use std::borrow::Cow;

/// Lists and maps that reading descends into: one more than an item may hold, so that a value that may be compared,
/// though not stored, can be read.
const MAX_LEVELS: usize = size::MAX_NESTING_LEVELS + 1;
/// Characters below this one have to be escaped in a JSON string.
const FIRST_PRINTABLE: u8 = 0x20;

impl Item {
    /// Reads an item from a plain JSON object.
    ///
    /// # Errors
    /// A validation error if the text is not a JSON object, if a number is out of range or has more than 38 digits, or
    /// if values are nested too deeply. What only matters for storing, such as the size, is not checked here.
    pub fn from_json(text: &str) -> Result<Self> {
        plain::read_members(text, MAX_LEVELS).map(Self)
    }
    /// Prints the item as a plain JSON object.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        push_members(&self.0, &mut out, plain::write);
        out
    }
    /// Reads an item from DynamoDB JSON, without anything around it: an object of names with typed values.
    ///
    /// # Errors
    /// As for [`Item::from_json`], and a validation or serialization error with DynamoDB's text for values that are
    /// not exactly one known type, empty sets, duplicates in sets, and base64 that is not strict.
    pub fn from_dynamodb_json(text: &str) -> Result<Self> {
        dynamodb::read_members(text, MAX_LEVELS).map(Self)
    }
    /// Prints the item as DynamoDB JSON.
    pub fn to_dynamodb_json(&self) -> String {
        let mut out = String::new();
        self.push_dynamodb_json(&mut out);
        out
    }
    /// Appends the item as DynamoDB JSON to a document.
    pub fn push_dynamodb_json(&self, out: &mut String) {
        push_members(&self.0, out, dynamodb::write);
    }
}

impl AttributeValue {
    /// Reads a value from plain JSON.
    ///
    /// # Errors
    /// As for [`Item::from_json`].
    pub fn from_json(text: &str) -> Result<Self> {
        plain::read(whole(text)?, MAX_LEVELS)
    }
    /// Prints the value as plain JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        plain::write(self, &mut out);
        out
    }
    /// Reads a value from DynamoDB JSON: an object whose only member is named after the type.
    ///
    /// # Errors
    /// As for [`Item::from_dynamodb_json`].
    pub fn from_dynamodb_json(text: &str) -> Result<Self> {
        dynamodb::read(text, MAX_LEVELS)
    }
    /// Prints the value as DynamoDB JSON.
    pub fn to_dynamodb_json(&self) -> String {
        let mut out = String::new();
        self.push_dynamodb_json(&mut out);
        out
    }
    /// Appends the value as DynamoDB JSON to a document.
    pub fn push_dynamodb_json(&self, out: &mut String) {
        dynamodb::write(self, out);
    }
}

/// An error of the JSON itself, before any rule of DynamoDB's is looked at.
fn malformed(what: impl ToString) -> Error {
    Error::new(ErrorKind::Validation, "SerializationException", what.to_string())
}

/// Checks that a text is one JSON value; returns it without the space around it.
fn whole(text: &str) -> Result<&str> {
    parse::<&serde_json::value::RawValue>(text).map(|raw| raw.get())
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(malformed)
}

/// The content of a JSON string that was checked before as part of a larger text.
fn text_of(text: &str) -> Result<Cow<'_, str>> {
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(content) if !content.contains('\\') => Ok(Cow::Borrowed(content)),
        _ => parse::<String>(text).map(Cow::Owned),
    }
}

/// Appends a JSON string.
pub fn push_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    let needs_escape = |byte: u8| byte < FIRST_PRINTABLE || byte == b'"' || byte == b'\\';
    while let Some(at) = rest.bytes().position(needs_escape) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            control => out.push_str(&format!("\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Appends binary as a JSON string of base64.
pub(crate) fn push_binary(bytes: &[u8], out: &mut String) {
    out.push('"');
    base64::encode_into(bytes, out);
    out.push('"');
}

/// Appends a JSON array.
pub(super) fn push_array<T>(elements: impl IntoIterator<Item = T>, out: &mut String, push: impl Fn(T, &mut String)) {
    out.push('[');
    for (i, element) in elements.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        push(element, out);
    }
    out.push(']');
}

/// Appends a JSON object.
pub(super) fn push_members<N: AsRef<str>, V>(
    members: impl IntoIterator<Item = (N, V)>,
    out: &mut String,
    push: impl Fn(V, &mut String),
) {
    out.push('{');
    for (i, (name, value)) in members.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        push_string(name.as_ref(), out);
        out.push(':');
        push(value, out);
    }
    out.push('}');
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::item::number::tests::any_number;
    use bytes::Bytes;
    use proptest::{collection, prelude::*};

    /// Any value of up to four levels.
    pub(crate) fn any_value() -> impl Strategy<Value = AttributeValue> {
        let text = || prop_oneof!["[a-c\"\\\\\\n\\x00\\x1f\\x7fé😀]{0,4}", "[a-z]{1,8}"];
        let bytes = || any::<Vec<u8>>().prop_map(Bytes::from);
        let leaf = prop_oneof![
            text().prop_map(AttributeValue::S),
            any_number().prop_map(AttributeValue::N),
            bytes().prop_map(AttributeValue::B),
            any::<bool>().prop_map(AttributeValue::Bool),
            Just(AttributeValue::Null),
            collection::btree_set(text(), 1..4).prop_map(AttributeValue::Ss),
            collection::btree_set(any_number(), 1..4).prop_map(AttributeValue::Ns),
            collection::btree_set(bytes(), 1..4).prop_map(AttributeValue::Bs),
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                collection::vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
                collection::btree_map(text(), inner, 0..4).prop_map(AttributeValue::M),
            ]
        })
    }

    pub(crate) fn any_item() -> impl Strategy<Value = Item> {
        collection::btree_map("[a-z]{1,4}|\\PC{1,4}", any_value(), 0..5).prop_map(Item)
    }

    #[test]
    fn strings_are_escaped_as_json_demands() {
        let mut out = String::new();
        push_string("a\"b\\c\n\r\t\0\u{1f}\u{7f}é😀/", &mut out);
        assert_eq!(out, "\"a\\\"b\\\\c\\n\\r\\t\\u0000\\u001f\u{7f}é😀/\"");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in
            ["", "{", "{\"a\":1,}", "{\"a\":01}", "{\"a\":\"\u{1}\"}", "{\"a\":\"\\ud800\"}", "{} {}", "[1]", "7"]
        {
            assert_eq!(Item::from_json(text).unwrap_err().code(), "SerializationException", "{text}");
            assert!(Item::from_dynamodb_json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let plain = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let typed = |levels: usize| format!("{}{{\"N\":\"1\"}}{}", "{\"L\":[".repeat(levels), "]}".repeat(levels));
        assert!(
            AttributeValue::from_json(&plain(32)).is_ok() && AttributeValue::from_dynamodb_json(&typed(32)).is_ok()
        );
        for levels in [33, 100_000] {
            for error in [
                AttributeValue::from_json(&plain(levels)).unwrap_err(),
                AttributeValue::from_dynamodb_json(&typed(levels)).unwrap_err(),
            ] {
                assert_eq!(error.message(), size::too_deep().message());
            }
        }
    }

    proptest! {
        #[test]
        fn dynamodb_json_loses_nothing(item in any_item(), value in any_value()) {
            let text = item.to_dynamodb_json();
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            prop_assert_eq!(Item::from_dynamodb_json(&text).unwrap(), item);
            prop_assert_eq!(AttributeValue::from_dynamodb_json(&value.to_dynamodb_json()).unwrap(), value);
        }

        #[test]
        fn plain_json_prints_alike_once_read(item in any_item(), value in any_value()) {
            let text = item.to_json();
            prop_assert_eq!(Item::from_json(&text).unwrap().to_json(), text);
            let text = value.to_json();
            prop_assert_eq!(AttributeValue::from_json(&text).unwrap().to_json(), text);
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}:,\" SNBLMU0-9ea.+\\\\-]{0,40}|.*") {
            let _ = (Item::from_json(&text), AttributeValue::from_json(&text));
            let _ = (Item::from_dynamodb_json(&text), AttributeValue::from_dynamodb_json(&text));
        }
    }
}
