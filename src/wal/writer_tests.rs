//! The log under one thread and many, full segments, failures and closing.

use super::{
    LogBounds, Wal, WalOptions, group_commit::SyncPhase, recover, recovery::Recovered, segment::SegmentWriter,
    spares::Spares,
};
use crate::{
    error::{ErrorKind, Result},
    file::{Disk, Fault, FaultPlan, FileName, Operation, RealDisk, SimulatedDisk},
    format::{frame::MAX_PAYLOAD_BYTES, protection::Protection},
};
use std::{sync::Arc, thread, time::Duration};

const DATABASE_ID: u64 = 42;

fn options(segment_bytes: u64) -> WalOptions {
    WalOptions {
        observe: Arc::default(),
        windows: true,
        segment_bytes,
        protection: Protection::plain(DATABASE_ID),
        mark_before: 0,
        first_segment: 1,
        next_seqno: 1,
        older_segments: Vec::new(),
        taken_over: None,
    }
}

fn log_on(disk: &SimulatedDisk, segment_bytes: u64) -> Wal {
    Wal::create(Arc::new(disk.clone()), options(segment_bytes)).unwrap()
}

/// Records with their numbers.
type Records = Vec<(u64, Vec<u8>)>;

fn read_back(disk: &SimulatedDisk) -> Result<(Recovered, Records)> {
    let mut records = Vec::new();
    let recovered = recover(disk, &Protection::plain(DATABASE_ID), &LogBounds::default(), &mut |seqno, payload| {
        records.push((seqno, payload.to_vec()));
        Ok(())
    })?;
    Ok((recovered, records))
}

#[test]
fn a_synced_record_is_visible_and_comes_back() {
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, 1 << 20);
    let syncs_before = disk.count(Operation::Sync);
    let writes_before = disk.count(Operation::Write);
    let seqno = wal.append(b"one").unwrap();
    assert_eq!((seqno, wal.visible().load(), wal.lowest_unapplied()), (1, 0, 1));
    wal.applied(seqno);
    assert_eq!(wal.lowest_unapplied(), 2);
    wal.sync(seqno).unwrap();
    wal.sync(seqno).unwrap();
    assert_eq!(wal.visible().load(), 1);
    assert_eq!(disk.count(Operation::Sync) - syncs_before, 1);
    assert_eq!(disk.count(Operation::Write) - writes_before, 1);
    let (recovered, records) = read_back(&disk).unwrap();
    assert_eq!(records, [(1, b"one".to_vec())]);
    assert_eq!((recovered.next_seqno, recovered.next_segment), (2, 2));
}

#[test]
fn buffered_records_reach_the_system_at_once_and_readers_at_the_next_sync() {
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, 1 << 20);
    let first = wal.append(b"one").unwrap();
    let second = wal.append(b"two").unwrap();
    wal.flush_to_os(first).unwrap();
    assert_eq!(wal.visible().load(), 0);
    assert_eq!(read_back(&disk).unwrap().1.len(), 2);
    wal.flush_to_os(second).unwrap();
    wal.sync_all().unwrap();
    assert_eq!(wal.visible().load(), 2);
}

#[test]
fn full_segments_are_sealed_and_removed_from_the_oldest_on() {
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, 4096);
    let payloads: Vec<Vec<u8>> = (0..100u8).map(|n| vec![n; 37 * usize::from(n)]).collect();
    for payload in &payloads {
        wal.append(payload).unwrap();
    }
    let huge = wal.append(&vec![7; 100_000]).unwrap();
    wal.append(b"after").unwrap();
    wal.flush_to_os(huge).unwrap();
    let segments = wal.segments();
    assert!(segments.len() > 40, "{segments:?}");
    for pair in segments.windows(2) {
        assert_eq!((pair[0].number + 1, pair[0].last_seqno + 1), (pair[1].number, pair[1].first_seqno));
    }
    assert_eq!(wal.visible().load() + 1, segments.last().unwrap().first_seqno, "what is sealed is durable");
    let (recovered, records) = read_back(&disk).unwrap();
    assert_eq!(records.len(), 102);
    assert!(records.iter().zip(&payloads).all(|(record, payload)| record.1 == *payload));
    assert_eq!(recovered.segments.len() + 1, segments.len(), "of the last nothing is safe yet: its record moves on");

    assert!(wal.remove_segments_below(50).unwrap() > 0);
    assert!(wal.segments()[0].last_seqno >= 50);
    assert!(wal.segments()[0].first_seqno <= 50);
    let (_, records) = read_back(&disk).unwrap();
    assert!(records[0].0 <= 50);
    disk.fail(FaultPlan::new(Operation::Remove, 1, Fault::InputOutput));
    assert!(wal.remove_segments_below(u64::MAX).is_err());
    assert!(!wal.is_poisoned());
    wal.remove_segments_below(u64::MAX).unwrap();
    assert_eq!(wal.segments().len(), 1, "the segment being written stays");
}

#[test]
fn a_segment_is_left_once() {
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, 1 << 20);
    for round in 1..=2 {
        let seqno = wal.append(b"one").unwrap();
        // The second time it is done already, and nothing happens.
        wal.leave_segment(round).unwrap();
        wal.leave_segment(round).unwrap();
        assert_eq!((wal.visible().load(), wal.segments().len() as u64), (seqno, round + 1));
    }
    assert_eq!(read_back(&disk).unwrap().1.len(), 2);
}

/// Sealed beside a sync, it would vouch for what the sync may have lost.
#[test]
fn a_segment_is_not_left_while_a_leader_is_at_work() {
    for is_sync in [true, false] {
        let wal = log_on(&SimulatedDisk::new(0), 1 << 20);
        wal.sync(wal.append(b"one").unwrap()).unwrap();
        let lead = |leads: bool| {
            let mut state = wal.state.lock();
            if is_sync {
                state.syncing = if leads { SyncPhase::UnderWay } else { SyncPhase::Nobody };
            } else {
                state.writing = leads;
            }
        };
        lead(true);
        thread::scope(|scope| {
            let leaver = scope.spawn(|| wal.leave_segment(1));
            thread::sleep(Duration::from_millis(50));
            assert_eq!(wal.segments().len(), 1);
            lead(false);
            wal.done.notify_all();
            leaver.join().unwrap().unwrap();
        });
        assert_eq!(wal.segments().len(), 2);
    }
}

/// Bytes of the header of a segment, and of what a frame adds to its payload.
const HEADER: usize = 64;
const FRAME: usize = 24;

#[test]
fn a_segment_is_filled_to_its_last_byte_and_no_further() {
    const LIMIT: usize = 4096;
    // The first record leaves room for one more of this size, and for the seal.
    let room = LIMIT - HEADER - (FRAME + 1000) - FRAME - FRAME;
    for (payload, segments) in [(room, 1), (room + 1, 2)] {
        let disk = SimulatedDisk::new(0);
        let wal = log_on(&disk, LIMIT as u64);
        wal.append(&[1; 1000]).unwrap();
        let seqno = wal.append(&vec![2; payload]).unwrap();
        wal.sync(seqno).unwrap();
        assert_eq!(wal.segments().len(), segments, "{payload}");
        wal.close().unwrap();
        assert!(wal.segments().iter().all(|segment| segment.bytes <= LIMIT as u64), "{:?}", wal.segments());
        for segment in wal.segments() {
            assert_eq!(disk.contents(FileName::Log(segment.number)).unwrap().len() as u64, segment.bytes);
        }
        assert_eq!(read_back(&disk).unwrap().1.len(), 2);
    }
}

#[test]
fn space_is_reserved_ahead_of_synced_records_in_few_steps() {
    const MEBIBYTE: usize = 1 << 20;
    const LIMIT: usize = 8 * MEBIBYTE;
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, LIMIT as u64);
    let facts = || (disk.contents(FileName::Log(1)).unwrap().len(), disk.count(Operation::Reserve));
    let synced = |bytes: usize| {
        let seqno = wal.append(&vec![1; bytes - FRAME]).unwrap();
        wal.sync(seqno).unwrap();
    };
    assert_eq!(facts(), (HEADER, 0), "creating reserves nothing");
    let buffered = wal.append(&[1; 76]).unwrap();
    wal.flush_to_os(buffered).unwrap();
    assert_eq!(facts(), (HEADER + 100, 0), "nor does a buffered record where writes go by calls");
    synced(100);
    let first = HEADER + 200 + (64 << 10);
    assert_eq!(facts(), (first, 1));
    synced(64 << 10);
    assert_eq!(facts(), (first, 1), "what was reserved is used to its last byte");
    synced(20_000);
    assert_eq!(facts(), (2 * (first + 20_000), 2), "as much again");
    synced(4 * MEBIBYTE + 1);
    assert_eq!(facts(), (LIMIT, 3), "not beyond the end of the segment");
    synced(MEBIBYTE);
    assert_eq!(facts(), (LIMIT, 3));
    assert_eq!(wal.segments().len(), 1);
}

/// Where the file system overwrites in place, buffered records go through a window, and its space is reserved with it.
#[test]
fn buffered_records_go_through_windows_where_the_disk_has_them_and_the_options_do() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::open(folder.path(), true).unwrap());
    let has_windows = disk.create(FileName::Run(1)).unwrap().open_window(4096).unwrap();
    let mut first_segment = 1;
    let mut bytes_with = |windows: bool, payload: usize| {
        let wal = Wal::create(disk.clone(), WalOptions { windows, first_segment, ..options(8 << 20) }).unwrap();
        first_segment += 1;
        let seqno = wal.append(&vec![1; payload]).unwrap();
        wal.flush_to_os(seqno).unwrap();
        wal.segments()[0].bytes as usize
    };
    let plain = |payload: usize| HEADER + FRAME + payload;
    assert_eq!(bytes_with(false, 100), plain(100));
    assert_eq!(bytes_with(true, 100_000), plain(100_000), "a large record is written by a call");
    assert_eq!(bytes_with(true, 100), plain(100) + if has_windows { 64 << 10 } else { 0 });
}

#[test]
fn closing_costs_one_sync_where_all_records_are_durable() {
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, 1 << 20);
    let seqno = wal.append(b"one").unwrap();
    wal.sync(seqno).unwrap();
    let syncs = disk.count(Operation::Sync);
    wal.close().unwrap();
    assert_eq!(disk.count(Operation::Sync), syncs + 1, "that of the seal");
}

#[test]
fn closing_seals() {
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, 1 << 20);
    wal.append(b"one").unwrap();
    wal.close().unwrap();
    wal.close().unwrap();
    wal.sync_all().unwrap();
    assert_eq!(wal.append(b"two").unwrap_err().kind(), ErrorKind::Closed);
    let (recovered, records) = read_back(&disk).unwrap();
    assert_eq!((records.len(), recovered.ending()), (1, "sealed"));
    assert!(recovered.taken_over.is_empty());
}

#[test]
fn a_log_goes_on_behind_an_unsealed_one() {
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, 1 << 20);
    let seqno = wal.append(b"one").unwrap();
    wal.sync(seqno).unwrap();
    drop(wal);
    let (recovered, _) = read_back(&disk).unwrap();
    let ends = recovered.ends.iter().copied().collect();
    let wal = Wal::create(
        Arc::new(disk.clone()),
        WalOptions {
            windows: true,
            first_segment: recovered.next_segment,
            next_seqno: recovered.next_seqno,
            older_segments: recovered.segments,
            taken_over: Some(recovered.taken_over),
            ..options(1 << 20)
        },
    )
    .unwrap();
    assert_eq!(wal.visible().load(), 1);
    assert_eq!(wal.append(b"two").unwrap(), 2);
    wal.close().unwrap();
    assert_eq!(wal.segments().len(), 2);
    assert_eq!(read_back(&disk).unwrap().1.len(), 1, "what the manifest does not know of does not count");
    let mut seen = Vec::new();
    let bounds = LogBounds::of(wal.durable_end(), ends);
    let again = recover(&disk, &Protection::plain(DATABASE_ID), &bounds, &mut |seqno, _| {
        seen.push(seqno);
        Ok(())
    })
    .unwrap();
    assert_eq!((seen, again.next_seqno), (vec![1, 2], 3));
}

#[test]
fn a_failed_sync_ends_writing_for_everybody() {
    const THREADS: u64 = 8;
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, 1 << 20);
    let safe = wal.append(b"safe").unwrap();
    wal.sync(safe).unwrap();
    disk.fail(FaultPlan::new(Operation::Sync, 20, Fault::InputOutput));
    let commit_until_it_fails = || {
        let mut last_safe = safe;
        loop {
            let synced = wal.append(b"record").and_then(|seqno| wal.sync(seqno).map(|()| seqno));
            match synced {
                Ok(seqno) => last_safe = seqno,
                Err(error) => return (last_safe, error.kind()),
            }
        }
    };
    let ends: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(commit_until_it_fails)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let leaders = ends.iter().filter(|end| end.1 == ErrorKind::Io).count();
    let others = ends.iter().filter(|end| end.1 == ErrorKind::Poisoned).count();
    assert_eq!((leaders, others as u64), (1, THREADS - 1), "{ends:?}");
    assert!(ends.iter().all(|end| end.0 <= wal.visible().load()));
    assert_eq!(wal.append(b"late").unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(wal.close().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(wal.poison_cause().unwrap().kind(), ErrorKind::Io);
    wal.sync(safe).unwrap();
    assert_eq!(disk.count(Operation::Sync), 22, "a failed sync is not tried again");
}

#[test]
fn a_failed_write_ends_buffered_writing() {
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, 1 << 20);
    disk.fail(FaultPlan::new(Operation::Write, 1, Fault::InputOutput));
    let seqno = wal.append(b"lost").unwrap();
    assert_eq!(wal.flush_to_os(seqno).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(wal.flush_to_os(seqno).unwrap_err().kind(), ErrorKind::Poisoned);
    assert!(wal.is_poisoned());
}

/// The next segment had been created when the process ended, and its name was not durable.
#[test]
fn a_segment_that_was_never_begun_does_not_seem_lost() {
    for at in 1..8 {
        let disk = SimulatedDisk::new(at);
        let wal = log_on(&disk, 4096);
        wal.append(b"kept").unwrap();
        wal.sync_all().unwrap();
        drop(SegmentWriter::prepare(&disk, 2, &Spares::default()).unwrap());
        let disk = disk.kill();
        let (recovered, _) = read_back(&disk).unwrap();
        disk.crash_at(disk.operations() + at);
        let next = WalOptions {
            first_segment: recovered.next_segment,
            next_seqno: recovered.next_seqno,
            older_segments: recovered.segments,
            taken_over: Some(recovered.taken_over),
            ..options(4096)
        };
        let created = Wal::create(Arc::new(disk.clone()), next);
        assert_eq!(created.is_err(), disk.has_crashed());
        for seed in 0..64 {
            let (_, records) = read_back(&disk.crash(seed)).unwrap();
            assert_eq!(records, [(1, b"kept".to_vec())], "crashed at {at}, seed {seed}");
        }
    }
}

#[test]
fn a_record_that_is_too_large_uses_no_number() {
    let disk = SimulatedDisk::new(0);
    let wal = log_on(&disk, 1 << 20);
    let refused = wal.append_with(|_, out| out.bytes().extend(vec![1; MAX_PAYLOAD_BYTES + 1])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
    assert_eq!(wal.append(b"small").unwrap(), 1);
    wal.sync_all().unwrap();
    assert_eq!(read_back(&disk).unwrap().1, [(1, b"small".to_vec())]);
}

#[test]
fn many_threads_lose_nothing_and_share_syncs() {
    const THREADS: u64 = 8;
    const COMMITS: u64 = 200;
    let disk = SimulatedDisk::new(0);
    let wal = Arc::new(log_on(&disk, 16 << 10));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let wal = &wal;
            scope.spawn(move || {
                for commit in 0..COMMITS {
                    let number = thread * COMMITS + commit;
                    let seqno = wal.append(&number.to_le_bytes()).unwrap();
                    assert!(wal.lowest_unapplied() <= seqno);
                    wal.applied(seqno);
                    if number.is_multiple_of(3) {
                        wal.flush_to_os(seqno).unwrap();
                    } else {
                        wal.sync(seqno).unwrap();
                        assert!(wal.visible().load() >= seqno);
                    }
                }
            });
        }
    });
    wal.close().unwrap();
    assert_eq!(wal.lowest_unapplied(), THREADS * COMMITS + 1);
    let (_, records) = read_back(&disk).unwrap();
    let seqnos: Vec<u64> = records.iter().map(|record| record.0).collect();
    assert_eq!(seqnos, (1..=THREADS * COMMITS).collect::<Vec<_>>());
    let mut numbers: Vec<_> = records.into_iter().map(|record| record.1).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len() as u64, THREADS * COMMITS);
}

#[test]
fn files_of_the_log_are_the_only_ones() {
    let disk = SimulatedDisk::new(0);
    log_on(&disk, 1 << 20);
    assert_eq!(disk.list().unwrap(), [FileName::Log(1)]);
}

/// On a real disk a sync takes so long that others come meanwhile, who want a write or a sync: no thread is left asleep.
#[test]
fn everybody_who_waits_is_woken() {
    const THREADS: u64 = 8;
    const COMMITS: u64 = 200;
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::open(folder.path(), true).unwrap());
    let wal = Wal::create(disk, WalOptions { windows: false, ..options(64 << 10) }).unwrap();
    let commit = &|thread: u64| {
        let seqno = wal.append(&[7; 500]).unwrap();
        if thread.is_multiple_of(2) { wal.sync(seqno) } else { wal.flush_to_os(seqno) }.unwrap();
        wal.applied(seqno);
    };
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || (0..COMMITS).for_each(|_| commit(thread)));
        }
    });
    wal.sync_all().unwrap();
    assert_eq!((wal.last_seqno(), wal.visible().load()), (THREADS * COMMITS, THREADS * COMMITS));
    assert_eq!(wal.lowest_unapplied(), THREADS * COMMITS + 1);
}

/// One large record does not keep its memory for good.
#[test]
fn a_buffer_is_used_again_unless_it_is_large() {
    let wal = log_on(&SimulatedDisk::new(0), 64 << 20);
    let is_kept = |bytes: usize| {
        wal.sync(wal.append(&vec![7; bytes]).unwrap()).unwrap();
        wal.state.lock().spare.capacity() > 0
    };
    assert_eq!([1000, 5 << 20, 1000].map(is_kept), [true, false, true]);
}
