//! One slice of a memtable's tokens: a hash index of keys, the collections they belong to, and the versions under each.
//!
//! ```text
//! index        hash of (token, key space, sort key) -> entry
//! entries      newest version, older versions, collection          one cache line each
//! names        hash of (token, key space)           -> collection
//! collections  token, entries in lazily kept order
//! order        collections in lazily kept order of (token, name)
//! ```
//!
//! A get goes through `index` alone. A query goes through `names` and reads its collection in order; a scan goes
//! through `order`. Nothing is ever removed but versions that no reader can ask for any more.

use super::{
    super::key::KeyRef,
    order::Order,
    versions::{Entry, Point, Stored},
};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The entries under one partition key of one key space.
#[derive(Debug)]
struct Collection {
    token: u64,
    /// An entry of it, whose record holds the collection's name.
    any: u32,
    order: Order,
}

/// A place in a hash table: half of the hash, so that few false candidates are looked at and growing asks no key.
#[derive(Clone, Copy, Debug)]
struct Slot {
    tag: u32,
    at: u32,
}

impl Slot {
    fn new(hash: u64, at: usize) -> Self {
        Self { tag: (hash >> 32) as u32, at: at as u32 }
    }
    /// Spreads the tag over all bits: the table takes the lowest for the bucket and the highest to compare.
    fn spread(tag: u32) -> u64 {
        u64::from(tag).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
    fn hash(&self) -> u64 {
        Self::spread(self.tag)
    }
}

/// Finds what `is_it` accepts among the candidates of a hash.
fn find(table: &HashTable<Slot>, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
    let tag = (hash >> 32) as u32;
    table.find(Slot::spread(tag), |slot| slot.tag == tag && is_it(slot.at)).map(|slot| slot.at)
}

fn key_hash(key: KeyRef<'_>) -> u64 {
    xxh3_64_with_seed(key.sort, collection_hash(key.token, key.collection))
}

/// Tokens of a partition share their highest bits and a shard those below; multiplying mixes the rest upwards.
fn collection_hash(token: u64, collection: &[u8]) -> u64 {
    let space = collection.first().copied().unwrap_or_default();
    (token ^ u64::from(space).wrapping_mul(0xD6E8_FEB8_6659_FD93)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// One slice of a memtable's tokens.
#[derive(Debug, Default)]
pub(super) struct Shard {
    index: HashTable<Slot>,
    entries: Vec<Entry>,
    names: HashTable<Slot>,
    collections: Vec<Collection>,
    order: Order,
}

impl Shard {
    fn find_entry(&self, hash: u64, key: KeyRef<'_>) -> Option<u32> {
        find(&self.index, hash, |at| {
            self.entries.get(at as usize).is_some_and(|entry| {
                let stored = &entry.newest;
                stored.sort() == key.sort && stored.collection() == key.collection
            })
        })
    }

    /// The newest version of a key that is readable at the point.
    pub(super) fn get(&self, key: KeyRef<'_>, point: Point) -> Option<&Stored> {
        let at = self.find_entry(key_hash(key), key)?;
        self.entries.get(at as usize)?.readable(point)
    }

    /// The collection's number, which never changes; `None` if it has no entries.
    pub(super) fn find_collection(&self, token: u64, collection: &[u8]) -> Option<u32> {
        find(&self.names, collection_hash(token, collection), |at| self.name(at) == collection)
    }

    /// A collection of this token and, as far as a hash tells, of this name: names are not looked at.
    pub(super) fn probable_collection(&self, token: u64, collection: &[u8]) -> Option<u32> {
        let has_token = |at: u32| self.collections.get(at as usize).is_some_and(|c| c.token == token);
        find(&self.names, collection_hash(token, collection), has_token)
    }

    /// Adds a version under its key. `None` if the key is new, else the bytes that versions give back which no reader can ask
    /// for any more.
    pub(super) fn insert(&mut self, key: KeyRef<'_>, version: Stored, point: Point) -> Option<usize> {
        let hash = key_hash(key);
        if let Some(at) = self.find_entry(hash, key) {
            return self.entries.get_mut(at as usize).map(|entry| entry.add(version, point));
        }
        let at = self.entries.len();
        self.entries.push(Entry::new(version));
        self.index.insert_unique(Slot::spread((hash >> 32) as u32), Slot::new(hash, at), Slot::hash);
        self.add_to_collection(key, at);
        None
    }

    fn add_to_collection(&mut self, key: KeyRef<'_>, at: usize) {
        let id = at as u32;
        if let Some(found) = self.find_collection(key.token, key.collection) {
            let entries = &self.entries;
            if let Some(collection) = self.collections.get_mut(found as usize) {
                // Keys often only grow (times, counters): such a collection stays in order and never needs sorting.
                let is_last = collection.order.last().is_some_and(|last| sort_of(entries, last) < key.sort);
                collection.order.push(id, is_last);
            }
            return;
        }
        let hash = collection_hash(key.token, key.collection);
        let number = self.collections.len();
        self.collections.push(Collection { token: key.token, any: id, order: Order::One(id) });
        self.names.insert_unique(Slot::spread((hash >> 32) as u32), Slot::new(hash, number), Slot::hash);
        self.order.push(number as u32, false);
    }

    /// The bytes that a collection is called by.
    pub(super) fn name(&self, collection: u32) -> &[u8] {
        let entry = self.collections.get(collection as usize).and_then(|c| self.entries.get(c.any as usize));
        entry.map_or(&[], |entry| entry.newest.collection())
    }

    fn place_of(&self, collection: u32) -> (u64, &[u8]) {
        (self.collections.get(collection as usize).map_or(0, |c| c.token), self.name(collection))
    }

    /// Whether the entries of a collection are in order.
    pub(super) fn is_settled(&self, collection: u32) -> bool {
        self.collections.get(collection as usize).is_none_or(|c| c.order.is_settled())
    }

    /// Puts the entries of a collection in order; returns how many there are.
    pub(super) fn settle(&mut self, collection: u32) -> usize {
        let entries = &self.entries;
        let Some(collection) = self.collections.get_mut(collection as usize) else { return 0 };
        if !collection.order.is_settled() {
            collection.order.settle(|a, b| sort_of(entries, a).cmp(sort_of(entries, b)));
        }
        collection.order.len()
    }

    /// Whether a read of the next `keys` keys behind something in the collection (token, name) finds all in order.
    pub(super) fn is_span_settled(&self, (token, name): (u64, &[u8]), keys: usize) -> bool {
        if !self.order.is_settled() {
            return false;
        }
        let mut seen = 0;
        for (at, number) in self.collections_from(token, name) {
            let Some(collection) = self.collections.get(number as usize) else { return true };
            if !collection.order.is_settled() {
                return false;
            }
            // It is unknown how much of the collection that the read starts in is behind its start.
            if (at, self.name(number)) != (token, name) {
                seen += collection.order.len();
            }
            if seen >= keys {
                break;
            }
        }
        true
    }

    /// Makes [`Shard::is_span_settled`] true.
    pub(super) fn settle_span(&mut self, (token, name): (u64, &[u8]), keys: usize) {
        let mut order = std::mem::take(&mut self.order);
        order.settle(|a, b| self.place_of(a).cmp(&self.place_of(b)));
        let mut seen = 0;
        for collection in order.ascending(order.seek(|other| self.place_of(other) < (token, name))) {
            let len = self.settle(collection);
            if self.place_of(collection) != (token, name) {
                seen += len;
            }
            if seen >= keys {
                break;
            }
        }
        self.order = order;
    }

    /// Collections in order, from the first one that is not below (token, name). The order must be settled.
    pub(super) fn collections_from(&self, token: u64, name: &[u8]) -> impl Iterator<Item = (u64, u32)> + '_ {
        let start = self.order.seek(|other| self.place_of(other) < (token, name));
        self.order.ascending(start).map(|number| (self.place_of(number).0, number))
    }

    /// How many entries a collection has.
    pub(super) fn len_of(&self, collection: u32) -> usize {
        self.collections.get(collection as usize).map_or(0, |c| c.order.len())
    }

    /// All entries of a settled collection, ascending.
    pub(super) fn all_of(&self, collection: u32) -> impl Iterator<Item = Chain<'_>> {
        let ids = self.collections.get(collection as usize).map(|c| c.order.ascending(c.order.start()));
        ids.into_iter().flatten().filter_map(|id| self.entries.get(id as usize).map(Chain))
    }

    /// Entries of a settled collection, ascending, from the first one whose sort key is not `before`.
    pub(super) fn ascending(&self, collection: u32, before: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = Chain<'_>> {
        let order = self.collections.get(collection as usize).map(|c| &c.order);
        let ids = order.map(|order| order.ascending(order.seek(|id| before(sort_of(&self.entries, id)))));
        ids.into_iter().flatten().filter_map(|id| self.entries.get(id as usize).map(Chain))
    }

    /// Entries of a settled collection, descending, from the last one whose sort key is `before`.
    pub(super) fn descending(
        &self,
        collection: u32,
        before: impl Fn(&[u8]) -> bool,
    ) -> impl Iterator<Item = Chain<'_>> {
        let order = self.collections.get(collection as usize).map(|c| &c.order);
        let ids = order.map(|order| order.descending(order.seek(|id| before(sort_of(&self.entries, id)))));
        ids.into_iter().flatten().filter_map(|id| self.entries.get(id as usize).map(Chain))
    }
}

/// The versions of one key.
#[derive(Clone, Copy)]
pub(super) struct Chain<'a>(&'a Entry);

impl<'a> Chain<'a> {
    pub(super) fn sort(&self) -> &'a [u8] {
        self.0.newest.sort()
    }
    /// The newest version that is readable at the point.
    pub(super) fn readable(&self, point: Point) -> Option<&'a Stored> {
        self.0.readable(point)
    }
    /// Any version: they have the key in common.
    pub(super) fn any(&self) -> &'a Stored {
        &self.0.newest
    }
}

fn sort_of(entries: &[Entry], id: u32) -> &[u8] {
    entries.get(id as usize).map_or(&[], |entry| entry.newest.sort())
}
