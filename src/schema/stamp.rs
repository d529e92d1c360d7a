//! The stamp of an item in a table with replicas: when it was last written and where, by which two writes of one item in two
//! regions are ordered.
//!
//! Stamps of a table are entries beside its items, as those of a local index are: the same token and the same sort key,
//! in a key space of their own. The entry of a deleted item stays, so that an older write which arrives later does not bring
//! the item back. A table without replicas has none.
//!
//! ```text
//! collection  = 255, partition key         sort = sort key
//! entry       = an item with one binary attribute "s": micros (8 bytes, big-endian), region (utf-8)
//! ```

use super::EncodedKey;
use crate::item::{AttributeValue, Item, ItemRef, encode_item};
use bytes::Bytes;
use smallvec::SmallVec;
use std::{fmt, str};

/// First byte of the collections of stamps. Local indexes have 1 to 5.
pub const STAMP_SPACE: u8 = 255;
/// The only attribute of an entry.
const STAMP: &str = "s";

/// When and where an item was last written, in a table that has replicas. Stamps are ordered by time, and by the name of the
/// region where times are equal: the greater one wins.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    micros: u64,
    region: SmallVec<[u8; 16]>,
}

impl Stamp {
    /// A stamp of that time, in microseconds since 1970, and region.
    pub fn new(micros: u64, region: &str) -> Self {
        Self { micros, region: SmallVec::from_slice(region.as_bytes()) }
    }
    /// The stamp of an item that was written before its table had replicas: every other stamp is greater.
    pub fn oldest() -> Self {
        Self { micros: 0, region: SmallVec::new() }
    }
    /// The stamp of a write in a region at a time: later than what the item had, whatever the clock says, since the writer has
    /// seen that.
    pub(crate) fn next(now_millis: u64, region: &str, last: Option<&Self>) -> Self {
        let after_last = last.map_or(0, |last| last.micros.saturating_add(1));
        Self::new(now_millis.saturating_mul(1_000).max(after_last), region)
    }
    /// The time, in microseconds since 1970. Writes of one item within a millisecond have times that differ, so that it may be
    /// a little ahead of the clock.
    pub fn micros(&self) -> u64 {
        self.micros
    }
    /// The region in which the item was written; empty for [`Stamp::oldest`].
    pub fn region(&self) -> &str {
        // It was made from a string.
        str::from_utf8(&self.region).unwrap_or_default()
    }
    /// The stamp in the entry of an item; `None` for an entry that has none.
    pub(crate) fn of_entry(entry: &ItemRef) -> Option<Self> {
        let (micros, region) = entry.get(STAMP)?.as_bytes()?.split_first_chunk()?;
        Some(Self::new(u64::from_be_bytes(*micros), str::from_utf8(region).ok()?))
    }
    /// The entry that keeps it.
    pub(crate) fn to_entry(&self) -> Bytes {
        let value = [self.micros.to_be_bytes().as_slice(), &self.region].concat();
        encode_item(&Item::new().with(STAMP, AttributeValue::B(value.into()))).into()
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stamp({} us, {})", self.micros, self.region())
    }
}

impl EncodedKey {
    /// Where the stamp of an item is kept.
    pub(crate) fn of_stamp(&self) -> Self {
        let partition_key = self.collection().get(1..).unwrap_or_default();
        let mut collection: SmallVec<[u8; 64]> = SmallVec::with_capacity(partition_key.len() + 1);
        collection.push(STAMP_SPACE);
        collection.extend_from_slice(partition_key);
        Self::at_token(self.token(), &collection, self.sort())
    }
    /// The item that the stamp at this place belongs to.
    pub(crate) fn of_stamped_item(&self) -> Self {
        Self::from_parts(&[&[super::ITEM_SPACE], self.collection().get(1..).unwrap_or_default()].concat(), self.sort())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_is_greater_and_the_region_decides_between_equal_times() {
        let at = Stamp::new;
        assert!(Stamp::oldest() < at(0, "a") && at(5, "b") < at(6, "a") && at(5, "a") < at(5, "b"));
        let next = Stamp::next(5, "a", None);
        assert_eq!((next.micros(), next.region()), (5_000, "a"));
        assert_eq!(Stamp::next(5, "a", Some(&next)).micros(), 5_001);
        assert_eq!(Stamp::next(5, "a", Some(&at(9_000, "b"))).micros(), 9_001, "the other clock was ahead");
    }

    #[test]
    fn an_entry_keeps_its_stamp_beside_its_item() {
        let stamp = Stamp::new(1_800_000_000_000_123, "eu-west-1");
        assert_eq!(Stamp::of_entry(&ItemRef::from_bytes(stamp.to_entry())), Some(stamp));
        assert_eq!(Stamp::of_entry(&ItemRef::from(&Item::new().with("s", "text"))), None);
        let key = EncodedKey::new(super::super::ITEM_SPACE, b"customer", b"order");
        assert_eq!(key.of_stamp().token(), key.token());
        assert_eq!(key.of_stamp().of_stamped_item(), key);
    }
}
