//! Keys as a partition sees them, and what is under a key.

use crate::{error::Result, item::ItemRef};
use bytes::Bytes;
use std::{cmp::Ordering, ops::Bound};

/// The whole key of an entry. Entries are ordered by token, then collection, then sort key, each compared as unsigned
/// bytes; that order is the order of every memtable, run and merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyRef<'a> {
    /// Hash of the partition key: the place of the collection on the token ring. Given by the caller, never computed
    /// here.
    pub token: u64,
    /// Key space (one byte: 0 for items, then one per local index) and the encoded partition key.
    pub collection: &'a [u8],
    /// The encoded sort key; empty in tables without one.
    pub sort: &'a [u8],
}

/// A key as it may be in a run: the begin of the sort key apart from the rest. Ordered like the whole key.
#[derive(Clone, Copy, Debug, Default)]
pub struct SplitKey<'a> {
    /// As in [`KeyRef`].
    pub token: u64,
    /// As in [`KeyRef`].
    pub collection: &'a [u8],
    /// How the sort key begins.
    pub prefix: &'a [u8],
    /// How it goes on.
    pub suffix: &'a [u8],
}

/// Compares bytes in two parts with bytes in one.
#[inline]
fn compare_split(begin: &[u8], rest: &[u8], whole: &[u8]) -> Ordering {
    match whole.split_at_checked(begin.len()) {
        Some((its_begin, its_rest)) => begin.cmp(its_begin).then_with(|| rest.cmp(its_rest)),
        None => begin.cmp(whole),
    }
}

impl SplitKey<'_> {
    /// Compares the sort keys alone.
    #[inline]
    pub fn compare_sort(&self, other: &Self) -> Ordering {
        let common = self.prefix.len().min(other.prefix.len());
        let (own, own_rest) = self.prefix.split_at(common);
        let (its, its_rest) = other.prefix.split_at(common);
        own.cmp(its).then_with(|| match (own_rest, its_rest) {
            ([], []) => self.suffix.cmp(other.suffix),
            ([], rest) => compare_split(rest, other.suffix, self.suffix).reverse(),
            (rest, _) => compare_split(rest, self.suffix, other.suffix),
        })
    }
    /// Compares the keys.
    #[inline]
    pub fn compare(&self, other: &Self) -> Ordering {
        let collections = (self.token, self.collection).cmp(&(other.token, other.collection));
        collections.then_with(|| self.compare_sort(other))
    }
    /// Puts the sort key together in a buffer.
    pub fn sort_into(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(self.prefix);
        buffer.extend_from_slice(self.suffix);
    }
}

impl<'a> From<KeyRef<'a>> for SplitKey<'a> {
    fn from(key: KeyRef<'a>) -> Self {
        Self { token: key.token, collection: key.collection, prefix: &[], suffix: key.sort }
    }
}

/// What a query reads: the entries of one collection between two sort keys.
#[derive(Clone, Copy, Debug)]
pub struct CollectionRange<'a> {
    /// As in [`KeyRef`].
    pub token: u64,
    /// As in [`KeyRef`].
    pub collection: &'a [u8],
    /// The lower bound of the sort keys.
    pub lower: Bound<&'a [u8]>,
    /// The upper bound of the sort keys.
    pub upper: Bound<&'a [u8]>,
    /// From the highest sort key to the lowest.
    pub descending: bool,
}

/// A version that is written: an encoded item, or a tombstone for `None`.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    /// Sequence number of the change.
    pub seqno: u64,
    /// The encoded item. A memtable copies a small one, and keeps a large one with the buffer that it is part of.
    pub value: Option<&'a Bytes>,
    /// Whether readers may see it before it is durable.
    pub buffered: bool,
}

/// The state of a key as of one change.
#[derive(Clone, Debug)]
pub struct Version {
    /// Sequence number of the change; the highest one is the newest.
    pub seqno: u64,
    /// The item, or `None` for a tombstone: the change was a delete.
    pub item: Option<ItemRef>,
}

impl Version {
    /// Whether the change was a delete.
    #[cfg(test)]
    pub fn is_tombstone(&self) -> bool {
        self.item.is_none()
    }
}

/// What the items of a read are given to, one after the other.
pub trait TakeItem {
    /// Takes the next item, whose size in bytes by DynamoDB's rule is given; `false` if no more are wanted.
    fn take(&mut self, item: ItemRef, size_bytes: usize) -> Result<bool>;
    /// Takes items one after the other until no more are wanted (`false`) or there are no more: cheaper than one by one.
    #[inline(always)]
    fn take_each(&mut self, items: &mut impl Iterator<Item = (ItemRef, usize)>) -> Result<bool> {
        for (item, size_bytes) in items {
            if !self.take(item, size_bytes)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<F: FnMut(ItemRef, usize) -> Result<bool>> TakeItem for F {
    #[inline]
    fn take(&mut self, item: ItemRef, size_bytes: usize) -> Result<bool> {
        self(item, size_bytes)
    }
}

/// Which versions a read sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadPoint {
    /// The newest version, durable or not: what conditions of writers are evaluated on.
    Newest,
    /// The newest version that is durable in the mode it was written in: what readers see.
    Visible,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_token_then_collection_then_sort_key() {
        let key = |token, collection, sort| KeyRef { token, collection, sort };
        let ordered =
            [key(1, b"b", b"z"), key(2, b"", b""), key(2, b"a", b""), key(2, b"a", b"\0"), key(2, b"a\0", b"")];
        assert!(ordered.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn split_keys_are_ordered_like_whole_ones() {
        let texts: [&[u8]; 9] = [b"", b"\0", b"a", b"a\0", b"aa", b"ab", b"abc", b"b", b"ba"];
        let splits = || {
            texts.iter().flat_map(|text| {
                (0..=text.len()).map(|at| {
                    let (prefix, suffix) = text.split_at(at);
                    (SplitKey { token: 1, collection: b"c", prefix, suffix }, *text)
                })
            })
        };
        for (a, a_text) in splits() {
            let mut whole = Vec::new();
            a.sort_into(&mut whole);
            assert_eq!(whole, a_text);
            for (b, b_text) in splits() {
                assert_eq!(a.compare(&b), a_text.cmp(b_text), "{a:?} {b:?}");
            }
        }
        let other = SplitKey { token: 1, collection: b"d", ..SplitKey::default() };
        assert_eq!(splits().next().unwrap().0.compare(&other), Ordering::Less);
    }
}
