//! Reading several sources as one: memtables and runs go in, each key comes out once, with its newest version.
//!
//! Every source is in key order. Of the sources that stand on the lowest key (the highest, downwards) the one with the
//! highest sequence number wins, however old the source is; the others step over the key. A tombstone that wins hides
//! the key, except from a compaction, which must carry it on.
//!
//! A partition has few sources, and mostly one of them, the bottom run, has nearly all entries. So there is no heap:
//! the winner stays the winner while its key is before that of the runner-up, which is one comparison a step, and with
//! a single source there is none.

use super::{key::KeyRef, memtable::MemtableCursor, run::RunCursor};
use crate::{error::Result, item::ItemRef};
use std::cmp::Ordering;

/// A position in one memtable or run.
#[derive(Debug)]
pub(super) enum Source {
    Memtable(MemtableCursor),
    Run(RunCursor),
}

impl Source {
    fn valid(&self) -> bool {
        match self {
            Self::Memtable(cursor) => cursor.valid(),
            Self::Run(cursor) => cursor.valid(),
        }
    }
    fn key(&self) -> KeyRef<'_> {
        match self {
            Self::Memtable(cursor) => cursor.key(),
            Self::Run(cursor) => cursor.key(),
        }
    }
    fn seqno(&self) -> u64 {
        match self {
            Self::Memtable(cursor) => cursor.seqno(),
            Self::Run(cursor) => cursor.seqno(),
        }
    }
    fn is_tombstone(&self) -> bool {
        match self {
            Self::Memtable(cursor) => cursor.is_tombstone(),
            Self::Run(cursor) => cursor.is_tombstone(),
        }
    }
    fn item(&self) -> Option<ItemRef> {
        match self {
            Self::Memtable(cursor) => cursor.item(),
            Self::Run(cursor) => cursor.item(),
        }
    }
    fn advance(&mut self) -> Result<()> {
        match self {
            Self::Memtable(cursor) => cursor.advance(),
            Self::Run(cursor) => return cursor.advance(),
        }
        Ok(())
    }
}

/// The sources of a merge. One needs no list: a query over a single run allocates nothing for merging.
#[derive(Debug, Default)]
#[expect(clippy::large_enum_variant, reason = "the large one is the common one, and boxing it is what it avoids")]
pub(super) enum Sources {
    #[default]
    None,
    One(Source),
    Many(Vec<Source>),
}

impl Sources {
    pub(super) fn push(&mut self, source: Source) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(source),
            Self::One(first) => Self::Many(vec![first, source]),
            Self::Many(mut all) => {
                all.push(source);
                Self::Many(all)
            }
        };
    }
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }
    fn all(&self) -> &[Source] {
        match self {
            Self::None => &[],
            Self::One(source) => std::slice::from_ref(source),
            Self::Many(all) => all,
        }
    }
    fn all_mut(&mut self) -> &mut [Source] {
        match self {
            Self::None => &mut [],
            Self::One(source) => std::slice::from_mut(source),
            Self::Many(all) => all,
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
    fn compare(self, a: KeyRef<'_>, b: KeyRef<'_>) -> Ordering {
        match self {
            Self::Ascending => a.sort.cmp(b.sort),
            Self::Descending => b.sort.cmp(a.sort),
            Self::Scan => a.cmp(&b),
        }
    }
}

/// Positioned on the newest version of a key, or exhausted. It holds what it reads from and no lock; an error exhausts
/// it.
#[derive(Debug)]
pub struct MergeCursor {
    sources: Sources,
    direction: Direction,
    keeps_tombstones: bool,
    winner: Option<usize>,
    /// Another source that stands on the first key of all but the winner's.
    runner_up: Option<usize>,
    /// Whether another source stands on the winner's key.
    is_tied: bool,
}

impl MergeCursor {
    pub(super) fn new(sources: Sources, direction: Direction, keeps_tombstones: bool) -> Result<Self> {
        let (winner, runner_up) = (None, None);
        let mut merge = Self { sources, direction, keeps_tombstones, winner, runner_up, is_tied: false };
        merge.select();
        merge.skip_tombstones()?;
        Ok(merge)
    }

    fn current(&self) -> Option<&Source> {
        self.sources.all().get(self.winner?)
    }
    /// Whether the cursor stands on an entry.
    #[inline]
    pub fn valid(&self) -> bool {
        self.winner.is_some()
    }
    /// The key of the entry; of an exhausted cursor an empty key.
    pub fn key(&self) -> KeyRef<'_> {
        self.current().map_or(KeyRef { token: 0, collection: &[], sort: &[] }, Source::key)
    }
    /// Sequence number of the version that the cursor stands on.
    pub fn seqno(&self) -> u64 {
        self.current().map_or(0, Source::seqno)
    }
    /// Whether that version is a tombstone; only a merge for compaction ever stands on one.
    pub fn is_tombstone(&self) -> bool {
        self.current().is_some_and(Source::is_tombstone)
    }
    /// The item, without a copy; `None` for a tombstone.
    #[inline]
    pub fn item(&self) -> Option<ItemRef> {
        self.current().and_then(Source::item)
    }
    /// Goes to the next key; an exhausted cursor stays so. Fails where a run is damaged or cannot be read.
    pub fn advance(&mut self) -> Result<()> {
        self.step()?;
        self.skip_tombstones()
    }

    fn skip_tombstones(&mut self) -> Result<()> {
        while !self.keeps_tombstones && self.is_tombstone() {
            self.step()?;
        }
        Ok(())
    }

    /// Leaves the current key in all sources that stand on it and finds the next winner.
    fn step(&mut self) -> Result<()> {
        let Some(winner) = self.winner else { return Ok(()) };
        let left = if self.is_tied { self.leave_ties(winner) } else { Ok(()) };
        let left = left.and_then(|()| self.sources.all_mut().get_mut(winner).map_or(Ok(()), Source::advance));
        if let Err(error) = left {
            (self.sources, self.winner) = (Sources::None, None);
            return Err(error);
        }
        if self.is_tied || !self.still_wins(winner) {
            self.select();
        }
        Ok(())
    }

    fn leave_ties(&mut self, winner: usize) -> Result<()> {
        let sources = self.sources.all_mut();
        for other in 0..sources.len() {
            if let Ok([winner, other]) = sources.get_disjoint_mut([winner, other])
                && other.valid()
                && self.direction.compare(other.key(), winner.key()).is_eq()
            {
                other.advance()?;
            }
        }
        Ok(())
    }

    fn still_wins(&self, winner: usize) -> bool {
        let sources = self.sources.all();
        let Some(winner) = sources.get(winner).filter(|source| source.valid()) else { return false };
        let runner_up = self.runner_up.and_then(|other| sources.get(other));
        runner_up.is_none_or(|other| self.direction.compare(winner.key(), other.key()).is_lt())
    }

    /// Finds the winner and the runner-up among all sources.
    fn select(&mut self) {
        (self.winner, self.runner_up, self.is_tied) = (None, None, false);
        let mut first: Option<(usize, &Source)> = None;
        let mut second: Option<(usize, &Source)> = None;
        for (at, source) in self.sources.all().iter().enumerate().filter(|(_, source)| source.valid()) {
            let Some((_, best)) = first else {
                first = Some((at, source));
                continue;
            };
            match self.direction.compare(source.key(), best.key()) {
                Ordering::Less => {
                    self.is_tied = false;
                    second = first.replace((at, source));
                }
                Ordering::Equal => {
                    self.is_tied = true;
                    if source.seqno() > best.seqno() {
                        first = Some((at, source));
                    }
                }
                Ordering::Greater => {
                    if second.is_none_or(|(_, other)| self.direction.compare(source.key(), other.key()).is_lt()) {
                        second = Some((at, source));
                    }
                }
            }
        }
        self.winner = first.map(|(at, _)| at);
        self.runner_up = second.map(|(at, _)| at);
    }
}
