//! fjall: a large cache, no compression, hash indexes in its blocks, tuned for point reads that hit.

use super::key_value::{KeyValue, Sink, Transaction, Tree};
use crate::data::Key;
use anyhow::Result;
use fjall::{
    KeyspaceCreateOptions, PersistMode, Readable, SingleWriterTxDatabase, SingleWriterTxKeyspace, SingleWriterWriteTx,
    config::{CompressionPolicy, HashRatioPolicy},
};
use std::{path::Path, time::Duration};

pub struct Fjall {
    database: SingleWriterTxDatabase,
    trees: Vec<SingleWriterTxKeyspace>,
}

impl Fjall {
    pub fn open(folder: &Path, cache_bytes: usize) -> Result<Self> {
        let database = SingleWriterTxDatabase::builder(folder).cache_size(cache_bytes as u64).open()?;
        let options = || {
            KeyspaceCreateOptions::default()
                .data_block_compression_policy(CompressionPolicy::all(fjall::CompressionType::None))
                .data_block_hash_ratio_policy(HashRatioPolicy::all(8.0))
                .expect_point_read_hits(true)
        };
        let trees = Tree::ALL.iter().map(|tree| database.keyspace(tree.name(), options)).collect::<Result<_, _>>()?;
        Ok(Self { database, trees })
    }
    fn main(&self) -> &fjall::Keyspace {
        self.trees[0].inner()
    }
}

impl KeyValue for Fjall {
    fn get(&self, key: &[u8], sink: Sink<'_>) -> Result<bool> {
        let found = self.main().get(key)?;
        Ok(found.is_some_and(|value| {
            sink(key, &value);
            true
        }))
    }
    fn batch_get(&self, keys: &[Key<'_>], sink: Sink<'_>) -> Result<usize> {
        let mut found = 0;
        for key in keys {
            found += usize::from(self.get(key.full(), sink)?);
        }
        Ok(found)
    }
    fn range(&self, tree: Tree, from: &[u8], to: &[u8], limit: usize, sink: Sink<'_>) -> Result<usize> {
        let mut read = 0;
        for entry in self.trees[tree as usize].inner().range(from..to).take(limit) {
            let (key, value) = entry.into_inner()?;
            sink(&key, &value);
            read += 1;
        }
        Ok(read)
    }
    fn put(&self, key: &[u8], value: &[u8], sync: bool) -> Result<()> {
        self.main().insert(key, value)?;
        if sync {
            self.database.inner().persist(PersistMode::SyncData)?;
        }
        Ok(())
    }
    fn transact(&self, sync: bool, work: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()> {
        let mut inner = self.database.write_tx();
        if sync {
            inner = inner.durability(Some(PersistMode::SyncData));
        }
        let mut transaction = FjallTransaction { inner, trees: &self.trees };
        work(&mut transaction)?;
        Ok(transaction.inner.commit()?)
    }
    fn settle(&self) -> Result<()> {
        for tree in &self.trees {
            tree.inner().rotate_memtable_and_wait()?;
            tree.inner().major_compact()?;
        }
        let database = self.database.inner();
        while database.outstanding_flushes() > 0 || database.active_compactions() > 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(database.persist(PersistMode::SyncAll)?)
    }
}

struct FjallTransaction<'a> {
    inner: SingleWriterWriteTx<'a>,
    trees: &'a [SingleWriterTxKeyspace],
}

impl Transaction for FjallTransaction<'_> {
    fn get(&mut self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.inner.get(&self.trees[tree as usize], key)?.map(|value| value.to_vec()))
    }
    fn put(&mut self, tree: Tree, key: &[u8], value: &[u8]) -> Result<()> {
        self.inner.insert(&self.trees[tree as usize], key, value);
        Ok(())
    }
    fn delete(&mut self, tree: Tree, key: &[u8]) -> Result<()> {
        self.inner.remove(&self.trees[tree as usize], key);
        Ok(())
    }
}
