//! The item filter of a run of format version 1: whether it can hold a key at all. Later versions have a hash index in its
//! place, see `hash_index`; no filter is written any more.
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
    format::{FILTER_BLOCK_BYTES, Footer},
    source::Access,
};
use crate::{error::Result, partition::key::KeyRef};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Odd multipliers that take a key's hash to a bit in each word.
const MULTIPLIERS: [u32; 8] =
    [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d, 0x27d4_eb2f, 0x1656_67b1, 0xd3a2_646d, 0xfd70_46c5, 0xb55a_4f09];

/// The hash of a whole key, for the filter and for the hash index.
#[inline]
pub(super) fn key_hash(key: KeyRef<'_>) -> u64 {
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

/// Where the filter is; without blocks it excludes nothing.
#[derive(Debug)]
pub(super) struct Filter {
    at: u64,
    blocks: u64,
}

impl Filter {
    pub(super) fn open(footer: &Footer) -> Self {
        Self { at: footer.hash_at(), blocks: footer.filter_blocks() }
    }
    /// Whether the run may hold a key; if not, it does not.
    #[inline]
    pub(super) fn may_hold<'a>(&self, source: impl Access<'a>, key: KeyRef<'_>) -> Result<bool> {
        if self.blocks == 0 {
            return Ok(true);
        }
        let hash = key_hash(key);
        let at = self.at + block_of(hash, self.blocks) * FILTER_BLOCK_BYTES;
        let piece = source.piece(at, FILTER_BLOCK_BYTES as usize)?;
        let block: [u8; FILTER_BLOCK_BYTES as usize] =
            piece.first_chunk().copied().unwrap_or([0xff; FILTER_BLOCK_BYTES as usize]);
        let word = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        let missing = bits_of(hash).iter().enumerate().fold(0, |missing, (at, bit)| missing | (bit & !word(at * 4)));
        Ok(missing == 0)
    }
}
