//! redb: a large cache; buffered writes are committed without durability, which promises less than the others do.

use super::key_value::{KeyValue, Sink, Transaction, Tree};
use crate::data::Key;
use anyhow::Result;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::{path::Path, sync::RwLock};

pub struct Redb {
    /// The lock is for compaction alone, which wants the database for itself.
    database: RwLock<Database>,
}

fn definition(tree: Tree) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(tree.name())
}

impl Redb {
    pub fn open(folder: &Path, cache_bytes: usize) -> Result<Self> {
        let database = Database::builder().set_cache_size(cache_bytes).create(folder.join("peers.redb"))?;
        let transaction = database.begin_write()?;
        for tree in Tree::ALL {
            transaction.open_table(definition(tree))?;
        }
        transaction.commit()?;
        Ok(Self { database: RwLock::new(database) })
    }
    fn database(&self) -> std::sync::RwLockReadGuard<'_, Database> {
        self.database.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    fn begin(database: &Database, sync: bool) -> Result<WriteTransaction> {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(if sync { Durability::Immediate } else { Durability::None })?;
        Ok(transaction)
    }
}

impl KeyValue for Redb {
    fn get(&self, key: &[u8], sink: Sink<'_>) -> Result<bool> {
        let table = self.database().begin_read()?.open_table(definition(Tree::Main))?;
        let found = table.get(key)?;
        Ok(found.is_some_and(|value| {
            sink(key, value.value());
            true
        }))
    }
    fn batch_get(&self, keys: &[Key<'_>], sink: Sink<'_>) -> Result<usize> {
        let table = self.database().begin_read()?.open_table(definition(Tree::Main))?;
        let mut found = 0;
        for key in keys {
            if let Some(value) = table.get(key.full())? {
                sink(key.full(), value.value());
                found += 1;
            }
        }
        Ok(found)
    }
    fn range(&self, tree: Tree, from: &[u8], to: &[u8], limit: usize, sink: Sink<'_>) -> Result<usize> {
        let table = self.database().begin_read()?.open_table(definition(tree))?;
        let mut read = 0;
        for entry in table.range::<&[u8]>(from..to)?.take(limit) {
            let (key, value) = entry?;
            sink(key.value(), value.value());
            read += 1;
        }
        Ok(read)
    }
    fn put(&self, key: &[u8], value: &[u8], sync: bool) -> Result<()> {
        let transaction = Self::begin(&self.database(), sync)?;
        transaction.open_table(definition(Tree::Main))?.insert(key, value)?;
        Ok(transaction.commit()?)
    }
    fn transact(&self, sync: bool, work: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()> {
        let transaction = Self::begin(&self.database(), sync)?;
        {
            let open = |tree| transaction.open_table(definition(tree));
            let mut tables = Tree::ALL.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
            work(&mut RedbTransaction { tables: &mut tables })?;
        }
        Ok(transaction.commit()?)
    }
    fn settle(&self) -> Result<()> {
        Self::begin(&self.database(), true)?.commit()?;
        self.database.write().unwrap_or_else(std::sync::PoisonError::into_inner).compact()?;
        Ok(())
    }
}

struct RedbTransaction<'a, 'b> {
    tables: &'a mut [redb::Table<'b, &'static [u8], &'static [u8]>],
}

impl Transaction for RedbTransaction<'_, '_> {
    fn get(&mut self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.tables[tree as usize].get(key)?.map(|value| value.value().to_vec()))
    }
    fn put(&mut self, tree: Tree, key: &[u8], value: &[u8]) -> Result<()> {
        self.tables[tree as usize].insert(key, value)?;
        Ok(())
    }
    fn delete(&mut self, tree: Tree, key: &[u8]) -> Result<()> {
        self.tables[tree as usize].remove(key)?;
        Ok(())
    }
}
