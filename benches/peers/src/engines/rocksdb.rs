//! RocksDB: block tables with bloom filters and hash indexes in the blocks, a large hyper clock cache, bloom filters
//! in the memtables, no compression, no checksums on reads.

use super::key_value::{KeyValue, Sink, Transaction, Tree};
use crate::data::Key;
use anyhow::{Context, Result};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DBCompressionType, DataBlockIndexType,
    OptimisticTransactionDB, OptimisticTransactionOptions, Options, ReadOptions, SingleThreaded, WaitForCompactOptions,
    WriteOptions,
};
use std::path::Path;

type Database = OptimisticTransactionDB<SingleThreaded>;

pub struct RocksDb {
    database: Database,
}

fn options(cache_bytes: usize) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_hyper_clock_cache(cache_bytes, 4_608));
    table.set_bloom_filter(10.0, false);
    table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    table.set_data_block_hash_ratio(0.75);
    table.set_format_version(6);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_compression_type(DBCompressionType::None);
    options.set_max_background_jobs(2);
    options.set_write_buffer_size(64 << 20);
    options.set_max_write_buffer_number(3);
    options.set_memtable_whole_key_filtering(true);
    options.set_memtable_prefix_bloom_ratio(0.05);
    options.set_block_based_table_factory(&table);
    options
}

fn read_options() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_verify_checksums(false);
    options
}

fn write_options(sync: bool) -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(sync);
    options
}

impl RocksDb {
    pub fn open(folder: &Path, cache_bytes: usize) -> Result<Self> {
        let options = options(cache_bytes);
        let families = Tree::ALL.iter().map(|tree| ColumnFamilyDescriptor::new(tree.name(), options.clone()));
        let families = families.chain([ColumnFamilyDescriptor::new("default", options.clone())]);
        Ok(Self { database: Database::open_cf_descriptors(&options, folder, families)? })
    }
    fn tree(&self, tree: Tree) -> Result<&ColumnFamily> {
        self.database.cf_handle(tree.name()).context("every tree was created")
    }
}

impl KeyValue for RocksDb {
    fn get(&self, key: &[u8], sink: Sink<'_>) -> Result<bool> {
        let found = self.database.get_pinned_cf_opt(self.tree(Tree::Main)?, key, &read_options())?;
        Ok(found.is_some_and(|value| {
            sink(key, &value);
            true
        }))
    }
    fn batch_get(&self, keys: &[Key<'_>], sink: Sink<'_>) -> Result<usize> {
        let family = self.tree(Tree::Main)?;
        let wanted = keys.iter().map(|key| key.full());
        let mut found = 0;
        for value in self.database.batched_multi_get_cf_opt(family, wanted, false, &read_options()) {
            if let Some(value) = value? {
                sink(&[], &value);
                found += 1;
            }
        }
        Ok(found)
    }
    fn range(&self, tree: Tree, from: &[u8], to: &[u8], limit: usize, sink: Sink<'_>) -> Result<usize> {
        let mut options = read_options();
        options.set_iterate_upper_bound(to);
        if limit == usize::MAX {
            options.set_readahead_size(4 << 20);
        }
        let mut entries = self.database.raw_iterator_cf_opt(self.tree(tree)?, options);
        entries.seek(from);
        let mut read = 0;
        while let Some((key, value)) = entries.item().filter(|_| read < limit) {
            sink(key, value);
            read += 1;
            entries.next();
        }
        entries.status()?;
        Ok(read)
    }
    fn put(&self, key: &[u8], value: &[u8], sync: bool) -> Result<()> {
        Ok(self.database.put_cf_opt(self.tree(Tree::Main)?, key, value, &write_options(sync))?)
    }
    fn transact(&self, sync: bool, work: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()> {
        loop {
            let inner = self.database.transaction_opt(&write_options(sync), &OptimisticTransactionOptions::default());
            let mut transaction = RocksDbTransaction { inner, engine: self };
            work(&mut transaction)?;
            match transaction.inner.commit() {
                // Another thread wrote the same key: the work is done again.
                Err(error) if matches!(error.kind(), rocksdb::ErrorKind::Busy | rocksdb::ErrorKind::TryAgain) => {}
                done => return Ok(done?),
            }
        }
    }
    fn settle(&self) -> Result<()> {
        for tree in Tree::ALL {
            self.database.flush_cf(self.tree(tree)?)?;
            self.database.compact_range_cf(self.tree(tree)?, None::<&[u8]>, None::<&[u8]>);
        }
        Ok(self.database.wait_for_compact(&WaitForCompactOptions::default())?)
    }
}

struct RocksDbTransaction<'a> {
    inner: rocksdb::Transaction<'a, Database>,
    engine: &'a RocksDb,
}

impl Transaction for RocksDbTransaction<'_> {
    fn get(&mut self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let family = self.engine.tree(tree)?;
        Ok(self.inner.get_for_update_cf(family, key, true)?)
    }
    fn put(&mut self, tree: Tree, key: &[u8], value: &[u8]) -> Result<()> {
        Ok(self.inner.put_cf(self.engine.tree(tree)?, key, value)?)
    }
    fn delete(&mut self, tree: Tree, key: &[u8]) -> Result<()> {
        Ok(self.inner.delete_cf(self.engine.tree(tree)?, key)?)
    }
}
