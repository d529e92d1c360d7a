//! Random histories of everything that can happen to partitions, against a map of all versions ever written.

use super::{
    super::{Choice, CollectionRange, NewVersion, Partition, Policy, ReadPoint, Reason},
    fixture::{Bench, Key, drain, item, number_of, told},
};
use crate::{
    config::ReadMode,
    file::{FileName, MemoryDisk},
    item::ItemRef,
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

const TOKENS: u64 = 4;
const SORTS: u8 = 4;

#[derive(Clone, Debug)]
enum Step {
    /// Takes a sequence number and writes, now or later.
    Write {
        key: (u64, u8, u8),
        delete: bool,
        buffered: bool,
        late: bool,
    },
    /// Writes one of those that wait.
    Arrive(usize),
    /// Writes again what was written before.
    Repeat(usize),
    Sync,
    Freeze(usize),
    Flush(usize),
    Compact {
        partition: usize,
        runs: usize,
    },
    CompactSome {
        partition: usize,
        mask: u8,
    },
    Split {
        partition: usize,
        at: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = (0..TOKENS, 0u8..3, 0..SORTS);
    let write = (key, prop::bool::weighted(0.3), prop::bool::weighted(0.4), prop::bool::weighted(0.15));
    let write = write.prop_map(|(key, delete, buffered, late)| Step::Write { key, delete, buffered, late });
    let step = prop_oneof![
        16 => write,
        2 => any::<usize>().prop_map(Step::Arrive),
        1 => any::<usize>().prop_map(Step::Repeat),
        3 => Just(Step::Sync),
        3 => any::<usize>().prop_map(Step::Freeze),
        4 => any::<usize>().prop_map(Step::Flush),
        2 => (any::<usize>(), 2usize..5).prop_map(|(partition, runs)| Step::Compact { partition, runs }),
        2 => any::<(usize, u8)>().prop_map(|(partition, mask)| Step::CompactSome { partition, mask }),
        1 => (any::<usize>(), 0..TOKENS).prop_map(|(partition, at)| Step::Split { partition, at }),
    ];
    prop::collection::vec(step, 1..120)
}

/// Tokens are far apart, so that shards and splits matter.
fn token(number: u64) -> u64 {
    number * (u64::MAX / TOKENS) + 5
}

fn key((number, collection, sort): (u64, u8, u8)) -> Key {
    // Two partition keys of one token, and a local index of the first.
    let name: &[u8] = [&b"\0red"[..], b"\0blue", b"\x01red"][collection as usize];
    let sort = if collection == 1 { vec![] } else { vec![b's'; sort as usize % 3].into_iter().chain([sort]).collect() };
    Key { token: token(number), collection: name.to_vec(), sort }
}

#[derive(Clone, Debug)]
struct Written {
    key: Key,
    seqno: u64,
    number: Option<u64>,
    buffered: bool,
}

struct World {
    bench: Bench,
    partitions: Vec<Partition>,
    next_id: u64,
    next_seqno: u64,
    late: Vec<Written>,
    done: Vec<Written>,
    /// Tombstones below have been dropped somewhere.
    dropped_below: u64,
    model: BTreeMap<Key, BTreeMap<u64, (Option<u64>, bool)>>,
}

impl World {
    fn new(mode: ReadMode) -> Self {
        let bench = Bench::on(Arc::new(MemoryDisk::new()), mode);
        let partitions = vec![Partition::new(0, 9, 0, u64::MAX, 0, Vec::new())];
        let (late, done) = (Vec::new(), Vec::new());
        let model = BTreeMap::new();
        Self { bench, partitions, next_id: 1, next_seqno: 1, late, done, dropped_below: 0, model }
    }

    fn partition(&self, number: usize) -> &Partition {
        &self.partitions[number % self.partitions.len()]
    }

    fn lowest_unapplied(&self) -> u64 {
        self.late.iter().map(|write| write.seqno).min().unwrap_or(self.next_seqno)
    }

    fn write(&mut self, write: Written) {
        let all = &self.partitions;
        let owner = all.iter().find(|p| p.first_token <= write.key.token && write.key.token <= p.last_token).unwrap();
        let value = write.number.map(item);
        let guard = owner.lock();
        let version = NewVersion { seqno: write.seqno, value: value.as_ref(), buffered: write.buffered };
        owner.insert(&guard, write.key.as_ref(), version, &self.bench.visible);
        drop(guard);
        let version = self.model.entry(write.key.clone()).or_default().entry(write.seqno).or_default();
        *version = (write.number, version.1 || write.buffered);
        self.done.push(write);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Write { key: parts, delete, buffered, late } => {
                let seqno = self.next_seqno;
                self.next_seqno += 1;
                let write = Written { key: key(parts), seqno, number: (!delete).then_some(seqno), buffered };
                if late { self.late.push(write) } else { self.write(write) }
            }
            Step::Arrive(number) if !self.late.is_empty() => {
                let write = self.late.remove(number % self.late.len());
                self.write(write);
            }
            Step::Repeat(number) if !self.done.is_empty() => {
                let write = self.done[number % self.done.len()].clone();
                if write.seqno >= self.dropped_below {
                    self.write(write);
                }
            }
            Step::Sync => self.bench.visible.advance(self.next_seqno - 1),
            Step::Freeze(number) => {
                let partition = self.partition(number);
                partition.freeze(&partition.lock(), self.lowest_unapplied() - 1);
            }
            Step::Flush(number) => _ = self.bench.flush(self.partition(number)),
            Step::Compact { partition, runs } => {
                let drop_tombstones_below = self.lowest_unapplied();
                let policy = Policy { runs_per_partition: runs, drop_tombstones_below };
                if let Some(choice) = self.partition(partition).pick_compaction(&policy) {
                    self.compact(partition, &choice);
                }
            }
            Step::CompactSome { partition, mask } => {
                let runs = self.partition(partition).record().runs;
                let chosen = runs.iter().enumerate().filter(|(at, _)| mask >> (at % 8) & 1 == 1);
                let inputs = chosen.map(|(_, facts)| facts.file).collect();
                self.compact(partition, &Choice { inputs, reason: Reason::TooManyRuns });
            }
            Step::Split { partition, at } => self.split(partition % self.partitions.len(), token(at)),
            Step::Arrive(_) | Step::Repeat(_) => {}
        }
    }

    fn compact(&mut self, number: usize, choice: &Choice) {
        let drop_below = self.lowest_unapplied();
        self.dropped_below = self.dropped_below.max(drop_below);
        let partition = self.partition(number);
        self.bench.with_context(|ctx| {
            let merged = partition.compact(ctx, choice, drop_below).unwrap();
            let record = partition.record_with_compaction(choice, &merged);
            let runs: Vec<_> = merged.iter().map(|facts| ctx.open(facts).unwrap()).collect();
            assert!(partition.publish_compaction(choice, &runs));
            assert_eq!(partition.record(), record);
            for run in runs {
                assert!(!partition.is_shared(run.facts()), "a merge writes nothing of others");
            }
        });
    }

    fn split(&mut self, number: usize, at: u64) {
        let parent = &self.partitions[number];
        let mut guard = parent.lock();
        parent.freeze(&guard, self.lowest_unapplied() - 1);
        let Some((left, right)) = parent.split(&mut guard, at, (self.next_id, self.next_id + 1)) else { return };
        assert!(guard.retired() && parent.split(&mut guard, at, (0, 0)).is_none());
        drop(guard);
        self.next_id += 2;
        self.partitions.splice(number..=number, [left, right]);
    }

    /// Removes the files that no partition names.
    fn collect_garbage(&self) {
        let records = self.partitions.iter().map(Partition::record);
        let alive: BTreeSet<u64> = records.flat_map(|record| record.runs).map(|facts| facts.file).collect();
        for name in self.bench.disk.list().unwrap() {
            if let FileName::Run(file) = name
                && !alive.contains(&file)
            {
                self.bench.disk.remove(name).unwrap();
            }
        }
    }

    /// What a read must find: the newest version, or the newest that is visible.
    fn expected(&self, key: &Key, read: ReadPoint) -> Option<(u64, Option<u64>)> {
        let point = if read == ReadPoint::Newest { u64::MAX } else { self.bench.visible.load() };
        let versions = self.model.get(key)?.iter().rev();
        let mut readable = versions.filter(|(seqno, (_, buffered))| *buffered || **seqno <= point);
        readable.next().map(|(seqno, (number, _))| (*seqno, *number))
    }

    fn expected_items(&self, accept: impl Fn(&Key) -> bool) -> Vec<(Key, u64, u64)> {
        let keys = self.model.keys().filter(|key| accept(key));
        let items = keys.filter_map(|key| match self.expected(key, ReadPoint::Visible)? {
            (seqno, Some(number)) => Some((key.clone(), seqno, number)),
            _ => None,
        });
        items.collect()
    }

    fn check(&self, probe: u64) {
        for partition in &self.partitions {
            self.check_gets(partition);
            self.check_queries(partition, probe);
            self.check_scans(partition, probe);
            let unflushed = partition.oldest_unflushed_seqno();
            assert!(unflushed.is_none_or(|seqno| seqno < self.next_seqno));
        }
    }

    fn check_gets(&self, partition: &Partition) {
        let tokens = partition.first_token..=partition.last_token;
        for key in self.model.keys().filter(|key| tokens.contains(&key.token)) {
            for read in [ReadPoint::Newest, ReadPoint::Visible] {
                let found = partition.get(key.as_ref(), read, &self.bench.visible).unwrap();
                let (found, expected) = (found.as_ref().map(told), self.expected(key, read));
                // A tombstone that hides nothing may be there or not.
                if expected.is_some_and(|(_, number)| number.is_some()) || found.is_some_and(|(_, n)| n.is_some()) {
                    assert_eq!(found, expected, "{key:?} {read:?}");
                }
            }
        }
    }

    fn check_queries(&self, partition: &Partition, probe: u64) {
        for number in 0..TOKENS * 3 {
            let place = key((number / 3, (number % 3) as u8, 0));
            if !(partition.first_token..=partition.last_token).contains(&place.token) {
                continue;
            }
            let a = key((0, 0, (probe % 4) as u8)).sort;
            let b = key((0, 0, (probe / 4 % 4) as u8)).sort;
            let bounds = [
                (Bound::Unbounded, Bound::Unbounded),
                (Bound::Included(&a.min(b.clone())[..]), Bound::Excluded(&b[..])),
                (Bound::Excluded(&b[..]), Bound::Unbounded),
                (Bound::Unbounded, Bound::Included(&b[..])),
            ];
            for (lower, upper) in bounds {
                let is_within = |key: &Key| {
                    (key.token, &key.collection) == (place.token, &place.collection)
                        && (lower, upper).contains_key(&key.sort)
                };
                let mut expected = self.expected_items(is_within);
                for descending in [false, true] {
                    let visible = &self.bench.visible;
                    let view = partition.pin();
                    let (token, collection) = (place.token, &place.collection[..]);
                    let range = CollectionRange { token, collection, lower, upper, descending };
                    let found = view.query(&range, visible).unwrap().map(drain).unwrap_or_default();
                    assert_eq!(found, expected, "{place:?} {lower:?} {upper:?} {descending}");
                    for most in [1, 3, usize::MAX] {
                        let mut items = Vec::new();
                        let mut take = |item: ItemRef, size| {
                            assert_eq!(item.size_bytes(), size);
                            items.push(number_of(&item));
                            Ok(items.len() < most)
                        };
                        view.query_each(&range, visible, &mut take).unwrap();
                        assert_eq!(items, expected.iter().take(most).map(|found| found.2).collect::<Vec<_>>());
                    }
                    expected.reverse();
                }
            }
        }
    }

    fn check_scans(&self, partition: &Partition, probe: u64) {
        let (first, last) = (token(probe % TOKENS), token(probe / 5 % TOKENS));
        let after = key((probe % TOKENS, (probe % 3) as u8, (probe % 4) as u8));
        for (first, last, after) in [(0, u64::MAX, None), (first, last, None), (0, last, Some(&after))] {
            let is_within = |key: &Key| {
                (first.max(partition.first_token)..=last.min(partition.last_token)).contains(&key.token)
                    && after.is_none_or(|after| key > after)
            };
            let expected = self.expected_items(is_within);
            let view = partition.pin();
            let cursor = partition.scan(&view, first, last, after.map(Key::as_ref), &self.bench.visible).unwrap();
            assert_eq!(drain(cursor), expected, "{first} {last} {after:?}");
            let mut cursor = partition.scan(&view, first, last, after.map(Key::as_ref), &self.bench.visible).unwrap();
            let mut items = Vec::new();
            let mut take = |item: ItemRef, _: usize| {
                items.push(number_of(&item));
                Ok(true)
            };
            cursor.each_item(&mut take).unwrap();
            assert_eq!(items, expected.iter().map(|found| found.2).collect::<Vec<_>>());
        }
    }
}

trait Within {
    fn contains_key(&self, sort: &[u8]) -> bool;
}
impl Within for (Bound<&[u8]>, Bound<&[u8]>) {
    fn contains_key(&self, sort: &[u8]) -> bool {
        use std::ops::RangeBounds;
        RangeBounds::<[u8]>::contains(self, sort)
    }
}

fn run(steps: Vec<Step>, mode: ReadMode) {
    let mut world = World::new(mode);
    for (at, step) in steps.into_iter().enumerate() {
        world.step(step);
        world.check(at as u64 * 31);
    }
    world.bench.visible.advance(world.next_seqno);
    for partition in &world.partitions {
        partition.freeze(&partition.lock(), world.lowest_unapplied() - 1);
        while world.bench.flush(partition) {}
    }
    world.collect_garbage();
    world.check(11);
    for partition in &world.partitions {
        partition.verify(&mut Default::default()).unwrap();
        let description = partition.describe();
        assert_eq!((description.active.keys, description.frozen.len()), (0, 0));
        assert_eq!(partition.oldest_unflushed_seqno(), None);
        assert!(partition.flushed_seqno() < world.lowest_unapplied());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn partitions_agree_with_a_map(steps in steps(), mapped in any::<bool>()) {
        run(steps, if mapped { ReadMode::Mapped } else { ReadMode::Buffered });
    }
}
