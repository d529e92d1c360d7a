//! The directory of a run: from a token to the collections that have it.
//!
//! Tokens are hashes, spread evenly over the run's range of tokens, so the position of a collection among all
//! collections is nearly known from its token alone. The range is cut into buckets of about eight collections; an
//! array says where each bucket begins, and the collections of a bucket are in token order with the next 24 bits of
//! their token as a fingerprint beside their offset. A look-up touches two cache lines. Fingerprints of absent
//! collections differ except once in millions, so the directory is its own filter. It is used in place, as it is in
//! the file.
//!
//! ```text
//! directory   := start u32 * (buckets + 1), entry u64 * collections
//! entry       := fingerprint << 40 | offset of the record that stands for the collection
//! position    := (token - min_token) << (leading zeros of max_token - min_token)
//! bucket      := (position * scale) >> 64
//! fingerprint := bits 40 to 63 of position * scale
//! ```
//!
//! Buckets end with that of `max_token`. The record is a leaf, or the root of a collection that has several. Skewed
//! tokens (there are none but in tests and attacks) make long buckets and equal fingerprints, which are searched by
//! halves: slower, never wrong.

use super::{
    format::{Footer, Identity, MAX_FILE_BYTES, u32_at, u64_at},
    source::{Access, Source},
};
use crate::error::{Error, Result};

/// Collections per bucket: a bucket is about one cache line.
const BUCKET_COLLECTIONS: u64 = 8;
const OFFSET_BITS: u32 = 40;
const OFFSET_MASK: u64 = MAX_FILE_BYTES - 1;
/// Longer buckets are halved entry by entry before they are looked through.
const BUCKET_AT_ONCE: u64 = 32;

/// How tokens become buckets and fingerprints.
#[derive(Clone, Copy, Debug)]
struct Spread {
    min_token: u64,
    max_token: u64,
    shift: u32,
    scale: u64,
}

impl Spread {
    fn new(min_token: u64, max_token: u64, scale: u64) -> Self {
        let shift = max_token.saturating_sub(min_token).leading_zeros().min(63);
        Self { min_token, max_token, shift, scale }
    }
    /// The spread that gives `collections` their buckets.
    fn for_collections(min_token: u64, max_token: u64, collections: u64) -> Self {
        let spread = Self::new(min_token, max_token, 1);
        let buckets = u128::from(collections.div_ceil(BUCKET_COLLECTIONS).max(1));
        let scale = (buckets << 64) / (u128::from(spread.position(max_token)) + 1);
        Self { scale: u64::try_from(scale).unwrap_or(1).max(1), ..spread }
    }
    fn position(self, token: u64) -> u64 {
        (token - self.min_token) << self.shift
    }
    /// Bucket and fingerprint of a token within the range.
    #[inline]
    fn place(self, token: u64) -> (u64, u64) {
        let product = u128::from(self.position(token)) * u128::from(self.scale);
        ((product >> 64) as u64, product as u64 >> OFFSET_BITS)
    }
    fn buckets(self) -> u64 {
        self.place(self.max_token).0 + 1
    }
}

/// Where the directory is and how to look things up in it.
#[derive(Debug)]
pub(super) struct Directory {
    identity: Identity,
    spread: Spread,
    starts_at: u64,
    entries_at: u64,
    len: u64,
}

/// Collections that may have a token: by position in the directory, in the order of the run. Collections before them
/// have lower tokens and those behind them higher ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidates {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Offset of the first one's record, if there is one.
    pub(super) offset: u64,
}

impl Directory {
    pub(super) fn open(identity: Identity, footer: &Footer) -> Result<Self> {
        let spread = Spread::new(footer.min_token, footer.max_token, footer.directory_scale);
        let starts_at = footer.dictionary_end;
        let starts_len = spread.buckets().checked_add(1).and_then(|starts| starts.checked_mul(4));
        let entries_at = starts_len.and_then(|len| starts_at.checked_add(len));
        let end = entries_at.zip(footer.collections.checked_mul(8)).and_then(|(at, len)| at.checked_add(len));
        match entries_at {
            Some(entries_at) if end == Some(footer.directory_end) => {
                Ok(Self { identity, spread, starts_at, entries_at, len: footer.collections })
            }
            _ => Err(identity.corrupt(starts_at, "the directory is not as long as its section")),
        }
    }
    /// Number of collections.
    pub(super) fn len(&self) -> u64 {
        self.len
    }
    fn damaged(&self, at: u64) -> Error {
        self.identity.corrupt(at, "the directory contradicts itself")
    }
    /// The collections of a bucket, by position.
    #[inline]
    fn bucket<'a>(&self, source: impl Access<'a>, bucket: u64) -> Result<(u64, u64)> {
        let at = self.starts_at + bucket * 4;
        let bytes = source.piece(at, 8)?;
        match (u32_at(&bytes, 0).map(u64::from), u32_at(&bytes, 4).map(u64::from)) {
            (Some(start), Some(end)) if start <= end && end <= self.len => Ok((start, end)),
            _ => Err(self.damaged(at)),
        }
    }
    fn entry<'a>(&self, source: impl Access<'a>, index: u64) -> Result<u64> {
        if index >= self.len {
            return Err(self.damaged(self.entries_at));
        }
        let at = self.entries_at + index * 8;
        u64_at(&source.piece(at, 8)?, 0).ok_or_else(|| self.damaged(at))
    }
    /// Offset of the record that stands for a collection.
    pub(super) fn offset<'a>(&self, source: impl Access<'a>, index: u64) -> Result<u64> {
        Ok(self.entry(source, index)? & OFFSET_MASK)
    }
    /// The first position from `low` up to `high` whose fingerprint is not below `wanted`.
    fn lower_bound<'a>(&self, source: impl Access<'a>, mut low: u64, mut high: u64, wanted: u64) -> Result<u64> {
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entry(source, middle)? >> OFFSET_BITS < wanted { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }
    /// Where the list is of the collections at which the buckets of tokens begin.
    #[inline]
    pub(super) fn bucket_at(&self, token: u64) -> u64 {
        let bucket = self.spread.place(token.clamp(self.spread.min_token, self.spread.max_token)).0;
        self.starts_at + bucket * 4
    }
    /// The collections that may have a token.
    #[inline]
    pub(super) fn candidates<'a>(&self, source: impl Access<'a>, token: u64) -> Result<Candidates> {
        if self.len == 0 || token < self.spread.min_token {
            return Ok(Candidates { start: 0, end: 0, offset: 0 });
        }
        if token > self.spread.max_token {
            return Ok(Candidates { start: self.len, end: self.len, offset: 0 });
        }
        let (bucket, wanted) = self.spread.place(token);
        let (start, end) = self.bucket(source, bucket)?;
        if end - start > BUCKET_AT_ONCE {
            let first = self.lower_bound(source, start, end, wanted)?;
            let last = self.lower_bound(source, first, end, wanted + 1)?;
            let offset = if first < last { self.offset(source, first)? } else { 0 };
            return Ok(Candidates { start: first, end: last, offset });
        }
        let entries = source.piece(self.entries_at + start * 8, (end - start) as usize * 8)?;
        // Counting without branches costs less than finding the place by them.
        let (lowest, highest) = (wanted << OFFSET_BITS, wanted << OFFSET_BITS | OFFSET_MASK);
        let entries = entries.as_chunks().0;
        let (mut below, mut up_to) = (0, 0);
        for entry in entries {
            let entry = u64::from_le_bytes(*entry);
            below += usize::from(entry < lowest);
            up_to += usize::from(entry <= highest);
        }
        let found = entries.get(below..up_to).and_then(|found| found.first());
        let offset = found.map_or(0, |entry| u64::from_le_bytes(*entry) & OFFSET_MASK);
        Ok(Candidates { start: start + below as u64, end: start + up_to as u64, offset })
    }
    /// Checks that each bucket begins where the tokens say; `tokens` walks all collections in order and gives token and
    /// offset of each one's record.
    pub(super) fn verify(&self, source: &Source, tokens: &mut dyn Iterator<Item = Result<(u64, u64)>>) -> Result<()> {
        let (mut index, mut next_bucket) = (0, 0);
        for collection in tokens {
            let (token, offset) = collection?;
            if token < self.spread.min_token || token > self.spread.max_token {
                return Err(self.damaged(offset));
            }
            let (bucket, fingerprint) = self.spread.place(token);
            while next_bucket <= bucket {
                if self.bucket(source, next_bucket)?.0 != index {
                    return Err(self.damaged(self.starts_at + next_bucket * 4));
                }
                next_bucket += 1;
            }
            if self.entry(source, index)? != fingerprint << OFFSET_BITS | offset {
                return Err(self.damaged(self.entries_at + index * 8));
            }
            index += 1;
        }
        let whole = self.len == 0 || next_bucket == self.spread.buckets();
        if index == self.len && whole && self.bucket(source, self.spread.buckets() - 1)?.1 == self.len {
            Ok(())
        } else {
            Err(self.damaged(self.entries_at))
        }
    }
}

/// Collects tokens and offsets in the order of the run: 16 bytes per collection until the run is finished.
#[derive(Debug, Default)]
pub(super) struct DirectoryBuilder {
    collections: Vec<(u64, u64)>,
}

impl DirectoryBuilder {
    pub(super) fn with_capacity(collections: usize) -> Self {
        Self { collections: Vec::with_capacity(collections) }
    }
    pub(super) fn push(&mut self, token: u64, offset: u64) {
        self.collections.push((token, offset));
    }
    pub(super) fn len(&self) -> u64 {
        self.collections.len() as u64
    }
    /// Hands the directory's bytes to `put`, piece by piece, and answers its scale.
    pub(super) fn encode(&self, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<u64> {
        let (min, max) = match (self.collections.first(), self.collections.last()) {
            (Some(first), Some(last)) => (first.0, last.0),
            _ => (0, 0),
        };
        let spread = Spread::for_collections(min, max, self.len());
        let mut next_bucket = 0;
        for (index, (token, _)) in (0u32..).zip(&self.collections) {
            while next_bucket <= spread.place(*token).0 {
                put(&index.to_le_bytes())?;
                next_bucket += 1;
            }
        }
        while next_bucket <= spread.buckets() {
            let len = u32::try_from(self.len()).map_err(|_| Error::limit_exceeded("A run has too many collections"))?;
            put(&len.to_le_bytes())?;
            next_bucket += 1;
        }
        for (token, offset) in &self.collections {
            put(&(spread.place(*token).1 << OFFSET_BITS | offset).to_le_bytes())?;
        }
        Ok(spread.scale)
    }
}
