//! Runs against a model of themselves: an ordered map.

mod damage;
mod failures;
mod golden;
mod model;
mod timing;

use super::{PageCache, Run, RunCursor, RunWriter};
use crate::{
    config::ReadMode,
    error::Result,
    file::{Disk, FileName, MemoryDisk},
    format::protection::Protection,
    item::{Item, ItemRef},
    manifest::RunMeta,
    partition::key::KeyRef,
};
use bytes::Bytes;
use std::{collections::BTreeMap, sync::Arc};

const DATABASE: u64 = 0x1234_5678_9abc_def0;

type Key = (u64, Vec<u8>, Vec<u8>);
/// Sequence number, and the item unless it is a tombstone.
type Value = (u64, Option<Item>);
type Model = BTreeMap<Key, Value>;

/// Numbers that look random and are the same in every test run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

fn key_ref(key: &Key) -> KeyRef<'_> {
    KeyRef { token: key.0, collection: &key.1, sort: &key.2 }
}

fn item(text: &str, len: usize) -> Item {
    Item::new().with("name", text).with("payload", "x".repeat(len)).with("count", len as u64)
}

fn write(disk: &Arc<dyn Disk>, model: &Model) -> RunMeta {
    let mut writer = RunWriter::create(disk, 7, &Protection::plain(DATABASE), model.len()).unwrap();
    for (key, (seqno, item)) in model {
        let item = item.as_ref().map(ItemRef::from);
        writer.add(key_ref(key), *seqno, item.as_ref()).unwrap();
    }
    writer.finish().unwrap()
}

fn open(disk: &Arc<dyn Disk>, facts: &RunMeta, mode: ReadMode) -> Result<Arc<Run>> {
    let cache = Arc::new(PageCache::new(256 << 10));
    Run::open(&**disk, facts, &Protection::plain(DATABASE), mode, &cache).map(Arc::new)
}

/// A run of a model, mapped and not.
fn runs_of(model: &Model) -> [Arc<Run>; 2] {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let facts = write(&disk, model);
    let runs = [ReadMode::Mapped, ReadMode::Buffered].map(|mode| open(&disk, &facts, mode).unwrap());
    assert!(runs[0].describe().unwrap().mapped && !runs[1].describe().unwrap().mapped);
    runs
}

/// A disk with nothing but a file of these bytes in the place of the run.
fn disk_with(bytes: &[u8]) -> Arc<dyn Disk> {
    let disk = MemoryDisk::new();
    let mut file = disk.create(FileName::Run(7)).unwrap();
    file.append(bytes).unwrap();
    file.sync().unwrap();
    Arc::new(disk)
}

fn bytes_of(disk: &Arc<dyn Disk>) -> Bytes {
    let file = disk.open(FileName::Run(7), false).unwrap();
    file.read_at(0, file.len() as usize).unwrap()
}

fn entry(cursor: &mut RunCursor<'_>) -> (Key, Value) {
    assert_eq!(cursor.is_tombstone(), cursor.item().is_none());
    let value = (cursor.seqno(), cursor.item().map(|item| item.to_item()));
    let key = cursor.key();
    ((key.token, key.collection.to_vec(), key.sort.to_vec()), value)
}

/// Everything that a cursor still yields.
fn drain(mut cursor: RunCursor<'_>) -> Result<Vec<(Key, Value)>> {
    let mut entries = Vec::new();
    while cursor.valid() {
        entries.push(entry(&mut cursor));
        cursor.advance()?;
    }
    cursor.advance()?;
    assert!(!cursor.valid());
    Ok(entries)
}
