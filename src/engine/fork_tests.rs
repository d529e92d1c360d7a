//! Which files a copy takes over, and how far.

use super::{Engine, TableSpec, WriteAction, WriteOp, WriteOptions};
use crate::{
    config::{Durability, Options},
    file::{Disk, FileName, MemoryDisk, RealDisk},
    item::{Item, ItemRef, KeyType},
    schema::{KeyAttribute, KeySchema, StreamView},
};
use std::{collections::BTreeMap, sync::Arc};

fn put(engine: &Engine, numbers: std::ops::Range<u32>) {
    let slot = engine.table("items").unwrap();
    for n in numbers {
        let item = Item::new().with("h", format!("{n}")).with("text", "x".repeat(500));
        let (key, bytes) =
            (slot.state().definition.key_of_item(&item).unwrap(), ItemRef::from(&item).to_inline_bytes());
        let decide = &mut |_: &_, _: Option<&ItemRef>| Ok(WriteAction::Put(bytes.clone()));
        let options = WriteOptions { durability: Some(Durability::Buffered), ..WriteOptions::default() };
        engine.write_one(WriteOp { slot: &slot, key: &key, decide }, &options).unwrap();
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
    let engine = Engine::open(disk.clone(), options).unwrap();
    let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    let spec = TableSpec { stream: Some(StreamView::KeysOnly), ..TableSpec::new("items", key) };
    engine.create_table(spec).unwrap();
    put(&engine, 0..30);
    engine.flush_all().unwrap();
    put(&engine, 20..50);
    engine.wal().sync(engine.wal().last_seqno()).unwrap();
    let before = files(&*disk);
    let logs: Vec<u64> = engine.wal().segments().iter().map(|segment| segment.number).collect();
    assert!(logs[0] > 1 && logs.len() > 3, "{logs:?}");

    // What crashes and failures leave, and no open has removed yet.
    let (first, last) = (logs[0], logs[logs.len() - 1]);
    let left_over = [FileName::Run(999), FileName::Stream(999), FileName::CurrentNext];
    for name in left_over.into_iter().chain([first - 1, last + 1].map(FileName::Log)) {
        disk.create(name).unwrap().append(b"left over").unwrap();
    }
    let copy = MemoryDisk::new();
    engine.fork_to(&copy).unwrap();

    let (segment, end) = engine.wal().durable_end();
    assert_eq!(segment, last);
    let mut expected = before;
    expected.remove(&FileName::Lock);
    let reserved = expected.insert(FileName::Log(last), end);
    assert!(reserved > Some(end), "space is reserved ahead, and a copy has none");
    let mut copied = files(&copy);
    // The manifest is written anew.
    let is_manifest = |name: &FileName| matches!(name, FileName::Manifest(_));
    copied.retain(|name, _| !is_manifest(name));
    expected.retain(|name, _| !is_manifest(name));
    assert_eq!(copied, expected);
    let copy = Engine::open(Arc::new(copy), Options { background: false, ..Options::default() }).unwrap();
    assert_eq!(copy.verify().unwrap().items, 50);
}
