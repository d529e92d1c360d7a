//! Which keys have the most weight, in a fixed space: the space-saving sketch of Metwally, Agrawal and El Abbadi.
//!
//! It counts so many keys. A key that is not counted takes the place of the one with the least weight and goes on from that
//! weight, which is noted as its error. So the true weight of a counted key is at most what is counted, and at least that
//! less its error; a key that is not counted has at most the least weight that is; and no error is more than the sum of all
//! weights divided by the number of keys.

use std::collections::HashMap;

/// Keys with the most weight.
#[derive(Debug)]
pub struct Sketch {
    most: usize,
    counters: Vec<Counter>,
    positions: HashMap<Box<[u8]>, usize>,
    total: u64,
}

/// A key that is counted.
#[derive(Clone, Debug)]
pub struct Counter {
    /// The key.
    pub key: Box<[u8]>,
    /// The most that its weight can be.
    pub weight: u64,
    /// How much of it may have been another key's.
    pub error: u64,
    minute: u64,
    /// Weight in that minute.
    minute_weight: u64,
    /// The most weight that it was seen to have in one minute.
    pub peak_minute_weight: u64,
}

impl Sketch {
    /// A sketch of so many keys.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), counters: Vec::new(), positions: HashMap::new(), total: 0 }
    }
    /// A key has so much weight more.
    pub fn add(&mut self, key: &[u8], weight: u64, minute: u64) {
        self.total += weight;
        let at = match self.positions.get(key) {
            Some(at) => *at,
            None => self.take_place(key),
        };
        let Some(counter) = self.counters.get_mut(at) else { return };
        counter.weight += weight;
        if counter.minute != minute {
            (counter.minute, counter.minute_weight) = (minute, 0);
        }
        counter.minute_weight += weight;
        counter.peak_minute_weight = counter.peak_minute_weight.max(counter.minute_weight);
    }
    fn take_place(&mut self, key: &[u8]) -> usize {
        let new = |weight: u64| Counter {
            key: key.into(),
            weight,
            error: weight,
            minute: 0,
            minute_weight: 0,
            peak_minute_weight: 0,
        };
        let at = if self.counters.len() < self.most {
            self.counters.push(new(0));
            self.counters.len() - 1
        } else {
            // The first of those with the least weight, so that the same accesses leave the same sketch.
            let least = self.counters.iter().enumerate().min_by_key(|(_, counter)| counter.weight);
            let Some((at, weight)) = least.map(|(at, counter)| (at, counter.weight)) else { return 0 };
            let before = std::mem::replace(&mut self.counters[at], new(weight));
            self.positions.remove(&before.key);
            at
        };
        self.positions.insert(key.into(), at);
        at
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
