//! A collection that is in one leaf, as most do: its entries by their index, with no cursor.

use super::{
    leaf_walk::LeafWalk,
    lookup::{LeafAt, Opened, Root},
    source::Piece,
};
use crate::{
    error::{Error, Result},
    item::ItemRef,
    partition::key::TakeItem,
};
use std::ops::{Bound, Range};

/// What a run has of a collection.
pub enum Lookup<'r> {
    /// Nothing.
    Absent,
    /// One leaf.
    Leaf(OneLeaf<'r>),
    /// Several leaves.
    Larger,
}

/// The only leaf of a collection.
#[derive(Debug)]
pub struct OneLeaf<'r> {
    opened: &'r Opened,
    at: LeafAt<'r>,
}

impl<'r> OneLeaf<'r> {
    /// The leaf that a collection begins with, or its root again if that is not all of the collection.
    #[inline(always)]
    pub(super) fn of(opened: &'r Opened, root: Root<'r>) -> std::result::Result<Self, Root<'r>> {
        match root {
            Root::Leaf(at) if at.leaf.back.is_none() && !at.leaf.later => Ok(Self { opened, at }),
            root => Err(root),
        }
    }
    #[cold]
    fn damaged(&self) -> Error {
        self.opened.damaged(self.at.offset)
    }
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.at.leaf.len()
    }
    /// Whether its bytes are in a mapped file.
    pub fn is_in_place(&self) -> bool {
        matches!(self.at.bytes, Piece::InPlace(_))
    }
    /// The entries between two sort keys.
    #[inline]
    pub fn within(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Result<Range<usize>> {
        let (leaf, bytes) = (&self.at.leaf, &self.at.bytes[..]);
        let start = leaf.first_within(bytes, lower).ok_or_else(|| self.damaged())?;
        let end = leaf.end_within(bytes, upper).ok_or_else(|| self.damaged())?;
        Ok(start..end.max(start))
    }
    /// The entry with a sort key, or else where it would stand.
    pub fn search(&self, sort: &[u8]) -> Result<std::result::Result<usize, usize>> {
        self.at.leaf.search(&self.at.bytes, sort).ok_or_else(|| self.damaged())
    }
    /// Sequence number of an entry.
    #[inline]
    pub fn seqno(&self, index: usize) -> Result<u64> {
        self.at.leaf.slot(&self.at.bytes, index).map(|slot| slot.seqno).ok_or_else(|| self.damaged())
    }
    /// The version of an entry: its sequence number, and the item or `None` for a tombstone.
    pub fn version(&self, index: usize) -> Result<(u64, Option<ItemRef>)> {
        let slot = self.at.leaf.slot(&self.at.bytes, index).ok_or_else(|| self.damaged())?;
        Ok((slot.seqno, self.opened.item(&self.at, slot)))
    }
    /// The sort key of an entry in two parts, which are in the mapped file.
    pub fn sort_in_place(&self, index: usize) -> Result<(&'r [u8], &'r [u8])> {
        let parts = match &self.at.bytes {
            Piece::InPlace(bytes) => self.at.leaf.prefix(bytes).zip(self.at.leaf.suffix(bytes, index)),
            Piece::Own(_) => None,
        };
        parts.ok_or_else(|| self.damaged())
    }
    /// Gives `take` the items at some indexes, each with its size, until it has enough (`false`) or there are no more.
    /// Tombstones are counted in `stepped_over` only.
    #[inline]
    pub fn each_item(
        &self,
        indexes: Range<usize>,
        descending: bool,
        stepped_over: &mut u64,
        take: &mut impl TakeItem,
    ) -> Result<bool> {
        if indexes.is_empty() {
            return Ok(true);
        }
        let walk = LeafWalk::new(self.opened, &self.at, None, indexes, descending);
        let mut walk = walk.ok_or_else(|| self.damaged())?;
        let wants_more = take.take_each(&mut walk)?;
        *stepped_over += walk.stepped_over();
        if walk.is_damaged() { Err(self.damaged()) } else { Ok(wants_more) }
    }
}
