//! Reads the whole log at open, hands every record to the caller, and decides what the log's end means.
//!
//! Segments are read in order of their numbers, each frame is checked once, and memory stays flat whatever the length
//! of the log. The decisions themselves are a table: see [`cases`](super::cases). Reading changes nothing on disk, so a
//! crash during recovery is a crash like any other.
//!
//! What lies behind the last offset that a frame or the manifest vouches for was read, but perhaps from the memory of
//! the operating system only, where it stays readable after a sync that failed; no later sync brings it to the disk.
//! So the next segment begins with those records once more, and takes over from there:
//!
//! ```text
//! last segment   | header | 1 | 2 | 3 | 4 | 5 | zeros        3 says that the file was safe up to the end of 2
//!                                  ^ end, as the manifest will say
//! next segment   | header, takes over | 3 | 4 | 5 |          written and synced, then made known by the manifest
//! ```

use super::{
    bounds::LogBounds,
    recovery_table::{Decision, EndFact, HeaderFact, decide},
    segment::SegmentStats,
};
use crate::{
    canary::canary,
    error::{Error, Result},
    file::{Disk, FileName, NUMBER_LIMIT},
    format::{
        frame::{FrameKind, FrameSeed},
        header::{FILE_HEADER_BYTES, FileHeader, FileMagic, HeaderFault},
        reader::{FrameReader, Rest},
    },
};
use bytes::Bytes;
use std::{
    cmp::Ordering,
    collections::{BTreeSet, VecDeque},
};

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
    /// once the next segment exists: what lies behind them is not part of the log.
    pub ends: Vec<(u64, u64)>,
    /// The records behind the last of the ends, for the next segment to begin with.
    pub taken_over: Vec<(u64, Bytes)>,
    /// The row of the table of cases that decided about the last segment.
    last_case: &'static str,
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
pub fn recover(
    disk: &dyn Disk,
    database_id: u64,
    bounds: &LogBounds,
    apply: &mut dyn FnMut(u64, &Bytes) -> Result<()>,
) -> Result<Recovered> {
    let numbers: BTreeSet<u64> = segment_numbers(disk)?.split_off(&bounds.first_segment);
    let last = numbers.last().copied().unwrap_or(0).max(bounds.reach.0);
    let mut recovered = Recovered {
        next_seqno: 1,
        next_segment: last.max(bounds.first_segment.saturating_sub(1)) + 1,
        segments: Vec::new(),
        ends: Vec::new(),
        taken_over: Vec::new(),
        last_case: "no log",
    };
    let first = if bounds.first_segment > 0 { bounds.first_segment } else { numbers.first().copied().unwrap_or(last) };
    let last_counting = last_counting(disk, bounds, &numbers)?;
    let mut expected = None;
    for number in first.max(1)..=last {
        let segment = Segment {
            disk,
            database_id,
            number,
            recorded_end: bounds.ends.get(&number).copied(),
            safe_to: if number == bounds.reach.0 { bounds.reach.1 } else { 0 },
            is_known: number <= bounds.reach.0,
            is_last: last_counting.is_none_or(|last| number >= last),
            exists: numbers.contains(&number),
        };
        let reading = segment.read(expected, apply)?;
        if reading.header == HeaderFact::Good || expected.is_some() {
            expected = Some(reading.next_seqno);
        }
        recovered.next_seqno = reading.next_seqno;
        segment.judge(reading, &mut recovered)?;
    }
    Ok(recovered)
}

fn segment_numbers(disk: &dyn Disk) -> Result<BTreeSet<u64>> {
    let files = disk.list()?;
    let numbers = files.into_iter().filter_map(|name| match name {
        FileName::Log(number) => Some(number),
        _ => None,
    });
    Ok(numbers.collect())
}

/// The last segment with a header that counts: behind it lie only such that an interrupted opening or creation left.
fn last_counting(disk: &dyn Disk, bounds: &LogBounds, numbers: &BTreeSet<u64>) -> Result<Option<u64>> {
    for number in numbers.iter().rev().copied() {
        let file = disk.open(FileName::Log(number), false)?;
        let bytes = file.read_at(0, header_bytes(file.len()))?;
        let abandoned = |header: FileHeader| header.takes_over && number > bounds.reach.0;
        let counts = FileHeader::decode(FileMagic::Log, &bytes).is_ok_and(|header| !abandoned(header));
        if counts && bounds.ends.get(&number) != Some(&0) {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

fn header_bytes(file_bytes: u64) -> usize {
    usize::try_from(file_bytes).map_or(FILE_HEADER_BYTES, |len| len.min(FILE_HEADER_BYTES))
}

/// A segment that is being read, with what is known before it is opened.
struct Segment<'a> {
    disk: &'a dyn Disk,
    database_id: u64,
    number: u64,
    recorded_end: Option<u64>,
    /// The manifest says that all bytes before were on stable storage.
    safe_to: u64,
    /// The manifest says that the segment was on stable storage.
    is_known: bool,
    is_last: bool,
    exists: bool,
}

/// The facts that reading established.
struct Reading {
    header: HeaderFact,
    end: EndFact,
    /// Where the frames end, or the fault lies.
    offset: u64,
    /// Where the records end: a seal may follow.
    records_end: u64,
    file_bytes: u64,
    first_seqno: u64,
    next_seqno: u64,
    tail: Tail,
}

/// The end of a segment that nothing vouches for.
#[derive(Debug, Default)]
struct Tail {
    /// All bytes before are safe.
    safe_to: u64,
    /// Offset, number and payload of each record from there on.
    records: VecDeque<(u64, u64, Bytes)>,
}

impl Tail {
    fn vouch(&mut self, safe_to: u64) {
        self.safe_to = self.safe_to.max(safe_to);
        while self.records.front().is_some_and(|(offset, ..)| *offset < self.safe_to) {
            self.records.pop_front();
        }
    }
}

impl Segment<'_> {
    /// Applies the segment's records and establishes its facts.
    fn read(&self, expected: Option<u64>, apply: &mut dyn FnMut(u64, &Bytes) -> Result<()>) -> Result<Reading> {
        let next = expected.unwrap_or(1);
        let mut reading = Reading {
            header: HeaderFact::FileMissing,
            end: EndFact::Unread,
            offset: 0,
            records_end: FILE_HEADER_BYTES as u64,
            file_bytes: 0,
            first_seqno: next,
            next_seqno: next,
            tail: Tail { safe_to: self.safe_to, ..Tail::default() },
        };
        if self.recorded_end == Some(0) {
            // Garbage, whether it has been removed already or not.
            reading.header = HeaderFact::Absent;
            reading.end = EndFact::RecordedEnd;
            return Ok(reading);
        }
        if !self.exists {
            return Ok(reading);
        }
        let name = FileName::Log(self.number);
        let file = self.disk.open(name, false)?;
        reading.file_bytes = file.len();
        let header = FileHeader::decode(FileMagic::Log, &file.read_at(0, header_bytes(file.len()))?);
        let seed = FrameSeed::new(FileMagic::Log, self.database_id, self.number);
        let start = if header.is_ok() { FILE_HEADER_BYTES as u64 } else { 0 };
        let mut frames = FrameReader::new(file, seed, start);
        reading.header = match header {
            Err(HeaderFault::Newer) => HeaderFact::Newer,
            Err(HeaderFault::Damaged) if self.is_known => HeaderFact::Damaged,
            Err(HeaderFault::Damaged) if matches!(frames.rest()?, Rest::Vouched(_)) => HeaderFact::Damaged,
            Err(HeaderFault::Damaged) => HeaderFact::Absent,
            Ok(header) if header.database_id != self.database_id => HeaderFact::OtherDatabase,
            Ok(header) if header.number != self.number => HeaderFact::OtherNumber,
            // No log counts that far, and the sums below must not overflow.
            Ok(header) if !(1..NUMBER_LIMIT).contains(&header.detail) => HeaderFact::Damaged,
            Ok(header) if header.takes_over && !self.is_known => HeaderFact::Abandoned,
            Ok(header) if expected.is_some_and(|next| next != header.detail) => HeaderFact::OtherFirstRecord,
            Ok(header) => {
                reading.first_seqno = header.detail;
                reading.next_seqno = header.detail;
                HeaderFact::Good
            }
        };
        if reading.header == HeaderFact::Good {
            reading.end = self.read_frames(&mut frames, &mut reading, apply)?;
            reading.offset = frames.offset();
            if reading.offset < self.safe_to && matches!(reading.end, EndFact::Zeros | EndFact::Unsettled) {
                reading.end = EndFact::Vouched;
            }
        }
        Ok(reading)
    }

    fn read_frames(
        &self,
        frames: &mut FrameReader,
        reading: &mut Reading,
        apply: &mut dyn FnMut(u64, &Bytes) -> Result<()>,
    ) -> Result<EndFact> {
        loop {
            match self.recorded_end.map(|end| frames.offset().cmp(&end)) {
                Some(Ordering::Equal) => return Ok(EndFact::RecordedEnd),
                Some(Ordering::Greater) => return Ok(EndFact::BeforeRecordedEnd),
                Some(Ordering::Less) | None => {}
            }
            let Some(frame) = frames.next_frame()? else {
                break;
            };
            reading.tail.vouch(frame.synced_to);
            if frame.seqno != reading.next_seqno {
                return Ok(EndFact::OutOfOrder);
            }
            if frame.kind == FrameKind::Seal {
                if self.recorded_end.is_some() {
                    return Ok(EndFact::BeforeRecordedEnd);
                }
                let is_clean = frames.rest()? == Rest::Zeros;
                return Ok(if is_clean { EndFact::Sealed } else { EndFact::BytesBehindSeal });
            }
            apply(frame.seqno, &frame.payload)?;
            reading.records_end = frames.offset();
            reading.next_seqno = frame.seqno.saturating_add(1);
            if self.is_last && frame.offset >= reading.tail.safe_to {
                reading.tail.records.push_back((frame.offset, frame.seqno, frame.payload));
            }
        }
        if self.recorded_end.is_some() {
            return Ok(EndFact::BeforeRecordedEnd);
        }
        Ok(match frames.rest()? {
            Rest::Zeros => EndFact::Zeros,
            Rest::Unsettled => EndFact::Unsettled,
            Rest::Vouched(_) => EndFact::Vouched,
        })
    }

    /// Lets the table of cases decide, and takes the segment over or refuses it.
    fn judge(&self, reading: Reading, recovered: &mut Recovered) -> Result<()> {
        let (name, decision) = decide(reading.header, reading.end, self.is_last);
        let file = FileName::Log(self.number);
        match decision {
            Decision::Continue | Decision::EndHere => {}
            Decision::Damaged(what) => return Err(Error::corrupt(file, reading.offset, what)),
            Decision::Refuse(what) => {
                let text = format!("cannot read file {file}: {what}");
                return Err(Error::incompatible(text));
            }
        }
        let mut last_seqno = reading.next_seqno.saturating_sub(1);
        let mut counts = self.recorded_end != Some(0);
        if self.is_last && self.recorded_end.is_none() {
            // Also a sealed one: its seal may be in the operating system's memory only. So may a header that neither a
            // frame nor the manifest vouches for, and then nothing of the segment counts.
            let is_safe = reading.tail.safe_to >= FILE_HEADER_BYTES as u64;
            let end = if is_safe { reading.tail.safe_to.min(reading.records_end) } else { 0 };
            // Nor does a segment that holds nothing, unless its header is all that still says the next number.
            counts = end > FILE_HEADER_BYTES as u64 || (is_safe && recovered.segments.is_empty());
            recovered.ends.push((self.number, if counts { end } else { 0 }));
            let records = reading.tail.records.into_iter().map(|(_, seqno, payload)| (seqno, payload));
            if !canary!(ForgottenTakeOver) {
                recovered.taken_over.extend(records);
            }
            if let Some((first, _)) = recovered.taken_over.first() {
                last_seqno = last_seqno.min(first - 1);
            }
        }
        recovered.last_case = name;
        if counts {
            recovered.segments.push(SegmentStats {
                number: self.number,
                first_seqno: reading.first_seqno,
                last_seqno,
                bytes: reading.file_bytes,
            });
        }
        Ok(())
    }
}
