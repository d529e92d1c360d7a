//! Openings of databases whose manifest and log contradict each other. Nothing that a user can do makes one, so edits are
//! planted.

use super::{Engine, TableSpec};
use crate::{
    config::Options,
    error::ErrorKind,
    file::{Disk, MemoryDisk},
    item::KeyType,
    manifest::{Edit, Manifest, PartitionMeta, RunMeta},
    schema::{KeyAttribute, KeySchema},
};
use std::sync::Arc;

fn open(disk: &MemoryDisk) -> crate::error::Result<Engine> {
    let options = Options { background: false, initial_partitions: 2, ..Options::default() };
    Engine::open(Arc::new(disk.clone()), options)
}

fn table(name: &str) -> TableSpec {
    TableSpec::new(name, KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None })
}

/// A write with a number that a partition takes for flushed would be lost with the next replay.
#[test]
fn a_partition_that_was_flushed_further_than_the_log_reaches_is_damage() {
    for (beyond, is_damage) in [(0, false), (1, true), (1000, true)] {
        let disk = MemoryDisk::new();
        with_edits(&disk, |manifest| {
            let record = manifest.state().partitions.values().next().unwrap().clone();
            // The creation of the table is all that the log has.
            vec![Edit::PutPartition(PartitionMeta { flushed_seqno: 1 + beyond, ..record })]
        });
        let found = open(&disk).map(drop).map_err(|error| error.kind());
        assert_eq!(found, if is_damage { Err(ErrorKind::Corrupt) } else { Ok(()) }, "{beyond}");
    }
}

/// Version 0.1.0 brought a partition back that was dropped while it was flushed. Its run was removed.
#[test]
fn a_partition_of_no_table_is_dropped_though_its_run_is_missing() {
    for is_missing in [false, true] {
        let disk = MemoryDisk::new();
        with_edits(&disk, |manifest| {
            let record = manifest.state().partitions.values().next().unwrap().clone();
            let facts = RunMeta { file: 77, ..RunMeta::default() };
            let runs = if is_missing { vec![facts] } else { Vec::new() };
            vec![Edit::PutPartition(PartitionMeta { id: 100, keyspace: record.keyspace + 1, runs, ..record })]
        });
        let engine = open(&disk).unwrap();
        let ids: Vec<u64> = engine.files.manifest().state().partitions.keys().copied().collect();
        assert!(ids.len() == 2 && !ids.contains(&100), "{ids:?}");
        engine.verify().unwrap();
    }
}

/// Makes a database with one table, and changes its manifest behind its back.
fn with_edits(disk: &MemoryDisk, edits: impl FnOnce(&Manifest) -> Vec<Edit>) {
    let engine = open(disk).unwrap();
    engine.create_table(table("items")).unwrap();
    engine.close().unwrap();
    drop(engine);
    let mut manifest = Manifest::open(Arc::new(disk.clone()) as Arc<dyn Disk>, None, false).unwrap();
    let edits = edits(&manifest);
    manifest.commit(&edits).unwrap();
}

#[test]
fn no_partition_takes_the_number_of_another_one_whatever_the_counters_say() {
    let disk = MemoryDisk::new();
    with_edits(&disk, |manifest| {
        let record = manifest.state().partitions.values().next().unwrap().clone();
        vec![Edit::DropPartition(record.id), Edit::PutPartition(PartitionMeta { id: 100, ..record })]
    });
    let engine = open(&disk).unwrap();
    engine.create_table(table("others")).unwrap();
    let ids: Vec<u64> = engine.facts().partitions.iter().map(|facts| facts.partition.id).collect();
    assert_eq!(ids.iter().filter(|id| **id == 100).count(), 1, "{ids:?}");
    drop(engine);
    assert_eq!(open(&disk).unwrap().table_names(), ["items", "others"]);
}

/// A log that lost its first segment would look like a shorter one otherwise.
#[test]
fn the_first_opening_notes_where_the_log_begins() {
    let disk = MemoryDisk::new();
    drop(open(&disk).unwrap());
    let manifest = Manifest::open(Arc::new(disk.clone()) as Arc<dyn Disk>, None, false).unwrap();
    assert_eq!(manifest.state().log.first_segment, 1);
}

/// A log that lost its end after that would look like a shorter one otherwise.
#[test]
fn a_closing_notes_how_far_the_log_reaches() {
    let disk = MemoryDisk::new();
    let engine = open(&disk).unwrap();
    engine.create_table(table("items")).unwrap();
    engine.close().unwrap();
    engine.close().unwrap();
    let end = engine.wal().durable_end();
    drop(engine);
    let manifest = Manifest::open(Arc::new(disk.clone()) as Arc<dyn Disk>, None, false).unwrap();
    assert_eq!(manifest.state().log.reach, end);
}
