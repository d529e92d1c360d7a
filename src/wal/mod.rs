//! The write-ahead log: every change of a database is one record in it, and everything else is derived from it.
//!
//! Records are bytes in [frames](crate::format::frame), frames are in [segments](segment) of a fixed size, and a record is found by
//! its sequence number, which grows by one from record to record. [`Wal`] appends and makes durable, a
//! [`LogReader`] reads back, [`recover_until`] does at open, [`record`] says what the bytes of a record mean. This room knows bytes and changes, no partitions.
//!
//! Imports: canary, sync, error, clock, observe, visible, file, format, schema.

mod adaptive_spin;
mod bounds;
mod frame_buffer;
mod group_commit;
mod leader;
mod log_cursor;
mod log_reader;
pub mod record;
mod record_sink;
mod recovery;
mod recovery_table;
mod segment;
mod segment_reader;
mod spares;
mod tail;
mod writer;

#[cfg(test)]
mod log_reader_tests;
#[cfg(test)]
mod recovery_damage_tests;
#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod spares_tests;
#[cfg(test)]
mod writer_tests;

pub use bounds::LogBounds;
pub use frame_buffer::RecordBuffer;
pub use log_cursor::{DurablePart, LogCursor};
pub use log_reader::{LogReader, ReadUntil};
#[cfg(any(test, feature = "fuzzing"))]
pub use recovery::recover;
pub use recovery::{Recovered, SegmentVerdict, recover_until};
pub use segment::SegmentStats;
pub use writer::{Wal, WalOptions};
