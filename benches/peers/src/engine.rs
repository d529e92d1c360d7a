//! What an engine must do to take part.

use crate::data::{Key, Prepared};
use anyhow::Result;

/// What a table has beside its items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// An index by customer that carries all attributes.
    pub index: bool,
    /// Items end at the time in their attribute `expires`.
    pub ttl: bool,
    /// Every change is recorded in a stream with its new image.
    pub stream: bool,
}

/// A store that holds one table.
pub trait Engine: Sync {
    /// A handle for one thread. `sync`: a write is acknowledged once it survives a power failure; otherwise once the
    /// operating system has it.
    fn session(&self, sync: bool) -> Result<Box<dyn Session + '_>>;
    /// Writes many items at once, by the fastest way that loses none of the engine's promises but the sync.
    fn load(&self, items: &mut [Prepared]) -> Result<()>;
    /// Waits for flushes and compactions that are due, and makes everything durable.
    fn settle(&self) -> Result<()>;
}

/// The work of one thread. Each call is one operation of DynamoDB, or the shortest honest code for it.
pub trait Session: Send {
    /// GetItem; looks at every attribute. Whether there was an item.
    fn get(&mut self, key: Key<'_>) -> Result<bool>;
    /// BatchGetItem; how many there were.
    fn batch_get(&mut self, keys: &[Key<'_>]) -> Result<usize>;
    /// Query of 10 items of a collection from its begin, or from a sort key on.
    fn query(&mut self, key: Key<'_>, from_sort: bool) -> Result<usize>;
    /// Query of 10 items by the index on customers.
    fn query_index(&mut self, customer: &str) -> Result<usize>;
    /// Scan of everything; how many items.
    fn scan(&mut self) -> Result<usize>;
    /// PutItem with a new version.
    fn put(&mut self, item: &mut Prepared, version: u64) -> Result<()>;
    /// UpdateItem: `SET version = version + 1` if the version is positive.
    fn update(&mut self, key: Key<'_>) -> Result<()>;
    /// TransactWriteItems: puts several items, all or none.
    fn transact(&mut self, items: &mut [Prepared], version: u64) -> Result<()>;
    /// Deletes every item whose time has come, 25 to a batch at most; how many.
    fn sweep(&mut self) -> Result<usize>;
    /// Reads the change stream from its begin; how many records.
    fn read_stream(&mut self) -> Result<usize>;
}
