//! A stream of numbers from a seed (SplitMix64, Steele, Lea and Flood, 2014): the same on every machine, so that a
//! failing test is repeated by its seed.

/// A seeded stream of numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
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
    0..std::env::var("HASHRANGE_HISTORIES").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}
