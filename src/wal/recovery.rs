//! Reads the whole log at open, hands every record to the caller, and decides what the log's end means.
//!
//! Segments are read in order of their numbers, each frame is checked once, and memory stays flat whatever the length
//! of the log. The decisions themselves are a table: see [`cases`](super::cases). Reading changes nothing on disk, so a
//! crash during recovery is a crash like any other.

use super::{
    cases::{Decision, EndFact, HeaderFact, decide},
    frame::{FrameKind, FrameSeed},
    header::{FILE_HEADER_BYTES, FileHeader, FileMagic, HeaderFault},
    reader::{FrameReader, Rest},
    segment::SegmentInfo,
};
use crate::{
    error::{Error, ErrorKind, Result},
    file::{Disk, FileName},
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What recovery found.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// Number for the next record, as far as the log knows: 1 if it holds none. The caller raises it above every number
    /// that it has flushed.
    pub next_seqno: u64,
    /// Number for the next segment.
    pub next_segment: u64,
    /// All segments, oldest first.
    pub segments: Vec<SegmentInfo>,
    /// The segment without a seal at which the log ends, and where its records end. Its bytes may be in the operating
    /// system's memory only, so it is handed out by [`Recovered::settle`].
    unsealed: Option<(u64, u64)>,
    /// The row of the table of cases that decided about the last segment.
    last_case: &'static str,
}

impl Recovered {
    /// If the log ends without a seal, makes what was read durable and returns (segment, offset at which its records
    /// end). The caller must record that pair durably before the next segment is created, and give it to every later
    /// recovery: what lies behind that offset is not part of the log.
    pub fn settle(&self, disk: &dyn Disk) -> Result<Option<(u64, u64)>> {
        if let Some((segment, _)) = self.unsealed {
            disk.sync_file(FileName::Log(segment))?;
            disk.sync_directory()?;
        }
        Ok(self.unsealed)
    }

    /// How the log ended, in words.
    #[cfg(test)]
    pub fn ending(&self) -> &'static str {
        self.last_case
    }
}

/// Reads all segments from number `from_segment` on (0: from the lowest there is) and calls `apply` with the number and
/// payload of each record, in order. `log_ends` are the ends recorded after earlier recoveries, by segment.
///
/// # Errors
/// `Corrupt` for damage, naming file and offset; `Incompatible` for segments of a newer version; what reading or
/// `apply` returns. Records before the fault have been applied by then.
pub fn recover(
    disk: &dyn Disk,
    database_id: u64,
    log_ends: &BTreeMap<u64, u64>,
    from_segment: u64,
    apply: &mut dyn FnMut(u64, &Bytes) -> Result<()>,
) -> Result<Recovered> {
    let numbers = segment_numbers(disk)?;
    let live = numbers.range(from_segment..);
    let highest = live.clone().next_back().copied();
    // A recorded end proves that its segment existed: the segment after it may be the one that is missing.
    let highest_known = highest.max(log_ends.keys().next_back().copied().filter(|end| *end >= from_segment));
    let mut recovered = Recovered {
        next_seqno: 1,
        next_segment: highest_known.map_or(from_segment, |highest| highest + 1).max(1),
        segments: Vec::new(),
        unsealed: None,
        last_case: "no log",
    };
    let (Some(first), Some(last)) = (live.clone().next().copied(), highest_known) else {
        return Ok(recovered);
    };
    let first = if from_segment == 0 { first } else { from_segment };
    let mut expected = None;
    for number in first..=last {
        let segment = Segment {
            disk,
            database_id,
            number,
            recorded_end: log_ends.get(&number).copied(),
            is_last: number == last,
            exists: numbers.contains(&number),
        };
        let reading = segment.read(expected, apply)?;
        segment.judge(&reading, &mut recovered)?;
        if reading.header == HeaderFact::Good || expected.is_some() {
            expected = Some(reading.next_seqno);
        }
        recovered.next_seqno = reading.next_seqno;
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

/// A segment that is being read, with what is known before it is opened.
struct Segment<'a> {
    disk: &'a dyn Disk,
    database_id: u64,
    number: u64,
    recorded_end: Option<u64>,
    is_last: bool,
    exists: bool,
}

/// The facts that reading established.
struct Reading {
    header: HeaderFact,
    end: EndFact,
    /// Where the records end, or the fault lies.
    offset: u64,
    file_bytes: u64,
    first_seqno: u64,
    next_seqno: u64,
}

impl Segment<'_> {
    /// Applies the segment's records and establishes its facts.
    fn read(&self, expected: Option<u64>, apply: &mut dyn FnMut(u64, &Bytes) -> Result<()>) -> Result<Reading> {
        let next = expected.unwrap_or(1);
        let mut reading = Reading {
            header: HeaderFact::FileMissing,
            end: EndFact::Unread,
            offset: 0,
            file_bytes: 0,
            first_seqno: next,
            next_seqno: next,
        };
        if !self.exists {
            return Ok(reading);
        }
        let name = FileName::Log(self.number);
        let file = self.disk.open(name, false)?;
        reading.file_bytes = file.len();
        if self.recorded_end == Some(0) {
            reading.header = HeaderFact::Absent;
            reading.end = EndFact::RecordedEnd;
            return Ok(reading);
        }
        let header_bytes = usize::try_from(file.len()).map_or(FILE_HEADER_BYTES, |len| len.min(FILE_HEADER_BYTES));
        let header = FileHeader::decode(FileMagic::Log, &file.read_at(0, header_bytes)?);
        let seed = FrameSeed::new(FileMagic::Log, self.database_id, self.number);
        let start = if header.is_ok() { FILE_HEADER_BYTES as u64 } else { 0 };
        let mut frames = FrameReader::new(file, seed, start);
        reading.header = match header {
            Err(HeaderFault::Newer) => HeaderFact::Newer,
            Err(HeaderFault::Damaged) if matches!(frames.rest()?, Rest::Vouched(_)) => HeaderFact::Damaged,
            Err(HeaderFault::Damaged) => HeaderFact::Absent,
            Ok(header) if header.database_id != self.database_id => HeaderFact::OtherDatabase,
            Ok(header) if header.number != self.number => HeaderFact::OtherNumber,
            Ok(header) if expected.is_some_and(|next| next != header.detail) => HeaderFact::OtherFirstRecord,
            Ok(header) => {
                reading.first_seqno = header.detail;
                reading.next_seqno = header.detail;
                HeaderFact::Good
            }
        };
        if reading.header == HeaderFact::Good {
            reading.end = self.read_frames(&mut frames, &mut reading.next_seqno, apply)?;
            reading.offset = frames.offset();
        }
        Ok(reading)
    }

    fn read_frames(
        &self,
        frames: &mut FrameReader,
        next_seqno: &mut u64,
        apply: &mut dyn FnMut(u64, &Bytes) -> Result<()>,
    ) -> Result<EndFact> {
        loop {
            match self.recorded_end {
                Some(end) if frames.offset() == end => return Ok(EndFact::RecordedEnd),
                Some(end) if frames.offset() > end => return Ok(EndFact::BeforeRecordedEnd),
                _ => {}
            }
            let Some(frame) = frames.next_frame()? else {
                break;
            };
            if frame.seqno != *next_seqno {
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
            *next_seqno = frame.seqno.saturating_add(1);
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
    fn judge(&self, reading: &Reading, recovered: &mut Recovered) -> Result<()> {
        let (name, decision) = decide(reading.header, reading.end, self.is_last);
        let file = FileName::Log(self.number);
        match decision {
            Decision::Continue => {}
            Decision::EndHere => recovered.unsealed = Some((self.number, reading.offset)),
            Decision::Damaged(what) => return Err(Error::corrupt(file, reading.offset, what)),
            Decision::Refuse(what) => {
                let text = format!("cannot read file {file}: {what}");
                return Err(Error::new(ErrorKind::Incompatible, "InternalServerError", text));
            }
        }
        recovered.last_case = name;
        recovered.segments.push(SegmentInfo {
            number: self.number,
            first_seqno: reading.first_seqno,
            last_seqno: reading.next_seqno.saturating_sub(1),
            bytes: reading.file_bytes,
        });
        Ok(())
    }
}
