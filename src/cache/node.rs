//! One node: an item cache, a result cache, and what is on its way from other nodes.

use super::{lru::Lru, options::AcceleratorOptions};
use crate::{item::ItemRef, schema::EncodedKey};
use std::collections::VecDeque;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes that an entry takes besides key and value, about.
const ENTRY_BYTES: usize = 240;

/// Slots of hashes for which a node remembers its newest write.
const SLOTS: usize = 1024;

/// The primary key of an item, in any table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemKey {
    /// Number of the table's definition, which no later table of that name has.
    pub table: u32,
    /// The key.
    pub key: EncodedKey,
}

impl ItemKey {
    pub(super) fn hash(&self) -> u64 {
        xxh3_64_with_seed(self.key.sort(), self.key.token() ^ u64::from(self.table))
    }
    fn bytes(&self) -> usize {
        self.key.collection().len() + self.key.sort().len()
    }
}

/// Of which operation a page is; they are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultKind {
    /// Query.
    Query,
    /// Scan.
    Scan,
}

/// An answer from a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// What was stored.
    pub value: T,
    /// How long ago, milliseconds.
    pub age_millis: u64,
}

/// What was stored, and when.
#[derive(Clone)]
struct Entry<T> {
    value: T,
    at_millis: u64,
    /// Of an item: the number of a write that it is at least as new as.
    newest: u64,
}

impl<T: Clone> Entry<T> {
    /// The value, unless its time is over; 0 is for ever.
    fn found(&self, ttl_millis: u64, now_millis: u64) -> Option<Found<T>> {
        let age_millis = now_millis.saturating_sub(self.at_millis);
        let is_over = ttl_millis > 0 && age_millis >= ttl_millis;
        (!is_over).then(|| Found { value: self.value.clone(), age_millis })
    }
}

/// The moment at which a node had no answer, as the number of the last write that any node had noted by then. What is
/// read from then on is as new as that write; it is not stored where a later write is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Miss(pub(super) u64);

/// An item, absent or not, as a whole and in the parts that reads with a projection asked for.
#[derive(Default)]
struct Views {
    /// In the place of the entry itself, where most reads find it.
    whole: Option<Entry<Option<ItemRef>>>,
    parts: Vec<(Vec<u8>, Entry<Option<ItemRef>>)>,
}

impl Views {
    #[inline]
    fn get(&self, projection: &[u8]) -> Option<&Entry<Option<ItemRef>>> {
        match projection {
            [] => self.whole.as_ref(),
            _ => self.parts.iter().find(|(of, _)| *of == projection).map(|(_, entry)| entry),
        }
    }
    fn put(&mut self, projection: Vec<u8>, entry: Entry<Option<ItemRef>>) {
        match projection.is_empty() {
            true => self.whole = Some(entry),
            false => self.parts.push((projection, entry)),
        }
    }
    fn is_empty(&self) -> bool {
        self.whole.is_none() && self.parts.is_empty()
    }
    fn retain(&mut self, mut is_kept: impl FnMut(&Entry<Option<ItemRef>>) -> bool) {
        self.whole = self.whole.take().filter(|entry| is_kept(entry));
        self.parts.retain(|(_, entry)| is_kept(entry));
    }
    fn bytes(&self) -> usize {
        let of_entry = |projection: &[u8], entry: &Entry<Option<ItemRef>>| {
            projection.len() + entry.value.as_ref().map_or(0, ItemRef::size_bytes) + ENTRY_BYTES
        };
        let whole = self.whole.as_ref().map_or(0, |entry| of_entry(&[], entry));
        whole + self.parts.iter().map(|(projection, entry)| of_entry(projection, entry)).sum::<usize>()
    }
}

/// Something that a node learns from another one.
#[derive(Clone)]
pub(super) enum News<R> {
    /// An item that was read, with a projection, after a miss.
    Read(ItemKey, Vec<u8>, Option<ItemRef>, Miss),
    /// An item that was written, as it was read after the write of this number; `None` if it could not be read.
    Written(ItemKey, Option<Option<ItemRef>>, u64),
    /// A page.
    Page(Vec<u8>, R, usize),
}

pub(super) struct Node<R> {
    items: Lru<ItemKey, Views>,
    pages: Lru<Vec<u8>, Entry<R>>,
    /// What other nodes learned, by when it arrives.
    arrivals: VecDeque<(u64, u64, News<R>)>,
    item_ttl_millis: u64,
    query_ttl_millis: u64,
    /// The newest write that the node has learned of among the items of each slot of hashes. It outlives entries, so that an
    /// older write or read that arrives late does not come back when the entry of a newer one has given way.
    newest_of_slot: Box<[u64]>,
    pub counts: NodeCounts,
}

/// What a node has counted, also before it was restarted.
#[derive(Clone, Copy, Default)]
pub(super) struct NodeCounts {
    /// Items that were there.
    pub item_hits: u64,
    /// Items that were not.
    pub item_misses: u64,
    /// Bytes that gave way.
    pub evicted_bytes: u64,
}

impl<R: Clone> Node<R> {
    pub fn new(options: &AcceleratorOptions) -> Self {
        let room = options.capacity_bytes / 2;
        Self {
            items: Lru::new(room),
            pages: Lru::new(room),
            arrivals: VecDeque::new(),
            item_ttl_millis: options.item_ttl_millis,
            query_ttl_millis: options.query_ttl_millis,
            newest_of_slot: vec![0; SLOTS].into(),
            counts: NodeCounts::default(),
        }
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> usize {
        self.items.bytes() + self.pages.bytes()
    }

    /// An item as a read with this projection answered.
    #[inline]
    pub fn item(
        &mut self,
        (hash, key): (u64, &ItemKey),
        projection: &[u8],
        now_millis: u64,
    ) -> Option<Found<Option<ItemRef>>> {
        let entry = self.items.get(hash, key).and_then(|views| views.get(projection));
        let found = entry.and_then(|entry| entry.found(self.item_ttl_millis, now_millis));
        let count = if found.is_some() { &mut self.counts.item_hits } else { &mut self.counts.item_misses };
        *count += 1;
        found
    }

    /// The node starts anew, empty; writes up to this number may have been on their way to it.
    pub fn restart(&mut self, options: &AcceleratorOptions, last_write: u64) {
        let counts = self.counts;
        *self = Self { counts, newest_of_slot: vec![last_write; SLOTS].into(), ..Self::new(options) };
    }

    /// A whole item, if it is there; a miss is not counted.
    #[inline]
    pub fn hit(&mut self, hash: u64, key: &ItemKey, now_millis: u64) -> Option<Option<ItemRef>> {
        let entry = self.items.get(hash, key)?.whole.as_ref()?;
        let found = entry.found(self.item_ttl_millis, now_millis)?;
        self.counts.item_hits += 1;
        Some(found.value)
    }

    /// A page as it was answered.
    pub fn page(&mut self, key: &Vec<u8>, now_millis: u64) -> Option<Found<R>> {
        let ttl_millis = self.query_ttl_millis;
        self.pages.get(hash_of(key), key)?.found(ttl_millis, now_millis)
    }

    /// What is on its way arrives after this moment.
    pub fn expect(&mut self, due_millis: u64, stored_at_millis: u64, news: News<R>) {
        self.arrivals.push_back((due_millis, stored_at_millis, news));
    }

    /// Takes in what has arrived.
    #[inline]
    pub fn receive(&mut self, now_millis: u64) {
        while self.arrivals.front().is_some_and(|(due, ..)| *due <= now_millis) {
            let Some((_, stored_at_millis, news)) = self.arrivals.pop_front() else { return };
            self.learn(news, stored_at_millis, now_millis);
        }
    }

    /// Takes in what was stored somewhere at a moment.
    pub fn learn(&mut self, news: News<R>, at_millis: u64, now_millis: u64) {
        match news {
            News::Read(key, projection, item, Miss(newest)) => {
                let hash = key.hash();
                let mut views = self.items.remove(hash, &key).unwrap_or_default();
                views.retain(|entry| entry.found(self.item_ttl_millis, now_millis).is_some());
                // What was written after the read had begun is newer than what it read.
                if newest >= self.newest_known(hash, &views) && views.get(&projection).is_none() {
                    views.put(projection, Entry { value: item, at_millis, newest });
                }
                self.store_item(hash, key, views);
            }
            News::Written(key, item, newest) => {
                let hash = key.hash();
                let mut views = self.items.remove(hash, &key).unwrap_or_default();
                let known = self.newest_known(hash, &views);
                // A read that began after the write is at least as new, and so is what a later write stored.
                views.retain(|entry| entry.newest >= newest);
                if newest > known {
                    views.whole = item.map(|value| Entry { value, at_millis, newest });
                }
                let of_slot = &mut self.newest_of_slot[slot_of(hash)];
                *of_slot = newest.max(*of_slot);
                self.store_item(hash, key, views);
            }
            News::Page(key, page, bytes) if self.query_ttl_millis > 0 => {
                let bytes = bytes + key.len() + ENTRY_BYTES;
                let evicted = self.pages.insert(hash_of(&key), key, Entry { value: page, at_millis, newest: 0 }, bytes);
                self.counts.evicted_bytes += evicted as u64;
            }
            News::Page(..) => {}
        }
    }

    /// The number of a write that is not older than any of this item that the node has learned of.
    fn newest_known(&self, hash: u64, views: &Views) -> u64 {
        views.whole.as_ref().map_or(self.newest_of_slot[slot_of(hash)], |whole| whole.newest)
    }

    fn store_item(&mut self, hash: u64, key: ItemKey, views: Views) {
        if views.is_empty() {
            return;
        }
        let bytes = key.bytes() + views.bytes();
        self.counts.evicted_bytes += self.items.insert(hash, key, views, bytes) as u64;
    }
}

fn slot_of(hash: u64) -> usize {
    usize::try_from(hash % SLOTS as u64).unwrap_or(0)
}

fn hash_of(key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, 0)
}
