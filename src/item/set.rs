//! Fields of user types that are stored as sets.
//!
//! Serde knows sequences but no sets, so a `BTreeSet<String>` becomes a list unless its field says otherwise:
//!
//! ```
//! # use std::collections::BTreeSet;
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Article {
//!     id: String,
//!     #[serde(with = "hashrange::item::set", default)]
//!     tags: BTreeSet<String>,
//! }
//! ```
//!
//! The elements must be texts, numbers or bytes, all of one type. DynamoDB has no empty sets: an empty one is stored as
//! `NULL` and read back as empty. Reading without this module works too, for sets that are not empty.

use super::{AttributeValue, serde_error::SerdeError};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Visitor, value::SeqDeserializer},
};
use std::{collections::BTreeSet, fmt, marker::PhantomData};

/// Name of the newtype struct that tells this crate's item format to make a set; other formats see a sequence.
pub(crate) const SERDE_NAME: &str = "$hashrange::Set";

/// Stores a sequence as a set; duplicates are stored once. For `#[serde(with)]`.
///
/// # Errors
/// If the elements are not all texts, all numbers or all bytes.
pub fn serialize<T: Serialize, S: Serializer>(elements: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(SERDE_NAME, elements)
}

/// Reads a set (or a list, or `NULL` as an empty set) into a sequence. For `#[serde(with)]`.
///
/// # Errors
/// If there is something else, or an element does not fit.
pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(SERDE_NAME, SetVisitor(PhantomData))
}

struct SetVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SetVisitor<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a set")
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<T, D::Error> {
        if !inner.is_human_readable() {
            return T::deserialize(inner); // such a format may not know by itself whether there is a `NULL`
        }
        match Option::deserialize(inner)? {
            Some(set) => Ok(set),
            None => T::deserialize(Nothing(PhantomData)),
        }
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, elements: A) -> Result<T, A::Error> {
        T::deserialize(serde::de::value::SeqAccessDeserializer::new(elements))
    }
}

/// What an empty set is read from: no elements, and `None` for an optional set.
struct Nothing<E>(PhantomData<E>);

impl<'de, E: serde::de::Error> Deserializer<'de> for Nothing<E> {
    type Error = E;
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<()>()))
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// The set of some elements.
pub(crate) fn from_elements(elements: Vec<AttributeValue>) -> Result<AttributeValue, SerdeError> {
    let (mut texts, mut numbers, mut binaries) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for element in elements {
        match element {
            AttributeValue::S(text) => drop(texts.insert(text)),
            AttributeValue::N(number) => drop(numbers.insert(number)),
            AttributeValue::B(bytes) => drop(binaries.insert(bytes)),
            other => {
                return Err(SerdeError::new(format!("a set cannot hold the type {}", other.type_name())));
            }
        }
    }
    match (texts.is_empty(), numbers.is_empty(), binaries.is_empty()) {
        (true, true, true) => Ok(AttributeValue::Null),
        (false, true, true) => Ok(AttributeValue::Ss(texts)),
        (true, false, true) => Ok(AttributeValue::Ns(numbers)),
        (true, true, false) => Ok(AttributeValue::Bs(binaries)),
        _ => Err(SerdeError::new("a set cannot hold elements of several types")),
    }
}
