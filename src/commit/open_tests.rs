//! Openings of databases whose manifest and log contradict each other. Nothing that a user can do makes one, so edits are
//! planted.

use super::{Store, TableSpec};
use crate::{
    config::Options,
    error::ErrorKind,
    file::{Disk, MemoryDisk},
    item::KeyType,
    manifest::{Edit, Manifest, PartitionRecord},
    schema::{KeyAttribute, KeySchema},
};
use std::sync::Arc;

fn open(disk: &MemoryDisk) -> crate::error::Result<Store> {
    let options = Options { background: false, initial_partitions: 2, ..Options::default() };
    Store::open(Arc::new(disk.clone()), options)
}

fn table(name: &str) -> TableSpec {
    TableSpec::new(name, KeySchema { hash: KeyAttribute::new("h", KeyType::S), range: None })
}

/// A write with a number that a partition takes for flushed would be lost with the next replay.
#[test]
fn a_partition_that_was_flushed_further_than_the_log_reaches_is_damage() {
    for (beyond, is_damage) in [(0, false), (1, true), (1000, true)] {
        let disk = MemoryDisk::new();
        let store = open(&disk).unwrap();
        store.create_table(table("items")).unwrap();
        let last = store.wal().last_seqno();
        store.close().unwrap();
        drop(store);

        let mut manifest = Manifest::open(Arc::new(disk.clone()) as Arc<dyn Disk>).unwrap();
        let record = manifest.state().partitions.values().next().unwrap().clone();
        let record = PartitionRecord { flushed_seqno: last + beyond, ..record };
        manifest.commit(&[Edit::PutPartition(record)]).unwrap();
        drop(manifest);
        let found = open(&disk).map(drop).map_err(|error| error.kind());
        assert_eq!(found, if is_damage { Err(ErrorKind::Corrupt) } else { Ok(()) }, "{beyond}");
    }
}
