//! Attribute values and items as owned trees, for callers that build or take apart whole items.
//!
//! Reading goes through the lazy [`ItemRef`](super::ItemRef) instead, which decodes nothing until it is asked.

use super::Number;
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::{Deref, DerefMut},
};

/// One attribute value: the ten types of DynamoDB.
///
/// Equality and hash are by value: numbers numerically, sets whatever the order. The order of Rust's `Ord` is for maps and
/// sorting only: values of different types are ordered by their type, which DynamoDB never compares.
///
/// Rust's own types become values by `From`:
///
/// ```text
/// &str, String, char, Cow<str>, Box<str>, Arc<str>  S
/// integers, floats, Number                          N    NaN, infinities and numbers out of range are kept as a fault
/// Vec<u8>, &[u8], [u8; N], Bytes                    B
/// bool                                              BOOL
/// Option                                            the value, or NULL
/// Vec, array or slice of texts, numbers, values,..  L
/// Item, BTreeMap and HashMap of texts               M
/// BTreeSet and HashSet of texts, numbers, binary    SS, NS, BS
/// ```
///
/// What cannot be a value does not fail there, where nothing could be returned: the fault stays in the number, and the
/// operation that is given it is rejected, with DynamoDB's text. Structs and enums become values by
/// [`to_value`](super::to_value). `TryFrom` is the way back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
}

/// An item: attribute names to values. Names are unique and kept in the order of their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item(pub BTreeMap<String, AttributeValue>);

impl Item {
    /// An item without attributes.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds or replaces an attribute; for building items in one expression. Takes texts, numbers, booleans, binary,
    /// options, lists, maps and sets; see [`to_value`](super::to_value) for structs and enums.
    ///
    /// ```
    /// use hashrange::Item;
    ///
    /// let size: usize = 3;
    /// let item = Item::new().with("price", 19.99).with("size", size).with("note", None::<&str>).with("raw", vec![1u8, 2]);
    /// assert_eq!(item.get("price").and_then(|price| price.as_f64()), Some(19.99));
    /// assert!(item["note"].is_null() && item["raw"].type_name() == "B");
    /// ```
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
impl<K: Into<String>, V: Into<AttributeValue>> Extend<(K, V)> for Item {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        self.0.extend(pairs.into_iter().map(|(name, value)| (name.into(), value.into())));
    }
}
impl<K: Into<String>, V: Into<AttributeValue>, const N: usize> From<[(K, V); N]> for Item {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }
}
impl From<BTreeMap<String, AttributeValue>> for Item {
    fn from(attributes: BTreeMap<String, AttributeValue>) -> Self {
        Self(attributes)
    }
}
impl From<HashMap<String, AttributeValue>> for Item {
    fn from(attributes: HashMap<String, AttributeValue>) -> Self {
        attributes.into_iter().collect()
    }
}
impl IntoIterator for Item {
    type Item = (String, AttributeValue);
    type IntoIter = std::collections::btree_map::IntoIter<String, AttributeValue>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
