//! LMDB through heed: a large map; buffered writes run with NO_SYNC. Where data is larger than memory, without read-ahead.

use super::key_value::{KeyValue, Sink, Transaction, Tree};
use crate::data::Key;
use anyhow::Result;
use heed::{Database, Env, EnvFlags, EnvOpenOptions, FlagSetMode, RwTxn, types::Bytes};
use std::{ops::Bound, path::Path};

type Trees = [Database<'static, Bytes, Bytes>; 4];

pub struct Lmdb {
    /// Never closed: a tree lives no longer than the environment that it is of, and both end with this program.
    env: &'static Env,
    trees: Trees,
}

impl Lmdb {
    pub fn open(folder: &Path, is_scarce: bool) -> Result<Self> {
        let flags = if is_scarce { EnvFlags::NO_SYNC | EnvFlags::NO_READ_AHEAD } else { EnvFlags::NO_SYNC };
        let mut options = EnvOpenOptions::new();
        options.map_size(32 << 30).max_readers(64).max_dbs(Tree::ALL.len() as u32);
        // SAFETY: this process alone has the folder, and nothing else in it opens it.
        let env = unsafe { options.flags(flags).open(folder)? };
        let env: &'static Env = Box::leak(Box::new(env));
        let created = env.create_databases_and_commit(env.write_txn()?, |env, transaction| -> Result<_> {
            let mut create = |tree: Tree| env.create_database::<Bytes, Bytes>(transaction, Some(tree.name()));
            let [main, index, expiry, changes] = Tree::ALL;
            let trees = (create(main)?, create(index)?, create(expiry)?, create(changes)?);
            Ok(heed::CommitOrAbort::<_, ()>::Commit(trees))
        })?;
        let (main, index, expiry, changes) = created.unwrap_commit();
        Ok(Self { env, trees: [main, index, expiry, changes] })
    }
    fn begin(&self, sync: bool) -> Result<RwTxn<'_>> {
        let transaction = self.env.write_txn()?;
        let mode = if sync { FlagSetMode::Disable } else { FlagSetMode::Enable };
        // SAFETY: the only writer sets the flag for its own commit.
        unsafe { self.env.set_flags(EnvFlags::NO_SYNC, mode)? };
        Ok(transaction)
    }
}

impl KeyValue for Lmdb {
    fn get(&self, key: &[u8], sink: Sink<'_>) -> Result<bool> {
        let transaction = self.env.read_txn()?;
        let found = self.trees[0].get(&transaction, key)?;
        Ok(found.is_some_and(|value| {
            sink(key, value);
            true
        }))
    }
    fn batch_get(&self, keys: &[Key<'_>], sink: Sink<'_>) -> Result<usize> {
        let transaction = self.env.read_txn()?;
        let mut found = 0;
        for key in keys {
            if let Some(value) = self.trees[0].get(&transaction, key.full())? {
                sink(key.full(), value);
                found += 1;
            }
        }
        Ok(found)
    }
    fn range(&self, tree: Tree, from: &[u8], to: &[u8], limit: usize, sink: Sink<'_>) -> Result<usize> {
        let transaction = self.env.read_txn()?;
        // An empty key is not one for LMDB.
        let from = if from.is_empty() { Bound::Unbounded } else { Bound::Included(from) };
        let mut read = 0;
        for entry in self.trees[tree as usize].range(&transaction, &(from, Bound::Excluded(to)))?.take(limit) {
            let (key, value) = entry?;
            sink(key, value);
            read += 1;
        }
        Ok(read)
    }
    fn put(&self, key: &[u8], value: &[u8], sync: bool) -> Result<()> {
        let mut transaction = self.begin(sync)?;
        self.trees[0].put(&mut transaction, key, value)?;
        Ok(transaction.commit()?)
    }
    fn transact(&self, sync: bool, work: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()> {
        let mut transaction = LmdbTransaction { inner: self.begin(sync)?, trees: &self.trees };
        work(&mut transaction)?;
        Ok(transaction.inner.commit()?)
    }
    fn settle(&self) -> Result<()> {
        Ok(self.env.force_sync()?)
    }
}

struct LmdbTransaction<'a> {
    inner: RwTxn<'a>,
    trees: &'a Trees,
}

impl Transaction for LmdbTransaction<'_> {
    fn get(&mut self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.trees[tree as usize].get(&self.inner, key)?.map(<[u8]>::to_vec))
    }
    fn put(&mut self, tree: Tree, key: &[u8], value: &[u8]) -> Result<()> {
        Ok(self.trees[tree as usize].put(&mut self.inner, key, value)?)
    }
    fn delete(&mut self, tree: Tree, key: &[u8]) -> Result<()> {
        self.trees[tree as usize].delete(&mut self.inner, key)?;
        Ok(())
    }
}
