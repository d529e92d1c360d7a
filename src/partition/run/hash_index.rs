//! The hash index of a run: from a whole key to its entry, or to the answer that the run has no such key.
//!
//! The directory leads to a collection, which is what a query wants. A get wants one entry of it, and would have to search
//! the collection's leaf, and the nodes above it. The index spares both: it is a hash table whose buckets are one cache
//! line each, so that a get waits for memory once for the bucket and once for the leaf, and for an absent key but once.
//! About one absent key in 5,000 finds a tag that is its own by chance; the leaf then says that it is not there.
//!
//! ```text
//! hash index := zeros up to a multiple of 64 bytes from the begin of the file, bucket *
//! bucket     := tag u16 * 8, place * 8
//! tag        := 0 for a free slot, else bits 0 to 14 of the hash, or 1 if they are zero;
//!               bit 15 of the first tag: entries of this bucket or of one before are in the next bucket
//! place      := index u8 of the entry in its leaf, 255 if it is not below that; offset u40 of the leaf
//! ```
//!
//! A key's hash is XXH3 of its sort key with the token as the seed; collections do not enter, as their tokens stand for
//! them. Its bucket is the hash times the number of buckets, shifted right by 64 bits; an entry for which there is no
//! room goes to the next bucket that has some, behind the last one to the first.

use super::{
    filter::key_hash,
    format::{BUCKET_BYTES, Footer, u64_at},
    source::Access,
};
use crate::{error::Result, partition::key::KeyRef};

/// Slots of a bucket.
const SLOTS: usize = 8;
/// Bytes of the tags of a bucket, before its places.
const TAGS_BYTES: usize = SLOTS * 2;
const PLACE_BYTES: usize = 6;
/// Of so many slots (the second number) the writer fills the first, on average.
const FILL: (u64, u64) = (3, 4);
/// Buckets that a look-up goes through at most; a writer that needs more leaves the index out.
const PROBES_MAX: u64 = 32;
/// Runs with more entries have no index: while a run is written, each takes 16 bytes of memory.
const ENTRIES_MAX: usize = 1 << 23;
/// The index of an entry that is not below it.
const INDEX_FAR: u8 = u8::MAX;

const TAG_BITS: u16 = 0x7fff;
const SPILLED: u16 = 0x8000;
/// The lowest bit of each tag in a word of four.
const EACH: u64 = 0x0001_0001_0001_0001;

fn tag_of(hash: u64) -> u16 {
    (hash as u16 & TAG_BITS).max(1)
}

fn bucket_of(hash: u64, buckets: u64) -> u64 {
    ((u128::from(hash) * u128::from(buckets)) >> 64) as u64
}

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Offset of the leaf.
    pub(super) leaf: u64,
    /// Index in the leaf; `None` if the leaf must be searched.
    pub(super) index: Option<usize>,
}

/// Where the index is; without buckets there is none.
#[derive(Debug)]
pub(super) struct HashIndex {
    at: u64,
    buckets: u64,
}

/// Slots of a bucket that may be those of a key, one after the other.
struct Matches<'b> {
    bucket: &'b [u8],
    /// One bit for each slot that is left, at 16 times its number.
    bits: u128,
}

impl<'b> Matches<'b> {
    #[inline(always)]
    fn of(bucket: &'b [u8], tag: u16) -> Option<Self> {
        let equal = |at: usize| {
            let different = (u64_at(bucket, at)? ^ (EACH * u64::from(tag))) & (EACH * u64::from(TAG_BITS));
            // The highest bit of a tag becomes 1 unless the tag is zero; nothing is carried into the next one.
            Some(!(different + EACH * u64::from(TAG_BITS)) & (EACH << 15))
        };
        Some(Self { bucket, bits: u128::from(equal(0)?) | u128::from(equal(8)?) << 64 })
    }
}

impl Iterator for Matches<'_> {
    type Item = Place;
    #[inline(always)]
    fn next(&mut self) -> Option<Place> {
        if self.bits == 0 {
            return None;
        }
        let slot = self.bits.trailing_zeros() as usize / 16;
        self.bits &= self.bits - 1;
        place_at(self.bucket, slot)
    }
}

#[inline(always)]
fn place_at(bucket: &[u8], slot: usize) -> Option<Place> {
    let [index, a, b, c, d, e] = *bucket.get(TAGS_BYTES + slot * PLACE_BYTES..)?.first_chunk()?;
    let index = (index != INDEX_FAR).then_some(usize::from(index));
    Some(Place { leaf: u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]), index })
}

impl HashIndex {
    pub(super) fn open(footer: &Footer) -> Self {
        Self { at: footer.hash_at(), buckets: footer.buckets() }
    }
    /// Whether there is an index.
    #[inline]
    pub(super) fn exists(&self) -> bool {
        self.buckets > 0
    }
    /// Asks `check` about each place at which the entry of a key with this hash may be, until it has an answer.
    #[inline(always)]
    pub(super) fn find<'a, T>(
        &self,
        source: impl Access<'a>,
        hash: u64,
        mut check: impl FnMut(Place) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let (tag, mut bucket) = (tag_of(hash), bucket_of(hash, self.buckets));
        for _ in 0..PROBES_MAX.min(self.buckets) {
            let bytes = source.piece(self.at + bucket * BUCKET_BYTES, BUCKET_BYTES as usize)?;
            let Some(matches) = Matches::of(&bytes, tag) else { return Ok(None) };
            for place in matches {
                if let Some(found) = check(place)? {
                    return Ok(Some(found));
                }
            }
            if bytes.get(1).is_none_or(|high| high & (SPILLED >> 8) as u8 == 0) {
                return Ok(None);
            }
            bucket = if bucket + 1 == self.buckets { 0 } else { bucket + 1 };
        }
        Ok(None)
    }
    /// Whether the run may hold a key; if not, it does not.
    pub(super) fn may_hold<'a>(&self, source: impl Access<'a>, key: KeyRef<'_>) -> Result<bool> {
        Ok(!self.exists() || self.find(source, key_hash(key), |place| Ok(Some(place)))?.is_some())
    }
    /// Whether the index leads from a key to the place of its entry.
    pub(super) fn leads_to<'a>(
        &self,
        source: impl Access<'a>,
        key: KeyRef<'_>,
        leaf: u64,
        index: usize,
    ) -> Result<bool> {
        let wanted = Place { leaf, index: (index < usize::from(INDEX_FAR)).then_some(index) };
        let found = self.find(source, key_hash(key), |place| Ok((place == wanted).then_some(())))?;
        Ok(!self.exists() || found.is_some())
    }
    /// How many slots are taken.
    pub(super) fn taken<'a>(&self, source: impl Access<'a>) -> Result<u64> {
        let mut taken = 0;
        for bucket in 0..self.buckets {
            let bytes = source.piece(self.at + bucket * BUCKET_BYTES, TAGS_BYTES)?;
            let tags = bytes.as_chunks().0.iter().map(|tag| u16::from_le_bytes(*tag));
            taken += tags.filter(|tag| tag & TAG_BITS != 0).count() as u64;
        }
        Ok(taken)
    }
    /// Where the bucket of a key with this hash is.
    #[inline]
    pub(super) fn bucket_at(&self, hash: u64) -> u64 {
        self.at + bucket_of(hash, self.buckets) * BUCKET_BYTES
    }
}

/// Collects the hashes of a run's keys and the places of their entries.
#[derive(Debug, Default)]
pub(super) struct HashIndexBuilder {
    /// Hash, and place as it is written.
    entries: Vec<(u64, u64)>,
    /// Entries of leaves that were written.
    placed: usize,
    overflow: bool,
}

impl HashIndexBuilder {
    /// Adds a key, whose leaf is not written yet.
    pub(super) fn push(&mut self, key: KeyRef<'_>) {
        if self.entries.len() < ENTRIES_MAX {
            self.entries.push((key_hash(key), 0));
        } else {
            self.overflow = true;
        }
    }
    /// The keys that were added since the last call are, in their order, those of the leaf at an offset.
    pub(super) fn place(&mut self, leaf: u64) {
        let new = self.entries.get_mut(self.placed..).unwrap_or_default();
        for (at, (_, place)) in new.iter_mut().enumerate() {
            *place = leaf << 8 | u64::from(u8::try_from(at).unwrap_or(INDEX_FAR));
        }
        self.placed = self.entries.len();
    }
    /// The buckets, none if they would not pay: the run has too many entries, or about one per collection, to which the
    /// directory leads; or hashes are not spread as they should be.
    pub(super) fn finish(self, collections: u64) -> Vec<u8> {
        let entries = self.entries.len() as u64;
        if self.overflow || entries <= collections + collections / 8 {
            return Vec::new();
        }
        let buckets = (entries * FILL.1).div_ceil(SLOTS as u64 * FILL.0);
        let mut bytes = vec![0; (buckets * BUCKET_BYTES) as usize];
        for (hash, place) in self.entries {
            let mut bucket = bucket_of(hash, buckets);
            let mut probes = 1;
            while !put(&mut bytes[(bucket * BUCKET_BYTES) as usize..][..BUCKET_BYTES as usize], tag_of(hash), place) {
                if probes == PROBES_MAX.min(buckets) {
                    return Vec::new();
                }
                probes += 1;
                bucket = (bucket + 1) % buckets;
            }
        }
        bytes
    }
}

/// Puts an entry into a bucket; if there is no room, the bucket says so from now on.
fn put(bucket: &mut [u8], tag: u16, place: u64) -> bool {
    let (tags, places) = bucket.split_at_mut(TAGS_BYTES);
    let tags = tags.as_chunks_mut::<2>().0;
    let free = tags.iter().position(|tag| u16::from_le_bytes(*tag) & TAG_BITS == 0);
    let Some(slot) = free else {
        tags[0] = (u16::from_le_bytes(tags[0]) | SPILLED).to_le_bytes();
        return false;
    };
    tags[slot] = (u16::from_le_bytes(tags[slot]) & SPILLED | tag).to_le_bytes();
    places[slot * PLACE_BYTES..][..PLACE_BYTES].copy_from_slice(&place.to_le_bytes()[..PLACE_BYTES]);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that need no verifying.
    #[derive(Clone, Copy)]
    struct Plain<'a>(&'a [u8]);
    impl<'a> Access<'a> for Plain<'a> {
        type Piece = &'a [u8];
        fn piece(self, offset: u64, len: usize) -> Result<&'a [u8]> {
            Ok(&self.0[offset as usize..][..len])
        }
    }

    fn key(number: &[u8; 8]) -> KeyRef<'_> {
        KeyRef { token: 7, collection: b"", sort: number }
    }

    fn index_of(entries: u64) -> (HashIndex, Vec<u8>) {
        let mut builder = HashIndexBuilder::default();
        for number in 0..entries {
            builder.push(key(&number.to_be_bytes()));
            if number % 300 == 299 {
                builder.place(number / 300 + 40);
            }
        }
        builder.place(entries / 300 + 40);
        let bytes = builder.finish(entries / 300);
        (HashIndex { at: 0, buckets: bytes.len() as u64 / BUCKET_BYTES }, bytes)
    }

    #[test]
    fn leads_to_each_entry_and_to_few_others() {
        let (index, bytes) = index_of(10_000);
        assert_eq!(index.buckets, 1_667);
        let source = Plain(&bytes);
        for number in 0..10_000u64 {
            let (leaf, at) = (number / 300 + 40, number as usize % 300);
            assert!(index.leads_to(source, key(&number.to_be_bytes()), leaf, at).unwrap(), "{number}");
        }
        assert_eq!(index.taken(source).unwrap(), 10_000);
        let holds = |number: &u64| index.may_hold(source, key(&number.to_be_bytes())).unwrap();
        let wrong = (10_000..110_000).filter(holds).count();
        assert!(wrong < 60, "{wrong} of 100,000");
    }

    #[test]
    fn golden_bytes() {
        let mut bucket = [0; 64];
        (1..=8).for_each(|tag| assert!(put(&mut bucket, tag, (0x1_0203_0405 + u64::from(tag)) << 8 | u64::from(tag))));
        assert!(!put(&mut bucket, 9, 0));
        assert_eq!(&bucket[..18], b"\x01\x80\x02\0\x03\0\x04\0\x05\0\x06\0\x07\0\x08\0\x01\x06");
        assert_eq!(&bucket[58..], b"\x08\x0d\x04\x03\x02\x01");
        for tag in 1..=8 {
            let places: Vec<_> = Matches::of(&bucket, tag).unwrap().collect();
            let leaf = 0x1_0203_0405 + u64::from(tag);
            assert_eq!(places, [Place { leaf, index: Some(usize::from(tag)) }]);
        }
        assert_eq!(Matches::of(&bucket, 9).unwrap().count(), 0);
    }

    #[test]
    fn is_left_out_where_the_directory_suffices_or_hashes_collide() {
        for (entries, expected) in [(0, true), (100, true), (112, true), (113, false)] {
            let mut builder = HashIndexBuilder::default();
            (0..entries as u64).for_each(|number| builder.push(key(&number.to_be_bytes())));
            assert_eq!(builder.finish(100).is_empty(), expected, "{entries}");
        }
        let mut builder = HashIndexBuilder::default();
        (0..1_000).for_each(|_| builder.push(key(&[1; 8])));
        assert!(builder.finish(1).is_empty());
    }
}
