//! Which keys have the most weight, in a fixed space: the space-saving sketch of Metwally, Agrawal and El Abbadi.
//!
//! It counts so many keys. A key that is not counted takes the place of the one with the least weight and goes on from that
//! weight, which is noted as its error. So the true weight of a counted key is at most what is counted, and at least that
//! less its error; a key that is not counted has at most the least weight that is; and no error is more than the sum of all
//! weights divided by the number of keys.

use hashbrown::HashTable;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque, binary_heap::PeekMut},
};
use xxhash_rust::xxh3::xxh3_64;

/// Minutes of a key that are kept besides the one that goes on.
const MAX_MINUTES: usize = 29;

/// Keys with the most weight.
#[derive(Debug)]
pub struct Sketch {
    most: usize,
    counters: Vec<Counter>,
    /// Positions of counters, by their keys.
    positions: HashTable<usize>,
    /// Each counter's position, with the weight that it had when it was last looked at: the least first.
    lightest: BinaryHeap<Reverse<(u64, usize)>>,
    total: u64,
}

/// A key that is counted.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    /// The key.
    pub key: Vec<u8>,
    /// The most that its weight can be.
    pub weight: u64,
    /// How much of it may have been another key's.
    pub error: u64,
    /// What was written of the weight that is certain; not weighed.
    pub written: u64,
    /// The minute that goes on.
    minute: CounterMinute,
    /// Minutes before, oldest first.
    earlier: VecDeque<CounterMinute>,
    /// The most weight of a minute before.
    earlier_peak_weight: u64,
}

/// What a counted key did in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterMinute {
    /// Minutes since 1970.
    pub minute: u64,
    /// Its weight then.
    pub weight: u64,
    /// What was written of it; not weighed.
    pub written: u64,
}

impl Counter {
    /// The most weight that the key was seen to have in one minute.
    pub fn peak_minute_weight(&self) -> u64 {
        self.earlier_peak_weight.max(self.minute.weight)
    }
    /// The last minutes in which it had weight, oldest first: at most 30.
    pub fn minutes(&self) -> impl Iterator<Item = &CounterMinute> {
        self.earlier.iter().chain([&self.minute]).filter(|minute| minute.weight > 0)
    }
    /// Another minute has begun.
    #[cold]
    fn begin(&mut self, minute: u64) {
        if self.minute.weight > 0 {
            if self.earlier.len() >= MAX_MINUTES {
                self.earlier.pop_front();
            }
            self.earlier.push_back(self.minute);
            self.earlier_peak_weight = self.peak_minute_weight();
        }
        self.minute = CounterMinute { minute, weight: 0, written: 0 };
    }
    /// The place is another key's from now on.
    fn give_to(&mut self, key: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.error = self.weight;
        self.earlier.clear();
        (self.written, self.earlier_peak_weight) = (0, 0);
        self.minute = CounterMinute::default();
    }
}

impl Sketch {
    /// A sketch of so many keys.
    pub fn new(most: usize) -> Self {
        let (positions, lightest) = (HashTable::new(), BinaryHeap::new());
        Self { most: most.max(1), counters: Vec::new(), positions, lightest, total: 0 }
    }
    /// A key has so much weight more, for so much that was written.
    pub fn add(&mut self, key: &[u8], weight: u64, written: u64, minute: u64) {
        self.total += weight;
        let hash = xxh3_64(key);
        let at = match self.positions.find(hash, |at| self.counters[*at].key == key) {
            Some(at) => *at,
            None => self.take_place(key, hash),
        };
        let Some(counter) = self.counters.get_mut(at) else { return };
        if counter.minute.minute != minute {
            counter.begin(minute);
        }
        counter.weight += weight;
        counter.written += written;
        counter.minute.weight += weight;
        counter.minute.written += written;
    }
    fn take_place(&mut self, key: &[u8], hash: u64) -> usize {
        let at = if self.counters.len() < self.most {
            self.counters.push(Counter { key: key.to_vec(), ..Counter::default() });
            self.lightest.push(Reverse((0, self.counters.len() - 1)));
            self.counters.len() - 1
        } else {
            let Some(at) = self.lightest() else { return 0 };
            let counter = &mut self.counters[at];
            if let Ok(entry) = self.positions.find_entry(xxh3_64(&counter.key), |known| *known == at) {
                entry.remove();
            }
            counter.give_to(key);
            at
        };
        self.positions.insert_unique(hash, at, |at| xxh3_64(&self.counters[*at].key));
        at
    }
    /// The first counter of those with the least weight, so that the same accesses leave the same sketch.
    fn lightest(&mut self) -> Option<usize> {
        loop {
            let mut first = self.lightest.peek_mut()?;
            let Reverse((weight, at)) = *first;
            let weight_now = self.counters[at].weight;
            if weight == weight_now {
                return Some(at);
            }
            *first = Reverse((weight_now, at));
            drop::<PeekMut<'_, _>>(first); // finds its new place
        }
    }
    /// The keys that are counted.
    pub fn counters(&self) -> &[Counter] {
        &self.counters
    }
    /// Sum of all weights.
    pub fn total(&self) -> u64 {
        self.total
    }
    /// The most weight that a key can have which is not counted.
    pub fn most_uncounted(&self) -> u64 {
        if self.counters.len() < self.most {
            return 0;
        }
        self.counters.iter().map(|counter| counter.weight).min().unwrap_or(0)
    }
}
