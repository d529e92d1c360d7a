//! A map of bounded weight: what was used least recently gives way.

use hashbrown::HashTable;
use std::{cmp::Reverse, collections::BinaryHeap};

/// Places in the order beyond two for each entry: the order of a small map is not made anew all the time.
const SPARE_PLACES: usize = 64;

/// Entries by key, and the order in which they were used.
///
/// A use notes its time in the entry and moves nothing, so that a look-up touches no other entry. The order is put right when
/// room is needed: the entry that seems oldest gives way if it was not used since, and is put where it belongs otherwise.
pub(super) struct Lru<K, V> {
    entries: HashTable<Entry<K, V>>,
    /// Times at which entries were used, the earliest first, with the hash by which the entry is found. One that no entry has as
    /// its place counts nothing.
    order: BinaryHeap<Reverse<(u64, u64)>>,
    /// Uses so far: the time.
    uses: u64,
    bytes: usize,
    capacity_bytes: usize,
}

struct Entry<K, V> {
    hash: u64,
    /// When it was last used.
    used: u64,
    /// The time of its place in the order.
    placed: u64,
    bytes: usize,
    key: K,
    value: V,
}

impl<K: Eq, V> Lru<K, V> {
    /// An empty one, with room for so many bytes.
    pub fn new(capacity_bytes: usize) -> Self {
        let (entries, order) = (HashTable::new(), BinaryHeap::new());
        Self { entries, order, uses: 0, bytes: 0, capacity_bytes }
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The entry with a key, which counts as used.
    #[inline]
    pub fn get(&mut self, hash: u64, key: &K) -> Option<&V> {
        let entry = self.entries.find_mut(hash, |entry| entry.key == *key)?;
        self.uses += 1;
        entry.used = self.uses;
        Some(&entry.value)
    }

    /// Puts an entry of so many bytes in the place of the one with its key. Returns the bytes of what gave way.
    pub fn insert(&mut self, hash: u64, key: K, value: V, bytes: usize) -> usize {
        self.remove(hash, &key);
        if bytes > self.capacity_bytes {
            return bytes;
        }
        let mut evicted = 0;
        while self.bytes + bytes > self.capacity_bytes
            && let Some(oldest_bytes) = self.evict()
        {
            evicted += oldest_bytes;
        }
        self.uses += 1;
        let time = self.uses;
        self.entries
            .insert_unique(hash, Entry { hash, used: time, placed: time, bytes, key, value }, |entry| entry.hash);
        self.order.push(Reverse((time, hash)));
        self.bytes += bytes;
        self.tidy();
        evicted
    }

    /// Takes an entry out.
    pub fn remove(&mut self, hash: u64, key: &K) -> Option<V> {
        let (entry, _) = self.entries.find_entry(hash, |entry| entry.key == *key).ok()?.remove();
        self.bytes -= entry.bytes;
        Some(entry.value)
    }

    /// Takes out the entry that was not used for longest; its bytes.
    fn evict(&mut self) -> Option<usize> {
        while let Some(Reverse((time, hash))) = self.order.pop() {
            // The entry that had this place may be gone.
            let Ok(mut found) = self.entries.find_entry(hash, |entry| entry.placed == time) else { continue };
            let entry = found.get_mut();
            if entry.used == time {
                let (entry, _) = found.remove();
                self.bytes -= entry.bytes;
                return Some(entry.bytes);
            }
            entry.placed = entry.used;
            self.order.push(Reverse((entry.used, hash)));
        }
        None
    }

    /// Drops the places of entries that are gone, before they are more than those that are there.
    fn tidy(&mut self) {
        if self.order.len() > 2 * self.entries.len() + SPARE_PLACES {
            let entries = &self.entries;
            self.order.retain(|Reverse((time, hash))| entries.find(*hash, |entry| entry.placed == *time).is_some());
        }
    }
}
