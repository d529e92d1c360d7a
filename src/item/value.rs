//! Attribute values and items as owned trees, for callers that build or take apart whole items.
//!
//! Reading goes through the lazy [`ItemRef`](super::ItemRef) instead, which decodes nothing until it is asked.

use super::Number;
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Deref, DerefMut},
};

/// One attribute value: the ten types of DynamoDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// String, compared by its UTF-8 bytes.
    S(String),
    /// Number, exact to 38 decimal digits.
    N(Number),
    /// Binary, compared as unsigned bytes.
    B(Bytes),
    /// Boolean.
    Bool(bool),
    /// Null.
    Null,
    /// List, in order, of any types.
    L(Vec<AttributeValue>),
    /// Map from names to values of any types.
    M(BTreeMap<String, AttributeValue>),
    /// String set: not empty, no duplicates.
    Ss(BTreeSet<String>),
    /// Number set: not empty, no numeric duplicates.
    Ns(BTreeSet<Number>),
    /// Binary set: not empty, no duplicates.
    Bs(BTreeSet<Bytes>),
}

impl AttributeValue {
    /// DynamoDB's tag for the type: `S`, `N`, `B`, `BOOL`, `NULL`, `L`, `M`, `SS`, `NS` or `BS`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }
    /// The text of an `S`.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::S(s) = self { Some(s) } else { None }
    }
    /// The number of an `N`.
    pub fn as_number(&self) -> Option<&Number> {
        if let Self::N(n) = self { Some(n) } else { None }
    }
}

macro_rules! from_integer {
    ($($t:ty),*) => {$(
        impl From<$t> for AttributeValue {
            fn from(n: $t) -> Self { Self::N(Number::from(n)) }
        }
    )*};
}
from_integer!(i8, i16, i32, i64, u8, u16, u32, u64);

impl From<&str> for AttributeValue {
    fn from(s: &str) -> Self {
        Self::S(s.to_owned())
    }
}
impl From<String> for AttributeValue {
    fn from(s: String) -> Self {
        Self::S(s)
    }
}
impl From<bool> for AttributeValue {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}
impl From<Number> for AttributeValue {
    fn from(n: Number) -> Self {
        Self::N(n)
    }
}
impl From<Bytes> for AttributeValue {
    fn from(b: Bytes) -> Self {
        Self::B(b)
    }
}
impl From<Vec<AttributeValue>> for AttributeValue {
    fn from(l: Vec<AttributeValue>) -> Self {
        Self::L(l)
    }
}
impl From<Item> for AttributeValue {
    fn from(m: Item) -> Self {
        Self::M(m.0)
    }
}

/// An item: attribute names to values. Names are unique and kept in the order of their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item(pub BTreeMap<String, AttributeValue>);

impl Item {
    /// An item without attributes.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds or replaces an attribute; for building items in one expression.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<AttributeValue>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }
}

impl Deref for Item {
    type Target = BTreeMap<String, AttributeValue>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
impl DerefMut for Item {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
impl FromIterator<(String, AttributeValue)> for Item {
    fn from_iter<I: IntoIterator<Item = (String, AttributeValue)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}
impl IntoIterator for Item {
    type Item = (String, AttributeValue);
    type IntoIter = std::collections::btree_map::IntoIter<String, AttributeValue>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
