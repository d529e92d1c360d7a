//! Work that comes to its end when what it was done for has gone, or was split.

use super::{Engine, IndexSpec, TableSpec, TableUpdate};
use crate::{
    config::Options,
    error::Error,
    file::MemoryDisk,
    item::{Item, KeyType},
    schema::{IndexKind, KeyAttribute, KeySchema, Projection},
};
use bytes::Bytes;
use std::{sync::Arc, thread, time::Duration};

fn engine() -> Engine {
    let options = Options { background: false, initial_partitions: 1, ..Options::default() };
    let engine = Engine::open(Arc::new(MemoryDisk::new()), options).unwrap();
    let key = KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None };
    engine.create_table(TableSpec::new("items", key)).unwrap();
    engine
}

fn index() -> IndexSpec {
    IndexSpec {
        name: "by_group".to_owned(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("group", KeyType::S)],
        range: Vec::new(),
        projection: Projection::All,
        throughput: None,
    }
}

#[test]
fn a_split_leaves_nothing_of_a_table_that_has_gone() {
    for goes in [false, true] {
        let engine = engine();
        let ring = engine.table("items").unwrap().state().ring.clone();
        let partition = ring.find(0).clone();
        if goes {
            engine.delete_table("items").unwrap();
        }
        let mut manifest = engine.files.manifest();
        let split = engine.publish_split(&ring, &partition, &mut manifest, &mut partition.lock(), 1 << 63);
        drop(manifest);
        assert_eq!(split.unwrap(), !goes);
        assert_eq!(engine.files.manifest().state().partitions.len(), if goes { 0 } else { 2 });
        engine.verify().unwrap();
    }
}

#[test]
fn an_entry_that_waited_for_a_partition_while_it_was_split_enters_an_heir() {
    let engine = engine();
    let slot = engine.table("items").unwrap();
    let ring = slot.state().ring.clone();
    let partition = ring.find(0).clone();
    let key = slot.state().definition.key_of_item(&Item::new().with("h", "one")).unwrap();
    let mut manifest = engine.files.manifest();
    let mut guard = partition.lock();
    thread::scope(|scope| {
        let entry = scope.spawn(|| engine.insert_unlogged(&ring, &key, 5, Some(&Bytes::from_static(b"entry")), true));
        thread::sleep(Duration::from_millis(50));
        assert!(engine.publish_split(&ring, &partition, &mut manifest, &mut guard, 1 << 63).unwrap());
        drop((guard, manifest));
        entry.join().unwrap();
    });
    let unflushed: Vec<Option<u64>> = ring.all().iter().map(|child| child.oldest_unflushed_seqno()).collect();
    assert!(unflushed == [Some(5), None] || unflushed == [None, Some(5)], "{unflushed:?}");
}

#[test]
fn an_index_that_went_while_it_was_filled_stays_away() {
    let engine = engine();
    let update = TableUpdate { create_index: Some(index()), ..TableUpdate::default() };
    let slot = engine.update_table("items", |_| Ok::<_, Error>(update)).unwrap();
    let (table, index) = (slot.state().definition.id, slot.state().definition.indexes[0].id);
    let update = TableUpdate { delete_index: Some("by_group".to_owned()), ..TableUpdate::default() };
    engine.update_table("items", |_| Ok::<_, Error>(update)).unwrap();
    engine.activate_index(table, index).unwrap();
    assert_eq!(slot.state().definition.indexes, []);
    engine.delete_table("items").unwrap();
    engine.activate_index(table, index).unwrap();
    assert!(engine.table("items").is_none());
    engine.verify().unwrap();
}
