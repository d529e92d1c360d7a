//! What a read looks at: the memtables and runs of a partition as of one moment.
//!
//! A view never changes; a flush, a compaction or a freeze puts a new one in its place. A reader that holds one keeps
//! all of it readable, files included, and so needs no lock and never misses an entry that moves from a memtable to a
//! run meanwhile.

use super::{
    key::{CollectionRange, KeyRef, ReadPoint, TakeItem, Version},
    memtable::Memtable,
    merge::{Direction, MergeCursor, Source, Sources, USUAL_SOURCES},
    overlay,
    run::{Located, Run},
};
use crate::{error::Result, visible::Visible};
use smallvec::SmallVec;
use std::sync::Arc;

/// The sources of a partition, newest first. Newest says where recent entries are likely to be, no more: which version
/// of a key is the newest is told by its sequence number alone.
#[derive(Debug)]
pub struct View {
    active: Arc<Memtable>,
    frozen: Vec<Arc<Memtable>>,
    runs: Vec<Arc<Run>>,
    /// Every change up to this sequence number is in a run.
    flushed_seqno: u64,
    /// For each frozen memtable and run, in this order, the highest sequence number from there on.
    max_seqno_from: Vec<u64>,
}

impl View {
    pub(super) fn new(
        active: Arc<Memtable>,
        frozen: Vec<Arc<Memtable>>,
        runs: Vec<Arc<Run>>,
        flushed_seqno: u64,
    ) -> Self {
        let own = frozen.iter().map(|memtable| memtable.max_seqno());
        let mut max_seqno_from: Vec<u64> = own.chain(runs.iter().map(|run| run.facts().max_seqno)).collect();
        let mut highest = 0;
        for seqno in max_seqno_from.iter_mut().rev() {
            highest = highest.max(*seqno);
            *seqno = highest;
        }
        Self { active, frozen, runs, flushed_seqno, max_seqno_from }
    }

    /// Where writes go.
    pub fn active(&self) -> &Arc<Memtable> {
        &self.active
    }
    /// Memtables that wait for their flush, newest first.
    pub fn frozen(&self) -> &[Arc<Memtable>] {
        &self.frozen
    }
    /// Runs, newest first. The last one is the bottom.
    pub fn runs(&self) -> &[Arc<Run>] {
        &self.runs
    }
    /// Every change of the partition up to this sequence number is in a run.
    pub fn flushed_seqno(&self) -> u64 {
        self.flushed_seqno
    }
    /// All memtables, newest first.
    pub fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        std::iter::once(&self.active).chain(&self.frozen)
    }

    /// The newest version of a key that the read may see; a tombstone is a version too.
    #[inline]
    pub fn get(&self, key: KeyRef<'_>, read: ReadPoint, visible: &Visible) -> Result<Option<Version>> {
        match &self.runs[..] {
            // Nothing to compare: the usual case of a table at rest.
            [run] if self.active.is_empty() && self.frozen.is_empty() => run.get(key),
            _ => self.get_newest(key, read, visible),
        }
    }

    fn get_newest(&self, key: KeyRef<'_>, read: ReadPoint, visible: &Visible) -> Result<Option<Version>> {
        let mut best = self.active.get(key, read, visible);
        let mut rest = self.max_seqno_from.iter();
        // Nothing from a source on can be newer than what was found: the usual end of the look-up.
        let ends = |best: &Option<Version>, from: Option<&u64>| {
            best.as_ref().zip(from).is_some_and(|(version, from)| version.seqno >= *from)
        };
        for memtable in &self.frozen {
            if ends(&best, rest.next()) {
                return Ok(best);
            }
            best = newer(best, memtable.get(key, read, visible));
        }
        for run in &self.runs {
            if ends(&best, rest.next()) {
                return Ok(best);
            }
            best = newer(best, run.get(key)?);
        }
        Ok(best)
    }

    /// Says which keys are going to be looked up, so that memory brings them side by side instead of one after the other.
    /// Tokens ascend. Changes nothing but speed.
    pub fn fetch_ahead<'k>(&self, keys: impl ExactSizeIterator<Item = KeyRef<'k>> + Clone) {
        if keys.len() > 1 {
            self.runs.iter().for_each(|run| run.fetch_ahead(keys.clone()));
        }
    }

    /// The visible items of one collection between two sort keys, in ascending or descending order; `None` if no source
    /// has the collection. Sources without it drop out before merging.
    pub fn query<'v>(&'v self, range: &CollectionRange<'v>, visible: &'v Visible) -> Result<Option<MergeCursor<'v>>> {
        self.merged(self.memtable_sources(range, ReadPoint::Visible, visible), range)
    }

    /// The same with the newest versions, durable or not.
    pub fn query_newest<'v>(
        &'v self,
        range: &CollectionRange<'v>,
        visible: &'v Visible,
    ) -> Result<Option<MergeCursor<'v>>> {
        self.merged(self.memtable_sources(range, ReadPoint::Newest, visible), range)
    }

    /// Gives `take` the visible items, until it has enough; returns the number of tombstones that were stepped over.
    pub fn query_each<'v>(
        &'v self,
        range: &CollectionRange<'v>,
        visible: &'v Visible,
        take: &mut impl TakeItem,
    ) -> Result<u64> {
        if let [run] = &self.runs[..]
            && self.frozen.is_empty()
            && self.active.is_empty()
        {
            return run.query_each(range, take); // nothing to merge: the usual case
        }
        // Memory brings the directories while memtables are looked at.
        std::hint::black_box(self.runs.iter().fold(0, |touched, run| touched ^ run.touch_directory(range.token)));
        if let Some(stepped_over) = overlay::query_each(self, range, visible, take)? {
            return Ok(stepped_over);
        }
        let sources = self.memtable_sources(range, ReadPoint::Visible, visible);
        if let (Sources::None, [run]) = (&sources, &self.runs[..]) {
            return run.query_each(range, take);
        }
        let Some(mut cursor) = self.merged(sources, range)? else { return Ok(0) };
        cursor.each_item(take)?;
        Ok(cursor.stepped_over())
    }

    fn memtable_sources<'v>(
        &'v self,
        range: &CollectionRange<'v>,
        read: ReadPoint,
        visible: &'v Visible,
    ) -> Sources<'v> {
        let mut sources = Sources::default();
        let CollectionRange { token, collection, lower, upper, descending } = *range;
        // Memory brings the directories while memtables are looked at, and the records of all runs side by side.
        std::hint::black_box(self.runs.iter().fold(0, |touched, run| touched ^ run.touch_directory(token)));
        for memtable in self.memtables() {
            if let Some(cursor) = memtable.query(token, collection, (lower, upper), descending, read, visible) {
                if sources.is_empty() && !self.runs.is_empty() {
                    sources = Sources::many();
                }
                sources.push(Source::Memtable(cursor));
            }
        }
        sources
    }

    fn merged<'v>(&'v self, mut sources: Sources<'v>, range: &CollectionRange<'v>) -> Result<Option<MergeCursor<'v>>> {
        let mut located: SmallVec<[Located<'_>; USUAL_SOURCES]> = SmallVec::new();
        for run in &self.runs {
            located.extend(run.locate(range.token)?);
        }
        std::hint::black_box(located.iter().fold(0, |touched, located| touched ^ located.touch()));
        for located in located {
            if let Some(cursor) = located.query(range)? {
                sources.push(Source::Run(cursor));
            }
        }
        if sources.is_empty() {
            return Ok(None);
        }
        let direction = if range.descending { Direction::Descending } else { Direction::Ascending };
        MergeCursor::new(sources, direction, false).map(Some)
    }

    /// All visible items with tokens from `first_token` to `last_token`, both included, in key order, strictly behind
    /// `after`, if given.
    pub fn scan<'v>(
        &'v self,
        first_token: u64,
        last_token: u64,
        after: Option<KeyRef<'_>>,
        visible: &'v Visible,
    ) -> Result<MergeCursor<'v>> {
        let mut sources = Sources::default();
        for memtable in self.memtables().filter(|memtable| !memtable.is_empty()) {
            let cursor = memtable.scan(first_token, last_token, after, ReadPoint::Visible, visible);
            sources.push(Source::Memtable(cursor));
        }
        for run in self.runs.iter().filter(|run| lies_within(run, first_token, last_token)) {
            sources.push(Source::Run(run.scan(first_token, last_token, after)?));
        }
        MergeCursor::new(sources, Direction::Scan, false)
    }
}

/// Whether a run can have entries with tokens from `first_token` to `last_token`.
pub(super) fn lies_within(run: &Run, first_token: u64, last_token: u64) -> bool {
    let facts = run.facts();
    facts.min_token <= last_token && facts.max_token >= first_token
}

fn newer(a: Option<Version>, b: Option<Version>) -> Option<Version> {
    match (&a, &b) {
        (Some(left), Some(right)) if right.seqno > left.seqno => b,
        (Some(_), _) => a,
        (None, _) => b,
    }
}
