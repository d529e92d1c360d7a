//! What an open database keeps in memory about what is gone, what it calls itself, and whom it lets in.

use super::{Engine, TableSpec, TableUpdate, Work, WriteAction, WriteOp, WriteOptions, schema_change::IndexSpec};
use crate::{
    config::{ConflictModel, Options},
    error::{Error, ErrorKind},
    file::{MemoryDisk, SimulatedDisk},
    item::{Item, ItemRef, KeyType},
    schema::{IndexKind, KeyAttribute, KeySchema, Projection},
    service::{Delay, IndexLag, StaleReplica},
};
use std::sync::Arc;

fn global(name: &str) -> IndexSpec {
    IndexSpec {
        name: name.to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("g", KeyType::S)],
        range: Vec::new(),
        projection: Projection::KeysOnly,
        throughput: None,
    }
}

#[test]
fn the_lag_of_an_index_goes_with_the_index() {
    let options = Options { background: false, ..Options::default() };
    let engine = Engine::open(Arc::new(MemoryDisk::new()), options).unwrap();
    assert_eq!(format!("{engine:?}"), "Engine(memory)");
    let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    let indexes = ["one", "two", "three"].map(global).to_vec();
    let slot = engine.create_table(TableSpec { indexes, ..TableSpec::new("items", key) }).unwrap();
    let ids: Vec<u32> = slot.state().definition.indexes.iter().map(|index| index.id).collect();
    let lagging = || ids.iter().map(|id| engine.pending_propagation(*id).is_some()).collect::<Vec<_>>();
    for name in ["one", "two"] {
        let lag = IndexLag { delay: Delay::Fixed(50), stale: StaleReplica::default(), seed: 1 };
        engine.set_index_lag("items", name, Some(lag)).unwrap();
    }
    assert_eq!(lagging(), [true, true, false]);
    for (gone, left) in [("three", [true, true, false]), ("one", [false, true, false])] {
        let update = TableUpdate { delete_index: Some(gone.to_owned()), ..TableUpdate::default() };
        engine.update_table("items", |_| Ok::<_, Error>(update)).unwrap();
        assert_eq!(lagging(), left);
    }
    engine.delete_table("items").unwrap();
    assert_eq!(lagging(), [false; 3]);
}

#[test]
fn what_the_database_keeps_for_itself_meets_no_conflict() {
    let conflicts = Some(ConflictModel { refused_per_thousand: 1000, seed: 1 });
    let options = Options { background: false, conflicts, ..Options::default() };
    let engine = Engine::open(Arc::new(MemoryDisk::new()), options).unwrap();
    for (name, is_refused) in [("items", true), ("hashrange.items", false)] {
        let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
        let slot = engine.create_table(TableSpec::new(name, key)).unwrap();
        let key = slot.state().definition.key_of_item(&Item::new().with("h", "one")).unwrap();
        assert_eq!(engine.enter_write(&slot, &key).is_err(), is_refused, "{name}");
    }
}

#[test]
fn what_is_only_read_takes_no_writes_and_is_closed_without_one() {
    let disk = SimulatedDisk::new(1);
    let options = Options { background: false, ..Options::default() };
    let engine = Engine::open(Arc::new(disk.clone()), options).unwrap();
    engine.end_writing();
    let before = disk.operations();
    let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    let refused = engine.create_table(TableSpec::new("items", key)).map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    engine.close().unwrap();
    assert_eq!(disk.operations(), before);
}

/// What keeps thousands of tables at rest from costing anything: nothing is looked at again in which nothing happened.
#[test]
fn only_partitions_in_which_something_happened_are_looked_at() {
    let options = Options { background: false, initial_partitions: 4, ..Options::default() };
    let engine = Engine::open(Arc::new(MemoryDisk::new()), options).unwrap();
    let key = || KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    for number in 0..50 {
        engine.create_table(TableSpec::new(format!("table{number:02}"), key())).unwrap();
    }
    assert!(engine.background.compaction_queue.in_turn().is_empty(), "they are empty");
    let slot = engine.table("table07").unwrap();
    let item = Item::new().with("h", "one");
    let key = slot.state().definition.key_of_item(&item).unwrap();
    let decide = &mut |_: &_, _: Option<&ItemRef>| Ok(WriteAction::Put(ItemRef::from(&item).to_inline_bytes()));
    engine.write_one(WriteOp { slot: &slot, key: &key, decide }, &WriteOptions::default()).unwrap();
    engine.flush_all().unwrap();
    assert_eq!(engine.background.compaction_queue.in_turn().len(), 1);
    assert_eq!(engine.compact_step().unwrap(), Work::Idle);
    assert!(engine.background.compaction_queue.in_turn().is_empty());
}
