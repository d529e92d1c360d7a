//! A reader hands out exactly the stretch of the log that it is asked for.

use super::{
    LogBounds, LogReader, ReadUntil, Wal, WalOptions,
    record::{ChangeRef, CommitHeader, SchemaChange, encode_commit, encode_schema},
    recover,
    recovery_tests::{DATABASE_ID, change},
};
use crate::{
    error::{ErrorKind, Result},
    file::SimulatedDisk,
    format::protection::Protection,
};
use proptest::prelude::*;
use std::sync::Arc;

/// A log that is written, reopened and trimmed, and what must be in it.
struct History {
    disk: SimulatedDisk,
    bounds: LogBounds,
    wal: Option<Wal>,
    /// Number and time of every commit.
    commits: Vec<(u64, u64)>,
    /// First record that was not trimmed.
    first: u64,
}

impl History {
    fn new() -> Self {
        let mut history = Self {
            disk: SimulatedDisk::new(0),
            bounds: LogBounds::default(),
            wal: None,
            commits: Vec::new(),
            first: 1,
        };
        history.reopen();
        history
    }

    /// What a killed process and an opening after it do.
    fn reopen(&mut self) {
        self.wal = None;
        let recovered = recover(&self.disk, &Protection::plain(DATABASE_ID), &self.bounds, &mut |_, _| Ok(())).unwrap();
        let options = WalOptions {
            observe: Arc::default(),
            segment_bytes: 4096,
            windows: true,
            protection: Protection::plain(DATABASE_ID),
            mark_before: 0,
            first_segment: recovered.next_segment,
            next_seqno: recovered.next_seqno,
            older_segments: recovered.segments,
            taken_over: Some(recovered.taken_over),
        };
        let wal = Wal::create(Arc::new(self.disk.clone()), options).unwrap();
        recovered.ends.iter().for_each(|&(segment, end)| self.bounds.put_end(segment, end));
        let (segment, offset) = wal.durable_end();
        self.bounds.reach_to(segment, offset);
        self.wal = Some(wal);
    }

    fn wal(&self) -> &Wal {
        self.wal.as_ref().unwrap()
    }

    fn commit(&mut self, at_millis: u64, bytes: usize, synced: bool) {
        let (header, item) = (CommitHeader { at_millis, ..CommitHeader::default() }, vec![7; bytes]);
        let put = ChangeRef { table: 1, collection: b"k", new: Some(&item), ..ChangeRef::default() };
        let seqno = self.wal().append_with(|_, out| encode_commit(&header, 1, [put], out)).unwrap();
        self.wal().applied(seqno);
        if synced { self.wal().sync(seqno) } else { self.wal().flush_to_os(seqno) }.unwrap();
        self.commits.push((seqno, at_millis));
    }

    fn trim(&mut self, below: u64) {
        self.wal().sync(self.wal().last_seqno()).unwrap();
        let kept = self.wal().segments().into_iter().find(|segment| segment.last_seqno >= below);
        let Some(kept) = kept else { return };
        self.bounds.begin_at(kept.number);
        self.wal().remove_segments_below(below).unwrap();
        self.first = self.first.max(kept.first_seqno);
    }

    fn reader(&self) -> LogReader<'_> {
        LogReader::new(&self.disk, &Protection::plain(DATABASE_ID), &self.bounds).unwrap()
    }

    /// Numbers of the commits that a reader shall hand out.
    fn expected(&self, from: u64, until: ReadUntil) -> Vec<u64> {
        let within = |&&(seqno, at_millis): &&(u64, u64)| match until {
            ReadUntil::End => true,
            ReadUntil::Commit(last) => seqno <= last,
            ReadUntil::Time(millis) => at_millis <= millis,
        };
        let there = self.commits.iter().filter(|(seqno, _)| *seqno >= self.first);
        there.filter(|(seqno, _)| *seqno >= from).take_while(within).map(|(seqno, _)| *seqno).collect()
    }
}

fn numbers(mut reader: LogReader<'_>) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    while let Some((seqno, _)) = reader.next_record()? {
        numbers.push(seqno);
    }
    assert_eq!(reader.next_record()?, None, "the end stays the end");
    Ok(numbers)
}

#[derive(Clone, Debug)]
enum Step {
    Commit { at_millis: u64, bytes: usize, synced: bool },
    Reopen,
    Trim { below: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0u64..20, 0usize..600, any::<bool>()).prop_map(|(at_millis, bytes, synced)| Step::Commit { at_millis, bytes, synced }),
        1 => Just(Step::Reopen),
        1 => (1u64..40).prop_map(|below| Step::Trim { below }),
    ]
}

fn until() -> impl Strategy<Value = ReadUntil> {
    prop_oneof![Just(ReadUntil::End), (0u64..70).prop_map(ReadUntil::Commit), (0u64..20).prop_map(ReadUntil::Time),]
}

proptest! {
    #[test]
    fn every_stretch_of_a_random_log_is_read(
        steps in prop::collection::vec(step(), 1..60),
        stretches in prop::collection::vec((0u64..70, until()), 1..12),
    ) {
        let mut history = History::new();
        for step in steps {
            match step {
                Step::Commit { at_millis, bytes, synced } => history.commit(at_millis, bytes, synced),
                Step::Reopen => history.reopen(),
                Step::Trim { below } => history.trim(below),
            }
        }
        prop_assert_eq!(numbers(history.reader()).unwrap(), history.expected(0, ReadUntil::End));
        for (from, until) in stretches {
            prop_assert_eq!(numbers(history.reader().until(until)).unwrap(), history.expected(0, until));
            let found = numbers(history.reader().starting_at(from).unwrap().until(until));
            if from < history.first && !history.expected(0, ReadUntil::End).is_empty() {
                prop_assert_eq!(found.unwrap_err().kind(), ErrorKind::NotFound);
            } else {
                prop_assert_eq!(found.unwrap(), history.expected(from, until));
            }
        }
    }

    #[test]
    fn a_torn_tail_ends_the_log_before_it(records in 1u64..12, cut in 1usize..400, garbage in any::<bool>()) {
        let mut history = History::new();
        (0..records).for_each(|at| history.commit(at, 20, false));
        history.wal = None;
        let frame_bytes = {
            let mut reader = history.reader();
            reader.next_record().unwrap().unwrap().1.len() + crate::format::frame::FRAME_HEADER_BYTES
        };
        let mut whole = 0;
        change(&history.disk, 1, |bytes| {
            let end = crate::format::header::FILE_HEADER_BYTES + frame_bytes * records as usize;
            let torn = end.saturating_sub(cut).max(crate::format::header::FILE_HEADER_BYTES);
            whole = (torn - crate::format::header::FILE_HEADER_BYTES) / frame_bytes;
            bytes[torn..].fill(0);
            if garbage {
                bytes.truncate(torn);
            }
        });
        let left: Vec<u64> = (1..=whole as u64).collect();
        prop_assert_eq!(&numbers(history.reader()).unwrap(), &left);
        // A stop before the tear is a stop like any other.
        let half = whole as u64 / 2;
        prop_assert_eq!(numbers(history.reader().until(ReadUntil::Commit(half))).unwrap(), &left[..half as usize]);
    }
}

#[test]
fn damage_behind_the_stop_is_not_met() {
    let mut history = History::new();
    (1..=6).for_each(|at| history.commit(at, 20, true));
    let (_, payload) = history.reader().next_record().unwrap().unwrap();
    let frame_bytes = payload.len() + crate::format::frame::FRAME_HEADER_BYTES;
    let fourth = crate::format::header::FILE_HEADER_BYTES + 3 * frame_bytes;
    change(&history.disk, 1, |bytes| bytes[fourth + 20] ^= 1);
    for until in [ReadUntil::Commit(3), ReadUntil::Commit(2)] {
        assert_eq!(numbers(history.reader().until(until)).unwrap(), history.expected(0, until));
    }
    let met = numbers(history.reader()).unwrap_err();
    assert_eq!(met.kind(), ErrorKind::Corrupt, "{met}");
}

#[test]
fn an_instant_ends_before_the_first_later_commit() {
    let mut history = History::new();
    [10, 20, 15].into_iter().for_each(|at_millis| history.commit(at_millis, 0, true));
    let schema = history.wal().append(&encode_schema(&SchemaChange::Drop(3)).unwrap()).unwrap();
    history.wal().sync(schema).unwrap();
    [30, 12].into_iter().for_each(|at_millis| history.commit(at_millis, 0, true));
    let upto = |millis| numbers(history.reader().until(ReadUntil::Time(millis))).unwrap();
    assert_eq!(upto(9), [] as [u64; 0]);
    assert_eq!(upto(14), [1]);
    // The change of the schema has no time; the clock that was set back for the last commit changes nothing.
    assert_eq!(upto(20), [1, 2, 3, 4]);
    assert_eq!(upto(29), [1, 2, 3, 4]);
    assert_eq!(upto(30), [1, 2, 3, 4, 5, 6]);
}
