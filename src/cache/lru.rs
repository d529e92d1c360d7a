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
    /// Positions of slots.
    index: HashTable<usize>,
    slots: Vec<Slot<K, V>>,
    /// Slots without an entry.
    free: Vec<usize>,
    /// Slots by a time at which they were used, the earliest first. One whose slot has another time in `placed` counts nothing.
    order: BinaryHeap<Reverse<(u64, usize)>>,
    /// Uses so far: the time.
    uses: u64,
    bytes: usize,
    capacity_bytes: usize,
}

struct Slot<K, V> {
    entry: Option<(K, V)>,
    hash: u64,
    bytes: usize,
    /// When the entry was last used.
    used: u64,
    /// The time of its place in the order; 0 without an entry.
    placed: u64,
}

impl<K: Eq, V> Lru<K, V> {
    /// An empty one, with room for so many bytes.
    pub fn new(capacity_bytes: usize) -> Self {
        let (index, slots, free, order) = (HashTable::new(), Vec::new(), Vec::new(), BinaryHeap::new());
        Self { index, slots, free, order, uses: 0, bytes: 0, capacity_bytes }
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The entry with a key, which counts as used.
    #[inline]
    pub fn get(&mut self, hash: u64, key: &K) -> Option<&V> {
        let at = self.find(hash, key)?;
        self.uses += 1;
        let slot = self.slots.get_mut(at)?;
        slot.used = self.uses;
        slot.entry.as_ref().map(|(_, value)| value)
    }

    /// Puts an entry of so many bytes in the place of the one with its key. Returns the bytes of what gave way.
    pub fn insert(&mut self, hash: u64, key: K, value: V, bytes: usize) -> usize {
        self.remove(hash, &key);
        if bytes > self.capacity_bytes {
            return bytes;
        }
        let mut evicted = 0;
        while self.bytes + bytes > self.capacity_bytes
            && let Some(oldest) = self.oldest()
        {
            evicted += self.slots[oldest].bytes;
            self.take(oldest);
        }
        self.uses += 1;
        let slot = Slot { entry: Some((key, value)), hash, bytes, used: self.uses, placed: self.uses };
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        let slots = &self.slots;
        self.index.insert_unique(hash, at, |at| slots[*at].hash);
        self.order.push(Reverse((self.uses, at)));
        self.bytes += bytes;
        self.tidy();
        evicted
    }

    /// Takes an entry out.
    pub fn remove(&mut self, hash: u64, key: &K) -> Option<V> {
        let at = self.find(hash, key)?;
        self.take(at)
    }

    #[inline]
    fn find(&self, hash: u64, key: &K) -> Option<usize> {
        let is_it = |at: &usize| self.slots[*at].entry.as_ref().is_some_and(|(known, _)| known == key);
        self.index.find(hash, is_it).copied()
    }

    fn take(&mut self, at: usize) -> Option<V> {
        let slot = &mut self.slots[at];
        self.bytes -= slot.bytes;
        slot.placed = 0;
        let (entry, hash) = (slot.entry.take(), slot.hash);
        if let Ok(found) = self.index.find_entry(hash, |known| *known == at) {
            found.remove();
        }
        self.free.push(at);
        entry.map(|(_, value)| value)
    }

    /// The entry that was not used for longest, which is taken out of the order.
    fn oldest(&mut self) -> Option<usize> {
        while let Some(Reverse((time, at))) = self.order.pop() {
            let slot = &mut self.slots[at];
            if slot.placed != time {
                continue; // the entry that had this place is gone
            }
            if slot.used == time {
                return Some(at);
            }
            slot.placed = slot.used;
            self.order.push(Reverse((slot.used, at)));
        }
        None
    }

    /// Drops the places of entries that are gone, before they are more than those that are there.
    fn tidy(&mut self) {
        if self.order.len() > 2 * self.index.len() + SPARE_PLACES {
            let slots = &self.slots;
            self.order.retain(|Reverse((time, at))| slots[*at].placed == *time);
        }
    }
}
