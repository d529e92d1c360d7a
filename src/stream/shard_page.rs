//! A page of a shard's changes, which are made what the reader wants of them while they are decoded: a page has a thousand
//! changes, and each list of them that is made on the way is memory to fill and to give back.

use super::{record::Change, sequence::Sequence};
use crate::item::NamedBytes;
use std::{ops::Range, sync::Arc};

/// What a read returned.
#[derive(Clone, Debug, Default)]
pub struct ShardPage<T> {
    /// What the reader made of the changes, in their order.
    pub changes: Vec<T>,
    /// Where the next read begins; `None` if the shard is closed and was read to its end.
    pub next: Option<Sequence>,
}

/// A page that is being filled.
#[derive(Debug)]
pub(super) struct PageFill<T, M> {
    make: M,
    made: Vec<T>,
    /// Changes before this place are passed over.
    from: Sequence,
    limit: usize,
    /// How many more changes it takes.
    left: usize,
    /// Changes of this time and before are gone.
    horizon_millis: u64,
    /// Changes at the begin that are gone.
    expired: usize,
    last: Option<Sequence>,
}

impl<T, M: FnMut(Change) -> T> PageFill<T, M> {
    /// A page of at most `limit` changes from a place on.
    pub fn new(from: Sequence, limit: usize, horizon_millis: u64, make: M) -> Self {
        Self { make, made: Vec::new(), from, limit, left: limit, horizon_millis, expired: 0, last: None }
    }
    /// Where the page begins.
    pub fn from(&self) -> Sequence {
        self.from
    }
    /// How many more changes it takes.
    pub fn left(&self) -> usize {
        self.left
    }
    /// Whether it takes as many changes as there are.
    pub fn is_unlimited(&self) -> bool {
        self.limit == usize::MAX
    }
    /// Where the last change is, if there was any.
    pub fn last(&self) -> Option<Sequence> {
        self.last
    }
    /// Changes at the begin that are gone.
    pub fn expired(&self) -> usize {
        self.expired
    }
    /// Makes room for as many changes, as far as they fit into the page.
    pub fn expect(&mut self, changes: usize) {
        self.made.reserve(changes.min(self.left));
    }
    /// Takes the changes at a place of a buffer, as far as they fit into the page; false if they are malformed.
    pub fn take(&mut self, buffer: &Arc<NamedBytes>, mut place: Range<usize>) -> bool {
        while !place.is_empty() && self.left > 0 {
            let Some(change) = Change::take(buffer, &mut place) else { return false };
            if change.sequence < self.from {
                continue;
            }
            self.last = Some(change.sequence);
            self.left -= 1;
            if self.made.is_empty() && change.at_millis <= self.horizon_millis {
                self.expired += 1;
            } else {
                self.made.push((self.make)(change));
            }
        }
        true
    }
    /// The page, and where the next one begins unless the shard ends.
    pub fn finish(self, ends: bool) -> ShardPage<T> {
        let next = self.last.map_or(self.from, Sequence::next);
        ShardPage { changes: self.made, next: Some(next).filter(|_| !ends) }
    }
}
