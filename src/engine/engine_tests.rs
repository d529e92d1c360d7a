//! What an open database keeps in memory about what is gone, what it calls itself, and whom it lets in.

use super::{Engine, TableSpec, TableUpdate, Work, WriteAction, WriteOp, WriteOptions, schema_change::IndexSpec};
use crate::{
    config::{ConflictModel, Options},
    error::{Error, ErrorKind},
    file::{MemoryDisk, SimulatedDisk},
    item::{Item, ItemRef, KeyType},
    schema::{IndexKind, KeyAttribute, KeySchema, Projection},
    service::{Delay, IndexLag, StaleReplica},
    wal::record::ClientToken,
};
use std::{sync::Arc, thread};

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

/// Its slot kept the first state of the table, and with it the runs and memtables of an index that came with the table.
#[test]
fn an_index_that_is_deleted_is_kept_by_nothing() {
    let disk = Arc::new(MemoryDisk::new());
    let options = || Options { background: false, ..Options::default() };
    let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    let engine = Engine::open(disk.clone(), options()).unwrap();
    let indexes = ["one", "two"].map(global).to_vec();
    let spec = TableSpec { indexes, ttl_attribute: Some("end".to_owned()), ..TableSpec::new("items", key) };
    engine.create_table(spec).unwrap();
    let goes = |engine: &Engine, update: TableUpdate| {
        let slot = engine.table("items").unwrap();
        let state = arc_swap::Guard::into_inner(slot.state());
        let rings = state.index_rings.iter().map(Arc::downgrade).collect::<Vec<_>>();
        drop(state);
        engine.update_table("items", |_| Ok::<_, Error>(update)).unwrap();
        while engine.compact_step().unwrap() != Work::Idle {}
        rings.iter().filter(|ring| ring.upgrade().is_none()).count()
    };
    let delete = |name: &str| TableUpdate { delete_index: Some(name.to_owned()), ..TableUpdate::default() };
    assert_eq!(goes(&engine, delete("one")), 1);
    engine.close().unwrap();
    drop(engine);
    let engine = Engine::open(disk, options()).unwrap();
    assert_eq!(goes(&engine, delete("two")), 1);
    assert_eq!(goes(&engine, TableUpdate { ttl_attribute: Some(None), ..TableUpdate::default() }), 1);
}

/// Both were carried out where their items had no partition in common.
#[test]
fn of_two_transactions_with_one_token_one_is_carried_out() {
    let options = Options { background: false, initial_partitions: 64, ..Options::default() };
    let engine = Engine::open(Arc::new(MemoryDisk::new()), options).unwrap();
    let schema = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    let slot = engine.create_table(TableSpec::new("items", schema)).unwrap();
    let write = |name: &str, meanwhile: &mut dyn FnMut()| {
        let item = Item::new().with("h", name);
        let key = slot.state().definition.key_of_item(&item).unwrap();
        let decide = &mut |_: &_, _: Option<&ItemRef>| {
            meanwhile();
            Ok(WriteAction::Put(ItemRef::from(&item).to_inline_bytes()))
        };
        let token = Some(ClientToken { token: "token".to_owned(), fingerprint: Some(1) });
        let options = WriteOptions { token, ..WriteOptions::default() };
        engine.write_one(WriteOp { slot: &slot, key: &key, decide }, &options).map(drop)
    };
    let mut second = None;
    let first = write("one", &mut || {
        second = Some(thread::scope(|scope| scope.spawn(|| write("two", &mut || {})).join().unwrap()));
    });
    first.unwrap();
    assert_eq!(second.unwrap().unwrap_err().kind(), ErrorKind::Conflict);
    assert!(write("three", &mut || {}).is_err(), "it was used");
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
