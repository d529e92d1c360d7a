//! Change streams: what happened to the items of a table, for a day or as long as the database is told, in the
//! order in which it was committed.
//!
//! A stream has shards, and a shard follows a partition of its table: a [`Shard`] is closed when the partition splits,
//! when it is four hours old, or when the stream is disabled, and its children continue it. A commit adds its changes to
//! the [tail](tail) of the partition's shard, in memory; the log already has what it takes to tell them again, so that
//! nothing is written twice while a commit waits. Later, maintenance cuts the tail into a [segment](segment) on disk, and
//! only then may the log forget the changes. After a crash the tails are filled again from the log.
//!
//! This room knows shards and changes, no partitions and no tables with items: `engine` connects them. Of the log it has
//! one type, which says who asked for a change.
//!
//! Imports: canary, sync, error, config, date, file, format, item, schema, wal, manifest.

pub mod checkpoint;
pub mod iterator;
pub mod names;
mod open_segment;
pub mod record;
pub mod retention;
pub mod segment;
pub mod sequence;
pub mod shard;
mod shard_page;
mod streams;
pub mod tail;

pub use iterator::{IteratorStart, ShardIterator};
pub use record::{Change, ChangeEvent, ChangeRecord, Occurrence};
pub use segment::{Segment, SegmentContext};
pub use sequence::{MAX_SEQUENCE_DIGITS, MIN_SEQUENCE_DIGITS, Sequence};
pub use shard::{ReadFrom, ReadHorizon, Shard, trimmed};
pub use streams::{Plan, Range, Streams};
