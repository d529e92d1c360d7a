//! A test per row of the table of cases.

use super::{LogBounds, Wal, WalOptions, recover, recovery_table::CASES};
use crate::{
    error::ErrorKind,
    file::{FileName, NUMBER_LIMIT, SimulatedDisk},
    format::{
        frame::{self, FrameKind, FrameSeed},
        header::{FILE_HEADER_BYTES, FileHeader, FileMagic},
        protection::Protection,
    },
};
use std::sync::Arc;

pub(super) const DATABASE_ID: u64 = 42;
fn own() -> Protection {
    Protection::plain(DATABASE_ID)
}

const HEADER: u64 = FILE_HEADER_BYTES as u64;
/// Bytes of a frame around the 5-byte payloads of these tests.
const FRAME: usize = 29;

pub(super) fn options(segment_bytes: u64, first_segment: u64, next_seqno: u64) -> WalOptions {
    WalOptions {
        observe: std::sync::Arc::default(),
        windows: true,
        segment_bytes,
        protection: own(),
        mark_before: 0,
        first_segment,
        next_seqno,
        older_segments: Vec::new(),
        taken_over: None,
    }
}

fn wal_on(disk: &SimulatedDisk, first_segment: u64, next_seqno: u64) -> Wal {
    Wal::create(Arc::new(disk.clone()), options(4096, first_segment, next_seqno)).unwrap()
}

/// A log of one unsealed segment with the records 1 to `count`, each synced by itself.
fn open_log(count: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(0);
    let wal = wal_on(&disk, 1, 1);
    for _ in 0..count {
        let seqno = wal.append(b"hello").unwrap();
        wal.sync(seqno).unwrap();
    }
    disk
}

/// A log of two sealed segments with the records 1 to 3 and 4 to 6.
fn sealed_log() -> SimulatedDisk {
    let disk = SimulatedDisk::new(0);
    for segment in 1..=2 {
        let wal = wal_on(&disk, segment, segment * 3 - 2);
        for _ in 0..3 {
            wal.append(b"hello").unwrap();
        }
        wal.close().unwrap();
    }
    disk
}

/// Of segment 1.
fn header(database_id: u64, detail: u64) -> FileHeader {
    let (magic, number, takes_over, is_reused, mark) = (FileMagic::Log, 1, false, false, 0);
    FileHeader { magic, database_id, number, detail, takes_over, is_reused, mark }
}

pub(super) fn change(disk: &SimulatedDisk, segment: u64, change: impl FnOnce(&mut Vec<u8>)) {
    let name = FileName::Log(segment);
    let mut bytes = disk.contents(name).unwrap().to_vec();
    change(&mut bytes);
    disk.set_contents(name, bytes);
}

#[derive(Debug, PartialEq)]
struct Outcome {
    records: u64,
    ending: &'static str,
    next_segment: u64,
    /// Where the last segment ends, and how many records behind that the next one takes over.
    end: Option<(u64, u64)>,
    taken_over: usize,
}

fn try_recover(disk: &SimulatedDisk, ends: &[(u64, u64)]) -> Result<Outcome, (ErrorKind, String)> {
    recover_within(disk, &LogBounds { ends: ends.iter().copied().collect(), ..LogBounds::default() })
}

fn recover_within(disk: &SimulatedDisk, bounds: &LogBounds) -> Result<Outcome, (ErrorKind, String)> {
    let mut records = 0;
    let recovered = recover(disk, &own(), bounds, &mut |seqno, payload| {
        records += 1;
        assert_eq!((seqno, &payload[..]), (records, &b"hello"[..]));
        Ok(())
    })
    .map_err(|error| (error.kind(), error.message().to_owned()))?;
    Ok(Outcome {
        records,
        ending: recovered.ending(),
        next_segment: recovered.next_segment,
        end: recovered.ends.last().copied(),
        taken_over: recovered.taken_over.len(),
    })
}

#[track_caller]
fn assert_ends(disk: &SimulatedDisk, records: u64, ending: &'static str, end: (u64, u64), taken_over: usize) {
    let outcome = try_recover(disk, &[]).unwrap();
    let found = (outcome.records, outcome.ending, outcome.end, outcome.taken_over);
    assert_eq!(found, (records, ending, Some(end), taken_over));
    assert!(CASES.iter().any(|case| case.name == ending));
}

#[track_caller]
fn assert_damaged(disk: &SimulatedDisk, ends: &[(u64, u64)], file: u64, offset: u64, what: &str) {
    let (kind, text) = try_recover(disk, ends).unwrap_err();
    assert_eq!(kind, ErrorKind::Corrupt, "{text}");
    let place = format!("{} is damaged at offset {offset}:", FileName::Log(file));
    assert!(text.contains(&place) && text.contains(what), "{text}");
}

fn end_after(records: u64) -> u64 {
    HEADER + records * FRAME as u64
}

#[test]
fn no_log_at_all() {
    let outcome = try_recover(&SimulatedDisk::new(0), &[]).unwrap();
    assert_eq!(outcome, Outcome { records: 0, ending: "no log", next_segment: 1, end: None, taken_over: 0 });
}

#[test]
fn clean_end() {
    // The last record was synced too, but no later one says so; nor does any of a header alone.
    assert_ends(&open_log(3), 3, "clean end", (1, end_after(2)), 1);
    assert_ends(&open_log(0), 0, "clean end", (1, 0), 0);
    let disk = open_log(3);
    change(&disk, 1, |bytes| bytes.truncate(end_after(3) as usize));
    assert_ends(&disk, 3, "clean end", (1, end_after(2)), 1);
}

#[test]
fn sealed() {
    assert_ends(&sealed_log(), 6, "sealed", (2, end_after(3)), 0);
}

#[test]
fn end_recorded_by_an_earlier_recovery() {
    let disk = open_log(3);
    change(&disk, 1, |bytes| bytes[end_after(3) as usize] = 9);
    wal_on(&disk, 2, 4).close().unwrap();
    let outcome = try_recover(&disk, &[(1, end_after(3))]).unwrap();
    assert_eq!((outcome.records, outcome.ending, outcome.next_segment), (3, "sealed", 3));
    // A segment that never got its header is between two that did.
    let disk = open_log(3);
    disk.set_contents(FileName::Log(2), Vec::new());
    wal_on(&disk, 3, 4).close().unwrap();
    let outcome = try_recover(&disk, &[(1, end_after(3)), (2, 0)]).unwrap();
    assert_eq!((outcome.records, outcome.ending), (3, "sealed"));
    // The same, with the segment before it removed.
    let disk = SimulatedDisk::new(0);
    disk.set_contents(FileName::Log(2), Vec::new());
    wal_on(&disk, 3, 4).close().unwrap();
    assert_eq!(try_recover(&disk, &[(2, 0)]).unwrap().records, 0);
}

/// Goes on behind what recovery found, as an opening does.
fn go_on(disk: &SimulatedDisk, bounds: &LogBounds) -> Wal {
    let recovered = recover(disk, &own(), bounds, &mut |_, _| Ok(())).unwrap();
    let options = WalOptions {
        older_segments: recovered.segments,
        taken_over: Some(recovered.taken_over),
        ..options(4096, recovered.next_segment, recovered.next_seqno)
    };
    Wal::create(Arc::new(disk.clone()), options).unwrap()
}

#[test]
fn the_next_segment_takes_over_what_may_not_be_safe() {
    let disk = open_log(3);
    let wal = go_on(&disk, &LogBounds::default());
    assert_eq!((wal.last_seqno(), wal.visible().load()), (3, 3));
    let bounds = LogBounds::of(wal.durable_end(), [(1, end_after(2))].into());
    assert_eq!(bounds.reach, (2, end_after(1)));
    let seqno = wal.append(b"hello").unwrap();
    wal.sync(seqno).unwrap();
    drop(wal);
    // Whatever becomes of the record in the old segment, the new one has it.
    for damage in [0, 0xff] {
        change(&disk, 1, |bytes| bytes[end_after(2) as usize..end_after(3) as usize].fill(damage));
        let outcome = recover_within(&disk, &bounds).unwrap();
        assert_eq!((outcome.records, outcome.end, outcome.taken_over), (4, Some((2, end_after(1))), 1));
    }
    // And once more, from the segment that took over.
    let wal = go_on(&disk, &bounds);
    let ends = [(1, end_after(2)), (2, end_after(1))].into();
    let bounds = LogBounds::of(wal.durable_end(), ends);
    wal.close().unwrap();
    let outcome = recover_within(&disk, &bounds).unwrap();
    assert_eq!((outcome.records, outcome.end), (4, Some((3, end_after(1)))), "the seal is no record");
    // What was closed reaches to its seal.
    let bounds = LogBounds { reach: wal.durable_end(), ..bounds };
    let outcome = recover_within(&disk, &bounds).unwrap();
    assert_eq!((outcome.records, outcome.end), (4, Some((3, end_after(1)))));
}

#[test]
fn abandoned_by_an_opening() {
    let disk = open_log(3);
    for segment in 2..4 {
        drop(go_on(&disk, &LogBounds::default()));
        let outcome = recover_within(&disk, &LogBounds::default()).unwrap();
        assert_eq!(
            (outcome.records, outcome.ending, outcome.next_segment),
            (3, "abandoned by an opening", segment + 1)
        );
        assert_eq!((outcome.end, outcome.taken_over), (Some((segment, 0)), 1));
    }
    change(&disk, 3, |bytes| bytes[FILE_HEADER_BYTES + 3] ^= 1);
    assert_eq!(recover_within(&disk, &LogBounds::default()).unwrap().records, 3);
    // An opening that was over at last has recorded what does not count.
    let wal = go_on(&disk, &LogBounds::default());
    let ends = [(1, end_after(2)), (2, 0), (3, 0)].into();
    let bounds = LogBounds::of(wal.durable_end(), ends);
    assert_eq!(recover_within(&disk, &bounds).unwrap().records, 3);
}

#[test]
fn a_segment_that_another_one_took_over_from_needs_an_end() {
    let disk = open_log(3);
    let wal = go_on(&disk, &LogBounds::default());
    let bounds = LogBounds { first_segment: 1, reach: wal.durable_end(), ..LogBounds::default() };
    let (kind, text) = recover_within(&disk, &bounds).unwrap_err();
    assert_eq!(kind, ErrorKind::Corrupt);
    assert!(text.contains("no end"), "{text}");
}

#[test]
fn abandoned_but_later_segments() {
    let disk = open_log(3);
    drop(go_on(&disk, &LogBounds::default()));
    wal_on(&disk, 3, 4).close().unwrap();
    assert_damaged(&disk, &[(1, end_after(2))], 2, 0, "goes on");
}

#[test]
fn what_the_manifest_knows_of_is_not_taken_for_a_torn_end() {
    let disk = open_log(3);
    let bounds = |offset| LogBounds { reach: (1, offset), ..LogBounds::default() };
    let outcome = recover_within(&disk, &bounds(end_after(3))).unwrap();
    assert_eq!((outcome.records, outcome.end, outcome.taken_over), (3, Some((1, end_after(3))), 0));
    for len in 0..end_after(3) {
        let cut = open_log(3);
        change(&cut, 1, |bytes| bytes.truncate(len as usize));
        assert_eq!(recover_within(&cut, &bounds(end_after(3))).unwrap_err().0, ErrorKind::Corrupt, "{len}");
    }
}

#[test]
fn segments_before_the_first_that_counts_are_not_looked_at() {
    let disk = sealed_log();
    change(&disk, 1, |bytes| bytes.fill(1));
    let bounds = LogBounds { first_segment: 2, ..LogBounds::default() };
    let mut seen = Vec::new();
    let recovered = recover(&disk, &own(), &bounds, &mut |seqno, _| {
        seen.push(seqno);
        Ok(())
    });
    assert_eq!((seen, recovered.unwrap().next_segment), (vec![4, 5, 6], 3));
}

#[test]
fn damage_before_the_recorded_end() {
    let disk = open_log(3);
    change(&disk, 1, |bytes| bytes[end_after(2) as usize + 25] ^= 1);
    assert_damaged(&disk, &[(1, end_after(3))], 1, end_after(2), "before the recorded end");
    let disk = open_log(3);
    assert_damaged(&disk, &[(1, end_after(3) + 1)], 1, end_after(3), "before the recorded end");
    assert_damaged(&disk, &[(1, end_after(1) + 1)], 1, end_after(2), "before the recorded end");
    assert_damaged(&sealed_log(), &[(2, 4000)], 2, end_after(3) + 24, "before the recorded end");
}

#[test]
fn torn_tail() {
    for at in [0, 4, 8, 16, 20, 21, 24, 28] {
        let disk = open_log(3);
        change(&disk, 1, |bytes| bytes[end_after(2) as usize + at] ^= 0x40);
        assert_ends(&disk, 2, "torn tail", (1, end_after(1)), 1);
    }
    let disk = open_log(3);
    change(&disk, 1, |bytes| bytes.truncate(end_after(3) as usize - 1));
    assert_ends(&disk, 2, "torn tail", (1, end_after(1)), 1);
}

#[test]
fn a_hole_in_what_was_never_synced_is_a_torn_tail() {
    let disk = SimulatedDisk::new(0);
    let wal = wal_on(&disk, 1, 1);
    for _ in 0..3 {
        let seqno = wal.append(b"hello").unwrap();
        wal.flush_to_os(seqno).unwrap();
    }
    change(&disk, 1, |bytes| bytes[end_after(1) as usize..end_after(2) as usize].fill(0));
    assert_ends(&disk, 1, "torn tail", (1, HEADER), 1);
}

#[test]
fn a_length_beyond_the_file_is_a_torn_tail() {
    let disk = open_log(3);
    change(&disk, 1, |bytes| bytes[end_after(2) as usize + 4..][..3].fill(0xff));
    assert_ends(&disk, 2, "torn tail", (1, end_after(1)), 1);
}

#[test]
fn a_stale_frame_of_another_place_is_a_torn_tail() {
    let disk = open_log(3);
    change(&disk, 1, |bytes| {
        let (from, to) = (end_after(2) as usize, end_after(3) as usize);
        bytes.copy_within(from..to, to);
    });
    assert_ends(&disk, 3, "torn tail", (1, end_after(2)), 1);
}

#[test]
fn damage_below_a_later_frame() {
    for record in 0..2 {
        for at in [0, 5, 10, 17, 20, 28] {
            let disk = open_log(3);
            change(&disk, 1, |bytes| bytes[end_after(record) as usize + at] ^= 0x40);
            assert_damaged(&disk, &[], 1, end_after(record), "safely stored");
        }
    }
    let disk = open_log(3);
    change(&disk, 1, |bytes| bytes[HEADER as usize..end_after(2) as usize].fill(0));
    assert_damaged(&disk, &[], 1, HEADER, "safely stored");
}

#[test]
fn damage_in_a_sealed_segment() {
    let disk = sealed_log();
    change(&disk, 1, |bytes| bytes[end_after(1) as usize + 26] ^= 1);
    assert_damaged(&disk, &[], 1, end_after(1), "safely stored");
    // The seal itself is bad, so nothing vouches for the records, but a later segment exists.
    let disk = sealed_log();
    change(&disk, 1, |bytes| bytes[end_after(3) as usize] ^= 1);
    assert_damaged(&disk, &[], 1, end_after(3), "finished segment");
}

#[test]
fn unsealed_but_later_segments() {
    let disk = open_log(3);
    wal_on(&disk, 2, 4).close().unwrap();
    assert_damaged(&disk, &[], 1, end_after(3), "no end");
}

#[test]
fn bytes_behind_the_seal() {
    let disk = sealed_log();
    change(&disk, 2, |bytes| bytes.resize(4000, 0));
    assert_eq!(try_recover(&disk, &[]).unwrap().ending, "sealed", "zeros behind the seal are what a lost cut leaves");
    change(&disk, 2, |bytes| bytes[3999] = 1);
    assert_damaged(&disk, &[], 2, end_after(3) + 24, "behind the end");
}

#[test]
fn file_missing() {
    let disk = sealed_log();
    wal_on(&disk, 4, 7).close().unwrap();
    assert_damaged(&disk, &[], 3, 0, "missing");
    for bounds in [
        LogBounds { first_segment: 3, ..LogBounds::default() },
        LogBounds { reach: (5, 64), ..LogBounds::default() },
        LogBounds { first_segment: 5, reach: (5, 64), ..LogBounds::default() },
    ] {
        assert_eq!(recover_within(&disk, &bounds).unwrap_err().0, ErrorKind::Corrupt, "{bounds:?}");
    }
}

#[test]
fn segment_of_another_database() {
    let disk = sealed_log();
    let header = header(43, 1);
    change(&disk, 1, |bytes| bytes[..FILE_HEADER_BYTES].copy_from_slice(&header.encode()));
    assert_damaged(&disk, &[], 1, 0, "another database");
}

#[test]
fn segment_with_another_number() {
    let disk = sealed_log();
    disk.set_contents(FileName::Log(1), disk.contents(FileName::Log(2)).unwrap());
    assert_damaged(&disk, &[], 1, 0, "another number");
}

#[test]
fn segment_that_does_not_follow() {
    let disk = sealed_log();
    wal_on(&disk, 3, 8).close().unwrap();
    assert_damaged(&disk, &[], 3, 0, "does not follow");
}

#[test]
fn record_out_of_order() {
    let disk = open_log(3);
    let mut wrong = Vec::new();
    frame::begin(&mut wrong, 9, FrameKind::Data);
    frame::end(&mut wrong, 0, 0).unwrap();
    frame::stamp(&mut wrong, FrameSeed::new(FileMagic::Log, DATABASE_ID, 1), end_after(3), 0);
    change(&disk, 1, |bytes| bytes[end_after(3) as usize..][..wrong.len()].copy_from_slice(&wrong));
    let (kind, text) = try_recover(&disk, &[]).unwrap_err();
    assert_eq!(kind, ErrorKind::Corrupt);
    assert!(text.contains("another number than the next"), "{text}");
}

#[test]
fn newer_version() {
    let disk = sealed_log();
    change(&disk, 2, |bytes| {
        bytes[8] = 2;
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    });
    let (kind, text) = try_recover(&disk, &[]).unwrap_err();
    assert_eq!(kind, ErrorKind::Incompatible);
    assert!(text.contains("newer version") && text.contains("0000000002.log"), "{text}");
}

#[test]
fn a_header_with_a_number_that_no_log_counts_up_to_is_damaged() {
    for (first_seqno, is_damaged) in [(0, true), (NUMBER_LIMIT, true), (u64::MAX, true), (NUMBER_LIMIT - 1, false)] {
        let disk = SimulatedDisk::new(0);
        let header = header(DATABASE_ID, first_seqno);
        disk.set_contents(FileName::Log(1), header.encode().to_vec());
        if is_damaged {
            assert_damaged(&disk, &[], 1, 0, "header is unreadable");
        } else {
            assert_ends(&disk, 0, "clean end", (1, 0), 0);
        }
    }
}

#[test]
fn of_segments_without_records_only_the_first_counts() {
    let empty = |disk: &SimulatedDisk, number, next_seqno| wal_on(disk, number, next_seqno).close().unwrap();
    let disk = sealed_log();
    empty(&disk, 3, 7);
    let recovered = recover(&disk, &own(), &LogBounds::default(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((recovered.next_seqno, recovered.segments.len(), recovered.ends), (7, 2, vec![(3, 0)]));
    // A header that nothing vouches for may be gone after a power failure.
    let recovered = recover(&open_log(0), &own(), &LogBounds::default(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((recovered.next_seqno, recovered.segments.len(), recovered.ends), (1, 0, vec![(1, 0)]));
    // Nothing else says which number is next.
    let disk = SimulatedDisk::new(0);
    empty(&disk, 3, 7);
    let recovered = recover(&disk, &own(), &LogBounds::default(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((recovered.next_seqno, recovered.segments.len(), recovered.ends), (7, 1, vec![(3, HEADER)]));
    let segment = recovered.segments[0];
    assert_eq!((segment.first_seqno, segment.last_seqno), (7, 6));
}

#[test]
fn a_segment_ends_before_the_first_record_that_the_next_one_takes_over() {
    let recovered = recover(&open_log(3), &own(), &LogBounds::default(), &mut |_, _| Ok(())).unwrap();
    assert_eq!((recovered.segments[0].first_seqno, recovered.segments[0].last_seqno), (1, 2));
    assert_eq!(recovered.taken_over.iter().map(|(seqno, _)| *seqno).collect::<Vec<_>>(), [3]);
}

#[test]
fn damaged_header() {
    let disk = sealed_log();
    change(&disk, 1, |bytes| bytes[30] ^= 1);
    assert_damaged(&disk, &[], 1, 0, "header is unreadable");
}

#[test]
fn created_but_never_synced() {
    for bytes in [Vec::new(), b"hrL".to_vec(), vec![0; 4096], {
        let mut torn = vec![0; 4096];
        torn[..12].copy_from_slice(b"hrLOG\r\n\x1anoise"[..12].as_ref());
        torn[900..1000].fill(0xff);
        torn
    }] {
        let disk = sealed_log();
        disk.set_contents(FileName::Log(3), bytes);
        assert_ends(&disk, 6, "created but never synced", (3, 0), 0);
    }
}

#[test]
fn no_header_but_later_segments() {
    let disk = sealed_log();
    disk.set_contents(FileName::Log(1), vec![0; 100]);
    assert_damaged(&disk, &[], 1, 0, "header is missing");
}
