//! Reads the records of a log in their order: all of them, or from one commit up to another or to an instant.
//!
//! A reader touches files only, neither memtables nor the manifest, and changes nothing. Segments are read in the order of
//! their numbers, each frame is checked once, and memory stays flat whatever the length of the log. Recovery reads the
//! whole log in this way; a reader that begins at a commit skips the segments that end before it. Beside a writer, read up
//! to a commit that is durable: what is behind it may be on its way.

use super::{
    bounds::LogBounds,
    record::CommitRef,
    recovery::Recovered,
    recovery_table::HeaderFact,
    segment::SegmentStats,
    segment_reader::{OpenSegment, Opened, Segment, first_bytes},
};
use crate::{
    error::{Error, Result},
    file::{Disk, FileName},
    format::{header::FileMagic, protection::Protection},
};
use bytes::Bytes;
use std::{collections::BTreeSet, ops::Range};

/// Where a reader of the log stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadUntil {
    /// Behind the last record.
    #[default]
    End,
    /// Behind the record with this number.
    Commit(u64),
    /// Before the first commit that was logged later than this, in milliseconds since 1970, of those that the reader begins
    /// with or comes to. What comes behind that commit is not read either, even if a clock that was set back gave it an earlier time. A change of the schema has no time of
    /// its own and counts as made when the record before it was.
    Time(u64),
}

/// Reads the records of a log, oldest first.
pub struct LogReader<'a> {
    disk: &'a dyn Disk,
    protection: Protection,
    bounds: LogBounds,
    /// Numbers of the files that exist.
    files: BTreeSet<u64>,
    /// Segments that are not read yet.
    segments: Range<u64>,
    /// The last segment with a header that counts.
    last_counting: Option<u64>,
    /// The number that the next segment must begin with, once one was read.
    expected: Option<u64>,
    current: Option<Box<OpenSegment<'a>>>,
    /// First record to be handed out; all, if absent.
    from: Option<u64>,
    until: ReadUntil,
    /// The segment of the last record that was handed out, its first number, and the offset behind the record.
    handed_out: Option<(u64, u64, u64)>,
    recovered: Recovered,
}

impl<'a> LogReader<'a> {
    /// A reader of all records of the segments that `bounds` count in. Errors: disk.
    pub fn new(disk: &'a dyn Disk, protection: &Protection, bounds: &LogBounds) -> Result<Self> {
        let files = segment_numbers(disk)?.split_off(&bounds.first_segment);
        let last = files.last().copied().unwrap_or(0).max(bounds.reach.0);
        let recovered = Recovered {
            next_seqno: 1,
            next_segment: last.max(bounds.first_segment.saturating_sub(1)) + 1,
            segments: Vec::new(),
            ends: Vec::new(),
            taken_over: Vec::new(),
            is_settled: false,
            mark: 0,
            last_case: "no log",
            verdicts: Vec::new(),
        };
        let first =
            if bounds.first_segment > 0 { bounds.first_segment } else { files.first().copied().unwrap_or(last) };
        Ok(Self {
            disk,
            protection: protection.clone(),
            bounds: bounds.clone(),
            last_counting: last_counting(disk, protection, bounds, &files)?,
            files,
            segments: first.max(1)..last.saturating_add(1),
            expected: None,
            current: None,
            from: None,
            until: ReadUntil::End,
            handed_out: None,
            recovered,
        })
    }

    /// Begins with the record of this number, and skips the segments that end before it. Errors: disk.
    pub fn starting_at(mut self, seqno: u64) -> Result<Self> {
        self.from = Some(seqno);
        for number in self.files.iter().rev().copied().filter(|number| self.segments.contains(number)) {
            let file = self.disk.open(FileName::Log(number), false)?;
            let start =
                self.protection.read(FileMagic::Log, &first_bytes(&*file)?, number < self.bounds.encrypted_from);
            let counts = self.bounds.ends.get(&number) != Some(&0);
            if counts && start.is_ok_and(|start| !start.header.takes_over && start.header.detail <= seqno) {
                self.segments.start = number;
                break;
            }
        }
        Ok(self)
    }

    /// Stops there instead of at the end.
    pub fn until(mut self, until: ReadUntil) -> Self {
        self.until = until;
        self
    }

    /// Number and payload of the next record; `None` behind the last one.
    ///
    /// # Errors
    /// `Corrupt` for damage, naming file and offset; `Incompatible` for segments of a newer version; `NotFound` if the record
    /// that the reader was to begin with is not in the log any more; disk. The records before the fault have been handed
    /// out by then.
    pub fn next_record(&mut self) -> Result<Option<(u64, Bytes)>> {
        while let Some((seqno, payload)) = self.next_of_all()? {
            match self.from {
                Some(from) if seqno < from => continue,
                Some(from) if seqno > from => {
                    let text = format!("the log begins at commit {seqno}: commit {from} is not in it any more");
                    return Err(Error::not_found(text));
                }
                _ => self.from = None,
            }
            if self.is_behind(seqno, &payload)? {
                self.stop(seqno);
                return Ok(None);
            }
            if let Some(open) = &self.current {
                self.handed_out = Some((open.segment.number, open.reading.first_seqno, open.reading.records_end));
            }
            if self.until == ReadUntil::Commit(seqno) {
                self.stop(seqno + 1);
            }
            return Ok(Some((seqno, payload)));
        }
        Ok(None)
    }

    fn is_behind(&self, seqno: u64, payload: &[u8]) -> Result<bool> {
        Ok(match self.until {
            ReadUntil::End => false,
            ReadUntil::Commit(last) => seqno > last,
            ReadUntil::Time(millis) => {
                CommitRef::decode(payload)?.is_some_and(|commit| commit.header.at_millis > millis)
            }
        })
    }

    /// Ends before a record. The log that was read ends behind the last one that was handed out: that is what is said of
    /// it, so that what is written behind it follows.
    fn stop(&mut self, next_seqno: u64) {
        let current = self.current.take().map(|open| open.segment.number);
        let cut = self.handed_out.filter(|(segment, ..)| current == Some(*segment));
        if let Some((number, first_seqno, end)) = cut {
            self.recovered.ends.push((number, end));
            let last_seqno = next_seqno.saturating_sub(1);
            self.recovered.segments.push(SegmentStats { number, first_seqno, last_seqno, bytes: end });
        }
        let first_left_out = if cut.is_some() { self.segments.start } else { current.unwrap_or(self.segments.start) };
        let left_out = self.files.range(first_left_out..).map(|number| (*number, 0));
        self.recovered.ends.extend(left_out);
        self.recovered.next_seqno = next_seqno;
        self.segments.start = self.segments.end;
    }

    fn next_of_all(&mut self) -> Result<Option<(u64, Bytes)>> {
        loop {
            if let Some(mut open) = self.current.take() {
                if let Some(record) = open.next_record()? {
                    self.current = Some(open);
                    return Ok(Some(record));
                }
                self.expected = Some(open.reading.next_seqno);
                self.recovered.next_seqno = open.reading.next_seqno;
                open.segment.judge(open.reading, &mut self.recovered)?;
            }
            let Some(number) = self.segments.next() else { return Ok(None) };
            match self.segment(number).open(self.expected)? {
                Opened::Records(open) => self.current = Some(open),
                Opened::Nothing(segment, reading) => {
                    debug_assert_ne!(reading.header, HeaderFact::Good, "such a segment has records to read");
                    self.expected = self.expected.map(|_| reading.next_seqno);
                    self.recovered.next_seqno = reading.next_seqno;
                    segment.judge(*reading, &mut self.recovered)?;
                }
            }
        }
    }

    fn segment(&self, number: u64) -> Segment<'a> {
        let bounds = &self.bounds;
        Segment {
            disk: self.disk,
            protection: self.protection.clone(),
            takes_plain: number < bounds.encrypted_from,
            number,
            known_mark: Some(bounds.mark.1).filter(|_| bounds.mark.0 == number),
            mark_before: self.expected.map(|_| self.recovered.mark),
            recorded_end: bounds.ends.get(&number).copied(),
            safe_to: if number == bounds.reach.0 { bounds.reach.1 } else { 0 },
            is_known: number <= bounds.reach.0,
            is_last: self.last_counting.is_none_or(|last| number >= last),
            exists: self.files.contains(&number),
        }
    }

    /// What the log means for the next segment, once all of it was read.
    pub(super) fn into_recovered(self) -> Recovered {
        self.recovered
    }
}

fn segment_numbers(disk: &dyn Disk) -> Result<BTreeSet<u64>> {
    let files = disk.list()?;
    let numbers = files.into_iter().filter_map(|name| match name {
        FileName::Log(number) => Some(number),
        _ => None,
    });
    Ok(numbers.collect())
}

/// The last segment with a header that counts: behind it are only such that an interrupted opening or creation left.
fn last_counting(
    disk: &dyn Disk,
    protection: &Protection,
    bounds: &LogBounds,
    numbers: &BTreeSet<u64>,
) -> Result<Option<u64>> {
    for number in numbers.iter().rev().copied() {
        let file = disk.open(FileName::Log(number), false)?;
        let start = protection.read(FileMagic::Log, &first_bytes(&*file)?, number < bounds.encrypted_from);
        let counts = start.is_ok_and(|start| !start.header.takes_over || number <= bounds.reach.0);
        if counts && bounds.ends.get(&number) != Some(&0) {
            return Ok(Some(number));
        }
    }
    Ok(None)
}
