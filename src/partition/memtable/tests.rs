//! A memtable against a map, with collections large enough for every shape of order and many batches.

use super::*;
use crate::item::{Item, encode_item};
use std::collections::BTreeMap;

type Key = (u64, Vec<u8>, Vec<u8>);
type Model = BTreeMap<Key, u64>;
type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

const ALL: Bounds<'static> = (Bound::Unbounded, Bound::Unbounded);

fn value(number: u64) -> Bytes {
    encode_item(&Item::new().with("n", number)).into()
}

/// Collections of 1, 40, 700 and 3,000 keys on either side of a shard's edge, in an order that jumps about.
fn keys() -> Vec<Key> {
    let sizes = [(7, 1), (1 << 60, 40), ((1 << 60) + 9, 700), (u64::MAX, 3_000)];
    let all = sizes.iter().flat_map(|(token, size)| (0..*size).map(|n: u64| (*token, n)));
    let mut keys: Vec<_> = all
        .flat_map(|(token, n)| {
            let sort = (n * 7_919 % 100_003).to_be_bytes().to_vec();
            [(token, b"\0a".to_vec(), sort.clone()), (token, b"\x01a".to_vec(), sort)]
        })
        .collect();
    keys.sort_by_key(|(token, name, sort)| {
        xxhash_rust::xxh3::xxh3_64(&[&token.to_be_bytes()[..], name, sort].concat())
    });
    keys
}

fn collect(mut cursor: MemtableCursor<'_>) -> Vec<(Key, u64)> {
    let mut all = Vec::new();
    while cursor.valid() {
        let key = cursor.key();
        all.push(((key.token, key.collection.to_vec(), key.sort.to_vec()), cursor.seqno()));
        cursor.advance();
    }
    assert!(!cursor.valid() && cursor.item().is_none() && cursor.key().sort.is_empty());
    all
}

fn check(memtable: &Memtable, model: &Model, visible: &Visible) {
    let expected: Vec<_> = model.clone().into_iter().collect();
    let scan = |first, last, after| collect(memtable.scan(first, last, after, ReadPoint::Newest, visible));
    assert_eq!(scan(0, u64::MAX, None), expected);
    for at in (0..expected.len()).step_by(expected.len() / 20 + 1) {
        let (token, name, sort) = &expected[at].0;
        let after = KeyRef { token: *token, collection: name, sort };
        assert_eq!(scan(0, u64::MAX, Some(after)), expected[at + 1..]);
        let within = |entry: &&(Key, u64)| entry.0.0 >= 8 && entry.0.0 <= *token;
        assert_eq!(scan(8, *token, None), expected.iter().filter(within).cloned().collect::<Vec<_>>());
        for bounds in
            [ALL, (Bound::Included(&sort[..]), Bound::Unbounded), (Bound::Unbounded, Bound::Excluded(&sort[..]))]
        {
            let is_within = |key: &Key| {
                (&key.0, &key.1) == (token, name) && std::ops::RangeBounds::<[u8]>::contains(&bounds, &key.2[..])
            };
            let mut expected: Vec<_> = expected.iter().filter(|entry| is_within(&entry.0)).cloned().collect();
            for descending in [false, true] {
                let cursor = memtable.query(*token, name, bounds, descending, ReadPoint::Newest, visible);
                assert_eq!(collect(cursor.unwrap()), expected);
                expected.reverse();
            }
        }
    }
}

#[test]
fn ordered_reads_agree_with_a_map_at_every_size() {
    let (memtable, visible) = (Memtable::new(0, u64::MAX), Visible::new(0));
    let mut model = Model::new();
    for (at, key) in keys().into_iter().enumerate() {
        let seqno = at as u64 + 1;
        let place = KeyRef { token: key.0, collection: &key.1, sort: &key.2 };
        memtable.insert(place, seqno, Some(&value(seqno)), false, &visible);
        model.insert(key, seqno);
        // Settled in between, so that ids are put in place one by one as well as sorted at once.
        if at.is_power_of_two() || at % 5_003 == 0 || (6_000..6_003).contains(&at) {
            check(&memtable, &model, &visible);
        }
    }
    check(&memtable, &model, &visible);
    assert_eq!(memtable.len(), model.len());
    assert_eq!((memtable.min_seqno(), memtable.max_seqno()), (1, model.len() as u64));
}

#[test]
fn what_is_pending_is_passed_over_in_any_number() {
    let (memtable, visible) = (Memtable::new(0, u64::MAX), Visible::new(0));
    for number in 0..2_000_u64 {
        let (collection, sort) = ([0, (number % 3) as u8], number.to_be_bytes());
        let key = KeyRef { token: number % 3, collection: &collection, sort: &sort };
        memtable.insert(key, number + 1, Some(&value(number)), number == 1_999, &visible);
    }
    let scan = || collect(memtable.scan(0, u64::MAX, None, ReadPoint::Visible, &visible));
    assert_eq!(scan().iter().map(|entry| entry.1).collect::<Vec<_>>(), [2_000]);
    visible.advance(1_000);
    assert_eq!(scan().len(), 1_001);
    let all = memtable.query(2, &[0, 2], ALL, true, ReadPoint::Visible, &visible).unwrap();
    assert_eq!(collect(all).len(), 333);
    assert!(memtable.query(2, &[0, 1], ALL, true, ReadPoint::Visible, &visible).is_none(), "no such collection");
}

#[test]
fn an_empty_memtable_and_one_of_few_tokens_work() {
    let visible = Visible::new(9);
    let memtable = Memtable::new(5, 5);
    let key = KeyRef { token: 5, collection: b"\0", sort: b"" };
    assert!(memtable.is_empty() && memtable.get(key, ReadPoint::Newest, &visible).is_none());
    assert!(!memtable.scan(0, u64::MAX, None, ReadPoint::Newest, &visible).valid());
    for token in [0, 5, u64::MAX] {
        memtable.insert(KeyRef { token, ..key }, 1, None, false, &visible);
        let found = memtable.get(KeyRef { token, ..key }, ReadPoint::Visible, &visible).unwrap();
        assert!(found.is_tombstone() && found.seqno == 1);
    }
}
