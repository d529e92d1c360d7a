//! A query of a small collection that was written to since its run: a few newer versions, laid over one leaf.
//!
//! Most of what a partition has is in its oldest run, the bottom, and a collection of which memtables or younger runs have
//! something mostly has little there. A merge would make a cursor for each source and compare keys at each step. Instead the few
//! newer versions are gathered, and each is given its place in the leaf of the bottom by one search: versions with the same place
//! are versions of one key, and what is between two places is walked through at once.
//!
//! Where a collection is larger than that, in any source, nothing is read here and a merge does it.

use super::{
    key::{CollectionRange, ReadPoint, SplitKey, TakeItem},
    memtable::Stored,
    run::{Located, Lookup, OneLeaf, Run},
    view::View,
};
use crate::{error::Result, item::ItemRef, visible::Visible};
use smallvec::SmallVec;
use std::{cmp::Ordering, sync::Arc};

/// Keys of a collection that a memtable or a younger run may have.
const MOST_KEYS: usize = if cfg!(test) { 2 } else { 16 }; // tests have small collections, and come to both ways
/// Bytes of a sort key that is put together without an allocation.
const USUAL_SORT_BYTES: usize = 64;

/// A version from a memtable or a younger run.
struct Newer<'v> {
    seqno: u64,
    home: Home<'v>,
}

enum Home<'v> {
    Memtable(Stored),
    Run {
        prefix: &'v [u8],
        suffix: &'v [u8],
        item: Option<ItemRef>,
    },
    /// It was handed out.
    Gone,
}

impl Newer<'_> {
    fn key(&self) -> SplitKey<'_> {
        let (prefix, suffix) = match &self.home {
            Home::Memtable(stored) => (&[][..], stored.sort()),
            Home::Run { prefix, suffix, .. } => (*prefix, *suffix),
            Home::Gone => Default::default(),
        };
        SplitKey { prefix, suffix, ..SplitKey::default() }
    }
    /// The item, `None` for a tombstone.
    fn take_item(&mut self) -> Option<ItemRef> {
        match std::mem::replace(&mut self.home, Home::Gone) {
            Home::Memtable(stored) => stored.into_item(),
            Home::Run { item, .. } => item,
            Home::Gone => None,
        }
    }
}

/// The position of a newer version among the entries of the leaf.
#[derive(Clone, Copy)]
struct Placed {
    /// Twice the index of the first entry of the leaf that does not come before it, and one more if that has its key.
    place: u32,
    /// Its position among the newer ones.
    at: u32,
}

/// The newer versions of a collection.
#[derive(Default)]
struct Gathered<'v> {
    newer: SmallVec<[Newer<'v>; MOST_KEYS]>,
    /// The newest one of each key, in ascending order.
    order: SmallVec<[Placed; MOST_KEYS]>,
    /// Sources that have some.
    sources: usize,
}

impl<'v> Gathered<'v> {
    /// Gathers what the memtables have; `false` if it is too much.
    fn gather_memtables(&mut self, view: &View, range: &CollectionRange<'_>, visible: &Visible) -> bool {
        for memtable in view.memtables() {
            let before = self.newer.len();
            let keep = |stored: Stored| {
                self.newer.push(Newer { seqno: stored.seqno(), home: Home::Memtable(stored) });
            };
            if !memtable.few(range, ReadPoint::Visible, visible, MOST_KEYS, keep) {
                return false;
            }
            self.sources += usize::from(self.newer.len() > before);
        }
        true
    }

    /// Gathers what a younger run has; `false` if it is too much, or is not in place.
    fn gather_run(&mut self, leaf: &OneLeaf<'v>, range: &CollectionRange<'_>) -> Result<bool> {
        if leaf.len() > MOST_KEYS || !leaf.is_in_place() {
            return Ok(false);
        }
        let within = leaf.within(range.lower, range.upper)?;
        self.sources += usize::from(!within.is_empty());
        for index in within {
            let (seqno, item) = leaf.version(index)?;
            let (prefix, suffix) = leaf.sort_in_place(index)?;
            self.newer.push(Newer { seqno, home: Home::Run { prefix, suffix, item } });
        }
        Ok(true)
    }

    /// Gives each version its place among the entries of the bottom.
    fn place(&mut self, bottom: &OneLeaf<'_>) -> Result<()> {
        let mut joined: SmallVec<[u8; USUAL_SORT_BYTES]> = SmallVec::new();
        for at in 0..self.newer.len() {
            let Some(newer) = self.newer.get(at) else { break };
            let SplitKey { prefix, suffix, .. } = newer.key();
            let found = if prefix.is_empty() {
                bottom.search(suffix)?
            } else {
                joined.clear();
                joined.extend_from_slice(prefix);
                joined.extend_from_slice(suffix);
                bottom.search(&joined)?
            };
            let place = match found {
                Ok(index) => index << 1 | 1,
                Err(index) => index << 1,
            };
            self.insert(Placed { place: place as u32, at: at as u32 });
        }
        Ok(())
    }

    /// Puts a version into the order, unless another one of its key is newer.
    fn insert(&mut self, placed: Placed) {
        let Self { newer, order, .. } = self;
        let of = |placed: &Placed| newer.get(placed.at as usize);
        let mut index = order.len();
        while let Some(before) = index.checked_sub(1).and_then(|before| order.get_mut(before)) {
            let same_place = || match (of(before), of(&placed)) {
                // Between two entries there may be several keys.
                (Some(one), Some(other)) if placed.place & 1 == 0 => one.key().compare_sort(&other.key()),
                _ => Ordering::Equal,
            };
            match before.place.cmp(&placed.place).then_with(same_place) {
                Ordering::Less => break,
                Ordering::Greater => index -= 1,
                Ordering::Equal => {
                    if of(&placed).map(|newer| newer.seqno) > of(before).map(|newer| newer.seqno) {
                        *before = placed;
                    }
                    return;
                }
            }
        }
        order.insert(index, placed);
    }
}

/// Gives `take` the visible items of a range, until it has enough; returns the number of tombstones that were stepped over, or
/// `None` if the collection is too large, and nothing was given.
pub(super) fn query_each<'v>(
    view: &'v View,
    range: &CollectionRange<'v>,
    visible: &Visible,
    take: &mut impl TakeItem,
) -> Result<Option<u64>> {
    let Some(leaves) = leaves(view.runs(), range)? else { return Ok(None) };
    let mut gathered = Gathered::default();
    if !gathered.gather_memtables(view, range, visible) {
        return Ok(None);
    }
    let (bottom, younger) = match &leaves[..] {
        [younger @ .., bottom] => (Some(bottom), younger),
        [] => (None, &[][..]),
    };
    for leaf in younger {
        if !gathered.gather_run(leaf, range)? {
            return Ok(None);
        }
    }
    let Some(bottom) = bottom else { return hand_out(&mut gathered, range.descending, take) };
    gathered.place(bottom)?;
    lay_over(bottom, &mut gathered, range, take).map(Some)
}

/// The leaves that the runs have of a collection; `None` if one has more than one.
#[inline(always)] // or else the leaves are copied
fn leaves<'v>(runs: &'v [Arc<Run>], range: &CollectionRange<'_>) -> Result<Option<SmallVec<[OneLeaf<'v>; 2]>>> {
    let mut located: SmallVec<[Located<'_>; 4]> = SmallVec::new();
    for run in runs {
        located.extend(run.locate(range.token)?);
    }
    std::hint::black_box(located.iter().fold(0, |touched, located| touched ^ located.touch()));
    let mut leaves = SmallVec::new();
    for located in located {
        match located.look_up(range.token, range.collection)? {
            Lookup::Absent => {}
            Lookup::Leaf(leaf) => leaves.push(leaf),
            Lookup::Larger => return Ok(None),
        }
    }
    Ok(Some(leaves))
}

/// Gives `take` what one memtable has alone.
fn hand_out(gathered: &mut Gathered<'_>, descending: bool, take: &mut impl TakeItem) -> Result<Option<u64>> {
    if gathered.sources > 1 {
        return Ok(None);
    }
    if descending {
        gathered.newer.reverse();
    }
    let mut stepped_over = 0;
    for newer in &mut gathered.newer {
        if !give(newer, &mut stepped_over, take)? {
            break;
        }
    }
    Ok(Some(stepped_over))
}

/// Gives `take` the items of a leaf, with newer versions in their places.
fn lay_over(
    bottom: &OneLeaf<'_>,
    gathered: &mut Gathered<'_>,
    range: &CollectionRange<'_>,
    take: &mut impl TakeItem,
) -> Result<u64> {
    let within = bottom.within(range.lower, range.upper)?;
    let Gathered { newer, order, .. } = gathered;
    let (mut left, mut stepped_over) = (within, 0);
    let mut placed = order.iter();
    while let Some(Placed { place, at }) = if range.descending { placed.next_back() } else { placed.next() } {
        let (index, is_same) = (*place as usize >> 1, place & 1 == 1);
        let Some(newer) = newer.get_mut(*at as usize) else { continue };
        // The bottom may have a later change than a memtable: sequence numbers tell.
        if is_same && bottom.seqno(index)? > newer.seqno {
            continue;
        }
        let before;
        if range.descending {
            before = (index + usize::from(is_same)).max(left.start)..left.end;
            left.end = index.clamp(left.start, left.end);
        } else {
            before = left.start..index.min(left.end);
            left.start = (index + usize::from(is_same)).clamp(left.start, left.end);
        }
        if !bottom.each_item(before, range.descending, &mut stepped_over, take)?
            || !give(newer, &mut stepped_over, take)?
        {
            return Ok(stepped_over);
        }
    }
    bottom.each_item(left, range.descending, &mut stepped_over, take)?;
    Ok(stepped_over)
}

/// Gives `take` a newer version, or counts it as a tombstone; `false` if no more are wanted.
fn give(newer: &mut Newer<'_>, stepped_over: &mut u64, take: &mut impl TakeItem) -> Result<bool> {
    let Some(item) = newer.take_item() else {
        *stepped_over += 1;
        return Ok(true);
    };
    let size_bytes = item.size_bytes();
    take.take(item, size_bytes)
}
