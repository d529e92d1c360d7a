//! The map of bounded weight against a list, and nodes against the clock.

use super::{AcceleratorOptions, Cluster, ItemKey, Miss, ResultKind, lru::Lru};
use crate::{
    item::{Item, ItemRef},
    random::Random,
    schema::EncodedKey,
};

#[test]
fn what_was_used_least_recently_gives_way() {
    let mut random = Random::new(7);
    let mut lru = Lru::new(100);
    // What was used last comes last.
    let mut list: Vec<(u64, u64, usize)> = Vec::new();
    for step in 0..20_000 {
        let (key, what) = (random.below(24), random.below(8));
        // Few hashes, so that keys share one.
        let hash = key % 5;
        let at = list.iter().position(|(known, ..)| *known == key);
        match what {
            0 => assert_eq!(lru.remove(hash, &key), at.map(|at| list.remove(at).1)),
            1..=3 => {
                let bytes = usize::try_from(random.below(30)).unwrap() + usize::from(step % 500 == 0) * 100;
                at.map(|at| list.remove(at));
                let mut evicted = if bytes > 100 { bytes } else { 0 };
                while bytes <= 100 && list.iter().map(|entry| entry.2).sum::<usize>() + bytes > 100 {
                    evicted += list.remove(0).2;
                }
                if bytes <= 100 {
                    list.push((key, step, bytes));
                }
                assert_eq!(lru.insert(hash, key, step, bytes), evicted);
            }
            _ => {
                assert_eq!(lru.get(hash, &key).copied(), at.map(|at| list[at].1));
                if let Some(at) = at {
                    let entry = list.remove(at);
                    list.push(entry);
                }
            }
        }
        assert_eq!(lru.bytes(), list.iter().map(|entry| entry.2).sum::<usize>());
    }
}

fn key(n: u8) -> ItemKey {
    ItemKey { table: 1, key: EncodedKey::new(0, b"hash", &[n]) }
}

fn value(n: i64) -> Option<ItemRef> {
    Some(ItemRef::from(&Item::new().with("n", n)))
}

#[test]
fn news_reaches_other_nodes_after_its_time() {
    let options = AcceleratorOptions { nodes: 2, replication_millis: 1000, ..AcceleratorOptions::default() };
    let cluster = Cluster::<u64>::new(options).unwrap();
    let at = |node, now| cluster.item(node, &key(1), &[], now).ok().map(|found| (found.value, found.age_millis));
    cluster.fill_item((0, Miss::default()), (key(1), Vec::new()), value(1), 0);
    assert_eq!((at(0, 500), at(1, 500)), (Some((value(1), 500)), None));
    assert_eq!(at(1, 1000), Some((value(1), 1000)), "its age is counted from when it was stored");
    cluster.replace_item((Some(1), &cluster.storing([&key(1)])), key(1), Some(value(2)), 2000);
    assert_eq!((at(0, 2500), at(1, 2500)), (Some((value(1), 2500)), Some((value(2), 500))));
    assert_eq!(at(0, 3500), Some((value(2), 1500)));
    cluster.restart(0);
    assert_eq!((at(0, 3600), at(1, 3600)), (None, Some((value(2), 1600))));
}

#[test]
fn a_read_that_began_before_a_write_does_not_replace_it() {
    let cluster = Cluster::<u64>::new(AcceleratorOptions::default()).unwrap();
    for projection in [b"".as_slice(), b"n"] {
        let miss = cluster.item(0, &key(1), projection, 0).unwrap_err();
        cluster.replace_item((Some(0), &cluster.storing([&key(1)])), key(1), Some(value(2)), 10);
        cluster.fill_item((0, miss), (key(1), projection.to_vec()), value(1), 20);
        assert_eq!(cluster.item(0, &key(1), &[], 30).unwrap().value, value(2));
        assert!(
            projection.is_empty() || cluster.item(0, &key(1), projection, 30).is_err(),
            "it was of before the write"
        );
        // A read that began afterwards is stored beside what was written.
        let miss = cluster.item(0, &key(1), b"other", 40).unwrap_err();
        cluster.fill_item((0, miss), (key(1), b"other".to_vec()), value(3), 50);
        assert_eq!(cluster.item(0, &key(1), b"other", 60).unwrap().value, value(3));
        cluster.restart(0);
    }
}

#[test]
fn of_two_writes_the_later_one_stays_however_news_travels() {
    // Through one node as transactions and writes are, whose news takes longer; and through two.
    for (first, second) in [(None, Some(0)), (Some(0), None), (Some(0), Some(1)), (Some(1), Some(0))] {
        let options = AcceleratorOptions { nodes: 2, replication_millis: 1000, ..AcceleratorOptions::default() };
        let cluster = Cluster::<u64>::new(options).unwrap();
        let write = |through, n, now| {
            cluster.replace_item((through, &cluster.storing([&key(1)])), key(1), Some(value(n)), now);
        };
        write(first, 1, 0);
        write(second, 2, 500);
        let seen = |now| [0, 1].map(|node| cluster.item(node, &key(1), &[], now).ok().and_then(|found| found.value));
        assert_eq!(seen(1_600), [value(2), value(2)], "{first:?}, {second:?}");
    }
}

#[test]
fn what_is_older_does_not_come_back_when_the_newer_gave_way() {
    let options = AcceleratorOptions {
        nodes: 1,
        replication_millis: 1000,
        capacity_bytes: 1 << 16,
        ..AcceleratorOptions::default()
    };
    let cluster = Cluster::<u64>::new(options).unwrap();
    let miss = cluster.item(0, &key(1), &[], 0).unwrap_err();
    cluster.replace_item((None, &cluster.storing([&key(1)])), key(1), Some(value(1)), 0);
    cluster.replace_item((Some(0), &cluster.storing([&key(1)])), key(1), Some(value(2)), 500);
    for other in 2..=250 {
        cluster.replace_item((Some(0), &cluster.storing([&key(other)])), key(other), Some(value(0)), 600);
    }
    assert!(cluster.item(0, &key(1), &[], 700).is_err(), "it gave way");
    cluster.fill_item((0, miss), (key(1), Vec::new()), value(0), 800);
    assert!(cluster.item(0, &key(1), &[], 1_100).is_err());
}

#[test]
fn what_could_not_be_read_after_a_write_is_forgotten() {
    let cluster = Cluster::<u64>::new(AcceleratorOptions::default()).unwrap();
    let miss = cluster.item(0, &key(1), &[], 0).unwrap_err();
    cluster.fill_item((0, miss), (key(1), Vec::new()), value(1), 0);
    assert!(cluster.item(0, &key(1), &[], 1).is_ok());
    cluster.replace_item((Some(0), &cluster.storing([&key(1)])), key(1), None, 2);
    assert!(cluster.item(0, &key(1), &[], 3).is_err());
}

#[test]
fn pages_live_as_long_as_they_shall() {
    for (query_ttl_millis, lives) in [(0, [false, false]), (100, [true, false]), (101, [true, true])] {
        let options = AcceleratorOptions { query_ttl_millis, ..AcceleratorOptions::default() };
        let cluster = Cluster::new(options).unwrap();
        cluster.fill_page(0, vec![1], 7, 100, 0);
        let there = [99, 100].map(|now| cluster.page(0, ResultKind::Query, &vec![1], now).is_some());
        assert_eq!(there, lives, "{query_ttl_millis}");
    }
}
