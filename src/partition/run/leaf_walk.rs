//! A walk through the items of a leaf, each with its size.

use super::{
    leaf::{LeafItem, LeafItems},
    lookup::{LeafAt, Opened},
};
use crate::item::{ItemRef, NamedBytes};
use std::{ops::Range, sync::Arc};

/// The items of a leaf from a position on.
pub(super) struct LeafWalk<'w, 'r> {
    opened: &'w Opened,
    at: &'w LeafAt<'r>,
    /// What items refer to, and where the leaf begins in it.
    handle: Option<(&'w Arc<NamedBytes>, usize)>,
    items: LeafItems<'w>,
    /// Where the items are in the leaf.
    items_at: usize,
    /// Tombstones that were passed.
    stepped_over: u64,
    /// The walk ended since the leaf contradicts itself.
    is_damaged: bool,
}

impl<'w, 'r> LeafWalk<'w, 'r> {
    /// A walk through the entries at some indexes. `shared` is what items refer to where the leaf is not in place. `None` if
    /// the leaf contradicts itself.
    #[inline(always)]
    pub(super) fn new(
        opened: &'w Opened,
        at: &'w LeafAt<'r>,
        shared: Option<(&'w Arc<NamedBytes>, usize)>,
        indexes: Range<usize>,
        is_down: bool,
    ) -> Option<Self> {
        let items = at.leaf.items(&at.bytes, indexes, is_down)?;
        let (handle, items_at) = (opened.handle(at).or(shared), at.leaf.items_at());
        Some(Self { opened, at, handle, items, items_at, stepped_over: 0, is_damaged: false })
    }
    /// How many entries are left.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.items.left()
    }
    /// Tombstones that were passed.
    pub(super) fn stepped_over(&self) -> u64 {
        self.stepped_over
    }
    /// Whether the walk ended since the leaf contradicts itself.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged
    }
}

impl Iterator for LeafWalk<'_, '_> {
    type Item = (ItemRef, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<(ItemRef, usize)> {
        loop {
            match self.items.next() {
                Some(LeafItem::At(start, encoded)) => {
                    let start = self.items_at + start;
                    let item = self.opened.item_from(self.handle, self.at, start, start + encoded.len());
                    return Some((item, ItemRef::size_of(encoded)));
                }
                Some(LeafItem::Tombstone) => self.stepped_over += 1,
                Some(LeafItem::End) => return None,
                None => {
                    self.is_damaged = true;
                    return None;
                }
            }
        }
    }
}
