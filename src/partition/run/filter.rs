//! The item filter of a run: whether it can hold a key at all.
//!
//! The directory knows all collections, so in a run of collections with one entry each it excludes absent keys by
//! itself. Where collections have several entries, a key may be absent from a collection that is there: that is the
//! usual case in a run of recent updates, and without a filter it takes a look into the collection to find out, which
//! waits for memory. The filter answers from one cache line of a table of 10 bits per entry and is wrong once in a
//! hundred, in the harmless direction.
//!
//! It is a Bloom filter split into blocks of 256 bits (Putze, Sanders and Singler, "Cache-, hash- and space-efficient
//! Bloom filters"): a key has one block, and in it one bit in each of eight words.
//!
//! ```text
//! filter := zeros up to a multiple of 32 bytes from the begin of the file, block *
//! block  := word u32 * 8
//! ```
//!
//! A key's hash is XXH3 of its sort key with the token as the seed; collections do not enter, as their tokens stand for
//! them.

use super::{
    format::{FILTER_BLOCK_BYTES, Footer, put_u32s},
    source::Access,
};
use crate::{error::Result, partition::key::KeyRef};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bits of the filter per entry.
const BITS_PER_ENTRY: u64 = 10;
/// Runs with more entries have no filter: while a run is written, each takes eight bytes of memory.
const ENTRIES_MAX: usize = 1 << 23;
/// Odd multipliers that take a key's hash to a bit in each word.
const MULTIPLIERS: [u32; 8] =
    [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1, 0xd3a2_646d, 0xfd70_46c5, 0xb55a_4f09];

fn hash(key: KeyRef<'_>) -> u64 {
    xxh3_64_with_seed(key.sort, key.token)
}

/// The block of a key among `blocks`.
fn block_of(hash: u64, blocks: u64) -> u64 {
    ((u128::from(hash) * u128::from(blocks)) >> 64) as u64
}

/// The bits of a key in its block.
fn bits_of(hash: u64) -> [u32; 8] {
    MULTIPLIERS.map(|multiplier| 1 << ((hash as u32).wrapping_mul(multiplier) >> 27))
}

/// Where the filter lies; without blocks it excludes nothing.
#[derive(Debug)]
pub(super) struct Filter {
    at: u64,
    blocks: u64,
}

impl Filter {
    pub(super) fn open(footer: &Footer) -> Self {
        Self { at: footer.filter_at(), blocks: footer.filter_blocks }
    }
    /// Whether the run may hold a key; if not, it does not.
    #[inline]
    pub(super) fn may_hold<'a>(&self, source: impl Access<'a>, key: KeyRef<'_>) -> Result<bool> {
        if self.blocks == 0 {
            return Ok(true);
        }
        let hash = hash(key);
        let at = self.at + block_of(hash, self.blocks) * FILTER_BLOCK_BYTES;
        let piece = source.piece(at, FILTER_BLOCK_BYTES as usize)?;
        let block: [u8; FILTER_BLOCK_BYTES as usize] =
            piece.first_chunk().copied().unwrap_or([0xff; FILTER_BLOCK_BYTES as usize]);
        let word = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        let missing = bits_of(hash).iter().enumerate().fold(0, |missing, (at, bit)| missing | (bit & !word(at * 4)));
        Ok(missing == 0)
    }
}

/// Collects the hashes of a run's keys.
#[derive(Debug, Default)]
pub(super) struct FilterBuilder {
    hashes: Vec<u64>,
    overflow: bool,
}

impl FilterBuilder {
    pub(super) fn push(&mut self, key: KeyRef<'_>) {
        if self.hashes.len() < ENTRIES_MAX {
            self.hashes.push(hash(key));
        } else {
            self.overflow = true;
        }
    }
    /// The blocks of the filter, none if it would not pay: the run has too many entries, or about one per collection.
    pub(super) fn finish(self, collections: u64) -> Vec<u8> {
        let entries = self.hashes.len() as u64;
        if self.overflow || entries <= collections + collections / 8 {
            return Vec::new();
        }
        let blocks = (entries * BITS_PER_ENTRY).div_ceil(FILTER_BLOCK_BYTES * 8);
        let mut words = vec![0u32; blocks as usize * 8];
        for hash in self.hashes {
            let block = block_of(hash, blocks) as usize * 8;
            for (word, bit) in words[block..block + 8].iter_mut().zip(bits_of(hash)) {
                *word |= bit;
            }
        }
        put_u32s(&words)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::format::u32_at, *};

    fn key(number: &[u8; 8]) -> KeyRef<'_> {
        KeyRef { token: 7, collection: b"", sort: number }
    }

    #[test]
    fn holds_all_keys_and_few_others() {
        let mut builder = FilterBuilder::default();
        (0..10_000u64).for_each(|number| builder.push(key(&number.to_be_bytes())));
        let bytes = builder.finish(100);
        let blocks = bytes.len() as u64 / FILTER_BLOCK_BYTES;
        assert_eq!(blocks, 391);
        let holds = |number: u64| {
            let hash = hash(key(&number.to_be_bytes()));
            let at = block_of(hash, blocks) as usize * 32;
            (0..8).zip(bits_of(hash)).all(|(word, bit)| u32_at(&bytes, at + word * 4).unwrap() & bit != 0)
        };
        assert!((0..10_000).all(holds));
        let wrong = (10_000..110_000).filter(|number| holds(*number)).count();
        assert!(wrong < 2_000, "{wrong} of 100,000");
    }

    #[test]
    fn is_left_out_where_the_directory_suffices() {
        for (entries, expected) in [(0, true), (100, true), (112, true), (113, false)] {
            let mut builder = FilterBuilder::default();
            (0..entries as u64).for_each(|number| builder.push(key(&number.to_be_bytes())));
            assert_eq!(builder.finish(100).is_empty(), expected, "{entries}");
        }
    }
}
