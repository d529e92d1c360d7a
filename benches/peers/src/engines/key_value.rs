//! DynamoDB's operations on a store of keys and values: the shortest honest code, written once for all of them.
//!
//! The main tree has encoded items under `partition key, zero, sort key`. An index is a tree of copies under
//! `customer, zero, key`; items that end are listed in a tree by time; a stream is a tree of new images by number. What
//! belongs to one write is written in one transaction.

use crate::{
    data::{Key, Prepared, decode, touch, with_next_version},
    engine::{Engine, Features, Session},
};
use anyhow::{Context, Result};
use std::sync::atomic::{AtomicU64, Ordering};

/// The trees of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    Main,
    Index,
    Expiry,
    Changes,
}

impl Tree {
    pub const ALL: [Self; 4] = [Self::Main, Self::Index, Self::Expiry, Self::Changes];
    pub fn name(self) -> &'static str {
        ["main", "by_customer", "by_expiry", "changes"][self as usize]
    }
}

/// What is done with a value that was read.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8], &[u8]);

/// What a transaction can do.
pub trait Transaction {
    fn get(&mut self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>>;
    fn put(&mut self, tree: Tree, key: &[u8], value: &[u8]) -> Result<()>;
    fn delete(&mut self, tree: Tree, key: &[u8]) -> Result<()>;
}

/// A store of keys and values.
pub trait KeyValue: Sync {
    /// Looks a key up in the main tree.
    fn get(&self, key: &[u8], sink: Sink<'_>) -> Result<bool>;
    /// Looks several keys up in one snapshot.
    fn batch_get(&self, keys: &[Key<'_>], sink: Sink<'_>) -> Result<usize>;
    /// Reads at most `limit` entries with keys from `from` on and before `to`.
    fn range(&self, tree: Tree, from: &[u8], to: &[u8], limit: usize, sink: Sink<'_>) -> Result<usize>;
    /// Writes one entry of the main tree.
    fn put(&self, key: &[u8], value: &[u8], sync: bool) -> Result<()>;
    /// Runs a transaction that writes.
    fn transact(&self, sync: bool, work: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()>;
    /// Waits for what is due in the background and makes everything durable.
    fn settle(&self) -> Result<()>;
}

/// A store with the shape of a table.
pub struct Shaped<T> {
    store: T,
    features: Features,
    next_change: AtomicU64,
}

impl<T: KeyValue> Shaped<T> {
    pub fn new(store: T, features: Features) -> Self {
        Self { store, features, next_change: AtomicU64::new(0) }
    }

    /// Puts an item with all that derives from it.
    fn put_in(&self, transaction: &mut dyn Transaction, item: &mut Prepared, version: u64) -> Result<()> {
        item.encoded_as(version);
        let (key, value) = (item.key().full(), &item.encoded);
        if self.features.index || self.features.ttl {
            // The old item may lie elsewhere in the index: it must be read, as every index does.
            let old = transaction.get(Tree::Main, key)?;
            let customer = old.as_deref().and_then(|old| decode(old).find(|(name, ..)| *name == b"customer"));
            if let Some((_, _, customer)) = customer.filter(|(.., old)| *old != item.customer.as_bytes()) {
                transaction.delete(Tree::Index, &joined(customer, key))?;
            }
        }
        transaction.put(Tree::Main, key, value)?;
        if self.features.index {
            transaction.put(Tree::Index, &joined(item.customer.as_bytes(), key), value)?;
        }
        if self.features.ttl {
            transaction.put(Tree::Expiry, &[&item.expires_secs.to_be_bytes(), key].concat(), &[])?;
        }
        if self.features.stream {
            let number = self.next_change.fetch_add(1, Ordering::Relaxed);
            transaction.put(Tree::Changes, &number.to_be_bytes(), value)?;
        }
        Ok(())
    }
}

fn joined(customer: &[u8], key: &[u8]) -> Vec<u8> {
    [customer, &[0], key].concat()
}

impl<T: KeyValue> Engine for Shaped<T> {
    fn session(&self, sync: bool) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(ShapedSession { shaped: self, sync }))
    }
    fn load(&self, items: &mut [Prepared]) -> Result<()> {
        self.store
            .transact(false, &mut |transaction| items.iter_mut().try_for_each(|item| self.put_in(transaction, item, 0)))
    }
    fn settle(&self) -> Result<()> {
        self.store.settle()
    }
}

struct ShapedSession<'a, T> {
    shaped: &'a Shaped<T>,
    sync: bool,
}

/// The first key behind all that begin with a prefix whose last byte is a zero.
fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    if let Some(last) = end.last_mut() {
        *last = 1;
    }
    end
}

impl<T: KeyValue> Session for ShapedSession<'_, T> {
    fn get(&mut self, key: Key<'_>) -> Result<bool> {
        self.shaped.store.get(key.full(), &mut |_, value| touch(value))
    }
    fn batch_get(&mut self, keys: &[Key<'_>]) -> Result<usize> {
        self.shaped.store.batch_get(keys, &mut |_, value| touch(value))
    }
    fn query(&mut self, key: Key<'_>, from_sort: bool) -> Result<usize> {
        let from = if from_sort { key.full() } else { key.collection() };
        self.shaped.store.range(Tree::Main, from, &behind(key.collection()), 10, &mut |_, value| touch(value))
    }
    fn query_index(&mut self, customer: &str) -> Result<usize> {
        let from = [customer.as_bytes(), &[0]].concat();
        self.shaped.store.range(Tree::Index, &from, &behind(&from), 10, &mut |_, value| touch(value))
    }
    fn scan(&mut self) -> Result<usize> {
        self.shaped.store.range(Tree::Main, &[], &[0xff], usize::MAX, &mut |_, value| touch(value))
    }
    fn put(&mut self, item: &mut Prepared, version: u64) -> Result<()> {
        if self.shaped.features != Features::default() {
            return self.transact(std::slice::from_mut(item), version);
        }
        item.encoded_as(version);
        self.shaped.store.put(item.key().full(), &item.encoded, self.sync)
    }
    fn update(&mut self, key: Key<'_>) -> Result<()> {
        self.shaped.store.transact(self.sync, &mut |transaction| {
            let old = transaction.get(Tree::Main, key.full())?.context("there is such an item")?;
            let next = with_next_version(&old).context("it has a version")?;
            transaction.put(Tree::Main, key.full(), &next)
        })
    }
    fn transact(&mut self, items: &mut [Prepared], version: u64) -> Result<()> {
        self.shaped.store.transact(self.sync, &mut |transaction| {
            items.iter_mut().try_for_each(|item| self.shaped.put_in(transaction, item, version))
        })
    }
    fn sweep(&mut self) -> Result<usize> {
        let store = &self.shaped.store;
        let end = u64::MAX.to_be_bytes();
        let mut swept = 0;
        loop {
            let mut due = Vec::new();
            store.range(Tree::Expiry, &[], &end, 25, &mut |entry, _| due.push(entry.to_vec()))?;
            if due.is_empty() {
                return Ok(swept);
            }
            store.transact(self.sync, &mut |transaction| {
                for entry in &due {
                    // Only if it ends at that time still.
                    let item = transaction.get(Tree::Main, &entry[8..])?;
                    transaction.delete(Tree::Expiry, entry)?;
                    if item.is_some_and(|item| decode(&item).any(|(name, ..)| name == b"expires")) {
                        transaction.delete(Tree::Main, &entry[8..])?;
                    }
                }
                Ok(())
            })?;
            swept += due.len();
        }
    }
    fn read_stream(&mut self) -> Result<usize> {
        let (mut from, mut read) = (Vec::new(), 0);
        loop {
            let mut last = Vec::new();
            let page = self.shaped.store.range(Tree::Changes, &from, &[0xff; 8], 1_000, &mut |key, value| {
                touch(value);
                last.clear();
                last.extend_from_slice(key);
            })?;
            read += page;
            if page < 1_000 {
                return Ok(read);
            }
            last.push(0);
            from = last;
        }
    }
}
