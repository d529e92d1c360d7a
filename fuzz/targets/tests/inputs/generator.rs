//! Inputs from a seed: mutations of what is known, and random bytes.

use hashrange_test_support::Random;
use std::ops::Range;

/// Bytes of an input at most, as with `fuzz/run`.
const MOST_BYTES: usize = 4096;
/// Powers of two up to [`MOST_BYTES`]: short inputs are as frequent as long ones.
const LENGTHS: usize = 13;
/// Bytes at which readers of numbers and texts decide something.
const EDGES: [u8; 12] = [0, 1, 0x7f, 0x80, 0xff, b'0', b'"', b'\\', b'(', b'{', b'[', b' '];

/// An endless stream of inputs.
pub struct Generator {
    random: Random,
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Iterator for Generator {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let is_random = self.seeds.is_empty() || self.random.one_in(8);
        let mut input = if is_random { self.bytes(MOST_BYTES) } else { self.random.pick(&self.seeds).clone() };
        for _ in usize::from(is_random)..=self.random.below(6) {
            self.mutate(&mut input);
        }
        input.truncate(MOST_BYTES);
        Some(input)
    }
}

impl Generator {
    pub fn new(seeds: Vec<Vec<u8>>, words: Vec<Vec<u8>>) -> Self {
        Self { random: Random::new(1), seeds, words }
    }

    /// Random bytes, more often few than many.
    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let most = most.min(1 << self.random.below(LENGTHS));
        let len = self.random.below(most + 1);
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend(self.random.next_u64().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    /// A part of so many bytes, which may be empty and is short more often than not.
    fn part(&mut self, len: usize) -> Range<usize> {
        let start = self.random.below(len + 1);
        let most = (len - start).min(1 << self.random.below(LENGTHS));
        start..start + self.random.below(most + 1)
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let part = self.part(input.len());
        let at = part.start;
        match self.random.below(12) {
            0 | 1 if at < input.len() => input[at] ^= 1 << self.random.below(8),
            2 if at < input.len() => input[at] = *self.random.pick(&EDGES),
            3 if at < input.len() => input[at] = self.random.next_u64() as u8,
            4 => drop(input.splice(at..at, self.bytes(16))),
            5 => drop(input.drain(part)),
            6 => {
                let repeated = input[part].to_vec();
                input.splice(at..at, repeated);
            }
            // Parts of another input over this one, in between, and from here on.
            7..=9 if !self.seeds.is_empty() => {
                let other = self.random.below(self.seeds.len());
                let taken = self.part(self.seeds[other].len());
                let replaced = match self.random.below(3) {
                    0 => at..input.len().min(at + taken.len()),
                    1 => at..at,
                    _ => at..input.len(),
                };
                input.splice(replaced, self.seeds[other][taken].iter().copied());
            }
            10 if !self.words.is_empty() => drop(input.splice(at..at, self.random.pick(&self.words).iter().copied())),
            _ => {
                input.truncate(at);
                let tail = self.bytes(MOST_BYTES);
                input.extend(tail);
            }
        }
    }
}
