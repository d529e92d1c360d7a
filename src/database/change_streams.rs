//! Change streams as the service shows them: streams, shards, iterators and pages of records.

use super::Database;
use crate::{
    error::Result,
    stream::IteratorStart,
    table::{self, StreamDescription, StreamRecords},
};

impl Database {
    /// All change streams, also disabled ones and those of deleted tables, for as long as records are kept after their end
    /// (24 hours unless [`OpenOptions::stream_retention`](crate::OpenOptions::stream_retention) says otherwise); of one table name
    /// only, if one is given.
    pub fn list_streams(&self, table: Option<&str>) -> Vec<StreamDescription> {
        table::list_streams(self.engine(), table)
    }
    /// A stream by the name of its table and its label, with its shards. Errors: not found.
    pub fn describe_stream(&self, table: &str, label: &str) -> Result<StreamDescription> {
        table::describe_stream(self.engine(), table, label)
    }
    /// An iterator over the records of a shard, good for 15 minutes. Errors: not found, a sequence number that is not of
    /// the shard, records that are gone.
    pub fn shard_iterator(&self, table: &str, label: &str, shard: &str, start: &IteratorStart) -> Result<String> {
        table::shard_iterator(self.engine(), table, label, shard, start)
    }
    /// Name of the table and label of the stream that an iterator reads. Errors: as [`stream_records`](Self::stream_records).
    pub fn stream_of_iterator(&self, iterator: &str) -> Result<(String, String)> {
        table::stream_of_iterator(self.engine(), iterator)
    }
    /// Up to `limit` records (1 to 1,000; 1 MB), and the iterator that goes on behind them. Errors: an iterator that is
    /// none, is older than 15 minutes, or is where records are gone.
    pub fn stream_records(&self, iterator: &str, limit: Option<usize>) -> Result<StreamRecords> {
        if let Some(recorder) = self.engine().recorder()
            && let Ok((table, _)) = self.stream_of_iterator(iterator)
            && let Some(slot) = self.engine().table(&table)
        {
            recorder.stream_read(slot.state().definition.id);
        }
        table::stream_records(self.engine(), iterator, limit)
    }
}
