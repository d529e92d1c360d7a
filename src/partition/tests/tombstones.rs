//! When a tombstone may go, case by case.

use super::{
    super::{Choice, NewVersion, Partition, ReadPoint, Reason},
    fixture::{Bench, Key, item},
};

/// Sequence number of the tombstone.
const DELETED: u64 = 10;

fn key() -> Key {
    Key { token: 1 << 40, collection: b"\0c".to_vec(), sort: b"s".to_vec() }
}

fn insert(partition: &Partition, bench: &Bench, key: &Key, seqno: u64, is_put: bool) {
    let guard = partition.lock();
    let value = is_put.then(|| item(seqno));
    let version = NewVersion { seqno, value: value.as_ref(), buffered: false };
    partition.insert(&guard, key.as_ref(), version, &bench.visible);
    bench.visible.advance(seqno);
}

fn flush(partition: &Partition, bench: &Bench) {
    assert!(partition.freeze(&partition.lock(), 0) && bench.flush(partition));
}

/// Merges the newest `count` runs; returns how many tombstones are left in what comes of it.
fn compact(partition: &Partition, bench: &Bench, count: usize, drop_below: u64) -> u64 {
    let inputs = partition.record().runs.iter().take(count).map(|facts| facts.file).collect();
    let choice = Choice { inputs, reason: Reason::TooManyRuns };
    bench.with_context(|ctx| {
        let merged = partition.compact(ctx, &choice, drop_below).unwrap();
        let runs: Vec<_> = merged.iter().map(|facts| ctx.open(facts).unwrap()).collect();
        assert!(partition.publish_compaction(&choice, &runs));
        merged.iter().map(|facts| facts.tombstones).sum()
    })
}

fn is_there(partition: &Partition, bench: &Bench) -> bool {
    let version = partition.get(key().as_ref(), ReadPoint::Visible, &bench.visible).unwrap();
    version.is_some_and(|version| version.item.is_some())
}

/// A put at 5 in the bottom run and the tombstone in a run above.
fn deleted() -> (Partition, Bench) {
    let (partition, bench) = (Partition::new(1, 1, 0, u64::MAX, 0, Vec::new()), Bench::new());
    insert(&partition, &bench, &key(), 5, true);
    flush(&partition, &bench);
    insert(&partition, &bench, &key(), DELETED, false);
    flush(&partition, &bench);
    (partition, bench)
}

#[test]
fn it_goes_with_what_it_hides() {
    let (partition, bench) = deleted();
    assert_eq!(compact(&partition, &bench, 2, 100), 0);
    assert!(partition.record().runs.is_empty(), "nothing is left, so there is no run");
    assert!(!is_there(&partition, &bench));
}

#[test]
fn it_stays_while_an_older_run_is_not_merged() {
    let (partition, bench) = deleted();
    let other = Key { sort: b"t".to_vec(), ..key() };
    insert(&partition, &bench, &other, 11, true);
    flush(&partition, &bench);
    assert_eq!(compact(&partition, &bench, 2, 100), 1);
    assert!(!is_there(&partition, &bench));
    assert_eq!(partition.record().runs.iter().map(|facts| facts.bottom).collect::<Vec<_>>(), [false, true]);
    assert_eq!(compact(&partition, &bench, 2, 100), 0);
    assert!(!is_there(&partition, &bench));
    assert!(partition.record().runs[0].bottom);
}

#[test]
fn it_stays_while_an_older_write_is_in_a_memtable() {
    for freezes in [false, true] {
        let (partition, bench) = deleted();
        insert(&partition, &bench, &key(), 7, true);
        assert!(!is_there(&partition, &bench), "newest is the highest sequence number, not the latest arrival");
        if freezes {
            partition.freeze(&partition.lock(), 0);
        }
        assert_eq!(compact(&partition, &bench, 2, 100), 1);
        assert!(!is_there(&partition, &bench));
    }
}

#[test]
fn it_stays_while_an_older_write_may_arrive() {
    let (partition, bench) = deleted();
    assert_eq!(compact(&partition, &bench, 2, 8), 1);
    insert(&partition, &bench, &key(), 8, true);
    assert!(!is_there(&partition, &bench));
    flush(&partition, &bench);
    assert!(!is_there(&partition, &bench), "the older run is the newer version");
    assert_eq!(compact(&partition, &bench, 2, DELETED + 1), 0);
    assert!(!is_there(&partition, &bench));
}
