//! The tables of an open database and the partitions that hold them: which exist, and the two gates that keep them as
//! they are while something relies on it.
//!
//! A reader takes what it needs from the catalog, without a lock. The catalog and the state of a slot are replaced as a
//! whole, by the holder of the schema gate; the partitions of a ring by the holder of the split gate and the manifest.

use super::{
    catalog::{Catalog, TableSlot},
    ring::TokenRing,
};
use crate::sync::{OrderedRwLock, Rank};
use arc_swap::ArcSwap;
use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Tables, and the numbers for new ones.
pub(super) struct Tables {
    catalog: ArcSwap<Catalog>,
    /// Writers hold it shared from deriving index entries until their record is logged; a schema change holds it exclusively
    /// while its own record is logged. So the log knows which indexes there were at every record.
    pub schema_gate: OrderedRwLock<()>,
    /// Flush and compaction hold it shared; a split holds it exclusively, for a moment.
    pub split_gate: OrderedRwLock<()>,
    next_partition: AtomicU64,
    next_keyspace: AtomicU32,
}

impl Tables {
    /// The tables that opening found, and the next numbers to give out.
    pub fn new(catalog: Catalog, next_partition: u64, next_keyspace: u32) -> Self {
        Self {
            catalog: ArcSwap::from_pointee(catalog),
            schema_gate: OrderedRwLock::new(Rank::Schema, ()),
            split_gate: OrderedRwLock::new(Rank::Split, ()),
            next_partition: AtomicU64::new(next_partition),
            next_keyspace: AtomicU32::new(next_keyspace),
        }
    }
    /// All tables at this moment.
    pub fn load(&self) -> arc_swap::Guard<Arc<Catalog>> {
        self.catalog.load()
    }
    /// Replaces the catalog by a changed one. The caller holds the schema gate exclusively.
    pub fn change(&self, change: impl FnOnce(&mut Catalog)) {
        let mut catalog = (**self.catalog.load()).clone();
        change(&mut catalog);
        self.catalog.store(Arc::new(catalog));
    }
    /// The table of that name.
    pub fn named(&self, name: &str) -> Option<Arc<TableSlot>> {
        self.catalog.load().by_name.get(name).cloned()
    }
    /// Every ring of every table.
    pub fn rings(&self) -> Vec<Arc<TokenRing>> {
        self.catalog.load().rings()
    }
    /// A number for a new partition.
    pub fn new_partition(&self) -> u64 {
        self.next_partition.fetch_add(1, Ordering::Relaxed)
    }
    /// A number for a new table or index.
    pub fn new_keyspace(&self) -> u32 {
        self.next_keyspace.fetch_add(1, Ordering::Relaxed)
    }
    /// The next numbers of a partition and of a table or index.
    pub fn next_numbers(&self) -> (u64, u32) {
        (self.next_partition.load(Ordering::Relaxed), self.next_keyspace.load(Ordering::Relaxed))
    }
}
