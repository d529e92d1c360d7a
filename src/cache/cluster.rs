//! The nodes of an accelerator together: who answers, what the others learn, and what is counted.

use super::{
    node::{Found, ItemKey, Miss, News, Node, ResultKind},
    options::AcceleratorOptions,
};
use crate::{
    capacity::ModelTime,
    clock::Clock,
    error::{Error, Result},
    item::ItemRef,
};
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What an accelerator has counted since it was made, over all its nodes: CloudWatch's metrics of DAX by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceleratorStats {
    /// Items that were answered from the cache (`ItemCacheHits`).
    pub item_cache_hits: u64,
    /// Items that were not (`ItemCacheMisses`).
    pub item_cache_misses: u64,
    /// Pages of queries that were answered from the cache (`QueryCacheHits`).
    pub query_cache_hits: u64,
    /// Pages of queries that were not (`QueryCacheMisses`).
    pub query_cache_misses: u64,
    /// Pages of scans that were answered from the cache (`ScanCacheHits`).
    pub scan_cache_hits: u64,
    /// Pages of scans that were not (`ScanCacheMisses`).
    pub scan_cache_misses: u64,
    /// Requests that no cache was asked for: strongly consistent reads, and transactions that read.
    pub passed_through: u64,
    /// Bytes of what gave way to newer entries (`EvictedSize`).
    pub evicted_bytes: u64,
    /// Bytes of the entries that are there now (`EstimatedDbSize`).
    pub estimated_bytes: u64,
    /// Bytes that there is room for (with `estimated_bytes`, `CacheMemoryUtilization`).
    pub capacity_bytes: u64,
}

/// How the cache of an accelerator answered a request: nothing of it counts for what passed through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheUse {
    /// Items or pages that came from the cache.
    pub hits: u32,
    /// Items or pages that did not.
    pub misses: u32,
    /// Of the hits, those that were not what the database had at that moment.
    pub stale: u32,
    /// How long ago the oldest of the hits was stored, milliseconds.
    pub oldest_millis: u64,
}

/// Hits and misses of one kind.
#[derive(Default)]
struct Count {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Count {
    fn note<T>(&self, found: Option<&T>) {
        let of = if found.is_some() { &self.hits } else { &self.misses };
        of.fetch_add(1, Ordering::Relaxed);
    }
    fn read(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }
}

/// Locks that writers of items share.
const STRIPES: u64 = 64;

/// A write of items that is noted: its number, and the locks of its items.
pub struct Storing<'a> {
    write: u64,
    _guards: SmallVec<[MutexGuard<'a, ()>; 1]>,
}

/// The nodes of an accelerator, whose pages are of type `R`. Locks: those of a writer's items, and then each node's own, never
/// two nodes at once.
pub struct Cluster<R> {
    nodes: Vec<Mutex<Node<R>>>,
    storing: Vec<Mutex<()>>,
    /// The number of the last write that was noted.
    last_write: AtomicU64,
    /// A clock that is set back lets no entry live longer, and keeps no news on its way for longer.
    time: ModelTime,
    options: AcceleratorOptions,
    requests: AtomicU64,
    queries: Count,
    scans: Count,
    passed_through: AtomicU64,
}

impl<R> std::fmt::Debug for Cluster<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster({} nodes)", self.nodes.len())
    }
}

impl<R: Clone> Cluster<R> {
    /// Errors: an option makes no sense.
    pub fn new(options: AcceleratorOptions) -> Result<Self> {
        options.check()?;
        let nodes = (0..options.nodes).map(|_| Mutex::new(Node::new(&options))).collect();
        let (queries, scans) = <(Count, Count)>::default();
        let (last_write, requests, passed_through) = <(AtomicU64, AtomicU64, AtomicU64)>::default();
        let storing = (0..STRIPES).map(|_| Mutex::new(())).collect();
        let time = ModelTime::default();
        Ok(Self { nodes, storing, last_write, time, options, requests, queries, scans, passed_through })
    }

    /// The node that the next request goes to.
    #[inline]
    pub fn choose(&self) -> usize {
        match self.nodes.len() {
            1 => 0,
            nodes => {
                let request = self.requests.fetch_add(1, Ordering::Relaxed);
                usize::try_from(xxh3_64_with_seed(&request.to_le_bytes(), self.options.seed)).unwrap_or(0) % nodes
            }
        }
    }

    /// The time of the cache. A request passes it to all that it does with the cache.
    #[inline]
    pub fn now_millis(&self, clock: &Clock) -> u64 {
        self.time.of(|| clock.coarse_millis())
    }

    /// Errors: there is no such node.
    pub fn check_node(&self, node: usize) -> Result<()> {
        let count = self.nodes.len();
        if node < count { Ok(()) } else { Err(Error::validation(format!("node {node} is none of {count}"))) }
    }

    /// An item, as a read with this projection answered, or the moment of the miss. The empty projection is the whole item.
    #[inline]
    pub fn item(
        &self,
        node: usize,
        key: &ItemKey,
        projection: &[u8],
        now: u64,
    ) -> std::result::Result<Found<Option<ItemRef>>, Miss> {
        let hash = key.hash();
        let mut node = self.nodes[node].lock();
        node.receive(now);
        node.item((hash, key), projection, now).ok_or_else(|| Miss(self.last_write.load(Ordering::Acquire)))
    }

    /// A whole item, if there is one node and it has the item. A miss is not counted: the request comes again.
    #[inline]
    pub fn hit(&self, key: &ItemKey, now: u64) -> Option<Option<ItemRef>> {
        let [node] = self.nodes.as_slice() else { return None };
        let hash = key.hash();
        let mut node = node.lock();
        node.receive(now);
        node.hit(hash, key, now)
    }

    /// A page, as it was answered.
    pub fn page(&self, node: usize, kind: ResultKind, key: &Vec<u8>, now: u64) -> Option<Found<R>> {
        let mut node = self.nodes[node].lock();
        node.receive(now);
        let found = node.page(key, now);
        drop(node);
        let count = if kind == ResultKind::Query { &self.queries } else { &self.scans };
        count.note(found.as_ref());
        found
    }

    /// Stores what a read of an item answered after a miss, unless the item was written since.
    pub fn fill_item(
        &self,
        (node, miss): (usize, Miss),
        (key, projection): (ItemKey, Vec<u8>),
        item: Option<ItemRef>,
        now: u64,
    ) {
        self.spread(Some(node), News::Read(key, projection, item, miss), now);
    }

    /// Notes that items were written, before what became of them is read. Until the guard goes, no other writer of them reads
    /// and stores: of two writers the one that reads an item later has the higher number.
    pub fn storing<'a>(&self, keys: impl IntoIterator<Item = &'a ItemKey>) -> Storing<'_> {
        let stripe = |key: &ItemKey| usize::try_from(key.hash() % STRIPES).unwrap_or(0);
        let mut stripes: SmallVec<[usize; 1]> = keys.into_iter().map(stripe).collect();
        stripes.sort_unstable(); // two writers of several items take them in one order
        stripes.dedup();
        let _guards = stripes.into_iter().map(|stripe| self.storing[stripe].lock()).collect();
        Storing { write: self.last_write.fetch_add(1, Ordering::AcqRel) + 1, _guards }
    }

    /// Stores a page of so many bytes.
    pub fn fill_page(&self, node: usize, key: Vec<u8>, page: R, bytes: usize, now: u64) {
        self.spread(Some(node), News::Page(key, page, bytes), now);
    }

    /// Stores what a write made of an item, in the place of all that was known of it; `None` if it could not be read. The
    /// other nodes learn of it after the time that news takes, and all of them if there is no node that it went through.
    pub fn replace_item(
        &self,
        (node, storing): (Option<usize>, &Storing<'_>),
        key: ItemKey,
        item: Option<Option<ItemRef>>,
        now: u64,
    ) {
        self.spread(node, News::Written(key, item, storing.write), now);
    }

    /// Counts a request that no cache was asked for.
    pub fn note_passed_through(&self) {
        self.passed_through.fetch_add(1, Ordering::Relaxed);
    }

    fn spread(&self, from: Option<usize>, news: News<R>, now: u64) {
        let due = now.saturating_add(self.options.replication_millis);
        for (at, node) in self.nodes.iter().enumerate() {
            let mut node = node.lock();
            node.receive(now);
            let is_own = from == Some(at);
            match is_own || due == now {
                true => node.learn(news.clone(), now, now),
                false => node.expect(due, now, news.clone()),
            }
        }
    }

    /// A node starts anew, empty.
    pub fn restart(&self, node: usize) {
        self.nodes[node].lock().restart(&self.options, self.last_write.load(Ordering::Acquire));
    }

    /// What was counted.
    pub fn stats(&self) -> AcceleratorStats {
        let (query_cache_hits, query_cache_misses) = self.queries.read();
        let (scan_cache_hits, scan_cache_misses) = self.scans.read();
        let mut stats = AcceleratorStats {
            query_cache_hits,
            query_cache_misses,
            scan_cache_hits,
            scan_cache_misses,
            passed_through: self.passed_through.load(Ordering::Relaxed),
            capacity_bytes: self.options.capacity_bytes.saturating_mul(self.nodes.len()) as u64,
            ..AcceleratorStats::default()
        };
        for node in &self.nodes {
            let node = node.lock();
            stats.item_cache_hits += node.counts.item_hits;
            stats.item_cache_misses += node.counts.item_misses;
            stats.evicted_bytes += node.counts.evicted_bytes;
            stats.estimated_bytes += node.bytes() as u64;
        }
        stats
    }
}
