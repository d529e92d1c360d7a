//! What an owned value is, asked by type: the same questions as of a [`ValueRef`](super::ValueRef), and the same answers.
//!
//! Each answers for its own type only, and nothing is converted: a number is no text.

use super::{AttributeValue, Item, Number};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

impl AttributeValue {
    /// The text of an `S`.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::S(text) = self { Some(text) } else { None }
    }
    /// The bytes of a `B`.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::B(bytes) = self { Some(bytes) } else { None }
    }
    /// The number of an `N`.
    pub fn as_number(&self) -> Option<&Number> {
        if let Self::N(number) = self { Some(number) } else { None }
    }
    /// The number of an `N`, if it is an integer of this range.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.to_i64()
    }
    /// The number of an `N`, if it is an integer of this range.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.to_u64()
    }
    /// The number of an `N`, rounded to the nearest binary fraction.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.to_f64()
    }
    /// The value of a `BOOL`.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }
    /// Whether this is `NULL`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
    /// The elements of an `L`.
    pub fn as_list(&self) -> Option<&[AttributeValue]> {
        if let Self::L(list) = self { Some(list) } else { None }
    }
    /// The members of an `M`.
    pub fn as_map(&self) -> Option<&BTreeMap<String, AttributeValue>> {
        if let Self::M(members) = self { Some(members) } else { None }
    }
    /// The elements of an `SS`.
    pub fn as_string_set(&self) -> Option<&BTreeSet<String>> {
        if let Self::Ss(set) = self { Some(set) } else { None }
    }
    /// The elements of an `NS`.
    pub fn as_number_set(&self) -> Option<&BTreeSet<Number>> {
        if let Self::Ns(set) = self { Some(set) } else { None }
    }
    /// The elements of a `BS`.
    pub fn as_binary_set(&self) -> Option<&BTreeSet<Bytes>> {
        if let Self::Bs(set) = self { Some(set) } else { None }
    }
    /// How many elements a list or set has, or how many members a map; 0 for scalars.
    pub fn len(&self) -> usize {
        match self {
            Self::L(list) => list.len(),
            Self::M(members) => members.len(),
            Self::Ss(set) => set.len(),
            Self::Ns(set) => set.len(),
            Self::Bs(set) => set.len(),
            Self::S(_) | Self::N(_) | Self::B(_) | Self::Bool(_) | Self::Null => 0,
        }
    }
    /// Whether there are no elements or members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// A member of an `M`, by its exact name.
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.as_map()?.get(name)
    }
    /// An element of an `L`.
    pub fn index(&self, index: usize) -> Option<&AttributeValue> {
        self.as_list()?.get(index)
    }
    /// The value that a path such as `address.lines[0]` leads to, beginning at a member of this `M`. Names that contain
    /// dots or brackets are out of its reach; use [`get`](Self::get) for them.
    pub fn path(&self, path: &str) -> Option<&AttributeValue> {
        follow(path, self.as_map()?)
    }
}

impl Item {
    /// The value that a path such as `address.lines[0]` leads to. [`get`](std::collections::BTreeMap::get) takes exact
    /// names instead.
    ///
    /// ```
    /// use hashrange::Item;
    ///
    /// let item = Item::new().with("address", Item::new().with("lines", ["Main St 1", "Springfield"]));
    /// assert_eq!(item.path("address.lines[1]").and_then(|line| line.as_str()), Some("Springfield"));
    /// assert!(item.get("address.lines[1]").is_none(), "no attribute has this name");
    /// ```
    pub fn path(&self, path: &str) -> Option<&AttributeValue> {
        follow(path, self)
    }
}

fn follow<'a>(path: &str, members: &'a BTreeMap<String, AttributeValue>) -> Option<&'a AttributeValue> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (name, indexes) = first.split_at(first.find('[').unwrap_or(first.len()));
    let mut value = members.get(name)?;
    for index in indexes_of(indexes) {
        value = value.index(index?)?;
    }
    match rest {
        Some(rest) => follow(rest, value.as_map()?),
        None => Some(value),
    }
}

/// The numbers of `[1][2]`; `None` for what is no number in brackets, after which it ends.
pub(super) fn indexes_of(mut text: &str) -> impl Iterator<Item = Option<usize>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let parsed = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).and_then(|(digits, rest)| {
            let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit());
            Some((digits.parse().ok().filter(|_| is_plain)?, rest))
        });
        text = parsed.map_or("", |(_, rest)| rest);
        Some(parsed.map(|(index, _)| index))
    })
}
