//! What is under one key: its newest version, and below it those that a reader may still ask for.
//!
//! A chain is short. Writers add to it while their log records wait for the sync; as soon as a version is visible, no
//! reader can ask for an older one, and the next write lets go of it. Versions live in memory only: a run holds one
//! version of each key.

use super::{
    super::key::{KeyRef, ReadPoint, Version},
    arena::{Arena, LARGE_VALUE_BYTES},
};
use crate::{
    item::{ItemRef, load_ahead},
    visible::Visible,
};
use bytes::{Buf, Bytes};

/// A key and one state of it: the record is `collection, sort key, encoded item`, and a tombstone ends at the key. A large item is
/// apart from it.
#[derive(Clone, Debug)]
pub struct Stored {
    record: Bytes,
    large: Option<Box<Bytes>>,
    /// Sequence number, shifted left by one; the lowest bit says that the write was buffered, so visible at once.
    stamp: u64,
    collection_bytes: u32,
    key_bytes: u32,
}

impl Stored {
    /// A state of a key: an encoded item, or a tombstone for `None`.
    pub(super) fn new(arena: &mut Arena, key: KeyRef<'_>, value: Option<&Bytes>, seqno: u64, buffered: bool) -> Self {
        let large = value.filter(|value| value.len() >= LARGE_VALUE_BYTES).map(|value| Box::new(value.clone()));
        let copied = value.filter(|_| large.is_none()).map_or(&[][..], |value| value);
        let record = arena.record([key.collection, key.sort, copied]);
        Self { large, stamp: seqno << 1 | u64::from(buffered), ..Self::of_record(record, key) }
    }
    /// A place among the keys, without a state.
    pub(super) fn of_key(key: KeyRef<'_>) -> Self {
        Self::of_record(Bytes::from([key.collection, key.sort].concat()), key)
    }
    fn of_record(record: Bytes, key: KeyRef<'_>) -> Self {
        // Keys are a few kilobytes at most; a longer one could not be told from a shorter one with an item behind it.
        let collection_bytes = key.collection.len() as u32;
        let key_bytes = collection_bytes + key.sort.len() as u32;
        Self { record, large: None, stamp: 0, collection_bytes, key_bytes }
    }
    /// Sequence number of the change.
    pub fn seqno(&self) -> u64 {
        self.stamp >> 1
    }
    /// Memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.record.len() + self.own_bytes()
    }
    /// Bytes that are given back when the version goes: those of a large item. Others share a chunk, which stays as long as
    /// anything else in it.
    fn own_bytes(&self) -> usize {
        self.large.as_ref().map_or(0, |large| large.len())
    }
    fn is_readable(&self, point: Point) -> bool {
        self.stamp & 1 == 1 || self.seqno() <= point.0
    }
    pub(super) fn collection(&self) -> &[u8] {
        self.record.get(..self.collection_bytes as usize).unwrap_or_default()
    }
    /// The sort key.
    pub fn sort(&self) -> &[u8] {
        self.record.get(self.collection_bytes as usize..self.key_bytes as usize).unwrap_or_default()
    }
    /// A byte of the item: reading it brings the item into the processor's cache.
    pub(super) fn touch(&self) -> u8 {
        let first = match &self.large {
            Some(large) => large.first(),
            None => self.record.get(self.key_bytes as usize),
        };
        first.copied().unwrap_or_default()
    }
    pub(super) fn is_tombstone(&self) -> bool {
        self.large.is_none() && self.record.len() <= self.key_bytes as usize
    }
    pub(super) fn item(&self) -> Option<ItemRef> {
        let item = match &self.large {
            Some(large) => Bytes::clone(large),
            None if self.is_tombstone() => return None,
            None => self.record.slice(self.key_bytes as usize..),
        };
        Some(ItemRef::from_bytes(item))
    }
    /// The item, `None` for a tombstone. Counts no reference: that of the state becomes the item's.
    pub fn into_item(self) -> Option<ItemRef> {
        let is_tombstone = self.is_tombstone();
        let Self { mut record, large, key_bytes, .. } = self;
        match large {
            Some(large) => Some(ItemRef::from_bytes(*large)),
            None if is_tombstone => None,
            None => {
                record.advance(key_bytes as usize);
                Some(ItemRef::from_bytes(record))
            }
        }
    }
    /// Loads the record. The answer means nothing.
    pub(super) fn load_ahead(&self) -> u8 {
        load_ahead(&self.record)
    }
    pub(super) fn version(&self) -> Version {
        std::hint::black_box(self.load_ahead());
        Version { seqno: self.seqno(), item: self.item() }
    }
}

/// The highest sequence number that a read may see, buffered writes aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point(u64);

impl Point {
    /// Must be taken under the lock of the shard that is read: older versions go once a newer one is visible, and only
    /// a point taken behind that moment is sure to find the one that stayed.
    pub(super) fn new(read: ReadPoint, visible: &Visible) -> Self {
        match read {
            ReadPoint::Newest => Self(u64::MAX),
            ReadPoint::Visible => Self(visible.load()),
        }
    }
}

/// All versions of a key that a reader may still ask for.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) newest: Stored,
    older: Option<Box<Older>>,
}

/// Versions below the newest, ascending: while writes wait for their sync, readers need what was there before.
#[derive(Debug, Default)]
struct Older(Vec<Stored>);

impl Entry {
    pub(super) fn new(version: Stored) -> Self {
        Self { newest: version, older: None }
    }

    /// The newest version that is readable at the point.
    pub(super) fn readable(&self, point: Point) -> Option<&Stored> {
        if self.newest.is_readable(point) {
            return Some(&self.newest);
        }
        self.older.as_ref()?.0.iter().rev().find(|version| version.is_readable(point))
    }

    /// Adds a version, in whatever order they arrive, and lets go of those below the newest visible one. Returns the bytes
    /// that were given back by it.
    pub(super) fn add(&mut self, version: Stored, point: Point) -> usize {
        let seqno = version.seqno();
        if seqno == self.newest.seqno() {
            self.newest.stamp |= version.stamp & 1;
            return version.own_bytes();
        }
        if seqno < self.newest.seqno() {
            return self.add_older(version, point);
        }
        let before = std::mem::replace(&mut self.newest, version);
        if self.newest.is_readable(point) {
            let older = self.older.take().map_or(0, |older| own_bytes(older.0.iter()));
            return before.own_bytes() + older;
        }
        let older = &mut self.older.get_or_insert_default().0;
        older.push(before);
        drop_hidden(older, point)
    }

    fn add_older(&mut self, version: Stored, point: Point) -> usize {
        if self.newest.is_readable(point) {
            return version.own_bytes();
        }
        let older = &mut self.older.get_or_insert_default().0;
        let seqno = version.seqno();
        let place = older.partition_point(|other| other.seqno() < seqno);
        match older.get_mut(place) {
            Some(same) if same.seqno() == seqno => {
                same.stamp |= version.stamp & 1;
                return version.own_bytes() + drop_hidden(older, point);
            }
            _ => older.insert(place, version),
        }
        drop_hidden(older, point)
    }
}

/// Lets go of the versions below the newest readable one; returns the bytes that this gives back.
fn drop_hidden(older: &mut Vec<Stored>, point: Point) -> usize {
    let visible = older.iter().rposition(|version| version.is_readable(point));
    visible.map_or(0, |visible| own_bytes(older.drain(..visible).as_slice().iter()))
}

fn own_bytes<'a>(versions: impl Iterator<Item = &'a Stored>) -> usize {
    versions.map(Stored::own_bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(seqno: u64, buffered: bool) -> Stored {
        let key = KeyRef { token: 1, collection: b"c", sort: b"s" };
        Stored::new(&mut Arena::new(), key, Some(&Bytes::from_static(b"value")), seqno, buffered)
    }
    fn seqnos(entry: &Entry) -> Vec<u64> {
        let older = entry.older.iter().flat_map(|older| &older.0).map(Stored::seqno);
        older.chain([entry.newest.seqno()]).collect()
    }

    #[test]
    fn an_entry_fits_a_cache_line() {
        assert_eq!(size_of::<Entry>(), 64);
    }

    #[test]
    fn a_large_value_is_kept_where_it_is() {
        let key = KeyRef { token: 1, collection: b"c", sort: b"s" };
        for (len, is_shared) in [(0, false), (LARGE_VALUE_BYTES - 1, false), (LARGE_VALUE_BYTES, true)] {
            let value = Bytes::from(vec![7; len]);
            let stored = Stored::new(&mut Arena::new(), key, Some(&value), 3, false);
            let item = stored.item();
            assert_eq!(item.as_ref().map(ItemRef::encoded), (len > 0).then_some(&value[..]));
            assert_eq!(item.is_some_and(|item| item.encoded().as_ptr() == value.as_ptr()), is_shared);
            assert_eq!((stored.collection(), stored.sort(), stored.seqno()), (key.collection, key.sort, 3));
            assert_eq!((stored.bytes(), stored.own_bytes()), (2 + len, if is_shared { len } else { 0 }));
            assert_eq!((stored.touch(), stored.is_tombstone()), (if len > 0 { 7 } else { 0 }, len == 0));
        }
    }

    #[test]
    fn versions_arrive_in_any_order_and_once() {
        let mut entry = Entry { newest: version(5, false), older: None };
        for seqno in [9, 5, 7, 3, 7, 9] {
            entry.add(version(seqno, false), Point(0));
        }
        assert_eq!(seqnos(&entry), [3, 5, 7, 9]);
        assert_eq!(entry.readable(Point(8)).map(Stored::seqno), Some(7));
        assert_eq!(entry.readable(Point(2)).map(Stored::seqno), None);
    }

    #[test]
    fn versions_below_the_newest_visible_one_go() {
        let mut entry = Entry { newest: version(1, false), older: None };
        entry.add(version(2, false), Point(1));
        entry.add(version(3, false), Point(2));
        assert_eq!(seqnos(&entry), [2, 3]);
        entry.add(version(1, false), Point(2));
        assert_eq!(seqnos(&entry), [2, 3], "a late one below the visible one is not kept");
        entry.add(version(4, true), Point(2));
        assert_eq!(seqnos(&entry), [4], "a buffered write is visible at once");
        entry.add(version(2, true), Point(9));
        assert_eq!(seqnos(&entry), [4]);
    }

    #[test]
    fn a_buffered_copy_of_a_pending_write_makes_it_visible() {
        let mut entry = Entry { newest: version(7, false), older: None };
        assert!(entry.readable(Point(6)).is_none());
        entry.add(version(7, true), Point(6));
        assert_eq!(entry.readable(Point(6)).map(Stored::seqno), Some(7));
    }
}
