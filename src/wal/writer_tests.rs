//! The log under one thread and many, full segments, failures and closing.

use super::{Recovered, Wal, WalOptions, recover, testing::TestDisk};
use crate::{
    error::{Error, ErrorKind, Result},
    file::{Disk, FileName},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    thread,
};

const DATABASE_ID: u64 = 42;

fn options(segment_bytes: u64) -> WalOptions {
    WalOptions { segment_bytes, database_id: DATABASE_ID, first_segment: 1, next_seqno: 1, older_segments: Vec::new() }
}

fn log_on(disk: &Arc<TestDisk>, segment_bytes: u64) -> Wal {
    Wal::create(Arc::<TestDisk>::clone(disk), options(segment_bytes)).unwrap()
}

fn read_back(disk: &TestDisk) -> Result<(Recovered, Vec<(u64, Vec<u8>)>), Error> {
    let mut records = Vec::new();
    let recovered = recover(disk, DATABASE_ID, &BTreeMap::new(), 0, &mut |seqno, payload| {
        records.push((seqno, payload.to_vec()));
        Ok(())
    })?;
    Ok((recovered, records))
}

#[test]
fn a_synced_record_is_visible_and_comes_back() {
    let disk = TestDisk::new();
    let wal = log_on(&disk, 1 << 20);
    let syncs_before = disk.switches.syncs.load(Ordering::SeqCst);
    let writes_before = disk.switches.writes.load(Ordering::SeqCst);
    let seqno = wal.append(b"one").unwrap();
    assert_eq!((seqno, wal.visible().load(), wal.lowest_unapplied()), (1, 0, 1));
    wal.applied(seqno);
    assert_eq!(wal.lowest_unapplied(), 2);
    wal.sync(seqno).unwrap();
    wal.sync(seqno).unwrap();
    assert_eq!(wal.visible().load(), 1);
    assert_eq!(disk.switches.syncs.load(Ordering::SeqCst) - syncs_before, 1);
    assert_eq!(disk.switches.writes.load(Ordering::SeqCst) - writes_before, 1);
    let (recovered, records) = read_back(&disk).unwrap();
    assert_eq!(records, [(1, b"one".to_vec())]);
    assert_eq!((recovered.next_seqno, recovered.next_segment), (2, 2));
}

#[test]
fn buffered_records_reach_the_system_at_once_and_readers_at_the_next_sync() {
    let disk = TestDisk::new();
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
    let disk = TestDisk::new();
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
    assert_eq!(recovered.segments.len(), segments.len());

    assert!(wal.remove_segments_below(50).unwrap() > 0);
    assert!(wal.segments()[0].last_seqno >= 50);
    assert!(wal.segments()[0].first_seqno <= 50);
    let (_, records) = read_back(&disk).unwrap();
    assert!(records[0].0 <= 50);
    disk.switches.fail_removes.store(true, Ordering::SeqCst);
    assert!(wal.remove_segments_below(u64::MAX).is_err());
    assert!(!wal.is_poisoned());
    disk.switches.fail_removes.store(false, Ordering::SeqCst);
    wal.remove_segments_below(u64::MAX).unwrap();
    assert_eq!(wal.segments().len(), 1, "the segment being written stays");
}

#[test]
fn closing_seals() {
    let disk = TestDisk::new();
    let wal = log_on(&disk, 1 << 20);
    wal.append(b"one").unwrap();
    wal.close().unwrap();
    wal.close().unwrap();
    wal.sync_all().unwrap();
    assert_eq!(wal.append(b"two").unwrap_err().kind(), ErrorKind::Unsupported);
    let (recovered, records) = read_back(&disk).unwrap();
    assert_eq!((records.len(), recovered.ending()), (1, "sealed"));
    assert_eq!(recovered.settle(&*disk).unwrap(), None);
}

#[test]
fn a_log_goes_on_behind_an_unsealed_one() {
    let disk = TestDisk::new();
    let wal = log_on(&disk, 1 << 20);
    let seqno = wal.append(b"one").unwrap();
    wal.sync(seqno).unwrap();
    drop(wal);
    let (recovered, _) = read_back(&disk).unwrap();
    let (segment, end) = recovered.settle(&*disk).unwrap().unwrap();
    let wal = Wal::create(
        Arc::<TestDisk>::clone(&disk),
        WalOptions {
            first_segment: recovered.next_segment,
            next_seqno: recovered.next_seqno,
            older_segments: recovered.segments,
            ..options(1 << 20)
        },
    )
    .unwrap();
    assert_eq!(wal.visible().load(), 1);
    assert_eq!(wal.append(b"two").unwrap(), 2);
    wal.close().unwrap();
    assert_eq!(wal.segments().len(), 2);
    assert!(read_back(&disk).is_err(), "without the recorded end the first segment looks damaged");
    let mut seen = Vec::new();
    let ends = BTreeMap::from([(segment, end)]);
    let again = recover(&*disk, DATABASE_ID, &ends, 1, &mut |seqno, _| {
        seen.push(seqno);
        Ok(())
    })
    .unwrap();
    assert_eq!((seen, again.next_seqno), (vec![1, 2], 3));
}

#[test]
fn a_failed_sync_ends_writing_for_everybody() {
    let disk = TestDisk::new();
    let wal = Arc::new(log_on(&disk, 1 << 20));
    let safe = wal.append(b"safe").unwrap();
    wal.sync(safe).unwrap();
    disk.switches.hold_syncs.store(true, Ordering::SeqCst);
    let waiters: Vec<_> = (0..4)
        .map(|n| {
            let wal = Arc::clone(&wal);
            thread::spawn(move || {
                let seqno = wal.append(&[n]).unwrap();
                wal.sync(seqno).unwrap_err().kind()
            })
        })
        .collect();
    while wal.last_seqno() < 5 {
        thread::yield_now();
    }
    disk.switches.fail_syncs.store(true, Ordering::SeqCst);
    disk.switches.hold_syncs.store(false, Ordering::SeqCst);
    let kinds: Vec<_> = waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == ErrorKind::Io).count(), 1, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == ErrorKind::Poisoned).count(), 3, "{kinds:?}");
    disk.switches.fail_syncs.store(false, Ordering::SeqCst);
    assert_eq!(wal.append(b"late").unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(wal.close().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(wal.poison_cause().unwrap().kind(), ErrorKind::Io);
    assert_eq!(wal.visible().load(), safe);
    wal.sync(safe).unwrap();
}

#[test]
fn a_failed_write_ends_buffered_writing() {
    let disk = TestDisk::new();
    let wal = log_on(&disk, 1 << 20);
    disk.switches.fail_writes.store(true, Ordering::SeqCst);
    let seqno = wal.append(b"lost").unwrap();
    assert_eq!(wal.flush_to_os(seqno).unwrap_err().kind(), ErrorKind::Io);
    disk.switches.fail_writes.store(false, Ordering::SeqCst);
    assert_eq!(wal.flush_to_os(seqno).unwrap_err().kind(), ErrorKind::Poisoned);
    assert!(wal.is_poisoned());
}

#[test]
fn a_record_that_is_too_large_uses_no_number() {
    let disk = TestDisk::new();
    let wal = log_on(&disk, 1 << 20);
    let refused = wal.append_with(|_, out| out.resize(out.len() + (32 << 20) + 1, 1)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
    assert_eq!(wal.append(b"small").unwrap(), 1);
    wal.sync_all().unwrap();
    assert_eq!(read_back(&disk).unwrap().1, [(1, b"small".to_vec())]);
}

#[test]
fn many_threads_lose_nothing_and_share_syncs() {
    const THREADS: u64 = 8;
    const COMMITS: u64 = 200;
    let disk = TestDisk::new();
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
                    if number % 3 == 0 {
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
    let disk = TestDisk::new();
    log_on(&disk, 1 << 20);
    assert_eq!(disk.list().unwrap(), [FileName::Log(1)]);
}
