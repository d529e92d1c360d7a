//! Walks over the entries of a run: one collection in either direction, or everything in a range of tokens upwards.

use super::{
    leaf::Slot,
    leaf_walk::LeafWalk,
    lookup::{LeafAt, Opened, Root},
    node::Node,
    source::Piece,
    window::Window,
};
use crate::{
    error::{Error, Result},
    item::{ItemRef, NamedBytes},
    partition::key::{KeyRef, SplitKey, TakeItem},
};
use std::{
    cmp::Ordering,
    ops::{Bound, Range},
    sync::Arc,
};

/// A position in a run: on an entry, or exhausted. An error exhausts it. It borrows the run, and bounds from the
/// caller, so that nothing is counted or copied on the way.
#[derive(Clone, Debug)]
pub struct RunCursor<'r> {
    opened: &'r Opened,
    way: Way<'r>,
    /// The leaf that the position is in; `None` once exhausted.
    at: Option<LeafAt<'r>>,
    index: u32,
    /// Entries of the leaf within the bounds.
    within: Range<usize>,
    slot: Slot,
    /// The page up to which the operating system was told what is needed next; 0 before it was.
    ahead: u32,
    /// The last sort key that was asked for and is not in one piece.
    sort: Vec<u8>,
    /// What a walk upwards has in memory of a run that is not in place.
    window: Option<Box<Window>>,
}

/// Where a cursor goes and where it stops.
#[derive(Clone, Copy, Debug)]
enum Way<'r> {
    Up { upper: Bound<&'r [u8]> },
    Down { lower: Bound<&'r [u8]> },
    Scan { last_token: u64 },
}

/// The child in which a bound is, `open` if there is none.
fn child_for(node: &Node, bytes: &[u8], bound: Bound<&[u8]>, open: usize) -> Option<usize> {
    match bound {
        Bound::Unbounded => Some(open),
        Bound::Included(sort) | Bound::Excluded(sort) => node.find(bytes, sort),
    }
}

impl<'r> RunCursor<'r> {
    #[inline(always)]
    fn new(opened: &'r Opened, way: Way<'r>) -> Self {
        let (slot, sort) = (Slot::default(), Vec::new());
        Self { opened, way, at: None, index: 0, within: 0..0, slot, ahead: 0, sort, window: None }
    }
    /// Over the entries of a collection within the bounds, in ascending or descending order. It has no entry until
    /// [`RunCursor::begin`].
    #[inline(always)]
    pub(super) fn over(opened: &'r Opened, lower: Bound<&'r [u8]>, upper: Bound<&'r [u8]>, descending: bool) -> Self {
        Self::new(opened, if descending { Way::Down { lower } } else { Way::Up { upper } })
    }
    /// Goes to the first entry of the collection below a root, in the direction of the cursor.
    #[inline(always)]
    pub(super) fn begin(&mut self, root: Root<'r>, lower: Bound<&[u8]>, upper: Bound<&[u8]>) -> Result<()> {
        let is_down = matches!(self.way, Way::Down { .. });
        let at = match root {
            Root::Leaf(at) => at,
            root if is_down => {
                self.opened.descend(root, |node, bytes| child_for(node, bytes, upper, node.children - 1))?
            }
            root => self.opened.descend(root, |node, bytes| child_for(node, bytes, lower, 0))?,
        };
        if is_down { self.enter_downwards(at, upper) } else { self.enter_upwards(at, lower) }
    }
    /// On the first entry from `start` on whose token is not above `last_token`; exhausted without `start`.
    pub(super) fn scan(opened: &'r Opened, start: Option<(LeafAt<'r>, Bound<&[u8]>)>, last_token: u64) -> Result<Self> {
        let mut cursor = Self::new(opened, Way::Scan { last_token });
        if let Some((at, lower)) = start {
            cursor.enter_upwards(at, lower)?;
        }
        Ok(cursor)
    }
    /// Whether the cursor is on an entry.
    #[inline]
    pub fn valid(&self) -> bool {
        self.at.is_some()
    }
    /// The key of the entry as it is in the run; of an exhausted cursor an empty key.
    #[inline]
    pub fn place(&self) -> SplitKey<'_> {
        let Some(at) = &self.at else { return SplitKey::default() };
        let (leaf, bytes) = (&at.leaf, &at.bytes);
        SplitKey {
            token: leaf.token,
            collection: leaf.collection(bytes).unwrap_or_default(),
            prefix: leaf.prefix(bytes).unwrap_or_default(),
            suffix: leaf.suffix(bytes, self.index as usize).unwrap_or_default(),
        }
    }
    /// The key of the entry, put together; of an exhausted cursor an empty key.
    pub fn key(&mut self) -> KeyRef<'_> {
        let mut sort = std::mem::take(&mut self.sort);
        self.place().sort_into(&mut sort);
        self.sort = sort;
        let SplitKey { token, collection, .. } = self.place();
        KeyRef { token, collection, sort: &self.sort }
    }
    /// Sequence number of the entry.
    #[inline]
    pub fn seqno(&self) -> u64 {
        self.slot.seqno
    }
    /// Whether the entry is a tombstone.
    #[inline]
    pub fn is_tombstone(&self) -> bool {
        self.valid() && self.slot.is_tombstone
    }
    /// The item of the entry, in place; `None` for a tombstone.
    #[inline]
    pub fn item(&self) -> Option<ItemRef> {
        let at = self.at.as_ref()?;
        match self.shared(at) {
            Some(shared) if !self.slot.is_tombstone => {
                let (start, end) = (self.slot.start as usize, self.slot.end as usize);
                Some(self.opened.item_from(Some(shared), at, start, end))
            }
            _ => self.opened.item(at, self.slot),
        }
    }
    /// What items of a leaf that was read into memory can share, if it is in the window.
    #[inline]
    fn shared(&self, at: &LeafAt<'_>) -> Option<(&Arc<NamedBytes>, usize)> {
        match (&at.bytes, &self.window) {
            (Piece::Own(bytes), Some(window)) => window.named(at.offset, bytes.len()),
            _ => None,
        }
    }
    /// Moves to the next entry in the cursor's direction; an exhausted cursor stays so.
    #[inline]
    pub fn advance(&mut self) -> Result<()> {
        let next = match self.way {
            Way::Down { .. } => (self.index as usize).wrapping_sub(1),
            _ => self.index as usize + 1,
        };
        if self.at.is_some() && self.within.contains(&next) { self.stand_on(next) } else { self.turn_over() }
    }
    /// Gives `take` the items from here on, each with its size, until it has enough (`false`), the cursor is exhausted, or it
    /// is on the first entry that does not come before `limit`; the present one must. Tombstones are counted in
    /// `stepped_over` only. Says whether `take` has enough.
    pub(in crate::partition) fn each_item(
        &mut self,
        limit: Option<SplitKey<'_>>,
        stepped_over: &mut u64,
        take: &mut impl TakeItem,
    ) -> Result<bool> {
        let opened = self.opened;
        let is_down = matches!(self.way, Way::Down { .. });
        let mut is_present = true;
        while let Some(at) = &self.at {
            let before = limit.map_or(Some(self.within.clone()), |limit| self.before(at, &limit));
            let before = before.ok_or_else(|| opened.damaged(at.offset))?;
            let mut index = self.index as usize;
            // Or else entries are not in order.
            if std::mem::take(&mut is_present) && !before.contains(&index) {
                return Err(opened.damaged(at.offset));
            }
            let indexes = match is_down {
                true => before.start.min(index + 1)..index + 1,
                false => index..before.end.max(index),
            };
            let walk = LeafWalk::new(opened, at, self.shared(at), indexes.clone(), is_down);
            let mut walk = walk.ok_or_else(|| opened.damaged(at.offset))?;
            let wants_more = take.take_each(&mut walk)?;
            *stepped_over += walk.stepped_over();
            let passed = indexes.len() - walk.left();
            index = if is_down { index.wrapping_sub(passed) } else { index + passed };
            if !wants_more {
                let last = if is_down { index.wrapping_add(1) } else { index.wrapping_sub(1) };
                return self.stand_on(last).map(|()| true);
            }
            if walk.is_damaged() {
                return Err(opened.damaged(at.offset));
            }
            if self.within.contains(&index) {
                return self.stand_on(index).map(|()| false);
            }
            self.turn_over()?;
        }
        Ok(false)
    }
    /// The entries of the leaf within the bounds that come before a key, in the direction of the cursor.
    fn before(&self, at: &LeafAt<'_>, limit: &SplitKey<'_>) -> Option<Range<usize>> {
        let (leaf, bytes, within) = (&at.leaf, &at.bytes[..], self.within.clone());
        if let Way::Scan { .. } = self.way {
            match (leaf.token, leaf.collection(bytes)?).cmp(&(limit.token, limit.collection)) {
                Ordering::Less => return Some(within),
                Ordering::Equal => {}
                Ordering::Greater => return Some(0..0),
            }
        }
        let joined;
        let sort = match (limit.prefix, limit.suffix) {
            ([], suffix) => suffix,
            (prefix, suffix) => {
                joined = [prefix, suffix].concat();
                &joined
            }
        };
        Some(match self.way {
            Way::Down { .. } => within.start.max(leaf.end_within(bytes, Bound::Included(sort))?)..within.end,
            _ => within.start..within.end.min(leaf.first_within(bytes, Bound::Included(sort))?),
        })
    }
    /// Goes on behind the last entry of the leaf within the bounds.
    fn turn_over(&mut self) -> Result<()> {
        let Some(at) = self.at.take() else { return Ok(()) };
        let bounded = match self.way {
            Way::Down { .. } => self.within.start > 0,
            _ => self.within.end < at.leaf.len(),
        };
        if bounded { Ok(()) } else { self.leave(&at) }
    }
    /// Goes from a leaf, all of whose entries are behind the cursor, to the neighbour in its direction.
    fn leave(&mut self, at: &LeafAt<'r>) -> Result<()> {
        let opened = self.opened;
        self.at = None;
        match self.way {
            Way::Up { .. } if !at.leaf.later => Ok(()),
            Way::Down { .. } => {
                let Some(back) = at.leaf.back else { return Ok(()) };
                let before = at.offset.checked_sub(back).filter(|before| *before < at.offset);
                let before = opened.leaf(before.ok_or_else(|| opened.damaged(at.offset))?)?;
                check_same_collection(opened, at, &before)?;
                self.enter_downwards(before, Bound::Unbounded)
            }
            way => match self.behind(at)? {
                Some(next) => {
                    if matches!(way, Way::Up { .. }) || at.leaf.later {
                        check_same_collection(opened, at, &next)?;
                    }
                    self.enter_upwards(next, Bound::Unbounded)
                }
                None if at.leaf.later => Err(opened.damaged(at.offset)),
                None => Ok(()),
            },
        }
    }
    #[inline(always)]
    fn behind(&mut self, at: &LeafAt<'r>) -> Result<Option<LeafAt<'r>>> {
        match &at.bytes {
            Piece::InPlace(_) => self.opened.leaf_behind(at),
            Piece::Own(_) => self.opened.leaf_behind_through(at, &mut self.window),
        }
    }
    /// Takes the first entry of a leaf that is not below `lower`, or looks further up.
    fn enter_upwards(&mut self, at: LeafAt<'r>, lower: Bound<&[u8]>) -> Result<()> {
        self.ahead = self.opened.source.read_ahead(at.offset, self.ahead);
        let start = at.leaf.first_within(&at.bytes, lower);
        let end = match self.way {
            Way::Scan { last_token } if at.leaf.token > last_token => return Ok(()),
            Way::Up { upper } => at.leaf.end_within(&at.bytes, upper),
            _ => Some(at.leaf.len()),
        };
        let (start, end) = start.zip(end).ok_or_else(|| self.opened.damaged(at.offset))?;
        if start == at.leaf.len() && end == start {
            return self.leave(&at);
        }
        if start < end { self.enter(at, start..end, start) } else { Ok(()) }
    }
    /// Takes the last entry of a leaf that is not above `upper`, or looks further down.
    fn enter_downwards(&mut self, at: LeafAt<'r>, upper: Bound<&[u8]>) -> Result<()> {
        let start = match self.way {
            Way::Down { lower } => at.leaf.first_within(&at.bytes, lower),
            _ => Some(0),
        };
        let end = at.leaf.end_within(&at.bytes, upper);
        let (start, end) = start.zip(end).ok_or_else(|| self.opened.damaged(at.offset))?;
        if end == 0 && start == 0 {
            return self.leave(&at);
        }
        if start < end { self.enter(at, start..end, end - 1) } else { Ok(()) }
    }
    fn enter(&mut self, at: LeafAt<'r>, within: Range<usize>, index: usize) -> Result<()> {
        (self.at, self.within) = (Some(at), within);
        self.stand_on(index)
    }
    /// Takes an entry of the leaf.
    #[inline]
    fn stand_on(&mut self, index: usize) -> Result<()> {
        let slot = self.at.as_ref().and_then(|at| at.leaf.slot(&at.bytes, index));
        let Some(slot) = slot else { return Err(self.fail()) };
        (self.index, self.slot) = (index as u32, slot);
        Ok(())
    }
    #[cold]
    fn fail(&mut self) -> Error {
        self.opened.damaged(self.at.take().map_or(0, |at| at.offset))
    }
}

/// Parts of a collection that refer to each other must belong together.
fn check_same_collection(opened: &Opened, a: &LeafAt<'_>, b: &LeafAt<'_>) -> Result<()> {
    let key = |at: &LeafAt<'_>| (at.leaf.token, at.leaf.collection(&at.bytes).map(<[u8]>::len));
    if key(a) == key(b) { Ok(()) } else { Err(opened.damaged(b.offset)) }
}
