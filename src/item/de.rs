//! Items as values of a user's types, read straight from the encoded bytes; [`from_item`] says what is read into what.

mod access;
#[cfg(test)]
mod tests;

use super::{
    Elements, Item, ItemRef, Number, ValueRef,
    codec::{MAX_DEPTH, Tag},
    serde_error::SerdeError,
    serde_values::{VALUE_NAME, visit_exact},
};
use crate::error::{Error, Result};
use access::{ElementAccess, MemberAccess, Variant};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, Error as _, Unexpected, Visitor, value},
};

type DeResult<T> = std::result::Result<T, SerdeError>;

/// Reads a value of any deserialisable type from an item. Texts and bytes can be borrowed from an [`ItemRef`] (`&str`, `&[u8]`);
/// attributes that the type does not have are passed over. The types are those of [`to_item`](super::to_item) the other way
/// round, and a little wider:
///
/// - an `Option` is `None` if the attribute is absent or `NULL`;
/// - a set is read into any sequence, set or array; a `B` into bytes or a `Vec<u8>`;
/// - a number is read into any integer or float that it fits, and into [`Number`] with all its digits;
/// - an [`AttributeValue`](super::AttributeValue) or [`Item`] is read as it is stored.
///
/// Serde keeps what it reads for tagged and untagged enums and for `#[serde(flatten)]` in a form of its own, which has fewer types: a
/// set comes as a list there, and a number that is neither a 64-bit integer nor exact as a double as text, so that
/// nothing is rounded silently. So `#[serde(flatten)] rest: Item` changes the types of such attributes when it is written back;
/// a program that keeps attributes it does not know takes them from [`ItemRef::to_item`].
///
/// # Errors
/// An error of kind `Decode` that names the attribute which does not fit.
pub fn from_item<T: DeserializeOwned>(item: &Item) -> Result<T> {
    ItemRef::from(item).de()
}

impl ItemRef {
    /// Reads a value of any deserialisable type from the item; it may borrow texts and bytes.
    ///
    /// # Errors
    /// An error of kind `Decode` that names the attribute which does not fit.
    pub fn de<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        self.as_map().de()
    }
}

impl<'a> ValueRef<'a> {
    /// Reads a value of any deserialisable type; it may borrow texts and bytes.
    ///
    /// # Errors
    /// An error of kind `Decode` that names the place which does not fit.
    pub fn de<T: Deserialize<'a>>(&self) -> Result<T> {
        T::deserialize(ValueDeserializer { value: *self, depth: MAX_DEPTH })
            .map_err(|error| Error::decode(error.to_string()))
    }
}

#[derive(Clone, Copy)]
struct ValueDeserializer<'de> {
    value: ValueRef<'de>,
    /// Levels that may still be entered; damaged bytes could be nested without end.
    depth: usize,
}

impl<'de> ValueDeserializer<'de> {
    fn inner(&self) -> DeResult<usize> {
        self.depth.checked_sub(1).ok_or_else(|| SerdeError::new("the value is nested too deeply"))
    }
    fn number(&self) -> DeResult<Number> {
        self.value.as_number().ok_or_else(|| self.mismatch(&"a number"))
    }
    fn text(&self) -> DeResult<&'de str> {
        self.value.as_str().ok_or_else(|| SerdeError::new("the string is not UTF-8"))
    }
    /// What serde says when a type does not fit, with the value if it is short to say.
    fn mismatch(&self, expected: &dyn de::Expected) -> SerdeError {
        SerdeError::invalid_type(
            match self.value.tag {
                Tag::S => self.value.as_str().map_or(Unexpected::Other("damaged string"), Unexpected::Str),
                Tag::N => Unexpected::Other("number"),
                Tag::B => Unexpected::Bytes(self.value.payload),
                Tag::True => Unexpected::Bool(true),
                Tag::False => Unexpected::Bool(false),
                Tag::Null => Unexpected::Other("NULL"),
                Tag::L => Unexpected::Seq,
                Tag::M => Unexpected::Map,
                Tag::Ss | Tag::Ns | Tag::Bs => Unexpected::Other("set"),
            },
            expected,
        )
    }
    fn visit_number<V: Visitor<'de>>(&self, visitor: V) -> DeResult<V::Value> {
        let number = self.number()?;
        if let Some(integer) = number.to_i64() {
            return visitor.visit_i64(integer);
        }
        if let Some(integer) = number.to_u64() {
            return visitor.visit_u64(integer);
        }
        match number.to_f64() {
            Some(double) if Number::try_from(double).is_ok_and(|back| back == number) => visitor.visit_f64(double),
            _ => visitor.visit_string(number.to_string()),
        }
    }
    /// An integer for a type that takes nothing else; what does not fit is reported by the type.
    fn visit_integer<V: Visitor<'de>>(&self, visitor: V) -> DeResult<V::Value> {
        if self.value.tag != Tag::N {
            return Err(self.mismatch(&visitor));
        }
        let number = self.number()?;
        match (number.to_i64(), number.to_u64()) {
            (Some(integer), _) => visitor.visit_i64(integer),
            (_, Some(integer)) => visitor.visit_u64(integer),
            _ => {
                let text = format!("number {number}");
                Err(SerdeError::invalid_value(Unexpected::Other(&text), &visitor))
            }
        }
    }
    fn visit_elements<V: Visitor<'de>>(&self, elements: Elements<'de>, visitor: V) -> DeResult<V::Value> {
        let length = self.value.count().ok_or_else(damaged)?;
        let mut access = ElementAccess { elements, length, at: 0, depth: self.inner()? };
        let value = visitor.visit_seq(&mut access)?;
        if access.at < access.length {
            let fewer = format!("{} elements", access.at);
            return Err(SerdeError::invalid_length(access.length, &fewer.as_str()));
        }
        Ok(value)
    }
    fn visit_members<V: Visitor<'de>>(&self, visitor: V) -> DeResult<V::Value> {
        let left = self.value.count().ok_or_else(damaged)?;
        visitor.visit_map(MemberAccess { members: self.value.map(), left, current: None, depth: self.inner()? })
    }
}

macro_rules! deserialize_as {
    ($($method:ident)* => $visit:ident) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
            self.$visit(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for ValueDeserializer<'de> {
    type Error = SerdeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        match self.value.tag {
            Tag::S => visitor.visit_borrowed_str(self.text()?),
            Tag::N => self.visit_number(visitor),
            Tag::B => visitor.visit_borrowed_bytes(self.value.payload),
            Tag::True => visitor.visit_bool(true),
            Tag::False => visitor.visit_bool(false),
            Tag::Null => visitor.visit_unit(),
            Tag::L => self.visit_elements(self.value.list(), visitor),
            Tag::Ss | Tag::Ns | Tag::Bs => self.visit_elements(self.value.set(), visitor),
            Tag::M => self.visit_members(visitor),
        }
    }

    deserialize_as! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 => visit_integer
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        match self.value.as_number().and_then(|number| number.to_i128()) {
            Some(integer) => visitor.visit_i128(integer),
            None => self.visit_integer(visitor),
        }
    }
    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        // 128 bits without sign reach further than with one, and what is there may have zeros beyond the 38 digits.
        match self.value.as_number().and_then(|number| number.to_string().parse().ok()) {
            Some(integer) => visitor.visit_u128(integer),
            None => self.visit_integer(visitor),
        }
    }
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        self.deserialize_f64(visitor)
    }
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        match self.value.as_f64() {
            Some(double) => visitor.visit_f64(double),
            None => Err(self.mismatch(&visitor)),
        }
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> DeResult<V::Value> {
        match (name, self.value.tag) {
            (Number::SERDE_NAME, Tag::N) => match self.value.as_i64() {
                Some(integer) => visitor.visit_i64(integer),
                None => visitor.visit_string(self.number()?.to_string()),
            },
            (Number::SERDE_NAME, _) => Err(self.mismatch(&visitor)),
            (VALUE_NAME, _) => visit_exact(self.value, visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        match self.value.tag {
            Tag::B => {
                let mut bytes = value::SeqDeserializer::<_, SerdeError>::new(self.value.payload.iter().copied());
                let value = visitor.visit_seq(&mut bytes)?;
                // An array takes as many as it has room for, and asks for no more.
                bytes.end()?;
                Ok(value)
            }
            _ => self.deserialize_any(visitor),
        }
    }
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> DeResult<V::Value> {
        self.deserialize_seq(visitor)
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> DeResult<V::Value> {
        self.deserialize_seq(visitor)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> DeResult<V::Value> {
        match self.value.tag {
            Tag::S => visitor.visit_enum(value::BorrowedStrDeserializer::new(self.text()?)),
            Tag::M if self.value.len() == 1 => match self.value.map().next() {
                Some((variant, value)) => visitor.visit_enum(Variant { variant, value, depth: self.inner()? }),
                None => Err(damaged()),
            },
            Tag::M => Err(SerdeError::invalid_length(self.value.len(), &"a map of one member, named after a variant")),
            _ => Err(self.mismatch(&"a variant: a string, or a map of one member")),
        }
    }
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool char str string bytes byte_buf unit unit_struct map struct identifier
    }
}

fn damaged() -> SerdeError {
    SerdeError::new("the item is damaged")
}
