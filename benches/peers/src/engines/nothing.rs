//! An engine that does nothing: what it takes a call is what the harness takes, for every engine alike.
//!
//! It answers as the data would have it, from the key alone, and its figures are printed apart: it is no peer.

use crate::{
    data::{Key, Prepared},
    engine::{Engine, Session},
};
use anyhow::Result;
use std::hint::black_box;

/// Its name.
pub const NAME: &str = "nothing";

/// The engine.
pub struct Nothing {
    items: usize,
}

impl Nothing {
    /// One that says it has so many items.
    pub fn new(items: usize) -> Self {
        Self { items }
    }
}

impl Engine for Nothing {
    fn session(&self, _sync: bool) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(NoSession { items: self.items }))
    }
    fn load(&self, _items: &mut [Prepared]) -> Result<()> {
        Ok(())
    }
    fn settle(&self) -> Result<()> {
        Ok(())
    }
}

struct NoSession {
    items: usize,
}

impl Session for NoSession {
    fn get(&mut self, key: Key<'_>) -> Result<bool> {
        // The ending of keys that no item has.
        Ok(!black_box(key.sort()).ends_with('!'))
    }
    fn batch_get(&mut self, keys: &[Key<'_>]) -> Result<usize> {
        Ok(black_box(keys).len())
    }
    fn query(&mut self, key: Key<'_>, _from_sort: bool) -> Result<usize> {
        black_box(key);
        Ok(10)
    }
    fn query_index(&mut self, customer: &str) -> Result<usize> {
        black_box(customer);
        Ok(10)
    }
    fn scan(&mut self) -> Result<usize> {
        Ok(self.items)
    }
    fn put(&mut self, item: &mut Prepared, version: u64) -> Result<()> {
        black_box((item, version));
        Ok(())
    }
    fn update(&mut self, key: Key<'_>) -> Result<()> {
        black_box(key);
        Ok(())
    }
    fn transact(&mut self, items: &mut [Prepared], version: u64) -> Result<()> {
        black_box((items, version));
        Ok(())
    }
    fn sweep(&mut self) -> Result<usize> {
        Ok(self.items)
    }
    fn read_stream(&mut self) -> Result<usize> {
        Ok(self.items)
    }
}
