//! A database that contradicts itself is found out. Nothing that a user can do makes one, so entries are planted.

use super::{Engine, TableSlot, TableSpec, VerifyReport, WriteAction, WriteOp, WriteOptions, schema_change::IndexSpec};
use crate::{
    config::Options,
    error::{Error, ErrorKind},
    file::MemoryDisk,
    index,
    item::{Item, ItemRef, KeyType},
    schema::{EncodedKey, IndexKind, KeyAttribute, KeySchema, Projection},
};
use bytes::Bytes;
use std::{cell::Cell, sync::Arc};

/// A number above all that the log has given out.
const LATER: u64 = 1 << 40;

fn spec(name: &str, kind: IndexKind, hash: &str, range: &str) -> IndexSpec {
    IndexSpec {
        name: name.to_owned(),
        kind,
        hash: vec![KeyAttribute::new(hash, KeyType::S)],
        range: vec![KeyAttribute::new(range, KeyType::S)],
        projection: Projection::All,
        throughput: None,
    }
}

fn item(n: u32) -> Item {
    Item::new().with("h", "one").with("r", format!("{n}")).with("g", format!("group {}", n % 2))
}

/// A table with a local and a global index and three items.
fn database() -> (Engine, Arc<TableSlot>) {
    let options = Options { background: false, initial_partitions: 2, ..Options::default() };
    let engine = Engine::open(Arc::new(MemoryDisk::new()), options).unwrap();
    let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: Some(KeyAttribute::new("r", KeyType::S)) };
    let indexes = vec![spec("local", IndexKind::Local, "h", "g"), spec("global", IndexKind::Global, "g", "r")];
    let slot = engine.create_table(TableSpec { indexes, ..TableSpec::new("items", key) }).unwrap();
    (0..3).for_each(|n| put(&engine, &slot, n));
    (engine, slot)
}

fn put(engine: &Engine, slot: &TableSlot, n: u32) {
    let (key, bytes) = (key_of(slot, n), bytes_of(&item(n)));
    let decide = &mut |_: &_, _: Option<&ItemRef>| Ok(WriteAction::Put(bytes.clone()));
    engine.write_one(WriteOp { slot, key: &key, decide }, &WriteOptions::default()).unwrap();
}

fn bytes_of(item: &Item) -> Bytes {
    ItemRef::from(item).to_inline_bytes()
}

fn key_of(slot: &TableSlot, n: u32) -> EncodedKey {
    slot.state().definition.key_of_item(&item(n)).unwrap()
}

/// The key of an item's entry in an index.
fn entry_key(slot: &TableSlot, position: usize, n: u32) -> EncodedKey {
    let table = slot.state().definition.clone();
    index::entry(&table, &table.indexes[position], &ItemRef::from(&item(n))).unwrap().key
}

/// Puts an entry where no commit would, and says what is found then.
fn planted(
    engine: &Engine,
    slot: &TableSlot,
    position: Option<usize>,
    key: &EncodedKey,
    bytes: Option<&Bytes>,
) -> String {
    let state = slot.state();
    let ring = position.map_or(&state.ring, |position| &state.index_rings[position]);
    engine.insert_unlogged(ring, key, LATER, bytes, true);
    let error = engine.verify().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    error.to_string()
}

#[test]
fn what_was_checked_is_counted() {
    let (engine, slot) = database();
    // Two partitions of the table, in which the local index is too, and two of the global one.
    assert_eq!(
        engine.verify().unwrap(),
        VerifyReport { log_records: 4, tables: 1, partitions: 4, items: 3, index_entries: 6 }
    );
    // Of a table without a local one.
    let indexes = vec![spec("global", IndexKind::Global, "g", "r")];
    let key = slot.state().definition.key.clone();
    engine.create_table(TableSpec { indexes, ..TableSpec::new("others", key) }).unwrap();
    assert_eq!(
        engine.verify().unwrap(),
        VerifyReport { log_records: 5, tables: 2, partitions: 8, items: 3, index_entries: 6 }
    );
}

#[test]
fn a_missing_entry_of_an_index_is_found() {
    for (position, name) in [(0, "items/local"), (1, "items/global")] {
        let (engine, slot) = database();
        let found = planted(&engine, &slot, Some(position), &entry_key(&slot, position, 1), None);
        assert!(found.contains("an item has no entry") && found.contains(name), "{found}");
    }
}

#[test]
fn an_entry_that_differs_from_its_item_is_found() {
    for position in [0, 1] {
        let (engine, slot) = database();
        let other = bytes_of(&item(1).with("more", 1));
        let found = planted(&engine, &slot, Some(position), &entry_key(&slot, position, 1), Some(&other));
        assert!(found.contains("an entry differs from its item"), "{found}");
    }
}

#[test]
fn an_entry_without_an_item_is_found() {
    for position in [0, 1] {
        let (engine, slot) = database();
        let found = planted(&engine, &slot, Some(position), &entry_key(&slot, position, 7), Some(&bytes_of(&item(7))));
        assert!(found.contains("4 entries where the items call for 3"), "{found}");
    }
}

#[test]
fn an_item_that_lies_where_another_one_belongs_is_found() {
    let (engine, slot) = database();
    let found = planted(&engine, &slot, None, &key_of(&slot, 7), Some(&bytes_of(&item(1))));
    assert!(found.contains("an item does not lie where its key says") && found.contains("items"), "{found}");
}

#[test]
fn what_looks_damaged_is_read_again_if_there_were_writes_meanwhile() {
    let (engine, slot) = database();
    let damaged_while = |writes: u32| {
        let reads = Cell::new(0);
        let read = || {
            reads.set(reads.get() + 1);
            if reads.get() <= writes {
                put(&engine, &slot, reads.get());
            }
            if reads.get() <= writes || writes == 0 { Err(Error::corrupt("a file", 0, "?")) } else { Ok(()) }
        };
        (engine.read_beside_writers(read).is_err(), reads.get())
    };
    assert_eq!([0, 1, 3, 9].map(damaged_while), [(true, 1), (false, 2), (false, 4), (true, 4)]);
}

#[test]
fn an_index_that_is_being_filled_is_not_compared() {
    let (engine, slot) = database();
    let create_index = Some(spec("late", IndexKind::Global, "g", "h"));
    let update = super::TableUpdate { create_index, ..super::TableUpdate::default() };
    engine.update_table("items", |_| Ok::<_, Error>(update)).unwrap();
    assert_eq!(engine.verify().unwrap().index_entries, 6);
    while engine.backfill_step().unwrap() {}
    assert_eq!(engine.verify().unwrap().index_entries, 9);
    let found = planted(&engine, &slot, Some(2), &entry_key(&slot, 2, 1), None);
    assert!(found.contains("items/late"), "{found}");
}
