//! Items and values through serde, as plain data.
//!
//! In JSON and other formats a value is what it looks like: a text, a number, a list. Binary becomes base64 text in formats
//! for people, and sets become lists; both stay texts and lists when they are read back. [`DynamoDbJson`] loses nothing.
//! Within this crate's own item format nothing is lost either way: fields of user types may be values and items. Under
//! `#[serde(flatten)]` and in tagged and untagged enums serde keeps fields in a form of its own, which knows no sets and no long
//! numbers: [`from_item`](super::from_item) says what becomes of them.

use super::{AttributeValue, Item, ItemRef, Number, ValueRef, base64, serde_error::SerdeError, set};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
    ser::{SerializeMap, SerializeSeq},
};
use std::{collections::BTreeMap, fmt};

/// Name of the newtype struct as which binary goes through serde: this crate's own format keeps its bytes.
pub(super) const BINARY_NAME: &str = "$hashrange::Binary";
/// Name of the newtype struct as which a value is asked for: this crate's own format answers with [`EXACT_KEY`].
pub(super) const VALUE_NAME: &str = "$hashrange::AttributeValue";
/// The only key of a map whose value is an attribute value as DynamoDB JSON. It comes as bytes, which no key of JSON is.
const EXACT_KEY: &[u8] = b"$hashrange::AttributeValue";

/// Bytes, as base64 in formats for people.
pub(super) struct Binary<'a>(pub(super) &'a [u8]);

impl Serialize for Binary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Plain<'a>(&'a [u8]);
        impl Serialize for Plain<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(&base64::encode(self.0))
                } else {
                    serializer.serialize_bytes(self.0)
                }
            }
        }
        serializer.serialize_newtype_struct(BINARY_NAME, &Plain(self.0))
    }
}

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::S(text) => serializer.serialize_str(text),
            Self::N(number) => number.serialize(serializer),
            Self::B(bytes) => Binary(bytes).serialize(serializer),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Null => serializer.serialize_unit(),
            Self::L(list) => list.serialize(serializer),
            Self::M(members) => members.serialize(serializer),
            Self::Ss(texts) => set::serialize(texts, serializer),
            Self::Ns(numbers) => set::serialize(numbers, serializer),
            Self::Bs(binaries) => {
                set::serialize(&binaries.iter().map(|bytes| Binary(bytes)).collect::<Vec<_>>(), serializer)
            }
        }
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for ValueRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = self.as_str() {
            return serializer.serialize_str(text);
        }
        if let Some(elements) = self.as_list() {
            let mut list = serializer.serialize_seq(Some(self.len()))?;
            for element in elements {
                list.serialize_element(&element)?;
            }
            return list.end();
        }
        if let Some(members) = self.as_map() {
            let mut map = serializer.serialize_map(Some(self.len()))?;
            for (name, value) in members {
                map.serialize_entry(name, &value)?;
            }
            return map.end();
        }
        self.to_value().serialize(serializer)
    }
}

impl Serialize for ItemRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_map().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(VALUE_NAME, ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for ItemRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Item::deserialize(deserializer).map(|item| Self::from(&item))
    }
}

/// Answers [`VALUE_NAME`] with a value of which nothing is lost.
pub(super) fn visit_exact<'de, V: Visitor<'de>>(value: ValueRef<'_>, visitor: V) -> Result<V::Value, SerdeError> {
    let entry = std::iter::once((EXACT_KEY, value.to_dynamodb_json()));
    visitor.visit_newtype_struct(de::value::MapDeserializer::new(entry))
}

/// The name of a member, or that the value beside it is an exact one.
enum Name {
    Member(String),
    Exact,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }
    fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
        Ok(Name::Member(name.to_owned()))
    }
    fn visit_string<E: de::Error>(self, name: String) -> Result<Name, E> {
        Ok(Name::Member(name))
    }
    fn visit_bytes<E: de::Error>(self, name: &[u8]) -> Result<Name, E> {
        match str::from_utf8(name) {
            _ if name == EXACT_KEY => Ok(Name::Exact),
            Ok(name) => self.visit_str(name),
            Err(_) => Err(E::invalid_value(de::Unexpected::Bytes(name), &self)),
        }
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = AttributeValue;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, number, binary, boolean, null, list or map")
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<AttributeValue, D::Error> {
        inner.deserialize_any(self)
    }
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<AttributeValue, D::Error> {
        AttributeValue::deserialize(inner)
    }
    fn visit_none<E: de::Error>(self) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Null)
    }
    fn visit_unit<E: de::Error>(self) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Null)
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<AttributeValue, E> {
        Ok(value.into())
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<AttributeValue, E> {
        Ok(number.into())
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<AttributeValue, E> {
        Ok(number.into())
    }
    fn visit_i128<E: de::Error>(self, number: i128) -> Result<AttributeValue, E> {
        Number::try_from(number).map(Into::into).map_err(E::custom)
    }
    fn visit_u128<E: de::Error>(self, number: u128) -> Result<AttributeValue, E> {
        Number::try_from(number).map(Into::into).map_err(E::custom)
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<AttributeValue, E> {
        Number::try_from(number).map(Into::into).map_err(E::custom)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<AttributeValue, E> {
        Ok(text.into())
    }
    fn visit_string<E: de::Error>(self, text: String) -> Result<AttributeValue, E> {
        Ok(text.into())
    }
    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<AttributeValue, E> {
        Ok(Bytes::copy_from_slice(bytes).into())
    }
    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<AttributeValue, E> {
        Ok(bytes.into())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<AttributeValue, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(AttributeValue::L(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<AttributeValue, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(name) = members.next_key()? {
            match name {
                Name::Member(name) => drop(map.insert(name, members.next_value()?)),
                Name::Exact => {
                    let text: String = members.next_value()?;
                    return AttributeValue::from_dynamodb_json(&text).map_err(de::Error::custom);
                }
            }
        }
        Ok(AttributeValue::M(map))
    }
}
