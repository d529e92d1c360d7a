//! A map of bounded weight: what was used least recently gives way.

use hashbrown::HashTable;

/// No slot.
const NONE: usize = usize::MAX;

/// Entries by key, linked from the one that was used last to the one that was not used for longest.
pub(super) struct Lru<K, V> {
    /// Positions of slots.
    index: HashTable<usize>,
    slots: Vec<Slot<K, V>>,
    /// Slots without an entry.
    free: Vec<usize>,
    newest: usize,
    oldest: usize,
    bytes: usize,
    capacity_bytes: usize,
}

struct Slot<K, V> {
    entry: Option<(K, V)>,
    hash: u64,
    bytes: usize,
    newer: usize,
    older: usize,
}

impl<K: Eq, V> Lru<K, V> {
    /// An empty one, with room for so many bytes.
    pub fn new(capacity_bytes: usize) -> Self {
        let (index, slots, free) = (HashTable::new(), Vec::new(), Vec::new());
        Self { index, slots, free, newest: NONE, oldest: NONE, bytes: 0, capacity_bytes }
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The entry with a key, which counts as used.
    pub fn get(&mut self, hash: u64, key: &K) -> Option<&V> {
        let at = self.find(hash, key)?;
        if self.newest != at {
            self.unlink(at);
            self.link(at);
        }
        self.slots[at].entry.as_ref().map(|(_, value)| value)
    }

    /// Puts an entry of so many bytes in the place of the one with its key. Returns the bytes of what gave way.
    pub fn insert(&mut self, hash: u64, key: K, value: V, bytes: usize) -> usize {
        self.remove(hash, &key);
        if bytes > self.capacity_bytes {
            return bytes;
        }
        let mut evicted = 0;
        while self.bytes + bytes > self.capacity_bytes && self.oldest != NONE {
            evicted += self.slots[self.oldest].bytes;
            self.take(self.oldest);
        }
        let slot = Slot { entry: Some((key, value)), hash, bytes, newer: NONE, older: NONE };
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
        self.link(at);
        self.bytes += bytes;
        evicted
    }

    /// Takes an entry out.
    pub fn remove(&mut self, hash: u64, key: &K) -> Option<V> {
        let at = self.find(hash, key)?;
        self.take(at)
    }

    fn find(&self, hash: u64, key: &K) -> Option<usize> {
        let is_it = |at: &usize| self.slots[*at].entry.as_ref().is_some_and(|(known, _)| known == key);
        self.index.find(hash, is_it).copied()
    }

    fn take(&mut self, at: usize) -> Option<V> {
        self.unlink(at);
        let slot = &mut self.slots[at];
        self.bytes -= slot.bytes;
        let (entry, hash) = (slot.entry.take(), slot.hash);
        if let Ok(found) = self.index.find_entry(hash, |known| *known == at) {
            found.remove();
        }
        self.free.push(at);
        entry.map(|(_, value)| value)
    }

    /// Makes a slot the one that was used last.
    fn link(&mut self, at: usize) {
        let before = std::mem::replace(&mut self.newest, at);
        (self.slots[at].newer, self.slots[at].older) = (NONE, before);
        match before {
            NONE => self.oldest = at,
            before => self.slots[before].newer = at,
        }
    }

    fn unlink(&mut self, at: usize) {
        let (newer, older) = (self.slots[at].newer, self.slots[at].older);
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older].newer = newer,
        }
    }
}
