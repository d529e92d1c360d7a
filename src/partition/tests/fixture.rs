//! What the tests of this room have in common.

use super::super::{KeyRef, PageCache, Partition, RunContext, key::Version, merge::MergeCursor};
use crate::{
    config::ReadMode,
    file::{Disk, MemoryDisk},
    item::{Item, encode_item},
    visible::Visible,
};
use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A key that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) token: u64,
    pub(super) collection: Vec<u8>,
    pub(super) sort: Vec<u8>,
}

impl Key {
    pub(super) fn as_ref(&self) -> KeyRef<'_> {
        KeyRef { token: self.token, collection: &self.collection, sort: &self.sort }
    }
}

impl From<KeyRef<'_>> for Key {
    fn from(key: KeyRef<'_>) -> Self {
        Self { token: key.token, collection: key.collection.to_vec(), sort: key.sort.to_vec() }
    }
}

/// An encoded item that can be told from all others.
pub(super) fn item(number: u64) -> Bytes {
    let filler = "x".repeat(if number.is_multiple_of(29) { 9_000 } else { number as usize % 60 });
    encode_item(&Item::new().with("number", number).with("filler", filler)).into()
}

/// The number of an item that [`item`] made.
pub(super) fn number_of(item: &crate::item::ItemRef) -> u64 {
    item.get("number").and_then(|value| value.as_u64()).unwrap()
}

/// A version as (sequence number, number of the item).
pub(super) fn told(version: &Version) -> (u64, Option<u64>) {
    (version.seqno, version.item.as_ref().map(number_of))
}

/// Everything that a cursor comes across.
pub(super) fn drain(mut cursor: MergeCursor<'_>) -> Vec<(Key, u64, u64)> {
    let mut all = Vec::new();
    while cursor.valid() {
        let (seqno, number) = (cursor.seqno(), number_of(&cursor.item().unwrap()));
        all.push((cursor.key().into(), seqno, number));
        cursor.advance().unwrap();
    }
    all
}

/// A disk and what belongs to it.
pub(super) struct Bench {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) visible: Arc<Visible>,
    files: AtomicU64,
    mode: ReadMode,
    cache: Arc<PageCache>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::on(Arc::new(MemoryDisk::new()), ReadMode::Mapped)
    }
    pub(super) fn on(disk: Arc<dyn Disk>, mode: ReadMode) -> Self {
        let (files, cache) = (AtomicU64::new(1), Arc::new(PageCache::new(1 << 20)));
        Self { disk, visible: Arc::new(Visible::new(0)), files, mode, cache }
    }
    pub(super) fn with_context<R>(&self, use_it: impl FnOnce(&RunContext<'_>) -> R) -> R {
        let next_file = || self.files.fetch_add(1, Ordering::Relaxed);
        use_it(&RunContext {
            disk: self.disk.clone(),
            protection: crate::format::protection::Protection::plain(77),
            next_file: &next_file,
            read_mode: self.mode,
            cache: self.cache.clone(),
        })
    }
    /// Flushes the oldest frozen memtable; false if there is none that may be.
    pub(super) fn flush(&self, partition: &Partition) -> bool {
        self.with_context(|ctx| {
            let Some(outcome) = partition.flush(ctx, &self.visible, 0).unwrap() else { return false };
            let record = partition.record_with_flush(&outcome);
            let run = outcome.facts.as_ref().map(|facts| ctx.open(facts).unwrap());
            assert!(partition.publish_flush(&outcome, run.clone()));
            assert_eq!(partition.record(), record);
            assert!(!partition.publish_flush(&outcome, run), "published once");
            true
        })
    }
}
