//! Recovery: reads the whole log at open with a [`LogReader`], hands every record to the caller, and says what the end of
//! the log means for the next segment.
//!
//! What a segment means is decided by a table, see [`recovery_table`](super::recovery_table). Reading changes nothing on
//! disk, so a crash during recovery is a crash like any other.
//!
//! What is behind the last offset that a frame or the manifest vouches for was read, but perhaps from the memory of
//! the operating system only, where it stays readable after a sync that failed; no later sync brings it to the disk.
//! So the next segment begins with those records once more, and takes over from there:
//!
//! ```text
//! last segment   | header | 1 | 2 | 3 | 4 | 5 | zeros        3 says that the file was safe up to the end of 2
//!                                  ^ end, as the manifest will say
//! next segment   | header, takes over | 3 | 4 | 5 |          written and synced, then made known by the manifest
//! ```

use super::{LogReader, ReadUntil, bounds::LogBounds, segment::SegmentStats};
use crate::{error::Result, file::Disk, format::protection::Protection};
use bytes::Bytes;

/// What recovery found.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// Number for the next record, as far as the log knows: 1 if it holds none. The caller raises it above every number
    /// that it has flushed.
    pub next_seqno: u64,
    /// Number for the next segment.
    pub next_segment: u64,
    /// All segments that count, oldest first.
    pub segments: Vec<SegmentStats>,
    /// Ends of segments (number, offset) to be made known to every later recovery, together with the reach of the log,
    /// once the next segment exists: what is behind them is not part of the log.
    pub ends: Vec<(u64, u64)>,
    /// The records behind the last of the ends, for the next segment to begin with.
    pub taken_over: Vec<(u64, Bytes)>,
    /// All that was read is durable: the log was sealed, and the manifest knows that it reaches to the end of the seal.
    pub is_settled: bool,
    /// The mark of the last segment that counts, which the next one names; 0 if it is not encrypted or there is none.
    pub mark: u64,
    /// The row of the table of cases that decided about the last segment.
    pub(super) last_case: &'static str,
    /// What was decided about each segment, oldest first.
    pub verdicts: Vec<SegmentVerdict>,
}

/// What recovery decided about one segment of the log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SegmentVerdict {
    /// Number of the segment.
    pub segment: u64,
    /// The row of recovery's table of cases, such as `sealed`, `clean end` or `torn tail`.
    pub case: &'static str,
    /// Records that were read.
    pub records: u64,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Where the readable records end: an offset in the file. Bytes behind it are reserved space, or the torn end of a write
    /// that was never acknowledged.
    pub records_end: u64,
}

impl Recovered {
    /// How the log ended, in words.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn ending(&self) -> &'static str {
        self.last_case
    }
}

/// Reads all segments that `bounds` count in and calls `apply` with the number and payload of each record, in order.
///
/// # Errors
/// `Corrupt` for damage, naming file and offset; `Incompatible` for segments of a newer version; what reading or
/// `apply` returns. Records before the fault have been applied by then.
#[cfg(any(test, feature = "fuzzing"))]
pub fn recover(
    disk: &dyn Disk,
    protection: &Protection,
    bounds: &LogBounds,
    apply: &mut dyn FnMut(u64, &Bytes) -> Result<()>,
) -> Result<Recovered> {
    recover_until(disk, protection, bounds, ReadUntil::End, apply)
}

/// Reads the segments that `bounds` count in up to a record and calls `apply` with the number and payload of each, in order.
/// What is behind that record is found to be no part of the log.
///
/// # Errors
/// `Corrupt` for damage, naming file and offset; `Incompatible` for segments of a newer version; what reading or
/// `apply` returns. Records before the fault have been applied by then.
pub fn recover_until(
    disk: &dyn Disk,
    protection: &Protection,
    bounds: &LogBounds,
    until: ReadUntil,
    apply: &mut dyn FnMut(u64, &Bytes) -> Result<()>,
) -> Result<Recovered> {
    let mut reader = LogReader::new(disk, protection, bounds)?.until(until);
    while let Some((seqno, payload)) = reader.next_record()? {
        apply(seqno, &payload)?;
    }
    Ok(reader.into_recovered())
}
