//! Attribute values from and to Rust's own types; [`AttributeValue`] says what becomes of each.

use super::{AttributeValue, Item, ItemRef, Number, ValueRef, number::NumberFault};
use crate::error::{Error, Result};
use bytes::Bytes;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

macro_rules! from_number {
    ($($t:ty),*) => {$(
        impl From<$t> for AttributeValue {
            fn from(number: $t) -> Self { Self::N(Number::from(number)) }
        }
    )*};
}
from_number!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

macro_rules! from_faulty_number {
    ($($t:ty, $fault:expr;)*) => {$(
        /// A number that is none, or out of range, is kept as a fault; the operation that is given it is rejected.
        impl From<$t> for AttributeValue {
            fn from(number: $t) -> Self {
                let fault: fn($t) -> NumberFault = $fault;
                Self::N(Number::try_from(number).unwrap_or_else(|_| Number::of_fault(fault(number))))
            }
        }
    )*};
}
from_faulty_number! {
    i128, |_| NumberFault::TooManyDigits;
    u128, |_| NumberFault::TooManyDigits;
    f32, |number| fault_of(number.into());
    f64, fault_of;
}

fn fault_of(number: f64) -> NumberFault {
    match number.abs() {
        magnitude if !magnitude.is_finite() => NumberFault::NotFinite,
        magnitude if magnitude > 1.0 => NumberFault::Overflow,
        _ => NumberFault::Underflow,
    }
}

macro_rules! from_text {
    ($($t:ty),*) => {$(
        impl From<$t> for AttributeValue {
            fn from(text: $t) -> Self { Self::S(text.into()) }
        }
    )*};
}
from_text!(&str, String, &String, char, Box<str>, Cow<'_, str>);

/// What a reference is to, as the value itself would be.
macro_rules! from_reference {
    ($($t:ty: $value:ident => $convert:expr;)*) => {$(
        impl From<$t> for AttributeValue {
            fn from($value: $t) -> Self { $convert.into() }
        }
    )*};
}
from_reference! {
    &&str: text => *text;
    Arc<str>: text => &*text;
    &Arc<str>: text => &**text;
    &Vec<u8>: bytes => bytes.as_slice();
    &Bytes: bytes => bytes.clone();
    &Number: number => *number;
    &bool: value => *value;
    &i32: number => *number;
    &i64: number => *number;
    &u32: number => *number;
    &u64: number => *number;
    &usize: number => *number;
    &f64: number => *number;
}

macro_rules! from_binary {
    ($($t:ty),*) => {$(
        impl From<$t> for AttributeValue {
            fn from(bytes: $t) -> Self { Self::B(bytes.into()) }
        }
    )*};
}
from_binary!(Bytes, Vec<u8>, Box<[u8]>);

impl From<&[u8]> for AttributeValue {
    fn from(bytes: &[u8]) -> Self {
        Self::B(Bytes::copy_from_slice(bytes))
    }
}
impl<const N: usize> From<[u8; N]> for AttributeValue {
    fn from(bytes: [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}
impl<const N: usize> From<&[u8; N]> for AttributeValue {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.as_slice().into()
    }
}
impl From<bool> for AttributeValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<Number> for AttributeValue {
    fn from(number: Number) -> Self {
        Self::N(number)
    }
}
impl From<()> for AttributeValue {
    fn from((): ()) -> Self {
        Self::Null
    }
}
impl<T: Into<AttributeValue>> From<Option<T>> for AttributeValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
impl From<&AttributeValue> for AttributeValue {
    fn from(value: &AttributeValue) -> Self {
        value.clone()
    }
}
impl From<ValueRef<'_>> for AttributeValue {
    fn from(value: ValueRef<'_>) -> Self {
        value.to_value()
    }
}
impl From<Item> for AttributeValue {
    fn from(item: Item) -> Self {
        Self::M(item.0)
    }
}
impl From<&Item> for AttributeValue {
    fn from(item: &Item) -> Self {
        Self::M(item.0.clone())
    }
}
impl From<&ItemRef> for AttributeValue {
    fn from(item: &ItemRef) -> Self {
        item.to_item().into()
    }
}
impl<K: Into<String>, V: Into<AttributeValue>> From<BTreeMap<K, V>> for AttributeValue {
    fn from(map: BTreeMap<K, V>) -> Self {
        Self::M(map.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
impl<K: Into<String>, V: Into<AttributeValue>, S> From<HashMap<K, V, S>> for AttributeValue {
    fn from(map: HashMap<K, V, S>) -> Self {
        Self::M(map.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// `Vec<T>` and arrays for all but `u8`, of which they are binary.
macro_rules! from_list {
    ($($t:ty),*) => {$(
        impl From<Vec<$t>> for AttributeValue {
            fn from(list: Vec<$t>) -> Self { Self::L(list.into_iter().map(Into::into).collect()) }
        }
        impl<const N: usize> From<[$t; N]> for AttributeValue {
            fn from(list: [$t; N]) -> Self { Self::L(list.into_iter().map(Into::into).collect()) }
        }
        impl From<&[$t]> for AttributeValue {
            fn from(list: &[$t]) -> Self { Self::L(list.iter().map(|value| value.clone().into()).collect()) }
        }
    )*};
}
from_list!(AttributeValue, Item, String, &str, bool, Number, Bytes, Vec<u8>);
from_list!(i8, i16, i32, i64, isize, u16, u32, u64, usize, i128, u128, f32, f64);

macro_rules! from_set {
    ($($variant:ident: $($t:ty),*;)*) => {$($(
        impl From<BTreeSet<$t>> for AttributeValue {
            fn from(set: BTreeSet<$t>) -> Self { Self::$variant(set.into_iter().map(Into::into).collect()) }
        }
        impl<H> From<HashSet<$t, H>> for AttributeValue {
            fn from(set: HashSet<$t, H>) -> Self { Self::$variant(set.into_iter().map(Into::into).collect()) }
        }
    )*)*};
}
from_set! {
    Ss: String, &str;
    Ns: Number, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize;
    Bs: Bytes, Vec<u8>;
}

macro_rules! into_type {
    ($($t:ty, $what:literal, $convert:expr;)*) => {$(
        /// The value of this type. Errors: kind [`Decode`](crate::ErrorKind::Decode), if it is of another one.
        impl TryFrom<AttributeValue> for $t {
            type Error = Error;
            fn try_from(value: AttributeValue) -> Result<Self> {
                let convert: fn(AttributeValue) -> Option<$t> = $convert;
                let kind = value.type_name();
                convert(value).ok_or_else(|| Error::decode(format!(concat!("expected ", $what, ", found {}"), kind)))
            }
        }
    )*};
}

/// The number of an `N`. Errors: kind [`Decode`](crate::ErrorKind::Decode), if the value is of another type; a validation error,
/// if it was made of something that is no number, such as NaN.
impl TryFrom<AttributeValue> for Number {
    type Error = Error;
    fn try_from(value: AttributeValue) -> Result<Self> {
        match value.as_number() {
            Some(number) => number.check().map(|()| *number),
            None => Err(Error::decode(format!("expected N, found {}", value.type_name()))),
        }
    }
}

fn integer<T: TryFrom<i128>>(value: &AttributeValue) -> Option<T> {
    T::try_from(value.as_number()?.to_i128()?).ok()
}

fn texts(value: AttributeValue) -> Option<Vec<String>> {
    let AttributeValue::L(list) = value else { return None };
    list.into_iter().map(|element| String::try_from(element).ok()).collect()
}

macro_rules! from_kept_number {
    ($($t:ty: $method:ident, $what:literal;)*) => {$(
        /// Errors: kind [`Decode`](crate::ErrorKind::Decode), if the number is none of this type.
        impl TryFrom<Number> for $t {
            type Error = Error;
            fn try_from(number: Number) -> Result<Self> {
                number.$method().ok_or_else(|| Error::decode(format!(concat!("expected ", $what, ", found {}"), number)))
            }
        }
    )*};
}
from_kept_number! {
    i64: to_i64, "a 64-bit integer";
    u64: to_u64, "a 64-bit integer without a sign";
    i128: to_i128, "a 128-bit integer";
    f64: to_f64, "a double";
}

into_type! {
    String, "S", |value| if let AttributeValue::S(text) = value { Some(text) } else { None };
    i8, "N, an integer that fits", |value| integer(&value);
    i16, "N, an integer that fits", |value| integer(&value);
    i32, "N, an integer that fits", |value| integer(&value);
    i64, "N, an integer that fits", |value| integer(&value);
    isize, "N, an integer that fits", |value| integer(&value);
    i128, "N, an integer that fits", |value| integer(&value);
    u8, "N, an integer that fits", |value| integer(&value);
    u16, "N, an integer that fits", |value| integer(&value);
    u32, "N, an integer that fits", |value| integer(&value);
    u64, "N, an integer that fits", |value| integer(&value);
    usize, "N, an integer that fits", |value| integer(&value);
    u128, "N, an integer that fits", |value| value.as_number()?.to_string().parse().ok();
    f32, "N", |value| value.as_f64().map(|double| double as f32);
    f64, "N", |value| value.as_f64();
    bool, "BOOL", |value| value.as_bool();
    Bytes, "B", |value| if let AttributeValue::B(bytes) = value { Some(bytes) } else { None };
    Vec<u8>, "B", |value| value.as_bytes().map(<[u8]>::to_vec);
    Vec<AttributeValue>, "L", |value| if let AttributeValue::L(list) = value { Some(list) } else { None };
    Vec<String>, "L of S", |value| texts(value);
    BTreeMap<String, AttributeValue>, "M", |value| if let AttributeValue::M(members) = value { Some(members) } else { None };
    Item, "M", |value| if let AttributeValue::M(members) = value { Some(Item(members)) } else { None };
    BTreeSet<String>, "SS", |value| if let AttributeValue::Ss(set) = value { Some(set) } else { None };
    BTreeSet<Number>, "NS", |value| if let AttributeValue::Ns(set) = value { Some(set) } else { None };
    BTreeSet<Bytes>, "BS", |value| if let AttributeValue::Bs(set) = value { Some(set) } else { None };
}
