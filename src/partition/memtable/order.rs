//! A list of ids that is sorted when a reader wants it in order, not when it is written.
//!
//! Most collections are written more often than they are queried while they are in a memtable, and most are small. So
//! an id is appended, and the first ordered read sorts what came since the last one. Three shapes keep each size cheap:
//! a single id needs no allocation, a few are in one list, and many are in blocks, where settling one more id moves a
//! block's worth of memory instead of the whole list.
//!
//! The list has no keys: the caller brings the comparison.

use std::cmp::Ordering;

/// Ids up to which one list holds them all.
const FEW: usize = 512;
/// Ids of a block when blocks are built; a block splits at twice as many.
const BLOCK: usize = 256;
/// Ids that are put in place one by one; with more waiting, sorting everything is cheaper.
const ONE_BY_ONE: usize = 32;

/// Ids in lazily kept order.
#[derive(Debug)]
pub(super) enum Order {
    /// One id, in order by nature.
    One(u32),
    /// The first `sorted` ids are in order, the others wait.
    Few { ids: Vec<u32>, sorted: usize },
    /// Too many for one list.
    Many(Box<Blocks>),
}

/// Ordered, non-empty blocks and the ids that wait to be put into them.
#[derive(Debug)]
pub(super) struct Blocks {
    blocks: Vec<Vec<u32>>,
    len: usize,
    waiting: Vec<u32>,
}

/// A place between two ids of a settled order: before the id at `at` of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    block: usize,
    at: usize,
}

impl Default for Order {
    fn default() -> Self {
        Self::Few { ids: Vec::new(), sorted: 0 }
    }
}

impl Order {
    /// Whether all ids are in order, so that it can be read.
    pub(super) fn is_settled(&self) -> bool {
        match self {
            Self::One(_) => true,
            Self::Few { ids, sorted } => ids.len() == *sorted,
            Self::Many(many) => many.waiting.is_empty(),
        }
    }

    /// Number of ids.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Few { ids, .. } => ids.len(),
            Self::Many(many) => many.len + many.waiting.len(),
        }
    }

    /// The highest id in order; `None` if the order is empty or not settled.
    pub(super) fn last(&self) -> Option<u32> {
        match self {
            Self::One(id) => Some(*id),
            Self::Few { ids, sorted } if ids.len() == *sorted => ids.last().copied(),
            Self::Many(many) if many.waiting.is_empty() => many.blocks.last().and_then(|b| b.last()).copied(),
            _ => None,
        }
    }

    /// Adds an id; `is_last` says that it is known to come after [`Order::last`], so that order needs no work.
    pub(super) fn push(&mut self, id: u32, is_last: bool) {
        match self {
            Self::One(first) => *self = Self::Few { ids: vec![*first, id], sorted: if is_last { 2 } else { 1 } },
            Self::Few { ids, sorted } => {
                if is_last && *sorted == ids.len() {
                    *sorted += 1;
                }
                ids.push(id);
            }
            Self::Many(many) if is_last && many.waiting.is_empty() => many.push_last(id),
            Self::Many(many) => many.waiting.push(id),
        }
    }

    /// Puts all ids in order.
    pub(super) fn settle(&mut self, compare: impl Fn(u32, u32) -> Ordering) {
        match self {
            Self::One(_) => {}
            Self::Few { ids, sorted } => {
                settle_list(ids, *sorted, &compare);
                *sorted = ids.len();
                if ids.len() > FEW {
                    *self = Self::Many(Box::new(Blocks::new(ids)));
                }
            }
            Self::Many(many) => many.settle(&compare),
        }
    }

    fn block(&self, block: usize) -> &[u32] {
        match self {
            Self::One(id) if block == 0 => std::slice::from_ref(id),
            Self::Few { ids, .. } if block == 0 => ids,
            Self::Many(many) => many.blocks.get(block).map_or(&[], Vec::as_slice),
            _ => &[],
        }
    }

    fn block_count(&self) -> usize {
        if let Self::Many(many) = self { many.blocks.len() } else { 1 }
    }

    /// The place before the first id that is not `before`; ids must be settled and those `before` come first.
    pub(super) fn seek(&self, before: impl Fn(u32) -> bool) -> Position {
        let block = match self {
            // The block to look in is the last one that starts before the place.
            Self::Many(many) => {
                many.blocks.partition_point(|b| b.first().is_some_and(|id| before(*id))).saturating_sub(1)
            }
            _ => 0,
        };
        Position { block, at: self.block(block).partition_point(|id| before(*id)) }
    }

    /// The place before all ids.
    pub(super) fn start(&self) -> Position {
        Position { block: 0, at: 0 }
    }

    /// The place behind all ids.
    #[cfg(test)]
    pub(super) fn end(&self) -> Position {
        let block = self.block_count().saturating_sub(1);
        Position { block, at: self.block(block).len() }
    }

    /// The ids from a place on, ascending.
    pub(super) fn ascending(&self, from: Position) -> impl Iterator<Item = u32> + '_ {
        let rest = (from.block + 1..self.block_count()).flat_map(|block| self.block(block));
        self.block(from.block).get(from.at..).unwrap_or_default().iter().chain(rest).copied()
    }

    /// The ids before a place, descending.
    pub(super) fn descending(&self, from: Position) -> impl Iterator<Item = u32> + '_ {
        let rest = (0..from.block).rev().flat_map(|block| self.block(block).iter().rev());
        self.block(from.block).get(..from.at).unwrap_or_default().iter().rev().chain(rest).copied()
    }
}

impl Blocks {
    fn new(sorted: &[u32]) -> Self {
        Self { blocks: sorted.chunks(BLOCK).map(<[u32]>::to_vec).collect(), len: sorted.len(), waiting: Vec::new() }
    }

    /// Appends behind everything. The full last block stays full: keys that only grow fill blocks to the brim.
    fn push_last(&mut self, id: u32) {
        match self.blocks.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(id),
            _ => self.blocks.push(vec![id]),
        }
        self.len += 1;
    }

    fn settle(&mut self, compare: &impl Fn(u32, u32) -> Ordering) {
        if self.waiting.len() > ONE_BY_ONE.max(self.len / 8) {
            let mut ids: Vec<u32> = self.blocks.concat();
            ids.append(&mut self.waiting);
            ids.sort_unstable_by(|a, b| compare(*a, *b));
            *self = Self::new(&ids);
            return;
        }
        for id in std::mem::take(&mut self.waiting) {
            let is_before = |other: &u32| compare(*other, id).is_lt();
            let block = self.blocks.partition_point(|b| b.first().is_some_and(is_before)).saturating_sub(1);
            let Some(ids) = self.blocks.get_mut(block) else { continue };
            ids.insert(ids.partition_point(is_before), id);
            self.len += 1;
            if ids.len() >= 2 * BLOCK {
                let upper = ids.split_off(BLOCK);
                self.blocks.insert(block + 1, upper);
            }
        }
    }
}

/// Brings the ids from `sorted` on to their places among those before.
fn settle_list(ids: &mut [u32], sorted: usize, compare: &impl Fn(u32, u32) -> Ordering) {
    let waiting = ids.len() - sorted;
    if waiting > ONE_BY_ONE || waiting > sorted {
        ids.sort_unstable_by(|a, b| compare(*a, *b));
        return;
    }
    for at in sorted..ids.len() {
        let (done, rest) = ids.split_at(at);
        let Some(&id) = rest.first() else { return };
        let place = done.partition_point(|other| compare(*other, id).is_lt());
        if let Some(moved) = ids.get_mut(place..=at) {
            moved.rotate_right(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ids are their own keys, in reverse, so that order of insertion never happens to be the order of keys.
    fn key(id: u32) -> u32 {
        u32::MAX - id
    }
    fn compare(a: u32, b: u32) -> Ordering {
        key(a).cmp(&key(b))
    }

    fn check(order: &Order, model: &[u32], pivot: u32) {
        let mut sorted = model.to_vec();
        sorted.sort_by_key(|id| key(*id));
        assert!(order.is_settled());
        assert_eq!(order.ascending(order.start()).collect::<Vec<_>>(), sorted);
        let place = order.seek(|id| key(id) < key(pivot));
        let split = sorted.partition_point(|id| key(*id) < key(pivot));
        assert_eq!(order.ascending(place).collect::<Vec<_>>(), sorted[split..]);
        let mut below = sorted[..split].to_vec();
        below.reverse();
        assert_eq!(order.descending(place).collect::<Vec<_>>(), below);
        assert_eq!(order.descending(order.end()).count(), sorted.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agrees_with_a_sorted_list(
            batches in prop::collection::vec((prop::collection::vec(0u32..5_000, 0..400), any::<bool>()), 1..12),
            pivot in 0u32..5_000,
        ) {
            let mut order = Order::default();
            let mut model: Vec<u32> = Vec::new();
            for (mut batch, ascending) in batches {
                if ascending {
                    batch.sort_by_key(|id| key(*id));
                }
                for id in batch {
                    if model.contains(&id) {
                        continue;
                    }
                    let is_last = order.last().is_some_and(|last| compare(last, id).is_lt());
                    order.push(id, is_last);
                    model.push(id);
                }
                order.settle(compare);
                check(&order, &model, pivot);
            }
        }
    }

    #[test]
    fn one_id_grows_into_blocks() {
        let mut order = Order::One(7);
        assert_eq!(order.ascending(order.start()).collect::<Vec<_>>(), [7]);
        let mut model = vec![7];
        for id in (0..2_000).filter(|id| *id != 7) {
            order.push(id, false);
            model.push(id);
            if id % 13 == 0 {
                order.settle(compare);
                check(&order, &model, id / 2);
            }
        }
        assert!(matches!(order, Order::Many(_)));
    }
}
