//! When a session begins, and that no reader sees what a power failure could still take away.

use super::{Engine, TableSpec, WriteAction, WriteOp, WriteOptions, key_ref};
use crate::{
    config::{Durability, Options},
    error::{ErrorKind, Result},
    file::{Disk, Fault, FaultPlan, Operation, SimulatedDisk},
    item::{Item, ItemRef, KeyType},
    partition::ReadPoint,
    schema::{KeyAttribute, KeySchema},
};
use std::sync::Arc;

fn open(disk: &SimulatedDisk) -> Result<Engine> {
    Engine::open(Arc::new(disk.clone()), Options { background: false, ..Options::default() })
}

fn put(engine: &Engine, key: &str, durability: Durability) -> Result<()> {
    let slot = engine.table("items").unwrap();
    let item = Item::new().with("h", key);
    let key = slot.state().definition.key_of_item(&item).unwrap();
    let decide = &mut |_: &_, _: Option<&ItemRef>| Ok(WriteAction::Put(ItemRef::from(&item).to_inline_bytes()));
    let options = WriteOptions { durability: Some(durability), ..WriteOptions::default() };
    engine.write_one(WriteOp { slot: &slot, key: &key, decide }, &options).map(drop)
}

fn has(engine: &Engine, key: &str) -> bool {
    let slot = engine.table("items").unwrap();
    let state = slot.state();
    let key = state.definition.key_of_item(&Item::new().with("h", key)).unwrap();
    let partition = state.ring.find(key.token());
    partition.get(key_ref(&key), ReadPoint::Visible, engine.wal().visible()).unwrap().is_some()
}

/// A database with one item, closed or killed, for the next process.
fn with_one_item(closes: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let engine = open(&disk).unwrap();
    let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    engine.create_table(TableSpec::new("items", key)).unwrap();
    put(&engine, "first", Durability::Buffered).unwrap();
    if closes {
        engine.close().unwrap();
    }
    disk.kill()
}

#[test]
fn what_was_closed_is_read_without_a_change() {
    let disk = with_one_item(true);
    let before = disk.operations();
    for _ in 0..2 {
        let engine = open(&disk).unwrap();
        assert!(has(&engine, "first") && !has(&engine, "second"));
        assert!(engine.recovery().was_closed && engine.recovery().removed_files.is_empty());
        engine.close().unwrap();
    }
    assert_eq!(disk.operations(), before);
    for seed in 0..10 {
        assert!(has(&open(&disk.crash(seed)).unwrap(), "first"), "{seed}");
    }
}

#[test]
fn what_a_killed_process_wrote_is_durable_before_it_is_read() {
    for seed in 0..10 {
        let disk = with_one_item(false);
        let before = disk.count(Operation::Sync);
        assert!(has(&open(&disk).unwrap(), "first"));
        assert!(disk.count(Operation::Sync) > before);
        assert!(has(&open(&disk.crash(seed)).unwrap(), "first"), "{seed}");
    }
}

/// The opening before may have been killed, too, at any operation: also while it closed.
#[test]
fn what_was_read_behind_an_interrupted_closing_survives() {
    let operations = |disk: &SimulatedDisk| {
        let engine = open(disk)?;
        put(&engine, "second", Durability::Buffered)?;
        engine.close()
    };
    for at in 1.. {
        let disk = with_one_item(true);
        // Every operation from this one on fails, as it does for a process that is killed.
        disk.fail(FaultPlan::any_change(at, Fault::InputOutput).for_good());
        let ended = operations(&disk);
        let next = disk.kill();
        next.stop_failing();
        let seen = has(&open(&next).unwrap(), "second");
        for seed in 0..4 {
            let engine = open(&next.crash(seed)).unwrap();
            assert!(has(&engine, "first"), "{at} {seed}");
            assert!(has(&engine, "second") || !seen, "{at} {seed}");
        }
        if ended.is_ok() {
            assert!(at > 10 && seen);
            return;
        }
    }
}

#[test]
fn power_may_fail_at_any_operation_of_the_first_write() {
    for at in 1.. {
        let disk = with_one_item(true);
        let engine = open(&disk).unwrap();
        disk.crash_at(disk.operations() + at);
        let written = put(&engine, "second", Durability::Sync);
        let next = open(&disk.crash(at)).unwrap();
        assert!(has(&next, "first"), "{at}");
        assert!(has(&next, "second") || written.is_err(), "{at}");
        put(&next, "third", Durability::Sync).unwrap();
        assert!(has(&next, "third"));
        if written.is_ok() {
            assert!(at > 5, "the session began with the write");
            return;
        }
    }
}

#[test]
fn a_session_that_cannot_begin_leaves_reads_and_begins_later() {
    let disk = with_one_item(true);
    let engine = open(&disk).unwrap();
    disk.set_capacity(Some(0));
    for _ in 0..2 {
        assert_eq!(put(&engine, "second", Durability::Sync).unwrap_err().kind(), ErrorKind::Io);
        assert!(has(&engine, "first") && !has(&engine, "second"));
    }
    disk.set_capacity(None);
    put(&engine, "second", Durability::Sync).unwrap();
    engine.close().unwrap();
    drop(engine);
    assert!(has(&open(&disk.kill()).unwrap(), "second"));
}

#[test]
fn a_flush_gets_the_space_of_former_segments() {
    let disk = SimulatedDisk::new(1);
    let options = Options { background: false, log_segment_bytes: 16 << 10, ..Options::default() };
    let engine = Engine::open(Arc::new(disk.clone()), options).unwrap();
    let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    engine.create_table(TableSpec::new("items", key)).unwrap();
    (0..2000).for_each(|n| put(&engine, &format!("item {n}"), Durability::Buffered).unwrap());
    engine.flush_all().unwrap();
    let spare_bytes = engine.wal().spare_bytes();
    assert!(spare_bytes >= 32 << 10, "{spare_bytes}");
    (0..100).for_each(|n| put(&engine, &format!("later item {n}"), Durability::Buffered).unwrap());
    // The disk tells how much is left of a capacity, and so how much is used.
    disk.set_capacity(Some(u64::MAX));
    let used_bytes = u64::MAX - disk.available_bytes().unwrap();
    disk.set_capacity(Some(used_bytes + 100));
    engine.flush_all().unwrap();
    assert!(engine.wal().spare_bytes() < spare_bytes);
    assert!(has(&engine, "later item 99"));
}

#[test]
fn what_is_closed_before_its_first_write_takes_none() {
    let disk = with_one_item(true);
    let before = disk.operations();
    let engine = open(&disk).unwrap();
    engine.close().unwrap();
    assert_eq!(put(&engine, "second", Durability::Sync).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(disk.operations(), before);
}
