//! Pages of runs that are read by position instead of being mapped.
//!
//! One cache serves all runs of a database. It is cut into shards by page, each under its own lock, and gives up
//! pages by the clock rule: a hand goes round, spares a page that was used since it last came by, and takes the first
//! that was not. Pages of removed runs are not looked for again and leave in that way.
//!
//! Of an encrypted database it keeps decrypted pages, and lends a part of its memory to runs that are decrypted as a whole.

use super::format::PAGE_BYTES;
use crate::cipher::ErasedBuffers;
use bytes::Bytes;
use hashbrown::HashTable;
use parking_lot::Mutex;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const SHARDS: usize = 8;
/// Longest stretch that a walk has in memory: what is left of one stretch and the pages of the next.
pub(super) const WINDOW_BYTES: usize = 5 * PAGE_BYTES;
/// Buffers of pages and of such stretches that are kept while they are not used.
const SPARE_PAGES: usize = 64;
const SPARE_WINDOWS: usize = 16;

/// A page of a run: file number and number of the page.
type PageId = (u64, u64);

/// A bounded set of verified pages.
pub struct PageCache {
    shards: [Mutex<Shard>; SHARDS],
    pages_per_shard: usize,
    /// Memory for decrypted pages.
    buffers: Arc<ErasedBuffers>,
    /// Memory for stretches of several pages.
    windows: Arc<ErasedBuffers>,
    /// Bytes that are not lent to decrypted runs.
    lendable_bytes: AtomicUsize,
}

/// Memory that a cache has lent; it goes back with this.
#[derive(Debug)]
pub(super) struct Lease {
    cache: Arc<PageCache>,
    bytes: usize,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.cache.lendable_bytes.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    /// Positions in `slots` by page.
    index: HashTable<usize>,
    hand: usize,
}

struct Slot {
    id: PageId,
    page: Bytes,
    used: bool,
}

fn hash((file, page): PageId) -> u64 {
    let mixed = (file.rotate_left(32) ^ page).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

impl PageCache {
    /// A cache of at most `bytes`, rounded down to pages of 16 KiB; 0 keeps nothing.
    pub fn new(bytes: usize) -> Self {
        let pages = bytes / PAGE_BYTES;
        let pages_per_shard = if pages == 0 { 0 } else { (pages / SHARDS).max(1) };
        let shards = std::array::from_fn(|_| Mutex::default());
        let buffers = Arc::new(ErasedBuffers::new(PAGE_BYTES, SPARE_PAGES));
        let windows = Arc::new(ErasedBuffers::new(WINDOW_BYTES, SPARE_WINDOWS));
        Self { shards, pages_per_shard, buffers, windows, lendable_bytes: AtomicUsize::new(0) }
    }
    /// A cache of at most `bytes` for encrypted runs: a quarter for pages, the rest for runs that are decrypted as a whole.
    pub fn of_decrypted(bytes: usize) -> Self {
        Self { lendable_bytes: AtomicUsize::new(bytes - bytes / 4), ..Self::new(bytes / 4) }
    }
    /// Memory for decrypted pages.
    pub(super) fn buffers(&self) -> &Arc<ErasedBuffers> {
        &self.buffers
    }
    /// Memory for stretches of at most [`WINDOW_BYTES`] bytes.
    pub(super) fn windows(&self) -> &Arc<ErasedBuffers> {
        &self.windows
    }
    /// Lends memory, if there is so much.
    pub(super) fn lease(cache: &Arc<Self>, bytes: usize) -> Option<Lease> {
        let take = |left: usize| left.checked_sub(bytes);
        let taken = cache.lendable_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        taken.is_ok().then(|| Lease { cache: cache.clone(), bytes })
    }
    fn shard(&self, id: PageId) -> &Mutex<Shard> {
        &self.shards[hash(id) as usize % SHARDS]
    }
    pub(super) fn get(&self, id: PageId) -> Option<Bytes> {
        let mut shard = self.shard(id).lock();
        let Shard { slots, index, .. } = &mut *shard;
        let slot = *index.find(hash(id), |&slot| slots[slot].id == id)?;
        slots[slot].used = true;
        Some(slots[slot].page.clone())
    }
    /// Keeps a page, and gives up another if there is no room.
    pub(super) fn insert(&self, id: PageId, page: Bytes) {
        let mut shard = self.shard(id).lock();
        let Shard { slots, index, hand } = &mut *shard;
        if self.pages_per_shard == 0 || index.find(hash(id), |&slot| slots[slot].id == id).is_some() {
            return;
        }
        let new = Slot { id, page, used: false };
        let at = if slots.len() < self.pages_per_shard {
            slots.push(new);
            slots.len() - 1
        } else {
            while std::mem::take(&mut slots[*hand].used) {
                *hand = (*hand + 1) % slots.len();
            }
            let at = *hand;
            *hand = (at + 1) % slots.len();
            if let Ok(old) = index.find_entry(hash(slots[at].id), |&slot| slot == at) {
                old.remove();
            }
            slots[at] = new;
            at
        };
        index.insert_unique(hash(id), at, |&slot| hash(slots[slot].id));
    }
    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().slots.iter().map(|slot| slot.page.len()).sum::<usize>()).sum()
    }
}

impl fmt::Debug for PageCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageCache({} of {} bytes)", self.bytes(), self.pages_per_shard * SHARDS * PAGE_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_its_bound_and_spares_what_is_used() {
        let cache = PageCache::new(16 * PAGE_BYTES);
        let page = Bytes::from(vec![7; PAGE_BYTES]);
        for number in 0..1000 {
            cache.insert((1, number), page.clone());
            cache.insert((1, number), page.clone());
            assert!(cache.get((1, 0)).is_some(), "page 0 is in use all the time");
        }
        assert_eq!(cache.bytes(), 16 * PAGE_BYTES);
        assert!(cache.get((2, 0)).is_none());
        assert_eq!((0..1000).filter(|&number| cache.get((1, number)).is_some()).count(), 16);
    }

    #[test]
    fn lends_what_it_has() {
        let cache = Arc::new(PageCache::of_decrypted(100));
        let one = PageCache::lease(&cache, 50).unwrap();
        assert!(PageCache::lease(&cache, 26).is_none());
        let two = PageCache::lease(&cache, 25).unwrap();
        drop((one, two));
        assert!(PageCache::lease(&cache, 75).is_some() && PageCache::lease(&cache, 76).is_none());
        assert!(PageCache::lease(&Arc::new(PageCache::new(100)), 1).is_none());
    }

    #[test]
    fn may_be_empty() {
        let cache = PageCache::new(100);
        cache.insert((1, 1), Bytes::from_static(b"x"));
        assert_eq!(cache.bytes(), 0);
    }
}
