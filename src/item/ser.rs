//! Values of a user's types as items; [`to_item`] says what becomes of each.

use super::{AttributeValue, Item, Number, base64, serde_error::SerdeError, serde_values::BINARY_NAME, set};
use crate::error::{Error, Result};
use bytes::Bytes;
use serde::{Serialize, ser};
use std::collections::BTreeMap;

type SerResult<T> = std::result::Result<T, SerdeError>;

/// Turns a struct or a map into an item. `None` becomes `NULL`; mark the field with `skip_serializing_if` to leave it
/// out instead, as the keys of sparse indexes need.
///
/// ```text
/// struct, map                        M       (the outermost becomes the item)
/// text, char, unit variant           S
/// integer, float, Number             N       rejected: NaN, infinities, more than 38 digits
/// bytes                              B       (what serde calls bytes)
/// bool                               BOOL
/// None, unit                         NULL
/// sequence, tuple, array, Rust's set L       or a set, see `item::set`
/// variant with content               M       of one member, named after the variant
/// ```
///
/// To serde a `Vec<u8>` is a sequence of numbers, so that it becomes a list: several times as large, and no binary key. A field of
/// type [`Bytes`] is `B`, and so is one with `#[serde(with = "serde_bytes")]`, of the crate of that name. The
/// fields of [`set`](crate::item::set) are sets. [`AttributeValue`] and [`Item`] are stored as they are.
///
/// # Errors
/// A validation error that names the place, if `value` is no struct or map, or holds a number that is not finite or has
/// more than 38 digits, or a map whose keys are not texts, integers, characters or booleans.
pub fn to_item<T: Serialize + ?Sized>(value: &T) -> Result<Item> {
    match to_value(value)? {
        AttributeValue::M(members) => Ok(Item(members)),
        other => Err(Error::validation(format!(
            "an item must be a struct or a map, but this is of type {}",
            other.type_name()
        ))),
    }
}

/// Turns any value into an attribute value; see [`to_item`].
///
/// # Errors
/// As for [`to_item`].
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<AttributeValue> {
    Ok(value.serialize(ValueSerializer)?)
}

struct ValueSerializer;

macro_rules! serialize_as {
    ($($method:ident($t:ty) => $convert:expr;)*) => {$(
        fn $method(self, value: $t) -> SerResult<AttributeValue> {
            $convert(value)
        }
    )*};
}

fn number<T: TryInto<Number>>(value: T) -> SerResult<AttributeValue>
where
    SerdeError: From<T::Error>,
{
    Ok(AttributeValue::N(value.try_into()?))
}

fn integer(value: impl Into<Number>) -> SerResult<AttributeValue> {
    Ok(AttributeValue::N(value.into()))
}

impl ser::Serializer for ValueSerializer {
    type Ok = AttributeValue;
    type Error = SerdeError;
    type SerializeSeq = ListSerializer;
    type SerializeTuple = ListSerializer;
    type SerializeTupleStruct = ListSerializer;
    type SerializeTupleVariant = ListSerializer;
    type SerializeMap = MapSerializer;
    type SerializeStruct = MapSerializer;
    type SerializeStructVariant = MapSerializer;

    serialize_as! {
        serialize_bool(bool) => |b| Ok(AttributeValue::Bool(b));
        serialize_i8(i8) => integer;
        serialize_i16(i16) => integer;
        serialize_i32(i32) => integer;
        serialize_i64(i64) => integer;
        serialize_i128(i128) => number;
        serialize_u8(u8) => integer;
        serialize_u16(u16) => integer;
        serialize_u32(u32) => integer;
        serialize_u64(u64) => integer;
        serialize_u128(u128) => number;
        serialize_f32(f32) => number;
        serialize_f64(f64) => number;
        serialize_char(char) => |c: char| Ok(AttributeValue::S(c.to_string()));
        serialize_str(&str) => |text: &str| Ok(AttributeValue::S(text.to_owned()));
        serialize_bytes(&[u8]) => |bytes| Ok(AttributeValue::B(Bytes::copy_from_slice(bytes)));
        serialize_unit_struct(&'static str) => |_| Ok(AttributeValue::Null);
    }

    fn serialize_none(self) -> SerResult<AttributeValue> {
        Ok(AttributeValue::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> SerResult<AttributeValue> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> SerResult<AttributeValue> {
        Ok(AttributeValue::Null)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> SerResult<AttributeValue> {
        Ok(variant.into())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> SerResult<AttributeValue> {
        match (name, value.serialize(self)?) {
            // A number that fits no number of Rust comes as text.
            (Number::SERDE_NAME, AttributeValue::S(text)) => Ok(AttributeValue::N(Number::parse(&text)?)),
            (set::SERDE_NAME, AttributeValue::L(elements)) => Ok(set::from_elements(elements)?),
            (BINARY_NAME, AttributeValue::S(text)) => Ok(AttributeValue::B(base64::decode(&text)?.into())),
            (_, value) => Ok(value),
        }
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> SerResult<AttributeValue> {
        let value = value.serialize(self).map_err(|error| error.under(variant))?;
        Ok(tagged(variant, value))
    }
    fn serialize_seq(self, length: Option<usize>) -> SerResult<ListSerializer> {
        // The length is a hint of unknown origin, so it reserves no more than a small list's worth.
        const MOST_RESERVED: usize = 64;
        let list = Vec::with_capacity(length.unwrap_or(0).min(MOST_RESERVED));
        Ok(ListSerializer { list, variant: None })
    }
    fn serialize_tuple(self, length: usize) -> SerResult<ListSerializer> {
        self.serialize_seq(Some(length))
    }
    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> SerResult<ListSerializer> {
        self.serialize_seq(Some(length))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> SerResult<ListSerializer> {
        Ok(ListSerializer { list: Vec::new(), variant: Some(variant) })
    }
    fn serialize_map(self, _: Option<usize>) -> SerResult<MapSerializer> {
        Ok(MapSerializer::default())
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> SerResult<MapSerializer> {
        Ok(MapSerializer::default())
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> SerResult<MapSerializer> {
        Ok(MapSerializer { variant: Some(variant), ..MapSerializer::default() })
    }
}

/// A map of one member, which stands for a variant with content.
fn tagged(variant: &str, value: AttributeValue) -> AttributeValue {
    AttributeValue::M(BTreeMap::from([(variant.to_owned(), value)]))
}

fn in_variant(variant: Option<&'static str>, value: AttributeValue) -> AttributeValue {
    match variant {
        Some(variant) => tagged(variant, value),
        None => value,
    }
}

struct ListSerializer {
    list: Vec<AttributeValue>,
    variant: Option<&'static str>,
}

impl ListSerializer {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> SerResult<()> {
        let at = self.list.len();
        self.list.push(value.serialize(ValueSerializer).map_err(|error| error.at(at))?);
        Ok(())
    }
    fn finish(self) -> SerResult<AttributeValue> {
        Ok(in_variant(self.variant, AttributeValue::L(self.list)))
    }
}

macro_rules! serialize_list {
    ($($kind:ident $method:ident),*) => {$(
        impl ser::$kind for ListSerializer {
            type Ok = AttributeValue;
            type Error = SerdeError;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> SerResult<()> {
                self.push(value)
            }
            fn end(self) -> SerResult<AttributeValue> {
                self.finish()
            }
        }
    )*};
}
serialize_list!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

#[derive(Default)]
struct MapSerializer {
    members: BTreeMap<String, AttributeValue>,
    key: Option<String>,
    variant: Option<&'static str>,
}

impl MapSerializer {
    fn push<T: Serialize + ?Sized>(&mut self, name: String, value: &T) -> SerResult<()> {
        let value = value.serialize(ValueSerializer).map_err(|error| error.under(&name))?;
        self.members.insert(name, value);
        Ok(())
    }
    fn finish(self) -> SerResult<AttributeValue> {
        Ok(in_variant(self.variant, AttributeValue::M(self.members)))
    }
}

impl ser::SerializeMap for MapSerializer {
    type Ok = AttributeValue;
    type Error = SerdeError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> SerResult<()> {
        self.key = Some(match key.serialize(ValueSerializer)? {
            AttributeValue::S(text) => text,
            AttributeValue::N(number) => number.to_string(),
            AttributeValue::Bool(b) => b.to_string(),
            other => {
                let what = other.type_name();
                return Err(SerdeError::new(format!("the keys of a map must be texts, but one is of type {what}")));
            }
        });
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> SerResult<()> {
        let name = self.key.take().ok_or_else(|| SerdeError::new("a map gave a value without a key"))?;
        self.push(name, value)
    }
    fn end(self) -> SerResult<AttributeValue> {
        self.finish()
    }
}

macro_rules! serialize_struct {
    ($($kind:ident),*) => {$(
        impl ser::$kind for MapSerializer {
            type Ok = AttributeValue;
            type Error = SerdeError;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> SerResult<()> {
                self.push(name.to_owned(), value)
            }
            fn end(self) -> SerResult<AttributeValue> {
                self.finish()
            }
        }
    )*};
}
serialize_struct!(SerializeStruct, SerializeStructVariant);
