//! A disk that fails under a flush or a compaction: nothing changes, nothing stays behind, and trying again works.

use super::{
    super::{NewVersion, Partition, Policy, ReadPoint},
    fixture::{Bench, Key, item, told},
};
use crate::{
    config::ReadMode,
    error::{ErrorKind, Result},
    file::{Disk, Fault, FaultPlan, Operation, SimulatedDisk},
};
use std::sync::Arc;

fn key(number: u64) -> Key {
    Key { token: number << 50, collection: b"\0c".to_vec(), sort: Vec::new() }
}

fn fill(partition: &Partition, bench: &Bench, numbers: std::ops::Range<u64>) {
    let guard = partition.lock();
    for number in numbers.clone() {
        let version = NewVersion { seqno: number, value: Some(&item(number)), buffered: false };
        partition.insert(&guard, key(number).as_ref(), version, &bench.visible);
    }
    bench.visible.advance(numbers.end - 1);
    assert!(partition.freeze(&guard, numbers.end - 1));
}

fn check(partition: &Partition, bench: &Bench, last: u64) {
    for number in 1..=last {
        let found = partition.get(key(number).as_ref(), ReadPoint::Visible, &bench.visible).unwrap();
        assert_eq!(found.as_ref().map(told), Some((number, Some(number))));
    }
}

/// Lets one operation of each kind fail, and then none; returns what the last attempt did.
fn until_it_works<T>(disk: &SimulatedDisk, mut attempt: impl FnMut() -> Result<T>) -> T {
    let before = disk.list().unwrap();
    for operation in [Operation::Create, Operation::Append, Operation::Sync] {
        disk.fail(FaultPlan::new(operation, 1, Fault::InputOutput));
        let kind = attempt().err().map(|error| error.kind());
        disk.stop_failing();
        assert_eq!(kind, Some(ErrorKind::Io), "{operation:?}");
        assert_eq!(disk.list().unwrap(), before, "{operation:?}");
    }
    attempt().unwrap()
}

#[test]
fn a_failing_disk_changes_nothing() {
    let disk = Arc::new(SimulatedDisk::new(3));
    let bench = Bench::on(disk.clone(), ReadMode::Buffered);
    let partition = Partition::new(1, 1, 0, u64::MAX, 0, Vec::new());
    for round in 0..3 {
        fill(&partition, &bench, round * 100 + 1..round * 100 + 101);
        let before = partition.describe();
        bench.with_context(|ctx| {
            let outcome = until_it_works(&disk, || partition.flush(ctx, &bench.visible, 0)).unwrap();
            assert_eq!(partition.describe(), before);
            check(&partition, &bench, round * 100 + 100);
            let run = ctx.open(outcome.facts.as_ref().unwrap()).unwrap();
            assert!(partition.publish_flush(&outcome, Some(run)));
        });
        check(&partition, &bench, round * 100 + 100);
    }
    let policy = Policy { runs_per_partition: 2, drop_tombstones_below: 301 };
    let choice = partition.pick_compaction(&policy).unwrap();
    let before = partition.describe();
    bench.with_context(|ctx| {
        let merged = until_it_works(&disk, || partition.compact(ctx, &choice, 301));
        assert_eq!(partition.describe(), before);
        let runs: Vec<_> = merged.iter().map(|facts| ctx.open(facts).unwrap()).collect();
        assert!(partition.publish_compaction(&choice, &runs));
        assert_eq!(partition.compact(ctx, &choice, 301).unwrap_err().kind(), ErrorKind::Conflict);
    });
    check(&partition, &bench, 300);
    partition.verify(&mut Default::default()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_synced_fails_the_flush() {
    let disk = Arc::new(SimulatedDisk::new(4));
    let bench = Bench::on(disk.clone(), ReadMode::Mapped);
    let partition = Partition::new(1, 1, 0, u64::MAX, 0, Vec::new());
    fill(&partition, &bench, 1..101);
    let before = partition.describe();
    disk.fail(FaultPlan::new(Operation::SyncDirectory, 1, Fault::InputOutput));
    // The disk remembers: what a failed sync let go of does not come back by asking again.
    for _ in 0..3 {
        let failed = bench.with_context(|ctx| partition.flush(ctx, &bench.visible, 0));
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Io);
        assert!(disk.list().unwrap().is_empty());
    }
    assert_eq!(partition.describe(), before);
    check(&partition, &bench, 100);
}

#[test]
fn what_is_not_visible_is_not_flushed() {
    let bench = Bench::new();
    let partition = Partition::new(1, 1, 0, u64::MAX, 0, Vec::new());
    assert!(!partition.freeze(&partition.lock(), 9), "nothing to freeze");
    let guard = partition.lock();
    let version = NewVersion { seqno: 7, value: Some(&item(7)), buffered: true };
    partition.insert(&guard, key(1).as_ref(), version, &bench.visible);
    assert!(partition.freeze(&guard, 6));
    drop(guard);
    assert!(!bench.flush(&partition), "a buffered write is visible, but not durable");
    assert_eq!(partition.oldest_unflushed_seqno(), Some(7));
    bench.visible.advance(7);
    assert!(bench.flush(&partition));
    assert_eq!((partition.flushed_seqno(), partition.oldest_unflushed_seqno()), (6, None));
    assert!(partition.record().runs[0].bottom);
}

#[test]
fn a_split_leaves_each_child_its_own_half() {
    let bench = Bench::new();
    let parent = Partition::new(1, 1, 0, u64::MAX, 0, Vec::new());
    fill(&parent, &bench, 1..101);
    assert!(bench.flush(&parent));
    fill(&parent, &bench, 101..201);
    let at = parent.split_token().unwrap();
    let mut guard = parent.lock();
    assert!(parent.split(&mut guard, 0, (2, 3)).is_none(), "nothing would be left of it");
    let (left, right) = parent.split(&mut guard, at, (2, 3)).unwrap();
    drop(guard);
    assert!(parent.lock().retired());
    assert!(parent.disk_bytes() > left.disk_bytes().max(right.disk_bytes()));
    bench.with_context(|ctx| {
        let outcome = parent.flush(ctx, &bench.visible, 0).unwrap().unwrap();
        let run = outcome.facts.as_ref().map(|facts| ctx.open(facts).unwrap());
        assert!(!parent.publish_flush(&outcome, run), "too late");
    });
    for child in [&left, &right] {
        assert!(bench.flush(child));
        let policy = Policy { runs_per_partition: 9, drop_tombstones_below: 0 };
        let choice = child.pick_compaction(&policy).unwrap();
        bench.with_context(|ctx| {
            let merged = child.compact(ctx, &choice, 0).unwrap();
            let runs: Vec<_> = merged.iter().map(|facts| ctx.open(facts).unwrap()).collect();
            assert!(child.publish_compaction(&choice, &runs));
        });
        assert_eq!(child.pick_compaction(&policy), None, "nothing is shared any more");
        child.verify(&mut Default::default()).unwrap();
        assert_eq!(child.flushed_seqno(), 200);
    }
    let entries = |partition: &Partition| partition.record().runs.iter().map(|run| run.entries).sum::<u64>();
    assert_eq!(entries(&left) + entries(&right), 200);
}
