//! Which files a copy takes over, and how far.

use super::{Decision, Store, TableSpec, WriteOp, WriteOptions};
use crate::{
    config::{Durability, Options},
    file::{Disk, FileName, MemoryDisk, RealDisk},
    item::{Item, ItemRef, KeyType},
    schema::{KeyAttribute, KeySchema, StreamView},
};
use std::{collections::BTreeMap, sync::Arc};

fn put(store: &Store, numbers: std::ops::Range<u32>) {
    let slot = store.table("items").unwrap();
    for n in numbers {
        let item = Item::new().with("h", format!("{n}")).with("text", "x".repeat(500));
        let (key, bytes) =
            (slot.state().definition.key_of_item(&item).unwrap(), ItemRef::from(&item).to_inline_bytes());
        let decide = &mut |_: &_, _: Option<&ItemRef>| Ok(Decision::Put(bytes.clone()));
        let options = WriteOptions { durability: Some(Durability::Buffered), ..WriteOptions::default() };
        store.write_one(WriteOp { slot: &slot, key: &key, decide }, &options).unwrap();
    }
}

/// The files of a disk and their lengths.
fn files(disk: &dyn Disk) -> BTreeMap<FileName, u64> {
    disk.list().unwrap().into_iter().map(|name| (name, disk.open(name, false).unwrap().len())).collect()
}

#[test]
fn a_copy_has_the_files_that_count_as_far_as_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::open(folder.path(), true).unwrap());
    let options = Options { background: false, log_segment_bytes: 4096, ..Options::default() };
    let store = Store::open(disk.clone(), options).unwrap();
    let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    let spec = TableSpec { stream: Some(StreamView::KeysOnly), ..TableSpec::new("items", key) };
    store.create_table(spec).unwrap();
    put(&store, 0..30);
    store.flush_all().unwrap();
    put(&store, 20..50);
    store.wal().sync(store.wal().last_seqno()).unwrap();
    let before = files(&*disk);
    let logs: Vec<u64> = store.wal().segments().iter().map(|segment| segment.number).collect();
    assert!(logs[0] > 1 && logs.len() > 3, "{logs:?}");

    // What crashes and failures leave, and nobody has removed yet.
    let (first, last) = (logs[0], logs[logs.len() - 1]);
    let left_over = [FileName::Run(999), FileName::Stream(999), FileName::CurrentNext];
    for name in left_over.into_iter().chain([first - 1, last + 1].map(FileName::Log)) {
        disk.create(name).unwrap().append(b"left over").unwrap();
    }
    let copy = MemoryDisk::new();
    store.fork_to(&copy).unwrap();

    let (segment, end) = store.wal().durable_end();
    assert_eq!(segment, last);
    let mut expected = before;
    expected.remove(&FileName::Lock);
    let reserved = expected.insert(FileName::Log(last), end);
    assert!(reserved > Some(end), "space is reserved ahead, and a copy has none");
    assert_eq!(files(&copy), expected);
    let copy = Store::open(Arc::new(copy), Options { background: false, ..Options::default() }).unwrap();
    assert_eq!(copy.verify().unwrap().items, 50);
}
