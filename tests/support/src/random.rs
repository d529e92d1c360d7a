//! The engine's stream of numbers from a seed, with the forms that tests ask for: a failing test is repeated by its seed.

use hashrange::testing;

/// A seeded stream of numbers.
#[derive(Clone, Debug)]
pub struct Random(testing::Random);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(testing::Random::new(seed))
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next_u64() % limit as u64) as usize
    }

    /// A number below `limit`, or 0 if `limit` is 0.
    pub fn below_u64(&mut self, limit: u64) -> u64 {
        self.next_u64() % limit.max(1)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// The seeds of a test of random histories: as many as the variable `HASHRANGE_HISTORIES` says, or as usual.
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    0..number_in("HASHRANGE_HISTORIES").unwrap_or(usual)
}

/// How often a test does what it repeats: as often as the variable `HASHRANGE_ROUNDS` says, or as usual.
pub fn rounds(usual: u64) -> u64 {
    number_in("HASHRANGE_ROUNDS").unwrap_or(usual)
}

fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
