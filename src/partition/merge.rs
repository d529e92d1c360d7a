//! Reading several sources as one: memtables and runs go in, each key comes out once, with its newest version.
//!
//! Every source is in key order. Of the sources that are on the lowest key (the highest, downwards) the one with the
//! highest sequence number wins, however old the source is; the others step over the key. A tombstone that wins hides
//! the key, except from a compaction, which must carry it on.
//!
//! A partition has few sources, and mostly one of them, the bottom run, has nearly all entries. So there is no heap:
//! the winner stays the winner while its key is before that of the runner-up, which is one comparison a step, and with
//! a single source there is none. Each source has its key as a number beside it (`fence`), which decides most comparisons.

use super::{
    fence::Fences,
    key::{KeyRef, SplitKey, TakeItem},
    memtable::MemtableCursor,
    run::RunCursor,
};
use crate::{error::Result, item::ItemRef};
use std::cmp::Ordering;

/// A position in one memtable or run.
#[derive(Debug)]
pub(super) enum Source<'v> {
    Memtable(MemtableCursor<'v>),
    Run(RunCursor<'v>),
}

impl Source<'_> {
    #[inline]
    fn valid(&self) -> bool {
        match self {
            Self::Memtable(cursor) => cursor.valid(),
            Self::Run(cursor) => cursor.valid(),
        }
    }
    #[inline]
    fn place(&self) -> SplitKey<'_> {
        match self {
            Self::Memtable(cursor) => cursor.key().into(),
            Self::Run(cursor) => cursor.place(),
        }
    }
    fn key(&mut self) -> KeyRef<'_> {
        match self {
            Self::Memtable(cursor) => cursor.key(),
            Self::Run(cursor) => cursor.key(),
        }
    }
    #[inline]
    fn seqno(&self) -> u64 {
        match self {
            Self::Memtable(cursor) => cursor.seqno(),
            Self::Run(cursor) => cursor.seqno(),
        }
    }
    #[inline]
    fn is_tombstone(&self) -> bool {
        match self {
            Self::Memtable(cursor) => cursor.is_tombstone(),
            Self::Run(cursor) => cursor.is_tombstone(),
        }
    }
    #[inline]
    fn item(&self) -> Option<ItemRef> {
        match self {
            Self::Memtable(cursor) => cursor.item(),
            Self::Run(cursor) => cursor.item(),
        }
    }
    #[inline]
    fn advance(&mut self) -> Result<()> {
        match self {
            Self::Memtable(cursor) => {
                cursor.advance();
                Ok(())
            }
            Self::Run(cursor) => cursor.advance(),
        }
    }
}

/// The sources of a merge. One needs no list: a query over a single run allocates nothing for merging.
#[derive(Debug, Default)]
#[expect(clippy::large_enum_variant, reason = "most reads have one source, and a box would be an allocation for each")]
pub(super) enum Sources<'v> {
    #[default]
    None,
    One(Source<'v>),
    Many(Vec<Entrant<'v>>),
}

/// A source among others.
#[derive(Debug)]
pub(super) struct Entrant<'v> {
    source: Source<'v>,
    /// The fence of the key that it is on.
    fence: u64,
    /// Whether it is on the winner's key, or was when the winner was found.
    is_tied: bool,
}

impl<'v> From<Source<'v>> for Entrant<'v> {
    fn from(source: Source<'v>) -> Self {
        Self { source, fence: 0, is_tied: false }
    }
}

impl Entrant<'_> {
    #[inline]
    fn advance(&mut self, fences: &Fences) -> Result<()> {
        self.source.advance()?;
        self.note_fence(fences);
        Ok(())
    }
    #[inline]
    fn note_fence(&mut self, fences: &Fences) {
        if fences.are_used() && self.source.valid() {
            self.fence = fences.of(&self.source.place());
        }
    }
    /// `Less` if its key comes before that of another one.
    #[inline]
    fn compare(&self, other: &Self, direction: Direction) -> Ordering {
        self.fence.cmp(&other.fence).then_with(|| direction.compare(&self.source, &other.source))
    }
}

/// Room for as many sources as most partitions have.
pub(super) const USUAL_SOURCES: usize = 4;

impl<'v> Sources<'v> {
    #[inline]
    pub(super) fn push(&mut self, source: Source<'v>) {
        match self {
            Self::None => *self = Self::One(source),
            Self::Many(all) => all.push(source.into()),
            Self::One(_) => {
                let mut all = Vec::with_capacity(USUAL_SOURCES);
                if let Self::One(first) = std::mem::take(self) {
                    all.push(first.into());
                }
                all.push(source.into());
                *self = Self::Many(all);
            }
        }
    }
    /// A list from the beginning, where a second source is expected: nothing moves when it comes.
    pub(super) fn many() -> Self {
        Self::Many(Vec::with_capacity(USUAL_SOURCES))
    }
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::One(_) => false,
            Self::Many(all) => all.is_empty(),
        }
    }
    fn many_mut(&mut self) -> &mut [Entrant<'v>] {
        match self {
            Self::Many(all) => all,
            _ => &mut [],
        }
    }
}

/// How the sources of a merge are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Within one collection, by rising sort key.
    Ascending,
    /// Within one collection, by falling sort key.
    Descending,
    /// By rising token, collection and sort key.
    Scan,
}

impl Direction {
    /// `Less` if `a` comes before `b`.
    #[inline(never)]
    fn compare(self, a: &Source<'_>, b: &Source<'_>) -> Ordering {
        let (a, b) = (a.place(), b.place());
        match self {
            Self::Ascending => a.compare_sort(&b),
            Self::Descending => b.compare_sort(&a),
            Self::Scan => a.compare(&b),
        }
    }
}

/// Items that a source wins one after the other before a walk through its next ones pays, whose end is looked for first: behind a
/// memtable, whose keys are in one piece, and behind a run.
const STREAK_BEFORE_MEMTABLE: u32 = 1;
const STREAK_BEFORE_RUN: u32 = 4;

/// Positioned on the newest version of a key, or exhausted. It borrows what it reads from and holds no lock; an error
/// exhausts it.
#[derive(Debug)]
pub struct MergeCursor<'v> {
    sources: Sources<'v>,
    fences: Fences,
    keeps_tombstones: bool,
    winner: Option<usize>,
    /// Another source that is on the first key of all but the winner's.
    runner_up: Option<usize>,
    /// Whether another source is on the winner's key.
    is_tied: bool,
    /// How often the winner has won again, alone on its key.
    streak: u32,
    /// Tombstones that were passed without showing them.
    stepped_over: u64,
}

impl<'v> MergeCursor<'v> {
    pub(super) fn new(mut sources: Sources<'v>, direction: Direction, keeps_tombstones: bool) -> Result<Self> {
        let entrants = sources.many_mut();
        let valid = |entrant: &&Entrant<'_>| entrant.source.valid();
        let keys = entrants.iter().filter(valid).map(|entrant| entrant.source.place());
        // Two sources, of which one is a memtable, have few keys in common.
        let are_few = entrants.len() == 2 && entrants.iter().any(|of| matches!(of.source, Source::Memtable(_)));
        let fences = if are_few || direction == Direction::Scan {
            Fences::none(direction)
        } else {
            Fences::new(direction, keys)
        };
        entrants.iter_mut().for_each(|entrant| entrant.note_fence(&fences));
        let (winner, runner_up) = (None, None);
        let mut merge =
            Self { sources, fences, keeps_tombstones, winner, runner_up, is_tied: false, streak: 0, stepped_over: 0 };
        if let Sources::Many(_) = merge.sources {
            merge.select();
        }
        merge.skip_tombstones()?;
        Ok(merge)
    }

    #[inline]
    fn current(&self) -> Option<&Source<'v>> {
        match &self.sources {
            Sources::One(source) => Some(source),
            Sources::Many(all) => all.get(self.winner?).map(|entrant| &entrant.source),
            Sources::None => None,
        }
        .filter(|source| source.valid())
    }
    /// Whether the cursor is on an entry.
    #[inline]
    pub fn valid(&self) -> bool {
        match &self.sources {
            Sources::One(source) => source.valid(),
            _ => self.winner.is_some(),
        }
    }
    /// The key of the entry; of an exhausted cursor an empty key. In a run it must be put together first.
    pub fn key(&mut self) -> KeyRef<'_> {
        let winner = self.winner.unwrap_or_default();
        let current = match &mut self.sources {
            Sources::One(source) => Some(source),
            Sources::Many(all) => all.get_mut(winner).map(|entrant| &mut entrant.source),
            Sources::None => None,
        };
        let current = current.filter(|source| source.valid());
        current.map_or(KeyRef { token: 0, collection: &[], sort: &[] }, Source::key)
    }
    /// Key space and partition key of the entry; empty if the cursor is exhausted.
    #[inline]
    pub fn collection(&self) -> &[u8] {
        self.current().map_or(&[], |source| source.place().collection)
    }
    /// Sequence number of the version that the cursor is on.
    pub fn seqno(&self) -> u64 {
        self.current().map_or(0, Source::seqno)
    }
    /// Whether that version is a tombstone; only a merge for compaction ever is on one.
    #[inline]
    pub fn is_tombstone(&self) -> bool {
        match &self.sources {
            Sources::One(source) => source.is_tombstone(),
            _ => self.current().is_some_and(Source::is_tombstone),
        }
    }
    /// The item, without a copy; `None` for a tombstone.
    #[inline]
    pub fn item(&self) -> Option<ItemRef> {
        match &self.sources {
            Sources::One(source) => source.item(),
            _ => self.current().and_then(Source::item),
        }
    }
    /// Tombstones that the cursor passed without showing them, until now.
    #[inline]
    pub fn stepped_over(&self) -> u64 {
        self.stepped_over
    }
    /// Goes to the next key; an exhausted cursor stays so. Fails where a run is damaged or cannot be read.
    #[inline]
    pub fn advance(&mut self) -> Result<()> {
        self.step()?;
        self.skip_tombstones()
    }

    /// Gives `take` the items from here on, each with its size, until it has enough (`false`) or there are no more. Cheaper
    /// than going from one to the next: a run that stands alone before all others is walked through at once.
    pub fn each_item(&mut self, take: &mut impl TakeItem) -> Result<()> {
        if let Sources::One(Source::Run(cursor)) = &mut self.sources {
            return cursor.each_item(None, &mut self.stepped_over, take).map(drop);
        }
        while self.valid() {
            if let Some(enough) = self.each_before_runner_up(take)? {
                if enough {
                    return Ok(());
                }
                self.select();
                self.skip_tombstones()?;
                continue;
            }
            if let Some(item) = self.item() {
                let size = item.size_bytes();
                if !take.take(item, size)? {
                    return Ok(());
                }
            }
            self.advance()?;
        }
        Ok(())
    }

    /// If the winner is a run that is alone on its key, and few others seem to come in between: walks through its items before
    /// the key of the runner-up. Says whether `take` has enough.
    fn each_before_runner_up(&mut self, take: &mut impl TakeItem) -> Result<Option<bool>> {
        let (entrants, stepped_over) = (self.sources.many_mut(), &mut self.stepped_over);
        let enough = match self.runner_up.and_then(|other| entrants.get(other)).map(|other| &other.source) {
            None => 0,
            Some(Source::Memtable(_)) => STREAK_BEFORE_MEMTABLE,
            Some(Source::Run(_)) => STREAK_BEFORE_RUN,
        };
        let Some(winner) = self.winner.filter(|_| !self.is_tied && self.streak >= enough) else { return Ok(None) };
        self.streak = 0;
        let (winner, limit) = match self.runner_up {
            None => (entrants.get_mut(winner), None),
            Some(other) => match entrants.get_disjoint_mut([winner, other]) {
                Ok([winner, other]) => (Some(winner), Some(other.source.place())),
                Err(_) => (None, None),
            },
        };
        let Some(Entrant { source: Source::Run(cursor), .. }) = winner else { return Ok(None) };
        let enough = cursor.each_item(limit, stepped_over, take)?;
        if let Some(winner) = self.winner.and_then(|winner| self.sources.many_mut().get_mut(winner)) {
            winner.note_fence(&self.fences);
        }
        Ok(Some(enough))
    }

    #[inline]
    fn skip_tombstones(&mut self) -> Result<()> {
        while !self.keeps_tombstones && self.is_tombstone() {
            self.stepped_over += 1;
            self.step()?;
        }
        Ok(())
    }

    /// Leaves the current key in all sources that are on it and finds the next winner. A single source always wins.
    #[inline(always)]
    fn step(&mut self) -> Result<()> {
        match &mut self.sources {
            Sources::One(source) => source.advance(),
            _ => self.step_among_many(),
        }
    }

    fn step_among_many(&mut self) -> Result<()> {
        let Some(winner) = self.winner else { return Ok(()) };
        let (entrants, fences) = (self.sources.many_mut(), &self.fences);
        let left = if self.is_tied {
            entrants.iter_mut().filter(|entrant| entrant.is_tied).try_for_each(|entrant| entrant.advance(fences))
        } else {
            entrants.get_mut(winner).map_or(Ok(()), |winner| winner.advance(fences))
        };
        if let Err(error) = left {
            self.sources = Sources::None;
            self.winner = None;
            return Err(error);
        }
        if self.is_tied || !self.still_wins(winner) {
            self.select();
        } else {
            self.streak += 1;
        }
        Ok(())
    }

    fn still_wins(&self, winner: usize) -> bool {
        let Sources::Many(entrants) = &self.sources else { return true };
        let Some(winner) = entrants.get(winner).filter(|winner| winner.source.valid()) else { return false };
        let runner_up = self.runner_up.and_then(|other| entrants.get(other));
        runner_up.is_none_or(|other| winner.compare(other, self.fences.direction()).is_lt())
    }

    /// Finds the winner and the runner-up among all sources, and which of them are on the winner's key.
    fn select(&mut self) {
        (self.winner, self.runner_up, self.is_tied, self.streak) = (None, None, false, 0);
        let direction = self.fences.direction();
        let Sources::Many(entrants) = &mut self.sources else { return };
        for at in 0..entrants.len() {
            let (before, rest) = entrants.split_at_mut(at);
            let Some(entrant) = rest.first_mut() else { continue };
            entrant.is_tied = entrant.source.valid();
            if !entrant.is_tied {
                continue;
            }
            let Some(best) = self.winner.and_then(|winner| before.get(winner)) else {
                self.winner = Some(at);
                continue;
            };
            match entrant.compare(best, direction) {
                Ordering::Less => {
                    self.is_tied = false;
                    self.runner_up = self.winner.replace(at);
                    before.iter_mut().for_each(|entrant| entrant.is_tied = false);
                }
                Ordering::Equal => {
                    self.is_tied = true;
                    if entrant.source.seqno() > best.source.seqno() {
                        self.winner = Some(at);
                    }
                }
                Ordering::Greater => {
                    entrant.is_tied = false;
                    let second = self.runner_up.and_then(|second| before.get(second));
                    if second.is_none_or(|second| entrant.compare(second, direction).is_lt()) {
                        self.runner_up = Some(at);
                    }
                }
            }
        }
    }
}
