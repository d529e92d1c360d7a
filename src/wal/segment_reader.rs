//! One segment of the log that is being read: its records, and the facts about its header and its end that decide what it
//! means.

use super::{
    recovery::{Recovered, SegmentVerdict},
    recovery_table::{Decision, EndFact, HeaderFact, decide},
    segment::SegmentStats,
};
use crate::{
    canary::canary,
    error::{Error, Result},
    file::{Disk, FileName, NUMBER_LIMIT, ReadableFile},
    format::{
        frame::FrameKind,
        frame_protection::FrameProtection,
        header::{FILE_HEADER_BYTES, FileMagic, HeaderFault, is_spare},
        protection::{FileStart, MAX_HEADER_BYTES, Protection},
        reader::{FrameReader, Rest},
    },
};
use bytes::Bytes;
use std::{cmp::Ordering, collections::VecDeque};

/// As many bytes of a file as its header may have, or all that there are.
pub(super) fn first_bytes(file: &dyn ReadableFile) -> Result<Bytes> {
    file.read_at(0, usize::try_from(file.len()).map_or(MAX_HEADER_BYTES, |len| len.min(MAX_HEADER_BYTES)))
}

/// A segment that is being read, with what is known before it is opened.
pub(super) struct Segment<'a> {
    pub disk: &'a dyn Disk,
    pub protection: Protection,
    /// Whether it may be unencrypted in an encrypted database.
    pub takes_plain: bool,
    pub number: u64,
    /// The mark that the manifest knows it by, if it does.
    pub known_mark: Option<u64>,
    /// The mark of the segment before, if that was read.
    pub mark_before: Option<u64>,
    pub recorded_end: Option<u64>,
    /// The manifest says that all bytes before were on stable storage.
    pub safe_to: u64,
    /// The manifest says that the segment was on stable storage.
    pub is_known: bool,
    pub is_last: bool,
    pub exists: bool,
}

/// Whether a frame was written behind a header that cannot be read, whether the file was a segment before or not.
fn has_voucher(frames: &mut FrameReader) -> Result<bool> {
    let is_new = matches!(frames.rest()?, Rest::Vouched(_));
    frames.set_tagged(true);
    Ok(is_new || matches!(frames.rest()?, Rest::Vouched(_)))
}

/// The facts that reading established.
pub(super) struct Reading {
    pub header: HeaderFact,
    end: EndFact,
    /// Whether the file was a segment before.
    is_reused: bool,
    /// By which other files know the segment.
    mark: u64,
    /// Where the frames begin.
    header_bytes: u64,
    /// Where the frames end, or the fault is.
    offset: u64,
    /// Where the records end: a seal may follow.
    pub records_end: u64,
    file_bytes: u64,
    pub first_seqno: u64,
    pub next_seqno: u64,
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

/// A segment with a good header, between two of its records.
pub(super) struct OpenSegment<'a> {
    pub segment: Segment<'a>,
    frames: FrameReader,
    pub reading: Reading,
}

/// What a segment turned out to be when it was opened.
pub(super) enum Opened<'a> {
    /// It has records to read.
    Records(Box<OpenSegment<'a>>),
    /// It has none, for the reason that the facts tell.
    Nothing(Segment<'a>, Box<Reading>),
}

impl<'a> Segment<'a> {
    /// Opens the segment; `expected` is the number that its first record must have, where that is known.
    pub fn open(self, expected: Option<u64>) -> Result<Opened<'a>> {
        let next = expected.unwrap_or(1);
        let mut reading = Reading {
            header: HeaderFact::FileMissing,
            end: EndFact::Unread,
            is_reused: false,
            mark: 0,
            header_bytes: FILE_HEADER_BYTES as u64,
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
            return Ok(Opened::Nothing(self, Box::new(reading)));
        }
        if !self.exists {
            return Ok(Opened::Nothing(self, Box::new(reading)));
        }
        let file = self.disk.open(FileName::Log(self.number), false)?;
        reading.file_bytes = file.len();
        let first = first_bytes(&*file)?;
        let start = self.protection.read(FileMagic::Log, &first, self.takes_plain);
        let database_id = self.protection.database_id();
        let protection = start.as_ref().map(FileStart::protection);
        let protection =
            protection.unwrap_or_else(|_| FrameProtection::of_checksums(FileMagic::Log, database_id, self.number));
        let begin = start.as_ref().map_or(0, |start| start.bytes);
        let mut frames = FrameReader::new(file, protection, begin);
        reading.mark = start.as_ref().map_or(0, FileStart::mark);
        let is_known_otherwise = self.known_mark.is_some_and(|known| known != reading.mark);
        reading.header_bytes = begin;
        reading.records_end = begin;
        reading.header = match start.map(|start| start.header) {
            Err(HeaderFault::Newer) => HeaderFact::Newer,
            Err(HeaderFault::Locked) => HeaderFact::Locked,
            Err(HeaderFault::Plain) => HeaderFact::Plain,
            Err(HeaderFault::Forged) => HeaderFact::Forged,
            Err(HeaderFault::Damaged) if self.is_known => HeaderFact::Damaged,
            Err(HeaderFault::Damaged) if is_spare(&first) => HeaderFact::Absent,
            Err(HeaderFault::Damaged) if has_voucher(&mut frames)? => HeaderFact::Damaged,
            Err(HeaderFault::Damaged) => HeaderFact::Absent,
            Ok(header) if header.database_id != database_id => HeaderFact::OtherDatabase,
            Ok(header) if header.number != self.number => HeaderFact::OtherNumber,
            // No log counts that far, and the sums below must not overflow.
            Ok(header) if !(1..NUMBER_LIMIT).contains(&header.detail) => HeaderFact::Damaged,
            Ok(_) if is_known_otherwise => HeaderFact::Exchanged,
            Ok(header) if header.takes_over && !self.is_known => HeaderFact::Abandoned,
            Ok(header) if expected.is_some_and(|next| next != header.detail) => HeaderFact::OtherFirstRecord,
            Ok(header) if self.mark_before.is_some_and(|before| before != header.mark) => HeaderFact::Exchanged,
            Ok(header) => {
                reading.is_reused = header.is_reused;
                reading.first_seqno = header.detail;
                reading.next_seqno = header.detail;
                HeaderFact::Good
            }
        };
        if reading.header == HeaderFact::Good {
            return Ok(Opened::Records(Box::new(OpenSegment { segment: self, frames, reading })));
        }
        Ok(Opened::Nothing(self, Box::new(reading)))
    }

    /// Lets the table of cases decide, and takes the segment over or rejects it.
    pub fn judge(&self, reading: Reading, recovered: &mut Recovered) -> Result<()> {
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
            let is_safe = reading.tail.safe_to >= reading.header_bytes.max(FILE_HEADER_BYTES as u64);
            let end = if is_safe { reading.tail.safe_to.min(reading.records_end) } else { 0 };
            // Nor does a segment that holds nothing, unless its header is all that still says the next number.
            counts =
                end > reading.header_bytes.max(FILE_HEADER_BYTES as u64) || (is_safe && recovered.segments.is_empty());
            recovered.ends.push((self.number, if counts { end } else { 0 }));
            let records = reading.tail.records.into_iter().map(|(_, seqno, payload)| (seqno, payload));
            if !canary!(ForgottenTakeOver) {
                recovered.taken_over.extend(records);
            }
            if let Some((first, _)) = recovered.taken_over.first() {
                last_seqno = last_seqno.min(first - 1);
            }
        }
        let is_end = self.is_last && self.recorded_end.is_none();
        recovered.is_settled = is_end && reading.end == EndFact::Sealed && reading.file_bytes <= self.safe_to;
        recovered.last_case = name;
        recovered.verdicts.push(SegmentVerdict {
            segment: self.number,
            case: name,
            records: reading.next_seqno.saturating_sub(reading.first_seqno),
            bytes: reading.file_bytes,
            records_end: reading.records_end,
        });
        if counts {
            recovered.mark = reading.mark;
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

impl OpenSegment<'_> {
    /// The next record; `None` at the end of the segment, whose facts are complete then.
    pub fn next_record(&mut self) -> Result<Option<(u64, Bytes)>> {
        let end = match self.next_or_end()? {
            Ok(record) => return Ok(Some(record)),
            Err(end) => end,
        };
        let is_open = matches!(end, EndFact::Zeros | EndFact::Unsettled | EndFact::OldBytes);
        self.reading.offset = self.frames.offset();
        let is_cut = self.reading.offset < self.segment.safe_to && is_open;
        self.reading.end = if is_cut { EndFact::Vouched } else { end };
        Ok(None)
    }

    fn next_or_end(&mut self) -> Result<std::result::Result<(u64, Bytes), EndFact>> {
        let Self { segment, frames, reading } = self;
        match segment.recorded_end.map(|end| frames.offset().cmp(&end)) {
            Some(Ordering::Equal) => return Ok(Err(EndFact::RecordedEnd)),
            Some(Ordering::Greater) => return Ok(Err(EndFact::BeforeRecordedEnd)),
            Some(Ordering::Less) | None => {}
        }
        let Some(frame) = frames.next_frame()? else {
            if segment.recorded_end.is_some() {
                return Ok(Err(EndFact::BeforeRecordedEnd));
            }
            return Ok(Err(match frames.rest()? {
                Rest::Zeros => EndFact::Zeros,
                Rest::Unsettled if reading.is_reused => EndFact::OldBytes,
                Rest::Unsettled => EndFact::Unsettled,
                Rest::Vouched(_) => EndFact::Vouched,
            }));
        };
        reading.tail.vouch(frame.synced_to);
        if frame.seqno != reading.next_seqno {
            return Ok(Err(EndFact::OutOfOrder));
        }
        if frame.kind == FrameKind::Seal {
            if segment.recorded_end.is_some() {
                return Ok(Err(EndFact::BeforeRecordedEnd));
            }
            let is_clean = match frames.rest()? {
                Rest::Zeros => true,
                Rest::Unsettled => reading.is_reused,
                Rest::Vouched(_) => false,
            };
            return Ok(Err(if is_clean { EndFact::Sealed } else { EndFact::BytesBehindSeal }));
        }
        reading.records_end = frames.offset();
        reading.next_seqno = frame.seqno.saturating_add(1);
        if segment.is_last && frame.offset >= reading.tail.safe_to {
            reading.tail.records.push_back((frame.offset, frame.seqno, frame.payload.clone()));
        }
        Ok(Ok((frame.seqno, frame.payload)))
    }
}
