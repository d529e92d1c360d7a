//! Segments that are written over former ones: what is read is what was written last, after a power failure at any moment too.

use super::{
    LogBounds, Recovered, Wal, recover,
    recovery_tests::{DATABASE_ID, change, options},
};
use crate::{
    error::{Error, ErrorKind, Result},
    file::{Disk, FileName, Operation, RealDisk, SimulatedDisk, TakeOver},
    format::{
        frame::{self, FRAME_HEADER_BYTES, FrameKind},
        header::{FILE_HEADER_BYTES, FileHeader, FileMagic, spare_header},
        protection::Protection,
    },
};
use std::{collections::BTreeMap, sync::Arc};

const SEGMENT: u64 = 4096;

/// A log, what was written to it, and what the manifest of its database would know.
struct Bench {
    disk: SimulatedDisk,
    wal: Wal,
    written: BTreeMap<u64, Vec<u8>>,
    synced: u64,
    bounds: LogBounds,
}

impl Bench {
    fn new(disk: SimulatedDisk) -> Result<Self> {
        let wal = Wal::create(Arc::new(disk.clone()), options(SEGMENT, 1, 1))?;
        let bounds = LogBounds { first_segment: 1, ..LogBounds::default() };
        Ok(Self { disk, wal, written: BTreeMap::new(), synced: 0, bounds })
    }
    fn put(&mut self, len: usize, syncs: bool) -> Result<()> {
        let next = self.wal.last_seqno() + 1;
        let payload: Vec<u8> = (0..len).map(|at| (at as u64 * 7 + next * 31) as u8).collect();
        self.written.insert(next, payload.clone());
        let seqno = self.wal.append(&payload)?;
        self.wal.applied(seqno);
        if syncs {
            self.wal.sync(seqno)?;
            self.synced = seqno;
        } else {
            self.wal.flush_to_os(seqno)?;
        }
        Ok(())
    }
    /// Gives up all segments but the last.
    fn trim(&mut self) -> Result<()> {
        let last = *self.wal.segments().last().unwrap();
        self.bounds.begin_at(last.number);
        self.wal.trim_before(last.number, &|_| true).map(drop)
    }
    /// Writes so many segments.
    fn fill(&mut self, segments: usize, len: usize) -> Result<()> {
        let until = self.wal.segments().last().unwrap().number + segments as u64;
        while self.wal.segments().last().unwrap().number < until {
            self.put(len, false)?;
        }
        Ok(())
    }
    /// A log whose last segment is in the file of a former one, with bytes of that behind its end.
    fn reused() -> Self {
        let mut bench = Self::new(SimulatedDisk::new(0)).unwrap();
        bench.fill(3, 90).unwrap();
        bench.trim().unwrap();
        bench.fill(1, 70).unwrap();
        for _ in 0..3 {
            bench.put(100, true).unwrap();
        }
        bench
    }
    fn last(&self) -> u64 {
        self.wal.segments().last().unwrap().number
    }
}

type Records = BTreeMap<u64, Vec<u8>>;

fn read(disk: &dyn Disk, bounds: &LogBounds) -> Result<(Records, &'static str)> {
    recovered(disk, bounds).map(|(records, recovered)| (records, recovered.ending()))
}

fn recovered(disk: &dyn Disk, bounds: &LogBounds) -> Result<(Records, Recovered)> {
    let mut records = Records::new();
    let recovered = recover(disk, &Protection::plain(DATABASE_ID), bounds, &mut |seqno, payload| {
        records.insert(seqno, payload.to_vec());
        Ok(())
    })?;
    Ok((records, recovered))
}

fn is_reused(disk: &SimulatedDisk, segment: u64) -> bool {
    let bytes = disk.contents(FileName::Log(segment)).unwrap();
    FileHeader::decode(FileMagic::Log, &bytes).unwrap().is_reused
}

fn spares(disk: &dyn Disk) -> usize {
    disk.list().unwrap().iter().filter(|name| matches!(name, FileName::Spare(_))).count()
}

#[test]
fn a_segment_is_written_over_a_former_one() {
    let mut bench = Bench::new(SimulatedDisk::new(0)).unwrap();
    bench.fill(3, 90).unwrap();
    let created = bench.disk.count(Operation::Create);
    for _ in 0..5 {
        bench.trim().unwrap();
        assert!(spares(&bench.disk) >= 2 && bench.wal.spare_bytes() > SEGMENT);
        bench.fill(2, 70).unwrap();
        assert!(is_reused(&bench.disk, bench.last()));
        let (records, ending) = read(&bench.disk, &bench.bounds).unwrap();
        assert_eq!(ending, "end before old bytes");
        assert!(records.iter().eq(bench.written.range(records.keys().next().unwrap()..)));
        assert_eq!(records.keys().last(), bench.written.keys().last());
    }
    assert_eq!(bench.disk.count(Operation::Create), created, "no file was made any more");
    bench.wal.close().unwrap();
    assert_eq!((spares(&bench.disk), bench.wal.spare_bytes()), (0, 0));
    assert_eq!(read(&bench.disk, &bench.bounds).unwrap().1, "sealed");
}

#[test]
fn few_files_are_kept_and_none_that_something_else_has() {
    let mut bench = Bench::new(SimulatedDisk::new(0)).unwrap();
    bench.fill(9, 90).unwrap();
    let reader = bench.disk.open(FileName::Log(2), false).unwrap();
    bench.trim().unwrap();
    let kept = [1, 3, 4, 5].map(FileName::Spare);
    assert!(bench.disk.list().unwrap().ends_with(&kept), "{:?}", bench.disk.list());
    assert!(reader.read_at(0, 8).unwrap().starts_with(b"hrLOG"), "a reader keeps what it opened");
    assert!(bench.wal.remove_spares() > 3 * SEGMENT);
    assert_eq!(spares(&bench.disk), 0);
    bench.fill(2, 90).unwrap();
    assert!(!is_reused(&bench.disk, bench.last()));
    // The disk is full, or nearly: the space is given back.
    bench.disk.set_capacity(Some(1 << 20));
    bench.trim().unwrap();
    assert_eq!(spares(&bench.disk), 0);
    // A former session may have left segments that are not encrypted, or of any length.
    bench.disk.set_capacity(None);
    let older = bench.wal.segments();
    let number = bench.last() + 1;
    bench.wal.close().unwrap();
    let after = options(SEGMENT, number, bench.wal.last_seqno() + 1);
    let wal = Wal::create(Arc::new(bench.disk.clone()), super::WalOptions { older_segments: older, ..after }).unwrap();
    assert!(wal.trim_before(u64::MAX, &|_| true).unwrap() > 0);
    assert_eq!(spares(&bench.disk), 0);
}

#[cfg(unix)]
#[test]
fn a_file_with_a_second_name_is_not_written_over() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk = Arc::new(RealDisk::open(folder.path(), true).unwrap());
    let wal = Wal::create(disk.clone(), options(SEGMENT, 1, 1)).unwrap();
    let fill = |payload: u8, until: usize| {
        while wal.segments().len() < until {
            let seqno = wal.append(&[payload; 90]).unwrap();
            wal.flush_to_os(seqno).unwrap();
        }
    };
    fill(1, 4);
    // Where the file system has them, these are hard links.
    let other = RealDisk::open(other.path(), true).unwrap();
    let bytes = |name| {
        let file = other.open(name, false).unwrap();
        file.read_at(0, file.len() as usize).unwrap()
    };
    other.take_over(&*disk, FileName::Log(1), None).unwrap();
    let before = bytes(FileName::Log(1));
    wal.trim_before(wal.segments()[3].number, &|_| true).unwrap();
    assert_eq!(spares(&*disk), 2);
    // One that gets a second name later neither.
    other.take_over(&*disk, FileName::Spare(3), None).unwrap();
    let spare_before = bytes(FileName::Spare(3));
    fill(2, 4);
    wal.sync_all().unwrap();
    assert!(bytes(FileName::Log(1)) == before && bytes(FileName::Spare(3)) == spare_before);
    assert_eq!(spares(&*disk), 0, "the other one was used");
    let first = wal.segments()[0].number;
    let (records, _) = read(&*disk, &LogBounds { first_segment: first, ..LogBounds::default() }).unwrap();
    assert_eq!(records.keys().last(), Some(&wal.last_seqno()));
}

/// Writes, gives up segments and writes over them until the power goes.
fn live(bench: &mut Bench, seed: u64) -> Result<()> {
    for step in 0..400 {
        let draw = xxhash_rust::xxh3::xxh3_64_with_seed(&u64::to_le_bytes(step), seed);
        bench.put((draw >> 16) as usize % 700, draw.is_multiple_of(5))?;
        if step % 40 == 39 {
            bench.trim()?;
        }
    }
    Ok(())
}

#[test]
fn after_a_power_failure_at_any_moment_what_was_synced_is_there_and_nothing_else() {
    let (mut old_bytes, mut reused) = (0, 0);
    for seed in 0..300 {
        let disk = SimulatedDisk::new(seed);
        // Trimming and the begin of segments are where most can go wrong.
        disk.crash_at(300 + seed * 5 % 900);
        let Ok(mut bench) = Bench::new(disk.clone()) else { continue };
        let lived = live(&mut bench, seed);
        assert!(lived.is_ok() || disk.has_crashed());
        for after in 0..4 {
            let disk = disk.crash(seed * 100 + after);
            let read = recovered(&disk, &bench.bounds);
            let (records, recovered) = read.unwrap_or_else(|error| panic!("{seed} {after}: {error}"));
            old_bytes += u32::from(recovered.ending() == "end before old bytes");
            reused += disk.list().unwrap().iter().filter(|name| matches!(name, FileName::Spare(_))).count();
            let from = records.keys().next().copied().unwrap_or(bench.synced + 1);
            assert!(records.iter().eq(bench.written.range(from..).take(records.len())), "{seed} {after}");
            let next = recovered.next_seqno;
            assert!(next > bench.synced, "{seed} {after}: {next} of {}", bench.synced);
            assert!(records.keys().last().is_none_or(|last| last + 1 == next));
        }
    }
    assert!(old_bytes > 100 && reused > 100, "{old_bytes} {reused}");
}

#[test]
fn damage_is_told_from_old_bytes() {
    let bench = Bench::reused();
    let segment = bench.last();
    let end = read(&bench.disk, &bench.bounds).unwrap();
    assert_eq!(end.1, "end before old bytes");
    let frame = (FRAME_HEADER_BYTES + 100) as u64;
    let last_end = bench.wal.durable_end().1;
    // The last record may be torn. The one before was synced, as the last one says.
    let torn = bench.disk.crash(1);
    change(&torn, segment, |bytes| bytes[(last_end - 5) as usize] ^= 1);
    assert_eq!(read(&torn, &bench.bounds).unwrap().0.len(), end.0.len() - 1);
    let damaged = bench.disk.crash(1);
    change(&damaged, segment, |bytes| bytes[(last_end - frame - 5) as usize] ^= 1);
    let error = read(&damaged, &bench.bounds).unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.message().contains("safely stored"), "{error}");
    // So does a frame of the segment of its header.
    let headless = bench.disk.crash(1);
    change(&headless, segment, |bytes| bytes[9] ^= 1);
    let error = read(&headless, &bench.bounds).unwrap_err();
    assert!(error.message().contains("header is unreadable"), "{error}");
    // A header of zeros before old bytes is that of a segment which never began.
    let unbegun = bench.disk.crash(1);
    let former = unbegun.contents(FileName::Log(segment)).unwrap();
    let former = [&[0; 2 * FILE_HEADER_BYTES], &former[2 * FILE_HEADER_BYTES..]].concat();
    unbegun.set_contents(FileName::Log(segment + 1), former);
    assert_eq!(read(&unbegun, &bench.bounds).unwrap().0, end.0);
}

#[test]
fn old_bytes_may_lie_behind_the_seal_of_a_file_that_was_a_segment_before() {
    let bench = Bench::reused();
    let segment = bench.last();
    let before = bench.disk.contents(FileName::Log(segment)).unwrap();
    bench.wal.close().unwrap();
    let sealed = bench.disk.contents(FileName::Log(segment)).unwrap();
    assert!(sealed.len() < before.len(), "what is not written over is cut");
    // A crash may undo the cut.
    change(&bench.disk, segment, |bytes| bytes.extend_from_slice(&before[sealed.len()..]));
    let (records, ending) = read(&bench.disk, &bench.bounds).unwrap();
    assert_eq!((records.keys().last(), ending), (bench.written.keys().last(), "sealed"));
    // But nothing of the segment itself may.
    let again = sealed.slice(sealed.len() - FRAME_HEADER_BYTES..);
    change(&bench.disk, segment, |bytes| {
        let mut frame = again.to_vec();
        let header = FileHeader::decode(FileMagic::Log, bytes).unwrap();
        let mut frames = Protection::plain(DATABASE_ID).begin(&header).unwrap().1;
        frames.stamp(&mut frame, sealed.len() as u64 + 50, sealed.len() as u64 + 1).unwrap();
        bytes[sealed.len() + 50..sealed.len() + 50 + frame.len()].copy_from_slice(&frame);
    });
    let error = read(&bench.disk, &bench.bounds).unwrap_err();
    assert!(error.message().contains("behind the end"), "{error}");
}

/// Values may hold what looks like frames: such bytes are left behind by thousands, and cost an opening nothing.
#[test]
fn old_bytes_made_to_look_like_frames_are_told_by_their_tag() {
    let bench = Bench::reused();
    let segment = bench.last();
    let expected = read(&bench.disk, &bench.bounds).unwrap();
    let mut header = Vec::new();
    frame::begin(&mut header, bench.wal.last_seqno() + 1, FrameKind::Data);
    header[4..8].copy_from_slice(&120_000u32.to_le_bytes());
    header[16..20].copy_from_slice(&(bench.wal.durable_end().1 as u32 + 1).to_le_bytes());
    let end = bench.wal.durable_end().1 as usize;
    change(&bench.disk, segment, |bytes| {
        bytes.truncate(end);
        bytes.extend(header.repeat(10_000));
    });
    let reads_before = bench.disk.count(Operation::Read);
    assert_eq!(read(&bench.disk, &bench.bounds).unwrap(), expected);
    assert!(bench.disk.count(Operation::Read) - reads_before < 100);
    // A crash leaves them in a segment that was not begun.
    let unbegun = [&spare_header(1)[..], &[0; FILE_HEADER_BYTES], &header.repeat(10_000)].concat();
    bench.disk.set_contents(FileName::Log(segment + 1), unbegun);
    assert_eq!(read(&bench.disk, &bench.bounds).unwrap().0, expected.0);
}

#[test]
fn a_spare_that_cannot_be_had_is_no_failure() {
    use crate::file::{Fault, FaultPlan};
    let mut bench = Bench::reused();
    let failing = bench.disk.clone();
    failing.fail(FaultPlan::new(Operation::Rename, 1, Fault::InputOutput));
    bench.trim().unwrap_err();
    assert!(!bench.wal.is_poisoned());
    bench.trim().unwrap();
    failing.fail(FaultPlan::new(Operation::Rename, 1, Fault::InputOutput));
    bench.fill(2, 50).unwrap();
    let (records, _) = read(&bench.disk, &bench.bounds).unwrap();
    assert_eq!(records.keys().last(), bench.written.keys().last());
    // The header of a spare cannot be written: it is none.
    failing.fail(FaultPlan::new(Operation::Sync, 1, Fault::InputOutput));
    let refused: Result<(), Error> = bench.trim();
    assert!(refused.is_err() && !bench.wal.is_poisoned());
    bench.trim().unwrap();
    bench.fill(2, 50).unwrap();
    let (records, _) = read(&bench.disk, &bench.bounds).unwrap();
    assert_eq!(records.keys().last(), bench.written.keys().last());
}
