//! What serde asks for inside of lists, maps and variants.

use super::{DeResult, ValueDeserializer, damaged};
use crate::item::{Elements, Members, ValueRef, serde_error::SerdeError};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, Error as _, Unexpected, Visitor, value},
};

/// The elements of a list or set.
pub(super) struct ElementAccess<'de> {
    pub(super) elements: Elements<'de>,
    pub(super) length: usize,
    pub(super) at: usize,
    pub(super) depth: usize,
}

impl<'de> de::SeqAccess<'de> for ElementAccess<'de> {
    type Error = SerdeError;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> DeResult<Option<T::Value>> {
        if self.at == self.length {
            return Ok(None);
        }
        let value = self.elements.next().ok_or_else(damaged)?;
        let element = seed.deserialize(ValueDeserializer { value, depth: self.depth });
        let element = element.map_err(|error| error.at(self.at))?;
        self.at += 1;
        Ok(Some(element))
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.length - self.at)
    }
}

/// The members of a map.
pub(super) struct MemberAccess<'de> {
    pub(super) members: Members<'de>,
    pub(super) left: usize,
    /// The member whose name was read and whose value was not.
    pub(super) current: Option<(&'de str, ValueRef<'de>)>,
    pub(super) depth: usize,
}

impl<'de> de::MapAccess<'de> for MemberAccess<'de> {
    type Error = SerdeError;
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> DeResult<Option<K::Value>> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        let (name, value) = self.members.next().ok_or_else(damaged)?;
        self.current = Some((name, value));
        seed.deserialize(KeyDeserializer(name)).map(Some).map_err(|error| error.under(name))
    }
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> DeResult<T::Value> {
        let (name, value) = self.current.take().ok_or_else(damaged)?;
        seed.deserialize(ValueDeserializer { value, depth: self.depth }).map_err(|error| error.under(name))
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The name of a member, as key of a map of any type that [`to_item`](crate::item::to_item) takes as keys.
struct KeyDeserializer<'de>(&'de str);

macro_rules! deserialize_parsed {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
            match self.0.parse() {
                Ok(key) => visitor.$visit(key),
                Err(_) => Err(SerdeError::invalid_type(Unexpected::Str(self.0), &visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for KeyDeserializer<'de> {
    type Error = SerdeError;
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        visitor.visit_borrowed_str(self.0)
    }
    deserialize_parsed! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
        deserialize_u128 visit_u128
        deserialize_f32 visit_f32 deserialize_f64 visit_f64
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        visitor.visit_some(self)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> DeResult<V::Value> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> DeResult<V::Value> {
        visitor.visit_enum(value::BorrowedStrDeserializer::new(self.0))
    }
    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A map of one member, which stands for a variant with content.
pub(super) struct Variant<'de> {
    pub(super) variant: &'de str,
    pub(super) value: ValueRef<'de>,
    pub(super) depth: usize,
}

impl<'de> de::EnumAccess<'de> for Variant<'de> {
    type Error = SerdeError;
    type Variant = Self;
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> DeResult<(T::Value, Self)> {
        let variant: value::BorrowedStrDeserializer<'de, SerdeError> =
            value::BorrowedStrDeserializer::new(self.variant);
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> ValueDeserializer<'de> {
        ValueDeserializer { value: self.value, depth: self.depth }
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'de> {
    type Error = SerdeError;
    fn unit_variant(self) -> DeResult<()> {
        <()>::deserialize(self.content()).map_err(|error| error.under(self.variant))
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> DeResult<T::Value> {
        seed.deserialize(self.content()).map_err(|error| error.under(self.variant))
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> DeResult<V::Value> {
        self.content().deserialize_seq(visitor).map_err(|error| error.under(self.variant))
    }
    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> DeResult<V::Value> {
        self.content().deserialize_any(visitor).map_err(|error| error.under(self.variant))
    }
}
