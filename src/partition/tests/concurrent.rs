//! Readers beside a writer and beside maintenance: what was there throughout comes exactly once.

use super::{
    super::{CollectionRange, NewVersion, Partition, Policy, ReadPoint},
    fixture::{Bench, Key, drain, item},
};
use crate::file::FileName;
use std::{
    collections::BTreeSet,
    ops::Bound,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

fn key(number: u64) -> Key {
    let collection = number % 5;
    let token = collection * (u64::MAX / 5) + 3;
    Key { token, collection: vec![0, collection as u8], sort: number.to_be_bytes().to_vec() }
}

/// Even numbers are there from the beginning and get overwritten; odd ones come and go.
fn write(partition: &Partition, bench: &Bench, seqno: u64, number: u64) {
    let guard = partition.lock();
    let value = (number.is_multiple_of(2) || !seqno.is_multiple_of(3)).then(|| item(number));
    let key = key(number);
    let version = NewVersion { seqno, value: value.as_ref(), buffered: seqno.is_multiple_of(4) };
    partition.insert(&guard, key.as_ref(), version, &bench.visible);
    drop(guard);
    if seqno.is_multiple_of(5) {
        bench.visible.advance(seqno);
    }
}

/// Ends the other threads, also when the check fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn entries_that_stay_come_exactly_once() {
    const KEYS: u64 = 1_500;
    const MOST_WRITES: u64 = 60_000;
    let bench = Bench::new();
    let partition = Partition::new(1, 1, 0, u64::MAX, 0, Vec::new());
    let seqno = AtomicU64::new(1);
    for number in (0..KEYS).filter(|number| number.is_multiple_of(2)) {
        write(&partition, &bench, seqno.fetch_add(1, Ordering::Relaxed), number);
    }
    bench.visible.advance(seqno.load(Ordering::Relaxed));
    let stays: BTreeSet<u64> = (0..KEYS).filter(|number| number.is_multiple_of(2)).collect();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 1;
            while !over.load(Ordering::Relaxed) && seqno.load(Ordering::Relaxed) < MOST_WRITES {
                number = number * 7_919 % 1_000_003;
                write(&partition, &bench, seqno.fetch_add(1, Ordering::Relaxed), number % KEYS);
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                partition.freeze(&partition.lock(), 0);
                bench.visible.advance(seqno.load(Ordering::Relaxed));
                while bench.flush(&partition) {}
                let drop_tombstones_below = 0;
                let policy = Policy { runs_per_partition: 4, drop_tombstones_below };
                if let Some(choice) = partition.pick_compaction(&policy) {
                    bench.with_context(|ctx| {
                        let merged = partition.compact(ctx, &choice, drop_tombstones_below).unwrap();
                        let runs: Vec<_> = merged.iter().map(|facts| ctx.open(facts).unwrap()).collect();
                        assert!(partition.publish_compaction(&choice, &runs));
                        for file in &choice.inputs {
                            bench.disk.remove(FileName::Run(*file)).unwrap();
                        }
                    });
                }
            }
        });
        let _ends = Ends(&over);
        for round in 0..40 {
            check(&partition, &bench, &stays, round);
        }
    });
    partition.verify(&mut Default::default()).unwrap();
}

fn check(partition: &Partition, bench: &Bench, stays: &BTreeSet<u64>, round: u64) {
    let view = partition.view();
    let scanned = drain(partition.scan(&view, 0, u64::MAX, None, &bench.visible).unwrap());
    assert!(scanned.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order and once");
    let numbers: BTreeSet<u64> = scanned.iter().map(|(_, _, number)| *number).collect();
    assert!(numbers.is_superset(stays));
    let place = key(round);
    let descending = round.is_multiple_of(2);
    let (lower, upper) = (Bound::Unbounded, Bound::Unbounded);
    let view = partition.view();
    let range = CollectionRange { token: place.token, collection: &place.collection, lower, upper, descending };
    let query = view.query(&range, &bench.visible);
    let mut found: Vec<u64> = drain(query.unwrap().unwrap()).into_iter().map(|(_, _, number)| number).collect();
    if descending {
        found.reverse();
    }
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "in order and once");
    let found: BTreeSet<u64> = found.into_iter().collect();
    assert!(stays.iter().filter(|number| *number % 5 == round % 5).all(|number| found.contains(number)));
    for number in stays.iter().filter(|number| *number % 97 == round) {
        let version = partition.get(key(*number).as_ref(), ReadPoint::Visible, &bench.visible).unwrap().unwrap();
        assert!(version.item.is_some());
    }
}
